"""How long the rest of a run takes: what was measured of its steps, corrected to this machine.

Every step that is to run comes with the seconds it took elsewhere or before, where that is known.
As steps go on, the ratio of what they take to what was expected of them, weighed by seconds,
corrects the steps to come: slightly at first, fully from the first minute on. A step of which
nothing was measured is known by its rate once it has one, and until then the rest is not known.

Pure: events and times go in, seconds come out; no clock, no file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tilth.context import FIRST_STEPS
from tilth.engine.events import Event, StepFinished, StepProgress, StepStarted

# The whole of the correction holds after this long; before, this much is mixed with no correction.
_FULL_AFTER_S = 60.0
_PRIOR_S, _LEAST_PRIOR_S = 30.0, 5.0
# So much measured of steps that compute, and those that wait for a network say nothing of them.
_ENOUGH_S = 10.0
# A share of a step's seconds that its own ratio has to outweigh that of the whole run.
_OWN_PRIOR = 0.2
# A rate is none before so much of the step, and so many seconds of it, were seen.
_LEAST_SHARE, _LEAST_S = 0.02, 3.0
# What overruns its time is not done at once: a share of what it took, or has left, stays.
_OVERRUN = 0.05
_DECILES = 10


@dataclass(frozen=True)
class Expectation:
    """What a step took where it was measured.

    Attributes:
        seconds: From its start to its end.
        pace: Seconds from its start until 0, 10, ... 100 % of its units were done; empty where
            that is not known.
        done: Share of it that an earlier, stopped invocation left done.
        here: Measured in this very run: no correction to the machine.
    """

    seconds: float
    pace: tuple[float, ...] = ()
    done: float = 0.0
    here: bool = False

    def at(self, share: float) -> float:
        """Seconds from its start until a share of its units was done."""
        pace = self.pace or (0.0, self.seconds)
        place = min(max(share, 0.0), 1.0) * (len(pace) - 1)
        before = min(int(place), len(pace) - 2)
        return pace[before] + (place - before) * (pace[before + 1] - pace[before])


@dataclass(frozen=True)
class Todo:
    """A step that is to run."""

    name: str
    kind: str
    expected: Expectation | None = None


@dataclass
class _Evidence:
    """Seconds that something took, and was expected to take."""

    actual: float = 0.0
    expected: float = 0.0

    def add(self, actual: float, expected: float, weight: float = 1.0) -> None:
        self.actual += weight * actual
        self.expected += weight * expected


@dataclass
class _Running:
    """The step that runs, and how far its units were when: (share, seconds from its start)."""

    todo: Todo
    start: float
    walk: list[tuple[float, float]] = field(default_factory=list)
    total: float | None = None

    def take(self, event: StepProgress, now: float) -> None:
        share = counted_share(self.todo.kind, event)
        # What a source says that it will read grows as it finds more: its time says more.
        if share is None or (self.todo.kind == "source" and self.todo.expected):
            return
        if self.walk and (share < self.walk[-1][0] or event.total != self.total):
            self.walk.clear()
        self.walk.append((share, now - self.start))
        self.total = event.total

    def evidence(self, now: float) -> tuple[float, float] | None:
        """Seconds it has taken, and those that were expected of as much; None if not told."""
        expected = self.todo.expected
        if expected is None or expected.here:
            return None
        took = now - self.start
        if not self.walk:
            whole = expected.seconds * (1 - expected.done)
            return (took, whole) if took > whole else None
        (first, first_s), (last, last_s) = self.walk[0], self.walk[-1]
        if first > 0:
            # It went on where an earlier invocation stopped: only what was seen counts.
            return last_s - first_s, expected.at(last) - expected.at(first)
        if took - last_s > expected.seconds - expected.at(last):
            return took, expected.seconds
        return last_s, expected.at(last)


def counted_share(kind: str, event: StepProgress) -> float | None:
    """The share of a step's own units that is done: rows, training steps, cells.

    None while it prepares or measures, which counts something else or nothing.
    """
    if not event.total:
        return None
    counts = {
        "fit": "loss " in event.note or event.note.endswith(FIRST_STEPS),
        "grid": event.note == "cells",
        "source": True,
    }
    return event.done / event.total if counts.get(kind, event.note == "") else None


class Estimator:
    """Seconds that are left of a run.

    Args:
        todo: The steps that are to run, in order.
        start: When the run began, in seconds of the clock that the other times are of.
        ending: Seconds that the run takes after its last step.
    """

    def __init__(self, todo: Sequence[Todo], start: float, ending: float = 0.0) -> None:
        self._todo = {one.name: one for one in todo}
        self._start = start
        self._ending = ending
        self._running: _Running | None = None
        self._computing, self._fetching = _Evidence(), _Evidence()

    def take(self, event: Event, now: float) -> None:
        """Take in an event of the run."""
        match event:
            case StepStarted() if event.step in self._todo:
                self._running = _Running(self._todo[event.step], now)
            case StepProgress() if self._running and event.step == self._running.todo.name:
                self._running.take(event, now)
            case StepFinished() if self._running and event.step == self._running.todo.name:
                self._finish(self._running, now)
            case _:
                pass

    def _finish(self, running: _Running, now: float) -> None:
        took, todo = now - running.start, running.todo
        expected = todo.expected
        if expected is not None and not expected.here:
            begun = expected.at(running.walk[0][0]) if running.walk and running.walk[0][0] else 0.0
            begun = max(begun, expected.done * expected.seconds)
            self._evidence_of(todo.kind).add(took, expected.seconds - begun)
        self._running = None
        del self._todo[todo.name]
        # The same step of an arm, on nearly the same samples, takes as long.
        for other in list(self._todo.values()):
            if other.expected is None and other.name.partition("/")[2] == todo.name:
                self._todo[other.name] = Todo(other.name, other.kind, Expectation(took, here=True))

    def _evidence_of(self, kind: str) -> _Evidence:
        return self._fetching if kind == "source" else self._computing

    def ratio(self, now: float) -> float:
        """How many times as long as expected this machine takes for steps that compute."""
        computing = _Evidence(self._computing.actual, self._computing.expected)
        fetching = _Evidence(self._fetching.actual, self._fetching.expected)
        told = self._running.evidence(now) if self._running else None
        if self._running and told:
            (fetching if self._running.todo.kind == "source" else computing).add(*told)
        weight = max(0.0, 1 - computing.expected / _ENOUGH_S)
        computing.add(fetching.actual, fetching.expected, weight)
        prior = _PRIOR_S * (1 - (now - self._start) / _FULL_AFTER_S)
        prior = max(prior, _LEAST_PRIOR_S if computing.expected else 1.0)
        return (computing.actual + prior) / (computing.expected + prior)

    def left_s(self, now: float) -> float | None:
        """Seconds until the run has ended; None where nothing is known of a step to come."""
        ratio = self.ratio(now)
        left = self._ending * ratio
        for todo in self._todo.values():
            if self._running and todo.name == self._running.todo.name:
                step = self._step_left(self._running, now, ratio)
            elif todo.expected is None:
                step = None
            else:
                seconds = todo.expected.seconds * (1 - todo.expected.done)
                step = seconds if todo.expected.here else seconds * ratio
            if step is None:
                return None
            left += step
        return left

    def unknown(self, now: float) -> list[str]:
        """Names of the steps that nothing is known of yet."""
        names = [one.name for one in self._todo.values() if one.expected is None]
        running = self._running
        if running and running.todo.name in names and self._step_left(running, now, 1) is not None:
            names.remove(running.todo.name)
        return names

    def pace(self) -> tuple[float, ...]:
        """Seconds until each tenth of the running step's units was done; empty if not all seen.

        Tenths that were not reached, as a training that has converged leaves, end with the last.
        """
        running = self._running
        walk = running.walk if running and running.todo.kind != "source" else []
        if not walk or walk[0][0] > 0:
            return ()
        return tuple(round(_when(walk, k / _DECILES), 3) for k in range(_DECILES + 1))

    def _step_left(self, running: _Running, now: float, ratio: float) -> float | None:
        expected, took = running.todo.expected, now - running.start
        if expected is None:
            return _left_at_rate(running.walk, took)
        ratio = 1.0 if expected.here else ratio
        if not running.walk:
            whole = expected.seconds * (1 - expected.done) * ratio
            return max(whole - took, _OVERRUN * took)
        own = running.evidence(now) or (0.0, 0.0)
        prior = _OWN_PRIOR * expected.seconds
        ratio = (own[0] + prior * ratio) / (own[1] + prior) if own[1] + prior else ratio
        share, at = running.walk[-1]
        left = max(expected.seconds - expected.at(share), 0.0) * ratio
        return max(left - (took - at), _OVERRUN * left)


def _left_at_rate(walk: Sequence[tuple[float, float]], took: float) -> float | None:
    """Seconds left of a step at the rate seen so far; None before there is one."""
    if not walk:
        return None
    (first, first_s), (last, last_s) = walk[0], walk[-1]
    if last - first < _LEAST_SHARE or last_s - first_s < _LEAST_S:
        return None
    left = (1 - last) * (last_s - first_s) / (last - first)
    return max(left - (took - last_s), _OVERRUN * left)


def _when(walk: Sequence[tuple[float, float]], share: float) -> float:
    """When a share was reached, between the reports before and after it."""
    before = walk[0]
    for after in walk:
        if after[0] >= share:
            if after[0] == before[0]:
                return after[1]
            part = (share - before[0]) / (after[0] - before[0])
            return before[1] + part * (after[1] - before[1])
        before = after
    return walk[-1][1]
