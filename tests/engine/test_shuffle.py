"""An operation gives keys; how many partitions they go to is the engine's, and changes nothing."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.inline import inline, run_inline, sample, write_source
from tests.engine.modalities import results
from tilth.engine import shuffle
from tilth.recipe.operations import operations

__all__ = ["inline"]

pytestmark = pytest.mark.usefixtures("inline")

# A word over and over is in few partitions; every number of words is another text.
_WORDS = [f"word{number}" for number in range(40)]
_SHUFFLES = {
    "exact": "deduplicate: [exact]",
    "minhash": "deduplicate: [minhash]",
    "decontaminate": "deduplicate: [{hold_out: {test: 0.2}}, {decontaminate: {ngram_words: 3}}]",
    "vote": "label: [vote]",
    "consensus": "label: [consensus]",
    "distil": "label: [distil]",
    "label_errors": "label: [{label_errors: {folds: 2}}]",
}
_LEARN = ("distil", "label_errors")


def _label(shuffled: str, number: int) -> str | None:
    """Of three in four, where labels are learnt from; some are wrong."""
    if shuffled not in _LEARN or number % 4 == 3:
        return None
    return "ab"[(number // 2 % 5 > 2) ^ (number % 31 == 0)]


def _run(shuffled: str, folder: Path) -> dict[str, Any]:
    """A step over 400 samples: every other is a copy, and three people label each."""
    origin = folder.parent / "rows.jsonl"
    if not origin.exists():
        origin.write_bytes(b"")
    fields = (
        "{annotations: answers, label: label}" if shuffled in _LEARN else "{annotations: answers}"
    )
    collect = f"collect: {{a: {{jsonl: {{path: {origin}, fields: {fields}}}}}}}"
    text = f"tilth: 1\nname: shuffled\n{collect}\n{_SHUFFLES[shuffled]}\n"
    if not folder.exists():
        rows = []
        for number in range(400):
            words = [_WORDS[(number // 2 * k) % 40] for k in range(1, 12)] + [f"own{number // 2}"]
            answers = [
                {"annotator": f"a{k}", "label": str((number + k // 2) % 3)} for k in range(3)
            ]
            given = {"annotations": answers, "label": _label(shuffled, number)}
            rows.append(sample("a", number, text=" ".join(words), **given))
        write_source(text, folder, "a", [rows[start : start + 90] for start in range(0, 400, 90)])
    run_inline(text, folder)
    return results(folder)


def test_every_shuffle_is_tried() -> None:
    assert set(_SHUFFLES) == {op.name for op in operations().values() if op.kind == "shuffle"}


@pytest.mark.parametrize("name", _SHUFFLES)
def test_any_number_of_partitions_decides_the_same(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for number in (64, 1, 3):
        monkeypatch.setattr(shuffle, "partitions_for", lambda _, number=number: number)
        found.append(_run(name, tmp_path / str(number)))
    assert all(other == found[0] for other in found[1:])
    manifests = [value for path, value in found[0].items() if path.endswith("manifest.json")]
    assert any(m["counts"]["dropped"] or m["figures"] for m in manifests), manifests


def test_a_partition_is_for_some_thousand_rows_and_there_are_only_so_many() -> None:
    found = [shuffle.partitions_for(rows) for rows in (0, 1, 4095, 4096, 100_000, 10**6, 10**12)]
    assert found == [1, 1, 1, 2, 25, 64, 64]


def test_an_earlier_sample_stays_whatever_shard_a_later_one_is_in(tmp_path: Path) -> None:
    """Of a shard with many rows the last comes before the first of the next."""
    op = operations()["exact"]
    for shard, count in enumerate((700, 3)):
        rows = [sample("a", shard * 1000 + number, text=str(number)) for number in range(count)]
        batches = iter([pa.RecordBatch.from_pylist(rows)])
        shuffle.write_keys(op.module, op.settings(), batches, tmp_path, shard, 64, "exact")
    tables = [pq.read_table(path) for path in sorted(tmp_path.rglob("*.parquet"))]
    first, second = (table["position"].to_pylist() for table in tables)
    assert max(first) < min(second)
    assert len({*first, *second}) == 703


def test_keys_for_another_number_of_partitions_are_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is killed amid a shuffle, and goes on with a Tilth that counts otherwise."""
    with monkeypatch.context() as patch:
        patch.setattr(shuffle, "partitions_for", lambda _: 16)
        patch.setattr(shuffle, "write_decisions", _killed)
        with pytest.raises(KeyboardInterrupt):
            _run("exact", tmp_path / "run")
    assert _run("exact", tmp_path / "run") == _run("exact", tmp_path / "calm")


@pytest.mark.parametrize("step", ["exact", "{minhash: {shingle_words: 2}}"])
def test_of_records_with_one_id_the_copies_go(step: str, tmp_path: Path) -> None:
    """As in a file whose records bring ids of their own: those of one id are not taken for one."""
    rows = [{"id": f"d{n % 7}", "text": f"{n % 7} is a text"} for n in range(600)]
    origin = tmp_path / "rows.jsonl"
    origin.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    source = f"collect: {{a: {{jsonl: {{path: {origin}, fields: {{id: id}}}}}}}}"
    text = f"tilth: 1\nname: r\n{source}\ndeduplicate: [{step}]\n"
    run_inline(text, tmp_path / "run")
    found = results(tmp_path / "run")
    counts = [one["counts"] for path, one in found.items() if path.endswith("manifest.json")]
    assert [(one["kept"], one["dropped"]) for one in counts if one["dropped"]] == [(7, 593)]


