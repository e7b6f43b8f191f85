"""What the steps of a plan are expected to take: by this folder's records, or as a starter's do."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tilth.engine.estimate import Expectation, Todo
from tilth.engine.record import RECORD, RunRecord, StepRecord, earlier_records, read_record
from tilth.errors import DataError
from tilth.machine import Machine, describe_machine, num_cores
from tilth.recipe.plan import Plan, PlannedStep
from tilth.recipe.times import TRAINING, Measured, scale, starter_of

_HERE_BEFORE = "as the same steps took here before"


@dataclass(frozen=True)
class Outlook:
    """What is known of a run before it begins.

    Attributes:
        todo: The steps that are to run, with what is expected of each.
        seconds: What all takes; None where nothing is known of a step.
        basis: What that rests on: a machine, or this folder's earlier runs.
        unknown: Names of the steps that nothing is known of.
        ending: Seconds after the last step.
        takes: What the recipe says of it, where that holds for this run.
    """

    todo: tuple[Todo, ...]
    seconds: float | None
    basis: str
    unknown: tuple[str, ...]
    ending: float
    takes: str = ""

    def __str__(self) -> str:
        """One line: about how long, and as measured where."""
        if not self.todo:
            return ""
        if self.takes:
            return f"takes {self.takes}"
        if self.seconds is not None:
            return f"takes about {spell_roughly(self.seconds)}, {self.basis}"
        named = self.unknown if len(self.unknown) < 4 else (*self.unknown[:2], "others")
        return f"the time is not known: nothing was measured yet of {', '.join(named)}"


@dataclass(frozen=True)
class Unfinished:
    """A step that is to run, and the parts of it (shards, cells) that are there."""

    step: PlannedStep
    committed: int = 0


def outlook(
    plan: Plan, unfinished: Sequence[Unfinished], folder: Path, num_workers: int
) -> Outlook:
    """What is to be expected of the steps that are to run.

    Args:
        plan: The whole plan.
        unfinished: The steps of it that are to run.
        folder: The run's folder, whose records are asked first.
        num_workers: Processes side by side; 0: one a processor core.
    """
    workers = min(num_workers or num_cores(), num_cores())
    records = list(_records(folder)) if unfinished else []
    starter = starter_of(plan) if unfinished else None
    todo: list[Todo] = []
    places: dict[str, float] = {}
    for one in unfinished:
        found = _from_records(one.step, plan, records, workers)
        if found is None and starter is not None:
            found = _from_starter(one.step, plan, *starter, workers)
        expected, place = found or (None, "")
        if expected is not None:
            places[place] = places.get(place, 0.0) + expected.seconds
            expected = replace(expected, done=_share_done(one))
        todo.append(Todo(one.step.name, one.step.operation.kind, expected))
    ending = starter[1].rest if starter else 0.0
    unknown = tuple(one.name for one in todo if one.expected is None)
    known = sum(e.seconds * (1 - e.done) for one in todo if (e := one.expected))
    basis = max(places, key=lambda place: places[place], default="")
    seconds = None if unknown else known + ending
    fresh = len(unfinished) == len(plan.steps) and plan.limit is None
    takes = ""
    if fresh and _HERE_BEFORE not in places and (seconds is None or _as_shipped(seconds, starter)):
        takes = plan.recipe.header.takes
    return Outlook(tuple(todo), seconds, basis, unknown, ending, takes)


def _as_shipped(seconds: float, starter: tuple[Plan, Measured] | None) -> bool:
    """Whether a starter's own `takes` says as much."""
    whole = starter[1].seconds if starter else 0.0
    return abs(seconds - whole) <= 0.1 * whole


def _records(folder: Path) -> Iterator[RunRecord]:
    """The records of a run's folder, the newest first; what cannot be read says nothing."""
    for path in [folder / RECORD, *reversed(earlier_records(folder).values())]:
        with contextlib.suppress(OSError, DataError):
            yield read_record(path)


