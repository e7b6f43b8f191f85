"""Any Arrow column as one of a carried type, and its values as text, JSON or plain Python."""

from __future__ import annotations

import base64
import datetime
import decimal
import itertools
import json
import math
import numbers
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tilth.meta.kinds import BYTES, CLOCK, INSTANT, TEXT, TIME, is_carried, kind_of, merged
from tilth.schema import Row

# A value may nest as deep as real data does, not as deep as the interpreter's stack.
MAX_DEPTH = 64

_MAX_DIGITS = 38
_FIRST = int(datetime.datetime(1, 1, 1, tzinfo=datetime.UTC).timestamp())
_LAST = int(datetime.datetime(9999, 12, 31, tzinfo=datetime.UTC).timestamp()) + 86_399
_UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_OUT_OF_YEARS = "a time outside of the years 1 to 9999"
_NO_UTF_8 = "text that is not valid UTF-8"

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)

# What is wrong with a row, by its number.
Errors = dict[int, str]


class UnsupportedError(ValueError):
    """A column is of a type that cannot be carried at all."""


def carried(array: pa.Array) -> tuple[pa.Array, Errors]:
    """A column as one of a carried type; null where a value cannot be read, with what is wrong.

    Raises:
        UnsupportedError: It is of a type that is not known here, or nested too deeply.
    """
    errors: Errors = {}
    found = _carried(_plain_type(array), errors, 0)
    return found, errors


def is_steady(kind: pa.DataType) -> bool:
    """Whether `carried` gives columns of a type always as the same one, whatever they hold."""
    if isinstance(kind, pa.ExtensionType):
        return is_steady(kind.storage_type)
    if pa.types.is_struct(kind) or pa.types.is_map(kind):
        parts = [kind.field(at).type for at in range(kind.num_fields)]
        return all(map(is_steady, parts)) if pa.types.is_struct(kind) else True
    if _is_list(kind) or pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return is_steady(kind.value_type)
    if pa.types.is_timestamp(kind) or pa.types.is_time(kind):
        return bool(kind.unit != "ns")
    return not (pa.types.is_uint64(kind) or pa.types.is_date64(kind))


def _plain_type(array: pa.Array) -> pa.Array:
    """Less what Arrow adds to say the same in another way: dictionaries, runs, extensions."""
    while True:
        if isinstance(array, pa.ExtensionArray):
            array = array.storage
        elif pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        elif pa.types.is_run_end_encoded(array.type):
            array = pc.run_end_decode(array)
        else:
            return array


def _carried(array: pa.Array, errors: Errors, depth: int) -> pa.Array:
    kind = array.type
    if depth > MAX_DEPTH:
        raise UnsupportedError(f"nested more than {MAX_DEPTH} levels deep")
    if pa.types.is_null(kind) or pa.types.is_boolean(kind):
        return array
    if pa.types.is_integer(kind):
        return _integers(array)
    if pa.types.is_floating(kind):
        return as_doubles(array).cast(pa.float32()) if pa.types.is_float16(kind) else array
    if _is_text(kind):
        return _texts(array, errors)
    if _is_bytes(kind):
        return array.cast(BYTES)
    if pa.types.is_decimal(kind):
        return _decimals(array)
    if pa.types.is_temporal(kind):
        return _times(array, errors)
    if _is_list(kind):
        return _lists(array, errors, depth)
    if pa.types.is_struct(kind) or pa.types.is_map(kind):
        return pa.array([_dumped(value) for value in _values(array, errors, depth)], TEXT)
    raise UnsupportedError(f"of the type {kind}")


def _integers(array: pa.Array) -> pa.Array:
    if pa.types.is_uint64(array.type):
        most = pc.max(array).as_py()
        if most is not None and most > (1 << 63) - 1:
            return array.cast(pa.string()).cast(TEXT)
    return array.cast(pa.int64())


def _texts(array: pa.Array, errors: Errors) -> pa.Array:
    try:
        # The cast from bytes is what looks at the encoding.
        return array.cast(BYTES).cast(TEXT)
    except pa.ArrowInvalid:
        values: list[str | None] = []
        for number, value in enumerate(array.cast(BYTES).to_pylist()):
            try:
                values.append(None if value is None else value.decode())
            except UnicodeDecodeError:
                errors.setdefault(number, _NO_UTF_8)
                values.append(None)
        return pa.array(values, TEXT)


def _decimals(array: pa.Array) -> pa.Array:
    kind = array.type
    if pa.types.is_decimal128(kind):
        return array
    if kind.precision <= _MAX_DIGITS:
        return array.cast(pa.decimal128(kind.precision, kind.scale))
    return pa.array([None if value is None else str(value) for value in array.to_pylist()], TEXT)


