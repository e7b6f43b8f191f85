"""What the model makes of a few held-out samples, as the page shows it."""

from __future__ import annotations

from dataclasses import dataclass

from tilth.pretrain.generated import Generated as Asked
from tilth.pretrain.generated import Sample as Answer
from tilth.report.figures import as_image
from tilth.report.steps import as_text
from tilth.report.text import number

MAX_SAMPLES, MAX_TEXT = 8, 1_500


@dataclass(frozen=True)
class Sample:
    """One sample: what was given, what the model made of it, what was expected."""

    input: str
    image: str
    answer: str
    expected: str


@dataclass(frozen=True)
class Generated:
    """Some samples; `total` says of how many, `kept` which of several trainings answered."""

    samples: tuple[Sample, ...]
    total: int
    split: str
    options: tuple[tuple[str, str], ...]
    note: str
    kept: str = ""

    @property
    def compared(self) -> bool:
        """Whether it is known what was expected."""
        return any(sample.expected for sample in self.samples)


def generated(given: Asked, kept: str = "") -> Generated:
    """The samples of a report.

    Args:
        given: What the model answered.
        kept: Which of several trainings it is; empty of one.
    """
    return Generated(
        tuple(_sample(one) for one in given.samples[:MAX_SAMPLES]),
        len(given.samples),
        as_text(given.split, 40),
        tuple(
            (as_text(key, 40).replace("_", " "), number(value))
            for key, value in given.options.items()
        ),
        as_text(given.note, 400),
        as_text(kept),
    )


def _sample(one: Answer) -> Sample:
    return Sample(
        as_text(one.input, MAX_TEXT),
        as_image(one.image),
        as_text(one.answer, MAX_TEXT),
        as_text(one.expected, MAX_TEXT),
    )
