"""Rows of one file of a Hugging Face data set: classes by their names, pictures and sound whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tilth.collect import parquet
from tilth.collect.item_rows import Found, Reader, reason_for
from tilth.collect.parquet import bytes_in
from tilth.context import Context, PassesOver, unsaid
from tilth.errors import DataError, NotReadError
from tilth.formats.hub_card import Feature, Features
from tilth.formats.streams import DamagedError, SourceFile
from tilth.labels import as_label
from tilth.meta.beside import Beside
from tilth.reading import inputs, records
from tilth.reading.carry import Carrier
from tilth.reading.columns import Columns
from tilth.reading.fields import Fields
from tilth.reading.items import Broken, Choice, items_of
from tilth.reading.records import RecordError
from tilth.reading.whole import whole_picture
from tilth.reading.whole_sound import whole_sound
from tilth.schema import Row

# A row, or what is wrong with its record.
Made = Row | RecordError
UNNAMED = "a class number that the data set has no name for"
_ROWS_AT_ONCE = 256


@dataclass(frozen=True)
class Roles:
    """Which column of a data set is what.

    Attributes:
        features: Of the columns, as the data set says.
        text: Columns with the text; none: there is none.
        image, audio: Column with pictures, or sound; empty: there is none.
        fields: Which column is which further one.
    """

    features: Features
    text: tuple[str, ...]
    image: str
    audio: str
    fields: Fields

    @property
    def payload(self) -> tuple[str, ...]:
        """The payload's columns of the file."""
        return tuple(name for name in (*self.text, self.image, self.audio) if name)

    @property
    def reading(self) -> Fields:
        """`fields` by which all columns are read that a row is made of."""
        return self.fields.model_copy(update={"text": self.payload})

    @cached_property
    def classes(self) -> dict[str, int]:
        """Names of the classes, in order; empty: the label is no number, or there is none."""
        feature = self.features.get(self.fields.label or "", Feature("other"))
        names = feature.names if feature.kind == "class" else ()
        return {name: number for number, name in enumerate(names)}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The same by their numbers."""
        return tuple(self.classes)

    def row(self, record: Mapping[str, Any]) -> Row:
        """The row of a record.

        Raises:
            RecordError: A field is missing or of a wrong type, or its class has no name.
        """
        fields = self.fields
        if self.classes:
            assert fields.label is not None
            label = _named(record.get(fields.label), self.classes, self.names)
            record = {**record, fields.label: label}
        row = records.make_row(record, self._making, with_text=bool(self.text))
        for column, name in (("image", self.image), ("audio", self.audio)):
            if name:
                row[column] = bytes_in(records.lookup(record, name), name)
        return row

    @property
    def of_kinds(self) -> tuple[str, ...]:
        """The columns that say of what class a record is."""
        return tuple(filter(None, (self.fields.label, self.fields.annotations)))

    def kind(self, record: Mapping[str, Any]) -> Row:
        """The columns of a record that say of what class it is."""
        return self._bare.row(record)

    @cached_property
    def _making(self) -> Fields:
        return self.fields.model_copy(update={"text": self.text})

    @cached_property
    def _bare(self) -> Roles:
        given = self.fields
        only = Fields(label=given.label, annotations=given.annotations, split=given.split)
        return Roles(self.features, (), "", "", only)

    def turned(self, uri: str, tell: PassesOver) -> Callable[[pa.RecordBatch], pa.RecordBatch]:
        """What puts names for the numbers of the further classes of a file, batch by batch."""
        wanted = {
            name: feature
            for name, feature in self.features.items()
            if feature.kind in ("class", "classes") and name != self.fields.label
        }
        told: set[str] = set()

        def turn(batch: pa.RecordBatch) -> pa.RecordBatch:
            for name in wanted.keys() & set(batch.schema.names):
                at = batch.schema.get_field_index(name)
                if at < 0:
                    continue
                found, is_whole = _with_names(batch.column(at), wanted[name])
                if not is_whole and name not in told:
                    told.add(name)
                    tell(f"{uri}:{name}", UNNAMED)
                batch = batch.set_column(at, name, found)
            return batch

        return turn


def _named(value: Any, classes: Mapping[str, int], names: Sequence[str]) -> str | None:
    """The name of a class; None where a number below 0 says that it is not known.

    Raises:
        RecordError: It is none.
    """
    if isinstance(value, bytes):
        # Of a table of cells, or the name itself.
        value = records.as_text(value, "label")
    if value is None or records.is_nan(value):
        return None
    if isinstance(value, float) and value.is_integer():
        # A column of numbers with a gap.
        value = int(value)
    if isinstance(value, str):
        label = value if value in classes else as_label(value)
        if label is None or label in classes:
            return label
        value = int(label) if label.lstrip("-").isdecimal() and len(label) < 10 else label
    if isinstance(value, bool) or not isinstance(value, int):
        raise RecordError(f"the label `{str(value)[:40]}` is neither a class nor its number")
    if value >= len(names):
        raise RecordError(f"class {value}, where the data set has the names of {len(names)}")
    return names[value] if value >= 0 else None


def _with_names(array: pa.Array, feature: Feature) -> tuple[pa.Array, bool]:
    """A column with names for numbers; whether each number has one, or is below 0."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    is_list = feature.kind == "classes"
    known, is_whole = feature.names, True

    def named(value: Any) -> Any:
        nonlocal is_whole
        if not isinstance(value, int) or isinstance(value, bool):
            return value
        if value >= len(known):
            is_whole = False
        return known[value] if 0 <= value < len(known) else None

    values = array.to_pylist()
    if any(isinstance(one, str | bytes) for one in values):
        return array, True
    found = [
        [named(part) for part in one] if is_list and isinstance(one, list) else named(one)
        for one in values
    ]
    return pa.array(found, pa.list_(pa.string()) if is_list else pa.string()), is_whole


