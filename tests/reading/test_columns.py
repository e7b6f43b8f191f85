"""Which columns of a table with types travel; the sources' own tests say with which values."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from tilth.context import Context
from tilth.reading.carry import Carrier
from tilth.reading.columns import UNREAD, Columns
from tilth.reading.fields import Fields


def test_columns_that_no_type_holds_are_told_and_the_rest_travels() -> None:
    told: list[tuple[str, str]] = []
    context = Context(Path(), passes_over=lambda place, reason: told.append((place, reason)))
    carrier = Carrier.of(Fields.model_validate({"text": "q.body", "x": "q.n"}), context)
    carrier.begin("a.parquet")
    batch = pa.record_batch(
        {
            "q": [{"body": "t", "n": 1, "m": "u"}],
            "span": pa.array([(1, 2, 3)], pa.month_day_nano_interval()),
            "meta": [{"year": 2015}],
            "score": pa.array([0.5], pa.float16()),
        }
    )
    columns = Columns(batch.schema, carrier)
    for _ in range(2):
        found, errors = columns.of(batch)
        assert found is not None
        assert found.to_pylist() == [
            {"meta.q": '{"m":"u"}', "meta.score": 0.5, "meta.year": 2015, "meta.x": 1}
        ]
        assert not errors
    assert told == [("a.parquet:span", UNREAD)]
    assert "span" not in columns.names


def test_nothing_travels_where_nothing_is_left() -> None:
    carrier = Carrier.of(Fields(), Context(Path()))
    batch = pa.record_batch({"text": ["a"]})
    assert Columns(batch.schema, carrier).of(batch) == (None, {})
