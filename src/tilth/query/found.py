"""The figures of a run, each with what it is of: what `status --json` lists and `diff` compares."""

from __future__ import annotations

import contextlib
import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pydantic import JsonValue

from tilth.errors import TilthError
from tilth.extensions import Extension, using
from tilth.figures import Definition
from tilth.pretrain.result import Held, MeanOfRuns, PretrainResult
from tilth.query.books import totals
from tilth.query.disk import Disk
from tilth.query.figures import BOOKS, METRICS, definitions, find
from tilth.query.licences import count_licences
from tilth.query.report import Report, StepCounts, StepReport
from tilth.query.runs import RunStep, RunView
from tilth.records import Figured, Json, Record
from tilth.statistics.found import Bounds
from tilth.store.manifest import Counts
from tilth.transfer.headline import unit_of_difference
from tilth.transfer.result import Effect, TransferResult
from tilth.value.result import ArmResult, Control, ValueResult

FigureKind = Literal["books", "operation", "finding", "cost"]
Result = PretrainResult | TransferResult | ValueResult
# Of a figure that nobody declared: a user's own operation may give any.
AS_TOLD = "as its operation says"

# Under such a name stands what tells the rows of a table apart, in this order.
NAMES = (
    *("name", "function", "annotator", "source", "rule", "votes", "label", "class"),
    *("host", "outcome"),
)
_LABELS = ("name", "method", "fold", "size", "seed")

# Numbers of a stage's record that are no figures: what was chosen, and what belongs to a figure.
NO_FIGURES = frozenset(
    {
        *("seed", "size", "sizes", "seeds", "threads", "smallest_effect", "level", "n", "groups"),
        *("low", "high", "adjusted_low", "adjusted_high", "intervals", "combined_interval"),
        *("adjusted_combined_interval", "test_set_interval", "effect"),
    }
)
# Single results, of which figures are made.
SINGLE = frozenset({"curve", "points", "parts", "values", "differences"})
# What an arm that changed nothing does not have: its worth was not measured.
_WORTH = frozenset({"mean", "p", "p_sign_flip", "adjusted_p", "wins", "sd"})
# What it took, and how much of it there was.
_COSTS = frozenset(
    {
        *("seconds", "cpu_seconds", "training_seconds", "cost_s", "more_cost_s", "more_seeds"),
        *("seconds_per_seed", "steps", "tokens_or_examples_seen", "parameters", "epochs"),
        *("unique_examples", "samples", "test_clusters"),
    }
)
# In the unit of what is compared, and in that of a difference of it.
_RESULTS = frozenset({"summary.mean", "control.mean"})
_GAINS = frozenset(
    {"effects.mean", "arms.mean", "arms.sd", "last_tenth.gain", "arms.last_tenth_gain"}
)


@dataclass(frozen=True)
class Figure:
    """A figure of a run, with what it is of.

    Attributes:
        path: Where it stands, once in a run: `books.clean.rules.dropped`, `pretrain.test.accuracy`,
            `value.arms[no-rules].mean`.
        name: What `tilth explain` knows it by.
        value: A share of 1 where `share` says so, else in `unit`.
        unit: What follows it; empty for a number without one.
        share: Whether it is a share of 1, shown in percent.
        better: higher, lower, or empty where neither is.
        low, high: Its 95 % interval; None where it has none, or that end is open.
        method: How the interval is made.
        n, item: On how many of what it rests, where that is known.
        step, split: What it was found in; empty of the whole run, and where no split is meant.
        metric: Of a comparison: what is compared.
        rows: What it is of, in words.
        how: counted, measured, estimated, tested; or as its operation says.
        kind: books, operation, finding (of a training stage) or cost.
    """

    path: str
    name: str
    value: float
    unit: str = ""
    share: bool = False
    better: str = ""
    low: float | None = None
    high: float | None = None
    method: str = ""
    n: int | None = None
    item: str = ""
    step: str = ""
    split: str = ""
    metric: str = ""
    rows: str = ""
    how: str = AS_TOLD
    kind: FigureKind = "operation"


