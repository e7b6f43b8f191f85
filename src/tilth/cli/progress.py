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

from tilth.cli.output import write
from tilth.engine.events import Event, StepFinished, StepProgress, StepStarted, Warned
from tilth.query.lines import Pace, PlainLines, finished_line, spell_seconds

if TYPE_CHECKING:
    from rich.text import Text

_EVERY_S = 0.125
_NAME, _BAR = 22, 10


@contextlib.contextmanager
def progress(num_steps: int) -> Iterator[Callable[[Event], None]]:
    """A listener for the events of a run, shown on standard error.

    Args:
        num_steps: Steps of the plan, cached ones among them.
    """
    if sys.stderr.isatty() and os.environ.get("TERM", "") != "dumb":
        with LiveLine(num_steps) as live:
            yield live
    else:
        with PlainLines(lambda text: write(text + "\n", sys.stderr)) as lines:
            yield lines


class LiveLine:
    """One line that is redrawn, and a line that stays for each step that has ended."""

    def __init__(self, num_steps: int) -> None:
        from rich.console import Console
        from rich.live import Live

        self._num_steps = num_steps
        self._num_done = 0
        self._pace: Pace | None = None
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
            match event:
                case StepStarted():
                    self._pace = Pace(event.step, time.monotonic())
                case StepProgress() if self._pace and self._pace.step == event.step:
                    self._pace.update(event, time.monotonic())
                case StepFinished():
                    self._pace = None
                    self._num_done += 1
                case _:
                    pass
        # Not under the lock: printing draws the live line, which takes it.
        if isinstance(event, StepFinished):
            mark = ("·", "bright_black") if event.cached else ("✓", "green")
            self._print(*mark, finished_line(event))
        elif isinstance(event, Warned):
            self._print("!", "yellow", f"{event.step}: {event.message}")

    def _print(self, mark: str, style: str, text: str) -> None:
        from rich.text import Text

        if self._console.encoding.lower().replace("-", "") != "utf8":
            mark = {"·": "-", "✓": "+"}.get(mark, mark)
        self._console.print(Text.assemble((mark, style), " ", text), soft_wrap=True)

    def _render(self) -> Text:
        from rich.text import Text

        with self._lock:
            if self._pace is None:
                return Text("")
            columns = shutil.get_terminal_size((80, 24)).columns
            text = step_line(
                self._pace,
                time.monotonic(),
                columns,
                f"{self._num_done + 1}/{self._num_steps}",
            )
        return Text(text, no_wrap=True, overflow="crop")


def step_line(pace: Pace, now: float, columns: int, position: str) -> str:
    """The live line of a step: where it is, how far, time left, rate, kept share, its note.

    What does not fit into `columns` is left out from the end, never cut in the middle.
    """
    name = pace.step if len(pace.step) <= _NAME else pace.step[: _NAME - 1] + "~"
    parts = [f"{position} {name}"]
    if pace.total:
        full = round(_BAR * min(1.0, max(0.0, pace.done / pace.total)))
        parts.append("[" + "#" * full + " " * (_BAR - full) + "]")
    facts = pace.facts(now) or [f"{spell_seconds(now - pace.start)}"]
    if pace.total:
        facts[0] = f"{pace.done / pace.total:.0%}"
    line = "  ".join(parts)
    for fact in facts:
        if len(line) + 2 + len(fact) >= columns:
            break
        line += "  " + fact
    return line[: columns - 1]
