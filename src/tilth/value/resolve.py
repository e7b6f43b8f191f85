"""What fills the settings of an experiment that are left empty: the stages before it.

This module loads no torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from tilth.errors import UsageError
from tilth.hints import choose_from
from tilth.models.settings import ModelSettings
from tilth.pretrain.parts import require_parts_of
from tilth.pretrain.settings import Settings as PretrainSettings
from tilth.records import Json
from tilth.settings import BaseSettings, fill
from tilth.tasks.declare import LOSS
from tilth.tasks.registry import declaration
from tilth.tasks.settings import (
    DataSettings,
    ObjectiveSettings,
    TaskName,
    form_of,
    read_of,
    require_fit,
    require_read,
)
from tilth.training.settings import (
    LoopSettings,
    OptimizerSettings,
    StepSettings,
    loop_of,
    require_end,
)
from tilth.transfer.settings import Settings as TransferSettings
from tilth.value.settings import (
    ALONE,
    CONTROL,
    PRETRAIN,
    PRIMARY,
    ArmLoopSettings,
    ArmTraining,
    Planned,
    Settings,
    TargetSettings,
)


@dataclass(frozen=True)
class Experiment:
    """The settings with what `pretrain` and `transfer` give filled in."""

    task: TaskName
    model: ModelSettings
    data: DataSettings
    objective: ObjectiveSettings
    optimizer: OptimizerSettings
    loop: ArmLoopSettings
    target: TargetSettings | None
    metric: str

    @property
    def measured_task(self) -> TaskName:
        """What the arms are measured at."""
        return self.task if self.target is None else self.target.task or self.task


def filled(given: Mapping[str, Any], before: Mapping[str, BaseSettings]) -> dict[str, object]:
    """What a recipe gives of the stage, with the rest of each part from where that falls back to.

    Args:
        given: As it stands in the recipe.
        before: The stages before, by name.
    """
    found = dict(given)
    pretrain, transfer = before.get("pretrain"), before.get("transfer")
    if isinstance(pretrain, PretrainSettings):
        for name in ("model", "data", "optimizer"):
            fill(found, name, getattr(pretrain, name))
        by_passes = found.get("match") == "epochs"
        limit = None if by_passes or found.get("budget") else pretrain.loop.max_steps
        base = _arm_loop(pretrain.loop, limit, pretrain.loop.epochs if by_passes else None)
        fill(found, "loop", base)
    if isinstance(transfer, TransferSettings) and found.get("target") != "none":
        learnt = pretrain.task if isinstance(pretrain, PretrainSettings) else None
        arms = found.get("task") or learnt
        target = _target_of(transfer, arms, learnt)
        asked = found.get("target")
        own = asked.get("task") if isinstance(asked, Mapping) else None
        own = own or target.task or arms
        # Of another task than transfer's its figure need not be there, nor what is asked beside it.
        if own != (target.task or arms):
            target = target.model_copy(update={"objective": None})
        fill(found, "target", target)
        if own == (target.task or arms):
            found.setdefault("metric", transfer.metric)
        found.setdefault("group", transfer.group)
    return found


def resolve(settings: Settings, planned: Planned = ALONE, arm: str = CONTROL) -> Experiment:
    """Fill what is left empty from the recipe's `pretrain` and `transfer`.

    Args:
        settings: Of the stage.
        planned: The stages before.
        arm: Whose training it is; of one that sets `pretrain` otherwise, with that.

    Raises:
        UsageError: Something is neither given nor there to be taken over, or does not fit.
    """
    before = planned.pretrain or PretrainSettings(loop=LoopSettings(max_steps=200))
    _require_limits(settings)
    steps = settings.budget or (settings.loop or before.loop).max_steps
    epochs = (settings.loop or before.loop).epochs
    if settings.match == "epochs":
        if epochs is None:
            raise UsageError("match epochs needs value.loop.epochs", where="value")
        steps = None
    elif steps is None:
        raise UsageError(
            f"match {settings.match} needs a number of steps",
            where="value",
            hint="set value.budget, the optimizer steps of each small model",
        )
    else:
        epochs = None
    target = settings.target or _target_of_stage(
        planned.transfer, settings.task or before.task, before.task
    )
    if target == "none":
        target = None
    if target is None and any(one.without == PRETRAIN for one in settings.arms.values()):
        raise UsageError(
            "an arm `without: pretrain` needs a target to be trained on instead",
            where="value.arms",
            hint="add a `transfer` stage, or value.target",
        )
    found = Experiment(
        settings.task or before.task,
        settings.model or before.model,
        settings.data or before.data,
        read_of(settings.task or before.task, before.objective),
        settings.optimizer or before.optimizer,
        _arm_loop(settings.loop or before.loop, steps, epochs),
        target,
        "" if settings.metric == PRIMARY else settings.metric,
    )
    if arm == CONTROL or not settings.arms[arm].training:
        _require_fit(found)
        return found
    place = f"value.arms.{arm}.set.{PRETRAIN}"
    found = _changed(found, settings.arms[arm].training, place)
    try:
        _require_fit(found)
    except UsageError as error:
        # The control itself fits: it is what the arm sets.
        raise UsageError(error.what, where=place, hint=error.hint, code=error.code) from None
    return found


# How a model answers: no training reads it, and of these no loss depends on the second.
_ANSWERING, _DECODING = ("views",), ("beam", "length_penalty", "lexicon")


def deciding(experiment: Experiment) -> Experiment:
    """The experiment with what no figure depends on as if nobody had given it: how a model is asked
    that is not measured, and how many samples at once."""
    loop, objective = experiment.loop, experiment.objective
    compares = declaration(experiment.task).at_once > 1
    if experiment.target is not None or not compares:
        loop = _by_default(loop, ("evaluation_batch_size",))
    if experiment.target is not None:
        objective = _by_default(objective, (*_ANSWERING, *_DECODING))
    elif experiment.metric == LOSS.name:
        objective = undecoded(objective)
    return replace(experiment, loop=loop, objective=objective)


def undecoded(objective: ObjectiveSettings) -> ObjectiveSettings:
    """The objective without what no loss depends on."""
    return _by_default(objective, _DECODING)


Part = TypeVar("Part", bound=BaseSettings)


def _by_default(settings: Part, names: Sequence[str]) -> Part:
    fields = type(settings).model_fields
    default = {name: fields[name].get_default(call_default_factory=True) for name in names}
    return settings.model_copy(update=default)


def _require_limits(settings: Settings) -> None:
    """Refuse a limit that the match does not read."""
    loop = settings.loop or ArmLoopSettings()
    unread: dict[str, float | None] = {"loop.epochs": loop.epochs}
    hint = "set value.budget, the optimizer steps of each small model"
    if settings.match == "epochs":
        unread = {"budget": settings.budget, "loop.max_steps": loop.max_steps}
        hint = "set value.loop.epochs, the passes of each over its own data"
    elif settings.budget not in (None, loop.max_steps):
        unread["loop.max_steps"] = loop.max_steps
    for name, value in unread.items():
        if value is not None:
            why = f"match {settings.match} does not read it"
            if name == "loop.max_steps" and settings.budget:
                why = f"`value.budget` is {settings.budget}, and says the same"
            raise UsageError(f"`{name}` is {value:g}: {why}", where=f"value.{name}", hint=hint)


def models_of(settings: Settings, planned: Planned = ALONE) -> list[ModelSettings]:
    """The models that arms train otherwise than the control.

    Raises:
        UsageError: As `resolve`.
    """
    changed = [name for name, arm in settings.arms.items() if arm.training]
    return [resolve(settings, planned, name).model for name in changed]


def trained_by(control: Experiment, given: Json, where: str) -> dict[str, object]:
    """What an arm sets of `pretrain`, each part with the rest as the control has it; unchecked.

    Args:
        control: The experiment as it is without the arm.
        given: Settings of `pretrain` as the arm has them.
        where: They stand in the recipe.

    Raises:
        UsageError: There is one that no arm sets.
    """
    parts = list(ArmTraining.model_fields)
    for name in given:
        if name not in parts:
            raise UsageError(
                f"an arm sets no `{name}` of pretrain",
                where=where,
                hint=f"{choose_from(name, parts)}; its data is the business of the steps that "
                "make it",
            )
    found: dict[str, object] = dict(given)
    for name in parts:
        fill(found, name, getattr(control, name))
    return found


def _changed(control: Experiment, given: Json, where: str) -> Experiment:
    """The control's training with other settings of `pretrain`."""
    loop = given.get("loop")
    if isinstance(loop, Mapping) and (limits := {"max_steps", "epochs"} & set(loop)):
        raise UsageError(
            f"all arms are trained equally long: an arm sets no `{min(limits)}`",
            where=where,
            hint="value.match and value.budget say how long",
        )
    made = ArmTraining.model_validate(trained_by(control, given, where))
    parts = {name: part for name, part in made if part is not None}
    return replace(control, **parts)


