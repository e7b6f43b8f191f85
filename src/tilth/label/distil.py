"""Teach a small classifier what is labelled, and let it label the rest.

What functions, people or a language model said of some samples is learnt by `classifier`, each
sample weighed by how sure its label is; what it then says of the others costs nobody an answer. A
shuffle: what is learnt from stands in all shards, what is labelled is looked at by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from tilth import schema
from tilth.errors import DataError
from tilth.figures import Definition
from tilth.label import classifier
from tilth.randomness import hash_of
from tilth.records import PlainObject
from tilth.schema import SIGNAL_PREFIX
from tilth.settings import BaseSettings
from tilth.spell import plural
from tilth.splits import SPLITS

LIKELIEST = SIGNAL_PREFIX + "distilled_label"
SURE = SIGNAL_PREFIX + "distilled_confidence"
ORIGIN = "distil"

DESCRIBES_BY = ("label", "label_origin", "split", LIKELIEST, SURE)

_counted = partial(
    Definition,
    rows="samples that were kept",
    reference="plain lines over the samples",
    test="tests/label/test_distil.py::test_every_figure_is_that_of_plain_lines",
)
FIGURES = (
    _counted("labelled", "labelled here", "Samples that got their label from it.", unit="samples"),
    _counted(
        "unsure",
        "too unsure",
        "Samples that stay without a label: its likeliest class was less sure than the least.",
        unit="samples",
    ),
    _counted("labels", "labels", "Samples that were labelled here, by label.", unit="samples"),
    _counted(
        "held_out",
        "held-out samples",
        "Samples of the splits validation and test that had a label: it did not learn from them.",
        unit="samples",
    ),
    _counted(
        "held_out_accuracy",
        "agreement with held-out labels",
        "Share of these whose label is the class that it finds likeliest.",
        rows="samples of the splits validation and test that had a label",
        share=True,
        better="higher",
        how="measured",
    ),
)


class Settings(BaseSettings):
    """Teach a small classifier of texts what is labelled, and let it label the rest.

    It learns from samples that have a label and a text, but those of validation and test; each
    counts by its `label_confidence`. Writes `signal.distilled_label` and
    `signal.distilled_confidence` of all samples, and label, label_confidence and label_origin of
    those without a label.
    """

    min_confidence: float = Field(
        0.0, ge=0, le=1, description="samples of which it is less sure stay without a label"
    )
    max_samples: int = Field(
        100_000, ge=2, description="samples that it learns from at most, chosen by hash"
    )
    max_terms: int = Field(
        50_000, ge=1, le=1_000_000, description="words and word pairs that it knows at most"
    )
    max_chars: int = Field(5_000, ge=10, description="characters of a text that are looked at")
    gives: Literal["label", "annotation"] = Field(
        "label",
        description="label: of samples without one; annotation: an answer of the annotator "
        "`model:distil` beside people's, of all samples, which `consensus` weighs",
    )
    seed: int = Field(0, ge=0, lt=2**32, description="decides which samples, where there are more")

    @model_validator(mode="after")
    def _acts(self) -> Settings:
        if self.gives == "annotation" and self.min_confidence > 0:
            raise ValueError("`min_confidence` keeps no answer back with `gives: annotation`")
        return self


def reads(_: Settings) -> tuple[str, ...]:
    """Texts and labels."""
    return ("text", "label")


def fills(settings: Settings) -> tuple[str, ...]:
    """What it says of each sample, and the label or an answer."""
    if settings.gives == "annotation":
        return (LIKELIEST, SURE, "annotations")
    return (LIKELIEST, SURE, "label", "label_confidence", "label_origin")


def survey(batches: Iterator[pa.RecordBatch], settings: Settings) -> list[str]:
    """Whether there is something to learn and something to label, and how much is left out.

    Raises:
        DataError: Fewer than two classes are labelled.
    """
    counts: Counter[str] = Counter()
    num_open = 0
    for batch in batches:
        labels = schema.column(batch, "label")
        num_open += labels.null_count
        learnt = labels.filter(_is_training(batch)).drop_null()
        counts.update({one["values"]: one["counts"] for one in pc.value_counts(learnt).to_pylist()})
    if len(counts) < 2:
        there = f"all are `{next(iter(counts))}`" if counts else "there are none"
        raise DataError(
            f"labels are learnt from two classes or more, and of the training samples {there}",
            hint="`vote`, `consensus` or `language_model` before it label some",
            code="too-few-classes",
        )
    told = []
    if not num_open and settings.gives == "label":
        told.append("every sample has a label already, and `distil` labels none")
    if counts.total() > settings.max_samples:
        told.append(
            f"it learns from {settings.max_samples:,} of {plural(counts.total(), 'sample')} with a "
            "label (`max_samples`)"
        )
    return told


def _is_training(batch: pa.RecordBatch) -> pa.Array:
    held_out = pc.is_in(schema.column(batch, "split"), pa.array(SPLITS[1:]))
    return pc.invert(pc.fill_null(held_out, False))


def keys(batch: pa.RecordBatch, settings: Settings) -> pa.Table:
    """What can be learnt from: key, id, label, weight, text."""
    texts = pc.utf8_slice_codeunits(schema.column(batch, "text"), 0, settings.max_chars)
    labels = schema.column(batch, "label")
    wanted = pc.and_(_is_training(batch), pc.and_(pc.is_valid(labels), pc.is_valid(texts)))
    names = batch.column("id")
    weights = pc.fill_null(schema.column(batch, "label_confidence"), 1.0)
    columns = {"key": names, "id": names, "label": labels, "weight": weights, "text": texts}
    return pa.table(columns).filter(wanted)


def reduce(table: pa.Table, settings: Settings) -> pa.Table:
    """Of a partition no more than are learnt from in all."""
    return _drawn(table, settings).select(["id", "position", "label", "weight", "text"])


def _drawn(table: pa.Table, settings: Settings) -> pa.Table:
    """So many samples, in the order of their hashes."""
    names = table.column("id").to_pylist()
    places = table.column("position").to_pylist()
    ranks = [
        (hash_of(settings.seed, "distil", name), at) for name, at in zip(names, places, strict=True)
    ]
    order = sorted(range(len(ranks)), key=ranks.__getitem__)[: settings.max_samples]
    return table.take(pa.array(order, pa.int64()))


def resolve(table: pa.Table, settings: Settings) -> pa.Table:
    """The classifier, a row a term, for every shard: shard, term, idf, weights; the row without a
    term has the intercepts and the classes."""
    if not table.num_rows:  # which `survey` refuses in all the data
        return pa.table({"shard": pa.array([], pa.int32())})
    table = _drawn(table, settings)
    names = table.column("label").to_pylist()
    classes = sorted(set(names))
    place = {name: code for code, name in enumerate(classes)}
    labels = np.array([place[name] for name in names], np.int64)
    weights = table.column("weight").to_numpy()
    fit = classifier.learn(
        table.column("text").to_pylist(), labels, len(classes), weights, settings.max_terms
    )
    rows = len(fit.terms) + 1
    return pa.table(
        {
            "shard": pa.array([-1] * rows, pa.int32()),
            "term": pa.array([None, *fit.terms], pa.string()),
            "idf": pa.array([0.0, *fit.idf.tolist()], pa.float64()),
            "weights": pa.array(
                [fit.intercepts.tolist(), *fit.weights.T.tolist()], pa.list_(pa.float64())
            ),
            "classes": pa.array([classes, *([None] * (rows - 1))], pa.list_(pa.string())),
        }
    )


def apply(batch: pa.RecordBatch, decisions: pa.Table, settings: Settings) -> pa.RecordBatch:
    """The same rows with what the classifier says of them; nothing is dropped."""
    texts = schema.column(batch, "text").to_pylist()
    rows = [row for row, text in enumerate(texts) if text is not None]
    likeliest: list[str | None] = [None] * batch.num_rows
    sure: list[float | None] = [None] * batch.num_rows
    if decisions.num_rows and rows:
        classes, fit = _classifier(decisions)
        cut = [(texts[row] or "")[: settings.max_chars] for row in rows]
        found = fit.probabilities(cut)
        for row, best, share in zip(
            rows, found.argmax(1).tolist(), found.max(1).tolist(), strict=True
        ):
            likeliest[row], sure[row] = classes[best], share
    batch = schema.with_columns(
        batch,
        {LIKELIEST: pa.array(likeliest, pa.string()), SURE: pa.array(sure, pa.float64())},
    )
    if settings.gives == "annotation":
        before = schema.column(batch, "annotations").to_pylist()
        who = f"model:{ORIGIN}"
        both = [
            own if label is None else [*(own or ()), {"annotator": who, "label": label}]
            for own, label in zip(before, likeliest, strict=True)
        ]
        kind = schema.SCHEMA["annotations"]
        return schema.with_columns(batch, {"annotations": pa.array(both, kind)})
    labels = schema.column(batch, "label").to_pylist()
    origins = schema.column(batch, "label_origin").to_pylist()
    confidences = schema.column(batch, "label_confidence").to_pylist()
    for row in rows:
        share = sure[row]
        if labels[row] is None and share is not None and share >= settings.min_confidence:
            labels[row], origins[row], confidences[row] = likeliest[row], ORIGIN, share
    return schema.with_columns(
        batch, {"label": labels, "label_origin": origins, "label_confidence": confidences}
    )


def _classifier(decisions: pa.Table) -> tuple[list[str], classifier.Classifier]:
    """The classes, and what `resolve` made."""
    terms = decisions.column("term").to_pylist()
    head = terms.index(None)
    order = [row for row in range(len(terms)) if row != head]
    weights = decisions.column("weights").to_pylist()
    classes: list[str] = decisions.column("classes").to_pylist()[head]
    idf = decisions.column("idf").to_numpy()
    num = len(classes)
    return classes, classifier.Classifier(
        num,
        np.arange(num),
        [terms[row] for row in order],
        idf[order],
        np.array([weights[row] for row in order], np.float64).reshape(len(order), num).T,
        np.array(weights[head], np.float64),
    )


def describe(batches: Iterator[pa.RecordBatch], settings: Settings) -> PlainObject:
    """How many were labelled, and how well it does on what it did not learn. See `FIGURES`."""
    del settings
    labels: Counter[str] = Counter()
    unsure = held_out = right = 0
    for batch in batches:
        columns = [schema.column(batch, name).to_pylist() for name in DESCRIBES_BY]
        for label, origin, split, likeliest, _ in zip(*columns, strict=True):
            if likeliest is None:
                continue
            if label is None:
                unsure += 1
            elif origin == ORIGIN:
                labels[label] += 1
            elif split in SPLITS[1:]:
                held_out += 1
                right += label == likeliest
    common: dict[str, int] = dict(sorted(labels.items(), key=lambda pair: (-pair[1], pair[0])))
    found: PlainObject = {
        "labelled": labels.total(),
        "unsure": unsure,
        "labels": common,
        "held_out": held_out,
    }
    if held_out:
        found["held_out_accuracy"] = right / held_out
    return found
