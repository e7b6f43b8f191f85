"""What happens in a run, as one stream of typed events; progress lines, JSON and pages read it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any


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


@dataclass(frozen=True)
class Warned:
    """Something the user should know that stops nothing."""

    step: str
    message: str


Event = StepStarted | StepProgress | StepFinished | Warned
Listener = Callable[[Event], None]


def as_json(event: Event) -> dict[str, Any]:
    """The event as a JSON object with its type's name."""
    return {"event": type(event).__name__, **asdict(event)}
