"""Every type that Arrow has becomes one that all readers have, with its values."""

from __future__ import annotations

import base64
import datetime
import decimal
import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.meta.arrow import (
    UnsupportedError,
    alike,
    as_doubles,
    carried,
    converted,
    dumped,
    gathered,
    jsonable,
    spelt_rows,
    values_of,
    words,
)
from tilth.meta.kinds import BYTES, CLOCK, INSTANT, TEXT, TIME, is_carried

_DAY = datetime.date(2024, 2, 29)
_AT = datetime.datetime(2024, 2, 29, 23, 59, 59, 999_999)
_UTC = _AT.replace(tzinfo=datetime.UTC)
_D = decimal.Decimal

# An array of each type, and what is carried of it.
_TYPES: list[tuple[pa.Array, pa.DataType, list[Any]]] = [
    (pa.nulls(2), pa.null(), [None, None]),
    (pa.array([True, None]), pa.bool_(), [True, None]),
    *(
        (pa.array([1, None], kind), pa.int64(), [1, None])
        for kind in (pa.int8(), pa.int16(), pa.int32(), pa.int64())
    ),
    *(
        (pa.array([1, None], kind), pa.int64(), [1, None])
        for kind in (pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64())
    ),
    (pa.array([1 << 63, 5], pa.uint64()), TEXT, [str(1 << 63), "5"]),
    (pa.array([0.5, None], pa.float16()), pa.float32(), [0.5, None]),
    (pa.array([0.5, None], pa.float32()), pa.float32(), [0.5, None]),
    (pa.array([0.1, None], pa.float64()), pa.float64(), [0.1, None]),
    *(
        (pa.array(["ä", None], kind), TEXT, ["ä", None])
        for kind in (pa.string(), pa.large_string(), pa.string_view())
    ),
    *(
        (pa.array([b"\xff\x00", None], kind), BYTES, [b"\xff\x00", None])
        for kind in (pa.binary(), pa.large_binary(), pa.binary_view(), pa.binary(2))
    ),
    (pa.array(["a", None, "a"]).dictionary_encode(), TEXT, ["a", None, "a"]),
    (pc.run_end_encode(pa.array([1, 1, None])), pa.int64(), [1, 1, None]),
    *(
        (pa.array([_D("1.20"), None], kind), pa.decimal128(kind.precision, 2), [_D("1.20"), None])
        for kind in (pa.decimal32(5, 2), pa.decimal64(9, 2), pa.decimal128(20, 2))
    ),
    (pa.array([_D("1.20")], pa.decimal256(30, 2)), pa.decimal128(30, 2), [_D("1.20")]),
    (pa.array([_D("1.20"), None], pa.decimal256(60, 2)), TEXT, ["1.20", None]),
    (pa.array([_DAY, None], pa.date32()), pa.date32(), [_DAY, None]),
    (pa.array([_DAY, None], pa.date64()), pa.date32(), [_DAY, None]),
    (pa.array([5, None], pa.time32("s")), CLOCK, [datetime.time(0, 0, 5), None]),
    (pa.array([5000], pa.time64("ns")), CLOCK, [datetime.time(0, 0, 0, 5)]),
    (pa.array([5001, None], pa.time64("ns")), TEXT, ["00:00:00.000005001", None]),
    (pa.array([_AT, None], pa.timestamp("us")), TIME, [_AT, None]),
    (pa.array([5, None], pa.timestamp("s")), TIME, [datetime.datetime(1970, 1, 1, 0, 0, 5), None]),
    (pa.array([_UTC], pa.timestamp("us", "Asia/Tokyo")), INSTANT, [_UTC]),
    (pa.array([_UTC], pa.timestamp("us", "No/Where")), INSTANT, [_UTC]),
    (
        pa.array([1709251199999999999, None, 1500000000], pa.timestamp("ns")),
        TEXT,
        ["2024-02-29T23:59:59.999999999", None, "1970-01-01T00:00:01.500000"],
    ),
    (pa.array([1], pa.timestamp("ns", "UTC")), TEXT, ["1970-01-01T00:00:00.000000001+00:00"]),
    (pa.array([1000], pa.timestamp("ns")), TIME, [datetime.datetime(1970, 1, 1, 0, 0, 0, 1)]),
    (pa.array([1500, None], pa.duration("ms")), pa.float64(), [1.5, None]),
    *(
        (pa.array([[1, None], None, []], kind), pa.list_(pa.int64()), [[1, None], None, []])
        for kind in (pa.list_(pa.int32()), pa.large_list(pa.int8()))
    ),
    *(
        (pa.array([["a"], None, []], kind), pa.list_(TEXT), [["a"], None, []])
        for kind in (pa.list_view(pa.string()), pa.large_list_view(pa.string_view()))
    ),
    (
        pa.array([[1.5, 2.5], None, [3.5, 4.5]], pa.list_(pa.float32(), 2)),
        pa.list_(pa.float32()),
        [[1.5, 2.5], None, [3.5, 4.5]],
    ),
    (pa.array([[[1], []], None]), TEXT, ["[[1],[]]", None]),
    (pa.array([{"a": 1, "b": "ä"}, None]), TEXT, ['{"a":1,"b":"ä"}', None]),
    (pa.array([[{"a": 1}], None, []]), TEXT, ['[{"a":1}]', None, "[]"]),
    (
        pa.array([[("k", 1), ("l", None)], None, []], pa.map_(pa.string(), pa.int8())),
        TEXT,
        ['{"k":1,"l":null}', None, "{}"],
    ),
    (pa.array([[(1, 2)], None], pa.map_(pa.int8(), pa.int8())), TEXT, ["[[1,2]]", None]),
    (
        pa.array(
            [{"at": 1, "by": b"\xff"}], pa.struct({"at": pa.timestamp("ns"), "by": pa.binary()})
        ),
        TEXT,
        ['{"at":"1970-01-01T00:00:00.000000001","by":"/w=="}'],
    ),
]


