"""What is found, as typed records that are kept as JSON: each written and read in one place.

A field that a version of Tilth added has a default, so that what an earlier one wrote is read as
well; a field that it took away is passed over. A record never changes.

Beside its fields stands a checksum of them (BLAKE2b, RFC 7693), so that a number of which a bit was
flipped is no number. What a version before that wrote has none, and is taken as it stands.
"""

from __future__ import annotations

import hashlib
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
# The key of the checksum of all else in a file, or in a line of one.
CHECKSUM = "checksum"


class Record(BaseModel):
    """The base of what is kept. Its numbers are finite: one that is not there is None."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", populate_by_name=True, allow_inf_nan=False
    )

    def as_json(self) -> Json:
        """What `json.dumps` takes, and `read_as` reads back."""
        return {key: _plain(value) for key, value in self.model_dump(by_alias=True).items()}

    def as_kept(self) -> Json:
        """As `as_json`, with its checksum: what a file holds that is read by `parse`."""
        return sealed(self.as_json())


class Figured(Record):
    """A record with further figures, each under its own name beside the fields."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, float | str] = Field(init=False)

    @property
    def figures(self) -> Mapping[str, float | str]:
        """The further figures by name."""
        return self.__pydantic_extra__


def sealed(found: Mapping[str, JsonValue]) -> Json:
    """An object of JSON with the checksum of all else in it."""
    rest = {key: value for key, value in found.items() if key != CHECKSUM}
    return {**rest, CHECKSUM: _checksum_of(rest)}


def _checksum_of(rest: Mapping[str, JsonValue]) -> str:
    """16 hex digits, the same however the JSON is laid out."""
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


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
    """As `read_as`, of the bytes of a JSON file, or of a line of one.

    Raises:
        DataError: It is something else, damaged, or of a later format than this version knows.
    """
    found = unsealed(data, where, what)
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


def unsealed(data: bytes, where: str, what: str = "what was kept") -> object:
    """What the bytes of a JSON file hold, or of a line of one, less its checksum.

    Raises:
        DataError: It is no JSON, or its checksum is that of something else.
    """
    try:
        found = json.loads(data.decode("utf-8", "surrogatepass"))
        # Before its format, which may be what was changed.
        kept = found.pop(CHECKSUM, None) if isinstance(found, dict) else None
        changed = kept is not None and kept != _checksum_of(found)
    except ValueError as error:
        raise damaged(what, str(error), where) from None
    except RecursionError:
        raise damaged(what, "it is nested too deeply", where) from None
    if changed:
        raise damaged(what, "its checksum is that of other content", where)
    return found


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
