"""Texts that are read in pieces: in UTF-8, whatever they are in."""

from __future__ import annotations

import codecs
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.decode.stream import Undecided

GERMAN = "Übermäßig große Bäume stehen für gewöhnlich über den Dächern, sagen die Leute dort.\n"
RUSSIAN = "Привет, мир! Это обычный русский текст, чтобы было что угадывать.\n"
JAPANESE = "今日は①良い天気ですね。黄色い線まで下がってください～\n"


def read(
    data: bytes, encoding: str = "auto", size: int = 1000, *, as_it_is: bool = False
) -> tuple[bytes, Undecided, str]:
    told: list[str] = []
    stream = Undecided(io.BytesIO(data), encoding, told.append, as_it_is=as_it_is)
    return b"".join(iter(lambda: stream.read(size), b"")), stream, "; ".join(told)


@pytest.mark.parametrize(
    ("text", "encoding", "told"),
    [
        (GERMAN * 9, "utf-8", ""),
        (GERMAN * 9, "cp1252", "windows-1252"),
        (RUSSIAN * 9, "koi8-r", "koi8-r"),
        (JAPANESE * 9, "cp932", "shift_jis"),
        ("今日は良い天気ですね。\n" * 9, "iso2022_jp", "iso-2022-jp"),
        ("plain\n" * 99_000 + RUSSIAN * 9, "cp1251", "windows-1251"),
        (RUSSIAN * 9000, "cp1251", "windows-1251"),
        (GERMAN * 3000, "utf-16-le", "utf-16le"),
        (GERMAN * 3, "utf-16-be", "utf-16be"),
        ("plain\n" * 9, "ascii", ""),
        ("", "ascii", ""),
    ],
)
@pytest.mark.parametrize("size", [7000, 1 << 20])
def test_it_is_given_in_utf8_and_said_where_guessed(
    text: str, encoding: str, told: str, size: int
) -> None:
    found, stream, note = read(text.encode(encoding), size=size)
    assert found.decode() == text
    assert stream.encoding == "utf-8"
    assert note == (told and f"text that states no encoding, read as {told}: a guess")


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ],
)
@pytest.mark.parametrize("named", ["auto", "utf-8", "cp1252"])
def test_a_mark_counts_before_what_is_named(mark: bytes, encoding: str, named: str) -> None:
    for as_it_is in (True, False):
        found, stream, note = read(mark + RUSSIAN.encode(encoding), named, as_it_is=as_it_is)
        assert (found.decode(), stream.encoding, note) == (RUSSIAN, "utf-8", "")


def test_what_is_named_is_given_as_it_is() -> None:
    found, stream, note = read(RUSSIAN.encode("koi8-r"), "koi8-r", as_it_is=True)
    assert (found.decode("koi8-r"), stream.encoding, note) == (RUSSIAN, "koi8-r", "")


@pytest.mark.parametrize("encoding", ["koi8-r", "windows-1251", "utf-16le", "utf-32-be", "cp866"])
@pytest.mark.parametrize("size", [7, 7000])
def test_what_is_named_is_given_in_utf8(encoding: str, size: int) -> None:
    python = {"utf-16le": "utf-16-le"}.get(encoding, encoding)
    found, stream, note = read((RUSSIAN * 3).encode(python), encoding, size=size)
    assert (found.decode(), stream.encoding, note) == (RUSSIAN * 3, "utf-8", "")


def test_a_guess_is_told_once_it_is_made() -> None:
    told: list[str] = []
    stream = Undecided(io.BytesIO((GERMAN * 9000).encode("cp1252")), "auto", told.append)
    stream.read(10)
    assert told == ["text that states no encoding, read as windows-1252: a guess"]
    stream.read()
    assert len(told) == 1


def test_a_broken_record_stays_one_and_its_like_are_read() -> None:
    good = JAPANESE.encode("cp932")
    found, _, _ = read(good * 5000 + b"ab\x81\r\n" + good)
    lines = found.split(b"\n")
    assert lines[5000] == b"\xff\r"
    assert (lines[4999] + b"\n").decode() == (lines[5001] + b"\n").decode() == JAPANESE
    found, _, note = read((GERMAN * 5).encode() + b"\xff\n" + GERMAN.encode())
    assert (found.count(b"\xff"), note) == (1, "")
    for half in ("\ud83d\n", "\ude00\n"):
        found, _, _ = read(codecs.BOM_UTF16_LE + half.encode("utf-16-le", "surrogatepass") + b"a\0")
        with pytest.raises(UnicodeDecodeError):
            found.split(b"\n")[0].decode()
        assert found.split(b"\n")[1] == b"a"
    assert read(codecs.BOM_UTF16_LE + b"a\0b")[0] == b"a\xff"


@given(st.binary(max_size=300), st.integers(1, 50))
def test_any_bytes_end(data: bytes, size: int) -> None:
    read(data, size=size)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])), st.integers(1, 50))
def test_utf8_is_as_it_is(text: str, size: int) -> None:
    text = text.lstrip("\ufeff")
    assert read(text.encode(), size=size)[0].decode() == text
