"""WARC files, sound and damaged: against `warcio` and `fastwarc`, and by hand where they fail."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import zlib
from pathlib import Path

import pytest
from fastwarc.warc import ArchiveIterator
from hypothesis import given, settings
from hypothesis import strategies as st
from warcio.archiveiterator import ArchiveIterator as Warcio

from tests.formats.web_archives import answer, page, plain_record, record
from tests.growth.measure import least_s
from tilth.formats import window as windows
from tilth.formats.arc import read_arc
from tilth.formats.http_answer import fields_of
from tilth.formats.warc import ArchiveRecord, Damaged, agrees, read_warc

MOST = 1 << 20
Told = tuple[str, str]


def read(data: bytes, *, check_digests: bool = False) -> list[Told]:
    """Place and kind of each record, or what is wrong with it."""
    found = read_warc(io.BytesIO(data), len(data), MOST, check_digests=check_digests)
    return [(str(one.place), one.cause if isinstance(one, Damaged) else one.kind) for one in found]


def sound(packed: bool, number: int = 5) -> list[bytes]:
    kinds = ["request", "response"] * number
    return [
        record(f"http://e.org/{n}", page(str(n)), kinds[n], packed=packed) for n in range(number)
    ]


def starts(parts: list[bytes]) -> list[str]:
    return [str(sum(map(len, parts[:n]))) for n in range(len(parts))]


@pytest.mark.parametrize("packed", [True, False])
def test_a_sound_file_is_read_as_others_read_it(packed: bool) -> None:
    parts = sound(packed)
    data = b"".join(parts)
    mine = list(read_warc(io.BytesIO(data), len(data), MOST))
    theirs = [
        (one.headers["WARC-Type"], one.record_id, one.reader.read())
        for one in ArchiveIterator(io.BytesIO(data), parse_http=False)
    ]
    assert len(mine) == len(theirs) == 5
    for one, (kind, name, block) in zip(mine, theirs, strict=True):
        assert isinstance(one, ArchiveRecord)
        assert (one.kind, one.fields["warc-record-id"], bytes(one.block)) == (kind, name, block)
    # Their places are those of an independent reader.
    other = Warcio(io.BytesIO(data))
    assert [str(one.place) for one in mine] == [str(other.get_record_offset()) for _ in other]


@pytest.mark.parametrize("inflating", ["isal", "zlib"])
def test_one_member_for_all_records(inflating: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if inflating == "zlib":
        monkeypatch.setattr(windows, "inflating", zlib)
    parts = sound(packed=False)
    found = read(gzip.compress(b"".join(parts), mtime=0))
    assert [kind for _, kind in found] == ["request", "response", "request", "response", "request"]
    assert [place for place, _ in found] == [
        "0" if place == "0" else f"0+{place}" for place in starts(parts)
    ]


def test_a_member_longer_than_is_held_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "_MAX_WHOLE", 5000)
    monkeypatch.setattr(windows, "_PIECE", 700)
    parts = sound(packed=False, number=40)
    data = gzip.compress(b"".join(parts), mtime=0)
    found = read(data)
    assert [kind for _, kind in found] == ["request", "response"] * 20
    assert [place for place, _ in found][1:] == [f"0+{place}" for place in starts(parts)[1:]]


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("which", range(5))
def test_a_cut_costs_the_record_that_it_is_in(packed: bool, which: int) -> None:
    parts = sound(packed)
    at = starts(parts)
    for left in (1, 2, 9, len(parts[which]) // 2, len(parts[which]) - 5):
        found = read(b"".join(parts[:which]) + parts[which][:left])
        assert [place for place, _ in found[:which]] == at[:which]
        assert {kind for _, kind in found[:which]} <= {"request", "response"}
        assert len(found) == which + 1
        assert found[which][0] == at[which]
        assert found[which][1] not in ("request", "response"), left


@pytest.mark.parametrize("which", range(5))
def test_a_byte_wrong_costs_the_member_that_it_is_in(which: int) -> None:
    parts = sound(packed=True)
    for at in (0, 1, 12, len(parts[which]) // 2, len(parts[which]) - 6, len(parts[which]) - 1):
        bad = bytearray(parts[which])
        bad[at] ^= 0x55
        found = read(b"".join([*parts[:which], bytes(bad), *parts[which + 1 :]]))
        kinds = [kind for place, kind in found if place != starts(parts)[which]]
        assert kinds == [["request", "response"][n % 2] for n in range(5) if n != which]
        (cause,) = [kind for place, kind in found if place == starts(parts)[which]]
        assert "gzip member" in cause


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize(
    "length", ["5", "300", "100000", "999999999999", "-1", "abc", "", "9" * 30]
)
def test_a_length_that_is_a_lie_costs_its_record(packed: bool, length: str) -> None:
    lie = plain_record(answer(page()), content_length=length)
    parts = [*sound(packed=False, number=2), lie, *sound(packed=False, number=3)]
    if packed:
        parts = [gzip.compress(one, mtime=0) for one in parts]
    found = read(b"".join(parts))
    assert [place for place, _ in found] == starts(parts)
    assert [kind for _, kind in found[:2] + found[3:]] == [
        *["request", "response"],
        *["request", "response", "request"],
    ]
    assert found[2][1] not in ("request", "response")
    # All in one member: it is gone back in it.
    if not packed:
        again = read(gzip.compress(b"".join(parts), mtime=0))
        assert [kind for _, kind in again[:2] + again[3:]] == [
            kind for _, kind in found[:2] + found[3:]
        ]


def test_a_digest_tells_what_no_checksum_does() -> None:
    bad = record("http://e.org/", page(), packed=False).replace(b"heron stands", b"heron sleeps", 1)
    assert read(bad) == [("0", "its block is not the one that its digest is of")]
    # Packed after it was altered, its checksum is right.
    packed = gzip.compress(bad)
    assert read(packed) == [("0", "response")]
    assert "digest" in read(packed, check_digests=True)[0][1]


def test_the_digest_of_the_page_has_the_last_word() -> None:
    good = record("http://e.org/", page(), packed=False)
    assert b"WARC-Payload-Digest" in good
    # A field of the answer was renamed when it was written.
    assert read(good.replace(b"Content-Type: text", b"Content-type: text"))[0][1] == "response"


def test_digests_in_all_their_spellings() -> None:
    data = b"a page"
    for name in ("sha1", "sha256", "md5"):
        digest = hashlib.new(name, data).digest()
        for spelt in (
            digest.hex(),
            base64.b32encode(digest).decode(),
            base64.b64encode(digest).decode(),
        ):
            assert agrees(f"{name}:{spelt}", data)
            assert not agrees(f"{name}:{spelt}", b"another")
            assert agrees(f"{name.upper()}:{spelt.rstrip('=')}", data)
    assert agrees("xxh3:0123", data)
    assert agrees("nothing", data)


def test_zeros_at_the_end_are_none_of_its_records() -> None:
    parts = sound(packed=True)
    assert len(read(b"".join(parts) + bytes(5000))) == 5
    found = read(b"".join(parts) + b"junk" * 100)
    assert found[5] == (str(sum(map(len, parts))), "what stands here is no gzip member")
    between = read(parts[0] + b"junk" * 100 + parts[1])
    assert [kind for _, kind in between] == [
        "request",
        "what stands here is no gzip member",
        "response",
    ]


def test_a_longer_block_gives_its_beginning() -> None:
    data = record("http://e.org/", bytes(3 << 20)) + record("http://e.org/2", page())
    first, second = read_warc(io.BytesIO(data), len(data), MOST)
    assert isinstance(first, ArchiveRecord)
    assert isinstance(second, ArchiveRecord)
    assert first.length > 3 << 20
    assert len(first.block) == 1 << 16
    assert not first.is_whole
    assert second.is_whole


def test_a_hostile_file_takes_no_long_time() -> None:
    lies = b"".join(plain_record(b"", content_length=str(900_000)) for _ in range(3000))
    magic = b"\x1f\x8b\x08" * 300_000
    heads = b"WARC/1.0\r\nA: b\r\n" * 10_000
    bomb = gzip.compress(b"WARC/1.0\r\nContent-Length: 99999999999\r\n\r\n" + bytes(50 << 20))
    for data in (
        lies,
        gzip.compress(lies),
        magic,
        heads,
        gzip.compress(heads),
        bomb,
        b"\n" * 10**6,
    ):

        def read(data: bytes = data) -> None:
            for one in read_warc(io.BytesIO(data), len(data), MOST):
                assert isinstance(one, Damaged)

        assert least_s(read, 5) < 5


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_is_done_to_a_file_the_rest_of_it_is_read(data: st.DataObject) -> None:
    packed = data.draw(st.booleans())
    parts = sound(packed)
    which = data.draw(st.integers(0, 4))
    bad = bytearray(parts[which])
    start = data.draw(st.integers(0, len(bad) - 1))
    kind = data.draw(st.sampled_from(["overwrite", "delete", "insert"]))
    noise = data.draw(st.binary(min_size=1, max_size=40))
    bad[start : start + {"overwrite": len(noise), "delete": 20, "insert": 0}[kind]] = (
        b"" if kind == "delete" else noise
    )
    file = b"".join([*parts[:which], bytes(bad), *parts[which + 1 :]])
    found = list(read_warc(io.BytesIO(file), len(file), MOST))
    whole = {bytes(one.block) for one in found if isinstance(one, ArchiveRecord)}
    for number, part in enumerate(parts):
        if number != which:
            block = (gzip.decompress(part) if packed else part).partition(b"\r\n\r\n")[2][:-4]
            assert block in whole


# By hand, from the bytes: place, and kind or what is wrong. `fastwarc` gives up on the cut file and
# reads no ARC; `warcio` refuses one member for all records, and a head in a member of its own.
RIGHT: dict[str, list[Told]] = {
    "bad.arc": [
        ("0", "its length is '-1'"),
        ("134", "its length is '-1'"),
        ("202", "response"),
        ("262", "its length is 'abc'"),
    ],
    "example-bad-non-chunked.warc.gz": [
        ("0", "warcinfo"),
        ("0+488", "warcinfo"),
        ("0+1197", "response"),
        ("0+2566", "request"),
        ("0+3370", "revisit"),
        ("0+4316", "request"),
    ],
    "example-bad.warc.gz.bad": [
        ("0", "warcinfo"),
        ("0+460", "response"),
        ("0+2451", "request"),
        ("0+3161", "revisit"),
        ("0+4061", "request"),
        ("0+4771", "response"),
    ],
    # It states 973 bytes and has 975.
    "example-trunc.warc": [
        ("0", "warcinfo"),
        ("488", "warcinfo"),
        ("1197", "no record begins where its length says that the next one does"),
        ("2566", "request"),
    ],
    # Its lines lost their carriage returns: 1,579 bytes of the 1,591 that it states.
    "example-space-in-url.arc": [("0", "warcinfo"), ("151", "the file ends within it")],
    # Heads and blocks are in members of their own.
    "example-wrong-chunks.warc.gz": [("0", "response"), ("1130+4", "request")],
    "example-wget-bad-target-uri.warc.gz": [
        ("0", "warcinfo"),
        ("410", "request"),
        ("824", "response"),
        ("1978", "metadata"),
        ("2295", "resource"),
        ("2681", "resource"),
    ],
    "example-digest.warc": [(place, "request") for place in ("0", "922", "1840", "2758")],
    "example-iana.org-chunked.warc": [("0", "warcinfo"), ("405", "response"), ("8379", "request")],
    "example.arc": [("0", "warcinfo"), ("151", "response")],
    "example.arc.gz": [("0", "warcinfo"), ("171", "response")],
}


@pytest.mark.parametrize("name", RIGHT)
def test_the_damaged_files_of_warcio(name: str, shared_data: Path) -> None:
    data = (shared_data / "warc" / "warcio" / name).read_bytes()
    reading = read_arc if ".arc" in name else read_warc
    found = reading(io.BytesIO(data), len(data), MOST, lambda kind, _: kind != "revisit")
    told = [(str(one.place), one.cause if isinstance(one, Damaged) else one.kind) for one in found]
    assert told == RIGHT[name]


@pytest.mark.parametrize(
    ("head", "fields"),
    [
        ("A: 1\r\nB: 2", {"a": "1", "b": "2"}),
        ("A: 1\nB:2", {"a": "1", "b": "2"}),
        ("A: 1\r\nB: 2\nC: 3", {"a": "1", "b": "2", "c": "3"}),
        ("A : 1\r\nB: 2", {"a": "1", "b": "2"}),
        ("A: 1\r\n more: 2\r\nB: 3", {"a": "1 more: 2", "b": "3"}),
        ("A: 1\r\na: 2\r\nno field\r\nB: x: y", {"a": "1", "b": "x: y"}),
        ("", {}),
    ],
)
def test_fields_however_they_are_written(head: str, fields: dict[str, str]) -> None:
    assert fields_of(head) == fields