def read_file(
    file: SourceFile,
    roles: Roles,
    max_bytes: int,
    context: Context,
    carrier: Carrier | None,
) -> Iterator[Found]:
    """Place, row (or what is wrong with it), bytes and further columns of each record of a file.

    Args:
        file: Which; its ending says what it is.
        roles: Which of its columns is what.
        max_bytes: What a record may have.
        context: Of the source; told of what is passed over.
        carrier: Says which further columns travel; without one only the kinds of rows are read.

    Raises:
        DataError: It is damaged, or a column is not there.
    """
    name = file.name.lower()
    tell = context.passes_over if carrier is not None else unsaid
    make = roles.row if carrier is not None else roles.kind
    if name.endswith(".parquet"):
        settings = parquet.Settings(
            path=str(file.path), fields=roles.reading, max_record_bytes=max_bytes
        )
        yield from parquet.read_file(
            file, settings, lambda record, _: make(record), carrier, roles.turned(file.uri, tell)
        )
    elif name.endswith(".arrow"):
        yield from _of_arrow(file, roles, make, max_bytes, carrier, tell)
    else:
        yield from _of_texts(file, roles, max_bytes, context, carrier, tell)


def schema_of(file: SourceFile) -> pa.Schema | None:
    """The columns of a file that has types.

    Raises:
        DataError: It is damaged.
    """
    name = file.name.lower()
    if not name.endswith((".parquet", ".arrow")):
        return None
    with inputs.open_raw(file) as stream:
        try:
            if name.endswith(".parquet"):
                return pq.read_schema(stream)
            return _opened(stream)[0]
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise _damaged(file, error) from error


def _opened(stream: Any) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """The schema and the batches of an Arrow file, or of a stream."""
    head = stream.read(6)
    stream.seek(0)
    if head != b"ARROW1":
        reader = pa.ipc.open_stream(stream)
        return reader.schema, iter(reader)
    opened = pa.ipc.open_file(stream)
    return opened.schema, (opened.get_batch(at) for at in range(opened.num_record_batches))


def _damaged(file: SourceFile, error: Exception) -> DataError:
    first = (str(error).splitlines() or [type(error).__name__])[0][:200]
    return DataError(
        f"cannot be read: {first}",
        where=file.uri,
        hint="fetch or copy the file again",
        code="damaged-file",
    )


