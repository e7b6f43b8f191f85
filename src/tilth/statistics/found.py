"""What statistics says of a few numbers, as it is kept. Loads no numpy: reports read it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

# The chance at which "more seeds would decide it" is read (`tilth.statistics.power`).
CHANCE = 0.8
# And the fewest seeds that tell it: two leave their deviation wholly open.
FEWEST_SEEDS = 3
# A cell's result is a small file: above this many parts of a test set, some share a place. That
# widens the interval by next to nothing, as 2,000 parts give the standard error to about 2 %.
MAX_CLUSTERS = 2_000

Verdict = Literal["helps", "hurts", "no material effect", "undecided", "nothing changed"]


@dataclass(frozen=True)
class Bounds:
    """The 95 % interval of a figure, and what it rests on.

    Attributes:
        low, high: In the figure's unit; None where one item alone says nothing of others.
        n: Number of items.
        item: What one is: image, document, utterance.
        method: How the interval was made; the last two of earlier versions.
        groups: Number of groups (speakers, sites) that were drawn; None: each item by itself.
    """

    low: float | None
    high: float | None
    n: int
    item: str
    method: Literal[
        "Clopper-Pearson", "jackknife", "Student-t over folds", "items and seeds",
        "Wilson", "bootstrap",
    ]  # fmt: skip
    groups: int | None = None


@dataclass(frozen=True)
class Multiplier:
    """How many times the control's data (or steps) a result is worth.

    Attributes:
        value: The multiplier, or None where it cannot be read.
        low: Lower end of the 95 % interval, or None where open.
        high: Upper end, or None where open.
        state: Whether it was read, lies above or below the measured curve, or cannot be read.
        text: The same for people: "1.6x [1.3, 2.0]", "> 4x".
    """

    value: float | None
    low: float | None
    high: float | None
    state: Literal["read", "above", "below", "flat"]
    text: str


@dataclass(frozen=True)
class Parts:
    """A metric by the parts of a test set that stand or fall together: scale x sum / sum.

    Attributes:
        numerators, denominators: One a part; of two results on one test set in the same order.
        step: What one unit (an item, a word, a byte) makes of sum / sum; None: one of what is
            divided by.
    """

    numerators: tuple[float, ...]
    denominators: tuple[float, ...]
    step: float | None = None

    @property
    def resolution(self) -> float:
        """The step in which sum / sum moves: equal results hide what lies within one."""
        return 1 / math.fsum(self.denominators) if self.step is None else self.step
