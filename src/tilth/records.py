"""What is found, as typed records that are kept as JSON: each written and read in one place.

A field that a version of Tilth added has a default, so that what an earlier one wrote is read as
well; a field that it took away is passed over. A record never changes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from tilth.errors import DataError

Json = dict[str, JsonValue]
# What becomes JSON, and what an operation says of what it kept, in a shape of its own.
Plain: TypeAlias = "bool | int | float | str | Sequence[Plain] | Mapping[str, Plain] | None"
PlainObject = dict[str, Plain]
Kind = TypeVar("Kind", bound="Record")
# The code of the error of a record that cannot be read.
DAMAGED = "bad-record"


class Record(BaseModel):
    """The base of what is kept. Its numbers are finite: one that is not there is None."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", populate_by_name=True, allow_inf_nan=False
    )

    def as_json(self) -> Json:
        """What `json.dumps` takes, and `read_as` reads back."""
        return {key: _plain(value) for key, value in self.model_dump(by_alias=True).items()}


class Figured(Record):
    """A record with further figures, each under its own name beside the fields."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, float | str] = Field(init=False)

    @property
    def figures(self) -> Mapping[str, float | str]:
        """The further figures by name."""
        return self.__pydantic_extra__


def _plain(value: object) -> JsonValue:
    """A value as JSON has it. (Pydantic's own way would change keys that are no Unicode.)"""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)


def read_as(kind: type[Kind], found: object, where: str, what: str = "what was kept") -> Kind:
    """A record as it was kept, by this version or an earlier one.

    Args:
        kind: Of the record.
        found: What `json.loads` gave.
        where: What it was read from, for the error.
        what: It is, for the error.

    Raises:
        DataError: It is something else, or damaged.
    """
    try:
        return kind.model_validate(found)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise damaged(what, f"{place}: {first['msg']}" if place else first["msg"], where) from None


def parse(kind: type[Kind], data: bytes, where: str, what: str = "what was kept") -> Kind:
    """As `read_as`, of the bytes of a JSON file.

    Raises:
        DataError: It is something else, damaged, or of a later format than this version knows.
    """
    try:
        found = json.loads(data.decode("utf-8", "surrogatepass"))
    except ValueError as error:
        raise damaged(what, str(error), where) from None
    except RecursionError:
        raise damaged(what, "it is nested too deeply", where) from None
    # Before its fields: those of a later version may be others.
    known = kind.model_fields["format"].default if "format" in kind.model_fields else None
    later = found.get("format") if isinstance(found, dict) else None
    if isinstance(known, int) and isinstance(later, int) and later > known:
        raise DataError(
            f"{what} is of format {later}, and this Tilth knows {known}",
            where=where,
            hint="a later version of Tilth made it: pip install --upgrade tilth",
            code="later-format",
        )
    return read_as(kind, found, where, what)


def read_file(kind: type[Kind], path: Path, what: str = "what was kept") -> Kind:
    """As `read_as`, of a JSON file.

    Raises:
        FileNotFoundError: There is none.
        DataError: It cannot be read, or as of `parse`.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise damaged(what, error.strerror or str(error), str(path)) from None
    return parse(kind, data, str(path), what)


def read_if_whole(kind: type[Kind], path: Path) -> Kind | None:
    """A record in a file that can be made again; None where it is not there, or damaged."""
    if not path.is_file():
        return None
    try:
        return read_file(kind, path)
    except DataError:
        return None


def damaged(what: str, why: str, where: str) -> DataError:
    """The error of what cannot be read as it was kept."""
    return DataError(
        f"{what} cannot be read: {why}",
        where=where,
        hint="run the recipe again; finished steps are kept",
        code=DAMAGED,
    )
