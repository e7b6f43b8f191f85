"""From outside records to rows of the sample schema: which field is which column, and checks.

A record that cannot become a sample becomes a row with `error` set, so that it is counted.
"""

from __future__ import annotations

import datetime
import decimal
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from tilth import schema
from tilth.context import gathers
from tilth.decode.objects import parse_json
from tilth.decode.text import UndecodableError, decode_text
from tilth.errors import RecordError as RecordError
from tilth.errors import StepError
from tilth.hints import closest
from tilth.labels import as_label
from tilth.meta.arrow import gathered
from tilth.meta.beside import Beside, Further, joined, met
from tilth.meta.kinds import MAX_FIELDS, TEXT
from tilth.meta.spelt import COMMAS, MIXED, SPELT
from tilth.reading.digests import content_keys, ids_of
from tilth.reading.fields import Fields
from tilth.schema import Row

ROWS_PER_BATCH = 1024
BYTES_PER_BATCH = 8 << 20

# What data sets call their parts, and what the schema calls them.
SPLITS: Mapping[str, str] = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
}


ABSENT: Any = object()
# Columns of which a record may say nothing.
_MAY_BE_OPEN = ("id", "uri", "license", "subject", "split", "label", "consent", "fetched_at")
# Fields that a message lists.
_MAX_SHOWN = 8


_WORDS = (str, type(None))


def find(record: Mapping[str, Any], name: str) -> Any:
    """The value of a field, by its plain name first, by its dotted path second; `ABSENT`: none."""
    if name in record:
        return record[name]
    value: Any = record
    for part in name.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return ABSENT
        value = value[part]
    return value


def lookup(record: Mapping[str, Any], name: str) -> Any:
    """The value of a field that a record must have.

    Raises:
        RecordError: the record has no such field.
    """
    value = find(record, name)
    if value is ABSENT:
        meant = _meant(name, tuple(str(one)[:40] for one in itertools.islice(record, _MAX_SHOWN)))
        raise RecordError(f"no field `{name}`{meant}; {_fields_of(record)}")
    return value


def stated(record: Mapping[str, Any], name: str | None) -> str | None:
    """What a record says in a field that it may leave open; None: absent, null, blank, no number.

    Raises:
        RecordError: it is nested, or not valid UTF-8.
    """
    value = ABSENT if name is None else find(record, name)
    if name is None or value is ABSENT or value is None or is_nan(value):
        return None
    text = as_text(value, name)
    return text if text.strip() else None


def is_nan(value: Any) -> bool:
    """Whether it is a number that is none: what a data frame has where a value is missing."""
    return isinstance(value, float | decimal.Decimal) and math.isnan(value)


def _fields_of(record: Mapping[str, Any]) -> str:
    """The first few fields that a record has, for where the wanted one is not among them."""
    names = [f"`{str(name)[:40]}`" for name in itertools.islice(record, _MAX_SHOWN)]
    if not names:
        return "the record is empty"
    more = f" and {len(record) - len(names)} more" if len(record) > len(names) else ""
    return f"the record has {', '.join(names)}{more}; `fields` says which to take"


@lru_cache(maxsize=256)
def _meant(name: str, names: tuple[str, ...]) -> str:
    near = closest(name, names)
    return f" (did you mean `{near}`?)" if near is not None else ""


def no_column(name: str, names: Sequence[str]) -> str:
    """What is said of a column that a file has not."""
    return f"no column `{name}`{_meant(name, tuple(names))}; there are {', '.join(names)[:200]}"


