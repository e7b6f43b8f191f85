"""What a figure is, said once beside the code that makes it.

A number that people decide by is shown in several places: terminal, report, cards, `status --json`,
`diff`. All of them take its name, unit and direction from its `Definition`, and say what it is of
from there, so that one quantity cannot appear as two.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

How = Literal["counted", "measured", "estimated", "tested"]
Direction = Literal["", "higher", "lower"]


@dataclass(frozen=True)
class Definition:
    """What one figure is.

    Attributes:
        name: Its key in what is kept, with dots into tables: `annotators.estimated_accuracy`.
        heading: Its name where it is shown, as the field writes it.
        about: What it says, in a sentence or two, for those who see it for the first time.
        rows: What it is of: which samples or answers, of which split and step, dropped ones or not.
        unit: What follows the number; empty for a number without one.
        share: Whether it is a share of 1, shown in percent.
        better: Its direction; empty where neither is.
        how: counted (exact), measured (on a sample or a held-out set), estimated (by a model of
            the data, or from a part of it), tested (what a statistical test gives).
        interval: How its interval is made; empty where it has none.
        source: Paper and equation, or the definition in ten words where it is our own.
        reference: What a test compares it with.
        test: That test: `tests/label/test_agreement.py::test_alpha_is_krippendorffs`.
    """

    name: str
    heading: str
    about: str
    rows: str
    unit: str = ""
    share: bool = False
    better: Direction = ""
    how: How = "counted"
    interval: str = ""
    source: str = ""
    reference: str = ""
    test: str = ""

    def __post_init__(self) -> None:
        """Refuse what does not say what a figure is.

        Raises:
            ValueError: A name or a sentence is missing.
        """
        if not re.fullmatch(r"[\w-]+(\.[\w-]+)*", self.name):
            raise ValueError(f"name is {self.name!r}, and words between dots are wanted")
        for field in ("heading", "about", "rows"):
            if not getattr(self, field).strip():
                raise ValueError(f"the figure `{self.name}` lacks `{field}`")
