"""What the experiment found: of one cell, and of all. Loads no torch and no numpy."""

from __future__ import annotations

from typing import Literal

from tilth.records import Record
from tilth.statistics.found import Multiplier
from tilth.transfer.result import Effect, Ends, Outcome


class Cell(Record):
    """One training of the experiment: an arm, a seed, a share of the control's data or steps."""

    arm: str
    seed: int
    share: float = 1.0


class ValueOutcome(Outcome):
    """What one arm came to with one seed.

    Attributes:
        unique_examples: Trained on; 0 without pretraining.
        data_digest, recipe_digest: Of what was read, and of how: equal ones are the same training.
    """

    unique_examples: int
    data_digest: str
    recipe_digest: str


class Control(Record):
    """The recipe as it stands: its results, their mean and its 95 % interval over seeds."""

    values: tuple[float, ...]
    mean: float
    low: float | None = None
    high: float | None = None
    unique_examples: int = 0
    epochs: float = 0.0


class ArmResult(Effect):
    """What one decision was worth.

    Attributes:
        name: Of the arm.
        decision: What the verdict is about.
        what: The difference in a sentence.
        contrast: Which way round it was taken.
        is_check: An A/A arm, which makes no claim.
        same_data: Its data and recipe are exactly the control's.
        values: Its results, one a seed.
        effect: As `mean`.
        sd: Standard deviation of the differences; None of one.
        level: Of the corrected interval.
        test_set_interval: Over test sets alone.
        test_clusters: Parts of the test set that stand or fall together.
        last_tenth_gain, cut_short: Of an arm without pretraining: whether it had enough steps.
        more_seeds, more_cost_s: What would decide it; None where nothing in reach would.
        seconds_per_seed: Of the arm and its control.
        unique_examples, epochs: Of its data.
        data_multiplier, compute_multiplier: What it is worth in amounts of the control's.
    """

    name: str
    decision: str
    what: str = ""
    contrast: Literal["control - arm", "arm - control"]
    is_check: bool = False
    same_data: bool = False
    values: tuple[float, ...]
    effect: float
    sd: float | None = None
    level: float | None = None
    test_set_interval: Ends | None = None
    test_clusters: int = 0
    last_tenth_gain: float | None = None
    cut_short: bool = False
    more_seeds: int | None = None
    more_cost_s: float | None = None
    seconds_per_seed: float = 0.0
    unique_examples: int = 0
    epochs: float = 0.0
    data_multiplier: Multiplier | None = None
    compute_multiplier: Multiplier | None = None

    @property
    def is_unmeasured(self) -> bool:
        """Whether data and training are the control's: a difference of 0 is no measure of worth."""
        return self.verdict == "nothing changed"


class ValueResult(Record):
    """The experiment as a whole.

    Attributes:
        metric, unit, lower_is_better: Of what was measured.
        smallest_effect: The difference that matters, in the unit.
        match: What all arms share.
        seeds: Of the control.
        control, arms: The recipe as it stands, and with one decision changed each.
        warnings: What takes from the claims.
        cost_s: Seconds of all cells.
    """

    metric: str
    unit: str
    lower_is_better: bool
    smallest_effect: float | None = None
    match: str = "compute"
    seeds: tuple[int, ...] = ()
    control: Control
    arms: tuple[ArmResult, ...]
    warnings: tuple[str, ...] = ()
    cost_s: float
