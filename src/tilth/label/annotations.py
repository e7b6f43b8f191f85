"""Give samples the answers that a ledger of annotations has accepted, by their ids.

A map: which answers a sample gets depends on its id alone. The ledger is made and kept by
`tilth annotate`; here its answers are only read.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from tilth.errors import MissingError
from tilth.label.accepted import FILE, digest_of_accepted, events_of, read_accepted
from tilth.label.suspects import IS_ERROR
from tilth.schema import SCHEMA, column, with_columns
from tilth.settings import BaseSettings
from tilth.spell import plural

_Answer = dict[str, str]
_OF_LABEL = ("label", "label_origin", "label_confidence")


class Settings(BaseSettings):
    """Give samples the answers that were accepted in a ledger of `tilth annotate`.

    They become `annotations`, beside those that a sample has already; `consensus` makes labels of
    them. An import makes this step anew, and what follows it. Before the first order there is no
    ledger, and no sample gets an answer.
    """

    SHORT: ClassVar[str] = "ledger"

    ledger: str = Field(
        ...,
        min_length=1,
        description="folder of the ledger, `annotations/NAME` unless `annotate` says otherwise",
    )
    held: bool = Field(
        False, description="take answers that are held, neither accepted nor returned, as well"
    )

    relabel: bool = Field(
        False,
        description="where a sample has answers and its label is one that `label_errors` takes to "
        "be wrong, take the label away: `consensus` makes another of the answers",
    )

    def normal(self) -> Settings:
        """Without the folder: what it holds is in the fingerprint."""
        return self.model_copy(update={"ledger": "", "held": False})


def folder_of(settings: Settings) -> Path:
    """The ledger's folder."""
    return Path(os.path.expanduser(settings.ledger))


def fingerprint(settings: Settings) -> str:
    """A digest of the answers that are taken.

    Raises:
        MissingError: There is a file in the place of the folder.
        DataError: They are damaged, or not those of the ledger as it stands.
    """
    folder = folder_of(settings)
    if folder.exists() and not folder.is_dir():
        raise MissingError(
            "the ledger is a folder, and here is a file",
            where=settings.ledger,
            hint="`tilth annotate RECIPE --status` names the folder",
            code="no-ledger",
        )
    return digest_of_accepted(folder, held=settings.held)


def warns(settings: Settings) -> str:
    """That nothing was ordered yet."""
    if events_of(folder_of(settings)):
        return ""
    return (
        f"nothing was ordered in {settings.ledger} yet, and no sample gets an answer; "
        "`tilth annotate RECIPE` orders some"
    )


def reads(settings: Settings) -> tuple[str, ...]:
    """Nothing that only some samples have, for it goes by ids; which labels are suspect, where it
    takes them away."""
    return (IS_ERROR,) if settings.relabel else ()


def fills(_: Settings) -> tuple[str, ...]:
    """The answers."""
    return ("annotations",)


def survey(batches: Iterator[pa.RecordBatch], settings: Settings) -> list[str]:
    """How many of the samples that were answered are there."""
    answers = _answers(settings)
    if not answers:
        return [f"no answer in {settings.ledger} is accepted yet: no sample gets one"]
    found = {
        name for batch in batches for name in batch.column("id").to_pylist() if name in answers
    }
    if len(found) == len(answers):
        return []
    gone = len(answers) - len(found)
    return [
        f"of the {plural(len(answers), 'sample')} that have answers in {settings.ledger} "
        f"{gone:,} {'is' if gone == 1 else 'are'} not among these: their answers are not used"
    ]


def apply(batch: pa.RecordBatch, settings: Settings) -> pa.RecordBatch:
    """The same rows with their answers; nothing is dropped."""
    answers = _answers(settings)
    ids = batch.column("id").to_pylist()
    if not any(name in answers for name in ids):
        return (
            batch
            if "annotations" in batch.schema.names
            else with_columns(
                batch, {"annotations": pa.nulls(batch.num_rows, SCHEMA["annotations"])}
            )
        )
    given = column(batch, "annotations").to_pylist()
    both = [
        [*(own or ()), *answers[name]] if name in answers else own
        for name, own in zip(ids, given, strict=True)
    ]
    batch = with_columns(batch, {"annotations": pa.array(both, SCHEMA["annotations"])})
    return _unlabelled(batch, answers) if settings.relabel else batch


def _unlabelled(batch: pa.RecordBatch, answers: dict[str, list[_Answer]]) -> pa.RecordBatch:
    """Without the labels of samples that are suspect and have answers."""
    rows = zip(batch.column("id").to_pylist(), column(batch, IS_ERROR).to_pylist(), strict=True)
    goes = pa.array([name in answers and error == 1 for name, error in rows], pa.bool_())
    names = [name for name in _OF_LABEL if name in batch.schema.names]
    return with_columns(batch, {name: pc.if_else(goes, None, batch.column(name)) for name in names})


def _answers(settings: Settings) -> dict[str, list[_Answer]]:
    """The answers to each sample."""
    path = folder_of(settings) / FILE
    try:
        state = os.stat(path)
    except OSError:
        return _read(str(path.parent), settings.held, ())
    return _read(str(path.parent), settings.held, (state.st_ino, state.st_size, state.st_mtime_ns))


@lru_cache(maxsize=4)
def _read(folder: str, held: bool, _: tuple[int, ...]) -> dict[str, list[_Answer]]:
    found: dict[str, list[_Answer]] = defaultdict(list)
    for answer in read_accepted(Path(folder), held=held):
        found[answer.sample].append({"annotator": answer.annotator, "label": answer.label})
    return dict(found)
