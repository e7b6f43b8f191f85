"""Under which licences the samples of a data set stand."""

from __future__ import annotations

from collections import Counter

from tilth.engine.share import shareable
from tilth.query.rows import read_columns
from tilth.store import Dataset


def count_licences(dataset: Dataset) -> dict[str, int]:
    """Kept samples by the licence that they state, the most common first; without personal data."""
    counts: Counter[str] = Counter()
    for table in read_columns(dataset, "kept", ["license"]):
        counts.update(name or "not stated" for name in table.column(0).to_pylist())
    shown: Counter[str] = Counter()
    for name, count in counts.items():
        shown[shareable(name)] += count
    return dict(shown.most_common())
