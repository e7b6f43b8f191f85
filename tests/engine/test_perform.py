"""Tasks that are run again take what counts, and nothing that only lies there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.engine.inline import cells_of, inline, place, plan_of, run_inline
from tests.engine.modalities import results
from tests.sealed import write_sealed
from tests.web.sites import Reply, Site, running
from tilth.collect import jsonl
from tilth.engine import perform
from tilth.engine.events import Event, StepStarted
from tilth.engine.map import map_shard
from tilth.engine.run import RunOptions, run_plan
from tilth.errors import DataError
from tilth.recipe.load import parse_recipe
from tilth.recipe.plan import build_plan
from tilth.store import Dataset
from tilth.store.manifest import Shard
from tilth.store.shard import ShardWriter, num_committed
from tilth.web.fetch import MIRROR_VARIABLE

__all__ = ["inline"]

RULES = "about: a\nsource: b\nrules: [{{keep: word_count >= {}, because: c}}]\n"

pytestmark = pytest.mark.usefixtures("inline")


def _source(folder: Path) -> str:
    lines = [json.dumps({"text": f"number {number}"}) for number in range(10)]
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    collect = f"collect: {{a: {{jsonl: {{path: {folder / 'rows.jsonl'}}}}}}}"
    return f"tilth: 1\nname: tasks\n{collect}\n"


def _texts(text: str, folder: Path) -> list[str]:
    where = place(folder, plan_of(text), "collect.a")
    return [row["text"] for row in Dataset(where).to_arrow().to_pylist()]


@pytest.mark.parametrize("undone", [False, True])
def test_of_a_source_that_changes_while_it_is_read_nothing_stays(
    undone: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor of one that was put back: what was read may be the one or the other."""
    text, rows, read = _source(tmp_path), tmp_path / "rows.jsonl", jsonl.read
    before = rows.read_bytes()

    def edited(*given: Any) -> Iterator[pa.RecordBatch]:
        rows.write_bytes(before + b'{"text": "more"}\n')
        yield from read(*given)
        if undone:
            rows.write_bytes(before)

    with monkeypatch.context() as patch:
        patch.setattr(jsonl, "read", edited)
        with pytest.raises(DataError, match="while it was read") as caught:
            run_inline(text, tmp_path / "run", shard_rows=3)
    assert caught.value.code == "source-changed"
    assert all(num_committed(folder) == 0 for folder in (tmp_path / "run" / "data").iterdir())
    rows.write_bytes(before)
    run_inline(text, tmp_path / "run", shard_rows=3)
    assert len(_texts(text, tmp_path / "run")) == 10


def test_a_source_that_changed_after_it_was_planned_is_read_as_it_is(tmp_path: Path) -> None:
    """Its data stands under its own address: a step is known when it is reached."""
    text = _source(tmp_path)
    plan = build_plan(parse_recipe(text))
    with (tmp_path / "rows.jsonl").open("a") as file:
        file.write('{"text": "one more"}\n')
    run_plan(plan, tmp_path / "run", RunOptions())
    assert len(_texts(text, tmp_path / "run")) == 11


@pytest.mark.parametrize("begins", ["collect.a", "clean.rules"])
def test_what_is_edited_as_a_step_begins_is_not_read(begins: str, tmp_path: Path) -> None:
    """Its identity is known by then, and would name other data."""
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES.format(1))
    text = _source(tmp_path) + f"clean: [signals, {{rules: {{files: [{rules}]}}}}]\n"

    def edit(event: Event) -> None:
        if isinstance(event, StepStarted) and event.step == begins:
            (tmp_path / "rows.jsonl").write_text('{"text": "another"}\n')
            rules.write_text(RULES.format(0))

    with pytest.raises(DataError, match="after it was planned") as caught:
        run_inline(text, tmp_path / "run", listeners=[edit])
    assert (caught.value.code, caught.value.where) == ("source-changed", begins)


def test_a_rules_file_that_is_edited_between_two_shards_is_not_mixed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES.format(1))
    text = _source(tmp_path) + f"clean: [signals, {{rules: {{files: [{rules}]}}}}]\n"
    done = 0

    def edited(*given: Any, **named: Any) -> Shard:
        nonlocal done
        done += 1
        # The source is no map; three shards of it are measured first.
        if done == 5:
            rules.write_text(RULES.format(99))
        return map_shard(*given, **named)

    with monkeypatch.context() as patch:
        patch.setattr(perform, "map_shard", edited)
        with pytest.raises(DataError, match=r"while .*rules\.yaml"):
            run_inline(text, tmp_path / "run", shard_rows=4)
    rules.write_text(RULES.format(1))
    run_inline(text, tmp_path / "run", shard_rows=4)
    kept = Dataset(place(tmp_path / "run", plan_of(text), "clean.rules"))
    assert kept.num_rows == 10


def test_of_a_file_that_was_fetched_anew_no_earlier_shard_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run is killed while it reads what it fetched, and then the address has other rows."""
    monkeypatch.delenv(MIRROR_VARIABLE, raising=False)
    with running(
        Site(pages={"/rows.jsonl": Reply(b'{"text": "old 1"}\n{"text": "old 2"}\n')})
    ) as site:
        given = f"{{url: '{site.root}/rows.jsonl', allow_hosts: [127.0.0.1]}}"
        text = f"tilth: 1\nname: tasks\ncollect: {{a: {{jsonl: {given}}}}}\n"
        commit = ShardWriter.commit

        def killed(writer: ShardWriter) -> Shard:
            if writer.name != "00000":
                raise DataError("killed")
            return commit(writer)

        with monkeypatch.context() as patch:
            patch.setattr(ShardWriter, "commit", killed)
            with pytest.raises(DataError, match="killed"):
                run_inline(text, tmp_path / "run", shard_rows=1)
        assert sum(num_committed(one) for one in (tmp_path / "run" / "data").iterdir()) == 1
        site.pages["/rows.jsonl"] = Reply(b'{"text": "new 1"}\n{"text": "new 2"}\n')
        run_inline(text, tmp_path / "run", shard_rows=1)
    assert _texts(text, tmp_path / "run") == ["new 1", "new 2"]


def test_a_cell_of_another_grid_is_run_again(images_run: tuple[str, Path], tmp_path: Path) -> None:
    text, _ = images_run
    wanted = results(tmp_path / "run")
    # As if the step had been killed before its last file.
    (place(tmp_path / "run", plan_of(text), "transfer") / "manifest.json").unlink()
    path, other, *_ = cells_of(tmp_path / "run", plan_of(text), "transfer")
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    # The right place, and the result of another cell.
    found["parts"] = {**found["parts"], "seed": 77}
    found["result"]["measured"]["value"] = -1.0
    write_sealed(path, found)
    untouched = other.stat().st_mtime_ns
    run_inline(text, tmp_path / "run")
    assert results(tmp_path / "run") == wanted
    assert other.stat().st_mtime_ns == untouched
