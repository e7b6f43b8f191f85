"""How tables of text are written: what parts cells, their encoding, the ends of their lines."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.formats.cells import Written, rewritten, utf16_of, written


@pytest.mark.parametrize(
    ("head", "usual", "delimiter"),
    [
        (b"a,b\n1;2", ",", ","),
        (b"a;b;c|d\n1,2", ",", ";"),
        (b"a|b\n", ",", "|"),
        (b"a\tb\n", ",", "\t"),
        (b'"a,b";c\n', ",", ";"),
        (b"text\na;b\n", ",", ","),
        (b"\xef\xbb\xbf\na;b\n", ",", ";"),
        (b"a,b\tc\n", "\t", "\t"),
        (b"sep=|\na|b", ",", "|"),
        (b"sep=;\r\na;b", "\t", ";"),
        (b"", ",", ","),
    ],
)
def test_what_parts_cells(head: bytes, usual: str, delimiter: str) -> None:
    how = written(head, usual)
    assert how.delimiter == delimiter
    assert how.is_told == (b"sep=" in head)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_utf_16_is_read_as_it_is_meant(encoding: str, text: str) -> None:
    # With a zero behind it, it is the mark of UTF-32.
    text = text.lstrip("\0")
    data = ("\ufeff" + text).encode(encoding)
    assert utf16_of(data) == encoding
    how = Written(encoding, ",", is_told=False, ends_with_cr=False)
    assert rewritten(io.BytesIO(data), how).read() == text.encode()


def test_characters_of_two_words_may_lie_across_pieces() -> None:
    text = "a" + "\U0001f426" * 50_000
    how = written(data := text.encode("utf-16"), ",")
    assert rewritten(io.BytesIO(data), how).read() == text.encode()


def test_lines_of_a_macintosh_and_a_line_that_is_none_of_the_table() -> None:
    how = written(data := b"sep=;\ra;b\r1;2\r", ",")
    assert how == Written("", ";", is_told=True, ends_with_cr=True)
    # Blank, so that the lines after it keep their numbers.
    assert rewritten(io.BytesIO(data), how).read() == b"\na;b\n1;2\n"
    how = written(data := b"sep=;\r\na;b\r\n", ",")
    assert rewritten(io.BytesIO(data), how).read() == b"\r\na;b\r\n"
    assert not written(b"a,b\r\n1,2\r", ",").ends_with_cr


def test_what_is_no_utf_16_is_an_error() -> None:
    how = written(data := b"\xff\xfea\0\x00\xd8", ",")
    with pytest.raises(UnicodeDecodeError):
        rewritten(io.BytesIO(data), how).read()
