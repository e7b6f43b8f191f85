"""A training is given what its task says, and what it found is kept."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tilth.context import Context
from tilth.engine import tasks
from tilth.engine.train import fit, run_cell
from tilth.records import Record, sealed
from tilth.settings import BaseSettings


class _Planned(BaseSettings):
    """What the rest of the recipe says."""

    width: int = 1


class _Found(Record):
    """What a training says that it was given."""

    seed: int
    threads: int
    width: int
    inputs: tuple[str, ...]


def _module() -> ModuleType:
    module = ModuleType("trains")

    def found(inputs: dict[str, Path], context: Context, planned: _Planned) -> _Found:
        assert context.work.is_dir()
        return _Found(
            seed=context.seed,
            threads=context.threads,
            width=planned.width,
            inputs=tuple(inputs),
        )

    def fit(
        inputs: dict[str, Path],
        _: BaseSettings,
        out: Path,
        context: Context,
        planned: _Planned,
    ) -> _Found:
        (out / "weights").write_text("w")
        if planned.width == 0:
            raise ValueError("no width")
        return found(inputs, context, planned)

    def run_cell(
        cell: _Planned,
        inputs: dict[str, Path],
        _: BaseSettings,
        context: Context,
        planned: _Planned,
    ) -> _Found:
        given = found(inputs, context, planned)
        return given.model_copy(update={"width": cell.width + planned.width})

    vars(module).update(Planned=_Planned, Cell=_Planned, fit=fit, run_cell=run_cell)
    return module


def _common(folder: Path, width: int) -> dict[str, Any]:
    return {
        "step": "s",
        "op": "o",
        "settings": {},
        "planned": {"width": width},
        "folder": folder,
        "inputs": {"data": folder / "data"},
        "work": folder / "work",
        "seed": 7,
        "threads": 2,
    }


def test_a_model_appears_whole_with_its_result(tmp_path: Path) -> None:
    task = tasks.Fit(**_common(tmp_path, 3))
    found = fit(task, _module(), BaseSettings(), _silent)
    assert found == {"seed": 7, "threads": 2, "width": 3, "inputs": ["data"]}
    assert json.loads((tmp_path / "model" / "result.json").read_text("utf-8")) == sealed(found)
    assert (tmp_path / "model" / "weights").is_file()


def test_of_a_training_that_fails_no_model_stands_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no width"):
        fit(tasks.Fit(**_common(tmp_path, 0)), _module(), BaseSettings(), _silent)
    assert not (tmp_path / "model").exists()


def test_a_cell_is_run_as_its_task_says(tmp_path: Path) -> None:
    task = tasks.RunCell(
        **_common(tmp_path, 3), cell={"width": 40}, parts={}, place=tmp_path / "cell.json"
    )
    found = run_cell(task, _module(), BaseSettings(), _silent)
    assert found == {"seed": 7, "threads": 2, "width": 43, "inputs": ["data"]}


def _silent(done: float, of: float | None, note: str) -> None:
    """Nobody listens."""
