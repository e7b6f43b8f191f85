"""The settings of a recipe that are no stage of the line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.table.entries import effect, extreme, name
from tests.table.whole import read, run, said
from tilth.errors import TilthError

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
