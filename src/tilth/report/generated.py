"""What the model makes of a few held-out samples, as the page shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tilth.report.steps import as_dict, as_image, as_list, as_text
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
    """Some samples; `total` says of how many."""

    samples: tuple[Sample, ...]
    total: int
    split: str
    options: tuple[tuple[str, str], ...]
    note: str

    @property
    def compared(self) -> bool:
        """Whether it is known what was expected."""
        return any(sample.expected for sample in self.samples)


def generated(part: Mapping[str, Any]) -> Generated | None:
    """The samples of a report; a sample that is a text alone was written from nothing."""
    given = as_list(part.get("samples"))
    note = as_text(part.get("note"), 400)
    if not given and not note:
        return None
    return Generated(
        tuple(_sample(one) for one in given[:MAX_SAMPLES]),
        len(given),
        as_text(part.get("split"), 40),
        tuple(
            (as_text(key, 40).replace("_", " "), number(value))
            for key, value in as_dict(part.get("options")).items()
        ),
        note,
    )


def _sample(one: Any) -> Sample:
    if not isinstance(one, Mapping):
        return Sample("", "", as_text(one, MAX_TEXT), "")
    return Sample(
        as_text(one.get("input"), MAX_TEXT),
        as_image(one.get("image")),
        as_text(one.get("answer"), MAX_TEXT),
        as_text(one.get("expected"), MAX_TEXT),
    )
