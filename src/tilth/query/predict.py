"""Which trained model a name means, and which verb asks it."""

from __future__ import annotations

from pathlib import Path

import yaml

from tilth.engine.record import RECORD
from tilth.errors import MissingError, UsageError
from tilth.extensions import using
from tilth.pretrain.ask import CONFIG, TrainedModel, read_model
from tilth.query.runs import RunStep, RunView, open_run
from tilth.tasks.registry import declaration

MODEL = "model"


def find_model(which: str | Path, runs: str | Path = "runs") -> TrainedModel:
    """The trained model of a run, or that of a folder.

    Args:
        which: A run as `open_run` takes it, or a folder with config.json and model.safetensors.
        runs: The folder that holds runs.

    Raises:
        MissingError: There is no such run or folder, or it has no trained model yet.
        DataError: config.json is not one of Tilth's, or an extension of the run was changed.
    """
    folder = Path(which)
    # A run's name goes first: what was exported from it may stand here under the same name.
    if not (Path(runs) / which / RECORD).is_file() and (folder / CONFIG).is_file():
        return read_model(folder, str(which))
    run = open_run(which, runs)
    with using(run.extensions):
        return read_model(model_step(run).folder / MODEL, str(which))


def model_step(run: RunView) -> RunStep:
    """The finished step that trained the run's model.

    Raises:
        MissingError: There is none, and why.
    """
    found = [step for step in run.steps if step.stage == "pretrain" and not step.is_arm]
    if found:
        return found[0]
    recipe = yaml.safe_load(run.record.recipe_yaml) or {}
    if "pretrain" in recipe:
        raise MissingError(
            f"`{run.name}` has no trained model yet",
            where=str(run.folder),
            hint="run its recipe again: it goes on where it stopped; `tilth status` says where",
            code="no-model",
        )
    raise MissingError(
        f"the recipe of `{run.name}` trains no model",
        where=str(run.folder / "recipe.yaml"),
        hint="add the stage `pretrain`; `tilth explain pretrain` lists its settings",
        code="no-model",
    )


def require_verb(model: TrainedModel, verb: str) -> None:
    """Refuse a verb that does not fit the model's task.

    Raises:
        UsageError: It does not; the hint names the one that does.
    """
    fitting = declaration(model.task).verb
    if fitting != verb:
        raise UsageError(
            f"`{model.name}` was trained for {model.task}, which `tilth {verb}` does not ask",
            where=str(model.folder),
            hint=f"tilth {fitting} {model.name}"
            if fitting
            else "it learnt without labels, for `transfer` to carry over; it answers nothing",
            code="other-task",
        )
