from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tilth.query.findings import findings
from tilth.query.runs import open_run


def _run(folder: Path, stage: str, result: dict[str, Any]) -> tuple[str, ...]:
    (folder / "data" / "x-1").mkdir(parents=True)
    (folder / "data" / "x-1" / "manifest.json").write_text(json.dumps({"result": result}), "utf-8")
    step: dict[str, Any] = {
        "name": stage,
        "stage": stage,
        "op": stage,
        "kind": "fit",
        "identity": "1",
    }
    step |= {"folder": "x-1", "inputs": [], "cached": False, "why": "", "seconds": 1.0, "parts": {}}
    (folder / "run.json").write_text(json.dumps({"steps": [step]}), "utf-8")
    return findings(open_run(folder))


def test_a_sentence_a_stage(tmp_path: Path) -> None:
    trained = {"metric": "bits_per_byte", "unit": "bits/byte", "test": {"bits_per_byte": 2.34567}}
    assert _run(tmp_path / "a", "pretrain", trained) == (
        "pretrain: bits per byte 2.346 bits/byte on test",
    )
    carried = {"headline": "it helps", "metric": "accuracy"}
    assert _run(tmp_path / "b", "transfer", carried) == ("transfer: it helps",)
    valued = {"arms": [{"name": "a", "headline": "a helps: +1"}, {"name": "b"}]}
    assert _run(tmp_path / "c", "value", valued) == ("value: a helps: +1",)


def test_of_several_trainings_the_mean_is_told(tmp_path: Path) -> None:
    result = {
        "metric": "accuracy",
        "unit": "%",
        "test": {"accuracy": 90.0},
        "folds": [{"fold": "a"}, {"fold": "b"}],
        "mean": {"split": "test", "accuracy": 82.0},
    }
    assert _run(tmp_path, "pretrain", result) == (
        "pretrain: accuracy 82 % on test, mean of 2 folds",
    )


def test_nothing_is_found_where_nothing_was_measured(tmp_path: Path) -> None:
    assert _run(tmp_path / "a", "pretrain", {"metric": "loss", "test": None}) == ()
