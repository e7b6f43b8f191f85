"""The kernels against their plain twins, and the statistics that MinHash promises."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.kernels.characters import Integers
from tilth.kernels.minhash import (
    EMPTY,
    Hashes,
    _seeds,
    band_hashes,
    bucket_pairs,
    distinct_hashes,
    plain_band_hashes,
    plain_bucket_pairs,
    plain_shingle_hashes,
    plain_signature,
    shingle_hashes,
    signatures,
)
from tilth.kernels.words import text_buffers

TEXTS = st.lists(
    st.text("abZ9_ .,\n\té日—\u0301", max_size=80) | st.text(max_size=40),
    max_size=6,
)


def shingled(texts: list[str], width: int) -> tuple[Integers, Hashes]:
    return shingle_hashes(*text_buffers(pa.array(texts, pa.large_string())), width)


@given(TEXTS, st.integers(1, 14))
@settings(max_examples=150, deadline=None)
def test_shingles_equal_plain_twin(texts: list[str], width: int) -> None:
    offsets, shingles = shingled(texts, width)
    assert [shingles[a:b].tolist() for a, b in pairwise(offsets)] == [
        plain_shingle_hashes(text, width) for text in texts
    ]


@given(TEXTS, st.sampled_from([(8, 2), (12, 3), (5, 5)]))
@settings(max_examples=80, deadline=None)
def test_signatures_and_bands_equal_plain_twins(texts: list[str], shape: tuple[int, int]) -> None:
    num_hashes, num_bands = shape
    offsets, shingles = shingled(texts, 2)
    rows = signatures(offsets, shingles, num_hashes)
    assert rows.dtype == np.uint32
    plain = [plain_signature(plain_shingle_hashes(text, 2), num_hashes) for text in texts]
    assert rows.tolist() == plain
    assert band_hashes(rows, num_bands).tolist() == [
        plain_band_hashes(signature, num_bands) for signature in plain
    ]


@given(st.lists(st.lists(st.integers(0, 5), max_size=8), max_size=5))
@settings(max_examples=60, deadline=None)
def test_distinct_equals_plain_twin(documents: list[list[int]]) -> None:
    offsets = np.cumsum([0, *map(len, documents)])
    hashes = np.array([h for document in documents for h in document], np.uint64)
    starts, found = distinct_hashes(offsets, hashes)
    assert [found[a:b].tolist() for a, b in pairwise(starts)] == [
        sorted(set(document)) for document in documents
    ]


@given(
    st.lists(st.lists(st.binary(min_size=4, max_size=4), max_size=12), max_size=4),
    st.integers(1, 4),
    st.integers(1, 5),
)
@settings(max_examples=80, deadline=None)
def test_bucket_pairs_equal_plain_twin(
    buckets: list[list[bytes]], min_matches: int, max_representatives: int
) -> None:
    bounds = np.cumsum([0, *map(len, buckets)])
    joined = b"".join(sketch for bucket in buckets for sketch in bucket)
    # Two bits a place, so that places agree now and then.
    sketches = np.frombuffer(joined, np.uint8).reshape(-1, 4) & np.uint8(3)
    found = bucket_pairs(bounds, sketches, min_matches, max_representatives)
    expected = []
    for start, stop in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        rows = [sketches[row].tobytes() for row in range(start, stop)]
        expected += [
            (start + a, start + b, same)
            for a, b, same in plain_bucket_pairs(rows, min_matches, max_representatives)
        ]
    assert list(zip(*(part.tolist() for part in found), strict=True)) == expected


def test_pairs_beyond_the_first_capacity() -> None:
    sketches = np.zeros((3000, 4), np.uint8)
    first, second, matches = bucket_pairs(np.array([0, 3000]), sketches, 4, 2)
    assert first.tolist() == [0] * 2999
    assert second.tolist() == list(range(1, 3000))
    assert set(matches.tolist()) == {4}


def test_punctuation_and_case_do_not_count_and_word_order_does() -> None:
    offsets, shingles = shingled(
        ["One two, “three”!", "one TWO three", "two one three", "...", ""], 3
    )
    assert np.diff(offsets).tolist() == [1, 1, 1, 0, 0]
    assert shingles[0] == shingles[1]
    assert shingles[0] != shingles[2]


def test_every_hash_is_one_to_one() -> None:
    """Multiplied by an odd number, no two of the 2^32 words get the same (all even ones may)."""
    assert (_seeds(512)[0] % 2 == 1).all()


def test_text_without_words_has_the_empty_signature() -> None:
    assert (signatures(*shingled(["", "!"], 5), 8) == EMPTY).all()


@pytest.mark.parametrize("size", [8, 200])
def test_estimates_have_the_mean_and_spread_of_minhash(size: int) -> None:
    """Agreement of k places is binomial: mean J, variance J (1 - J) / k; small sets included."""
    rng = np.random.default_rng(0)
    num_hashes, num_pairs = 120, 600
    shared = size // 2
    sets = []
    for _ in range(num_pairs):
        pool = rng.integers(0, 2**64, 2 * size - shared, np.uint64)
        sets += [pool[:size], pool[size - shared :]]
    offsets = np.arange(0, size * (2 * num_pairs + 1), size)
    rows = signatures(offsets, np.concatenate(sets), num_hashes)
    agreement = (rows[::2] == rows[1::2]).mean(axis=1)
    jaccard = shared / (2 * size - shared)
    spread = np.sqrt(jaccard * (1 - jaccard) / num_hashes)
    assert abs(agreement.mean() - jaccard) < 4 * spread / np.sqrt(num_pairs)
    assert 0.85 < agreement.std() / spread < 1.15
    # The low bytes alone agree by chance in one unequal place of 256.
    low = (rows[::2].astype(np.uint8) == rows[1::2].astype(np.uint8)).mean()
    assert abs(low - (jaccard + (1 - jaccard) / 256)) < 4 * spread / np.sqrt(num_pairs)