def _killed(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("held", [0, 1, 1 << 20])
def test_keys_of_a_partition_are_gone_through_as_often_as_it_takes(
    held: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shard at a time and in order, whether what was read is held or not."""
    monkeypatch.setattr(shuffle, "_HELD_BYTES", held)
    for shard, hashes in enumerate(([5, 5], [], [2**63], [5])):
        table = pa.table({"key": pa.array(hashes, pa.uint64()), "shard": [shard] * len(hashes)})
        shuffle._write_groups(
            shuffle.partitioned(table, 64), "partition", tmp_path / f"{shard:05d}.parquet"
        )
    paths = sorted(tmp_path.iterdir())
    keys = shuffle.Keys(paths, 0)
    assert not keys.is_empty()
    for _ in range(3):
        assert [table["shard"].to_pylist() for table in keys] == [[0, 0], [3]]
    assert shuffle.Keys(paths, 7).is_empty()
    assert list(shuffle.Keys(paths, 7)) == []
    read = []
    monkeypatch.setattr(shuffle, "_read_groups", lambda *given: read.append(given))
    list(keys)
    assert bool(read) == (held <= 1)


@pytest.mark.parametrize(("named", "asked"), [(-1, [0, 1, 2]), (1, [1])])
def test_a_second_round_asks_the_shards_that_the_first_has_named(
    named: int, asked: list[int], tmp_path: Path
) -> None:
    """Each with what was found of it; -1 stands for all."""
    op = ModuleType("op")

    def keys(batch: pa.RecordBatch, *_: Any) -> pa.Table:
        return pa.table({"key": batch["id"], "id": batch["id"]})

    def found(*_: Any) -> pa.Table:
        return pa.table({"shard": [named], "word": ["first"]})

    def keys_again(batch: pa.RecordBatch, found: pa.Table, _: Any) -> pa.Table:
        word = pa.array(found["word"].to_pylist() * batch.num_rows)
        return keys(batch).append_column("word", word)

    def reduce_again(tables: Any, _: Any) -> pa.Table:
        return pa.concat_tables(tables).select(["shard", "id", "word", "position"])

    vars(op).update(keys=keys, keys_again=keys_again, reduce_again=reduce_again)
    vars(op).update(reduce=found, resolve=found, resolve_again=lambda table, _: table)
    given = operations()["exact"].settings()
    rows = [[sample("a", 10 * shard + n) for n in range(3)] for shard in range(3)]
    for again in shuffle.rounds_of(op):
        assert shuffle.is_found(tmp_path) == again
        shards = shuffle.shards_without_keys(tmp_path, 3, 8, again=again)
        assert shards == (asked if again else [0, 1, 2])
        for shard in shards:
            batches = iter([pa.RecordBatch.from_pylist(rows[shard])])
            shuffle.write_keys(op, given, batches, tmp_path, shard, 8, "op", again=again)
        assert shuffle.shards_without_keys(tmp_path, 3, 8, again=again) == []
        for partition in shuffle.partitions_left(tmp_path, 8, again=again):
            shuffle.write_reduced(op, given, tmp_path, partition, 8, "op", again=again)
        assert not shuffle.is_decided(tmp_path)
        shuffle.write_decisions(op, given, tmp_path, 8, "op", again=again)
    assert shuffle.is_decided(tmp_path)
    for shard in range(3):
        told = shuffle.decisions_of(tmp_path, shard).to_pylist()
        told.sort(key=lambda row: row["position"])
        wanted = [row["id"] for row in rows[shard]] if shard in asked else []
        assert [(row["id"], row["word"]) for row in told] == [(one, "first") for one in wanted]


def test_a_partition_that_is_not_held_decides_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = _run("minhash", tmp_path / "held")
    monkeypatch.setattr(shuffle, "_HELD_BYTES", 0)
    assert _run("minhash", tmp_path / "not-held") == found


@given(st.lists(st.lists(st.integers(0, 2**64 - 1), max_size=6) | st.none()), st.integers(1, 70))
@settings(deadline=None)
def test_lists_of_keys_reach_each_of_their_partitions(
    lists: list[list[int] | None], number: int
) -> None:
    given_lists = [None if keys is None else sorted(set(keys)) for keys in lists]
    table = pa.table(
        {
            "key": pa.array(given_lists, pa.large_list(pa.uint64())),
            "id": pa.array([str(place) for place in range(len(lists))], pa.string()),
        }
    )
    found = shuffle.partitioned(table, number).to_pylist()
    # Of 64 bits the 32 highest decide.
    wanted = Counter(
        (str(place), key, ((key >> 32) * number) >> 32)
        for place, keys in enumerate(given_lists)
        for key in keys or ()
    )
    reached = Counter(
        (row["id"], key, row["partition"]) for row in found for key in row["key"] or ()
    )
    assert reached == wanted
    assert {row["id"] for row in found} == {str(place) for place in range(len(lists))}
    assert len({(row["id"], row["partition"]) for row in found}) == len(found)
    assert all(row["partition"] == 0 for row in found if not row["key"])


@pytest.mark.parametrize(
    "keys",
    [
        pa.array(["a", None, "b", "a"], pa.string()),
        pa.array(np.array([5, 2**63, 2**64 - 1, 5], np.uint64)),
    ],
)
def test_equal_keys_meet(keys: pa.Array) -> None:
    table = shuffle.partitioned(pa.table({"key": keys, "id": ["0", "1", "2", "3"]}), 64)
    partitions = table["partition"].to_pylist()
    assert partitions[0] == partitions[3]
    assert all(0 <= partition < 64 for partition in partitions)
    assert partitions[1] == (0 if keys[1].as_py() is None else 32)
    assert pc.all(pc.equal(table["id"], pa.array(["0", "1", "2", "3"]))).as_py()
