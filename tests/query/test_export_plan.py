"""A dry run says what the real one would do, and does nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.export.made import digests
from tests.query.trained import trained_run
from tilth.errors import MissingError, StorageError, TilthError, UsageError
from tilth.export.names import FORMATS
from tilth.query.export import ExportedSplits, export_model, write_selected
from tilth.query.export_plan import PlannedExport, plan_model, plan_selected
from tilth.query.export_selection import Selection, select_split, select_splits, select_step
from tilth.query.runs import RunView
from tilth.tasks.text.tokenize import train_tokenizer

# Of texts nothing else can be made.
_OF_TEXTS = [name for name in FORMATS if not name.endswith("folder")]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    train_tokenizer(["some words of a text"], 270).save(str(path))
    return path


def _tokenizer(format: str, tokenizer: Path) -> dict[str, Any]:
    return {"tokenizer": tokenizer} if format in ("nanogpt", "megatron") else {}


@pytest.mark.parametrize("format", _OF_TEXTS)
def test_what_is_planned_is_written(
    format: str,
    small: RunView,
    tokenizer: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    before = digests(small.folder)
    selected = select_splits(small, format=format, **_tokenizer(format, tokenizer))
    plan = plan_selected(selected, "deep/out")
    assert not list(tmp_path.iterdir())
    assert digests(small.folder) == before
    done = write_selected(selected, "deep/out")
    assert isinstance(done, ExportedSplits)
    assert [(one.split, one.folder, one.rows) for one in plan.parts] == [
        (one.split, one.folder, one.rows) for one in done.splits
    ]
    assert plan.is_exact
    assert plan.files == len(digests(tmp_path / "deep" / "out"))
    assert (plan.step, plan.kind, plan.format, plan.empty) == (done.step, "kept", format, ())


def test_weights_and_draws_are_said_beforehand(small: RunView, tmp_path: Path) -> None:
    dropped = plan_selected(select_step(small, "rules", kind="dropped"), tmp_path / "out")
    assert dropped.parts[0].rows == small.step("rules").dropped
    assert (dropped.kind, dropped.notes) == ("dropped", ())
    nothing = plan_selected(select_step(small, "rules", kind="quarantine"), tmp_path / "out")
    assert (nothing.parts[0].rows, nothing.files) == (0, 2)


_Refused = Callable[[RunView, Path], Selection]
_REFUSED: dict[str, tuple[_Refused, str]] = {
    "format": (lambda run, _: select_step(run, "rules", format="jsonlines"), "out"),
    "step": (lambda run, _: select_step(run, "nothing"), "out"),
    "split": (lambda run, _: select_split(run, "dev"), "out"),
    "weights": (lambda run, _: select_split(run, "train", resample=1), "out"),
    "payload": (lambda run, _: select_step(run, "rules", format="imagefolder"), "out"),
    "no tokenizer": (lambda run, _: select_splits(run, format="nanogpt"), "out"),
    "tokenizer": (lambda run, it: select_splits(run, format="csv", tokenizer=it), "out"),
    "taken": (lambda run, _: select_splits(run), "taken"),
    "below a file": (lambda run, _: select_splits(run), "taken/file/out"),
    "file": (lambda run, _: select_splits(run), "taken/file"),
    "address": (lambda run, _: select_splits(run), "file://out"),
    "unknown": (lambda run, _: select_splits(run), "ftp://host/out"),
    "read only": (lambda run, _: select_splits(run), "https://127.0.0.1/out"),
}


@pytest.mark.parametrize("why", _REFUSED)
def test_what_would_be_refused_is_refused(
    why: str, small: RunView, tokenizer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").write_text("x")
    select, to = _REFUSED[why]
    errors = []
    for carry_out in (plan_selected, write_selected):
        with pytest.raises(TilthError) as caught:
            carry_out(select(small, tokenizer), to)
        error = caught.value
        # The real run was about to write beside the folder.
        where = error.where.replace(".out.begun.aside", "out")
        errors.append((type(error), error.what, where, error.hint, error.code))
    assert errors[0] == errors[1]
    assert list(digests(tmp_path)) == ["taken/file"]


def test_a_folder_that_cannot_be_written_is_said(
    small: RunView, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whoever is root may write anywhere.
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(StorageError, match="permission denied") as caught:
        plan_selected(select_splits(small), tmp_path / "a" / "b")
    assert "--to DIR" in caught.value.hint


@pytest.mark.parametrize("format", ["safetensors", "onnx"])
def test_a_model_is_planned_file_by_file(format: str, tmp_path: Path) -> None:
    if format == "onnx":
        pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")
    run = trained_run(tmp_path / "work")
    plan: PlannedExport = plan_model(run, tmp_path / "out", format=format)
    assert not (tmp_path / "out").exists()
    done = export_model(run, tmp_path / "out", format=format)
    assert sorted(plan.names) == sorted(done.files)
    assert plan.files == len(done.files)
    largest = max(path.stat().st_size for path in (tmp_path / "out").iterdir())
    assert 0 < plan.num_bytes < largest
    with pytest.raises(UsageError, match="overwritten"):
        plan_model(run, tmp_path / "out", format=format)


def test_a_model_that_cannot_be_written_is_refused(
    tmp_path: Path, small: RunView, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trained_run(tmp_path / "work")
    with pytest.raises(UsageError, match="no counterpart in transformers"):
        plan_model(run, tmp_path / "out")
    with pytest.raises(MissingError, match="trains no model"):
        plan_model(small, tmp_path / "out")
    with pytest.raises(UsageError, match="onxx"):
        plan_model(run, tmp_path / "out", format="onxx")
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(MissingError, match="onnxruntime") as caught:
        plan_model(run, tmp_path / "out", format="onnx")
    assert "tilth[onnx]" in caught.value.hint
    assert not (tmp_path / "out").exists()