def _from_records(
    step: PlannedStep, plan: Plan, records: Sequence[RunRecord], workers: int
) -> tuple[Expectation, str] | None:
    for record in records:
        for before in record.steps:
            found = _from_record(step, plan, record, before, workers)
            if found is not None:
                return found
    return None


def _from_record(
    step: PlannedStep,
    plan: Plan,
    record: RunRecord,
    before: StepRecord,
    workers: int,
) -> tuple[Expectation, str] | None:
    # A step that went on from an earlier, stopped run took its time in parts, some of it twice.
    if before.name != step.name or before.cached or before.went_on:
        return None
    by = scale(step, before.op, before.told())
    num_in = before.counts.num_in if before.counts else None
    by_limit = _by_limit(step, plan, record.limit, num_in)
    if by is None or by_limit is None:
        return None
    by *= by_limit * _by_workers(step, record.workers or workers, workers)
    pace = tuple(by * second for second in before.pace)
    same = record.machine == describe_machine()
    place = _HERE_BEFORE if same else _as_measured(record.machine)
    return Expectation(by * before.seconds, pace), place


def _from_starter(
    step: PlannedStep, plan: Plan, other: Plan, measured: Measured, workers: int
) -> tuple[Expectation, str] | None:
    time = measured.steps.get(step.name)
    same = next((one for one in other.steps if one.name == step.name), None)
    if time is None or same is None:
        return None
    by = scale(step, same.operation.name, same.said())
    by_limit = _by_limit(step, plan, None, time.num_in)
    if by is None or by_limit is None:
        return None
    by *= by_limit * _by_workers(step, measured.workers, workers)
    pace = tuple(by * second for second in time.pace)
    return Expectation(by * time.seconds, pace), _as_measured(measured.machine)


def _by_limit(step: PlannedStep, plan: Plan, then: int | None, num_in: int | None) -> float | None:
    """How many times as many records come in as did with the limit of then."""
    if step.operation.kind in TRAINING or plan.limit == then:
        return 1.0
    if plan.limit is None or not num_in:
        return None if plan.limit is None else 1.0
    sources = 1 if step.operation.kind == "source" else len(plan.recipe.sources)
    return min(1.0, plan.limit * sources / num_in) if then is None else plan.limit / then


def _by_workers(step: PlannedStep, then: int, workers: int) -> float:
    """A grid's cells run side by side; more workers than cells or cores make none faster."""
    if step.operation.kind != "grid":
        return 1.0
    return then / workers


def _share_done(one: Unfinished) -> float:
    """The share of a step's parts that are there."""
    step = one.step
    if not one.committed or step.operation.kind != "grid":
        return 0.0
    return min(1.0, one.committed / len(step.operation.module.cells(step.settings, step.planned)))


def _as_measured(machine: Machine) -> str:
    return f"as measured on {spell_machine(machine)}"


def spell_machine(machine: Machine) -> str:
    """`2 cores of AMD EPYC`."""
    return f"{machine.cores} core{'' if machine.cores == 1 else 's'} of {machine.processor}"


# Name, sign, seconds, and how many of them are said before the next unit is taken.
_UNITS = (
    ("minute", "min", 60, 95),
    ("hour", "h", 3600, 95),
    ("day", "days", 86_400, 1000),
    ("year", "years", 31_557_600, math.inf),
)


def spell_roughly(seconds: float, *, short: bool = False) -> str:
    """A time so rounded that it stays within a sixth: `40 seconds`, `2.5 minutes`; `2.5 min`."""
    if seconds < 95:
        step = 1 if seconds < 10 else 5
        return _counted(max(1, step * round(seconds / step)), "second", "s" if short else "")
    name, sign, size = next(unit[:3] for unit in _UNITS if seconds < unit[3] * unit[2])
    count = seconds / size
    step_of = 0.5 if count < 5 else 1 if count < 20 else 5
    return _counted(step_of * round(count / step_of), name, sign if short else "")


def _counted(count: float, name: str, sign: str) -> str:
    return f"{count:g} {sign}" if sign else f"{count:g} {name}{'' if count == 1 else 's'}"
