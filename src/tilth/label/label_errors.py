"""Find labels that are likely to be wrong, by models that did not see the samples they judge.

Confident learning (`confident`) over cross-validated predictions: those of a small classifier of
texts that is trained here, in folds, or those of any model's table. A shuffle: how sure a model has
to be of a class follows from all samples with this label.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from tilth import schema
from tilth.errors import DataError
from tilth.label import classifier, predictions, suspects
from tilth.label.confident import find_errors
from tilth.label.suspects import GIVEN, IS_ERROR, LIKELIEST, QUALITY
from tilth.randomness import hash_of
from tilth.records import PlainObject
from tilth.settings import BaseSettings, is_default
from tilth.spell import distinct, plural
from tilth.splits import SPLITS

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

# What a label that was put in the place of another came from.
ORIGIN = "label_errors"

DESCRIBES_DROPPED = True
DESCRIBES_BY = suspects.COLUMNS
FIGURES = suspects.FIGURES

# A class with fewer labels is not judged by the classifier here: most folds hardly saw it.
_LEAST = 5
_KEPT = ("shard", "position", "id", "group", "label", "text")
_SAID = ("quality", "error", "likeliest", "probability")


class Settings(BaseSettings):
    """Find labels that are likely to be wrong, and mark, drop or replace them.

    Writes `signal.label_quality`, `signal.label_error` (1 or 0) and `signal.likeliest_label` of
    samples with a label. Without `predictions` texts are judged by a small classifier that is
    trained here; of pictures and sound a table of predictions is needed.
    """

    predictions: str | None = Field(
        None,
        min_length=1,
        description="Parquet file with `id` and a probability for each class, by a model that was "
        "not trained on the sample; none: a classifier of the texts is trained in folds",
    )
    folds: int = Field(
        5,
        ge=2,
        le=20,
        description="parts of which each is judged by a classifier of the others (without "
        "`predictions`)",
    )
    action: Literal["mark", "drop", "replace"] = Field(
        "mark",
        description="what happens to a label error: mark it, drop the sample, or replace the label "
        "by the likeliest one",
    )
    held_out: bool = Field(
        False,
        description="drop or replace in the splits test and validation as well: what a model says "
        "then decides by what it is measured",
    )
    max_chars: int = Field(
        5_000, ge=10, description="characters of a text that are looked at (without `predictions`)"
    )
    max_samples: int = Field(
        200_000,
        ge=2,
        description="samples that are judged at once, in memory (without `predictions`); more are "
        "an error",
    )
    max_table_bytes: int = Field(
        1 << 30, ge=1 << 10, description="memory that the `predictions` may take"
    )
    seed: int = Field(0, ge=0, lt=2**32, description="decides the folds (without `predictions`)")

    @model_validator(mode="after")
    def _acts(self) -> Settings:
        if self.held_out and self.action == "mark":
            raise ValueError("`held_out` does nothing with `action: mark`, which marks all splits")
        if self.predictions is not None:
            for name in ("folds", "max_chars", "max_samples", "seed"):
                if not is_default(self, name):
                    raise ValueError(f"`{name}` does nothing beside `predictions`")
        elif not is_default(self, "max_table_bytes"):
            raise ValueError("`max_table_bytes` bounds nothing without `predictions`")
        return self

    def normal(self) -> Settings:
        """Without the table's name, and what bounds memory: what it holds is in the
        fingerprint."""
        update: dict[str, object] = {"max_samples": 200_000, "max_table_bytes": 1 << 30}
        if self.predictions is not None:
            update["predictions"] = "table"
        return self.model_copy(update=update)


def fingerprint(settings: Settings) -> str:
    """What the table of predictions holds; empty without one.

    Raises:
        MissingError: It is not there.
    """
    return "" if settings.predictions is None else predictions.digest_of(settings.predictions)


def reads(settings: Settings) -> tuple[str, ...]:
    """The labels, and the texts where the classifier is trained here."""
    return ("label",) if settings.predictions is not None else ("label", "text")


def fills(settings: Settings) -> tuple[str, ...]:
    """What is said of each label; of one that was replaced, what it was."""
    own = (QUALITY, IS_ERROR, LIKELIEST)
    if settings.action != "replace":
        return own
    return (*own, GIVEN, "label", "label_origin", "label_confidence")


def warns(settings: Settings) -> str:
    """That labels of held-out samples are changed by a model."""
    if not settings.held_out:
        return ""
    return (
        "`held_out` lets a model decide by which test samples a model is measured: figures on them "
        "come out too high"
    )


def survey(batches: Iterator[pa.RecordBatch], settings: Settings) -> list[str]:
    """Which labels cannot be judged.

    Raises:
        DataError: Fewer than two classes can be.
    """
    counts: Counter[str] = Counter()
    for batch in batches:
        for one in pc.value_counts(schema.column(batch, "label").drop_null()).to_pylist():
            counts[one["values"]] += one["counts"]
    least = 1 if settings.predictions is not None else _LEAST
    rare = sorted(name for name, count in counts.items() if count < least)
    if len(counts) - len(rare) < 2:
        raise DataError(
            f"labels are judged against each other, and there {_classes(counts, rare)}",
            hint=f"a class is judged from {least} labels on"
            if rare
            else "`label` of a source, a `join`, `consensus` or `vote` before it give labels",
            code="too-few-classes",
        )
    if not rare:
        return []
    named = ", ".join(f"`{name}`" for name in rare[:5])
    return [
        f"{'1 class' if len(rare) == 1 else f'{len(rare)} classes'} with fewer than {least} labels "
        f"({named}{', ...' if len(rare) > 5 else ''}): these labels are not judged"
    ]


def _classes(counts: Counter[str], rare: list[str]) -> str:
    num = len(counts) - len(rare)
    found = "is one class" if num == 1 else "are no labels" if not counts else "is no class"
    return found + (f" with {_LEAST} labels or more" if rare else "")


def keys(batch: pa.RecordBatch, settings: Settings) -> pa.Table:
    """The labelled rows: key, id, group, label, text (where it is read)."""
    labels = schema.column(batch, "label")
    has_label = pc.is_valid(labels)
    names = batch.column("id")
    # What has the same content is on one side, or a copy would vouch for its copy.
    groups = pc.coalesce(schema.column(batch, "key"), names)
    columns = {"key": names, "id": names, "group": groups, "label": labels}
    if settings.predictions is None:
        texts = pc.fill_null(schema.column(batch, "text"), "")
        columns["text"] = pc.utf8_slice_codeunits(texts, 0, settings.max_chars)
    return pa.table(columns).filter(has_label)


def reduce(table: pa.Table, settings: Settings) -> pa.Table:
    """Nothing to add up within a partition."""
    del settings
    return table.drop_columns([name for name in table.column_names if name not in _KEPT])


def resolve(table: pa.Table, settings: Settings) -> pa.Table:
    """What is said of each label: shard, position, id, quality, error, likeliest, probability.

    Raises:
        DataError: There are more samples than are judged at once, or no prediction of any.
    """
    table = table.sort_by([("id", "ascending"), ("position", "ascending")])
    judge = _by_folds if settings.predictions is None else _by_table
    chosen, classes, probabilities = judge(table, settings)
    if len(classes) < 2:  # which `survey` refuses in all the data
        chosen, probabilities = chosen[:0], np.zeros((0, 2))
    table = table.take(pa.array(chosen))
    place = {name: code for code, name in enumerate(classes)}
    labels = np.array([place[name] for name in table.column("label").to_pylist()], np.int64)
    found = find_errors(labels, probabilities)
    best = probabilities[np.arange(len(labels)), found.likeliest]
    return pa.table(
        {
            **{name: table.column(name) for name in ("shard", "position", "id")},
            "quality": pa.array(found.quality, pa.float64()),
            "error": pa.array(found.is_error.astype(np.int64), pa.int64()),
            "likeliest": pa.array([classes[k] for k in found.likeliest.tolist()], pa.string()),
            "probability": pa.array(best, pa.float64()),
        }
    )


def _by_folds(table: pa.Table, settings: Settings) -> tuple[Integers, list[str], Floats]:
    """Rows that are judged, the classes, and probabilities by classifiers of the other folds."""
    if table.num_rows > settings.max_samples:
        raise DataError(
            f"{table.num_rows:,} samples have a label, more than the {settings.max_samples:,} that "
            "are judged at once",
            hint="raise `max_samples` (about 10 kB of memory each), or give `predictions`",
            code="too-many-samples",
        )
    labels = table.column("label").to_pylist()
    counts = Counter(labels)
    classes = sorted(name for name, count in counts.items() if count >= _LEAST)
    place = {name: code for code, name in enumerate(classes)}
    chosen = np.array([row for row, name in enumerate(labels) if name in place], np.int64)
    codes = np.array([place[labels[row]] for row in chosen.tolist()], np.int64)
    texts = table.column("text").to_pylist()
    texts = [texts[row] for row in chosen.tolist()]
    groups = table.column("group").to_pylist()
    folds = np.array(
        [hash_of(settings.seed, "fold", groups[row]) % settings.folds for row in chosen.tolist()]
    )
    probabilities = np.zeros((len(chosen), len(classes)))
    for fold in range(settings.folds):
        out = np.flatnonzero(folds == fold)
        rest = np.flatnonzero(folds != fold)
        if not len(out):
            continue
        if not len(rest):
            probabilities[out] = 1 / len(classes)
            continue
        fit = classifier.learn([texts[row] for row in rest.tolist()], codes[rest], len(classes))
        probabilities[out] = fit.probabilities([texts[row] for row in out.tolist()])
    return chosen, classes, probabilities


def _by_table(table: pa.Table, settings: Settings) -> tuple[Integers, list[str], Floats]:
    """Rows that are judged, the classes, and probabilities of a table."""
    assert settings.predictions is not None
    ids = table.column("id").to_pylist()
    labels = set(pc.unique(table.column("label")).to_pylist())
    names = list(dict.fromkeys(ids))
    classes, found, is_there = predictions.read_predictions(
        settings.predictions, names, labels, settings.max_table_bytes
    )
    if not is_there.any():
        raise DataError(
            f"none of the {plural(len(names), 'sample')} with a label has a prediction",
            where=settings.predictions,
            hint="its ids are those of samples: of the same sources, and of the step before",
            code="no-predictions",
        )
    number = {name: at for at, name in enumerate(names)}
    places = np.array([number[name] for name in ids], np.int64)
    chosen = np.flatnonzero(is_there[places])
    return chosen, classes, found[places[chosen]]


def apply(batch: pa.RecordBatch, decisions: pa.Table, settings: Settings) -> pa.RecordBatch:
    """The same rows with what is said of their labels; errors dropped or replaced if asked."""
    found = {}
    if decisions.num_rows:
        columns = [decisions.column(name).to_pylist() for name in _SAID]
        names = decisions.column("id").to_pylist()
        found = dict(zip(names, zip(*columns, strict=True), strict=True))
    nothing = (None,) * len(_SAID)
    said = [found.get(name, nothing) for name in batch.column("id").to_pylist()]
    quality, is_error, likeliest, probability = ([one[at] for one in said] for at in range(4))
    batch = schema.with_columns(
        batch,
        {
            QUALITY: pa.array(quality, pa.float64()),
            IS_ERROR: pa.array(is_error, pa.int64()),
            LIKELIEST: pa.array(likeliest, pa.string()),
        },
    )
    if settings.action == "mark":
        return batch
    splits = schema.column(batch, "split").to_pylist()
    changes = np.array(
        [
            error == 1 and (settings.held_out or split not in SPLITS[1:])
            for error, split in zip(is_error, splits, strict=True)
        ],
        bool,
    )
    labels = schema.column(batch, "label").to_pylist()
    if settings.action == "drop":
        why = [
            f"given `{label}`, likeliest `{other}` ({distinct(sure or 0, (0.0, 1.0))})"
            for label, other, sure in zip(labels, likeliest, probability, strict=True)
        ]
        return schema.mark_dropped(batch, changes, "label_error", why)
    origins = schema.column(batch, "label_origin").to_pylist()
    sure = schema.column(batch, "label_confidence").to_pylist()
    given: list[str | None] = [None] * batch.num_rows
    for row in np.flatnonzero(changes).tolist():
        given[row], labels[row] = labels[row], likeliest[row]
        origins[row], sure[row] = ORIGIN, probability[row]
    return schema.with_columns(
        batch,
        {
            "label": labels,
            "label_origin": origins,
            "label_confidence": sure,
            GIVEN: pa.array(given, pa.string()),
        },
    )


def describe(batches: Iterator[pa.RecordBatch], settings: Settings) -> PlainObject:
    """How many labels are likely to be wrong, of which pairs, and the likeliest. See `FIGURES`."""
    del settings
    told = suspects.Told()
    for batch in batches:
        told.add(batch)
    return told.figures()
