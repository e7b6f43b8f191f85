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
    distinct_hashes,
    plain_band_hashes,
    plain_shared_counts,
    plain_shingle_hashes,
    plain_signature,
    shared_counts,
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


@given(st.lists(st.sets(st.integers(0, 9) | st.integers(0, 2**64 - 1)), max_size=6), st.data())
@settings(max_examples=80, deadline=None)
def test_shared_counts_equal_plain_twin(sets: list[set[int]], data: st.DataObject) -> None:
    others = [sorted(one) for one in sets]
    own = sorted(data.draw(st.sets(st.integers(0, 9)) | st.sampled_from(sets or [set()])))
    bounds = np.cumsum([0, *map(len, others)])
    stored = np.array([h for other in others for h in other], np.uint64)
    # Of some, in any order.
    chosen = data.draw(st.permutations(range(len(others))))[: len(others) // 2 + 1]
    starts = bounds[:-1][chosen]
    found = shared_counts(stored, starts, np.diff(bounds)[chosen], np.array(own, np.uint64))
    assert found.dtype == np.int64
    assert found.tolist() == plain_shared_counts([others[i] for i in chosen], own)


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
