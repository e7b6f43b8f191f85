"""What a step has taken that was stopped before its end: its time is that of all its parts.

The seconds are kept in the run's folder, by the step's content address, while it is not done. They
are written every two seconds, and where a step fails or is stopped; a kill loses two at most.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from pathlib import Path

from tilth.store.files import remove

FILE = ".spent.json"


class Spent:
    """The seconds of unfinished steps, and the clock of the one that runs.

    Args:
        folder: Of the run.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._kept = _read(self._path)
        self._running: tuple[str, float] | None = None
        # A step's end and the thread that notes the time may meet.
        self._lock = threading.Lock()

    def begin(self, identity: str, *, went_on: bool) -> float:
        """A step begins, or goes on: the seconds that its earlier parts took."""
        with self._lock:
            before = self._kept.get(identity, 0.0) if went_on else 0.0
            self._running = identity, time.monotonic() - before
            return before

    def note(self) -> None:
        """Write down what the step that runs has taken so far; where that fails, nothing is lost
        but a time."""
        with self._lock:
            if self._running is not None:
                identity, start = self._running
                self._write({**self._kept, identity: round(time.monotonic() - start, 3)})

    def end(self, identity: str) -> None:
        """A step is done: its record has its time. It may have been before, where a fault came
        between its output and its record."""
        with self._lock:
            if self._running is not None or identity in self._kept:
                self._kept.pop(identity, None)
                self._running = None
                self._write(self._kept)

    def _write(self, seconds: dict[str, float]) -> None:
        with contextlib.suppress(OSError):
            if seconds:
                self._path.write_text(json.dumps(seconds), "utf-8")
            else:
                remove(self._path)


def _read(path: Path) -> dict[str, float]:
    """What is kept; of what a kill cut in half nothing is."""
    with contextlib.suppress(OSError, ValueError):
        kept = json.loads(path.read_text("utf-8"))
        if isinstance(kept, dict):
            return {k: float(v) for k, v in kept.items() if isinstance(v, int | float) and v >= 0}
    return {}
