"""From bytes to characters, where nobody says how they are meant."""

from __future__ import annotations

import codecs
import io
import re
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.decode import text
from tilth.decode.look import guess, read_text
from tilth.decode.marked import pieces_in_utf8
from tilth.decode.page import read_page
from tilth.decode.stream import Undecided
from tilth.decode.text import (
    LOOK_BYTES,
    UndecodableError,
    decode_loosely,
    decode_text,
    in_utf8,
    known_encoding,
    named,
)

GERMAN = "Übermäßig große Bäume stehen für gewöhnlich über den Dächern, sagen die Leute dort. "
RUSSIAN = "Привет, мир! Это обычный русский текст, чтобы было что угадывать. "


@pytest.mark.slow
def test_real_files_in_the_encodings_of_their_folders(shared_data: Path) -> None:
    """At least .98 of the 424 of `chardet`'s tests that Tilth has a decoder for, and at most two
    wrong without a word, as texts and as pages."""
    right, wrong, refused = [0, 0], [], []
    with tarfile.open(shared_data / "charset/chardet-tests.tar.xz") as archive:
        for member in archive.getmembers():
            folder = Path(member.name).parent.name.lower()
            # The folder's name may go on with a language. Of EUC-TW nobody has a decoder.
            true = re.sub(r"^((?:iso-8859|windows)-\d+)-.*", r"\1", folder)
            if not (file := archive.extractfile(member)) or true in ("euc-tw", "tests"):
                continue
            data = file.read()
            true = {"utf-16": "", "utf-32": "", "utf-8-sig": ""}.get(true, true)
            for place in (0, 1):
                try:
                    found = read_page(data, None, 0.001) if place else read_text(data)
                except UndecodableError:
                    refused.append(member.name)
                    continue
                marked = next((name for mark, name in text.MARKS if data.startswith(mark)), "")
                wanted = decode_loosely(data, true or marked).removeprefix("\ufeff")
                if found.text == wanted:
                    right[place] += 1
                else:
                    wrong.append(member.name)
    number = right[0] + (len(wrong) + len(refused)) // 2
    assert number == 424
    assert min(right) >= 0.98 * number, (right, refused)
    assert len(wrong) <= 2 * 2, wrong


@pytest.mark.parametrize(
    ("data", "encoding", "how"),
    [
        (b"", "utf-8", "utf-8"),
        (b"plain", "utf-8", "utf-8"),
        (GERMAN.encode(), "utf-8", "utf-8"),
        (codecs.BOM_UTF8 + GERMAN.encode(), "utf-8", "mark"),
        (codecs.BOM_UTF16_LE + GERMAN.encode("utf-16-le"), "utf-16le", "mark"),
        (codecs.BOM_UTF16_BE + GERMAN.encode("utf-16-be"), "utf-16be", "mark"),
        (codecs.BOM_UTF32_LE + GERMAN.encode("utf-32-le"), "utf-32-le", "mark"),
        (GERMAN.encode("utf-16-le"), "utf-16le", "guess"),
        (GERMAN.encode("utf-16-be"), "utf-16be", "guess"),
        (GERMAN.encode("cp1252"), "windows-1252", "guess"),
        ((RUSSIAN * 3).encode("koi8-r"), "koi8-r", "guess"),
        ((RUSSIAN * 3).encode("cp1251"), "windows-1251", "guess"),
        (("今日は良い天気ですね。" * 9).encode("iso2022_jp"), "iso-2022-jp", "guess"),
        (b"\x1b[31mrot\x1b[0m", "utf-8", "utf-8"),
        # A zero in a text makes no UTF-16 of it, whose pairs would be letters of Chinese.
        (b"one\0two\nthree\n", "utf-8", "utf-8"),
        (b"one\0two\nthree\n\nfour\r\nfive\x0csix\n", "utf-8", "utf-8"),
        ("Größe\0und Maß".encode(), "utf-8", "utf-8"),
        ("Größe: 5\n".encode("utf-16-be"), "utf-16be", "guess"),
        (RUSSIAN.encode("utf-16-le"), "utf-16le", "guess"),
        ("Το μήκος είναι\n".encode("utf-16-le"), "utf-16le", "guess"),
        ("한국어 문장".encode("utf-16-be"), "utf-16be", "guess"),
    ],
)
def test_read(data: bytes, encoding: str, how: str) -> None:
    found = read_text(data)
    assert (found.encoding, found.how) == (encoding, how)
    assert bool(found.note) == (how == "guess")
    assert not found.text.startswith("\ufeff")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le"])
