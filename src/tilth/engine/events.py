"""What happens in a run, as one stream of typed events; progress lines, JSON and pages read it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

from tilth.records import PlainObject


@dataclass(frozen=True)
class RunStarted:
    """A run begins.

    Attributes:
        run: Its name.
        total, todo: Steps, and those of them that are to run.
        expected_s: Seconds that it is expected to take; None where nothing is known of a step.
        outlook: The same in words, with what it rests on; empty where nothing is to run.
    """

    run: str
    total: int
    todo: int
    expected_s: float | None
    outlook: str


@dataclass(frozen=True)
class TimeLeft:
    """What is left of the whole run, as far as can be told at this moment.

    Attributes:
        step: The step that runs, or begins.
        left_s: Seconds; None where nothing is known of a step that is to run.
        unknown: The steps that nothing is known of yet.
    """

    step: str
    left_s: float | None
    unknown: tuple[str, ...]


@dataclass(frozen=True)
class StepStarted:
    """A step begins; `todo` of `total` units (shards, cells) are not committed yet."""

    step: str
    why: str
    total: int | None
    todo: int | None


@dataclass(frozen=True)
class StepProgress:
    """How far a step is: units done of total (None if unknown), records so far, a short note."""

    step: str
    done: float
    total: float | None
    num_in: int
    num_kept: int
    note: str


@dataclass(frozen=True)
class StepFinished:
    """A step is committed, or was already (`cached`)."""

    step: str
    cached: bool
    seconds: float
    num_in: int
    num_kept: int
    num_dropped: int
    num_quarantined: int
    result: bool
    num_passed_over: int = 0
    num_born: int = 0
    num_noted: int = 0


@dataclass(frozen=True)
class Warned:
    """Something the user should know that stops nothing."""

    step: str
    message: str


Event = RunStarted | TimeLeft | StepStarted | StepProgress | StepFinished | Warned
Listener = Callable[[Event], None]


def as_json(event: Event) -> PlainObject:
    """The event as a JSON object with its type's name."""
    return {"event": type(event).__name__, **asdict(event)}
