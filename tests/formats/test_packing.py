"""One gzip member, whichever library makes it."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.formats import packing


@pytest.mark.parametrize("has_isal", [True, False])
def test_it_is_one_member_that_anyone_reads(
    has_isal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_isal:
        monkeypatch.setattr(packing, "_isal", None)

    @given(st.binary(max_size=200), st.integers(0, 40))
    def check(piece: bytes, times: int) -> None:
        data = piece * times
        reader = zlib.decompressobj(31)
        assert reader.decompress(packing.packed(memoryview(data))) == data
        assert reader.eof
        assert not reader.unused_data

    check()


def test_a_page_becomes_small() -> None:
    page = b"".join(b"<p>%d: the mean along an axis of the array</p>" % n for n in range(500))
    assert len(packing.packed(page)) < len(page) / 5
