"""Archives: every member, or the place of what is damaged, and never more than was asked for."""

from __future__ import annotations

import bz2
import io
import struct
import tarfile
import tracemalloc
import zipfile
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.collect.archives import (
    FORMATS,
    TARS,
    encrypted,
    lying,
    pack,
    pack_damaged,
    pack_tar,
    set_in_headers,
    tar,
    zip_,
)
from tilth.errors import DataError
from tilth.formats import archive, directory
from tilth.reading import inputs, records

MEMBERS = [(f"{n}.x", f"what {n} holds".encode()) for n in range(1, 5)]
MANY = [(f"{n}.x", bytes([n]) * 3000) for n in range(1, 60)]


def read(path: Path, max_bytes: int = 10_000) -> list[tuple[str, bytes | str]]:
    """Names, or places, with the content or why there is none."""
    found: list[tuple[str, bytes | str]] = []
    for entry in archive.read_entries(inputs.SourceFile(path, path.name, "u"), max_bytes):
        try:
            found.append((entry.name or entry.place, entry.read(max_bytes)))
        except records.RecordError as error:
            found.append((entry.name or entry.place, str(error)))
    return found


@pytest.mark.parametrize("ending", FORMATS)
def test_every_format_holds_the_same(ending: str, tmp_path: Path) -> None:
    assert read(pack(tmp_path, ending, MEMBERS)) == MEMBERS


@pytest.mark.parametrize("ending", FORMATS)
def test_what_is_not_read_is_passed_over(ending: str, tmp_path: Path) -> None:
    path = pack(tmp_path, ending, MANY)
    entries = archive.read_entries(inputs.SourceFile(path, path.name, "u"), 10_000)
    third = [entry.read(10_000) for place, entry in enumerate(entries) if place % 3 == 2]
    assert third == [data for _, data in MANY[2::3]]


@pytest.mark.parametrize("ending", FORMATS)
def test_a_damaged_member_is_told_and_the_others_are_read(ending: str, tmp_path: Path) -> None:
    found = read(pack_damaged(tmp_path, ending, MEMBERS, "2.x"))
    assert [found[0], *found[2:]] == [MEMBERS[0], *MEMBERS[2:]]
    place, cause = found[1]
    assert place == ("2.x" if ending == ".zip" else "byte 1024")
    assert "damaged" in str(cause)


def test_content_within_a_damaged_stretch_is_no_end(tmp_path: Path) -> None:
    """Silence is blocks of zeros, as the end of an archive is."""
    members = [("1.x", b"one"), ("2.x", bytes(4096)), ("3.x", b"three")]
    found = read(pack_damaged(tmp_path, ".tar", members, "2.x"))
    assert [name for name, _ in found] == ["1.x", "byte 1024", "3.x"]
    assert "4,608 bytes" in str(found[1][1])


def test_the_last_and_the_first_member_may_be_the_damaged_ones(tmp_path: Path) -> None:
    for damaged, rest in (("4.x", MEMBERS[:3]), ("1.x", MEMBERS[1:])):
        found = read(pack_damaged(tmp_path, ".tar", MEMBERS, damaged))
        assert [one for one in found if isinstance(one[1], bytes)] == rest
        assert len(found) == 4


@pytest.mark.parametrize("behind", [b"\n", b"x" * 511, b"x" * 512, b"x" * 5000, tar(MEMBERS)[1:]])
def test_what_stands_behind_the_end_is_told_of(behind: bytes, tmp_path: Path) -> None:
    found = read(pack_tar(tmp_path, ".tar", tar(MEMBERS) + behind))
    assert found[:4] == MEMBERS
    assert found[4][0] == "byte 10240"
    assert f"for {len(behind):,} bytes" in str(found[4][1]) or behind[:1] != b"x"
    assert all(isinstance(cause, str) for _, cause in found[4:])


@pytest.mark.parametrize("part", [0.05, 0.5, 0.95])
@pytest.mark.parametrize("ending", FORMATS)
def test_a_cut_archive_is_an_error(ending: str, part: float, tmp_path: Path) -> None:
    path = pack(tmp_path, ending, [(name, data + b"%d" % n) for n, (name, data) in enumerate(MANY)])
    # A tar archive ends in up to 10 KB of zeros, of which one block is enough.
    size = path.stat().st_size - (10_240 if ending == ".tar" else 0)
    path.write_bytes(path.read_bytes()[: int(size * part)])
    with pytest.raises(DataError, match="cut off or damaged") as raised:
        read(path)
    assert raised.value.where == "u"


def test_an_archive_that_is_cut_between_two_members_has_no_end(tmp_path: Path) -> None:
    for ending in TARS:
        with pytest.raises(DataError, match="does not end as a tar archive does"):
            read(pack_tar(tmp_path, ending, tar(MEMBERS)[:2048]))


