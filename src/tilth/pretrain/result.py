"""What pretraining found, of one training or of several. Loads no torch and no numpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from tilth.records import Figured, Record
from tilth.statistics.found import Bounds
from tilth.training.curve import CurvePoint

# Of a split; empty where it has no samples. A text is the signature of a score.
Figures = dict[str, float | str]
Intervals = dict[str, Bounds]


@dataclass(frozen=True)
class Taken:
    """What a model took from another: names of its tensors.

    Attributes:
        taken: Copied.
        resized: Embeddings with another number of rows, as `name [5, 4] to [3, 4]`: the rows that
            both have were copied, further ones left as they were.
        skipped: Present in both, of another shape: left as they were, as `name [2, 3] != [2, 4]`.
        missing: Of the model, not in the file: left as they were.
    """

    taken: tuple[str, ...]
    resized: tuple[str, ...]
    skipped: tuple[str, ...]
    missing: tuple[str, ...]

    def __str__(self) -> str:
        return ", ".join(
            (
                f"{len(self.taken)} tensors taken",
                f"{len(self.resized)} resized{_listed(self.resized)}",
                f"{len(self.skipped)} of another shape skipped{_listed(self.skipped)}",
                f"{len(self.missing)} fresh{_listed(self.missing)}",
            )
        )


class Size(Record):
    """What was trained, and how large it is."""

    kind: str
    parameters: int


class Held(Record):
    """Held-out figures of one training, with their intervals.

    Attributes:
        validation, test: By name.
        intervals: Of each split, by name.
        seconds: Wall-clock of its steps and the validations between them, over all starts.
        cpu_seconds: Processor time of the same, over all threads, processes and starts.
    """

    validation: Figures = Field(default_factory=dict)
    test: Figures = Field(default_factory=dict)
    intervals: dict[str, Intervals] = Field(default_factory=dict)
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    def bounds(self, split: str = "test") -> Intervals:
        """The interval of each figure of a split, by name; none of those that have none."""
        return self.intervals.get(split, {})

    def of(self, split: str) -> Figures:
        """The figures of a split."""
        return self.test if split == "test" else self.validation


class Repeat(Held):
    """One training of several: its seed, and the value that was left out of it.

    Attributes:
        fold: The value that it was tested on; None where the data's own splits were used.
    """

    seed: int
    fold: str | None = None


class MeanOfRuns(Figured):
    """The mean of each figure over all trainings, with its interval."""

    split: Literal["validation", "test"] = "test"
    intervals: Intervals = Field(default_factory=dict)


class PretrainResult(Held):
    """What pretraining found.

    Attributes:
        task, metric, unit, lower_is_better: What was learnt, and by what it is measured.
        curve: A point a validation.
        stopped: converged, max_steps, epochs, max_tokens or max_seconds.
        steps: Updates of the weights.
        tokens_or_examples_seen, seen_unit: What they were made from, repetitions counted: so many
            tokens, target tokens, images, utterances.
        precision, device, threads: On what.
        notes: What the user should be told.
        model: What was trained.
        samples: Of each split.
        unreadable: Samples that an earlier version left out: they could not be decoded, or were too
            short for their transcript.
        initialised: The tensors that other weights gave; None where it began at random.
        seeds, folds: Of several trainings, each one's figures. All that stands above is of the
            first one, whose weights are kept at the top.
        mean: Over all of them; None of one.
    """

    task: str
    metric: str
    unit: str
    lower_is_better: bool
    curve: tuple[CurvePoint, ...] = ()
    stopped: str = ""
    steps: int = 0
    tokens_or_examples_seen: int = 0
    seen_unit: str = ""
    precision: str = ""
    device: str = ""
    threads: int = 0
    notes: tuple[str, ...] = ()
    model: Size
    samples: dict[str, int] = Field(default_factory=dict)
    unreadable: tuple[str, ...] = ()
    initialised: Taken | None = None
    seeds: tuple[Repeat, ...] = ()
    folds: tuple[Repeat, ...] = ()
    mean: MeanOfRuns | None = None

    @property
    def runs(self) -> tuple[Repeat, ...]:
        """The trainings, where there are several."""
        return self.folds or self.seeds

    @property
    def kept(self) -> str:
        """Of which of several trainings the weights are: `first of 3 trainings`; empty of one."""
        return f"first of {len(self.runs)} trainings" if self.runs else ""

    @property
    def kept_in_full(self) -> str:
        """As `kept`, with its seed and fold: `first of 4 trainings (fold a, seed 1)`."""
        if not self.runs:
            return ""
        first = self.runs[0]
        fold = "" if first.fold is None else f"fold {first.fold}, "
        return f"{self.kept} ({fold}seed {first.seed})"

    @property
    def averaged(self) -> str:
        """What the mean is over: `mean of 3 seeds`, `mean of 2 seeds x 4 folds`; empty of one."""
        if not self.runs:
            return ""
        seeds = len({run.seed for run in self.runs})
        folds = len({run.fold for run in self.runs if run.fold is not None})
        parts = [_counted(seeds, "seed")] if seeds > 1 or not folds else []
        parts += [_counted(folds, "fold")] if folds else []
        return f"mean of {' x '.join(parts)}"


def _counted(amount: int, noun: str) -> str:
    return f"{amount} {noun}{'' if amount == 1 else 's'}"


def _listed(names: Sequence[str]) -> str:
    more = [f"and {len(names) - 3} more"] if len(names) > 3 else []
    return f" ({', '.join([*names[:3], *more])})" if names else ""
