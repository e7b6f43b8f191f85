"""One label from several people's answers, with how sure it is.

A shuffle: Dawid-Skene judges an annotator by all of the annotator's answers, so the answers of all
shards come together; nothing else of the records does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, assert_never

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from tilth import schema
from tilth.label import agreement, dawid_skene
from tilth.randomness import hash_of
from tilth.records import PlainObject
from tilth.settings import BaseSettings

# In the report: more annotators or classes than this are counted, not listed.
_MAX_LISTED_ANNOTATORS = 50
_MAX_LISTED_MATRICES = 10
_MAX_LISTED_CLASSES = 12
# Deliveries for demonstration name their annotators so.
_SIMULATED = "simulated"

# How far people agree is seen in all that they answered, and not in what is left when the disputed
# items are gone.
DESCRIBES_DROPPED = True

_ANSWERS = pa.list_(pa.string())


class Settings(BaseSettings):
    """Make one label of several people's answers, with a confidence.

    Rows that have a label already keep it, and their answers do not take part. Rows with neither
    label nor answers are dropped.
    """

    method: Literal["dawid-skene", "majority", "single"] = Field(
        "dawid-skene",
        description="dawid-skene: weigh annotators by how well they seem to do (of more than 128 "
        "classes, an item is taken to be of one that it was given); majority: most answers, ties "
        "by hash; single: one answer an item, chosen by hash, of unknown confidence",
    )
    min_confidence: float = Field(
        0.0,
        description="drop items whose label is less sure than this (not of single, which does not "
        "know)",
        ge=0,
        le=1,
    )
    smoothing: float = Field(
        0.01,
        description="added to the counts of each confusion matrix (dawid-skene; of the other "
        "methods, in what is told of the annotators)",
        gt=0,
        le=1000,
    )
    max_iterations: int = Field(
        100, description="rounds of EM at most (as `smoothing`, of dawid-skene)", ge=1
    )
    seed: int = Field(
        0,
        description="decides ties (majority; of the other methods, in the comparison with it) and "
        "the one answer (single)",
        ge=0,
        lt=2**32,
    )

    @model_validator(mode="after")
    def _can_be_unsure(self) -> Settings:
        if self.method == "single" and self.min_confidence > 0:
            raise ValueError(
                "`min_confidence` drops nothing with `method: single`, whose labels are of unknown "
                "confidence"
            )
        return self


def reads(_: Settings) -> tuple[str, ...]:
    """The answers."""
    return ("annotations",)


def fills(settings: Settings) -> tuple[str, ...]:
    """The columns that say what a sample is; one answer alone says nothing about how sure."""
    names = ("label", "label_confidence", "label_origin")
    return tuple(n for n in names if settings.method != "single" or n != "label_confidence")


@dataclass(frozen=True)
class _Answers:
    """Answers as integers; items in the order of their ids, so that no cut into shards shows."""

    annotator_names: list[str]
    class_names: list[str]
    items: npt.NDArray[np.int64]
    annotators: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    num_items: int


def survey(batches: Iterator[pa.RecordBatch], _: Settings) -> list[str]:
    """Whether there are answers, and none to a sample without a label."""
    answered = unlabelled = 0
    for batch in batches:
        answers = pc.fill_null(pc.list_value_length(schema.column(batch, "annotations")), 0)
        has_answers = pc.greater(answers, 0)
        is_open = pc.is_null(schema.column(batch, "label"))
        answered += pc.sum(has_answers).as_py() or 0
        unlabelled += pc.sum(pc.and_(has_answers, is_open)).as_py() or 0
    if answered and not unlabelled:
        return ["every sample that has answers has a label already, and `consensus` labels none"]
    return []


def keys(batch: pa.RecordBatch, settings: Settings) -> pa.Table:
    """The answers to the rows that have no label yet: key, id, annotators, labels."""
    del settings
    given = schema.column(batch, "label").to_pylist()
    ids, annotators, labels = [], [], []
    for name, label, answers in zip(
        batch.column("id").to_pylist(),
        given,
        schema.column(batch, "annotations").to_pylist(),
        strict=True,
    ):
        usable = _usable(answers)
        if label is None and usable:
            ids.append(name)
            annotators.append([who for who, _ in usable])
            labels.append([what for _, what in usable])
    return pa.table(
        {
            "key": pa.array(ids, pa.string()),
            "id": pa.array(ids, pa.string()),
            "annotators": pa.array(annotators, _ANSWERS),
            "labels": pa.array(labels, _ANSWERS),
        }
    )


def reduce(table: pa.Table, settings: Settings) -> pa.Table:
    """Nothing to add up within a partition: the answers, less what only the engine needs."""
    del settings
    return table.select(["shard", "id", "annotators", "labels"])


def resolve(table: pa.Table, settings: Settings) -> pa.Table:
    """The label of each item: shard, id, label, confidence."""
    table = table.sort_by("id")
    answers = _encode(table.column("annotators").to_pylist(), table.column("labels").to_pylist())
    ids = table.column("id").to_pylist()
    chosen, confidence = _decide(answers, ids, settings)
    names = np.array(answers.class_names, object)
    return pa.table(
        {
            "shard": table.column("shard"),
            "id": table.column("id"),
            "label": pa.array(names[chosen].tolist(), pa.string()),
            "confidence": pa.array(confidence, pa.float64(), from_pandas=True),
        }
    )


def apply(batch: pa.RecordBatch, decisions: pa.Table, settings: Settings) -> pa.RecordBatch:
    """Write label, label_confidence and label_origin; drop what stays unlabelled or unsure."""
    found: dict[str, tuple[str, float | None]] = {}
    if decisions.num_rows:
        values = (decisions.column(name).to_pylist() for name in ("label", "confidence"))
        pairs = zip(*values, strict=True)
        found = dict(zip(decisions.column("id").to_pylist(), pairs, strict=True))
    labels = schema.column(batch, "label").to_pylist()
    confidences = schema.column(batch, "label_confidence").to_pylist()
    origins = schema.column(batch, "label_origin").to_pylist()
    unlabelled = np.zeros(batch.num_rows, bool)
    unsure = np.zeros(batch.num_rows, bool)
    for row, name in enumerate(batch.column("id").to_pylist()):
        if labels[row] is not None:
            continue
        if name not in found:
            unlabelled[row] = True
            continue
        labels[row], confidences[row] = found[name]
        origins[row] = f"consensus:{settings.method}"
        sure = confidences[row]
        unsure[row] = sure is not None and sure < settings.min_confidence
    batch = schema.with_columns(
        batch, {"label": labels, "label_confidence": confidences, "label_origin": origins}
    )
    batch = schema.mark_dropped(batch, unlabelled, "num_annotations >= 1", ["0"] * batch.num_rows)
    shown = [None if value is None else f"{value:.4f}" for value in confidences]
    return schema.mark_dropped(
        batch, unsure, f"label_confidence >= {settings.min_confidence:g}", shown
    )


def describe(batches: Iterator[pa.RecordBatch], settings: Settings) -> PlainObject:
    """Agreement of the annotators, what each is taken to be worth, and what consensus changed.

    Over all rows that were labelled here, those that are too unsure to be kept too; Dawid-Skene
    judges the annotators even where another method made the labels.
    """
    people: list[list[str]] = []
    given: list[list[str]] = []
    final: list[str] = []
    ids: list[str] = []
    expert = [0, 0]
    for batch in batches:
        for name, label, origin, answers in zip(
            batch.column("id").to_pylist(),
            schema.column(batch, "label").to_pylist(),
            schema.column(batch, "label_origin").to_pylist(),
            schema.column(batch, "annotations").to_pylist(),
            strict=True,
        ):
            usable = _usable(answers)
            if label is None or not usable:
                continue
            if not (origin or "").startswith("consensus:"):
                expert[0] += sum(what == label for _, what in usable)
                expert[1] += len(usable)
                continue
            people.append([who for who, _ in usable])
            given.append([what for _, what in usable])
            final.append(label)
            ids.append(name)
    figures: PlainObject = {"method": settings.method, "items": len(final)}
    if expert[1]:
        figures["answers_equal_to_given_labels"] = {
            "share": expert[0] / expert[1],
            "answers": expert[1],
        }
    if not final:
        return figures
    order = sorted(range(len(ids)), key=ids.__getitem__)
    answers_ = _encode([people[i] for i in order], [given[i] for i in order])
    final, ids = [final[i] for i in order], [ids[i] for i in order]
    return figures | _figures(answers_, ids, final, settings)


def _figures(
    answers: _Answers, ids: list[str], final: list[str], settings: Settings
) -> PlainObject:
    num_classes = len(answers.class_names)
    counts = agreement.count_answers(answers.items, answers.labels, answers.num_items, num_classes)
    fit = _fit(answers, settings)
    code = {name: index for index, name in enumerate(answers.class_names)}
    decided = np.array([code.get(name, -1) for name in final], np.int64)
    most, _ = _majority(answers, ids, settings.seed)
    unanimous = np.bincount(counts.items, minlength=counts.num_items) == 1
    alpha = agreement.krippendorff_alpha(counts)
    kappa = agreement.fleiss_kappa(counts)
    figures: PlainObject = {
        "answers": len(answers.items),
        "classes": answers.class_names[:_MAX_LISTED_CLASSES],
        "num_classes": num_classes,
        "krippendorff_alpha": alpha,
        "fleiss_kappa": kappa,
        "unanimous_share": float(unanimous.mean()),
        "changed_from_majority_share": float((decided != most).mean()),
        "num_annotators": len(answers.annotator_names),
        "em_iterations": fit.iterations,
        "em_converged": fit.converged,
    }
    if num_classes > dawid_skene.MOST_CLASSES:
        figures["em_weighed"] = "of each item, the classes that it was given"
    return figures | _annotators(answers, fit, decided)


def _annotators(
    answers: _Answers, fit: dawid_skene.Fit, decided: npt.NDArray[np.int64]
) -> PlainObject:
    """The annotators with most answers first; confusion matrices where they are small enough."""
    num = np.bincount(answers.annotators, minlength=len(answers.annotator_names))
    equal = answers.labels == decided[answers.items]
    agreeing = np.bincount(answers.annotators, equal, len(num))
    accuracy = fit.accuracy()
    order = sorted(range(len(num)), key=lambda who: (-num[who], who))
    names, classes = answers.annotator_names, answers.class_names
    figures: PlainObject = {
        "annotators": [
            {
                "annotator": names[who],
                "answers": int(num[who]),
                "estimated_accuracy": float(accuracy[who]),
                "equal_to_label_share": float(agreeing[who] / num[who]),
            }
            for who in order[:_MAX_LISTED_ANNOTATORS]
        ]
    }
    if len(classes) <= _MAX_LISTED_CLASSES:
        figures["confusion_true_by_answered"] = {
            names[who]: {
                true: dict(zip(classes, row, strict=True))
                for true, row in zip(classes, fit.confusion(who).round(3).tolist(), strict=True)
            }
            for who in order[:_MAX_LISTED_MATRICES]
        }
    if any(name.startswith(_SIMULATED) for name in names):
        figures["simulated"] = True
    return figures


def _decide(
    answers: _Answers, ids: list[str], settings: Settings
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """The class of each item and its confidence, int64 and float64 [items]."""
    match settings.method:
        case "majority":
            return _majority(answers, ids, settings.seed)
        case "single":
            return _single(answers, ids, settings.seed)
        case "dawid-skene":
            return _fit(answers, settings).best(answers.num_items)
    assert_never(settings.method)


def _fit(answers: _Answers, settings: Settings) -> dawid_skene.Fit:
    return dawid_skene.fit(
        answers.items,
        answers.annotators,
        answers.labels,
        num_items=answers.num_items,
        num_annotators=len(answers.annotator_names),
        num_classes=len(answers.class_names),
        smoothing=settings.smoothing,
        max_iterations=settings.max_iterations,
    )


def _majority(
    answers: _Answers, ids: list[str], seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    counts = agreement.count_answers(
        answers.items, answers.labels, answers.num_items, len(answers.class_names)
    )
    most = np.zeros(answers.num_items, np.int64)
    np.maximum.at(most, counts.items, counts.times)
    is_most = counts.times == most[counts.items]
    items, labels = counts.items[is_most], counts.labels[is_most]
    chosen = np.zeros(answers.num_items, np.int64)
    chosen[items] = labels
    # Ties go by hash: by order they would all go to the class that sorts first.
    is_tied = np.bincount(items, minlength=answers.num_items)[items] > 1
    least: dict[int, int] = {}
    for item, label in zip(items[is_tied].tolist(), labels[is_tied].tolist(), strict=True):
        rank = hash_of(seed, ids[item], answers.class_names[label])
        if item not in least or rank < least[item]:
            least[item], chosen[item] = rank, label
    return chosen, most / counts.per_item()


def _single(
    answers: _Answers, ids: list[str], seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    chosen = np.zeros(answers.num_items, np.int64)
    best: list[int | None] = [None] * answers.num_items
    for item, who, label in zip(
        answers.items.tolist(), answers.annotators.tolist(), answers.labels.tolist(), strict=True
    ):
        rank = hash_of(seed, ids[item], answers.annotator_names[who])
        current = best[item]
        if current is None or rank < current:
            best[item], chosen[item] = rank, label
    # One answer alone says nothing about how sure it is.
    return chosen, np.full(answers.num_items, np.nan)


def _encode(annotators: list[list[str]], labels: list[list[str]]) -> _Answers:
    """Names to integers, in the order of the names."""
    people = sorted({name for names in annotators for name in names})
    classes = sorted({name for names in labels for name in names})
    person = {name: index for index, name in enumerate(people)}
    kind = {name: index for index, name in enumerate(classes)}
    sizes = np.array([len(names) for names in labels], np.int64)
    return _Answers(
        people,
        classes,
        np.repeat(np.arange(len(sizes), dtype=np.int64), sizes),
        np.array([person[name] for names in annotators for name in names], np.int64),
        np.array([kind[name] for names in labels for name in names], np.int64),
        len(sizes),
    )


def _usable(answers: list[dict[str, str | None]] | None) -> list[tuple[str, str]]:
    """The answers that say who and what."""
    found = []
    for answer in answers or ():
        who, what = answer["annotator"], answer["label"]
        if who is not None and what is not None:
            found.append((who, what))
    return found
