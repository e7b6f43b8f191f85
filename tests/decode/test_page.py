"""From bytes to characters: marks, headers, declarations, guesses, and what cannot be read."""

from __future__ import annotations

import codecs
import re
import tarfile
from pathlib import Path

import pytest

from tilth.decode.page import decode_html
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


def test_real_pages_that_declare_their_encoding(shared_data: Path) -> None:
    """Feeds and pages of `chardet`'s tests, whose folder names the true encoding."""
    wrong, total = [], 0
    with tarfile.open(shared_data / "charset/chardet-tests.tar.xz") as archive:
        for member in archive.getmembers():
            file = archive.extractfile(member) if member.isfile() else None
            data = file.read() if file else b""
            declared = re.search(rb"(?:encoding|charset)=[\"']?([\w-]+)", data[:1024])
            encoding = declared.group(1).decode().lower() if declared else ""
            if not encoding or not Path(member.name).parent.name.lower().startswith(encoding):
                continue
            try:
                expected = data.decode(encoding)
            except UnicodeDecodeError:
                continue
            total += 1
            if decode_html(data, None, 0.001) != expected:
                wrong.append(member.name)
    assert total > 100
    # Shift_JIS and GB2312 are read as their supersets, as browsers do; nothing else may differ.
    assert len(wrong) <= 0.03 * total, wrong
