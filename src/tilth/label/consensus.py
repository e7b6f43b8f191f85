"""One label from several people's answers, with how sure it is.

A shuffle: Dawid-Skene judges an annotator by all of the annotator's answers, so the answers of all
shards come together; nothing else of the records does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Literal, assert_never

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from tilth import schema
from tilth.hints import spelled_alike
from tilth.label import dawid_skene, quality
from tilth.label.answers import Answers, Repeated, encode, majority, single, usable
from tilth.records import PlainObject
from tilth.settings import BaseSettings
from tilth.spell import distinct, plural

# How far people agree is seen in all that they answered, and not in what is left when the disputed
# items are gone.
DESCRIBES_DROPPED = True
FIGURES = quality.FIGURES

_ORIGIN = "consensus:"
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
    repeated: Repeated = Field(
        "last",
        description="which of an annotator's answers to one sample counts, where there are "
        "several: one person has one vote",
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
        description="decides ties (majority) and the one answer (single)",
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

    def normal(self) -> Settings:
        """Without the seed where nothing is drawn."""
        is_drawn = self.method != "dawid-skene"
        return self if is_drawn else self.model_copy(update={"seed": 0})


def reads(_: Settings) -> tuple[str, ...]:
    """The answers."""
    return ("annotations",)


def fills(settings: Settings) -> tuple[str, ...]:
    """The columns that say what a sample is; one answer alone says nothing about how sure."""
    names = ("label", "label_confidence", "label_origin")
    return tuple(n for n in names if settings.method != "single" or n != "label_confidence")


def survey(batches: Iterator[pa.RecordBatch], settings: Settings) -> list[str]:
    """How many of the samples that have answers have a label already; whether all are of two
    people, of whom nothing tells who is right where they differ; which answers are repeated; and
    what labels and people are likely one in two spellings."""
    answered = unlabelled = 0
    counts, people = Counter[str](), Counter[str]()
    pair, again = _Pair(settings.repeated), _Again()
    for batch in batches:
        answers = schema.column(batch, "annotations")
        has_answers = pc.greater(pc.fill_null(pc.list_value_length(answers), 0), 0)
        is_open = pc.and_(has_answers, pc.is_null(schema.column(batch, "label")))
        answered += pc.sum(has_answers).as_py() or 0
        unlabelled += pc.sum(is_open).as_py() or 0
        open_answers = answers.filter(is_open)
        pair.add(open_answers)
        again.add(open_answers)
        # People are compared by all that they answered, with whatever labels a sample.
        for part, number, of in (("label", counts, open_answers), ("annotator", people, answers)):
            said = pc.struct_field(pc.list_flatten(of), part)
            for one in pc.value_counts(said.drop_null()).to_pylist():
                number[one["values"]] += one["counts"]
    if answered and not unlabelled:
        return ["every sample that has answers has a label already, and `consensus` labels none"]
    told = []
    if answered > unlabelled:
        labelled = answered - unlabelled
        told.append(
            f"{labelled:,} of the {answered:,} samples that have answers "
            f"{'has' if labelled == 1 else 'have'} a label already, and `consensus` leaves it as "
            "it is"
        )
    told += spelled_alike(counts, "answer", "class")
    told += spelled_alike(people, "answer", "person")
    told += again.told(settings.repeated)
    if len(pair.people) == 2 and pair.differ and settings.method != "single":
        told.append(
            f"all answers are of two annotators, who differ on {pair.differ} of the {pair.both} "
            "samples that both answered; who is right there cannot be told"
        )
    return told


class _Pair:
    """On how many samples two annotators differ; of no use as soon as there is a third."""

    def __init__(self, repeated: Repeated) -> None:
        self._repeated = repeated
        self.people: set[str] = set()
        self.both = self.differ = 0

    def add(self, annotations: pa.Array) -> None:
        """Take in the answers to samples."""
        for answers in annotations if len(self.people) <= 2 else ():
            found = dict(usable(answers.as_py(), self._repeated)[0])
            self.people |= found.keys()
            self.both += len(found) == 2
            self.differ += len(set(found.values())) == 2
            if len(self.people) > 2:
                return


class _Again:
    """How many answers are of people who had answered the sample before."""

    def __init__(self) -> None:
        self._num = self._others = 0

    def add(self, annotations: pa.Array) -> None:
        """Take in the answers to samples."""
        answers = pc.list_flatten(annotations)
        who, what = (pc.struct_field(answers, part) for part in ("annotator", "label"))
        says = pc.and_(pc.is_valid(who), pc.is_valid(what))
        votes = pa.table(
            {
                "item": pc.list_parent_indices(annotations).filter(says),
                "who": who.filter(says),
                "what": what.filter(says),
            }
        )
        people = votes.group_by(["item", "who"]).aggregate([([], "count_all")]).num_rows
        self._num += votes.num_rows - people
        self._others += (
            votes.group_by(["item", "who", "what"]).aggregate([([], "count_all")]).num_rows - people
        )

    def told(self, repeated: Repeated) -> list[str]:
        """What is to be told of them, in sentences."""
        if not self._num:
            return []
        return [
            f"{plural(self._num, 'answer')} of an annotator who had answered the sample before "
            f"({self._others:,} with another label); the {repeated} of each person counts "
            "(`repeated`)"
        ]


def keys(batch: pa.RecordBatch, settings: Settings) -> pa.Table:
    """The answers to the rows that have no label yet: key, id, annotators, labels."""
    given = schema.column(batch, "label").to_pylist()
    ids, annotators, labels = [], [], []
    for name, label, answers in zip(
        batch.column("id").to_pylist(),
        given,
        schema.column(batch, "annotations").to_pylist(),
        strict=True,
    ):
        found, _ = usable(answers, settings.repeated)
        if label is None and found:
            ids.append(name)
            annotators.append([who for who, _ in found])
            labels.append([what for _, what in found])
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
    return table.select(["shard", "position", "id", "annotators", "labels"])


def resolve(table: pa.Table, settings: Settings) -> pa.Table:
    """The label of each item: shard, position, id, label, confidence."""
    table = table.sort_by([("id", "ascending"), ("position", "ascending")])
    answers = encode(table.column("annotators").to_pylist(), table.column("labels").to_pylist())
    ids = table.column("id").to_pylist()
    chosen, confidence = _decide(answers, ids, settings)
    names = np.array(answers.class_names, object)
    return pa.table(
        {
            "shard": table.column("shard"),
            "position": table.column("position"),
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
    annotations = schema.column(batch, "annotations").to_pylist()
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
        origins[row] = _ORIGIN + settings.method
        sure = confidences[row]
        unsure[row] = sure is not None and sure < settings.min_confidence
    batch = schema.with_columns(
        batch, {"label": labels, "label_confidence": confidences, "label_origin": origins}
    )
    answers = [_none_usable(len(given or ())) for given in annotations]
    batch = schema.mark_dropped(batch, unlabelled, "num_annotations >= 1", answers)
    least = settings.min_confidence
    shown = [
        distinct(sure, (least,)) if sure is not None and is_unsure else None
        for sure, is_unsure in zip(confidences, unsure.tolist(), strict=True)
    ]
    return schema.mark_dropped(batch, unsure, f"label_confidence >= {_exactly(least)}", shown)


def _none_usable(num: int) -> str:
    return f"0 of {num} say who and what" if num else "0"


def _exactly(value: float) -> str:
    return repr(value).removesuffix(".0")


def describe(batches: Iterator[pa.RecordBatch], settings: Settings) -> PlainObject:
    """Agreement of the annotators, what each is taken to be worth, and what consensus changed.

    Of all samples that were labelled here, those that are too unsure to be kept too; Dawid-Skene
    judges the annotators even where another method made the labels. See `FIGURES`.
    """
    told = quality.Told(settings.repeated)
    for batch in batches:
        for name, label, origin, answers in zip(
            batch.column("id").to_pylist(),
            schema.column(batch, "label").to_pylist(),
            schema.column(batch, "label_origin").to_pylist(),
            schema.column(batch, "annotations").to_pylist(),
            strict=True,
        ):
            told.add(name, answers or (), label, is_made=(origin or "").startswith(_ORIGIN))
    makes_labels = settings.method == "dawid-skene"
    found = told.figures(_judge(settings), makes_labels=makes_labels)
    return {"method": settings.method, **found}


def _decide(
    answers: Answers, ids: list[str], settings: Settings
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """The class of each item and its confidence, int64 and float64 [items]."""
    match settings.method:
        case "majority":
            return majority(answers, ids, settings.seed)
        case "single":
            return single(answers, ids, settings.seed)
        case "dawid-skene":
            return _judge(settings)(answers).best(answers.num_items)
    assert_never(settings.method)


def _judge(settings: Settings) -> quality.Judge:
    """The label model, with its settings."""

    def judge(answers: Answers) -> dawid_skene.Fit:
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

    return judge
