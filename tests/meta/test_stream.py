"""The further columns of a source: one schema for all of it, whatever each part had."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.meta.arrow import UnsupportedError, gathered, words
from tilth.meta.kinds import TEXT
from tilth.meta.spelt import SPELT
from tilth.meta.stream import Stream, one_schema, with_fields, written
from tilth.schema import ERROR


def _batch(columns: dict[str, list[Any]]) -> pa.RecordBatch:
    length = len(next(iter(columns.values())))
    ids = [str(number) for number in range(length)]
    arrays = {"id": pa.array(ids)} | {f"meta.{k}": gathered(v) for k, v in columns.items()}
    arrays[ERROR] = pa.nulls(length, pa.string())
    return pa.RecordBatch.from_pydict(arrays)


_VALUES = st.sampled_from([None, 1, (1 << 53) + 1, 0.5, True, "x", [1], ["a", None], []])


@settings(deadline=None)
@given(st.lists(st.lists(_VALUES, min_size=1, max_size=3), min_size=1, max_size=4), st.booleans())
def test_all_batches_have_one_schema_in_the_end(parts: list[list[Any]], two: bool) -> None:
    stream = Stream()
    batches = []
    for number, part in enumerate(parts):
        name = "b" if two and number % 2 else "a"
        batch = _batch({name: part})
        batches.append(stream.saw(batch, batch.schema))
    fitted = [stream.fit(batch) for batch in one_schema(batches)]
    assert fitted == [stream.fit(stream.fit(batch)) for batch in batches]
    assert {str(batch.schema) for batch in fitted} == {str(fitted[0].schema)}
    assert fitted[0].schema.names[-1] == ERROR
    names = set(stream.names())
    for number, (part, batch) in enumerate(zip(parts, fitted, strict=True)):
        own = "meta.b" if two and number % 2 else "meta.a"
        values = batch.column(own).to_pylist()
        is_text = batch.schema.field(own).type == TEXT
        assert values == ([None if v is None else words(v) for v in part] if is_text else part)
        for name in names - {own}:
            assert batch.column(name).null_count == batch.num_rows


def test_cells_are_read_when_all_were_seen() -> None:
    stream = Stream()

    def cells(*values: str) -> pa.RecordBatch:
        field = pa.field("meta.n", TEXT, metadata=SPELT)
        return pa.RecordBatch.from_arrays([pa.array(values, TEXT)], schema=pa.schema([field]))

    first = stream.saw(cells("1", "2"), cells("1").schema)
    assert stream.fit(first).column(0).to_pylist() == [1, 2]
    stream.saw(cells("x"), cells("x").schema)
    assert stream.fit(first).column(0).to_pylist() == ["1", "2"]
    assert stream.mixed() == []


@pytest.mark.parametrize("in_one_shard", [True, False])
def test_cells_and_values_of_a_type_are_one_column(in_one_shard: bool) -> None:
    field = pa.field("meta.n", TEXT, metadata=SPELT)
    cells = pa.RecordBatch.from_arrays([pa.array(["1", None], TEXT)], schema=pa.schema([field]))
    wide, infinite = (1 << 53) + 1, float("inf")
    for values, wanted in (
        ([2, wide], [1, None, 2, wide]),
        ([0.1, infinite, 5e-324], [1.0, None, 0.1, infinite, 5e-324]),
        ([True], ["1", None, "true"]),
        (["x"], ["1", None, "x"]),
        ([None], [1, None, None]),
    ):
        stream = Stream()
        typed = pa.record_batch({"meta.n": gathered(values)})
        seen = [stream.saw(cells, cells.schema), stream.saw(typed, typed.schema)]
        fitted = map(stream.fit, one_schema(seen) if in_one_shard else seen)
        assert [value for batch in fitted for value in batch.column(0).to_pylist()] == wanted
        assert bool(stream.mixed()) == (wanted[0] == "1")


def test_a_field_of_several_types_is_told() -> None:
    stream = Stream()
    for values in ([1], [None], ["x"]):
        batch = _batch({"a": values, "b": [1]})
        stream.saw(batch, batch.schema)
    assert stream.mixed() == [
        "`meta.a` has values of several types (whole numbers, text): it is text in all records"
    ]


def test_what_an_extension_gives_is_made_one_of_the_types() -> None:
    stream = Stream()
    batch = pa.record_batch(
        {"meta.a": pa.array([1], pa.int8()), "meta.t": pa.array([1 << 60], pa.timestamp("s"))}
    )
    found = stream.saw(batch, batch.schema)
    assert found.schema.field("meta.a").type == pa.int64()
    assert "years 1 to 9999" in found.column(ERROR)[0].as_py()
    odd = pa.record_batch({"meta.i": pa.array([(1, 2, 3)], pa.month_day_nano_interval())})
    with pytest.raises(UnsupportedError, match=r"`meta.i` is of the type month_day_nano_interval"):
        stream.saw(odd, odd.schema)


def test_a_schema_goes_to_a_worker_and_comes_back() -> None:
    wide = pa.schema([("meta.a", pa.int64()), ("meta.ü", pa.list_(TEXT)), ("text", TEXT)])
    own = pa.schema([("id", pa.string()), ("meta.x", TEXT), ("signal.n", pa.int64())])
    assert with_fields(own, written(wide)) == pa.schema(
        [
            ("id", pa.string()),
            ("meta.a", pa.int64()),
            ("meta.ü", pa.list_(TEXT)),
            ("signal.n", pa.int64()),
        ]
    )
