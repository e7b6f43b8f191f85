"""The sample schema: types that hold, marks that are kept, ids that differ."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args, get_type_hints

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth import schema, splits
from tilth.cli import exports
from tilth.deduplicate import copies
from tilth.reading import records


def _batch(**columns: pa.Array) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"id": ["a", "b", "c"], **columns})


def test_payloads_and_verdicts_are_what_other_rooms_and_files_expect() -> None:
    """A column that changes its name or type makes data sets of earlier runs unreadable."""
    assert {name: str(kind) for name, kind in schema.SCHEMA.items()} == {
        "id": "string",
        "source": "string",
        "uri": "string",
        "key": "string",
        "html": "large_binary",
        "content_type": "string",
        "text": "large_string",
        "image": "large_binary",
        "audio": "large_binary",
        "target": "string",
        "label": "string",
        "label_confidence": "double",
        "label_origin": "string",
        "annotations": "list<item: struct<annotator: string, label: string>>",
        "split": "string",
        "license": "string",
        "consent": "string",
        "fetched_at": "string",
        "subject": "string",
        "part_of": "string",
    }
    assert set(schema.VERDICT) == {"drop.rule", "drop.value", "drop.of", "error"}
    assert schema.SIGNAL_PREFIX == "signal."


@given(st.lists(st.text(max_size=5) | st.binary(max_size=5), max_size=4))
def test_the_parts_of_an_id_cannot_be_shifted(parts: list[str | bytes]) -> None:
    name = schema.sample_id(*parts)
    assert len(name) == 32
    assert int(name, 16) >= 0
    assert schema.sample_id(*parts) == name
    assert schema.sample_id(*parts, "") != name
    if len(parts) > 1 and parts[0] and isinstance(parts[0], str) and isinstance(parts[1], str):
        assert schema.sample_id(parts[0][:-1], parts[0][-1] + parts[1], *parts[2:]) != name


def test_an_id_stays_what_it_was() -> None:
    assert schema.sample_id("a", b"b") == "6a93c5780b9861cdd8d2761a748d9591"


def test_a_column_that_is_absent_is_null_or_its_default() -> None:
    batch = _batch()
    assert schema.column(batch, "text").to_pylist() == [None] * 3
    assert schema.column(batch, "text").type == pa.large_string()
    assert schema.column(batch, "split", "train").to_pylist() == ["train"] * 3
    assert schema.column(batch, "drop.rule").type == pa.string()
    assert schema.column(batch, "label_confidence").type == schema.SCHEMA["label_confidence"]
    assert schema.column(batch, "label_confidence", 1.0).to_pylist() == [1.0] * 3
    # Wherever it stands.
    for index, name in enumerate(batch.schema.names):
        assert schema.column(batch, name).equals(batch.column(index))


def test_columns_are_replaced_where_they_stand() -> None:
    batch = _batch(text=pa.array(["x", "y", "z"], pa.large_string()), label=pa.array(["1"] * 3))
    changed = schema.with_columns(batch, {"text": ["p", "q", "r"], "split": ["train"] * 3})
    assert changed.schema.names == ["id", "text", "label", "split"]
    assert changed.column("text").type == pa.large_string()
    assert schema.without_columns(changed, ["text", "no such"]).schema.names == [
        "id",
        "label",
        "split",
    ]


def test_a_column_that_nothing_has_is_no_column_of_nulls() -> None:
    for name in ("label", "drop.rule", "signal.mine"):
        assert schema.column(_batch(), name).null_count == _batch().num_rows
    with pytest.raises(schema.NoColumnError, match="no column `txt`; the batch has `id`"):
        schema.column(_batch(), "txt")


def test_the_first_mark_stays() -> None:
    batch = schema.mark_dropped(_batch(), np.array([True, False, False]), "one", ["1"] * 3)
    batch = schema.mark_dropped(
        batch, np.array([True, True, False]), ["two"] * 3, ["2"] * 3, of=["x"] * 3
    )
    rows = batch.to_pylist()
    assert [row["drop.rule"] for row in rows] == ["one", "two", None]
    assert [row["drop.value"] for row in rows] == ["1", "2", None]
    assert [row["drop.of"] for row in rows] == [None, "x", None]


def test_the_first_error_stays() -> None:
    batch = schema.mark_error(_batch(), [None, "broken", None])
    batch = schema.mark_error(batch, ["late", "later", None])
    assert batch.column("error").to_pylist() == ["late", "broken", None]


def test_the_page_of_operations_has_every_standard_column() -> None:
    page = Path(__file__).parents[1].joinpath("docs/concepts/operations.md").read_text("utf-8")
    told = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \| [^|]+ \|$", page, re.MULTILINE))
    assert told == {name: str(kind) for name, kind in schema.SCHEMA.items()}


def test_whoever_knows_the_splits_knows_the_same() -> None:
    assert set(copies.RANKS) == set(records.SPLITS.values()) == set(splits.SPLITS)
    given, _ = get_args(get_type_hints(exports.export)["split"])
    assert get_args(given) == splits.SPLITS
