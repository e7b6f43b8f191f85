"""A source is cut into shards, and no more of it is read than is asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.engine.inline import inline, place, plan_of, run_inline
from tilth.engine.run import RunOptions, run_plan
from tilth.recipe.load import parse_recipe
from tilth.recipe.plan import build_plan
from tilth.store import Dataset

__all__ = ["inline"]

pytestmark = pytest.mark.usefixtures("inline")


def _source(folder: Path, count: int = 10) -> str:
    lines = [json.dumps({"text": f"number {number}"}) for number in range(count)]
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    collect = f"collect: {{a: {{jsonl: {{path: {folder / 'rows.jsonl'}}}}}}}"
    return f"tilth: 1\nname: tasks\n{collect}\n"


def _texts(text: str, folder: Path) -> list[str]:
    where = place(folder, plan_of(text), "collect.a")
    return [row["text"] for row in Dataset(where).to_arrow().to_pylist()]


@pytest.mark.parametrize("shard_rows", [1, 3, 4, 10, 100])
def test_a_source_is_cut_into_shards_of_the_size_that_is_asked(
    shard_rows: int, tmp_path: Path
) -> None:
    text = _source(tmp_path)
    run_inline(text, tmp_path / "run", shard_rows=shard_rows)
    manifest = Dataset(place(tmp_path / "run", plan_of(text), "collect.a")).manifest
    sizes = [shard.num_in for shard in manifest.shards]
    whole, rest = divmod(10, shard_rows)
    assert sizes == [shard_rows] * whole + [rest] * bool(rest)
    assert _texts(text, tmp_path / "run") == [f"number {number}" for number in range(10)]


def test_the_limit_holds_over_the_batches_of_a_source(tmp_path: Path) -> None:
    plan = build_plan(parse_recipe(_source(tmp_path, 3000)), limit=2000)
    run_plan(plan, tmp_path / "run", RunOptions(shard_rows=10_000))
    kept = Dataset(place(tmp_path / "run", plan, "collect.a"))
    assert kept.num_rows == 2000


@pytest.mark.parametrize("limit", [1, 4, 9, 10, 11])
def test_no_more_than_the_limit_is_read(limit: int, tmp_path: Path) -> None:
    text = _source(tmp_path)
    plan = build_plan(parse_recipe(text), limit=limit)
    run_plan(plan, tmp_path / "run", RunOptions(shard_rows=3))
    kept = Dataset(place(tmp_path / "run", plan, "collect.a")).to_arrow()
    assert kept.column("text").to_pylist() == [f"number {n}" for n in range(min(limit, 10))]
