"""What the deduplicators share."""

from __future__ import annotations

import numpy as np
import pytest

from tilth.deduplicate.copies import group_starts, is_eligible, split_ranks
from tilth.errors import DataError
from tilth.schema import mark_dropped, mark_error

from .conftest import sample_batch


def test_unknown_split_is_an_error() -> None:
    batch = sample_batch([{"id": "a", "split": "dev"}])
    with pytest.raises(DataError, match="`dev` is not a split"):
        split_ranks(batch)


def test_sample_without_split_ranks_as_training_data() -> None:
    batch = sample_batch(
        [{"id": s or "-", "split": s} for s in ("test", "validation", "train", None)]
    )
    assert split_ranks(batch).tolist() == [0, 1, 2, 2]
    assert split_ranks(sample_batch([{"id": "a"}])).tolist() == [2]


def test_samples_that_are_leaving_do_not_count() -> None:
    batch = sample_batch([{"id": str(i), "text": None if i == 3 else "x"} for i in range(4)])
    batch = mark_dropped(batch, np.array([True, False, False, False]), "rule")
    batch = mark_error(batch, [None, "broken", None, None])
    assert is_eligible(batch, "text").tolist() == [False, False, True, False]
    assert is_eligible(batch, "image").tolist() == [False] * 4


def test_group_starts() -> None:
    assert group_starts(np.array([1, 1, 2, 2]), np.array([0, 1, 1, 1])).tolist() == [0, 1, 2, 4]
    assert group_starts(np.array([], np.int64)).tolist() == [0]
