"""What a step takes where its settings say nothing, and from where: for the plan to show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from tilth.engine.steps import unasked
from tilth.errors import TilthError
from tilth.models.facts import Facts
from tilth.pretrain.settings import RANDOM
from tilth.pretrain.settings import Settings as PretrainSettings
from tilth.pretrain.start import trained_on
from tilth.recipe.plan import PlannedStep
from tilth.settings import BaseSettings
from tilth.tasks.registry import declaration
from tilth.tasks.settings import DataSettings, SampleForm, TaskName, form_of
from tilth.transfer.settings import Settings as TransferSettings
from tilth.value.resolve import Experiment, resolve
from tilth.value.settings import Planned
from tilth.value.settings import Settings as ValueSettings


def taken(step: PlannedStep, pretrain: BaseSettings | None) -> tuple[str, ...]:
    """A line for each setting that is left empty and decides something.

    Args:
        step: Of the plan: a training, or an operation that says so itself.
        pretrain: Settings of the stage that `transfer` carries over, where there is one.
    """
    settings = step.settings
    if own := unasked(step):
        return own
    if isinstance(settings, PretrainSettings):
        return tuple(_of_pretrain(settings))
    if isinstance(settings, TransferSettings) and isinstance(pretrain, PretrainSettings):
        return tuple(_of_transfer(settings, pretrain))
    if isinstance(settings, ValueSettings) and isinstance(step.planned, Planned):
        found = resolve(settings, step.planned)
        return tuple(_of_value(settings, step.planned, found))
    return ()


def _of_pretrain(settings: PretrainSettings) -> Iterator[str]:
    from_model = "the model that it starts from"
    try:
        start = trained_on(settings.initialise)
    except TilthError:  # told where it is read
        start = None
    form = _form(settings.task, settings.data, start, settings.model.window, from_model)
    if settings.initialise == RANDOM or "tokenizer" not in declaration(settings.task).data.reads:
        yield from form
        return
    yield from (line for line in form if not line.startswith(_OF_TOKENIZERS))
    yield f"data.tokenizer: of {from_model}"


def _of_transfer(settings: TransferSettings, pretrain: PretrainSettings) -> Iterator[str]:
    task = settings.task or pretrain.task
    if settings.task is None:
        yield f"task: {task} (as `pretrain`)"
    own = declaration(pretrain.task).data.reads
    for name in declaration(task).data.reads:
        if name not in _FORM or getattr(settings.data, name, None) is not None:
            continue
        if name in own and name != "vocabulary":
            yield f"data.{name}: as the model was trained"
        elif name == "max_length":
            length = form_of(settings.data.whole, window=pretrain.model.window).max_length
            yield f"data.{name}: {length} (default)"
    if settings.objective is None:
        yield "objective: as `pretrain`"
    if not settings.metric:
        yield f"metric: {declaration(task).metric.name} (the task's own)"


def _of_value(settings: ValueSettings, planned: Planned, found: Experiment) -> Iterator[str]:
    before = "as `pretrain`" if planned.pretrain is not None else "default"
    for name in ("task", "model", "data", "optimizer", "loop"):
        if getattr(settings, name) is None:
            yield f"{name}: {before}"
    if settings.budget is None and found.loop.max_steps is not None:
        yield f"budget: {found.loop.max_steps} steps (loop.max_steps)"
    if settings.target is None:
        size = None if found.target is None else found.target.size
        yield "target: none" if size is None else f"target: as `transfer` fine-tunes on {size}"
    metric = found.metric or f"{declaration(found.measured_task).metric.name} (the task's own)"
    if not settings.metric or settings.metric == "primary":
        yield f"metric: {metric}"


# What a model brings with it, whatever the settings of data leave open.
_OF_TOKENIZERS = ("data.tokenizer", "data.vocabulary")
_FORM = tuple(field.name for field in fields(SampleForm))


def _form(
    task: TaskName, data: DataSettings, model: Facts | None, window: int, whose: str
) -> Iterator[str]:
    """How samples become numbers, as far as the task reads it and nothing is said."""
    default, form = form_of(data, window=window), form_of(data, model, window=window)
    for name in declaration(task).data.reads:
        if name not in _FORM or getattr(data, name) is not None:
            continue
        value = getattr(form, name)
        if name == "vocabulary" and form.tokenizer != "bytes-bpe":
            continue
        if value is None:
            yield f"data.{name}: what all samples have"
        elif value != getattr(default, name):
            yield f"data.{name}: {value} (of {whose})"
        else:
            yield f"data.{name}: {value} (default)"
