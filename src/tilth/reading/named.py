"""Names that a recipe gives to what a source should have: one that it has not is an error.

Whether a class, a folder or a field is there is known only when the source was read; then it is
said, before anything is made of its rows.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

from tilth.errors import DataError
from tilth.foreign import visible
from tilth.hints import did_you_mean
from tilth.reading.records import ABSENT, find

# Of what is there so many are remembered, to suggest the nearest.
_MAX_THERE = 1000


class Named:
    """Some names of one setting, and which of them were met.

    Args:
        setting: As the recipe has it, such as `class_names`.
        names: What it names.
        noun: What the names are of, such as `folder`.
    """

    def __init__(self, setting: str, names: Iterable[str], noun: str) -> None:
        self._setting = setting
        self._noun = noun
        self._missing = dict.fromkeys(names)
        self._all = tuple(self._missing)
        self._missing_before: dict[str, None] | None = None
        self._there: dict[str, None] = {}

    def saw(self, *names: str) -> None:
        """These are there."""
        for name in names:
            self._missing.pop(name, None)
            if len(self._there) < _MAX_THERE:
                self._there[name] = None

    def look_at(self) -> None:
        """A file begins of which it is asked which of the names it has."""
        self._gather()
        self._missing_before, self._missing = self._missing, dict.fromkeys(self._all)

    def looked_at(self) -> tuple[str, ...]:
        """Which of the names were met since `look_at`."""
        found = tuple(name for name in self._all if name not in self._missing)
        self._gather()
        return found

    def _gather(self) -> None:
        if self._missing_before is not None:
            both = [name for name in self._missing_before if name in self._missing]
            self._missing, self._missing_before = dict.fromkeys(both), None

    def saw_fields(self, record: Mapping[str, Any]) -> None:
        """The fields of a record are there, `a.b` inside an object `a`."""
        if self._missing:
            self.saw(*(name for name in self._missing if find(record, name) is not ABSENT))
            self.saw(*map(str, itertools.islice(record, _MAX_THERE)))

    def check(self, where: str) -> None:
        """To be asked at the end of the source.

        Raises:
            DataError: One of the names was not met, though others were.
        """
        if self._missing and self._there:
            raise no_such_name(
                self._setting, next(iter(self._missing)), self._noun, list(self._there), where
            )


def no_such_name(setting: str, name: str, noun: str, there: list[str], where: str) -> DataError:
    """The error for a name that the source has not."""
    return DataError(
        f"`{setting}` names the {noun} `{visible(name)}`, which is not there",
        where=where,
        hint=did_you_mean(name, [visible(one)[:80] for one in there]),
        code="unknown-name",
    )
