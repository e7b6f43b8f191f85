"""What a long task may know of where it runs: a folder, a seed, threads, and whom to tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Progress = Callable[[float, float | None, str], None]

# A training's note with the step that it begins at, before it has a loss to tell.
FIRST_STEPS = "first steps"


def silent(done: float, total: float | None, note: str) -> None:
    """Report progress to nobody."""


@dataclass(frozen=True)
class Context:
    """Given to sources, fits and grid cells; record operations never see it.

    Attributes:
        work: Durable folder of this step; after a kill the same folder is given again.
        seed: The recipe's seed.
        threads: Threads the task may use; part of a fit's identity.
        progress: Called with (done, total or None, a short text such as a rate or a loss).
        limit: Samples to read at most, or None.
    """

    work: Path
    seed: int = 0
    threads: int = 1
    progress: Progress = silent
    limit: int | None = None