@pytest.mark.parametrize(("array", "kind", "values"), _TYPES, ids=lambda one: str(one)[:40])
def test_each_type_is_carried(array: pa.Array, kind: pa.DataType, values: list[Any]) -> None:
    found, errors = carried(array)
    assert found.type == kind
    assert is_carried(found.type)
    assert found.to_pylist() == values
    assert not errors
    found.validate(full=True)
    # A part of a column is read as the part that it is.
    part, _ = carried(array.slice(1))
    assert [words(v) if v is not None else None for v in part.to_pylist()] == [
        words(v) if v is not None else None for v in values[1:]
    ]


@pytest.mark.parametrize(
    ("array", "cause"),
    [
        (pa.array([b"ok", b"\xff", None]).cast(pa.string(), safe=False), "valid UTF-8"),
        (pa.array([0, 1 << 60, None], pa.timestamp("s")), "years 1 to 9999"),
        (pa.array([0, -(1 << 60), None], pa.timestamp("us", "UTC")), "years 1 to 9999"),
        (pa.array([0, 1 << 30, None], pa.date32()), "years 1 to 9999"),
        (pa.array([[0], [1, 1 << 60], None], pa.list_(pa.timestamp("ms"))), "years 1 to 9999"),
        (
            pa.array([{"a": 0}, {"a": 1 << 60}, None], pa.struct({"a": pa.timestamp("us")})),
            "years 1 to 9999",
        ),
        (
            pa.StructArray.from_arrays(
                [pa.array([b"ok", b"\xff", b""]).cast(pa.string(), safe=False)], ["a"]
            ),
            "valid UTF-8",
        ),
    ],
    ids=str,
)
def test_what_cannot_be_read_is_a_fault_of_its_row(array: pa.Array, cause: str) -> None:
    found, errors = carried(array)
    assert set(errors) == {1}
    assert cause in errors[1]
    found.to_pylist()
    assert set(values_of(array)[1]) == {1}


