"""Digests of many records at once against the standard library's, one by one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.reading.test_digests import TEXT
from tilth.kernels import digests
from tilth.kernels.digests import (
    Strings,
    named_digests,
    plain_named_digests,
    plain_word_digests,
    word_digests,
)

# Lengths about a block of 128 bytes, and of several; records that end at different times.
DATA = st.one_of(st.binary(max_size=300), st.integers(100, 140).map(bytes))


def strings(parts: Sequence[bytes]) -> Strings:
    return np.frombuffer(b"".join(parts), np.uint8), np.cumsum([0, *map(len, parts)])


@given(st.binary(max_size=40), st.lists(st.tuples(DATA, DATA), max_size=12))
def test_kernel_equals_plain_twin(begin: bytes, rows: list[tuple[bytes, bytes]]) -> None:
    names, payloads = [name for name, _ in rows], [payload for _, payload in rows]
    found = named_digests(begin, strings(names), strings(payloads)).tobytes()
    assert found == plain_named_digests(begin, names, payloads)


@given(st.binary(max_size=40), st.lists(TEXT, max_size=12))
def test_kernel_of_words_equals_plain_twin(begin: bytes, texts: list[str]) -> None:
    found = word_digests(begin, strings([text.encode() for text in texts])).tobytes()
    assert found == plain_word_digests(begin, texts)


def test_more_than_fits_and_one_that_is_longer_than_all_room() -> None:
    long = b"ab  c\xc2\xa0" * (digests._AT_ONCE // 5)
    parts = [b"x" * (number * 37 % 3000) for number in range(300)] + [long, b"", long[:-1], b"y"]
    found = named_digests(b"begin", strings(parts), strings(parts)).tobytes()
    assert found == plain_named_digests(b"begin", parts, parts)
    texts = [part.decode("utf-8", "ignore") for part in parts]
    found = word_digests(b"", strings([text.encode() for text in texts])).tobytes()
    assert found == plain_word_digests(b"", texts)


def test_a_part_of_a_column_is_taken() -> None:
    data, offsets = strings([b"one", b"two", b"three"])
    found = named_digests(b"", strings([b"", b""]), (data, offsets[1:])).tobytes()
    assert found == plain_named_digests(b"", [b"", b""], [b"two", b"three"])
