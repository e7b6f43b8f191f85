"""Read Parquet files, streamed by row group; a damaged row group costs its own rows only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import Field

from tilth.collect import files, records
from tilth.context import Context
from tilth.errors import DataError
from tilth.schema import Row, SplitName

SUFFIXES = (".parquet",)

_ROWS_AT_ONCE = 256


class Settings(files.FileSettings):
    """Read Parquet files, streamed by row group.

    The rows of a row group that cannot be read are quarantined with file, row and cause.
    """

    fields: records.Fields = Field(
        records.Fields(), description="which column is the text, label, id, ..."
    )
    image: str | None = Field(
        None,
        description="column with encoded images (bytes, or a struct with `bytes`), instead of text",
    )
    split: SplitName | None = Field(
        None, description="split of all rows that do not state their own"
    )


def fingerprint(settings: Settings) -> str:
    """Names, sizes and times of the files; for a `url`, the address and digest."""
    return files.fingerprint_files(settings, SUFFIXES)


def fills(settings: Settings) -> tuple[str, ...]:
    """The columns that a row may have, as far as the settings tell."""
    names = records.filled(settings.fields, license=settings.license, split=settings.split)
    if settings.image is None:
        return names
    return ("image", *(name for name in names if name != "text"))


def read(settings: Settings, source: str, context: Context) -> Iterator[pa.RecordBatch]:
    """The rows of all files, in the order of file name and row.

    Raises:
        MissingError: no such file.
        DataError: no row at all, not a Parquet file, a column that is not there, or a file that
            changed meanwhile.
    """
    columns = records.columns_of(settings.fields)
    if settings.image is not None:
        columns = (*(name for name in columns if name != "text"), "image")
    batcher = records.Batcher(
        source, columns, {"license": settings.license, "split": settings.split}, context.limit
    )
    with files.opened(settings, SUFFIXES, context) as found:
        meter = files.Meter(found, context.progress)
        for file in found:
            yield from _read_file(file, settings, batcher)
            meter.finish(file, batcher.num_rows)
        yield from batcher.flush()
    if batcher.num_rows == 0:
        raise files.empty_source(settings.path or settings.url or "")


def _read_file(
    file: files.SourceFile, settings: Settings, batcher: records.Batcher
) -> Iterator[pa.RecordBatch]:
    # Opened here: Arrow's own paths are UTF-8, and a file's name may be any bytes.
    with files.open_raw(file) as stream:
        yield from _read_stream(stream, file, settings, batcher)


def _read_stream(
    stream: BinaryIO, file: files.SourceFile, settings: Settings, batcher: records.Batcher
) -> Iterator[pa.RecordBatch]:
    try:
        parquet = pq.ParquetFile(stream, memory_map=False, pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"not a readable Parquet file: {_first_line(error)}",
            where=file.uri,
            hint="its footer is missing or damaged; fetch the file again",
            code="damaged-file",
        ) from error
    with parquet:
        wanted = _wanted(settings)
        _check_columns(parquet.schema_arrow, wanted, file)
        row = 0
        for group in range(parquet.num_row_groups):
            if batcher.is_full:
                return
            yield from _read_group(parquet, group, row, wanted, file, settings, batcher)
            row += parquet.metadata.row_group(group).num_rows


def _read_group(
    parquet: pq.ParquetFile,
    group: int,
    start: int,
    wanted: list[str],
    file: files.SourceFile,
    settings: Settings,
    batcher: records.Batcher,
) -> Iterator[pa.RecordBatch]:
    """The rows of one row group; `start` is the number of rows before it."""
    count = parquet.metadata.row_group(group).num_rows
    done = 0
    try:
        batches = parquet.iter_batches(
            _ROWS_AT_ONCE, row_groups=[group], columns=wanted, use_threads=False
        )
        for batch in batches:
            for record in _records(batch):
                done += 1
                yield from _add(record, start + done, file, settings, batcher)
            if batcher.is_full:
                return
        cause = "it has fewer rows than the footer says"
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        cause = _first_line(error)
    for number in range(done + 1, count + 1):
        if batcher.is_full:
            return
        place = f"{file.uri}:{start + number}"
        yield from batcher.add_error(f"row group {group} cannot be read: {cause}", place)


def _add(
    record: Row,
    number: int,
    file: files.SourceFile,
    settings: Settings,
    batcher: records.Batcher,
) -> Iterator[pa.RecordBatch]:
    place = f"{file.uri}:{number}"
    try:
        row = records.make_row(record, settings.fields, with_text=settings.image is None)
        if settings.image is not None:
            row["image"] = _image_bytes(records.lookup(record, settings.image), settings.image)
        num_bytes = len(row.get("image", b"")) + len(row.get("text", ""))
        if num_bytes > settings.max_record_bytes:
            raise records.RecordError(files.too_long(num_bytes, settings.max_record_bytes))
    except records.RecordError as error:
        yield from batcher.add_error(str(error), place)
        return
    row.setdefault("id", f"{file.name}:{number}")
    yield from batcher.add(row, place, num_bytes)


def _records(batch: pa.RecordBatch) -> Iterator[Row]:
    """The rows as Python values; text as bytes, since Arrow does not check its UTF-8."""
    columns = []
    for array in batch.columns:
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
            array = pc.cast(array, pa.large_binary())
        columns.append(array.to_pylist())
    for values in zip(*columns, strict=True):
        yield dict(zip(batch.schema.names, values, strict=True))


def _image_bytes(value: Any, name: str) -> bytes:
    if isinstance(value, dict):
        value = value.get("bytes")
    if not isinstance(value, bytes):
        raise records.RecordError(f"field `{name}` holds no image bytes")
    return value


def _wanted(settings: Settings) -> list[str]:
    names = list(records.names_of(settings.fields))
    if settings.image is not None:
        text = settings.fields.text
        names = [name for name in names if name != text and name not in text]
        names.append(settings.image)
    return list(dict.fromkeys(names))


def _check_columns(schema: pa.Schema, wanted: list[str], file: files.SourceFile) -> None:
    for name in wanted:
        if name not in schema.names and name.split(".")[0] not in schema.names:
            raise files.bad_header(
                f"no column `{name}`; there are {', '.join(schema.names)[:200]}", file.uri
            )


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
