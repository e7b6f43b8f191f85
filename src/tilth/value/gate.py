"""The leakage gate on data sets: which training samples of an arm are copies of held-out ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tilth.randomness import ids_to_u64
from tilth.records import Record, read_if_whole
from tilth.spell import percent
from tilth.store import Dataset
from tilth.store.files import write_record
from tilth.tasks.declare import Payload
from tilth.training.examples import Documents, Examples
from tilth.training.order import Ids
from tilth.value.leakage import Leak, row_leaks, text_leaks


class _Leaks(Record):
    """What was found of a pair of data sets, as it is kept."""

    leaks: tuple[tuple[str, str, float], ...]


def leaking_ids(
    held_out: Documents | Examples,
    held_out_path: Path,
    training: Documents | Examples,
    training_path: Path,
    work: Path,
    payload: Payload,
) -> tuple[Ids, str]:
    """Ids of the training samples that are copies of held-out ones, uint64 [n], and an example.

    The answer for a pair of data sets is kept in `work`, so that of all cells of an arm the first
    one looks.

    Args:
        held_out: The held-out samples as numbers.
        held_out_path: Their data set, for the text.
        training: The training samples as numbers.
        training_path: Their data set.
        work: Folder that the cells share.
        payload: What the samples are; texts are compared by their words, all else as it is.
    """
    digest = hashlib.sha256()
    for part in (held_out.ids, training.ids):
        digest.update(np.ascontiguousarray(part).tobytes() + b"|")
    digest.update((Dataset(held_out_path).digest + Dataset(training_path).digest).encode())
    kept = work / f"leaks-{digest.hexdigest()[:16]}.json"
    known = read_if_whole(_Leaks, kept)
    if known is not None:
        leaks = [Leak(*row) for row in known.leaks]
    else:
        if payload == "text":
            texts = _texts(held_out_path, held_out.ids), _texts(training_path, training.ids)
            leaks = text_leaks(*texts)
        else:
            leaks = _equal_rows(held_out, training)
        found = tuple((leak.train_id, leak.test_id, leak.share) for leak in leaks)
        write_record(kept, _Leaks(leaks=found))
    if not leaks:
        return np.zeros(0, np.uint64), ""
    one = leaks[0]
    example = f"sample {one.train_id} holds {percent(one.share)} of sample {one.test_id}"
    return ids_to_u64([leak.train_id for leak in leaks]), example


def _equal_rows(held_out: Documents | Examples, training: Documents | Examples) -> list[Leak]:
    """Pixels, or samples of sound, that are the same."""
    if isinstance(held_out, Documents) or isinstance(training, Documents):
        raise TypeError("documents are compared as texts")
    return row_leaks(held_out.inputs, held_out.ids, training.inputs, training.ids)


def _texts(path: Path, ids: Ids) -> Iterator[tuple[str, str]]:
    """(id, text) of the wanted samples, streamed."""
    for batch in Dataset(path).batches(["id", "text"]):
        names = batch.column(0).to_pylist()
        wanted = np.isin(ids_to_u64(names), ids)
        texts = batch.column(1)
        for row in np.flatnonzero(wanted):
            yield names[row], texts[int(row)].as_py() or ""