def _times(array: pa.Array, errors: Errors) -> pa.Array:
    kind = array.type
    if pa.types.is_duration(kind):
        return pc.divide(array.cast(pa.int64()).cast(pa.float64(), safe=False), _UNITS[kind.unit])
    if pa.types.is_time(kind):
        return _clock(array)
    if pa.types.is_date(kind):
        # Arrow's own 64 bits of a date are milliseconds, of which only whole days are one.
        ticks = array.cast(pa.int32() if pa.types.is_date32(kind) else pa.int64()).cast(pa.int64())
        per_second = 1 if pa.types.is_date32(kind) else 1000
        seconds = pc.multiply(ticks, 86_400) if pa.types.is_date32(kind) else ticks
        array = _within_years(array, seconds, per_second, errors)
        if pa.types.is_date32(kind):
            return array
        ticks = array.cast(pa.int64())
        days = pc.divide(ticks, 86_400_000)
        if pc.all(pc.equal(pc.multiply(days, 86_400_000), ticks), min_count=0).as_py():
            return array.cast(pa.date32())
        return ticks.cast(pa.timestamp("ms")).cast(TIME)
    if not pa.types.is_timestamp(kind):
        raise UnsupportedError(f"of the type {kind}")
    array = _within_years(array, array.cast(pa.int64()), _UNITS[kind.unit], errors)
    wanted = TIME if kind.tz is None else INSTANT
    # The instant is the same whatever the zone; its name may be one that nobody knows.
    ticks = array.cast(pa.int64()).cast(pa.timestamp(kind.unit, None if kind.tz is None else "UTC"))
    try:
        return ticks.cast(wanted)
    except pa.ArrowInvalid:
        zone = "" if kind.tz is None else "+00:00"
        values = ticks.cast(pa.int64()).to_pylist()
        return pa.array([None if v is None else _spelt_ns(v) + zone for v in values], TEXT)


def _clock(array: pa.Array) -> pa.Array:
    try:
        return array.cast(CLOCK)
    except pa.ArrowInvalid:
        values = array.cast(pa.int64()).to_pylist()
        return pa.array([None if v is None else _spelt_ns(v)[11:] for v in values], TEXT)


def _spelt_ns(value: int) -> str:
    """Nanoseconds since 1970 in ISO 8601, with as many digits as they need."""
    seconds, part = divmod(value, 10**9)
    whole = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
    if not part:
        return whole.isoformat()
    return (
        f"{whole.isoformat()}.{part // 1000:06d}"
        if part % 1000 == 0
        else (f"{whole.isoformat()}.{part:09d}")
    )


def _within_years(array: pa.Array, ticks: pa.Array, per_second: int, errors: Errors) -> pa.Array:
    """Null where a time is one that Python and many readers cannot hold."""
    ends = pc.min_max(ticks).as_py()
    first, last = _FIRST * per_second, (_LAST + 1) * per_second - 1
    if ends["min"] is None or (first <= ends["min"] and ends["max"] <= last):
        return array
    # In nanoseconds no time is out of these years, and their bounds are no 64 bits.
    out = pc.or_(
        pc.less(ticks, max(first, -(1 << 63))), pc.greater(ticks, min(last, (1 << 63) - 1))
    )
    for number in pc.indices_nonzero(pc.fill_null(out, False)).to_pylist():
        errors.setdefault(number, _OUT_OF_YEARS)
    return pc.if_else(out, pa.scalar(None, array.type), array)


def _lists(array: pa.Array, errors: Errors, depth: int) -> pa.Array:
    starts, items = _parted(array)
    inside: Errors = {}
    values = _carried(_plain_type(items), inside, depth + 1)
    if inside:
        rows = _rows_of(starts, inside)
        for number, cause in rows.items():
            errors.setdefault(number, cause)
    if pa.types.is_list(values.type) or _is_nested(items.type):
        return pa.array([_dumped(value) for value in _values(array, errors, depth)], TEXT)
    valid = array.is_valid()
    offsets = pc.if_else(
        pa.array([*valid.to_pylist(), True]),
        pa.array(starts, pa.int32()),
        pa.scalar(None, pa.int32()),
    )
    if starts[-1] >= 1 << 31:
        raise UnsupportedError("lists of more than 2,147,483,647 items together")
    return pa.ListArray.from_arrays(offsets, values)


def _parted(array: pa.Array) -> tuple[list[int], pa.Array]:
    """Where each list's items begin, [num_rows + 1], and the items of all of them, in order."""
    lengths = pc.fill_null(pc.list_value_length(array), 0).to_pylist()
    starts = [0]
    for length in lengths:
        starts.append(starts[-1] + length)
    # `list_flatten` leaves out what a null row of a fixed size stands on.
    return starts, pc.list_flatten(array)


