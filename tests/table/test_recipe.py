"""The settings of a recipe that are no stage of the line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import tilth
from tests.query.trained import write_images
from tests.table.entries import effect, extreme, name
from tests.table.whole import read, rows, run, said
from tilth.errors import TilthError
from tilth.pretrain.result import PretrainResult
from tilth.recipe.plan import build_plan

TEXTS = [f"text number {number} of many, with words enough" for number in range(40)]


@pytest.fixture
def tree(tmp_path: Path) -> dict[str, Any]:
    lines = [json.dumps({"text": text}) for text in TEXTS]
    (tmp_path / "a.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    return {
        "collect": {"a": {"jsonl": {"path": str(tmp_path / "a.jsonl")}}},
        "deduplicate": [{"hold_out": {"test": 0.5}}],
    }


@effect("recipe.name")
def test_the_run_has_its_name(tree: dict[str, Any], tmp_path: Path) -> None:
    assert run({**tree, "name": "other"}, tmp_path).folder == tmp_path / "runs" / "other"
    assert "should match" in said({**tree, "name": "a/b"})


@effect("recipe.tilth")
@extreme("recipe.tilth")
def test_another_version_of_the_format_is_refused(tree: dict[str, Any]) -> None:
    assert read({**tree, "tilth": 1})
    for version in (0, 2):
        assert "`tilth` does not take" in said({**tree, "tilth": version})


@effect("recipe.about")
def test_the_report_opens_with_it(tree: dict[str, Any], tmp_path: Path) -> None:
    found = run({**tree, "about": "Words on herons"}, tmp_path)
    assert "Words on herons" in found.report_path.read_text("utf-8")


@pytest.fixture
def learning(tmp_path: Path) -> dict[str, Any]:
    write_images(tmp_path / "images.parquet", 60)
    fields = {"label": "label", "split": "split"}
    path = str(tmp_path / "images.parquet")
    return {
        "collect": {"a": {"parquet": {"path": path, "image": "image", "fields": fields}}},
        "pretrain": {
            "task": "image-classification",
            "model": {"kind": "mlp", "hidden": [4], "dropout": 0},
            "loop": {"max_steps": 4, "batch_size": 8},
        },
    }


def trained(tree: dict[str, Any], tmp_path: Path, **header: Any) -> PretrainResult:
    name = "-".join(map(str, header.values()))
    found = run({**tree, **header, "name": f"t{name}"}, tmp_path).results.pretrain
    assert found is not None
    return found


@effect("recipe.seed")
@extreme("recipe.seed")
def test_another_seed_is_another_training_at_both_ends_of_the_range(
    learning: dict[str, Any], tmp_path: Path
) -> None:
    seeds = (0, 1, 2**32 - 1)
    losses = [trained(learning, tmp_path, seed=seed).test["loss"] for seed in seeds]
    assert len(set(losses)) == 3
    assert trained(learning, tmp_path / "again", seed=1).test["loss"] == losses[1]
    for wrong in (-1, 2**32):
        assert said({**learning, "seed": wrong})


@effect("recipe.threads")
@extreme("recipe.threads")
def test_a_step_of_training_takes_so_many_threads(learning: dict[str, Any], tmp_path: Path) -> None:
    assert trained(learning, tmp_path, threads=1).threads == 1
    assert trained(learning, tmp_path, threads=3).threads == 3
    one, two = (build_plan(read({**learning, "threads": n})).step("pretrain") for n in (1, 2))
    assert one.key != two.key
    for wrong in (0, 10**6):
        assert said({**learning, "threads": wrong})


@effect("recipe.takes")
def test_how_long_it_takes_is_said_before_it_runs(tree: dict[str, Any], tmp_path: Path) -> None:
    found = tilth.plan(read({**tree, "takes": "as long as a cup of tea"}), runs=tmp_path)
    assert found.outlook == "takes as long as a cup of tea"
    assert said({**tree, "takes": "x" * 201})


@effect("recipe.extensions")
def test_operations_of_ones_own_are_there(tree: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "own" / "clean").mkdir(parents=True)
    (tmp_path / "own" / "clean" / "shout.py").write_text(
        '"""Shout."""\n'
        "import pyarrow.compute as pc\n"
        "from tilth.schema import with_columns\n"
        "from tilth.settings import BaseSettings\n"
        "class Settings(BaseSettings):\n    'None.'\n"
        "def apply(batch, settings):\n"
        "    return with_columns(batch, {'text': pc.utf8_upper(batch.column('text'))})\n",
        "utf-8",
    )
    own = {**tree, "clean": ["shout"]}
    assert "no operation `shout`" in said(own)
    done = run({**own, "extensions": [str(tmp_path / "own")]}, tmp_path)
    assert rows(done, "clean.shout", "text")[0]["text"].isupper()


@effect("recipe.error_budget")
@extreme("recipe.error_budget")
def test_a_run_stops_above_its_budget(tree: dict[str, Any], tmp_path: Path) -> None:
    with (tmp_path / "a.jsonl").open("a", encoding="utf-8") as file:
        file.write("no json\n" * 10)
    with pytest.raises(TilthError, match="error budget"):
        run({**tree, "error_budget": 0.19}, tmp_path)
    assert run({**tree, "error_budget": 0.2}, tmp_path).quarantined == 10
    assert run({**tree, "error_budget": 1}, tmp_path).quarantined == 10
    with pytest.raises(TilthError, match="error budget"):
        run({**tree, "error_budget": 0, "name": "none"}, tmp_path)


@name("recipe.extensions")
def test_a_folder_that_is_not_there_is_refused(tree: dict[str, Any]) -> None:
    assert "no-such-folder" in said({**tree, "extensions": ["no-such-folder"]})
