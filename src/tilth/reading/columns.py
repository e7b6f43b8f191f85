"""The further columns of a table that has types: which travel, as columns of carried types."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tilth.meta.arrow import UnsupportedError, carried, dumped, values_of
from tilth.meta.kinds import TEXT
from tilth.reading.carry import Carrier, numbered
from tilth.schema import META

UNREAD = "a column of a type that is not read"
_DAMAGED = (pa.ArrowException, OSError)


class Columns:
    """The columns of one file that travel.

    Args:
        schema: Of the file.
        carrier: Says which travel, and is told of those that cannot.
    """

    def __init__(self, schema: pa.Schema, carrier: Carrier) -> None:
        self._carrier = carrier
        # Of a field its place among the file's columns; which come as often as they are there.
        self._places: dict[str, tuple[str, int]] = {}
        # Of a field its column; of an object `meta` the columns of its fields.
        self._plain: dict[str, str] = {}
        self._own: dict[str, str] = {}
        before: Counter[str] = Counter()
        carrier.see(schema.names)
        for name, field in zip(numbered(schema.names), schema, strict=True):
            number = before[field.name]
            before[field.name] += 1
            if name == "meta" and pa.types.is_struct(field.type):
                inside = (field.type.field(at).name for at in range(field.type.num_fields))
                found = {name: carrier.column(META + name) for name in inside}
                self._own = {name: column for name, column in found.items() if column}
            elif column := carrier.column(name):
                self._plain[name] = column
                self._places[name] = field.name, number
        self._paths = {
            column: _path(path, schema) for column, path in carrier.paths() if _path(path, schema)
        }

    @property
    def names(self) -> list[str]:
        """The file's columns to read."""
        named = [path[0] for path in self._paths.values()]
        plain = [self._places[name][0] for name in self._plain]
        return [*plain, *(["meta"] if self._own else []), *named]

    def of(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch | None, dict[int, str]]:
        """The columns of a batch, if there are any; what is wrong with a row, by its number."""
        errors: dict[int, str] = {}
        arrays: dict[str, pa.Array] = {}
        for column, array, name in self._arrays(batch):
            try:
                found, wrong = self._carried(array, name)
            except UnsupportedError:
                self._drop(name)
                continue
            arrays[column] = found
            for row, cause in wrong.items():
                errors.setdefault(row, f"field `{name}` is {cause}")
        schema = pa.schema([pa.field(column, array.type) for column, array in arrays.items()])
        if not arrays:
            return None, errors
        return pa.RecordBatch.from_arrays(list(arrays.values()), schema=schema), errors

    def pass_over_unread(self, parquet: pq.ParquetFile, group: int) -> bool:
        """Find the columns that the library has no way to read, and pass them over.

        Returns:
            Whether there are any; of a damaged one it is its rows that cannot be read.
        """
        found = []
        for name in dict.fromkeys(self.names):
            try:
                next(parquet.iter_batches(1, row_groups=[group], columns=[name]), None)
            except pa.ArrowNotImplementedError:
                found.append(name)
            except _DAMAGED:
                continue
        again = [one for one in self._plain if self._places[one][0] in found]
        for name in dict.fromkeys([*found, *again]):
            self._drop(name)
        return bool(found)

    def _arrays(self, batch: pa.RecordBatch) -> list[tuple[str, pa.Array, str]]:
        names = batch.schema.names
        found = [
            (column, batch.column(self._place(names, name)), name)
            for name, column in self._plain.items()
        ]
        if self._own:
            parts = _fields(batch.column(names.index("meta")))
            found += [(column, parts[name], META + name) for name, column in self._own.items()]
        for column, path in self._paths.items():
            array = batch.column(names.index(path[0]))
            for part in path[1:]:
                array = _fields(array)[part]
            found.append((column, array, ".".join(path)))
        return found

    def _place(self, names: list[str], name: str) -> int:
        wanted, number = self._places[name]
        return [at for at, one in enumerate(names) if one == wanted][number]

    def _carried(self, array: pa.Array, name: str) -> tuple[pa.Array, dict[int, str]]:
        if not self._carrier.is_parted(name):
            return carried(array)
        values, errors = values_of(array)
        left = [self._rest(name, value) for value in values]
        return pa.array(left, TEXT), errors

    def _rest(self, name: str, value: Any) -> str | None:
        if not isinstance(value, Mapping):
            return dumped(value)
        left = self._carrier.rest(name, value)
        return dumped(left) if left else None

    def _drop(self, name: str) -> None:
        self._plain.pop(name, None)
        self._own.pop(name.removeprefix(META), None)
        self._paths = {c: path for c, path in self._paths.items() if ".".join(path) != name}
        self._carrier.cannot(name, UNREAD)


def _path(name: str, schema: pa.Schema) -> list[str]:
    """The names from the column to the field inside it; empty where there is none."""
    if name in schema.names:
        return [name]
    path = name.split(".")
    names, kind = schema.names, None
    for part in path:
        if part not in names:
            return []
        kind = (
            schema.field(schema.get_field_index(part)).type
            if kind is None
            else kind.field(kind.get_field_index(part)).type
        )
        is_object = pa.types.is_struct(kind)
        names = [kind.field(at).name for at in range(kind.num_fields)] if is_object else []
    return path


def _fields(array: pa.Array) -> dict[str, pa.Array]:
    """The fields of an object's column, null where it is."""
    kind = array.type
    names = [kind.field(at).name for at in range(kind.num_fields)]
    return dict(zip(names, array.flatten(), strict=True))
