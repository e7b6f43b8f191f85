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
from tilth.errors import DataError
from tilth.hints import spelled_alike
from tilth.label import dawid_skene, mace, quality
from tilth.label.agreement import Scale, values_of
from tilth.label.answers import Answers, Repeated, encode, majority, shares, single, usable
from tilth.label.beliefs import Beliefs
from tilth.label.calibration import LEAST_GOLD
from tilth.label.dawid_skene import POOLING
from tilth.label.decide import decide
from tilth.labels import Label
from tilth.records import PlainObject
from tilth.settings import BaseSettings, is_default
from tilth.spell import distinct, percent, plural

# How far people agree is seen in all that they answered, and not in what is left when the disputed
# items are gone.
DESCRIBES_DROPPED = True
FIGURES = quality.FIGURES

_ORIGIN = "consensus:"
# Labels that other steps made are no gold.
_MADE = (_ORIGIN, "vote")
# The rule that drops what nothing in the answers decides.
_KNOWABLE = "who is right can be told"
TELLS_BY = ("split", "label", "label_confidence", "label_origin")
_ANSWERS = pa.list_(pa.string())


class Settings(BaseSettings):
    """Make one label of several people's answers, with a confidence.

    Rows that have a label already keep it; where people answered them too they are gold, which says
    how right each annotator is and what confidence is worth. Rows with neither label nor answers
    are dropped.
    """

    method: Literal["dawid-skene", "mace", "majority", "single"] = Field(
        "dawid-skene",
        description="dawid-skene: weigh annotators by how well they seem to do, class by class (of "
        "more than 128 classes, an item is taken to be of one that it was given); mace: by how "
        "often each seems to know; majority: most answers, ties by hash; single: one answer an "
        "item, chosen by hash, of unknown confidence",
    )
    scale: Scale = Field(
        "nominal",
        description="nominal: classes; ordinal: grades, interval: numbers, of which a label is the "
        "median and not the likeliest, and agreement counts how far answers are apart",
    )
    order: tuple[Label, ...] = Field(
        (), description="the grades from the lowest on (ordinal; none: they are numbers)"
    )
    gold: bool = Field(
        True,
        description="take samples that have both a label and answers as gold: labels that "
        "`consensus` or `vote` made are none, and fewer than 10 samples count for nothing",
    )
    undecided: Literal["hold", "decide"] = Field(
        "hold",
        description="what becomes of an item whose answers differ, without a majority, where "
        "nothing tells how right any of its people is, as of two annotators without gold: hold "
        "drops it (dawid-skene, mace); decide takes what the method says",
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
    pooling: float = Field(
        POOLING,
        description="how many answers to each class the confusion matrix of all annotators counts "
        "for in each one's (as `smoothing`, of dawid-skene); 0: each is known by his own alone",
        ge=0,
        le=1000,
    )
    max_iterations: int = Field(
        200,
        description="rounds of EM at most (of mace too; as `smoothing`, of dawid-skene)",
        ge=1,
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
        if self.order and self.scale != "ordinal":
            raise ValueError("`order` does nothing without `scale: ordinal`")
        if len({*self.order}) < len(self.order):
            raise ValueError("a grade stands twice in `order`")
        if self.scale != "nominal" and self.method == "single":
            raise ValueError("`method: single` takes one answer, and has no use for a `scale`")
        if not self.judges and not is_default(self, "undecided"):
            raise ValueError(
                "`undecided` does nothing with `method: majority` or `single`, which judge nobody"
            )
        return self

    @property
    def judges(self) -> bool:
        """Whether the method weighs people by how right they seem to be."""
        return self.method in ("dawid-skene", "mace")

    def normal(self) -> Settings:
        """Without the seed where nothing is drawn."""
        is_drawn = self.method in ("majority", "single")
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
    answered = unlabelled = num_gold = 0
    counts, people, truths = Counter[str](), Counter[str](), Counter[str]()
    pair, again = _Pair(settings.repeated), _Again()
    for batch in batches:
        answers = schema.column(batch, "annotations")
        has_answers = pc.greater(pc.fill_null(pc.list_value_length(answers), 0), 0)
        is_open = pc.and_(has_answers, pc.is_null(schema.column(batch, "label")))
        answered += pc.sum(has_answers).as_py() or 0
        unlabelled += pc.sum(is_open).as_py() or 0
        gold = schema.column(batch, "label").filter(pc.and_(has_answers, _is_gold(batch, settings)))
        num_gold += len(gold)
        truths.update(gold.unique().to_pylist())
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
            "it is" + (f"; {num_gold:,} of them are gold" if num_gold >= LEAST_GOLD else "")
        )
    _require_numbers(counts + truths, settings)
    told += spelled_alike(counts, "answer", "class")
    told += spelled_alike(people, "answer", "person")
    told += again.told(settings.repeated)
    is_pair = len(pair.people) == 2 and pair.differ and settings.method != "single"
    if is_pair and num_gold < LEAST_GOLD:
        told.append(
            f"all answers are of two annotators, who differ on {pair.differ} of the {pair.both} "
            "samples that both answered; who is right there cannot be told: without gold (samples "
            f"with answers and a label, {LEAST_GOLD} or more) how often each is right is not "
            "identifiable" + (_HELD if settings.judges and settings.undecided == "hold" else "")
        )
    return told


_HELD = (
    ". These samples are held: `tilth annotate RECIPE --choose disputed` orders further answers "
    "to what it ordered"
)


def _is_gold(batch: pa.RecordBatch, settings: Settings) -> pa.Array:
    """Which rows have a label that stands for the truth."""
    label = schema.column(batch, "label")
    if not settings.gold:
        return pa.array([False] * len(label))
    origin = pc.fill_null(schema.column(batch, "label_origin"), "")
    made = [pc.starts_with(origin, pattern=word) for word in _MADE]
    return pc.and_not(pc.is_valid(label), pc.or_(*made))


def _require_numbers(counts: Counter[str], settings: Settings) -> None:
    """Every answer has its place on the scale.

    Raises:
        DataError: One has none.
    """
    try:
        values_of(sorted(counts), settings.scale, settings.order)
    except ValueError as error:
        raise DataError(
            f"the answer `{error}` has no place on the scale `{settings.scale}`: "
            + ("`order` does not name it" if settings.order else "it is no number"),
            hint="`order: [...]` names the grades from the lowest on (`scale: ordinal`)",
            code="no-grade",
        ) from None


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
    """The answers to the rows that have no label yet, and to gold: key, id, annotators, labels, and
    of gold what is known."""
    given = schema.column(batch, "label").to_pylist()
    ids, annotators, labels, known = [], [], [], []
    for name, label, is_gold, answers in zip(
        batch.column("id").to_pylist(),
        given,
        _is_gold(batch, settings).to_pylist(),
        schema.column(batch, "annotations").to_pylist(),
        strict=True,
    ):
        found, _ = usable(answers, settings.repeated)
        if (label is None or is_gold) and found:
            ids.append(name)
            annotators.append([who for who, _ in found])
            labels.append([what for _, what in found])
            known.append(label)
    return pa.table(
        {
            "key": pa.array(ids, pa.string()),
            "id": pa.array(ids, pa.string()),
            "annotators": pa.array(annotators, _ANSWERS),
            "labels": pa.array(labels, _ANSWERS),
            "known": pa.array(known, pa.string()),
        }
    )


def reduce(table: pa.Table, settings: Settings) -> pa.Table:
    """Nothing to add up within a partition: the answers, less what only the engine needs."""
    del settings
    return table.select(["shard", "position", "id", "annotators", "labels", "known"])


def resolve(table: pa.Table, settings: Settings) -> pa.Table:
    """The label of each item: shard, position, id, label, confidence, whether it is held."""
    table = table.sort_by([("id", "ascending"), ("position", "ascending")])
    # A few labels more would turn who is right about, if one of them were wrong.
    if table.num_rows - table.column("known").null_count < LEAST_GOLD:
        table = table.filter(pc.is_null(table.column("known")))
    if not table.num_rows:
        return pa.table({"shard": pa.array([], pa.int32())})
    columns = (table.column(name).to_pylist() for name in ("annotators", "labels", "known"))
    answers = encode(*columns)
    taking = _Taking(settings, table.column("id").to_pylist())
    found = decide(answers, taking.take, learns=settings.judges)
    names = np.array(answers.class_names, object)
    hold = settings.undecided == "hold"
    return pa.table(
        {
            "shard": table.column("shard"),
            "position": table.column("position"),
            "id": table.column("id"),
            "label": pa.array(names[found.chosen].tolist(), pa.string()),
            "confidence": pa.array(found.confidence, pa.float64(), from_pandas=True),
            "held": pa.array(found.held & hold),
        }
    ).filter(pc.is_null(table.column("known")))


def apply(batch: pa.RecordBatch, decisions: pa.Table, settings: Settings) -> pa.RecordBatch:
    """Write label, label_confidence and label_origin; drop what stays unlabelled, is held or
    unsure."""
    found: dict[str, tuple[str, float | None, bool]] = {}
    if decisions.num_rows:
        values = (decisions.column(name).to_pylist() for name in ("label", "confidence", "held"))
        pairs = zip(*values, strict=True)
        found = dict(zip(decisions.column("id").to_pylist(), pairs, strict=True))
    annotations = schema.column(batch, "annotations").to_pylist()
    labels = schema.column(batch, "label").to_pylist()
    confidences = schema.column(batch, "label_confidence").to_pylist()
    origins = schema.column(batch, "label_origin").to_pylist()
    unlabelled = np.zeros(batch.num_rows, bool)
    held, unsure = np.zeros(batch.num_rows, bool), np.zeros(batch.num_rows, bool)
    for row, name in enumerate(batch.column("id").to_pylist()):
        if labels[row] is not None:
            continue
        if name not in found:
            unlabelled[row] = True
            continue
        labels[row], confidences[row], held[row] = found[name]
        origins[row] = _ORIGIN + settings.method
        sure = confidences[row]
        unsure[row] = sure is not None and sure < settings.min_confidence
    batch = schema.with_columns(
        batch, {"label": labels, "label_confidence": confidences, "label_origin": origins}
    )
    answers = [_none_usable(len(given or ())) for given in annotations]
    batch = schema.mark_dropped(batch, unlabelled, "num_annotations >= 1", answers)
    differing = [f"{len({*_said(given)})} answers differ" for given in annotations]
    batch = schema.mark_dropped(batch, held, _KNOWABLE, differing)
    least = settings.min_confidence
    shown = [
        distinct(sure, (least,)) if sure is not None and is_unsure else None
        for sure, is_unsure in zip(confidences, unsure.tolist(), strict=True)
    ]
    return schema.mark_dropped(batch, unsure, f"label_confidence >= {_exactly(least)}", shown)


def _said(given: list[dict[str, str | None]] | None) -> list[str]:
    """What was answered."""
    return [one["label"] for one in given or () if one["label"] is not None]


def _none_usable(num: int) -> str:
    return f"0 of {num} say who and what" if num else "0"


def _exactly(value: float) -> str:
    return repr(value).removesuffix(".0")


def tells(batches: Iterator[pa.RecordBatch], settings: Settings) -> list[str]:
    """How many labels of the test split nobody has verified, and how many of them are wrong by
    their confidence."""
    del settings
    num = num_sure = 0
    wrong = 0.0
    for batch in batches:
        is_test = pc.equal(pc.fill_null(schema.column(batch, "split"), ""), "test")
        origin = pc.fill_null(schema.column(batch, "label_origin"), "")
        is_made = pc.and_(is_test, pc.starts_with(origin, pattern=_ORIGIN))
        sure = schema.column(batch, "label_confidence").filter(is_made).drop_null()
        num += pc.sum(is_made).as_py() or 0
        num_sure += len(sure)
        wrong += len(sure) - (pc.sum(sure).as_py() or 0.0)
    if not num:
        return []
    share = (
        f"by their confidence {percent(wrong, num_sure)} of these are wrong"
        if num_sure
        else "how many of these are wrong is not known"
    )
    return [
        f"{plural(num, 'sample')} of the test split {'has' if num == 1 else 'have'} a label that "
        f"people's answers made and nobody verified; {share}, and a model is measured by them. "
        "`hold_out: {test_from: labelled}` takes only samples with a label of their own"
    ]


def describe(batches: Iterator[pa.RecordBatch], settings: Settings) -> PlainObject:
    """Agreement of the annotators, what each is taken to be worth, and what consensus changed.

    Of all samples that were labelled here, those that are held or too unsure to be kept too;
    Dawid-Skene judges the annotators even where another method made the labels. See `FIGURES`.
    """
    told = quality.Told(settings.repeated)
    for batch in batches:
        for name, label, origin, is_gold, answers in zip(
            batch.column("id").to_pylist(),
            schema.column(batch, "label").to_pylist(),
            schema.column(batch, "label_origin").to_pylist(),
            _is_gold(batch, settings).to_pylist(),
            schema.column(batch, "annotations").to_pylist(),
            strict=True,
        ):
            is_made = (origin or "").startswith(_ORIGIN)
            told.add(name, answers or (), label, is_made=is_made, is_gold=is_gold)
    method = quality.Method(
        judge=lambda answers: judge(answers, settings),
        take=lambda ids: _Taking(settings, ids).take,
        learns=settings.judges,
        makes_labels=settings.method == "dawid-skene",
        scale=settings.scale,
        values=lambda names: values_of(names, settings.scale, settings.order),
    )
    found = told.figures(method)
    return {"method": settings.method, **found}


class _Taking:
    """How a class is taken, by the settings."""

    def __init__(self, settings: Settings, ids: list[str]) -> None:
        self._settings = settings
        self._ids = ids

    def take(self, answers: Answers) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """The class of each item and the belief in it, int64 and float64 [items]."""
        settings = self._settings
        if settings.method == "single":
            return single(answers, self._ids, settings.seed)
        if settings.method == "majority" and settings.scale == "nominal":
            return majority(answers, self._ids, settings.seed)
        beliefs = self._beliefs(answers)
        places = values_of(answers.class_names, settings.scale, settings.order)
        if places is None:
            return beliefs.likeliest(answers.num_items)
        return beliefs.middle(answers.num_items, np.argsort(np.argsort(places, kind="stable")))

    def _beliefs(self, answers: Answers) -> Beliefs:
        settings = self._settings
        match settings.method:
            case "majority":
                return shares(answers)
            case "mace":
                return mace.fit(
                    answers.items,
                    answers.annotators,
                    answers.labels,
                    num_items=answers.num_items,
                    num_annotators=len(answers.annotator_names),
                    num_classes=len(answers.class_names),
                    known=answers.known,
                    max_iterations=settings.max_iterations,
                ).beliefs
            case "dawid-skene":
                return judge(answers, settings).beliefs
            case "single":
                raise AssertionError
        assert_never(settings.method)


def judge(answers: Answers, settings: Settings) -> dawid_skene.Fit:
    """What Dawid and Skene's model says of people and items."""
    return dawid_skene.fit(
        answers.items,
        answers.annotators,
        answers.labels,
        num_items=answers.num_items,
        num_annotators=len(answers.annotator_names),
        num_classes=len(answers.class_names),
        known=answers.known,
        smoothing=settings.smoothing,
        pooling=settings.pooling,
        max_iterations=settings.max_iterations,
    )