def figures_of(run: RunView | Report, disk: Disk | None = None) -> tuple[Figure, ...]:
    """All figures of a run: its books, what its operations say, what its stages found.

    Args:
        run: A run, or its report.
        disk: What a run's folder takes, where that is known.

    Raises:
        MissingError: The output of a step was removed.
        DataError: That of one cannot be read.
    """
    if isinstance(run, Report):
        return tuple(_of_report(run))
    own: tuple[Extension, ...] = ()
    # What its own operations and tasks declare is words beside the numbers, which stand without.
    with contextlib.suppress(TilthError):
        own = run.extensions
    with using(own):
        return tuple(_of_run(run, disk))


def _of_run(run: RunView, disk: Disk | None) -> Iterator[Figure]:
    line = [step for step in run.steps if not step.is_arm]
    sizes = {step.name: step.num_bytes for step in disk.steps} if disk else {}
    over_all: dict[str, float | None] = {"seconds": run.record.seconds}
    if disk is not None:
        over_all |= {"bytes": disk.data_bytes, "disk": disk.num_bytes}
    yield from _whole(line, over_all)
    for step in run.steps:
        yield from _books(step, sizes.get(step.name))
        if step.sorts and not step.is_arm:
            found = step.manifest
            passed = found.passed_over
            tables = {"by_rule": found.by_rule, "sources": found.sources}
            tables |= {"passed_by_reason": passed.by_reason, "noted_by_what": passed.by_note}
            yield from _counts(step.name, tables | {"licences": _licences(step)})
            yield from _of_operation(step.name, step.op, found.figures)
    for step in line:
        for result in (step.pretrained, step.transferred, step.valued):
            if result is not None:
                yield from _of_stage(result, step.name)


def _of_report(report: Report) -> Iterator[Figure]:
    yield from _whole(report.steps, {"seconds": report.seconds, "bytes": report.disk.bytes})
    for step in (*report.steps, *report.arm_steps):
        yield from _books(step, report.disk.steps.get(step.name))
        if isinstance(step, StepReport):
            tables = {
                "by_rule": {one.rule: one.count for one in step.by_rule},
                "sources": step.sources,
                "passed_by_reason": {one.reason: one.count for one in step.passed_by_reason},
                "noted_by_what": {one.reason: one.count for one in step.noted_by_what},
                "licences": step.license,
            }
            yield from _counts(step.name, tables)
            yield from _of_operation(step.name, step.op, step.figures)
    for result in (report.pretrain, report.transfer, report.value):
        if result is not None:
            name = next(one for kind, one in _STAGE_OF.items() if isinstance(result, kind))
            yield from _of_stage(result, name)


_STAGE_OF = {PretrainResult: "pretrain", TransferResult: "transfer", ValueResult: "value"}


def _whole(
    line: Sequence[RunStep] | Sequence[StepReport], further: Mapping[str, float | None]
) -> Iterator[Figure]:
    """The books over the whole line, and what the run took."""
    given = dict(further)
    if (books := totals(line)) is not None:
        given = _shares(books) | {"passed_over": books.passed_over, "noted": books.noted} | given
    for name, value in given.items():
        if value is not None:
            yield _booked(("total", name), f"books.total.{name}", value, "")


def _books(step: RunStep | StepCounts, num_bytes: int | None) -> Iterator[Figure]:
    given = _shares(step)
    if step.kind == "source":
        given |= {"passed_over": step.passed_over, "noted": step.noted}
    rate = step.num_in / step.seconds if step.num_in and step.seconds else None
    given |= {"seconds": step.seconds, "samples_per_second": rate, "bytes": num_bytes}
    for name, value in given.items():
        if value is not None:
            yield _booked((name,), f"books.{step.name}.{name}", value, step.name)


def _shares(books: RunStep | StepCounts | Counts) -> dict[str, float | None]:
    num_in, kept = books.num_in, books.kept
    share = kept / (num_in + books.born) if num_in and kept is not None else None
    five = {
        "in": num_in,
        "born": None if num_in is None else books.born,
        "kept": kept,
        "dropped": books.dropped,
        "quarantined": books.quarantined,
    }
    return {**five, "kept_share": share}