def _require_fit(experiment: Experiment) -> None:
    try:
        require_fit(experiment.task, experiment.model)
        require_fit(experiment.measured_task, experiment.model)
    except ValueError as error:
        raise UsageError(str(error), where="value") from None
    _require_learnt(experiment)
    target, window = experiment.target, experiment.model.window
    form_of(experiment.data, None, "value.data", window=window)
    if target is not None:
        form_of(target.data.whole, None, "value.target.data", window=window)
    classes = declaration(experiment.measured_task).labels
    if target is not None and target.size_per_class and not (target.size and classes):
        raise UsageError(
            "`size_per_class` counts samples of a class: give `size`, and a task with classes",
            where="value.target.size_per_class",
        )
    figures = [metric.name for metric in (*declaration(experiment.measured_task).metrics, LOSS)]
    if experiment.metric and experiment.metric not in figures:
        raise UsageError(
            f"{experiment.measured_task} has no figure `{experiment.metric}`",
            where="value.metric",
            hint=choose_from(experiment.metric, figures),
        )


def _require_learnt(experiment: Experiment) -> None:
    """Refuse what a training is given and cannot keep, or its task does not read."""
    task, target, model = experiment.task, experiment.target, experiment.model
    loop = loop_of(experiment.loop)
    try:
        require_read(task, experiment.data, experiment.objective, loop)
        require_end(experiment.optimizer, loop)
    except ValueError as error:
        raise UsageError(str(error), where="value") from None
    require_parts_of(task, model, (), (), tuple(experiment.optimizer.rates), "value.")
    if target is None:
        return
    measured = experiment.measured_task
    try:
        require_read(measured, target.data.whole, target.objective, target.loop)
        require_end(target.optimizer, target.loop, shares=bool(target.unfreeze))
    except ValueError as error:
        raise UsageError(str(error), where="value.target") from None
    rates, later = tuple(target.optimizer.rates), tuple(target.unfreeze)
    require_parts_of(measured, model, target.freeze, later, rates, "value.target.")


