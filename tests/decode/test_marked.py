"""Texts in pieces that begin with a byte order mark."""

from __future__ import annotations

import codecs
import io
from typing import BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.decode.marked import in_utf8_from, pieces_in_utf8

ENCODINGS = ["utf-8", "utf-8-sig", "utf-16"]


def read(stream: BinaryIO, size: int) -> bytes:
    found = in_utf8_from(stream)
    return b"".join(iter(lambda: found.read(size), b""))


# A zero behind the mark of UTF-16 makes one of UTF-32 of it.
@given(
    st.text(st.characters(min_codepoint=1, exclude_categories=["Cs"])),
    st.sampled_from(ENCODINGS),
    st.integers(4, 9),
)
def test_pieces_are_those_of_utf_8(text: str, encoding: str, size: int) -> None:
    text = text.removeprefix("\ufeff")
    data = text.encode(encoding)
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    assert b"".join(pieces_in_utf8(pieces)) == text.encode()
    assert read(io.BytesIO(data), size) == text.encode()
    # Of what can be looked at before it is read.
    assert read(cast(BinaryIO, io.BufferedReader(io.BytesIO(data))), size) == text.encode()


def test_what_is_long_and_what_is_broken() -> None:
    text = "zwölf\n" * 50_000
    assert in_utf8_from(io.BytesIO(text.encode("utf-16"))).read() == text.encode()
    assert in_utf8_from(io.BytesIO(text.encode())).read() == text.encode()
    assert in_utf8_from(io.BytesIO(codecs.BOM_UTF16_LE + b"a\0b")).read() == b"a\xff"


@pytest.mark.parametrize("unmarked", [False, True])
def test_without_a_mark_it_is_asked(unmarked: bool) -> None:
    data = "one\n".encode("utf-16-be")
    found = b"".join(pieces_in_utf8([data[:4], data[4:]], unmarked=unmarked))
    assert found == (b"one\n" if unmarked else data)
