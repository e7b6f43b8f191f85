"""The columns of a table that its first line names."""

from __future__ import annotations

from dataclasses import dataclass

from tilth.errors import RecordError
from tilth.reading.carry import NO_NAME, Carrier, numbered, require_once
from tilth.reading.fields import Fields, names_of
from tilth.reading.records import no_column


@dataclass
class Header:
    """The columns of a table.

    Attributes:
        width: How many there are.
        least: How many a record has to have: what follows them has no name.
        names: Those with a name, by place; one that is there twice has a number the second time.
        nameless: Places of the others of which nobody was told.
    """

    width: int
    least: int
    names: dict[int, str]
    nameless: set[int]

    def named(self, values: list[str]) -> dict[str, str | None]:
        """The fields of a record that have a name; what is empty says nothing."""
        if len(self.names) == self.width:
            return dict(zip(self.names.values(), values, strict=False))
        return {name: values[place] for place, name in self.names.items()}

    def tell_nameless(self, values: list[str], carrier: Carrier) -> None:
        """Tell of columns that hold something and have no name."""
        for place in [one for one in self.nameless if "".join(values[one : one + 1]).strip()]:
            self.nameless.discard(place)
            carrier.cannot_place(f"column {place + 1}", NO_NAME)


def header_of(names: list[str], fields: Fields) -> Header:
    """The columns that a header names.

    Raises:
        RecordError: a wanted column is missing or named twice, or none has a name.
    """
    wanted = names_of(fields)
    # Columns without a name are what a spreadsheet once used, right of its data.
    named = {place: name for place, name in enumerate(names) if name.strip()}
    require_once([*named.values()], [name for name in wanted if name in names])
    for name in wanted:
        if name not in names:
            raise RecordError(no_column(name, [*named.values()]))
    named = dict(zip(named, numbered([*named.values()]), strict=True))
    return Header(
        len(names), max(named, default=-1) + 1, named, {*range(len(names))} - named.keys()
    )
