"""Read Parquet shards: the columns that some have together, and the rows of one in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.types import is_nested

from tilth.errors import DataError, MissingError
from tilth.meta.arrow import converted
from tilth.meta.kinds import NONE, Kind, kind_of, merged
from tilth.records import damaged
from tilth.schema import META

# Of what a library says of a damaged file.
_MAX_SAID = 200


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """What goes wrong with a shard as it is read is an error that names it.

    Raises:
        MissingError: It is not there any more.
        DataError: It is damaged.
    """
    try:
        yield
    except FileNotFoundError:
        raise MissingError(
            "a shard is not there any more", where=str(path), hint="run the recipe again"
        ) from None
    except (pa.ArrowException, OSError) as error:
        found = damaged("a shard", " ".join(str(error).split())[:_MAX_SAID], str(path))
        found.hint += "; where none is left to run, `tilth verify RUN --forget` first"
        raise found from error


@contextmanager
def opened(path: Path) -> Iterator[pq.ParquetFile]:
    """A shard, its footer read.

    Raises:
        MissingError, DataError: As of `reading`.
    """
    # By its name alone, the library looks anew for the file system of each.
    with (
        reading(path),
        pa.OSFile(str(path)) as source,
        pq.ParquetFile(source, page_checksum_verification=True) as file,
    ):
        yield file


def writing(file: IO[bytes], schema: pa.Schema, **how: Any) -> pq.ParquetWriter:
    """A writer whose pages have checksums (CRC-32), which `opened` compares as it reads them."""
    return pq.ParquetWriter(file, schema, write_page_checksum=True, **how)


def schema_of(paths: Sequence[Path]) -> pa.Schema:
    """The columns of some shards together; one that is of two types has the wider.

    Raises:
        MissingError, DataError: A shard cannot be read, or two have a column that no type holds.
    """
    schemas = []
    for path in paths:
        with opened(path) as file:
            schemas.append(file.schema_arrow.remove_metadata())
    if not schemas:
        return pa.schema([])
    if len(schemas) > 1 and any(one != schemas[0] for one in schemas):
        fields = _fields_of_all(paths, schemas)
        schemas = [
            pa.schema([fields.get(field.name, field) for field in schema]) for schema in schemas
        ]
    try:
        return pa.unify_schemas(schemas, promote_options="permissive")
    except pa.ArrowException as error:
        raise DataError(
            f"shards have a column that no one type can hold: {error}",
            where=str(paths[0].parent),
            hint="an operation gives a column one type, whatever is in a batch",
            code="two-types",
        ) from None


def _fields_of_all(paths: Sequence[Path], schemas: Sequence[pa.Schema]) -> dict[str, pa.Field]:
    """The columns `meta.NAME` of all shards, each of the type that holds what is in any of them."""
    kinds: dict[str, Kind] = {}
    known: dict[str, list[tuple[Path, pa.DataType]]] = {}
    for path, schema in zip(paths, schemas, strict=True):
        for field in schema:
            if field.name.startswith(META):
                found = known.setdefault(field.name, [])
                if all(field.type != kind for _, kind in found):
                    found.append((path, field.type))
    for name, found in known.items():
        # Whether whole numbers are exact as floats is asked only where they meet some.
        asked = len(found) > 1 and any(_has_whole_numbers(kind) for _, kind in found)
        is_wide = asked and any(_is_wide(path, name) for path in paths)
        for _, kind in found:
            kinds[name] = merged(kinds.get(name, NONE), Kind(kind, is_wide))
    return {name: pa.field(name, kind.type) for name, kind in kinds.items()}


def _has_whole_numbers(kind: pa.DataType) -> bool:
    return bool(pa.types.is_int64(kind.value_type if pa.types.is_list(kind) else kind))


def _is_wide(path: Path, name: str) -> bool:
    """Whether a shard has a whole number in a column that is not exact as a float."""
    with opened(path) as file:
        if name not in file.schema_arrow.names:
            return False
        at = file.schema_arrow.get_field_index(name)
        if not _has_whole_numbers(file.schema_arrow.field(at).type):
            return False
        return any(
            kind_of(batch.column(batch.schema.get_field_index(name))).is_wide
            for batch in file.iter_batches(columns=[name])
        )


def is_empty(paths: Sequence[Path], name: str) -> bool:
    """Whether a column is null in every row of some shards, or in none of them; from their footers.

    Raises:
        MissingError, DataError: A shard cannot be read.
    """
    for path in paths:
        with opened(path) as file:
            for number in range(file.metadata.num_row_groups):
                group = file.metadata.row_group(number)
                for place in range(group.num_columns):
                    chunk = group.column(place)
                    # A list's column stands there by what is in it: `annotations.list.element`.
                    own = chunk.path_in_schema
                    if own != name and not own.startswith(f"{name}.list."):
                        continue
                    found = chunk.statistics
                    if found is None or not found.has_null_count:
                        return False
                    if found.null_count < chunk.num_values:
                        return False
    return True


def nulls_of(paths: Sequence[Path]) -> dict[str, int | None]:
    """How many rows of some shards are null in each column, from their footers.

    Of a column that a shard lacks, all of its rows. None: a footer does not say; and of columns
    with nested values nothing is said.

    Raises:
        MissingError, DataError: A shard cannot be read.
    """
    nulls = Nulls()
    for path in paths:
        with opened(path) as file:
            nulls.add(file)
    return nulls.counts


class Nulls:
    """What `nulls_of` says, of shards that are open one after another.

    Attributes:
        counts: Of each column; None: a footer does not say.
        rows: Of all shards.
    """

    def __init__(self) -> None:
        self.counts: dict[str, int | None] = {}
        self.rows = 0

    def add(self, file: pq.ParquetFile) -> dict[str, int | None]:
        """Take one more shard; gives its own counts."""
        here: dict[str, int | None] = {}
        metadata = file.metadata
        flat = {field.name for field in file.schema_arrow if not is_nested(field.type)}
        for number in range(metadata.num_row_groups):
            group = metadata.row_group(number)
            for place in range(group.num_columns):
                chunk = group.column(place)
                told, name = chunk.statistics, chunk.path_in_schema
                count = told.null_count if told and told.has_null_count else None
                so_far = here.get(name, 0)
                here[name] = None if count is None or so_far is None else so_far + count
        here = {name: here.get(name, 0) for name in flat}
        for name in self.counts.keys() | here.keys():
            one, other = self.counts.get(name, self.rows), here.get(name, metadata.num_rows)
            self.counts[name] = None if one is None or other is None else one + other
        self.rows += metadata.num_rows
        return here


def read_shard(path: Path, schema: pa.Schema, batch_rows: int = 1024) -> Iterator[pa.RecordBatch]:
    """Stream one Parquet shard in the columns and types of `schema`.

    Raises:
        MissingError, DataError: It cannot be read.
    """
    with opened(path) as file:
        stored = set(file.schema_arrow.names)
        present = [n for n in schema.names if n in stored]
        for batch in file.iter_batches(batch_rows, columns=present):
            arrays = [
                _as_type(batch.column(batch.schema.get_field_index(f.name)), f)
                if f.name in stored
                else pa.nulls(batch.num_rows, f.type)
                for f in schema
            ]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _as_type(array: pa.Array, field: pa.Field) -> pa.Array:
    return converted(array, field.type) if field.name.startswith(META) else array.cast(field.type)