def _licences(step: RunStep) -> dict[str, int]:
    """Of a source; none where its shards cannot be read, which `tilth verify` tells."""
    with contextlib.suppress(TilthError):
        return count_licences(step.dataset()) if step.kind == "source" else {}
    return {}


def _counts(step: str, tables: Mapping[str, Mapping[str, int]]) -> Iterator[Figure]:
    for table, found in tables.items():
        for name, amount in found.items():
            yield _booked((table,), f"books.{step}.{table}[{name}]", amount, step)


def _booked(names: tuple[str, ...], path: str, value: float, step: str) -> Figure:
    one, _ = find(definitions(BOOKS), (".".join(names),))
    costs = ("seconds", "samples_per_second", "bytes", "disk")
    kind: FigureKind = "cost" if names[-1] in costs else "books"
    return _figure(one, Figure(path, ".".join(names), value, step=step, kind=kind))


def _figure(one: Definition | None, made: Figure) -> Figure:
    """A figure with what its definition says of it, as far as the run does not say it."""
    if one is None:
        return made
    has_interval = made.low is not None or made.high is not None
    return replace(
        made,
        name=one.name,
        unit=one.unit or made.unit,
        share=one.share,
        better=one.better or made.better,
        method=made.method or (one.interval if has_interval else ""),
        rows=one.rows,
        how=one.how,
    )


def _of_operation(step: str, op: str, figures: Json) -> Iterator[Figure]:
    """What an operation said of what it kept, number by number."""
    known = definitions(op) if figures else {}
    for key, value in figures.items():
        for names, path, made in _numbers(value, (key,), _below(step, key)):
            one, depth = find(known, names)
            # A matrix is one figure, and stands in the report; its cells are none.
            if depth < 2 and len(names) < 4:
                number, ends, n = made
                low, high = ends
                plain = Figure(path, ".".join(names), number, low=low, high=high, n=n, step=step)
                yield _figure(one, plain)


_Made = tuple[float, tuple[float | None, float | None], int | None]


