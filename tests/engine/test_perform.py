"""Tasks that are run again take what counts, and nothing that only lies there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.engine.inline import cells_of, inline, place, plan_of, run_inline
from tests.engine.modalities import results, write_recipe
from tilth.collect import jsonl
from tilth.engine.run import RunOptions, run_plan
from tilth.errors import DataError
from tilth.recipe.load import parse_recipe
from tilth.recipe.plan import build_plan
from tilth.store import Dataset
from tilth.store.shard import num_committed

__all__ = ["inline"]

pytestmark = pytest.mark.usefixtures("inline")


def _source(folder: Path) -> str:
    lines = [json.dumps({"text": f"number {number}"}) for number in range(10)]
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    collect = f"collect: {{a: {{jsonl: {{path: {folder / 'rows.jsonl'}}}}}}}"
    return f"tilth: 1\nname: tasks\n{collect}\n"


def _texts(text: str, folder: Path) -> list[str]:
    where = place(folder, plan_of(text), "collect.a")
    return [row["text"] for row in Dataset(where).to_arrow().to_pylist()]


def test_of_a_source_that_changes_while_it_is_read_nothing_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = _source(tmp_path)
    # As it is planned, before it is read, after it was read.
    found = iter(["one", "one", "another"])
    with monkeypatch.context() as patch:
        patch.setattr(jsonl, "fingerprint", lambda _: next(found))
        with pytest.raises(DataError, match="while it was read") as caught:
            run_inline(text, tmp_path / "run", shard_rows=3)
    assert caught.value.code == "source-changed"
    assert all(num_committed(folder) == 0 for folder in (tmp_path / "run" / "data").iterdir())
    run_inline(text, tmp_path / "run", shard_rows=3)
    assert len(_texts(text, tmp_path / "run")) == 10


def test_a_source_that_changed_after_it_was_planned_is_not_read(tmp_path: Path) -> None:
    """Its data would stand under the address of what was there before."""
    text = _source(tmp_path)
    plan = build_plan(parse_recipe(text))
    with (tmp_path / "rows.jsonl").open("a") as file:
        file.write('{"text": "one more"}\n')
    with pytest.raises(DataError, match="after it was planned") as caught:
        run_plan(plan, tmp_path / "run", RunOptions())
    assert caught.value.code == "source-changed"
    assert all(num_committed(folder) == 0 for folder in (tmp_path / "run" / "data").iterdir())
    run_inline(text, tmp_path / "run")
    assert len(_texts(text, tmp_path / "run")) == 11


def test_a_cell_of_another_grid_is_run_again(tmp_path: Path) -> None:
    text = write_recipe("images", tmp_path).read_text("utf-8")
    run_inline(text, tmp_path / "run")
    wanted = results(tmp_path / "run")
    # As if the step had been killed before its last file.
    (place(tmp_path / "run", plan_of(text), "transfer") / "manifest.json").unlink()
    path, other, *_ = cells_of(tmp_path / "run", plan_of(text), "transfer")
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    # The right place, and the result of another cell.
    found["cell"] = {**found["cell"], "seed": 77}
    found["result"]["measured"]["value"] = -1.0
    path.write_text(json.dumps(found), "utf-8")
    untouched = other.stat().st_mtime_ns
    run_inline(text, tmp_path / "run")
    assert results(tmp_path / "run") == wanted
    assert other.stat().st_mtime_ns == untouched
