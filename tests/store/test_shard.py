"""Shards: sorted by verdict, cut by records alone, the same bytes for the same rows."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from tilth.schema import mark_dropped, mark_error
from tilth.store.shard import ShardWriter, cut_shards, ledger, split_by_verdict


def _batch(texts: list[str]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(
        {
            "id": [str(i) for i in range(len(texts))],
            "text": pa.array(texts, pa.large_string()),
        }
    )


def test_rows_are_sorted_by_verdict_and_an_error_outranks_a_drop() -> None:
    batch = _batch(["a", "b", "c", "d"])
    batch = mark_dropped(
        batch, np.array([False, True, True, False]), "rule", [None, "1", "2", None]
    )
    batch = mark_dropped(batch, np.array([False, True, False, False]), "later rule")
    batch = mark_error(batch, [None, None, "broken", None])
    parts = split_by_verdict(batch)
    assert parts["kept"].column("id").to_pylist() == ["0", "3"]
    assert parts["kept"].schema.names == ["id", "text"]
    (dropped,) = parts["dropped"].to_pylist()
    assert (dropped["id"], dropped["drop.rule"], dropped["drop.value"]) == ("1", "rule", "1")
    (failed,) = parts["quarantine"].to_pylist()
    assert (failed["id"], failed["error"]) == ("2", "broken")


def test_a_shard_counts_only_with_its_ledger_entry(tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path, 3)
    writer.add(mark_dropped(_batch(["a", "b"]), np.array([True, False]), "short"))
    assert ledger(tmp_path) == {}
    entry = writer.commit()
    assert ledger(tmp_path) == {"00003": entry}
    assert (entry.num_in, entry.kept, entry.dropped, entry.quarantine) == (2, 1, 1, 0)
    assert entry.by_rule == {"short": 1}
    assert pq.read_table(tmp_path / "kept" / "00003.parquet").num_rows == 1


def test_the_same_rows_give_the_same_bytes_whatever_the_batches(tmp_path: Path) -> None:
    entries = []
    for cuts in ([0, 10], [0, 3, 4, 10]):
        writer = ShardWriter(tmp_path / str(len(cuts)), 0)
        batch = _batch([f"text {i}" for i in range(10)])
        for start, stop in itertools.pairwise(cuts):
            writer.add(batch.slice(start, stop - start))
        entries.append(writer.commit())
    assert entries[0] == entries[1]


@given(
    st.lists(st.text(max_size=40), max_size=60),
    st.lists(st.integers(1, 9), min_size=1, max_size=9),
    st.integers(1, 20),
    st.integers(1, 200),
)
def test_cuts_depend_on_the_records_alone(
    texts: list[str], sizes: list[int], max_rows: int, max_bytes: int
) -> None:
    whole = _batch(texts)
    pieces, start, i = [], 0, 0
    while start < len(texts):
        size = sizes[i % len(sizes)]
        pieces.append(whole.slice(start, size))
        start, i = start + size, i + 1

    def shards(batches: list[pa.RecordBatch]) -> list[list[str]]:
        return [
            [name for batch in group for name in batch.column("id").to_pylist()]
            for group in cut_shards(batches, max_rows=max_rows, max_bytes=max_bytes)
        ]

    found = shards(pieces)
    assert found == shards([whole])
    assert [name for shard in found for name in shard] == whole.column("id").to_pylist()
    assert all(len(shard) <= max_rows for shard in found)
