"""Shards: sorted by verdict, cut by records alone, the same bytes for the same rows."""

from __future__ import annotations

import hashlib
import itertools
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.schema import SCHEMA, mark_dropped, mark_error
from tilth.store import shard
from tilth.store.manifest import File
from tilth.store.shard import ShardWriter, cut_shards, ledger, shard_path, split_by_verdict


def _batch(texts: list[str]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(
        {
            "id": [str(i) for i in range(len(texts))],
            "text": pa.array(texts, pa.large_string()),
        }
    )


@pytest.mark.parametrize("cut", [1, 700, 1024, 1500])
def test_how_rows_come_in_batches_does_not_show(cut: int, tmp_path: Path) -> None:
    # Pages of Parquet end at a megabyte, looked for where a batch ends.
    batch = _batch([f"{number:4d}" * 400 for number in range(2000)])
    for name, parts in (("a", [batch]), ("b", [batch.slice(0, cut), batch.slice(cut)])):
        writer = ShardWriter(tmp_path / name, 0)
        for part in parts:
            writer.add(part)
        writer.commit()
    first, second = (shard_path(tmp_path / name, "00000", "kept").read_bytes() for name in "ab")
    assert first == second


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


@pytest.mark.parametrize("name", ["html", "text", "image", "audio"])
def test_the_bytes_of_every_payload_count(name: str) -> None:
    values = [b"x" * 10] * 6 if name != "text" else ["é" * 5] * 6
    batch = pa.RecordBatch.from_pydict(
        {"id": [str(i) for i in range(6)], name: pa.array(values, SCHEMA[name])}
    )
    for max_bytes, sizes in (
        (9, [1] * 6),
        (10, [1] * 6),
        (11, [2] * 3),
        (20, [2] * 3),
        (21, [3] * 2),
    ):
        shards = cut_shards([batch], max_rows=100, max_bytes=max_bytes)
        assert [sum(part.num_rows for part in shard) for shard in shards] == sizes, max_bytes


def test_payloads_of_a_row_are_added_and_an_absent_one_weighs_nothing() -> None:
    batch = pa.RecordBatch.from_pydict(
        {
            "id": list("abcd"),
            "uri": ["a long address that is no payload"] * 4,
            "text": pa.array(["aaaa", None, "aaaa", "aa"], pa.large_string()),
            "image": pa.array([b"bb", b"bbbbbb", None, b"bbbb"], pa.large_binary()),
        }
    )
    shards = cut_shards([batch], max_rows=9, max_bytes=12)
    names = [[name for part in shard for name in part["id"].to_pylist()] for shard in shards]
    assert names == [["a", "b"], ["c", "d"]]


@pytest.mark.parametrize(
    ("rows", "sizes"), [(1, [1] * 4), (2, [2, 2]), (3, [3, 1]), (4, [4]), (5, [4])]
)
def test_a_shard_has_as_many_rows_as_are_asked_for(rows: int, sizes: list[int]) -> None:
    whole = _batch(["a", "b", "c", "d"])
    for batches in ([whole], [whole.slice(0, 1), whole.slice(1, 0), whole.slice(1)]):
        shards = [*cut_shards(batches, max_rows=rows, max_bytes=1 << 30)]
        assert [sum(part.num_rows for part in shard) for shard in shards] == sizes
    assert [*cut_shards([], max_rows=rows, max_bytes=1)] == []


def test_the_ledger_says_what_is_in_a_shard(tmp_path: Path) -> None:
    batch = _batch(["a", "b", "c", "d"])
    batch = batch.append_column("source", pa.array(["y", "x", "y", "z"]))
    writer = ShardWriter(tmp_path, 7)
    writer.add(mark_dropped(batch, np.array([False, False, False, True]), "short"))
    assert (writer.num_in, writer.num_bytes > 0) == (4, True)
    entry = writer.commit()
    assert entry.name == "00007"
    assert list(entry.sources.items()) == [("x", 1), ("y", 2)]
    assert entry.columns == {"id": "string", "text": "large_string", "source": "string"}
    assert sorted(entry.files) == ["dropped", "kept"]
    for kind, told in entry.files.items():
        data = shard_path(tmp_path, "00007", kind).read_bytes()
        assert told == File(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    assert ledger(tmp_path) == {"00007": entry}


def test_a_shard_that_is_not_whole_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed at its last data file, with a column that comes with its first row only."""
    writer = ShardWriter(tmp_path, 0)
    writer.add(mark_error(_batch(["a"]), ["broken"]))
    write = shard.write_parquet

    def killed(table: pa.Table, path: Path) -> File:
        if path.parent.name == "quarantine":
            raise KeyboardInterrupt
        return write(table, path)

    with monkeypatch.context() as patch:
        patch.setattr(shard, "write_parquet", killed)
        with pytest.raises(KeyboardInterrupt):
            writer.commit()
    assert ledger(tmp_path) == {}
    assert (shard.num_committed(tmp_path), shard.is_committed(tmp_path, "00000")) == (0, False)
    writer.commit()
    assert (shard.num_committed(tmp_path), shard.is_committed(tmp_path, "00000")) == (1, True)
    shard.forget_shards(tmp_path)
    assert shard.num_committed(tmp_path) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_shard_of_which_nothing_is_kept_has_the_columns_all_the_same(tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path, 0)
    writer.add(mark_error(_batch(["a", "b"]), ["one", "two"]))
    entry = writer.commit()
    assert (entry.kept, entry.dropped, entry.quarantine) == (0, 0, 2)
    kept = pq.read_table(shard_path(tmp_path, "00000", "kept"))
    assert (kept.num_rows, kept.schema.names) == (0, ["id", "text"])
    assert not shard_path(tmp_path, "00000", "dropped").exists()
    nothing = ShardWriter(tmp_path, 1).commit()
    assert (nothing.num_in, nothing.sources, nothing.files) == (0, {}, {})


def test_columns_that_come_later_are_null_before(tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path, 0)
    writer.add(_batch(["a"]))
    writer.add(_batch(["b"]).append_column("label", pa.array(["yes"])))
    writer.commit()
    rows = pq.read_table(shard_path(tmp_path, "00000", "kept")).to_pylist()
    assert [row["label"] for row in rows] == [None, "yes"]
