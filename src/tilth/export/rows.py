"""Rows as text formats have them: JSON lines, cells of a table, pictures and sound as files."""

from __future__ import annotations

import base64
import datetime
import io
import json
import math
from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa

from tilth.export.begun import Place, numbered
from tilth.formats.signatures import HEAD_BYTES, kind_of
from tilth.meta.arrow import spelt_rows
from tilth.schema import META, Row

# Payloads that are files of their own wherever a format has no place for bytes.
MEDIA: Final = ("image", "audio", "html")
_ENDINGS: Final = {"jpeg": "jpg", "tiff": "tif"}


def rows_of(batches: Iterator[pa.RecordBatch]) -> Iterator[Row]:
    """The rows of batches, each by the names of its columns."""
    for batch in batches:
        yield from spelt_rows(batch)


def ending_of(data: bytes) -> str:
    """What a file of these bytes ends in, such as `png`; `bin` where they are no such payload."""
    kind = kind_of(data[:HEAD_BYTES], "", is_whole=len(data) <= HEAD_BYTES)
    # An ending that text or a table has would be another file of the sample in some formats.
    is_known = kind.group in ("picture", "sound") or kind.name == "html"
    return _ENDINGS.get(kind.name, kind.name) if is_known else "bin"


def with_files(row: Row, place: Place, number: int, shard: int) -> Row:
    """The row with its pictures, sound and pages put beside, and their paths in their place.

    Args:
        row: Of the samples.
        place: Where the files go, in a folder for each kind and shard.
        number: Of the row in the part.
        shard: That it is in.
    """
    given = {name: row[name] for name in MEDIA if isinstance(row.get(name), bytes)}
    paths = {}
    for name, data in given.items():
        paths[name] = f"{name}/{numbered(place.name, shard)}/{number:09d}.{ending_of(data)}"
        place.path(paths[name]).write_bytes(data)
    return {**row, **paths} if paths else row


def with_object(row: Row) -> Row:
    """A row with its further fields as one object, those that it has."""
    own = {name: value for name, value in row.items() if not name.startswith(META)}
    fields = {
        name.removeprefix(META): value
        for name, value in row.items()
        if name.startswith(META) and value is not None
    }
    return {**own, META.removesuffix("."): fields} if len(own) < len(row) else row


def json_line(row: Row) -> str:
    """Strict JSON (RFC 8259), which has no number that is none: null stands for it."""
    try:
        return json.dumps(row, ensure_ascii=False, allow_nan=False, default=plain)
    except ValueError:
        return json.dumps(without_nan(row), ensure_ascii=False, default=plain)


def without_nan(value: Any) -> Any:
    """A value with null for each number that is none."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


class Encodable:
    """Passes text on with lone surrogates replaced: CSV has no way to say them."""

    def __init__(self, file: io.TextIOBase | Any) -> None:
        self._file = file

    def write(self, text: str) -> int:
        """As of a text file."""
        return int(self._file.write(text.encode("utf-8", "replace").decode("utf-8")))


def cell(value: Any) -> Any:
    """A value as a cell of a table has it: nested ones are JSON."""
    if isinstance(value, bytes | datetime.date | datetime.time):
        return plain(value)
    return json.dumps(value, default=plain) if isinstance(value, list | dict) else value


def plain(value: Any) -> str:
    """What JSON has no type for, as text: bytes as Base64 (RFC 4648), times as ISO 8601."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.isoformat() if isinstance(value, datetime.date | datetime.time) else str(value)