@pytest.mark.parametrize("ending", [".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst"])
def test_a_damaged_stream_is_an_error(ending: str, tmp_path: Path) -> None:
    path = pack(tmp_path, ending, MANY)
    data = bytearray(path.read_bytes())
    # Of gzip, the checksum behind the content: nothing else tells of a flipped bit.
    data[-6 if ending == ".tar.gz" else len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(DataError, match="cut off or damaged"):
        read(path)


@pytest.mark.parametrize("ending", FORMATS)
def test_no_archive_at_all(ending: str, tmp_path: Path) -> None:
    for content in (b"", b"<html>not found</html>" * 100):
        path = tmp_path / f"a{ending}"
        path.write_bytes(content)
        with pytest.raises(DataError, match="cut off or damaged"):
            read(path)


def test_an_archive_that_was_appended_is_read_as_well(tmp_path: Path) -> None:
    assert read(pack_tar(tmp_path, ".tar", tar(MEMBERS[:2]) + tar(MEMBERS[2:]))) == MEMBERS


@pytest.mark.parametrize("ending", [".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst", ".zip"])
def test_a_bomb_stays_packed(ending: str, tmp_path: Path) -> None:
    path = pack(tmp_path, ending, [("1.x", bytes(60_000_000)), ("2.x", b"ok")])
    tracemalloc.start()
    bomb, small = read(path, 1000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert bomb == ("1.x", "60,000,000 bytes, above `max_record_bytes` of 1,000")
    assert small == ("2.x", b"ok")
    assert peak < 10_000_000


def test_a_bomb_that_says_it_is_small_stays_packed(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(lying(zip_([("1.x", bytes(60_000_000)), ("2.x", b"ok")]), "1.x", 500))
    tracemalloc.start()
    bomb, small = read(path, 1000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "damaged" in str(bomb[1])
    assert small == ("2.x", b"ok")
    assert peak < 10_000_000


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_method_without_a_bound_is_refused(method: int, tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(zip_(MEMBERS, method))
    assert {cause for _, cause in read(path)} == {
        "packed by another method than deflate, which could unpack to anything"
    }


def test_a_header_may_not_be_a_bomb_either(tmp_path: Path) -> None:
    """A long name or an attribute is read with the header, whatever it says of its size."""
    header = tarfile.TarInfo("long")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 20_000_000
    bomb = header.tobuf() + bytes(20_000_000 // 512 * 512 + 512)
    path = pack_tar(tmp_path, ".tar.gz", bomb + tar(MEMBERS))
    tracemalloc.start()
    lost, *rest = read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert lost[0] == "byte 0"
    assert rest == MEMBERS
    assert peak < 10_000_000


@pytest.mark.parametrize("size", [-512, -(1 << 40)])
def test_a_header_that_leads_back_is_damaged(size: int, tmp_path: Path) -> None:
    header = tarfile.TarInfo("1.x")
    header.size = size
    found = read(pack_tar(tmp_path, ".tar", header.tobuf(tarfile.GNU_FORMAT) + tar(MEMBERS)))
    assert found[0][0] == "byte 0"
    assert found[1:] == MEMBERS


def test_an_attribute_that_says_less_than_nothing_costs_its_member(tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as packed:
        for name, data in MEMBERS:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            if name == "2.x":
                info.pax_headers = {"size": "-5"}
            packed.addfile(info, io.BytesIO(data))
    found = read(pack_tar(tmp_path, ".tar", out.getvalue()))
    assert [one for one in found if isinstance(one[1], bytes)] == [MEMBERS[0], *MEMBERS[2:]]
    assert found[1][0] == "byte 1024"


def test_headers_without_end_are_damaged(tmp_path: Path) -> None:
    """Each extended header may stand before another one."""
    header = tarfile.TarInfo("x")
    header.type = tarfile.XHDTYPE
    found = read(pack_tar(tmp_path, ".tar", header.tobuf() * 5000 + tar(MEMBERS)))
    assert found[-3:] == MEMBERS[1:]
    assert found[0][0] == "byte 0"


def test_an_attribute_is_not_given_to_the_member_behind_a_damaged_one(tmp_path: Path) -> None:
    long = ("y" * 300 + ".x", b"long")
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as packed:
        for name, data in (long, *MEMBERS):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            packed.addfile(info, io.BytesIO(data))
    whole = bytearray(out.getvalue())
    assert read(pack_tar(tmp_path, ".tar", bytes(whole)))[0] == long
    whole[1024 + 1] ^= 1
    found = read(pack_tar(tmp_path, ".tar", bytes(whole)))
    assert found[0][0] == "byte 0"
    assert found[1:] == MEMBERS


def test_an_encrypted_member_costs_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(encrypted(zip_(MEMBERS), "3.x"))
    found = read(path)
    assert found[:2] + found[3:] == MEMBERS[:2] + MEMBERS[3:]
    assert "encrypted" in str(found[2][1])


def test_an_unknown_method_costs_its_member(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    method = struct.pack("<H", 99)
    path.write_bytes(set_in_headers(zip_(MEMBERS), "1.x", local=8, central=10, value=method))
    assert "another method" in str(read(path)[0][1])
    assert read(path)[1:] == MEMBERS[1:]


def test_links_and_devices_are_told(tmp_path: Path) -> None:
    link, hard, device, folder = (tarfile.TarInfo(f"{n}.x") for n in "abcd")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
    hard.type, hard.linkname = tarfile.LNKTYPE, "1.x"
    device.type = tarfile.CHRTYPE
    folder.type = tarfile.DIRTYPE
    path = pack_tar(tmp_path, ".tar", tar(MEMBERS, [link, hard, device, folder]))
    found = read(path)
    assert found[:4] == MEMBERS
    assert found[4:] == [(f"{n}.x", "a link or a device, not a file") for n in "abc"]
    entry = zipfile.ZipInfo("l.x")
    entry.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.writestr(entry, "/etc/hostname")
        packed.writestr("d.x/", "")
    assert read(tmp_path / "a.zip") == [("l.x", "a link or a device, not a file")]


def test_a_sparse_file_is_told(tmp_path: Path) -> None:
    header = tarfile.TarInfo("1.x")
    header.type = tarfile.GNUTYPE_SPARSE
    data = tar(MEMBERS)
    assert read(pack_tar(tmp_path, ".tar", header.tobuf() + data))[0] == ("1.x", "a sparse file")


def test_separators_of_windows(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(zip_([("a/1.x", b"1")]).replace(b"a/1.x", b"a\\1.x"))
    assert read(path) == [("a/1.x", b"1")]


# Frames of zstd need not have a checksum (RFC 8878, 3.1.1.1.1.5), and pyarrow writes none.
@pytest.mark.parametrize("ending", [one for one in FORMATS if one != ".tar.zst"])
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_damage_is_an_error_or_costs_members(
    ending: str, tmp_path: Path, data: st.DataObject
) -> None:
    path = pack(tmp_path, ending, MEMBERS)
    whole = bytearray(path.read_bytes())
    # The checksum of a tar header is a sum: two changes may hide each other.
    for _ in range(1 if ending == ".tar" else data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(whole)
    try:
        found = read(path)
    except DataError:
        return
    if ending == ".tar":
        # Content has no checksum there, but no member goes without a word.
        lost = any(isinstance(cause, str) for _, cause in found)
        assert lost or [name for name, _ in found] == [name for name, _ in MEMBERS]
    else:
        assert all(one in MEMBERS for one in found if isinstance(one[1], bytes))


def test_bzip2_streams_one_after_another(tmp_path: Path) -> None:
    data = tar(MEMBERS)
    path = tmp_path / "a.tar.bz2"
    path.write_bytes(bz2.compress(data[:1000]) + bz2.compress(data[1000:]))
    assert read(path) == MEMBERS


@pytest.mark.parametrize("ending", FORMATS)
def test_a_member_is_a_stream_as_well(ending: str, tmp_path: Path) -> None:
    path = pack(tmp_path, ending, [("a.x", b"ab" * 300_000), ("b.x", b""), *MANY])
    found = {}
    for entry in archive.read_entries(inputs.SourceFile(path, path.name, "u"), 1000):
        with entry.open() as stream:
            # What is left of it is gone over.
            found[entry.name] = stream.read(2000 if entry.name == "5.x" else -1)
    assert found.pop("a.x") == b"ab" * 300_000
    assert found.pop("b.x") == b""
    assert found == {name: data[:2000] if name == "5.x" else data for name, data in MANY}


def test_a_stream_that_ends_within_its_member_is_an_error(tmp_path: Path) -> None:
    path = pack_tar(tmp_path, ".tar", tar([("1.x", bytes(5000))])[:3000])
    entries = archive.read_entries(inputs.SourceFile(path, path.name, "u"), 1000)
    stream = next(entries).open()
    with pytest.raises(DataError, match="ends within a member"):
        stream.read()


def test_a_damaged_stream_costs_its_member(tmp_path: Path) -> None:
    path = pack_damaged(tmp_path, ".zip", MEMBERS, "2.x")
    found = []
    for entry in archive.read_entries(inputs.SourceFile(path, path.name, "u"), 1000):
        try:
            found.append(entry.open().read())
        except records.RecordError as error:
            found.append(str(error)[:7].encode())
    assert found == [MEMBERS[0][1], b"damaged", *(data for _, data in MEMBERS[2:])]


def test_members_without_end_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_MEMBERS", 3)
    with pytest.raises(DataError, match="more than 3 members"):
        read(pack(tmp_path, ".tar", MEMBERS))
    monkeypatch.setattr(directory, "MAX_MEMBERS", 3)
    with pytest.raises(DataError, match="for more than 3 members"):
        read(pack(tmp_path, ".zip", MEMBERS))


def test_what_a_zip_says_of_itself_is_no_name_for_it(tmp_path: Path) -> None:
    """Content tells what it is: a tar archive of any name, a zip one."""
    for ending in FORMATS:
        path = pack(tmp_path, ending, MEMBERS).rename(tmp_path / "nameless")
        kind: Literal["tar", "zip"] = "zip" if ending == ".zip" else "tar"
        entries = archive.read_entries(inputs.SourceFile(path, path.name, "u"), 1000, kind)
        assert [(entry.name, entry.read(1000)) for entry in entries] == MEMBERS
