"""The web's encodings, against what Chromium made of the same bytes (`benchmarks/encodings.py`)."""

from __future__ import annotations

import json
from collections.abc import Collection
from hashlib import sha256
from pathlib import Path

import pytest
from benchmarks.encodings import CODECS, digest, probes, query_characters
from hypothesis import given
from hypothesis import strategies as st

from tilth.decode import encodings

_TOLD = json.loads((Path(__file__).parent / "chromium.json").read_text("utf-8"))
_NAMES = sorted(_TOLD["decoded"])
_QUICK = ("bytes", "drawn", "pairs", "threes")


@pytest.mark.parametrize("name", _NAMES)
def test_every_sequence_is_decoded_as_chromium_does(name: str) -> None:
    _compare(name, _QUICK)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gb18030", "iso-2022-jp"])
def test_every_four_bytes_and_every_state(name: str) -> None:
    _compare(name, [one for one in _TOLD["decoded"][name] if one not in _QUICK])


def _compare(name: str, sets: Collection[str]) -> None:
    told = {one: said for one, said in _TOLD["decoded"][name].items() if one in sets}
    found = {
        one: digest(encodings.decode(data, name, loosely=True) for data in sequences)
        for one, sequences in probes(name).items()
        if one in sets
    }
    assert found == told
    assert told


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(_TOLD["queries"]))
def test_every_character_in_a_query(name: str) -> None:
    found = digest(f"?{encodings.in_query(char, name)}" for char in query_characters())
    assert found == _TOLD["queries"][name]


def test_every_label_is_known() -> None:
    """All 228 of the standard mean something, and in capitals and among blanks the same."""
    labels = encodings.all_labels()
    assert len(labels) == 228
    assert {encodings.name_of(label) for label in labels} == {*_NAMES, "replacement"}
    for label in labels:
        assert encodings.name_of(f"\t{label.upper()} ") == encodings.name_of(label)
    assert encodings.name_of("Latin1") == encodings.name_of("ascii") == "windows-1252"
    assert encodings.name_of("sjis") == "shift_jis"
    assert encodings.name_of("no-such") == encodings.name_of("\u212aoi8-r") == ""


@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        ("windows-1252", b"\x81\x8d\x93", "\x81\x8d\u201c"),
        ("windows-1255", b"\xca", "\u05ba"),
        ("koi8-u", b"\xae", "\u045e"),
        ("gbk", b"\x80", "\u20ac"),
        ("gb18030", b"\xa8\xbc", "\u1e3f"),
        ("big5", b"\xa1\x45\x88\x62", "\u2027\u00ca\u0304"),
        ("euc-jp", b"\xad\xa1\xa1\xc1\xa1\xa1", "\u2460\uff5e\u3000"),
        ("iso-2022-jp", b"\x1b$B-!\x1b(B.", "\u2460."),
        ("shift_jis", b"\x87\x40\xb1\x81\x60", "\u2460\uff71\uff5e"),
    ],
)
def test_where_codecs_of_python_differ(name: str, data: bytes, text: str) -> None:
    assert encodings.decode(data, name) == text


@pytest.mark.parametrize(
    ("name", "data", "start"),
    [
        ("utf-8", b"ab\xff", 2),
        ("windows-1253", b"ab\xaa", 2),
        ("shift_jis", b"ab\x81\x40\xa0", 4),
        ("gb18030", b"ab\x81", 2),
        ("euc-jp", b"\xa4\xa2\x8f\xa1", 2),
        ("big5", b"\xa4\x40\x80", 2),
        ("iso-2022-jp", b"a\x1b(X", 1),
        ("iso-2022-jp", b"\x1b$B$", 3),
    ],
)
def test_a_bad_byte_is_an_error_with_its_place(name: str, data: bytes, start: int) -> None:
    with pytest.raises(UnicodeDecodeError) as raised:
        encodings.decode(data, name)
    assert raised.value.start == start


@pytest.mark.parametrize("name", ["", "replacement", "utf-7", "no-such"])
def test_what_is_never_decoded(name: str) -> None:
    with pytest.raises(LookupError):
        encodings.decode(b"x", name)


@given(st.sampled_from(_NAMES), st.binary(max_size=60))
def test_strict_is_what_loose_is_without_a_replacement(name: str, data: bytes) -> None:
    loose = encodings.decode(data, name, loosely=True)
    try:
        text = encodings.decode(data, name)
    except UnicodeDecodeError as error:
        before = encodings.decode(data[: error.start], name, loosely=True)
        text = loose
        is_bad = "\ufffd" in loose and loose.startswith(before)
    else:
        is_bad = True
    assert text == loose
    assert is_bad


def test_tables_are_those_that_the_code_counts_by() -> None:
    """They decide what a step makes, and a step counts by its code."""
    path = Path(encodings.__file__).with_name("encodings.json")
    assert sha256(path.read_bytes()).hexdigest() == encodings.TABLES


@given(st.sampled_from(sorted(CODECS)), st.text(st.characters(exclude_categories=["Cs"])))
def test_a_query_is_ascii_and_what_is_ascii_stays(name: str, text: str) -> None:
    found = encodings.in_query(text, name)
    assert found.isascii()
    plain = "".join(char for char in text if char < "\x80")
    assert encodings.in_query(plain, name) == plain


def test_a_query_lacks_what_the_encoding_lacks() -> None:
    assert encodings.in_query("ü", "windows-1252") == "%FC"
    assert encodings.in_query("ü", "utf-16le") == encodings.in_query("ü", "utf-8") == "%C3%BC"
    assert encodings.in_query("€я", "windows-1252") == "%80%26%231103%3B"
    assert encodings.in_query("−", "shift_jis") == "%81|"


def test_a_line_stands_alone_where_no_half_of_a_character_is_ascii() -> None:
    for name in _NAMES:
        if name in ("utf-16be", "utf-16le", "iso-2022-jp"):
            assert not encodings.is_by_byte(name)
        elif encodings.is_by_byte(name):
            pairs = (bytes((lead, trail)) for lead in range(128, 256) for trail in range(128))
            for pair in pairs:
                text = encodings.decode(pair, name, loosely=True)
                assert text[-1] == chr(pair[1])
