"""Lines read many at a time are those that are read one by one."""

from __future__ import annotations

import io
import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.formats import streams
from tilth.formats.streams import any_ends, read_any_lines, read_lines, read_many_lines


@given(
    st.lists(st.sampled_from([b"a", b"bcd", b"\n", b"\r\n", b"\r", b"x" * 9])).map(b"".join),
    st.integers(1, 12),
    st.integers(1, 20),
)
def test_many_lines_are_those_read_one_by_one(data: bytes, most: int, chunk: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "CHUNK", chunk)
        many = itertools.chain.from_iterable(read_many_lines(io.BytesIO(data), most))
        assert list(many) == list(read_lines(io.BytesIO(data), most))


@given(
    st.lists(st.sampled_from([b"a", b"\xff\x85", b"\n", b"\r\n", b"\r", b"x" * 9])).map(b"".join),
    st.integers(1, 12),
)
def test_lines_of_a_list_end_however_they_end(data: bytes, most: int) -> None:
    found = list(read_any_lines(io.BytesIO(data), most))
    assert found == list(read_lines(io.BytesIO(any_ends(data)), most))
    assert any_ends(data) == b"\n".join(re.split(rb"\r\n|\r|\n", data))
