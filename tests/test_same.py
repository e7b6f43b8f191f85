"""`make same` sees every figure that is another, and no clock."""

from __future__ import annotations

import json
from pathlib import Path

import yaml
from benchmarks.reproduce import RECIPES
from benchmarks.same import _LEFT_OUT, differences, figures, is_whole, shortened

from tilth.recipe.load import parse_recipe


def _write_run(folder: Path, accuracy: float, seconds: float) -> Path:
    step = folder / "data" / "pretrain-1"
    step.mkdir(parents=True)
    result = {"test": {"accuracy": accuracy}, "seconds": seconds, "curve": [{"loss": 1.5}]}
    (step / "manifest.json").write_text(json.dumps({"counts": {"in": 7}, "result": result}))
    record = {
        "status": "done",
        "started": "2026-11-27T10:00:00",
        "machine": {"processor": "P", "system": "Linux", "cores": 2},
        "versions": {"torch": "2.13.0"},
        "steps": [{"name": "pretrain", "folder": "pretrain-1"}],
    }
    (folder / "run.json").write_text(json.dumps(record))
    return folder


def test_another_figure_is_told_and_another_time_is_not(tmp_path: Path) -> None:
    before = figures(_write_run(tmp_path / "a", 97.5, 3.0))
    same = figures(_write_run(tmp_path / "b", 97.5, 4.0))
    other = figures(_write_run(tmp_path / "c", 97.50000000000001, 3.0))
    name = "pretrain.result.test.accuracy"
    assert before["figures"] == {
        "pretrain.counts.in": 7,
        name: 97.5,
        "pretrain.result.curve.0.loss": 1.5,
    }
    assert not list(differences(before["figures"], same["figures"]))
    assert list(differences(before["figures"], other["figures"])) == [
        f"{name}: 97.5 -> 97.50000000000001"
    ]
    assert list(differences(before["figures"], {})) == [
        f"{key} is gone (was {value})" for key, value in before["figures"].items()
    ]


def test_what_announces_up_to_six_minutes_is_run_whole() -> None:
    assert all(map(is_whole, ("digits", "quickstart", "shakespeare", "speech-transfer")))
    assert not any(map(is_whole, ("mnist-cnn", "yesno", "cifar10")))


def test_every_starter_can_be_run_in_short() -> None:
    for path in RECIPES.glob("*.yaml"):
        if path.stem not in _LEFT_OUT:
            tree = shortened(yaml.safe_load(path.read_text("utf-8")))
            steps = parse_recipe(yaml.safe_dump(tree, sort_keys=False)).steps()
            loops = [s.settings.loop for s in steps if hasattr(s.settings, "loop")]
            assert loops
            assert all(loop.max_steps == 20 and loop.epochs is None for loop in loops)
