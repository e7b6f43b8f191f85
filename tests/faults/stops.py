"""Stops: a signal at a random moment of a step, to the run, its group or a worker of it."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass

from tests.faults.trial import END, Calm, Child, went_on

# What is sent, to whom.
HOWS = (
    *("kill", "kill", "term", "int", "int twice", "int to the group", "int twice to the group"),
    *("kill a worker", "term to a worker"),
)
_OF_WORKERS = frozenset(("kill a worker", "term to a worker"))


@dataclass(frozen=True)
class Stop:
    """One stop.

    Attributes:
        kind: Of the run.
        step: In which.
        part: Of the processor's time that the step takes, 0 to 1.
        how: Of `HOWS`.
        workers: Whether the run has worker processes.
        gap_s: Between two interrupts.
    """

    kind: str
    step: str
    part: float
    how: str
    workers: bool
    gap_s: float

    def __str__(self) -> str:
        apart = ", with workers" if self.workers else ""
        return f"{self.how} at {100 * self.part:.1f} % of {self.step} of {self.kind}{apart}"


def drawn(seed: int, number: int, calm: Mapping[str, Calm]) -> Stop:
    """The stop of a number: kinds and steps in turn, so that each has as many; the rest at random.

    Args:
        seed: Of all.
        number: Which.
        calm: Undisturbed runs by kind.
    """
    chance = random.Random(f"{seed} {number}")
    places = [(kind, part.name) for kind, one in calm.items() for part in one.segments]
    # Each round through the places in an order of its own.
    turn, at = divmod(number, len(places))
    order = random.Random(f"{seed} turn {turn}").sample(places, len(places))
    kind, step = order[at]
    workers = step != END and chance.random() < 0.1
    hows = [how for how in HOWS if workers or how not in _OF_WORKERS]
    return Stop(
        kind=kind,
        step=step,
        part=chance.random(),
        how=chance.choice(hows),
        workers=workers,
        gap_s=chance.choice((0.0, 0.002, 0.02)),
    )


def tried(stop: Stop, calm: Calm) -> tuple[str, bool, list[str]]:
    """Make a stop, and run again.

    Returns:
        What was wrong, mostly nothing; whether the stop came before the end; what was open then.
    """
    calm.before(stop.step)
    segment = next(one for one in calm.segments if one.name == stop.step)
    child = Child(calm.recipe, calm.only(stop.step), workers=stop.workers)
    landed, open_then = False, []
    nth = len(calm.steps) if stop.step == END else 1
    if child.reaches(stop.step, stop.part * segment.took_s, nth):
        landed, open_then = True, child.open_now()
        _send(child, stop)
        child.send(signal.SIGCONT)
    ended = child.wait()
    expected = (0, 130, -signal.SIGKILL) if stop.how == "kill" else (0, 130)
    # Meeting the end of Python itself, which takes its handlers down, all was done by then.
    expected = (*expected, -signal.SIGINT, -signal.SIGTERM)
    if stop.how not in _OF_WORKERS and ended.code not in expected and not ended.hung:
        return f"it ended with {ended.code}: {ended.said[-600:]}", landed, open_then
    return went_on(calm, stop.step, ended), landed, open_then


def _send(child: Child, stop: Stop) -> None:
    number = {"kill": signal.SIGKILL, "term": signal.SIGTERM}.get(
        stop.how.partition(" ")[0], signal.SIGINT
    )
    if stop.how in _OF_WORKERS:
        for pid in child.children()[:1]:
            _to(pid, number)
        return
    send = child.send_group if stop.how.endswith("group") else child.send
    send(number)
    if "twice" in stop.how:
        child.send(signal.SIGCONT)
        time.sleep(stop.gap_s)
        send(number)


def _to(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