def _rows_of(starts: Sequence[int], inside: Errors) -> Errors:
    rows: Errors = {}
    row = 0
    for item, cause in sorted(inside.items()):
        while starts[row + 1] <= item:
            row += 1
        rows.setdefault(row, cause)
    return rows


def values_of(array: pa.Array, *, as_bytes: bool = False) -> tuple[list[Any], Errors]:
    """A column as plain Python: objects as dicts, bytes as they are, no value that Python cannot
    hold; null where a value cannot be read, with what is wrong.

    Args:
        array: The column.
        as_bytes: Give text that is in no object as bytes, and leave its encoding to the caller.

    Raises:
        UnsupportedError: As `carried`.
    """
    errors: Errors = {}
    array = _plain_type(array)
    if as_bytes and _is_text(array.type):
        return array.cast(BYTES).to_pylist(), errors
    return _values(array, errors, 0), errors


def _values(array: pa.Array, errors: Errors, depth: int) -> list[Any]:
    array = _plain_type(array)
    kind = array.type
    if depth > MAX_DEPTH:
        raise UnsupportedError(f"nested more than {MAX_DEPTH} levels deep")
    if pa.types.is_struct(kind):
        names = [kind.field(number).name for number in range(kind.num_fields)]
        columns = [_values(part, errors, depth + 1) for part in array.flatten()]
        valid = array.is_valid().to_pylist()
        rows = zip(*columns, strict=True) if columns else iter([()] * len(array))
        return [
            dict(zip(names, row, strict=True)) if there else None
            for row, there in zip(rows, valid, strict=True)
        ]
    if pa.types.is_map(kind):
        starts, keys, items = _map_parts(array)
        return _cut(
            starts,
            _pairs(keys, items, errors, depth, starts),
            array.is_valid().to_pylist(),
            as_object=_is_text(kind.key_type),
        )
    if _is_list(kind):
        starts, items = _parted(array)
        inside: Errors = {}
        values = _values(items, inside, depth + 1)
        for number, cause in _rows_of(starts, inside).items():
            errors.setdefault(number, cause)
        return _cut(starts, values, array.is_valid().to_pylist())
    plain: list[Any] = as_doubles(_carried(as_doubles(array), errors, depth)).to_pylist()
    return plain


def as_doubles(array: pa.Array) -> pa.Array:
    """Floats of 16 or 32 bits as those of 64 that are spelt like them; any other column as it is.

    What is 0.1 in a file would be 0.10000000149011612 as text, and above 0.1 in a rule.
    """
    if pa.types.is_float16(array.type):
        values = (value if value is None else float(str(value)) for value in _halves(array))
        return pa.array(values, pa.float64())
    if pa.types.is_float32(array.type):
        # Arrow writes the fewest digits that are read as the same float.
        return array.cast(pa.string()).cast(pa.float64())
    return array


def _halves(array: pa.Array) -> list[Any]:
    values = array.to_numpy(zero_copy_only=False)
    return [value if there else None for value, there in zip(values, array.is_valid(), strict=True)]


def spelt_rows(batch: pa.RecordBatch | pa.Table) -> list[Row]:
    """Rows of carried types as plain Python, for what writes their numbers as text."""
    rows: list[Row] = batch.to_pylist()
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if _is_short(column.type):
            for row, value in zip(rows, _spelt_values(column), strict=True):
                row[name] = value
    return rows


def _is_short(kind: pa.DataType) -> bool:
    while pa.types.is_list(kind):
        kind = kind.value_type
    return bool(pa.types.is_float32(kind))


def _spelt_values(array: pa.Array | pa.ChunkedArray) -> list[Any]:
    if not _is_short(array.type):
        return list(array.to_pylist())
    chunks = array.chunks if isinstance(array, pa.ChunkedArray) else [array]
    return [value for chunk in chunks for value in _values(chunk, {}, 0)]


def _map_parts(array: pa.Array) -> tuple[list[int], pa.Array, pa.Array]:
    """Where each map's entries begin, and the keys and values of all of them."""
    offsets = array.offsets.to_pylist()
    lengths = [
        end - start if there else 0
        for start, end, there in zip(
            offsets, offsets[1:], array.is_valid().to_pylist(), strict=False
        )
    ]
    taken = [
        number
        for start, length in zip(offsets, lengths, strict=False)
        for number in range(start, start + length)
    ]
    starts = [0]
    for length in lengths:
        starts.append(starts[-1] + length)
    rows = pa.array(taken, pa.int64())
    return starts, array.keys.take(rows), array.items.take(rows)


