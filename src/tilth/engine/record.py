"""A run's record, `run.json`: of a run that is over, goes on, or was killed.

While a run goes on, each finished step is appended to a journal beside the record, which names it:
writing the whole record for every step would take time that grows with the square of their number.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from pydantic import Field, field_validator

from tilth.engine.extend import Named
from tilth.errors import DataError
from tilth.machine import Machine
from tilth.recipe.identity import said_of
from tilth.records import DAMAGED, Json, Record, parse, read_file
from tilth.store.manifest import Counts

RECORD = "run.json"
HISTORY = "history"
FORMAT = 1
_WHAT = "the run's record"


class StepRecord(Record):
    """A finished step.

    Attributes:
        name, stage, op, kind: As in the recipe.
        identity: Content address of its output.
        folder: Of its output, below `data`.
        inputs: Names of the steps before it.
        parts: What its identity is made of.
        said: Its settings, and what the plan gave it of the rest of the recipe, for people; empty
            where an earlier version had them among the parts.
        own: The step whatever comes in; see `tilth.recipe.plan`.
        digest: Of its data as this run had it.
        cached: Whether the run found it done.
        why: Why it ran.
        seconds: What it took when it was made.
        went_on: Whether an earlier run began it: `seconds` are those of all its parts.
        pace: Seconds until 0, 10, ... 100 % of its units were done; empty where not known.
        counts: Its books; None where it does not sort samples.
    """

    name: str
    stage: str
    op: str
    kind: str
    identity: str
    folder: str
    inputs: tuple[str, ...]
    parts: Json
    said: Json = Field(default_factory=dict)
    own: str = ""
    digest: str = ""
    cached: bool
    why: str
    seconds: float
    went_on: bool = False
    pace: tuple[float, ...] = ()
    counts: Counts | None = None

    @field_validator("parts")
    @classmethod
    def _parts_of_a_step(cls, parts: Json) -> Json:
        for name in ("settings", "planned", "inputs"):
            if not isinstance(parts.get(name) or {}, dict):
                raise ValueError(f"`{name}` is no mapping")
        return parts

    def told(self) -> Json:
        """What `said` is, of a record of any version."""
        return self.said or said_of(self.parts)


class RunRecord(Record):
    """An invocation of a run: its steps with their books, versions, and how it ended.

    Attributes:
        format: Of this file.
        name, about, seed: As in the recipe.
        limit: Samples read of each source at most.
        status: running, done, failed, stopped, or `done up to` a step.
        started, finished: ISO 8601.
        seconds: It took.
        error: What went wrong.
        recipe_yaml, recipe_file: The recipe, and where it came from.
        machine, workers, versions: What it ran on, and with.
        extensions: What of the user's own it was made with.
        steps: The finished ones, in order.
        unreached: What the last record has of those that were not reached.
        journal: While it goes on: the file beside it that takes the steps.
    """

    format: int = FORMAT
    name: str = ""
    about: str = ""
    seed: int = 0
    limit: int | None = None
    status: str = ""
    started: str = ""
    finished: str | None = None
    seconds: float | None = None
    error: str | None = None
    recipe_yaml: str = ""
    recipe_file: str = ""
    machine: Machine = Machine()
    workers: int = 0
    versions: dict[str, str] = Field(default_factory=dict)
    extensions: tuple[Named, ...] = ()
    steps: tuple[StepRecord, ...]
    unreached: tuple[StepRecord, ...] = ()
    journal: str | None = Field(default=None, pattern=rf"^\.{RECORD}\.\d+\.steps$")


def earlier_records(folder: Path) -> dict[int, Path]:
    """The records of a run's earlier invocations, by their numbers, the first one first."""
    found = {}
    for path in (folder / HISTORY).glob("*.json"):
        if path.stem.isascii() and path.stem.isdecimal():
            found[int(path.stem)] = path
    return dict(sorted(found.items()))


def next_entry(folder: Path) -> int:
    """The number that the record of a run will have once another takes its place."""
    return max(earlier_records(folder), default=0) + 1


def read_record(path: Path) -> RunRecord:
    """The record with all steps that are finished, those in its journal too.

    Args:
        path: `run.json`, or an entry of `history/`, which is always whole.

    Raises:
        DataError: It cannot be read: it is damaged, or of a later version.
    """
    record = read_file(RunRecord, path, _WHAT)
    if record.journal is None:
        return record
    lines = _lines(path.parent / record.journal)
    steps = {step.name: step for step in [*record.steps, *lines]}
    left = tuple(step for step in record.unreached if step.name not in steps)
    whole = {"steps": tuple(steps.values()), "unreached": left, "journal": None}
    return record.model_copy(update=whole)


def _lines(path: Path) -> list[StepRecord]:
    """The whole lines of a journal; a kill may have cut the last one."""
    found: list[StepRecord] = []
    # Absent where the run ended between the reading of the record and now.
    with contextlib.suppress(FileNotFoundError):
        for line in path.read_bytes().split(b"\n")[:-1]:
            found.append(parse(StepRecord, line, str(path), _WHAT))
    return found


def last_record(folder: Path) -> RunRecord | None:
    """The record of the last invocation in a run's folder, if there is one that can be read.

    Raises:
        DataError: It is of a later version.
    """
    path = folder / RECORD
    try:
        return read_record(path) if path.is_file() else None
    except DataError as error:
        if error.code != DAMAGED:
            raise
        return None


def steps_before(folder: Path) -> dict[str, StepRecord]:
    """What the last record has of each step, reached in its invocation or in an earlier one."""
    last = last_record(folder)
    return {} if last is None else {step.name: step for step in [*last.unreached, *last.steps]}
