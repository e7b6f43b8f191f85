"""What the steps of the starters took on a machine that is named: `recipes/times.json`.

The file is written from finished runs by `make times RECIPE=...`. A recipe that was copied from
a starter has the starter's times where it reads the same sources with the same settings.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from tilth.errors import TilthError
from tilth.machine import Machine
from tilth.recipe.load import parse_recipe, starters
from tilth.recipe.plan import Plan, PlannedStep, build_plan
from tilth.records import Json
from tilth.settings import ActsOn, BaseSettings

# Settings that say how long a step goes on, not what it does.
_LENGTHS = ("max_steps", "epochs", "seeds")
# What settings act on that say nothing of the work.
_SAID = ("summary", "words")
# Arrays and models of these kinds do not grow with `--limit`: their steps are counted.
TRAINING = ("fit", "grid")


@dataclass(frozen=True)
class StepTime:
    """What one step took.

    Attributes:
        seconds: From its start to its end.
        pace: Seconds until 0, 10, ... 100 % of its units were done; empty where not known.
        num_in: Records that came in; 0 where it does not sort records.
    """

    seconds: float
    pace: tuple[float, ...] = ()
    num_in: int = 0


@dataclass(frozen=True)
class Measured:
    """The times of one run.

    Attributes:
        steps: By name.
        machine: What it was.
        date: When, year-month-day.
        workers: Processes side by side.
        rest: Seconds of the whole command that no step accounts for: start and report.
    """

    steps: Mapping[str, StepTime]
    machine: Machine
    date: str
    workers: int
    rest: float = 0.0

    @property
    def seconds(self) -> float:
        """Of the whole command."""
        return self.rest + sum(step.seconds for step in self.steps.values())


@functools.cache
def shipped_times() -> Mapping[str, Measured]:
    """The measured starters by name."""
    file = resources.files("tilth.recipes") / "times.json"
    found = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    return {name: _measured(entry) for name, entry in found.items()}


def _measured(entry: Mapping[str, Any]) -> Measured:
    steps = {
        name: StepTime(step["seconds"], tuple(step.get("pace", ())), step.get("in", 0))
        for name, step in entry["steps"].items()
    }
    machine = Machine.model_validate(entry["machine"])
    return Measured(steps, machine, entry["date"], entry["workers"], entry["rest"])


def starter_of(plan: Plan) -> tuple[Plan, Measured] | None:
    """The measured starter that the plan's recipe is, or was copied from, with its plan."""
    own = _sources(plan)
    for name, measured in shipped_times().items():
        # Names first: to plan a recipe takes a tenth of a second.
        if {step for step in measured.steps if step.startswith("collect.")} != own.keys():
            continue
        try:
            other = _planned(name)
        except (KeyError, TilthError):
            continue
        if _sources(other) == own:
            return other, measured
    return None


@functools.cache
def _planned(name: str) -> Plan:
    """The plan of a starter, which is compared with more than once in a run: its settings only."""
    return build_plan(parse_recipe(starters()[name], name))


def _sources(plan: Plan) -> Json:
    steps = [step for step in plan.steps if step.operation.kind == "source"]
    return {step.name: [step.operation.name, step.said()] for step in steps}


def scale(step: PlannedStep, operation: str, said: Mapping[str, Any]) -> float | None:
    """How many times as long a step takes as one that was measured with these settings.

    None where they cannot be compared: more differs than how long it goes on.

    Args:
        step: Which.
        operation: Of the one that was measured.
        said: Everything that its recipe said of it.
    """
    if step.operation.name != operation:
        return None
    now, then = step.said(), json.loads(json.dumps(said))
    # A setting that one version of Tilth has and the other has not is at its default.
    for key in (now.keys() & then.keys()) - _of_words(step.settings):
        if _without_lengths(now[key]) != _without_lengths(then[key]) and key not in _LENGTHS:
            return None
    if step.operation.kind not in TRAINING:
        return 1.0
    return _length(now) / _length(then)


def _of_words(settings: BaseSettings) -> set[str]:
    """Settings that no time depends on: they act on what is said of results alone."""
    fields = type(settings).model_fields.items()
    return {
        name
        for name, field in fields
        if any(isinstance(mark, ActsOn) and mark.what in _SAID for mark in field.metadata)
    }


def _without_lengths(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _without_lengths(v) for k, v in value.items() if k not in _LENGTHS}
    if isinstance(value, list):
        return [_without_lengths(item) for item in value]
    return value


def _length(settings: Mapping[str, Any]) -> float:
    """Seeds times steps, or epochs where steps are not said."""
    seeds, loop = settings.get("seeds"), settings.get("loop") or {}
    count = len(seeds) if isinstance(seeds, list) else seeds
    return float((count or 1) * (loop.get("max_steps") or loop.get("epochs") or 1))
