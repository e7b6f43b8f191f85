"""An operation sees every row of a shard once, in order, in batches of one size."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.inline import sample
from tilth.engine import map as mapping
from tilth.engine.map import about, apart, batches_of, first_position, map_shard
from tilth.engine.tasks import MapShard
from tilth.schema import mark_dropped, with_columns
from tilth.settings import BaseSettings
from tilth.store.parquet import read_shard, schema_of
from tilth.store.shard import ShardWriter, shard_name, shard_path


def _shard(folder: Path, count: int, index: int = 0) -> Path:
    writer = ShardWriter(folder, index)
    writer.add(pa.RecordBatch.from_pylist([sample("a", number) for number in range(count)]))
    writer.commit()
    return shard_path(folder, shard_name(index), "kept")


def _ids(path: Path) -> list[str]:
    return [
        name
        for batch in read_shard(path, schema_of([path]))
        for name in batch.column("id").to_pylist()
    ]


@pytest.mark.parametrize("size", [1, 3, 7, 256])
def test_every_row_is_given_once_and_in_order(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapping, "BATCH_ROWS", size)
    given, seen = _shard(tmp_path / "in", 7), []
    module: Any = ModuleType("counts")

    def apply(batch: pa.RecordBatch, _: BaseSettings) -> pa.RecordBatch:
        seen.append(batch.num_rows)
        odd = [number % 2 == 1 for number in range(batch.num_rows)]
        return mark_dropped(batch, pa.array(odd).to_numpy(zero_copy_only=False), "odd")

    module.apply = apply
    task = MapShard(step="s", op="o", settings={}, folder=tmp_path / "out", input=given)
    entry = map_shard(task, module, BaseSettings(), "s")
    assert sum(seen) == 7
    assert max(seen) <= size
    assert entry.num_in == 7
    kept = _ids(shard_path(tmp_path / "out", shard_name(0), "kept"))
    assert kept == [name for name in _ids(given) if name in kept]


def test_with_decisions_the_last_phase_of_a_shuffle_is_applied(tmp_path: Path) -> None:
    given, decisions = _shard(tmp_path / "in", 3), pa.table({"shard": [0]})
    module: Any = ModuleType("decides")

    def apply(batch: pa.RecordBatch, found: pa.Table, _: BaseSettings) -> pa.RecordBatch:
        assert found is decisions
        return with_columns(batch, {"target": [str(found.num_rows)] * batch.num_rows})

    module.apply = apply
    task = MapShard(step="s", op="o", settings={}, folder=tmp_path / "out", input=given)
    map_shard(task, module, BaseSettings(), "s", decisions)
    (batch,) = batches_of([shard_path(tmp_path / "out", shard_name(0), "kept")])
    assert batch.column("target").to_pylist() == ["1"] * 3


def test_shards_are_read_together_in_the_columns_asked_for(tmp_path: Path) -> None:
    shards = [_shard(tmp_path, 2, index) for index in range(2)]
    batches = list(batches_of(shards, pa.schema([("id", pa.string())])))
    assert [batch.num_rows for batch in batches] == [2, 2]
    assert all(batch.schema.names == ["id"] for batch in batches)


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=7), max_size=4))
def test_no_batch_of_a_shuffle_has_an_id_twice(shard: list[list[str]]) -> None:
    batches = [pa.record_batch({"id": pa.array(names, pa.string())}) for names in shard]
    cut = [batch["id"].to_pylist() for batch in apart(batches)]
    assert [name for names in cut for name in names] == [name for one in shard for name in one]
    assert all(len(set(names)) == len(names) for names in cut)
    # And none is cut without need.
    assert len(cut) - len(batches) <= sum(len(one) - len(set(one)) for one in shard)


def test_decisions_are_given_with_the_rows_that_they_are_about() -> None:
    at = [first_position(2) + row for row in (0, 3, 4, 9)]
    decisions = pa.table({"position": pa.array([*at, None], pa.int64()), "word": list("abcdz")})
    assert about(decisions, 2, 3, 2)["word"].to_pylist() == ["b", "c", "z"]
    assert about(decisions, 1, 0, 100)["word"].to_pylist() == ["z"]
    for without in (pa.table({}), pa.table({"word": ["a"]})):
        assert about(without, 0, 5, 1) is without
