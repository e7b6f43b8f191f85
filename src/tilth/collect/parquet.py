"""Read Parquet files, streamed by row group; a damaged row group costs its own rows only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field, model_validator

from tilth.context import Context, PassesOver
from tilth.errors import DataError
from tilth.meta.arrow import UnsupportedError, is_steady, values_of
from tilth.meta.beside import Beside, Further
from tilth.reading import inputs, limits, records
from tilth.reading.blocks import MIN_ROWS, Block, Blocks
from tilth.reading.by_file import ByFile
from tilth.reading.carry import Carrier, DoubledColumnError, require_once
from tilth.reading.columns import Columns
from tilth.reading.fields import Fields, columns_of, filled, names_of, tells_kinds
from tilth.reading.whole import MAX_PIXELS, MaxPixels, whole_picture
from tilth.schema import Row
from tilth.splits import SplitName

SUFFIXES = (".parquet",)

_ROWS_AT_ONCE = 256
# Of a block that is taken as columns; what Arrow adds to a column for nulls is less than the slack.
_BLOCK_BYTES = 2 << 20
_SLACK = 1 << 16
_KINDS = ("split", "label", "annotations")

_Found = tuple[str, Row | records.RecordError, int, Beside | None]


class Settings(inputs.FileSettings):
    """Read Parquet files, streamed by row group.

    The rows of a row group that cannot be read, and pictures that cannot be decoded, are
    quarantined with file, row and cause. Columns that are not named travel as `meta.NAME`.
    """

    fields: Fields = Field(Fields(), description="which column is the text, label, id, ...")
    image: str | None = Field(
        None,
        description="column with encoded images (bytes, or a struct with `bytes`), instead of text",
    )
    max_pixels: MaxPixels = MAX_PIXELS
    split: SplitName | None = Field(
        None, description="split of all rows that do not state their own"
    )

    @model_validator(mode="after")
    def _one_payload(self) -> Settings:
        if self.image is not None and self.fields.text != Fields().text:
            raise ValueError("`fields.text` is not read beside `image`")
        if self.image is None and self.max_pixels != MAX_PIXELS:
            raise ValueError("`max_pixels` belongs to `image`")
        return self


_Make = Callable[[Row, Settings], Row]
_Turn = Callable[[pa.RecordBatch], pa.RecordBatch]


def fingerprint(settings: Settings) -> str:
    """Names and digests of the files; of a `url` without a digest the address."""
    return inputs.fingerprint_files(settings, SUFFIXES)


def fills(settings: Settings) -> tuple[str, ...]:
    """The columns that a row may have, as far as the settings tell."""
    names = filled(settings.fields, license=settings.license, split=settings.split)
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
    columns = columns_of(settings.fields)
    taken = settings.fields.taken()
    if settings.image is not None:
        columns = (*(name for name in columns if name != "text"), "image")
        taken = tuple(_wanted(settings))
    batcher = records.Batcher(
        source, columns, {"license": settings.license, "split": settings.split}, context.limit
    )
    carrier = Carrier(context, settings.fields.meta, settings.fields.others, taken)
    with inputs.opened(settings, SUFFIXES, context) as found:
        shared = context.spreads or tells_kinds(settings.fields)
        takes = limits.sharing(
            context.limit if shared else None,
            lambda: (
                limits.kind_of(row)
                for file in found
                for _, row, _, _ in read_file(file, settings, _make_kind)
            ),
        )
        meter = inputs.Meter(found, context)
        by_file = ByFile(context, batcher, carrier)
        blocks = Blocks.of(batcher, settings, context, found, meter.num_bytes)
        if settings.image is not None:
            blocks = None
        for file in found:
            if batcher.num_rows == context.limit:
                break
            if by_file.is_known(file):
                yield from by_file.again()
                meter.finish(file, batcher.num_rows, is_told=True)
                continue
            carrier.begin(file.uri)
            for one in _found(file, settings, make_row_of, carrier, blocks=blocks):
                if batcher.is_full:
                    break
                if isinstance(one, Block):
                    yield from batcher.give(one.batch, one.num_bytes)
                    continue
                place, row, num_bytes, beside = one
                if takes(limits.kind_of(row)):
                    row = _decoded(row, settings, place, context.passes_over)
                    yield from batcher.add_found(row, place, num_bytes, beside)
            meter.finish(file, batcher.num_rows)
            yield from by_file.end()
        yield from batcher.flush()
    if batcher.num_rows == 0:
        raise inputs.empty_source(settings.path or settings.url or "")


def read_file(
    file: inputs.SourceFile,
    settings: Settings,
    make: _Make,
    carrier: Carrier | None = None,
    turned: _Turn | None = None,
) -> Iterator[_Found]:
    """Place, row (or what is wrong with it), bytes and further columns of each record of a file.

    Args:
        file: Which.
        settings: The source's.
        make: Gives the row of a record.
        carrier: Says which further columns travel; without one only the kinds of the rows are read.
        turned: Gives the columns of a batch as they are read, where they mean something else.

    Raises:
        DataError: It is no Parquet file, or a column is not there.
    """
    for one in _found(file, settings, make, carrier, turned):
        assert not isinstance(one, Block)
        yield one


def _found(
    file: inputs.SourceFile,
    settings: Settings,
    make: _Make,
    carrier: Carrier | None,
    turned: _Turn | None = None,
    blocks: Blocks | None = None,
) -> Iterator[_Found | Block]:
    """The same, of which some come by whole blocks."""
    # Opened here: Arrow's own paths are UTF-8, and a file's name may be any bytes.
    with inputs.open_raw(file) as stream:
        try:
            parquet = pq.ParquetFile(stream, memory_map=False, pre_buffer=False)
        # The names of columns may be any bytes.
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise DataError(
                f"not a readable Parquet file: {_first_line(error)}",
                where=file.uri,
                hint="its footer is missing or damaged; fetch the file again",
                code="damaged-file",
            ) from error
        with parquet:
            named = [name for name in names_of(settings.fields) if name not in settings.fields.text]
            check_columns(parquet.schema_arrow, [*_wanted(settings), *named], file)
            wanted = _of_kinds(settings) if carrier is None else _wanted(settings)
            beside = None if carrier is None else Columns(parquet.schema_arrow, carrier)
            start = 0
            for group in range(parquet.num_row_groups):
                done = 0
                if blocks is not None and beside is not None and _is_steady(parquet, settings):
                    for block in _by_blocks(parquet, group, beside, file, start, settings, blocks):
                        done += block.batch.num_rows
                        yield block
                # What is left of it is read again, by rows.
                records_of = _read_group(parquet, group, wanted, beside, turned, done)
                for number, (record, place) in enumerate(records_of, start=start + done + 1):
                    row, num_bytes = _made(record, settings, make, place)
                    if not isinstance(row, records.RecordError):
                        row.setdefault("id", f"{file.name}:{number}")
                    yield f"{file.uri}:{number}", row, num_bytes, place
                start += parquet.metadata.row_group(group).num_rows


_Read = tuple[Row | records.RecordError, Beside | None]


def _read_group(
    parquet: pq.ParquetFile,
    group: int,
    wanted: list[str],
    beside: Columns | None,
    turned: _Turn | None,
    first: int = 0,
) -> Iterator[_Read]:
    """The records of one row group from one on, those that cannot be read as errors."""
    count, done = parquet.metadata.row_group(group).num_rows, 0
    if first == count:
        return
    names = list(dict.fromkeys([*wanted, *(beside.names if beside is not None else ())]))
    try:
        batches = parquet.iter_batches(
            _ROWS_AT_ONCE, row_groups=[group], columns=names, use_threads=False
        )
        for batch in batches:
            for one in records_of(turned(batch) if turned else batch, wanted, beside):
                done += 1
                if done > first:
                    yield one
        cause = "it has fewer rows than the footer says"
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        cause = _first_line(error)
    if not done and beside is not None and beside.pass_over_unread(parquet, group):
        yield from _read_group(parquet, group, wanted, beside, turned, first)
        return
    for _ in range(max(done, first), count):
        yield records.RecordError(f"row group {group} cannot be read: {cause}"), None


def _is_steady(parquet: pq.ParquetFile, settings: Settings) -> bool:
    """Whether the text is one column, and no column is of another type by its values."""
    schema = parquet.schema_arrow
    at = schema.get_field_index(settings.fields.text)
    is_text = at >= 0 and schema.field(at).type in (pa.string(), pa.large_string())
    return is_text and all(is_steady(field.type) for field in schema)


def _by_blocks(
    parquet: pq.ParquetFile,
    group: int,
    beside: Columns,
    file: inputs.SourceFile,
    start: int,
    settings: Settings,
    blocks: Blocks,
) -> Iterator[Block]:
    """The records of a row group, up to the first that has to be looked at."""
    entry = parquet.metadata.row_group(group)
    if not blocks.pay or entry.num_rows < MIN_ROWS:
        return
    text = settings.fields.text
    share = max(entry.total_byte_size // entry.num_rows, 1)
    # Such that the batches by rows, which are read if need be, begin where one of these does.
    size = max(_BLOCK_BYTES // share // _ROWS_AT_ONCE, 1) * _ROWS_AT_ONCE
    names = list(dict.fromkeys([text, *beside.names]))
    try:
        for batch in parquet.iter_batches(
            size, row_groups=[group], columns=names, use_threads=False
        ):
            further, wrong = beside.of(batch)
            room = _SLACK + (0 if further is None else further.nbytes)
            texts = blocks.sound(batch.column(batch.schema.get_field_index(text)), room)
            if wrong or texts is None:
                return
            numbers = pa.array(np.arange(start + 1, start + batch.num_rows + 1))
            own = {} if further is None else dict(zip(further.schema.names, further, strict=True))
            told: list[Further] = [(name, array, None) for name, array in own.items()]
            yield blocks.block(file, numbers, texts, told)
            start += batch.num_rows
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        # Said of each record that cannot be read, by rows.
        return


def _made(
    record: Row | records.RecordError, settings: Settings, make: _Make, beside: Beside | None
) -> tuple[Row | records.RecordError, int]:
    """The row of a record, or what is wrong with it, and its bytes."""
    if isinstance(record, records.RecordError):
        return record, 0
    try:
        row = make(record, settings)
        num_bytes = records.num_bytes_of(row) + (beside.num_bytes if beside is not None else 0)
        if num_bytes > settings.max_record_bytes:
            raise records.RecordError(inputs.too_long(num_bytes, settings.max_record_bytes))
    except records.RecordError as error:
        return error, 0
    return row, num_bytes


def _decoded(
    row: Row | records.RecordError, settings: Settings, place: str, passes_over: PassesOver
) -> Row | records.RecordError:
    """The row, or what is wrong with its picture."""
    if isinstance(row, records.RecordError) or settings.image is None:
        return row
    try:
        for part in whole_picture(row["image"], settings.max_pixels).unseen:
            passes_over(place, part)
    except records.RecordError as error:
        return error
    return row


def make_row_of(record: Row, settings: Settings) -> Row:
    row = records.make_row(record, settings.fields, with_text=settings.image is None)
    if settings.image is not None:
        row["image"] = bytes_in(records.lookup(record, settings.image), settings.image)
    return row


def _make_kind(record: Row, settings: Settings) -> Row:
    fields = Fields(**{name: getattr(settings.fields, name) for name in _KINDS})
    return records.make_row(record, fields, with_text=False)


def records_of(
    batch: pa.RecordBatch, wanted: Sequence[str], beside: Columns | None
) -> Iterator[_Read]:
    """The rows as Python values, text as bytes, since Arrow does not check its UTF-8; and where
    their further columns are."""
    tops = list(dict.fromkeys(_top(name, batch.schema.names) for name in wanted))
    columns, errors = [], {}
    for name in tops:
        try:
            values, wrong = values_of(
                batch.column(batch.schema.get_field_index(name)), as_bytes=True
            )
        except UnsupportedError as error:
            cause = f"field `{name}` is {error}"
            values, wrong = [None] * batch.num_rows, dict.fromkeys(range(batch.num_rows), cause)
            errors.update({row: cause for row in wrong if row not in errors})
        else:
            errors.update(
                {row: f"field `{name}` is {one}" for row, one in wrong.items() if row not in errors}
            )
        columns.append(values)
    further = None
    if beside is not None:
        further, wrong = beside.of(batch)
        errors = wrong | errors
    rows = zip(*columns, strict=True) if columns else iter([()] * batch.num_rows)
    share = 0 if further is None else further.nbytes // max(further.num_rows, 1)
    for number, row in enumerate(rows):
        if errors and number in errors:
            yield records.RecordError(errors[number]), None
            continue
        place = None if further is None else Beside(further, number, share)
        yield dict(zip(tops, row, strict=True)), place


def _top(name: str, names: Sequence[str]) -> str:
    """The column that a field is in, by its plain name first."""
    return name if name in names else name.partition(".")[0]


def bytes_in(value: Any, name: str) -> bytes:
    """The encoded picture or sound of a field: bytes, or a struct with `bytes`.

    Raises:
        RecordError: It holds none.
    """
    if isinstance(value, dict):
        value = value.get("bytes")
    if not isinstance(value, bytes):
        raise records.RecordError(f"field `{name}` holds no image bytes")
    return value


def _wanted(settings: Settings) -> list[str]:
    names = list(settings.fields.taken())
    if settings.image is not None:
        text = settings.fields.text
        names = [name for name in names if name != text and name not in text]
        names.append(settings.image)
    return list(dict.fromkeys(names))


def _of_kinds(settings: Settings) -> list[str]:
    """The columns that say of what split and class a row is."""
    given = (getattr(settings.fields, name) for name in _KINDS)
    return list(dict.fromkeys(name for name in given if name is not None))


def check_columns(schema: pa.Schema, wanted: Sequence[str], file: inputs.SourceFile) -> None:
    """Refuse a file that lacks a column.

    Raises:
        DataError: One of those wanted is not there, or twice.
    """
    try:
        require_once(schema.names, wanted)
    except DoubledColumnError as error:
        raise inputs.doubled_column(str(error), file.uri) from None
    for name in wanted:
        if name in schema.names:
            continue
        inside, names, prefix = list(schema), schema.names, ""
        for part in name.split("."):
            if part not in names:
                raise inputs.bad_header(
                    records.no_column(name, [f"{prefix}{one}" for one in names]), file.uri
                )
            kind = inside[names.index(part)].type
            inside = [kind.field(at) for at in range(kind.num_fields)]
            names, prefix = [field.name for field in inside], f"{prefix}{part}."


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
