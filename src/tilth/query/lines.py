"""The events of a run as plain lines: at a step's start and end, and every 30 s between."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from tilth.engine.events import (
    Event,
    RunStarted,
    StepFinished,
    StepProgress,
    StepStarted,
    TimeLeft,
    Warned,
)
from tilth.engine.expect import spell_roughly
from tilth.foreign import visible
from tilth.spell import decimals_of, fixed, percent

EVERY_S = 30.0


@dataclass
class Pace:
    """How far the step that runs is, and how fast it goes.

    Attributes:
        done, total: Units of the step; total None where unknown.
        first: `done` at the first report, which an earlier run may have left there.
        num_in, num_kept: Records so far.
        note: What the step says of itself.
    """

    step: str
    start: float
    done: float = 0.0
    total: float | None = None
    first: float | None = None
    first_at: float = 0.0
    num_in: int = 0
    num_kept: int = 0
    note: str = ""

    def update(self, event: StepProgress, now: float) -> None:
        """Take in a progress event. Phases of one step count anew."""
        if self.first is None or event.done < self.done or event.total != self.total:
            self.first, self.first_at = event.done, now
        self.done, self.total, self.note = event.done, event.total, event.note
        self.num_in, self.num_kept = event.num_in, event.num_kept

    def rate(self, now: float) -> float | None:
        """Units a second since this process began on the step."""
        if self.first is None or now - self.first_at < 0.5 or self.done <= self.first:
            return None
        return (self.done - self.first) / (now - self.first_at)

    def left_s(self, now: float) -> float | None:
        """Seconds left at this rate."""
        rate = self.rate(now)
        if rate is None or self.total is None:
            return None
        return max(0.0, self.total - self.done) / rate

    def facts(self, now: float, run_left_s: float | None = None) -> list[str]:
        """What there is to say, the most telling first.

        A step has no longer left than its run, whose estimate knows more than the step's rate: the
        first of side-by-side cells ends late.
        """
        facts = []
        if self.total:
            share = percent(self.done, self.total, 0)
            facts.append(f"{self.done:,.0f} of {self.total:,.0f} ({share})")
        elif self.done:
            facts.append(f"{self.done:,.0f}")
        if (left := self.left_s(now)) is not None:
            left = left if run_left_s is None else min(left, run_left_s)
            facts.append(f"{spell_seconds(left)} left")
        if (rate := self.rate(now)) is not None:
            facts.append(spell_rate(rate))
        if self.num_in:
            facts.append(f"{percent(self.num_kept, self.num_in, 0)} kept")
        if self.note:
            # Each by itself, so that a narrow line leaves out only what does not fit.
            facts += self.note.split(", ")
        return facts


def spell_rate(per_s: float, noun: str = "") -> str:
    """1,200/s, 3.4/s, 0.012/s; what is slower by the minute or hour: 0.30/min, 2.0/h.

    Args:
        per_s: How many a second.
        noun: Of what: `1,200 samples/s`.
    """
    for unit, seconds in (("s", 1), ("min", 60), ("h", 3600)):
        rate = per_s * seconds
        if rate >= 0.01 or unit == "h":
            break
    of = f" {noun}" if noun else ""
    return f"{fixed(rate, 0 if rate >= 10 else decimals_of(rate))}{of}/{unit}"


def spell_seconds(seconds: float) -> str:
    """<0.1 s, 0.4 s, 12 s, 3 min 20 s, 2 h 5 min."""
    if seconds < 10:
        return f"{seconds:.1f} s" if seconds >= 0.05 or seconds == 0 else "<0.1 s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


class RunTime:
    """What is left of the whole run, as it was last said."""

    def __init__(self) -> None:
        self._left_s: float | None = None
        self._at = 0.0

    def take(self, event: TimeLeft, now: float) -> None:
        """Take in what the run says."""
        self._left_s, self._at = event.left_s, now

    def __bool__(self) -> bool:
        return self._left_s is not None

    def left_s(self, now: float) -> float | None:
        """Seconds; None where it is not known."""
        return None if self._left_s is None else max(0.0, self._left_s - (now - self._at))

    def words(self, now: float) -> str:
        """`about 3 min left`; empty where it is not known."""
        left = self.left_s(now)
        return "" if left is None else f"about {spell_roughly(left, short=True)} left"


def finished_line(event: StepFinished) -> str:
    """How a step ended, with its books."""
    if event.result or not event.num_in:
        books = "done"
    else:
        born = f" + {event.num_born:,} born" if event.num_born else ""
        books = (
            f"{event.num_in:,} in{born} = {event.num_kept:,} kept + {event.num_dropped:,} dropped"
            f" + {event.num_quarantined:,} quarantined"
        )
        if event.num_passed_over:
            books += f"; {event.num_passed_over:,} passed over"
        if event.num_noted:
            books += f"; {event.num_noted:,} read with a note"
    time_taken = "cached" if event.cached else spell_seconds(event.seconds)
    return f"{event.step}: {books}, {time_taken}"


class PlainLines:
    """A listener that writes lines; use it as a context manager.

    Args:
        write: Takes one line without its end.
        every_s: Seconds between lines of a step that runs.
    """

    def __init__(self, write: Callable[[str], None], every_s: float = EVERY_S) -> None:
        self._give = write
        self._every_s = every_s
        self._pace: Pace | None = None
        self._run = RunTime()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> PlainLines:
        self._thread.start()
        return self

    def _write(self, text: str) -> None:
        # A step's name, a warning and an error may hold what strangers wrote.
        self._give(visible(text))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def __call__(self, event: Event) -> None:
        """Take in an event; called from any thread."""
        with self._lock:
            now = time.monotonic()
            match event:
                case RunStarted() if event.outlook:
                    self._write(f"{event.run}: {event.outlook}")
                case TimeLeft():
                    self._run.take(event, now)
                case StepStarted():
                    self._pace = Pace(event.step, now)
                    left = f"; {self._run.words(now)}" if self._run else ""
                    self._write(f"{event.step}: started ({event.why or 'goes on'}){left}")
                case StepProgress() if self._pace and self._pace.step == event.step:
                    self._pace.update(event, now)
                case StepFinished():
                    self._pace = None
                    self._write(finished_line(event))
                case Warned():
                    self._write(f"{event.step}: warning: {event.message}")
                case _:
                    pass

    def _tick(self) -> None:
        while not self._stop.wait(self._every_s):
            with self._lock:
                if self._pace is not None:
                    now = time.monotonic()
                    facts = self._pace.facts(now, self._run.left_s(now)) or ["running"]
                    elapsed = spell_seconds(now - self._pace.start)
                    left = f"; of the whole run {self._run.words(now)}" if self._run else ""
                    self._write(f"{self._pace.step}: {', '.join(facts)} (after {elapsed}){left}")
