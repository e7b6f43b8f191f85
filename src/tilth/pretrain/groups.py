"""Which held-out samples are of one speaker, patient or site, and do not count one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from tilth.errors import DataError
from tilth.hints import did_you_mean
from tilth.randomness import ids_to_u64
from tilth.schema import column
from tilth.statistics.intervals import Codes
from tilth.store import Dataset
from tilth.training.order import Ids

# Says whose data a sample is, where a source knows it.
SUBJECT = "subject"


def groups_of(dataset: Path, held_out: Ids, trained_on: Ids, name: str = "") -> Codes | None:
    """The group of each held-out sample, int64 [n], maybe one of all; None: each by itself.

    Args:
        dataset: Folder of the data set that the samples are of.
        held_out: uint64 [n], ids of what is measured.
        trained_on: uint64, ids of the training samples.
        name: Column that names the group. Empty: `subject`, if no subject of the held-out samples
            was trained on. Where it was, the figure is of these subjects, not of new ones, and
            what was drawn are their samples.

    Raises:
        DataError: The data set has no such column.
    """
    wanted = name or SUBJECT
    if wanted not in Dataset(dataset).schema.names:
        if not name:
            return None
        raise _no_column(dataset, name)
    place = {int(one): at for at, one in enumerate(held_out)}
    found: dict[int, str] = {}
    for ids, values in _rows(dataset, wanted):
        for one, value in zip(ids, values, strict=True):
            if value is not None and (at := place.get(int(one))) is not None:
                found[at] = value
    groups = set(found.values())
    if not groups or (not name and len(place) < 2):
        return None
    if not name and any(
        value in groups
        for ids, values in _rows(dataset, wanted)
        for value, trained in zip(values, np.isin(ids, trained_on), strict=True)
        if trained
    ):
        return None
    numbers = {value: number for number, value in enumerate(sorted(groups))}
    # A sample without a value is a group of its own.
    codes = np.arange(len(held_out), dtype=np.int64) + len(numbers)
    for at, value in found.items():
        codes[at] = numbers[value]
    return codes


def require_groups(dataset: Path, held_out: Mapping[str, Ids], name: str) -> None:
    """Refuse a group that the held-out samples cannot be counted by, before anything is trained.

    Args:
        dataset: Folder of the data set that the samples are of.
        held_out: uint64, ids of the samples of each held-out split.
        name: Column that names the group; empty: nothing is refused.

    Raises:
        DataError: There is no such column, or not two groups in any split.
    """
    if not name:
        return
    if name not in Dataset(dataset).schema.names:
        raise _no_column(dataset, name)
    codes = [groups_of(dataset, ids, ids[:0], name) for ids in held_out.values()]
    if not any(one is not None and len(np.unique(one)) > 1 for one in codes):
        raise DataError(
            f"`{name}` does not part the held-out samples into two groups or more: an interval "
            "over groups cannot be given",
            where="pretrain.group",
            hint="leave `group` out, or hold out samples of several groups",
        )


def _no_column(dataset: Path, name: str) -> DataError:
    names = Dataset(dataset).schema.names
    return DataError(
        f"the data has no column `{name}` to group the held-out samples by",
        where="pretrain.group",
        hint=did_you_mean(name, names),
    )


def _rows(dataset: Path, name: str) -> Iterator[tuple[Ids, list[str | None]]]:
    for batch in Dataset(dataset).batches(["id", name]):
        values = column(batch, name).to_pylist()
        named = [None if value is None else str(value) for value in values]
        yield ids_to_u64(column(batch, "id").to_pylist()), named