def as_text(value: Any, name: str) -> str:
    """The value as text that Arrow can store.

    Raises:
        RecordError: it is null, nested, or not valid UTF-8.
    """
    if isinstance(value, bytes):
        try:
            return decode_text(value)
        except UndecodableError as error:
            raise RecordError(f"field `{name}`: {error}") from None
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise RecordError(
                f"field `{name}` holds half of a surrogate pair at character {error.start}"
            ) from None
        return value
    if value is None:
        raise RecordError(f"field `{name}` is null")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        # A column of whole numbers with a gap comes from a data frame as 1.0, 2.0.
        return str(int(value)) if value.is_integer() and abs(value) < 1 << 53 else repr(value)
    if isinstance(value, datetime.date | datetime.datetime | datetime.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return str(value)
    raise RecordError(f"field `{name}` is {_kind(value)}, not text")


def make_row(record: Mapping[str, Any], fields: Fields, *, with_text: bool = True) -> Row:
    """The columns of one record; `id` holds the record's own name if it has one.

    Args:
        record: Field names to values.
        fields: Which field is which column.
        with_text: Whether the text is demanded; false where the payload is an image.

    Raises:
        RecordError: a field is missing or of a wrong type.
    """
    row: Row = {}
    if with_text:
        names = (fields.text,) if isinstance(fields.text, str) else fields.text
        parts = []
        for name in names:
            value = lookup(record, name)
            if not isinstance(value, str | bytes | None):
                raise RecordError(f"field `{name}` is {_kind(value)}, not text")
            parts.append(as_text(value, name))
        row["text"] = "\n".join(parts)
    if fields.target is not None:
        row["target"] = as_text(lookup(record, fields.target), fields.target)
        if not row["target"].strip():
            raise RecordError(f"field `{fields.target}` is empty")
    # What a record does not say is a state of the sample, not a fault of the record.
    for column in _MAY_BE_OPEN:
        said = stated(record, getattr(fields, column))
        if said is not None:
            row[column] = said
    if "id" in row:
        row["key"] = row["id"]
    if "label" in row:
        row["label"] = as_label(row["label"])
        row["label_origin"] = "given"
        if row["label"] is None:
            del row["label"], row["label_origin"]
    if "split" in row:
        row["split"] = as_split(row["split"])
    if fields.annotations is not None:
        answers = find(record, fields.annotations)
        row["annotations"] = as_annotations(
            None if answers is ABSENT else answers, fields.annotations
        )
    return row


def as_split(value: str) -> str:
    """The schema's name of a split.

    Raises:
        RecordError: it is none of train, validation, test or their usual other names.
    """
    known = SPLITS.get(value.strip().lower())
    if known is None:
        raise RecordError(f"split `{value[:40]}` is none of train, validation, test")
    return known


def as_annotations(value: Any, name: str) -> list[dict[str, str | None]]:
    """People's answers as the schema has them.

    Args:
        value: A list of objects with `annotator` and `label`, or the same as JSON in a text, for a
            cell of a CSV can hold nothing else.
        name: The field's.

    Raises:
        RecordError: it is none of these.

    Returns:
        Each answer, with None for an annotator or a label that it does not say: that one does not
        count, and the others do.
    """
    if isinstance(value, str | bytes):
        value = _parsed(as_text(value, name), name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise RecordError(f"field `{name}` is {_kind(value)}, not a list")
    answers = []
    mappings = (item for item in value if isinstance(item, Mapping))
    has_labels = any(find(item, "label") is not ABSENT for item in mappings)
    for item in value:
        if not isinstance(item, Mapping):
            raise RecordError(f"field `{name}` holds {_kind(item)}, not {{annotator, label}}")
        who, what = lookup(item, "annotator"), find(item, "label")
        if what is ABSENT and len(item) > 1 and not has_labels:
            # Its name is another, of which the error tells.
            lookup(item, "label")
        answers.append(
            {
                "annotator": _answered(who, f"{name}.annotator"),
                "label": _answered(what, f"{name}.label"),
            }
        )
    return answers


def _answered(value: Any, name: str) -> str | None:
    is_none = value is None or value is ABSENT or (isinstance(value, float) and math.isnan(value))
    return None if is_none else as_label(as_text(value, name))


def _parsed(text: str, name: str) -> Any:
    """The JSON in a cell; None where it is blank."""
    try:
        return parse_json(text) if text.strip() else None
    except RecordError as error:
        raise RecordError(f"in field `{name}`: {error}") from None
    except (ValueError, RecursionError):
        raise RecordError(
            f"field `{name}` is text, and no JSON list of {{annotator, label}}"
        ) from None


def num_bytes_of(row: Row) -> int:
    """Bytes of all that a row says, its texts in UTF-8."""
    return sum(
        len(value if isinstance(value, bytes) else value.encode())
        for value in row.values()
        if isinstance(value, str | bytes)
    )


class Batcher:
    """Gathers rows into record batches of bounded size and one schema.

    Args:
        source: The source's name in the recipe.
        columns: Payload columns of every batch. Columns `meta.NAME` need not be among them: each
            batch has those that its rows have.
        defaults: Values of rows that do not say (licence, split).
        limit: Rows to take at most.
        spelt: Whether what rows have in `meta.NAME` is cells of a table without types, text that
            may spell numbers; see `tilth.meta.spelt`.
        commas: Whether a comma parts a fraction in these.

    Raises:
        StepError: A column is none of the standard ones.
    """

    def __init__(
        self,
        source: str,
        columns: tuple[str, ...],
        defaults: Mapping[str, str | None],
        limit: int | None,
        *,
        spelt: bool = False,
        commas: bool = False,
    ) -> None:
        self.source = source
        self.defaults = {name: value for name, value in defaults.items() if value is not None}
        wanted = {"id", "source", "uri", "key", *columns, *self.defaults}
        if unknown := wanted - schema.SCHEMA.keys():
            raise _no_column(min(unknown), schema.SCHEMA)
        self.fields = [(name, kind) for name, kind in schema.SCHEMA.items() if name in wanted]
        self.fields.append((schema.ERROR, schema.VERDICT[schema.ERROR]))
        self.limit = limit
        self.num_rows = 0
        # Of payloads so far.
        self.num_bytes = 0
        self._names = wanted
        self._meta: list[str] = []
        self._all_meta: set[str] = set()
        self._spelt = spelt
        self._cells = COMMAS if commas else SPELT
        self._beside: list[Beside | None] = []
        self._rows: list[Row] = []
        self._places: list[str | None] = []
        self._num_bytes = 0
        # Of rows that are not made anew; there are none beside others.
        self._given: list[pa.RecordBatch] = []
        self._num_given = 0
        gathers(lambda: len(self._rows) + self._num_given)

    @property
    def is_full(self) -> bool:
        """Whether the limit is reached."""
        return self.limit is not None and self.num_rows >= self.limit

    @property
    def is_empty(self) -> bool:
        """Whether no row is held that was not given yet."""
        return not self._rows and not self._given

    def turn(self, *, spelt: bool) -> Iterator[pa.RecordBatch]:
        """What follows is cells, or is none; no batch has both."""
        if spelt != self._spelt:
            yield from self.flush()
            self._spelt = spelt

    def add(
        self, row: Row, place: str, num_bytes: int, beside: Beside | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Take one sound row; gives a batch when one is full.

        Args:
            row: Its columns; `id` names the record in its source, absent for file and row; `key`
                is the record's own name, absent where it has none.
            place: File and row, as `file:row`.
            num_bytes: The record's size, for bounding the batch.
            beside: Columns `meta.NAME` of carried types that have more of the row, and where in
                them it stands.

        Raises:
            StepError: It has a column that the batches have not.
        """
        if not row.keys() <= self._names:
            self._meet([name for name in row if name not in self._names])
        place = spelt(place)
        sample = {**self.defaults, **row, "source": self.source}
        sample.setdefault("id", place)
        yield from self._put(sample, num_bytes, beside, place)

    def _meet(self, names: Iterable[str]) -> None:
        """Take in columns that no row before had.

        Raises:
            StepError: One is not `meta.NAME`, or they are more than a source may have.
        """
        for name in names:
            if not name.startswith(schema.META):
                raise _no_column(name, self._names)
            self._all_meta.add(name)
            if len(self._all_meta) > MAX_FIELDS:
                raise StepError(
                    f"a source may have {MAX_FIELDS:,} columns `meta.NAME`, and there are more",
                    hint="carry what has names of its own as one object",
                    code="contract",
                )
            self._names.add(name)
            self._meta.append(name)

    def add_found(
        self, row: Row | RecordError, place: str, num_bytes: int, beside: Beside | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Take a row, or one record that cannot become one."""
        if isinstance(row, RecordError):
            yield from self.add_error(str(row), place)
        else:
            yield from self.add(row, place, num_bytes, beside)

    def add_error(self, cause: str, place: str) -> Iterator[pa.RecordBatch]:
        """Take one record that cannot become a sample."""
        place = spelt(place)
        row = {
            "id": schema.sample_id(self.source, place, "error"),
            "source": self.source,
            "uri": place,
            schema.ERROR: f"{place}: {cause}",
        }
        yield from self._put(row, 256)

    def _put(
        self, row: Row, num_bytes: int, beside: Beside | None = None, place: str | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Take a row; of a sound one its place, as its digests are made when the batch is full."""
        if self.is_full:
            return
        if self._given:
            yield from self.flush()
        self._rows.append(row)
        self._places.append(place)
        self._beside.append(beside)
        self._num_bytes += num_bytes
        self.num_rows += 1
        if len(self._rows) >= ROWS_PER_BATCH or self._num_bytes >= BYTES_PER_BATCH:
            yield from self.flush()

    def again(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Rows that were given before, when the source was read by the same settings."""
        if self._rows:
            yield from self.flush()
        for batch in batches:
            if self._given and not _alike(self._given[0].schema, batch.schema):
                yield from self.flush()
            self._given.append(batch)
            self._num_bytes += batch.nbytes
            self._num_given += batch.num_rows
            self.num_rows += batch.num_rows
            if self._num_given >= ROWS_PER_BATCH or self._num_bytes >= BYTES_PER_BATCH:
                yield from self.flush()

    def give(self, batch: pa.RecordBatch, num_bytes: int) -> Iterator[pa.RecordBatch]:
        """Rows that are made already, as `tilth.reading.blocks` makes them.

        Args:
            batch: They.
            num_bytes: Of their payloads.
        """
        yield from self.flush()
        self.num_rows += batch.num_rows
        self.num_bytes += num_bytes
        yield batch

    def end_file(self) -> Iterator[pa.RecordBatch]:
        """What follows is of another file, whose further columns stand in no batch with these."""
        if self._rows and self._has_further():
            yield from self.flush()
        # The next file's columns come in the order in which it has them.
        self._names -= set(self._meta)
        self._meta = []

    def _has_further(self) -> bool:
        own = any(name in row for name in self._meta for row in self._rows)
        return own or any(place is not None for place in self._beside)

    def flush(self) -> Iterator[pa.RecordBatch]:
        """The rows gathered so far, if any."""
        if self._given:
            given, self._given, self._num_given, self._num_bytes = self._given, [], 0, 0
            yield from pa.Table.from_batches(given).combine_chunks().to_batches()
        if not self._rows:
            return
        rows, beside = self._rows, self._beside
        self._name(rows, self._places)
        self._rows, self._places, self._num_bytes, self._beside = [], [], 0, []
        arrays = [_array([row.get(name) for row in rows], kind) for name, kind in self.fields]
        columns = [pa.field(name, kind) for name, kind in self.fields]
        for name, array, said in met(self._own_fields(rows), joined(beside)):
            # Before the error, which stands last.
            arrays.insert(-1, array)
            columns.insert(-1, pa.field(name, array.type, metadata=said))
        yield pa.RecordBatch.from_arrays(arrays, schema=pa.schema(columns))

    def _name(self, rows: Sequence[Row], places: Sequence[str | None]) -> None:
        """Give sound rows their ids, made of what the source calls them, and their keys.

        By its key a sample is known wherever its file lies, and whatever is done to it later: its
        own name, else its content, of which white space may change with how a file is written;
        nothing where it has an address, by which it is known.
        """
        sound = [(row, place) for row, place in zip(rows, places, strict=True) if place is not None]
        payloads = [_payload(row) for row, _ in sound]
        data = [_bytes(payload) for payload in payloads]
        self.num_bytes += sum(map(len, data))
        ids = ids_of(self.source, [row["id"] for row, _ in sound], data, self.num_bytes)
        texts: list[tuple[Row, bytes]] = []
        for (row, place), name, payload in zip(sound, ids, payloads, strict=True):
            row["id"] = name
            if row.get("uri"):
                row["key"] = None
            elif row.get("key"):
                row["key"] = schema.sample_id("name", row["key"])
            elif isinstance(payload or place, bytes):
                row["key"] = schema.sample_id("content", payload)
            else:
                texts.append((row, _bytes(payload or place)))
            row.setdefault("uri", place)
        keys = content_keys([text for _, text in texts], self.num_bytes)
        for (row, _), key in zip(texts, keys, strict=True):
            row["key"] = key

    def _own_fields(self, rows: Sequence[Row]) -> Iterator[Further]:
        for name in self._meta:
            values = [row.get(name) for row in rows]
            if all(value is None for value in values):
                continue
            if self._spelt:
                yield name, pa.array(values, TEXT), self._cells
                continue
            array = gathered(values)
            mixed = array.type == TEXT and any(type(one) not in _WORDS for one in values)
            yield name, array, MIXED if mixed else None


def _alike(one: pa.Schema, other: pa.Schema) -> bool:
    # Text that is cells is no other text.
    return bool(one.equals(other, check_metadata=True))


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    """Values as a column; bytes are copied once, where pyarrow copies them again as it grows."""
    if kind != pa.large_binary() or None in values:
        return pa.array(values, kind)
    offsets = np.zeros(len(values) + 1, np.int64)
    np.cumsum([len(value) for value in values], out=offsets[1:])
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(values))]
    return pa.Array.from_buffers(kind, len(values), buffers)


def _payload(row: Row) -> str | bytes:
    return next((row[kind] for kind in ("image", "audio", "text", "html") if kind in row), "")


def _bytes(payload: str | bytes) -> bytes:
    if isinstance(payload, str):
        return payload.encode("utf-8", "surrogatepass")
    return payload


def _no_column(name: str, known: Iterable[str]) -> StepError:
    return StepError(
        f"a row has `{name}`, which is no column of its batches",
        hint=f"their columns are {', '.join(sorted(known))}: name it among the Batcher's `columns`",
        code="contract",
    )


def spelt(place: str) -> str:
    """A place as text, also where a file's name is none: its bytes are written out."""
    return place.encode("utf-8", "backslashreplace").decode()


def _kind(value: Any) -> str:
    """What JSON calls the value."""
    if value is None:
        return "null"
    names = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "text",
        list: "a list",
        dict: "an object",
    }
    return names.get(type(value), f"of type {type(value).__name__}")
