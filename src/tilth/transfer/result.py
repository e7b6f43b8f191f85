"""What the comparison of methods found: of one cell, and of all. Loads no torch and no numpy.

The outcome of a cell and an effect with its intervals are what `value` keeps as well.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from pydantic import Field

from tilth.records import Figured, Record
from tilth.statistics.found import Multiplier, Parts, Verdict
from tilth.transfer.settings import Method

# Lower and upper end; None where an end is open.
Ends = tuple[float | None, float | None]


class Cell(Record):
    """One training of the comparison: a method, a size of the target, a seed."""

    method: Method
    size: int
    seed: int


class Reported(Record):
    """The figure that a comparison is read from."""

    value: float
    metric: str
    unit: str
    scale: float
    lower_is_better: bool

    @property
    def toward(self) -> float:
        """1 where higher is better, else -1."""
        return -1.0 if self.lower_is_better else 1.0

    @property
    def most(self) -> float:
        """What it cannot exceed: an error rate may be above that of all wrong."""
        return math.inf if self.lower_is_better else max(self.scale, self.value)


class Outcome(Record):
    """What one cell came to, measured on the test split.

    Attributes:
        measured: The figure to compare.
        parts: The same by cluster of the test set; see `tilth.transfer.clusters`.
        test_samples, items: On how many of what.
        nine_tenths: The figure before the last tenth of the steps, where it was asked for.
        seconds: Of the cell.
        steps, epochs: Of its training.
        notes: What the user should be told.
    """

    measured: Reported
    parts: Parts
    test_samples: int
    items: str
    nine_tenths: float | None
    seconds: float
    steps: int
    epochs: float
    notes: tuple[str, ...]

    @property
    def resolution(self) -> float:
        """The step in which the figure moves, in its unit: 2.5 points where 40 texts are tested."""
        return self.measured.scale * self.parts.resolution


class TransferOutcome(Outcome):
    """What one method came to on one subset of the target.

    Attributes:
        loss: In nats a target; None of a method that has none.
        figures: Further figures of the test split.
        samples: Training samples of the target.
        cpu_seconds, training_seconds: Of the cell; of its training alone.
        what: The method in words.
    """

    loss: float | None
    figures: dict[str, float | str]
    samples: int
    cpu_seconds: float
    training_seconds: float
    what: str


class Effect(Record):
    """A mean paired difference and what is claimed of it; positive is better.

    Attributes:
        differences: One a seed, in the metric's unit.
        mean: Of them.
        low, high: Student's 95 % interval over seeds; None where it is open.
        adjusted_low, adjusted_high: The same at the level of Holm's rule: what decides.
        p, p_sign_flip: Of the t-test, and exact.
        adjusted_p: Corrected for the number of comparisons.
        wins: Seeds in which the difference is above zero.
        n: Seeds.
        verdict: Read from the corrected interval.
        combined_interval, adjusted_combined_interval: Over seeds and test sets; None where an
            earlier version did not measure it.
        headline: The claim in a sentence; see `tilth.transfer.headline`.
    """

    differences: tuple[float, ...] = ()
    mean: float
    low: float | None
    high: float | None
    adjusted_low: float | None = None
    adjusted_high: float | None = None
    p: float | None = None
    p_sign_flip: float | None = None
    adjusted_p: float | None = None
    wins: int
    n: int
    verdict: Verdict
    combined_interval: Ends | None = None
    adjusted_combined_interval: Ends | None = None
    headline: str = ""

    @property
    def adjusted(self) -> Ends | None:
        """The interval that decides; None where an earlier version did not correct it."""
        missing = self.adjusted_p is None and self.adjusted_low is None
        return None if missing else (self.adjusted_low, self.adjusted_high)


class Gain(Effect):
    """What a method gains over another at a size of the target."""

    method: str
    against: str = "scratch"
    size: int


class Point(Record):
    """The result of one cell."""

    method: str
    size: int
    seed: int
    value: float


class Mean(Record):
    """The mean over the seeds of a method at a size, with Student's 95 % interval."""

    method: str
    size: int
    mean: float
    low: float | None
    high: float | None
    n: int


class Further(Figured):
    """The means over seeds of everything else that was measured, and the processor time."""

    method: str
    size: int
    cpu_seconds: float


@dataclass(frozen=True)
class Reading(Multiplier):
    """The data multiplier that was read at a size."""

    size: int


class LastTenth(Record):
    """What the last tenth of from-scratch's steps gained, and whether it was cut short."""

    size: int
    gain: float
    cut_short: bool


class TransferResult(Record):
    """The comparison as a whole.

    Attributes:
        metric, unit, lower_is_better: Of what is compared.
        smallest_effect: The difference that matters, in the unit.
        sizes, sizes_per_class, methods, seeds: What was trained.
        points, summary, figures: Every result; means over seeds; means of all else.
        effects: Gains over from-scratch, a method and size each, Holm over all of them.
        multiplier, multipliers: Of the carried-over model: the one to show, and at every size.
        last_tenth: Of from-scratch, a size each.
        headline: That of the effect to look at first.
        what: The methods in words.
        warnings: What takes from the claims.
        cost_s: Seconds of all cells.
    """

    metric: str
    unit: str
    lower_is_better: bool
    smallest_effect: float | None = None
    sizes: tuple[int, ...]
    sizes_per_class: bool = False
    methods: tuple[str, ...]
    seeds: tuple[int, ...] = ()
    points: tuple[Point, ...]
    summary: tuple[Mean, ...]
    figures: tuple[Further, ...] = ()
    effects: tuple[Gain, ...]
    multiplier: Reading | None = None
    multipliers: tuple[Reading, ...] = ()
    last_tenth: tuple[LastTenth, ...] = ()
    headline: str = ""
    what: dict[str, str] = Field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    cost_s: float
