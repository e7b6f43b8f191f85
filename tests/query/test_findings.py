from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.report.planted import planted_report
from tilth.engine.record import RunRecord, StepRecord
from tilth.errors import DataError
from tilth.query.findings import findings
from tilth.query.runs import RunView, open_run
from tilth.store.files import write_json
from tilth.store.manifest import Manifest, write_manifest

PLAIN: dict[str, Any] = {
    "task": "image-classification",
    "metric": "accuracy",
    "unit": "%",
    "lower_is_better": False,
    "model": {"kind": "cnn", "parameters": 10},
}


def write_run(folder: Path, stage: str, result: dict[str, Any]) -> RunView:
    """A run of one stage that gave a result."""
    (folder / "data" / "x-1").mkdir(parents=True)
    write_manifest(folder / "data" / "x-1", Manifest(step=stage, result=result))
    step = StepRecord(
        name=stage,
        stage=stage,
        op=stage,
        kind="fit" if stage == "pretrain" else "grid",
        identity="1",
        folder="x-1",
        inputs=(),
        parts={},
        cached=False,
        why="",
        seconds=1.0,
    )
    write_json(folder / "run.json", RunRecord(status="done", steps=(step,)).as_json())
    return open_run(folder)


def test_a_sentence_a_stage(tmp_path: Path) -> None:
    trained = PLAIN | {
        "metric": "bits_per_byte",
        "unit": "bits/byte",
        "test": {"bits_per_byte": 2.34567},
    }
    assert findings(write_run(tmp_path / "a", "pretrain", trained)) == (
        "pretrain: bits per byte 2.346 bits/byte on test",
    )
    carried = planted_report()["transfer"] | {"headline": "it helps"}
    assert findings(write_run(tmp_path / "b", "transfer", carried)) == ("transfer: it helps",)
    valued = planted_report()["value"]
    valued["arms"] = [valued["arms"][0] | {"headline": "a helps: +1"}, valued["arms"][1]]
    assert findings(write_run(tmp_path / "c", "value", valued)) == ("value: a helps: +1",)


def test_of_several_trainings_the_mean_is_told(tmp_path: Path) -> None:
    result = PLAIN | {
        "test": {"accuracy": 90.0},
        "folds": [{"fold": "a", "seed": 0}, {"fold": "b", "seed": 0}],
        "mean": {"split": "test", "accuracy": 82.0},
    }
    assert findings(write_run(tmp_path, "pretrain", result)) == (
        "pretrain: accuracy 82 % on test, mean of 2 folds",
    )


def test_what_was_not_measured_is_said(tmp_path: Path) -> None:
    assert findings(write_run(tmp_path / "a", "pretrain", PLAIN)) == (
        "pretrain: accuracy is not measured: nothing is held out",
    )
    one_class = {**PLAIN, "samples": {"train": 8, "test": 3}}
    assert findings(write_run(tmp_path / "b", "pretrain", one_class)) == (
        "pretrain: accuracy on test is not measured: the notes of the report say why",
    )
    validated = {**PLAIN, "validation": {"accuracy": 81.0}}
    assert findings(write_run(tmp_path / "c", "pretrain", validated)) == ()


def test_a_result_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", "pretrain", {"metric": ["x"], "test": 4})
    with pytest.raises(DataError, match="the result of `pretrain` cannot be read"):
        findings(run)
