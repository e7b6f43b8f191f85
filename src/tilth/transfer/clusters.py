"""Which test samples stand or fall together: the units of the interval over test sets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tilth.errors import DataError
from tilth.hints import did_you_mean
from tilth.randomness import hashed, ids_to_u64
from tilth.statistics.found import MAX_CLUSTERS, Parts
from tilth.statistics.intervals import Codes, Figure
from tilth.store import Dataset
from tilth.training.order import Ids

Floats = npt.NDArray[np.float64]


def parts(ids: Ids, numerators: Floats, denominators: Floats, dataset: Path, column: str) -> Parts:
    """`by_cluster` as a cell's result keeps it: seven digits."""
    return _kept(*by_cluster(ids, numerators, denominators, dataset, column))


def pseudo_parts(ids: Ids, figure: Figure, dataset: Path, column: str, scale: float) -> Parts:
    """`parts` of a figure that is no ratio of sums, such as BLEU or macro F1: jackknife's values.

    Pseudo-value i of G is G x figure - (G - 1) x figure without cluster i (Tukey 1958): their mean
    is the figure but for its bias, and their spread, also that of their differences between two
    models, is the figure's over test sets (Efron and Stein 1981).

    Args:
        ids: uint64 [examples].
        figure: Of the examples in the same order.
        dataset, column: As in `by_cluster`.
        scale: Which the figure holds already, and the parts do not.
    """
    codes, clusters = _codes(ids, dataset, column)
    sums = figure.sums(codes, clusters, slice(None))
    total = sums.sum(0, keepdims=True)
    upper = np.full(clusters, figure.value)
    if clusters > 1:
        upper = clusters * upper - (clusters - 1) * figure.of_sums(total - sums)
    return replace(_kept(upper / scale, np.ones(clusters)), step=figure.step / scale)


def by_cluster(
    ids: Ids, numerators: Floats, denominators: Floats, dataset: Path, column: str
) -> tuple[Floats, Floats]:
    """Sum numerators and denominators [examples] over clusters.

    Args:
        ids: uint64 [examples].
        numerators: Of the metric, an example each.
        denominators: Likewise.
        dataset: Folder of the data set that the examples are of.
        column: Column that names an example's cluster; empty: each example is one. Examples
            without a value are clusters of their own.

    Returns:
        The sums [clusters], in an order that depends on the examples alone; where some share a
        place, of all places.

    Raises:
        DataError: The data set has no such column.
    """
    codes, clusters = _codes(ids, dataset, column)
    upper, lower = (np.bincount(codes, of, clusters) for of in (numerators, denominators))
    return upper.astype(np.float64), lower.astype(np.float64)


def _codes(ids: Ids, dataset: Path, column: str) -> tuple[Codes, int]:
    """The cluster of each example, int64 [examples], and the number of clusters or places."""
    names = ids if not column else _clusters(ids, dataset, column)
    unique, codes = np.unique(names, return_inverse=True)
    if len(unique) > MAX_CLUSTERS:
        return (hashed(unique, 7) % np.uint64(MAX_CLUSTERS)).astype(np.int64)[codes], MAX_CLUSTERS
    return codes, int(codes.max(initial=-1)) + 1


def _kept(upper: Floats, lower: Floats) -> Parts:
    above, below = (tuple(float(f"{v:.7g}") for v in side) for side in (upper, lower))
    return Parts(above, below)


def require_column(path: Path, column: str) -> None:
    """Refuse to group by what the data does not say.

    Args:
        path: Folder of the data set.
        column: Empty: nothing is grouped.

    Raises:
        DataError: It has no such column, or none of its rows has a value there.
    """
    if not column:
        return
    dataset = Dataset(path)
    names = dataset.schema.names
    if column not in names:
        raise DataError(
            f"the data has no column `{column}` to group the test samples by",
            where="group",
            hint=did_you_mean(column, names),
            code="no-column",
        )
    if all(batch.column(0).null_count == batch.num_rows for batch in dataset.batches([column])):
        raise DataError(
            f"no sample has a `{column}` to be grouped by",
            where="group",
            hint="leave `group` out: each sample then counts by itself",
            code="no-column",
        )


def _clusters(ids: Ids, path: Path, column: str) -> Ids:
    """A number for each example's cluster, uint64 [examples]."""
    require_column(path, column)
    dataset = Dataset(path)
    found: dict[int, int] = {}
    numbers: dict[str, int] = {}
    for batch in dataset.batches(["id", column]):
        rows = ids_to_u64(batch.column(0).to_pylist())
        for row, value in zip(rows, batch.column(1).to_pylist(), strict=True):
            if value is not None:
                found[int(row)] = numbers.setdefault(str(value), len(numbers))
    return np.array([found.get(int(i), int(i) | 1 << 63) for i in ids], np.uint64)
