"""Predicted probabilities of samples, from a table that a model of anybody's has written.

A Parquet file with a column `id`, the sample's, and one a class under its name, a probability each.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from tilth.errors import DataError, MissingError
from tilth.hints import did_you_mean
from tilth.labels import as_label
from tilth.store import digests
from tilth.store.digests import watched

Floats = npt.NDArray[np.float64]

ID = "id"
# How far a row's probabilities may be from adding up to 1: those of half precision are this near.
_TOLERANCE = 0.01


def path_of(file: str) -> Path:
    """The table's path.

    Raises:
        MissingError: There is no such file.
    """
    path = Path(os.path.expanduser(file))
    if not path.is_file():
        raise MissingError(
            "there is no such table of predictions",
            where=file,
            hint="a Parquet file with `id` and a column of probabilities for each class",
            code="no-predictions",
        )
    return path


def digest_of(file: str) -> str:
    """A digest of what the table holds.

    Raises:
        MissingError: As of `path_of`.
    """
    return digests.digest_of(path_of(file))


def read_predictions(
    file: str, ids: Sequence[str], labels: set[str], max_bytes: int
) -> tuple[list[str], Floats, npt.NDArray[np.bool_]]:
    """The probabilities of some samples.

    Args:
        file: The table.
        ids: Of the samples, in the order that is wanted.
        labels: What they are labelled, each of which has to have a column.
        max_bytes: That the probabilities may take in memory.

    Returns:
        The classes in order of their names; float64 [ids, classes], rows adding up to 1; and
        bool [ids], which of them have a row in the table.

    Raises:
        MissingError: There is no such file.
        DataError: It is no such table, lacks a class, has an id twice, or a row of it is no
            distribution.
    """
    path = path_of(file)
    place = {name: number for number, name in enumerate(ids)}
    try:
        with watched(path).open("rb") as stream, pq.ParquetFile(stream) as table:
            classes, columns = _columns(table.schema_arrow, file, labels)
            size = 8 * len(place) * len(classes)
            if size > max_bytes:
                raise DataError(
                    f"the probabilities of {len(place):,} samples and {len(classes):,} classes "
                    f"take {size:,} bytes, above `max_table_bytes`",
                    where=file,
                    hint="give more, or judge fewer samples",
                    code="too-large",
                )
            found = np.zeros((len(place), len(classes)))
            is_there = np.zeros(len(place), bool)
            for batch in table.iter_batches(columns=[ID, *columns]):
                names = batch.column(ID).to_pylist()
                wanted = [row for row, name in enumerate(names) if name in place]
                if not wanted:
                    continue
                rows = np.array([place[names[row]] for row in wanted])
                if is_there[rows].any() or len(np.unique(rows)) < len(rows):
                    raise _bad(file, f"an id stands in it twice: {_twice(names, wanted)}")
                values = [_numbers(batch.column(name), name, file) for name in columns]
                found[rows] = np.stack(values, 1)[wanted]
                is_there[rows] = True
    except pa.ArrowException as error:
        raise _bad(file, f"it cannot be read as Parquet: {str(error)[:200]}") from None
    sums = found.sum(1)
    is_off = is_there & ~((np.abs(sums - 1) <= _TOLERANCE) & (found >= 0).all(1))
    if is_off.any():
        row = int(is_off.argmax())
        raise _bad(file, f"the probabilities of {ids[row]} are none, or add up to {sums[row]:.4g}")
    found[is_there] /= sums[is_there, None]
    return classes, found, is_there


def _columns(schema: pa.Schema, file: str, labels: set[str]) -> tuple[list[str], list[str]]:
    """Classes in order, and the column of each."""
    if ID not in schema.names:
        raise _bad(file, "it has no column `id`")
    kind = schema.field(ID).type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise _bad(file, f"`id` holds {kind}, and the ids of samples are texts")
    by_class: dict[str, str] = {}
    for name in schema.names:
        if name == ID:
            continue
        spelt = as_label(name)
        if spelt is None or spelt in by_class or schema.names.count(name) > 1:
            raise _bad(file, f"the column `{name[:80]}` is no class, or stands there twice")
        by_class[spelt] = name
    if lacking := sorted(labels - by_class.keys()):
        raise DataError(
            f"samples are labelled `{lacking[0]}`, of which there is no column",
            where=file,
            hint=did_you_mean(lacking[0], sorted(by_class)) if by_class else "it has `id` alone",
            code="unknown-label",
        )
    classes = sorted(by_class)
    return classes, [by_class[name] for name in classes]


def _numbers(column: pa.Array, name: str, file: str) -> Floats:
    kind = column.type
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
        raise _bad(file, f"the column `{name[:80]}` holds {kind}, and a probability is a number")
    values: Floats = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return np.where(np.isfinite(values), values, -1.0)


def _twice(names: list[str], wanted: list[int]) -> str:
    mine = [names[row] for row in wanted]
    return next((name for name in mine if mine.count(name) > 1), mine[0])


def _bad(file: str, why: str) -> DataError:
    return DataError(
        f"this is no table of predictions: {why}",
        where=file,
        hint="a Parquet file with `id` and a column of probabilities for each class",
        code="bad-predictions",
    )
