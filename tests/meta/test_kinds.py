"""The type that holds two: by what both hold, in any order."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.meta.kinds import (
    BYTES,
    INSTANT,
    NONE,
    TEXT,
    TIME,
    Kind,
    is_carried,
    kind_of,
    merged,
    plainly,
    varies,
)

_SCALARS = [
    *(pa.null(), pa.bool_(), pa.int64(), pa.float32(), pa.float64(), TEXT, BYTES, pa.date32()),
    *(TIME, INSTANT),
]
_KINDS = st.builds(
    lambda kind, listed, wide: Kind(
        pa.list_(kind) if listed else kind, wide and kind == pa.int64()
    ),
    st.sampled_from(_SCALARS),
    st.booleans(),
    st.booleans(),
)


@given(_KINDS, _KINDS, _KINDS)
def test_the_order_in_which_kinds_meet_says_nothing(a: Kind, b: Kind, c: Kind) -> None:
    assert merged(a, b) == merged(b, a)
    assert merged(merged(a, b), c).type == merged(a, merged(b, c)).type
    assert merged(a, a) == a
    assert merged(a, NONE) == a
    assert is_carried(merged(a, b).type)
    assert not varies(a, a)
    assert plainly(a.type)


def test_whole_numbers_are_floats_where_they_are_exact() -> None:
    small, wide = (kind_of(pa.array([0, one])) for one in (1 << 53, (1 << 53) + 1))
    assert merged(small, Kind(pa.float64())).type == pa.float64()
    assert merged(wide, Kind(pa.float64())).type == TEXT
    assert merged(merged(wide, small), Kind(pa.float32())).type == TEXT
    assert kind_of(pa.array([[-(1 << 53) - 1]])).is_wide
    assert varies(wide, Kind(pa.float64()))
    assert not varies(small, Kind(pa.float64()))
    assert varies(small, Kind(TEXT))
    assert not varies(NONE, Kind(TEXT))


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (pa.decimal128(10, 2), pa.decimal128(5, 4), pa.decimal128(12, 4)),
        (pa.decimal128(38, 0), pa.decimal128(38, 10), TEXT),
        (pa.decimal128(10, 2), pa.float64(), TEXT),
        (TIME, INSTANT, TEXT),
        (pa.list_(pa.int64()), pa.list_(pa.float64()), pa.list_(pa.float64())),
        (pa.list_(pa.int64()), pa.list_(TEXT), TEXT),
        (pa.list_(pa.int64()), pa.int64(), TEXT),
        (pa.list_(pa.null()), pa.list_(BYTES), pa.list_(BYTES)),
    ],
)
def test_what_holds_two(one: pa.DataType, other: pa.DataType, both: pa.DataType) -> None:
    assert merged(Kind(one), Kind(other)).type == both


def test_no_type_nests() -> None:
    assert not is_carried(pa.list_(pa.list_(pa.int64())))
    assert not is_carried(pa.struct({"a": pa.int64()}))
    assert not is_carried(pa.int32())
    assert not is_carried(pa.large_list(pa.int64()))
