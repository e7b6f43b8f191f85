"""Show a run as it goes: one live line a step on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from tilth.cli.output import say
from tilth.engine.events import (
    Event,
    RunStarted,
    StepFinished,
    StepProgress,
    StepStarted,
    TimeLeft,
    Warned,
)
from tilth.foreign import visible
from tilth.query.disk import spell_bytes
from tilth.query.lines import Pace, PlainLines, RunTime, finished_line, spell_seconds
from tilth.spell import percent

if TYPE_CHECKING:
    from rich.text import Text

_EVERY_S = 0.125
_NAME, _BAR = 22, 10
# Columns that the bar, the share and what is left of the run take beside the name.
_BESIDE_NAME = 50


@contextlib.contextmanager
def progress(num_steps: int) -> Iterator[Callable[[Event], None]]:
    """A listener for the events of a run, shown on standard error.

    Args:
        num_steps: Steps of the plan, cached ones among them.
    """
    if _is_terminal():
        with LiveLine(num_steps) as live:
            yield live
    else:
        with PlainLines(say) as lines:
            yield lines


@contextlib.contextmanager
def counted(step: str) -> Iterator[Callable[[str, int, int], None] | None]:
    """Shows how many of all things are done, on a terminal alone; None elsewhere.

    Called with what is counted (`samples`, `bytes`), how many are done, and of how many.

    Args:
        step: What is done.
    """
    if not _is_terminal():
        yield None
        return
    with LiveLine() as live:
        live(StepStarted(step, "", None, None))

        def tell(what: str, done: int, total: int) -> None:
            if what == "bytes":
                note = f"{spell_bytes(done)} of {spell_bytes(total)} put"
            else:
                note = f"{done:,} of {total:,} {what}"
            live(StepProgress(step, done, total, 0, 0, note))

        yield tell


def _is_terminal() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM", "") != "dumb"


class LiveLine:
    """One line that is redrawn, and a line that stays for each step that has ended.

    Args:
        num_steps: Of which it says the number of the one that runs; 0: there is but one.
    """

    def __init__(self, num_steps: int = 0) -> None:
        from rich.console import Console
        from rich.live import Live

        self._num_steps = num_steps
        self._num_done = 0
        self._pace: Pace | None = None
        self._run = RunTime()
        self._lock = threading.Lock()
        self._console = Console(stderr=True, highlight=False, markup=False, emoji=False)
        self._live = Live(
            console=self._console,
            get_renderable=self._render,
            refresh_per_second=1 / _EVERY_S,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> LiveLine:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def __call__(self, event: Event) -> None:
        """Take in an event; called from any thread."""
        with self._lock:
            now = time.monotonic()
            match event:
                case TimeLeft():
                    self._run.take(event, now)
                case StepStarted():
                    self._pace = Pace(event.step, now)
                case StepProgress() if self._pace and self._pace.step == event.step:
                    self._pace.update(event, now)
                case StepFinished():
                    self._pace = None
                    self._num_done += 1
                case _:
                    pass
        # Not under the lock: printing draws the live line, which takes it.
        if isinstance(event, StepFinished):
            mark = ("·", "bright_black") if event.cached else ("✓", "green")
            self._print(*mark, finished_line(event))
        elif isinstance(event, RunStarted) and event.outlook:
            self._print("·", "bright_black", f"{event.run}: {event.outlook}")
        elif isinstance(event, Warned):
            self._print("!", "yellow", f"{event.step}: {event.message}")

    def _print(self, mark: str, style: str, text: str) -> None:
        from rich.text import Text

        if self._console.encoding.lower().replace("-", "") != "utf8":
            mark = {"·": "-", "✓": "+"}.get(mark, mark)
        self._console.print(Text.assemble((mark, style), " ", visible(text)), soft_wrap=True)

    def _render(self) -> Text:
        from rich.text import Text

        with self._lock:
            if self._pace is None:
                return Text("")
            columns = shutil.get_terminal_size((80, 24)).columns
            now = time.monotonic()
            position = f"{self._num_done + 1}/{self._num_steps}" if self._num_steps else ""
            text = step_line(self._pace, now, columns, position, self._run)
        return Text(visible(text), no_wrap=True, overflow="crop")


def step_line(
    pace: Pace, now: float, columns: int, position: str, run: RunTime | None = None
) -> str:
    """The live line of a step: where it is, how far, time left, rate, kept share, its note.

    What does not fit into `columns` is left out from the end, never cut in the middle.

    Args:
        pace: How far the step is.
        now: The time, of the clock that `pace` is of.
        columns: Of the terminal.
        position: Which step of how many, `4/7`; empty of a single one.
        run: What is left of the whole run; it stands before what is left of the step.
    """
    parts = [f"{position} {_short_name(pace.step, max(_NAME, columns - _BESIDE_NAME))}".lstrip()]
    if pace.total:
        full = round(_BAR * min(1.0, max(0.0, pace.done / pace.total)))
        parts.append("[" + "#" * full + " " * (_BAR - full) + "]")
    left_s = None if run is None else run.left_s(now)
    facts = pace.facts(now, left_s) or [f"{spell_seconds(now - pace.start)}"]
    if pace.total:
        facts[0] = percent(pace.done, pace.total, 0)
    if run is not None and left_s is not None:
        facts = [f"of this step {fact}" if fact.endswith(" left") else fact for fact in facts]
        facts.insert(1 if pace.total else 0, run.words(now))
    line = "  ".join(parts)
    for fact in facts:
        if len(line) + 2 + len(fact) >= columns:
            break
        line += "  " + fact
    return line[: columns - 1]


def _short_name(name: str, columns: int) -> str:
    """The name, or both its ends: an arm's steps differ in the last word, the arms in the first."""
    if len(name) <= columns:
        return name
    tail = (columns - 1) * 3 // 5
    return name[: columns - 1 - tail] + "~" + name[-tail:]