def _of_arrow(
    file: SourceFile,
    roles: Roles,
    make: Callable[[Mapping[str, Any]], Row],
    max_bytes: int,
    carrier: Carrier | None,
    tell: PassesOver,
) -> Iterator[Found]:
    number = 0
    with inputs.open_raw(file) as stream:
        try:
            schema, batches = _opened(stream)
            wanted = list(roles.reading.taken() if carrier is not None else roles.of_kinds)
            parquet.check_columns(schema, wanted, file)
            beside = None if carrier is None else Columns(schema, carrier)
            turn = roles.turned(file.uri, tell)
            for batch in batches:
                batch.validate(full=True)
                for start in range(0, batch.num_rows, _ROWS_AT_ONCE):
                    part = turn(batch.slice(start, _ROWS_AT_ONCE))
                    for record, further in parquet.records_of(part, wanted, beside):
                        number += 1
                        yield _made(file, record, number, further, make, max_bytes)
        except (pa.ArrowException, OSError) as error:
            cause = str(_damaged(file, error).what)
            place = f"{file.uri}:{number + 1}"
            yield place, RecordError(f"all from here on {cause}"), 0, None


def _made(
    file: SourceFile,
    record: Row | RecordError,
    number: int,
    further: Beside | None,
    make: Callable[[Mapping[str, Any]], Row],
    max_bytes: int,
) -> Found:
    place = f"{file.uri}:{number}"
    try:
        if isinstance(record, RecordError):
            raise record
        row = make(record)
        num_bytes = records.num_bytes_of(row) + (further.num_bytes if further is not None else 0)
        if num_bytes > max_bytes:
            raise RecordError(inputs.too_long(num_bytes, max_bytes))
    except RecordError as error:
        return place, error, 0, None
    row.setdefault("id", f"{file.name}:{number}")
    return place, row, num_bytes, further


def _of_texts(
    file: SourceFile,
    roles: Roles,
    max_bytes: int,
    context: Context,
    carrier: Carrier | None,
    tell: PassesOver,
) -> Iterator[Found]:
    """JSON, CSV and lines of text, packed or not."""
    fields = roles.fields.model_copy(update={"text": roles.text})
    try:
        with closing(Reader(fields, "utf-8", max_bytes, max_bytes, carrier)) as reader:
            for item in items_of(file, Choice(), context.work, tell, is_alone=True):
                if isinstance(item, Broken):
                    yield item.uri, RecordError(item.cause), 0, None
                elif reason := reason_for(item.kind, frozenset()):
                    tell(item.uri, reason)
                else:
                    for place, row, size, beside in reader.rows(item, tell):
                        yield place, _with_class(row, roles), size, beside
    except NotReadError as error:
        tell(file.uri, str(error))
    except (RecordError, DamagedError, OSError) as error:
        yield file.uri, RecordError(str(error)), 0, None


def _with_class(row: Row | RecordError, roles: Roles) -> Row | RecordError:
    if isinstance(row, RecordError) or not roles.classes or "label" not in row:
        return row
    try:
        label = _named(row["label"], roles.classes, roles.names)
    except RecordError as error:
        return error
    if label is None:
        return {name: one for name, one in row.items() if name not in ("label", "label_origin")}
    return {**row, "label": label}


def decoded(
    row: Row | RecordError, max_pixels: int, place: str, tell: PassesOver
) -> Row | RecordError:
    """The row, or what is wrong with its picture or its sound."""
    if isinstance(row, RecordError):
        return row
    try:
        parts: list[str] = []
        if "image" in row:
            parts += whole_picture(row["image"], max_pixels).unseen
        if "audio" in row:
            parts += whole_sound(row["audio"]).unheard
    except RecordError as error:
        return error
    for part in parts:
        tell(place, part)
    return row


def only_one(columns: Sequence[str], kind: str, where: str) -> str:
    """The only column of a kind; empty: there is none.

    Raises:
        DataError: There are several.
    """
    if len(columns) > 1:
        raise DataError(
            f"{len(columns)} columns of the kind `{kind}`: {', '.join(columns[:8])}",
            where=where,
            hint=f"say which is read: `{kind}: {columns[0]}`",
            code="columns",
        )
    return columns[0] if columns else ""
