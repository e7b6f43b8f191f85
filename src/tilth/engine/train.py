"""What a worker does with a training: one that makes a model, or one cell of a grid."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from tilth.context import Context, Progress
from tilth.records import Json, Record
from tilth.settings import BaseSettings
from tilth.store.files import atomic_folder, write_record
from tilth.store.manifest import RESULT

if TYPE_CHECKING:
    from tilth.engine.tasks import Fit, RunCell


def fit(task: Fit, module: ModuleType, settings: BaseSettings, progress: Progress) -> Json:
    """Train the model; it appears in one rename, with its result beside it."""
    with atomic_folder(task.folder / "model") as out:
        result: Record = module.fit(
            task.inputs, settings, out, _context(task, progress), planned_of(task, module)
        )
        write_record(out / RESULT, result)
    return result.as_json()


def run_cell(task: RunCell, module: ModuleType, settings: BaseSettings, progress: Progress) -> Json:
    """The outcome of one cell of a grid."""
    # Cells share a folder (prepared arrays), and get the recipe's seed beside their own.
    outcome: Record = module.run_cell(
        module.Cell.model_validate(task.cell),
        task.inputs,
        settings,
        _context(task, progress),
        planned_of(task, module),
    )
    return outcome.as_json()


def _context(task: Fit | RunCell, progress: Progress) -> Context:
    task.work.mkdir(parents=True, exist_ok=True)
    return Context(task.work, task.seed, task.threads, progress)


def planned_of(task: Fit | RunCell, module: ModuleType) -> BaseSettings:
    """What the rest of the recipe gives the training."""
    planned: BaseSettings = module.Planned.model_validate(task.planned)
    return planned