def _pairs(
    keys: pa.Array, items: pa.Array, errors: Errors, depth: int, starts: list[int]
) -> list[tuple[Any, Any]]:
    inside: Errors = {}
    found = zip(_values(keys, inside, depth + 1), _values(items, inside, depth + 1), strict=True)
    pairs = list(found)
    for number, cause in _rows_of(starts, inside).items():
        errors.setdefault(number, cause)
    return pairs


def _cut(
    starts: list[int], values: list[Any], valid: list[bool], *, as_object: bool = False
) -> list[Any]:
    """The values of each row; of maps whose keys are text as objects."""
    rows: list[Any] = []
    for start, end, there in zip(starts, starts[1:], valid, strict=False):
        part = values[start:end]
        if as_object and len(dict(part)) == len(part):
            rows.append(dict(part) if there else None)
        else:
            rows.append(part if there else None)
    return rows


def _is_text(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
        or pa.types.is_binary_view(kind)
    )


def _is_list(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(kind)
        or pa.types.is_large_list(kind)
        or pa.types.is_fixed_size_list(kind)
        or pa.types.is_list_view(kind)
        or pa.types.is_large_list_view(kind)
    )


def _is_nested(kind: pa.DataType) -> bool:
    return bool(pa.types.is_nested(kind))


def gathered(values: Sequence[Any]) -> pa.Array:
    """Python values as a column of the narrowest carried type that holds them all.

    Args:
        values: None, booleans, numbers, text, bytes, times, and lists of these; see `scalar`.
    """
    # Arrow would make a time of a number beside one, and bytes of text.
    if _are_alike(values):
        try:
            found = pa.array(values)
            if is_carried(found.type):
                return found
            found, errors = carried(found)
            if not errors:
                return found
        except (pa.ArrowException, OverflowError, ValueError, TypeError):
            pass
    return pa.array([None if value is None else words(value) for value in values], TEXT)


def _are_alike(values: Sequence[Any]) -> bool:
    """Whether values are of one type, or all numbers; lists: whether their items are."""
    types = set(map(type, values)) - {type(None)}
    if types == {list}:
        items = itertools.chain.from_iterable(value for value in values if value is not None)
        types = set(map(type, items)) - {type(None)}
    return len(types) < 2 or types == {int, float}


def converted(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """A column of a carried type as another one that holds its values."""
    if array.type == kind:
        return array
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), kind)
    if pa.types.is_list(kind) and pa.types.is_list(array.type):
        starts, items = _parted(array)
        valid = array.is_valid().to_pylist()
        offsets = [s if there else None for s, there in zip(starts, [*valid, True], strict=True)]
        return pa.ListArray.from_arrays(
            pa.array(offsets, pa.int32()), converted(items, kind.value_type)
        )
    if kind == TEXT:
        values = [None if value is None else words(value) for value in _spelt_values(array)]
        return pa.array(values, TEXT)
    return as_doubles(array).cast(kind)


def words(value: Any) -> str:
    """A value as text: numbers and times as JSON and ISO 8601 have them, lists as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        # A column of whole numbers with a gap comes from a data frame as 1.0, 2.0.
        return str(int(value)) if _is_whole(value) else repr(value)
    if isinstance(value, list):
        # As a number alone: 1 and 1.0 are one.
        value = [int(one) if _is_whole(one) else one for one in value]
    plain = jsonable(value)
    return plain if isinstance(plain, str) else _dumped(value) or ""


def _is_whole(value: Any) -> bool:
    return isinstance(value, float) and value.is_integer() and abs(value) < 1 << 53


def _dumped(value: Any) -> str | None:
    """As JSON text (RFC 8259); None stays."""
    if value is None:
        return None
    try:
        return _ENCODER.encode(value)
    except (ValueError, TypeError):
        return _ENCODER.encode(jsonable(value))


dumped = _dumped


def jsonable(value: Any) -> Any:
    """A value of JSON's own types: times as ISO 8601, decimals as text, bytes as Base64, no number
    as null.

    Raises:
        TypeError: It is of none of the types that can be carried.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): jsonable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(one) for one in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime.date | datetime.datetime | datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return jsonable(float(value))
    raise TypeError(f"a value of type {type(value).__name__}")


def alike(arrays: Sequence[pa.Array]) -> list[pa.Array]:
    """Columns of carried types as columns of the one that holds them all."""
    if len({array.type for array in arrays}) == 1:
        return list(arrays)
    kind = kind_of(arrays[0])
    for array in arrays[1:]:
        kind = merged(kind, kind_of(array))
    return [converted(array, kind.type) for array in arrays]