def _numbers(
    value: JsonValue, names: tuple[str, ...], path: str
) -> Iterator[tuple[tuple[str, ...], str, _Made]]:
    """Each number with the keys that lead to it, its path, its interval and count."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield names, path, (value, (None, None), None)
    elif isinstance(value, dict):
        if (estimate := _estimate(value)) is not None:
            yield names, path, estimate
            return
        for key, item in value.items():
            yield from _numbers(item, (*names, key), _below(path, key))
    elif isinstance(value, list):
        rows = [row for row in value if isinstance(row, dict)]
        labels = [
            next((n for key in NAMES if isinstance(n := row.get(key), str)), "") for row in rows
        ]
        times = Counter(labels)
        for position, (row, label) in enumerate(zip(rows, labels, strict=True)):
            alone = label and times[label] == 1
            yield from _numbers(row, names, f"{path}[{label if alone else f'#{position + 1}'}]")


def _below(path: str, key: str) -> str:
    """The path of what stands under a key, which may hold anything: two figures have two paths."""
    return f"{path}[{key}]" if set(key) & set(".[]") else f"{path}.{key}"


def _estimate(value: Mapping[str, JsonValue]) -> _Made | None:
    """A number with its interval, where a mapping is one."""
    three = (value.get("mean", value.get("value")), value.get("low"), value.get("high"))
    numbers = [one for one in three if isinstance(one, int | float)]
    if len(numbers) < len(three):
        return None
    n = value.get("n")
    return numbers[0], (numbers[1], numbers[2]), n if isinstance(n, int) else None


def _of_stage(result: Result, step: str) -> Iterator[Figure]:
    """What a training stage found, from its record."""
    for one in _walk(result, step, (), step):
        if isinstance(result, PretrainResult):
            yield _of_training(result, one, step)
            continue
        unit, better = one.unit, one.better
        if one.name in _RESULTS:
            unit, better = result.unit, "lower" if result.lower_is_better else "higher"
        elif one.name in _GAINS:
            unit = unit_of_difference(result.unit)
            better = "" if one.name == "arms.sd" else "higher"
        metric = one.metric or ("" if one.kind == "cost" else result.metric)
        # What a training took and learnt from is of no test split.
        split = "" if one.kind == "cost" and "test split" not in one.rows else "test"
        yield replace(one, unit=unit, better=better, metric=metric, split=split)


def _of_training(result: PretrainResult, one: Figure, step: str) -> Figure:
    """A figure of pretraining, with the training that it is of where there are several."""
    if one.name == "tokens_or_examples_seen":
        one = replace(one, unit=result.seen_unit)
    if not result.runs or one.path.startswith((f"{step}.seeds[", f"{step}.folds[")):
        return one
    is_mean = one.path.startswith(f"{step}.mean.")
    which = f"the {result.averaged if is_mean else result.kept_in_full}"
    return replace(one, rows=f"{one.rows}; {which}" if one.rows else which)


def _walk(found: object, stage: str, names: tuple[str, ...], path: str) -> Iterator[Figure]:
    """The figures of a record, and of the records in it."""
    if isinstance(found, Held):
        for split in ("validation", "test"):
            bounds = found.bounds(split)
            yield from _metrics(found.of(split), bounds, f"{path}.{split}", stage, split)
    elif isinstance(found, MeanOfRuns):
        yield from _metrics(found.figures, found.intervals, path, stage, found.split)
    elif isinstance(found, Figured):
        yield from _metrics(found.figures, {}, path, stage, "test")
    for field, value in _fields(found):
        at, where = (*names, field), f"{path}.{field}"
        # The seeds of a comparison are numbers, those of several trainings their results.
        results = isinstance(value, tuple) and any(map(_is_record, value))
        chosen = field in NO_FIGURES and not results
        if chosen or field in SINGLE or isinstance(value, bool | str):
            continue
        if field in _WORTH and isinstance(found, ArmResult) and found.is_unmeasured:
            continue
        if isinstance(value, int | float):
            yield _of_field(found, stage, at, where, value)
        elif field == "samples" and isinstance(value, dict):
            for split, amount in value.items():
                yield replace(_of_field(found, stage, at, f"{where}.{split}", amount), split=split)
        elif _is_record(value):
            yield from _walk(value, stage, at, where)
        elif isinstance(value, tuple):
            for item in filter(_is_record, value):
                yield from _walk(item, stage, at, f"{where}[{_label(item)}]")


def _is_record(value: object) -> bool:
    return isinstance(value, Record) or dataclasses.is_dataclass(value)


def _fields(found: object) -> Iterator[tuple[str, object]]:
    names = type(found).model_fields if isinstance(found, Record) else vars(found)
    for name in names:
        yield name, getattr(found, name)


def _label(found: object) -> str:
    """What tells a record from those beside it."""
    parts = (getattr(found, name, None) for name in _LABELS)
    return " ".join(str(part) for part in parts if part is not None)


def _of_field(found: object, stage: str, names: tuple[str, ...], path: str, value: float) -> Figure:
    field = names[-1]
    low = high = n = None
    item = ""
    if field in ("mean", "value"):
        ends = found.adjusted if isinstance(found, Effect) else None
        low, high = ends or (getattr(found, "low", None), getattr(found, "high", None))
    if field in ("mean", "wins", "p", "p_sign_flip", "adjusted_p", "sd"):
        n = len(found.values) if isinstance(found, Control) else getattr(found, "n", None)
        item = "seed" if n is not None else ""
    kind: FigureKind = "cost" if field in _COSTS else "finding"
    made = Figure(path, ".".join(names), value, low=low, high=high, n=n, item=item, step=stage)
    one, _ = find(definitions(stage), names)
    return replace(_figure(one, made), kind=kind)


def _metrics(
    figures: Mapping[str, float | str],
    bounds: Mapping[str, Bounds],
    path: str,
    step: str,
    split: str,
) -> Iterator[Figure]:
    known = definitions(METRICS) if figures else {}
    for name, value in figures.items():
        if isinstance(value, str):
            continue
        made = Figure(f"{path}.{name}", name, value, step=step, split=split, kind="finding")
        if (ends := bounds.get(name)) is not None:
            made = replace(made, low=ends.low, high=ends.high, method=ends.method)
            made = replace(made, n=ends.n, item=ends.item)
        one, _ = find(known, (name,))
        yield _figure(one, replace(made, metric=name))