def _arm_loop(
    base: LoopSettings | ArmLoopSettings, steps: int | None, epochs: float | None
) -> ArmLoopSettings:
    """What of a loop two arms can share, and how long they go on."""
    shared = {name: getattr(base, name) for name in StepSettings.model_fields}
    # `auto` times a few steps to decide: two cells might decide differently.
    return ArmLoopSettings(
        **shared,
        max_steps=steps,
        epochs=epochs,
        precision="fp32-fast" if base.precision == "auto" else base.precision,
    )


def _target_of_stage(
    transfer: TransferSettings | None, arms: TaskName, pretrain: TaskName
) -> TargetSettings | None:
    return None if transfer is None else _target_of(transfer, arms, pretrain)


def _target_of(
    transfer: TransferSettings, arms: object, pretrain: TaskName | None
) -> TargetSettings:
    """As the stage fine-tunes at its largest size, whatever task the arms learn."""
    optimizer, loop = transfer.recipe_of("finetune")
    own = transfer.own_of("finetune")
    return TargetSettings(
        task=transfer.task or (None if arms == pretrain else pretrain),
        data=transfer.data,
        size=transfer.sizes[-1],
        size_per_class=transfer.sizes_per_class,
        objective=transfer.objective,
        test_size=transfer.test_size,
        optimizer=optimizer,
        loop=loop,
        freeze=own.freeze,
        unfreeze=own.unfreeze,
    )
