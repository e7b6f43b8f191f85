"""What a setting is marked not to act on stays as it is, byte for byte, whatever it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.table.cells import Place
from tests.table.entries import idle
from tests.table.test_order import made_of, timeless
from tests.table.test_value import settings_of
from tests.table.trainings import learn
from tests.table.whole import changed, read, run
from tilth.settings import acting
from tilth.transfer import compare
from tilth.value import arms


@pytest.fixture
def line(tmp_path: Path) -> dict[str, Any]:
    rows = [json.dumps({"text": f"text number {number} of many"}) for number in range(40)]
    (tmp_path / "a.jsonl").write_text("\n".join(rows) + "\n", "utf-8")
    return {
        "collect": {"a": {"jsonl": {"path": str(tmp_path / "a.jsonl")}}},
        "clean": [{"signals": {"names": ["word_count"]}}],
        "deduplicate": [{"hold_out": {"test": 0.5}}],
    }


@idle("recipe.name", "recipe.about", "recipe.takes")
def test_the_data_is_the_same(path: str, line: dict[str, Any], tmp_path: Path) -> None:
    setting = path.partition(".")[2]
    plain = run(line, tmp_path / "plain")
    other = run({**line, setting: "anything"}, tmp_path / "other")
    for step in ("collect.a", "clean.signals", "deduplicate.hold_out"):
        assert plain.dataset(step).digest == other.dataset(step).digest


@idle("pretrain.loop.checkpoint_every")
@pytest.mark.parametrize("task", ["image-classification", "text-generation"])
def test_the_trained_model_is_the_same(path: str, task: str) -> None:
    found = [made_of(learn(path, every, task)) for every in (0, 1, 3)]
    assert found[0] == found[1] == found[2]


@idle("transfer.smallest_effect")
def test_the_cells_of_a_comparison_are_the_same(digits: Place) -> None:
    trees = [changed(digits.tree, "transfer/smallest_effect", one) for one in (None, 0.5)]
    settings: Any = [step.settings for tree in trees if (step := read(tree).transfer)]
    assert compare.cells(settings[0]) == compare.cells(settings[1])
    cells = [timeless(digits.transferred(tree).as_json()) for tree in trees]
    assert cells[0] == cells[1]
    assert acting(settings[0]) != acting(settings[1])
    assert acting(settings[0], ["summary"]) == acting(settings[1], ["summary"])


@idle("value.smallest_effect")
def test_the_cells_of_an_experiment_are_the_same(digits: Place) -> None:
    trees = [changed(digits.tree, "value/smallest_effect", one) for one in (None, 0.5)]
    settings = [settings_of(tree) for tree in trees]
    assert arms.cells(settings[0]) == arms.cells(settings[1])
    cells = [timeless(digits.valued(tree).as_json()) for tree in trees]
    assert cells[0] == cells[1]
    assert acting(settings[0]) != acting(settings[1])
    assert acting(settings[0], ["summary"]) == acting(settings[1], ["summary"])