SHORT = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(st.lists(st.none() | SHORT, max_size=9), st.integers(0, 3))
def test_a_short_float_is_spelt_as_short_as_it_is(values: list[float | None], first: int) -> None:
    array = pa.array(values, pa.float32()).slice(first)
    spelt = [None if value is None else float(str(np.float32(value))) for value in values[first:]]
    assert as_doubles(array).to_pylist() == spelt
    assert values_of(array)[0] == spelt
    nested = pa.array([values[first:]], pa.list_(pa.float32()))
    assert values_of(nested)[0] == [spelt]
    batch = pa.RecordBatch.from_arrays([array], ["x"])
    assert spelt_rows(batch) == spelt_rows(pa.Table.from_batches([batch]))
    assert spelt_rows(batch) == [{"x": value} for value in spelt]
    assert converted(array, TEXT).to_pylist() == [v if v is None else words(v) for v in spelt]
    assert converted(array, pa.float64()).to_pylist() == spelt


def test_short_floats_of_every_shape() -> None:
    for kind in (pa.float16(), pa.float32()):
        tenth = pa.array([0.1, None], kind)
        assert values_of(tenth) == ([0.1, None], {})
        assert values_of(pa.StructArray.from_arrays([tenth], ["a"]))[0] == [{"a": 0.1}, {"a": None}]
        assert carried(pa.StructArray.from_arrays([tenth], ["a"]))[0][0].as_py() == '{"a":0.1}'
        assert spelt_rows(pa.RecordBatch.from_arrays([carried(tenth)[0]], ["x"]))[0] == {"x": 0.1}
    lists = pa.array([[0.1], None, []], pa.list_(pa.float32()))
    assert spelt_rows(pa.RecordBatch.from_arrays([lists], ["x"])) == [
        {"x": [0.1]},
        {"x": None},
        {"x": []},
    ]
    assert converted(lists, TEXT).to_pylist() == ["[0.1]", None, "[]"]
    assert spelt_rows(pa.RecordBatch.from_arrays([pa.array([1])], ["x"]).select([])) == [{}]


def test_a_type_that_nobody_reads_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="interval"):
        carried(pa.array([(1, 2, 3)], pa.month_day_nano_interval()))
    deep: Any = 1
    for _ in range(70):
        deep = {"a": deep}
    with pytest.raises(UnsupportedError, match="levels deep"):
        carried(pa.array([deep]))


_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.integers(-5, 5),
    st.floats(allow_nan=False),
    st.text(max_size=5),
    st.datetimes(),
    st.dates(),
)


@settings(deadline=None)
@given(st.lists(st.one_of(_SCALARS, st.lists(_SCALARS, max_size=3)), max_size=6))
def test_values_are_gathered_as_they_are_or_as_text(values: list[Any]) -> None:
    found = gathered(values)
    assert is_carried(found.type)
    assert len(found) == len(values)
    if found.type == TEXT:
        assert found.to_pylist() == [None if one is None else words(one) for one in values]
    else:
        assert found.to_pylist() == values
    # In two parts, each of its own type, the same comes of it.
    halves = [gathered(values[:2]), gathered(values[2:])]
    both = [value for part in alike(halves) for value in part.to_pylist()]
    assert [None if one is None else words(one) for one in both] == [
        None if one is None else words(one) for one in found.to_pylist()
    ]


@settings(deadline=None)
@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary()),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)
        ),
        max_leaves=8,
    )
)
def test_what_is_dumped_is_json(value: Any) -> None:
    text = dumped(value)
    assert (text is None) == (value is None)
    assert json.loads(text or "null") == jsonable(value)


def test_words_are_those_of_json_and_iso_8601() -> None:
    assert [words(one) for one in (True, 1, 1.0, 1.5, 1e300, float("nan"), "x")] == [
        *("true", "1", "1", "1.5", "1e+300", "nan", "x")
    ]
    assert words(_UTC) == "2024-02-29T23:59:59.999999+00:00"
    assert words([1, "a"]) == '[1,"a"]'
    assert words(b"\xff") == base64.b64encode(b"\xff").decode()


def test_a_list_is_converted_item_by_item() -> None:
    lists = pa.array([[1], None, []], pa.list_(pa.int64()))
    assert converted(lists, pa.list_(TEXT)).to_pylist() == [["1"], None, []]
    assert converted(lists, TEXT).to_pylist() == ["[1]", None, "[]"]