def test_a_mark_that_stands_there_twice_is_no_letter(encoding: str) -> None:
    data = ("\ufeff\ufeff" + RUSSIAN).encode(encoding)
    assert read_text(data).text == RUSSIAN
    if encoding != "utf-32-le":
        assert in_utf8(data).decode() == RUSSIAN
        assert b"".join(pieces_in_utf8([data])).decode() == RUSSIAN
        assert Undecided(io.BytesIO(data), "auto").read().decode() == RUSSIAN


def test_what_a_recipe_says_counts_unless_a_mark_does() -> None:
    data = RUSSIAN.encode("koi8-r")
    assert read_text(data, "koi8-r").text == RUSSIAN
    assert read_text(codecs.BOM_UTF8 + RUSSIAN.encode(), "koi8-r").text == RUSSIAN
    with pytest.raises(UndecodableError, match=r"invalid UTF-8 at byte 0 \(0xf0\)"):
        read_text(data, "utf-8")


def test_a_guess_looks_again_where_the_begin_misled() -> None:
    data = (b"plain words of a list\n" * 12_000) + (RUSSIAN * 40).encode("koi8-r")
    assert len(data) > LOOK_BYTES * 1.3
    found = read_text(data)
    assert (found.encoding, found.how) == ("koi8-r", "guess")
    assert found.text.endswith(RUSSIAN)


@pytest.mark.parametrize("name", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_a_guess_takes_the_zeros_of_pairs_for_no_zeros_of_a_text(name: str) -> None:
    """Of a page nothing else is asked, and ASCII in UTF-16 is UTF-8 with a zero in each pair."""
    page = "An ordinary page in plain English, and nothing else in it.\r\n" * 3
    assert guess(page.encode(name)).replace("-", "") == name.replace("-", "")


@pytest.mark.parametrize(
    "data",
    [
        bytes(range(256)) * 8,
        b"\x7fELF\x02\x01\x01" + b"\0" * 99,
        b"abc\0" * 5,
        b"name\0value\0" * 99,
    ],
)
def test_binary_is_no_text(data: bytes) -> None:
    with pytest.raises(UndecodableError):
        read_text(data)


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        found = read_text(data)
    except UndecodableError:
        return
    assert named(found.encoding) == found.encoding


def test_names() -> None:
    assert named("latin-1") == named("cp1252") == named("ISO_8859-1") == "windows-1252"
    assert named("euc_kr") == named("CP949") == "euc-kr"
    assert named("Shift_JIS") == named("cp932") == "shift_jis"
    assert named("IBM855") == "cp855"
    assert named("cp437", on_web=True) == named("johab", on_web=True) == ""
    for harmful in ("utf-7", "hz", "hz-gb-2312", "rot13", "unicode_escape", "punycode", "base64"):
        assert named(harmful) == ""
        with pytest.raises(UndecodableError, match="no encoding"):
            decode_text(b"x", harmful)
    assert known_encoding("auto") == "auto"
    with pytest.raises(ValueError, match="no encoding `utf-7`"):
        known_encoding("utf-7")


def test_every_name_on_a_disk_has_a_decoder() -> None:
    for name in text._ON_DISK:
        assert codecs.lookup(name)
        assert decode_text("a".encode(name), name).lstrip("\ufeff") == "a"


def test_a_damaged_text_is_not_taken_for_ebcdic() -> None:
    data = "今日は良い天気ですね。\n".encode("cp932")
    with pytest.raises(UndecodableError, match=r"looks like cp\d+, .* unless it is named"):
        read_text(data * 50 + b"ab\x81\r\n" + data)
    assert read_text("Grün".encode("cp273"), "cp273").text == "Grün"


def test_a_guess_of_what_is_not_read() -> None:
    assert guess(GERMAN.encode()) == "utf-8"
    with pytest.raises(UndecodableError):
        guess(b"\0\1\2\3" * 100)
