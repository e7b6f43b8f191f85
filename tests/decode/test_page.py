"""From bytes to characters: marks, headers, declarations, guesses, and what cannot be read."""

from __future__ import annotations

import codecs

import pytest

from tilth.decode.page import decode_html, read_page
from tilth.decode.text import UndecodableError

CYRILLIC = "Привет, мир! Это обычный русский текст, чтобы было что угадывать. " * 5


def meta(charset: str) -> bytes:
    return f'<html><head><meta charset="{charset}"></head><body>'.encode()


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (codecs.BOM_UTF8 + CYRILLIC.encode(), "text/html; charset=koi8-r"),
        (codecs.BOM_UTF16_LE + CYRILLIC.encode("utf-16-le"), None),
        (CYRILLIC.encode("koi8-r"), "text/html; charset=KOI8-R"),
        (CYRILLIC.encode("cp1251"), "text/html; charset='windows-1251'"),
        (meta("windows-1251") + CYRILLIC.encode("cp1251"), None),
        (meta("utf-16") + CYRILLIC.encode(), None),
        (meta("bogus") + CYRILLIC.encode(), "text/html; charset=nonsense"),
        (CYRILLIC.encode(), "text/html"),
        (CYRILLIC.encode("cp1251"), None),
        (meta("iso-8859-1") + CYRILLIC.encode("koi8-r"), "text/html; charset=koi8-r"),
    ],
)
def test_decoded(data: bytes, content_type: str | None) -> None:
    assert decode_html(data, content_type, 0.0).endswith(CYRILLIC)


def test_latin_1_means_windows_1252() -> None:
    assert decode_html(meta("iso-8859-1") + b"\x93caf\xe9\x94", None, 0).endswith("“café”")


def test_a_broken_byte_in_a_long_page_is_replaced() -> None:
    page = (CYRILLIC * 10).encode() + b"\xff"
    assert decode_html(page, None, 0.001).endswith("\ufffd")
    with pytest.raises(UndecodableError, match=r"1 of \d+ characters cannot be decoded as utf-8"):
        decode_html(page, "text/html; charset=utf-8", 0.0)


@pytest.mark.parametrize(
    "data", [b"\x89PNG\r\n\x1a\n\x00\x00", b"%PDF-1.7\x00", meta("utf-8") + b"\xff\xfe\xfd" * 9]
)
def test_not_text(data: bytes) -> None:
    with pytest.raises(UndecodableError):
        decode_html(data, None, 0.001)


def test_empty() -> None:
    assert decode_html(b"", None, 0.0) == ""


@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [
        ("text/html;charset=koi8-r", "koi8-r"),
        ('text/html; x=y; CHARSET = "koi8-r" ; a=b', "koi8-r"),
        ("text/html; charset='koi8-r'", "koi8-r"),
        ("charset=koi8-r", "koi8-r"),
        ("text/html; xcharset=koi8-r", "windows-1251"),
        ("text/html; charset=utf-7", "windows-1251"),
        ("text/html; charset=hz-gb-2312", "windows-1251"),
        ("text/html; charset=cp437", "windows-1251"),
    ],
)
def test_a_header_before_the_page_and_only_what_browsers_read(
    content_type: str, encoding: str
) -> None:
    page = read_page(meta("windows-1251") + b"\xc0\xc1", content_type, 0)
    assert (page.encoding, page.how) == (encoding, "told")


def test_a_mark_before_a_header() -> None:
    page = read_page(codecs.BOM_UTF16_BE + "я".encode("utf-16-be"), "text/html; charset=koi8-r", 0)
    assert (page.text, page.encoding, page.how) == ("я", "utf-16be", "mark")


def test_a_vendor_character_costs_no_page() -> None:
    """NEC's circled digits, which Python's Shift_JIS refuses, and a wave dash as the web has it."""
    text = "①番線に電車がまいります。危ないですから、黄色い線まで下がってください～"
    data = text.encode("cp932")
    assert decode_html(meta("shift_jis") + data, None, 0).endswith(text)
    assert decode_html(data * 5, None, 0) == text * 5


def test_a_page_that_is_utf8_whatever_it_says() -> None:
    page = read_page(meta("shift_jis") + CYRILLIC.encode(), None, 0)
    assert (page.encoding, page.how) == ("utf-8", "utf-8")


def test_utf16_without_a_mark() -> None:
    page = meta("utf-16").decode() + CYRILLIC
    for encoding, told in (("utf-16-le", "utf-16le"), ("utf-16-be", "utf-16be")):
        found = read_page(page.encode(encoding), None, 0)
        assert (found.text, found.encoding, found.how) == (page, told, "guess")
        assert read_page(page.encode(encoding), f"text/html; charset={told}", 0).text == page


def test_zeros_among_many_letters_are_left_out() -> None:
    page = CYRILLIC * 10
    data = page.encode().replace(b" ", b" \0", 1)
    assert decode_html(data, None, 0.001) == decode_html(data, "a; charset=utf-8", 0.001) == page
    with pytest.raises(UndecodableError, match="not HTML: 500 of 3300 characters are NUL"):
        decode_html(page.encode().replace(b" ", b"\0"), "text/html; charset=utf-8", 0.001)
