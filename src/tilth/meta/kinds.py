"""The types that a column `meta.NAME` may have, and the one that holds the values of two of them.

They are few, and such that every reader of Parquet has them: an object is JSON text, a duration is
seconds, a time is at most of microseconds and of the years 1 to 9999, a time zone is UTC. A field
whose values are of two types is text, unless whole numbers meet fractions and all of them are exact
as floats.
"""

from __future__ import annotations

from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

TEXT = pa.large_string()
BYTES = pa.large_binary()
TIME = pa.timestamp("us")
INSTANT = pa.timestamp("us", "UTC")
CLOCK = pa.time64("us")
NOTHING = pa.null()

# Columns `meta.NAME` that a source may have.
MAX_FIELDS = 1000
# Whole numbers up to here are exact as floats (IEEE 754, 53 bits).
EXACT = 1 << 53
_MAX_DIGITS = 38
_SCALARS = frozenset(
    (
        *(pa.bool_(), pa.int64(), pa.float32(), pa.float64(), TEXT, BYTES),
        *(pa.date32(), TIME, INSTANT, CLOCK, NOTHING),
    )
)


class Kind(NamedTuple):
    """Of what type a column is.

    Attributes:
        type: One of the carried ones.
        is_wide: Whether it has a whole number that is not exact as a float.
    """

    type: pa.DataType
    is_wide: bool = False


NONE = Kind(NOTHING)


def is_carried(kind: pa.DataType) -> bool:
    """Whether a column `meta.NAME` may be of this type."""
    if pa.types.is_list(kind):
        item = kind.value_type
        return kind == pa.list_(item) and not pa.types.is_list(item) and is_carried(item)
    return kind in _SCALARS or pa.types.is_decimal128(kind)


def kind_of(array: pa.Array) -> Kind:
    """The kind of a column of a carried type."""
    numbers = array.flatten() if pa.types.is_list(array.type) else array
    if not pa.types.is_int64(numbers.type):
        return Kind(array.type)
    ends = pc.min_max(numbers).as_py()
    wide = ends["min"] is not None and (ends["min"] < -EXACT or ends["max"] > EXACT)
    return Kind(array.type, wide)


def merged(a: Kind, b: Kind) -> Kind:
    """The kind that holds the values of two; text where no other does."""
    is_wide = a.is_wide or b.is_wide
    if a.type == b.type:
        return Kind(a.type, is_wide)
    one, other = a.type, b.type
    if pa.types.is_null(one) or pa.types.is_null(other):
        return Kind(other if pa.types.is_null(one) else one, is_wide)
    if pa.types.is_list(one) and pa.types.is_list(other):
        items = Kind(one.value_type, a.is_wide), Kind(other.value_type, b.is_wide)
        # Items that are not alike stay what they are in JSON.
        kind = TEXT if varies(*items) else pa.list_(merged(*items).type)
        return Kind(kind, is_wide)
    if pa.types.is_decimal(one) and pa.types.is_decimal(other):
        scale = max(one.scale, other.scale)
        whole = max(one.precision - one.scale, other.precision - other.scale)
        fits = whole + scale <= _MAX_DIGITS
        return Kind(pa.decimal128(whole + scale, scale) if fits else TEXT)
    if _is_number(one) and _is_number(other) and not is_wide:
        return Kind(pa.float64())
    # Of numbers beyond a float's the column stays text, whatever comes.
    return Kind(TEXT)


def varies(a: Kind, b: Kind) -> bool:
    """Whether two kinds that have values are text together because no other type holds both."""
    one, other = a.type, b.type
    if pa.types.is_null(one) or pa.types.is_null(other):
        return False
    if pa.types.is_list(one) and pa.types.is_list(other):
        return varies(Kind(one.value_type, a.is_wide), Kind(other.value_type, b.is_wide))
    both = merged(a, b).type
    return bool(both == TEXT and (one != TEXT or other != TEXT))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_int64(kind) or pa.types.is_floating(kind))


def plainly(kind: pa.DataType) -> str:
    """What the values of a carried type are, for people."""
    if pa.types.is_list(kind):
        return "lists"
    return "decimal numbers" if pa.types.is_decimal(kind) else _PLAINLY.get(kind, str(kind))


_PLAINLY = {
    NOTHING: "nothing",
    pa.bool_(): "true and false",
    pa.int64(): "whole numbers",
    pa.float32(): "numbers",
    pa.float64(): "numbers",
    TEXT: "text",
    BYTES: "bytes",
    pa.date32(): "dates",
    TIME: "times",
    INSTANT: "times with a zone",
    CLOCK: "times of day",
}
