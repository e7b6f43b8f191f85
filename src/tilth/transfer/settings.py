"""Every setting of the stage `transfer`. This module loads no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from tilth.errors import UsageError
from tilth.hints import choose_from
from tilth.models.registry import declaration as model_declaration
from tilth.models.settings import ModelSettings
from tilth.pretrain.parts import require_parts_of
from tilth.pretrain.settings import Planned as PlannedTraining
from tilth.pretrain.settings import Prefixes, Unfreeze
from tilth.pretrain.settings import Settings as PretrainSettings
from tilth.settings import ActsOn, AnyOrder, BaseSettings, fill, part_of
from tilth.tasks.declare import LOSS
from tilth.tasks.registry import declaration, task_names
from tilth.tasks.settings import (
    ObjectiveSettings,
    TargetDataSettings,
    TaskName,
    form_of,
    read_of,
    require_fit,
    require_read,
)
from tilth.training.settings import BudgetSettings, OptimizerSettings, require_end
from tilth.transfer.smallest import smallest_effects

__all__ = [
    "ALONE",
    "BY_WORDS",
    "Method",
    "MethodSettings",
    "Planned",
    "Settings",
    "filled",
    "require_texts",
    "require_together",
]

Method = Literal["scratch", "probe", "finetune", "lora", "tfidf-svm"]
BY_WORDS: Method = "tfidf-svm"
_DEFAULT_METHODS: tuple[Method, ...] = ("scratch", "probe", "finetune")
_LORA_RANK = 8


class Planned(PlannedTraining):
    """What the plan gives to the stage from the rest of the recipe."""

    pretrain: PretrainSettings | None = Field(default=None, description="the stage `pretrain`")


# For a stage that stands in no recipe.
ALONE = Planned()


class MethodSettings(BaseSettings):
    """What one method does otherwise than the others."""

    optimizer: OptimizerSettings | None = Field(
        default=None,
        description="its own optimizer; what is not given is as `transfer.optimizer`",
    )
    loop: BudgetSettings | None = Field(
        default=None, description="its own budget; what is not given is as `transfer.loop`"
    )
    freeze: Prefixes = Field(
        default=(), description="parameters whose names begin like this are not trained"
    )
    unfreeze: Unfreeze = Field(
        default_factory=dict,
        description="parameters whose names begin like this are trained after this share only, as "
        "`pretrain.unfreeze`",
    )


class Settings(BaseSettings):
    """Carry the pretrained model to the target task; compare with from-scratch, size by size."""

    task: TaskName | None = Field(
        default=None, description="what the target is; empty: the pretrained model's own task"
    )
    data: TargetDataSettings = Field(
        default_factory=TargetDataSettings,
        description="the target's samples: sources or labels, splits",
    )
    sizes: tuple[int, ...] = Field(
        default=(16, 32, 64, 128),
        min_length=1,
        description="target samples to train on (documents, "
        "images), ascending; four or more, a constant factor apart, give the data multiplier",
    )
    sizes_per_class: bool = Field(
        default=False, description="`sizes` count samples of each class, not all together"
    )
    metric: str = Field(
        default="",
        description="figure that the comparison is read from, such as bleu, or loss; empty: the "
        "task's own",
    )
    objective: ObjectiveSettings | None = Field(
        default=None,
        description="what is asked beside the task; what is not given is as `pretrain`",
    )
    methods: tuple[Method, ...] = Field(
        default=_DEFAULT_METHODS,
        min_length=1,
        description="which methods to compare; not given: the default, without probe where the "
        "network has no last layer that can be trained alone",
    )
    lora_rank: int | None = Field(
        default=None,
        ge=1,
        description="method lora: rank of the matrices beside the network's own; empty: 8",
    )
    seeds: int = Field(default=4, ge=2, le=200, description="repetitions, paired over methods")
    smallest_effect: Annotated[float | None, ActsOn("summary")] = Field(
        default=None,
        ge=0,
        description="smallest gain that matters, in the metric's unit; nothing: "
        + smallest_effects(),
    )
    optimizer: OptimizerSettings = Field(
        default_factory=OptimizerSettings, description="how every method learns"
    )
    loop: BudgetSettings = Field(
        default_factory=lambda: BudgetSettings(epochs=10, max_steps=200),
        description="how long every method learns",
    )
    overrides: Annotated[dict[Method, MethodSettings], AnyOrder()] = Field(
        default_factory=dict, description="method -> what it does otherwise"
    )
    test_size: int | None = Field(
        default=None,
        ge=2,
        description="test samples to measure on at most, always the same; empty: all",
    )
    group: str = Field(
        default="",
        description="column that groups the test samples (speaker, site); empty: each its own",
    )

    @model_validator(mode="after")
    def _ascending(self) -> Settings:
        if list(self.sizes) != sorted(set(self.sizes)) or self.sizes[0] < 1:
            raise ValueError("sizes must be positive and ascending")
        if len(set(self.methods)) != len(self.methods):
            raise ValueError("a method is named twice")
        for method, own in self.overrides.items():
            if method not in self.methods:
                raise ValueError(f"overrides.{method}: this method is not among `methods`")
            if method == BY_WORDS and own != MethodSettings():
                raise ValueError(f"overrides.{method}: it trains no network, and takes none of it")
        if self.lora_rank is not None and "lora" not in self.methods:
            raise ValueError("lora_rank: `lora` is not among `methods`")
        return self

    def normal(self) -> Settings:
        """With the rank of lora given, and of a method only what it does otherwise."""
        parts = ("optimizer", "loop")
        own = {
            method: one.model_copy(
                update={name: None for name in parts if getattr(one, name) == getattr(self, name)}
            )
            for method, one in self.overrides.items()
        }
        overrides = {method: one for method, one in own.items() if one != MethodSettings()}
        rank = self.rank if "lora" in self.methods else None
        return self.model_copy(update={"overrides": overrides, "lora_rank": rank})

    def recipe_of(self, method: Method) -> tuple[OptimizerSettings, BudgetSettings]:
        """How one method learns, and how long."""
        own = self.own_of(method)
        return own.optimizer or self.optimizer, own.loop or self.loop

    @property
    def rank(self) -> int:
        """Of method lora."""
        return self.lora_rank or _LORA_RANK

    def own_of(self, method: Method) -> MethodSettings:
        """What one method does otherwise than the others."""
        return self.overrides.get(method, MethodSettings())


def filled(given: Mapping[str, Any], before: Mapping[str, BaseSettings]) -> dict[str, object]:
    """What a recipe gives of the stage, with the rest of each part from where that falls back to.

    Args:
        given: As it stands in the recipe.
        before: The stages before, by name.
    """
    found = dict(given)
    pretrain = before.get("pretrain")
    if isinstance(pretrain, PretrainSettings):
        task = found.get("task") or pretrain.task
        if task in task_names():
            fill(found, "objective", read_of(task, pretrain.objective))
        if "methods" not in found and not model_declaration(pretrain.model.kind).probe:
            found["methods"] = [name for name in _DEFAULT_METHODS if name != "probe"]
    overrides = found.get("overrides")
    if isinstance(overrides, Mapping):
        parts = {name: part_of(Settings, name, found.get(name)) for name in ("optimizer", "loop")}
        found["overrides"] = {
            method: _filled_method(own, parts) for method, own in overrides.items()
        }
    return found


def _filled_method(own: object, parts: Mapping[str, BaseSettings]) -> object:
    if not isinstance(own, Mapping):
        return own
    found = dict(own)
    for name, base in parts.items():
        fill(found, name, base)
    return found


def require_together(settings: Settings, before: Mapping[str, BaseSettings]) -> None:
    """Refuse what the model of the stage before cannot be carried over to.

    Raises:
        UsageError: It cannot learn the task; the task lacks the figure, or its data the words.
    """
    pretrain = before.get("pretrain")
    if not isinstance(pretrain, PretrainSettings):
        return
    task = settings.task or pretrain.task
    try:
        require_fit(task, pretrain.model)
    except ValueError as error:
        raise UsageError(str(error), where="transfer.task") from None
    form_of(settings.data.whole, None, "transfer.data", window=pretrain.model.window)
    _require_learnt(settings, task, pretrain.model)
    figures = [metric.name for metric in (*declaration(task).metrics, LOSS)]
    if settings.metric and settings.metric not in figures:
        raise UsageError(
            f"{task} has no figure `{settings.metric}`",
            where="transfer.metric",
            hint=choose_from(settings.metric, figures),
        )
    if settings.sizes_per_class and not declaration(task).labels:
        raise UsageError(
            f"`sizes_per_class` counts samples of a class, and {task} has none",
            where="transfer.sizes_per_class",
        )
    if BY_WORDS in settings.methods:
        require_texts(task)
    if BY_WORDS in settings.methods and settings.metric == LOSS.name:
        raise UsageError(
            f"method {BY_WORDS} has no loss to be compared by",
            where="transfer.metric",
            hint=f"leave `{BY_WORDS}` out, or compare by another figure",
        )
    if "probe" in settings.methods and not model_declaration(pretrain.model.kind).probe:
        raise UsageError(
            f"a probe trains the last layer alone, and a {pretrain.model.kind} has none that "
            "stands alone",
            where="transfer.methods",
            hint="leave `probe` out; `lora` trains little too",
        )


def _require_learnt(settings: Settings, task: TaskName, model: ModelSettings) -> None:
    """Refuse what a method is given and cannot keep, or the task does not read."""
    for method in settings.methods:
        if method == BY_WORDS:
            continue
        own = settings.own_of(method)
        optimizer, loop = settings.recipe_of(method)
        place = f"transfer.overrides.{method}" if own != MethodSettings() else "transfer"
        try:
            require_read(task, settings.data.whole, settings.objective, loop)
            require_end(optimizer, loop, shares=bool(own.unfreeze))
        except ValueError as error:
            raise UsageError(str(error), where=place) from None
        rates = tuple(optimizer.rates)
        match method:
            case "lora":  # which renames what it adapts
                continue
            case "probe":  # what it freezes `compare` looks at
                require_parts_of(task, model, (), (), rates, f"{place}.")
            case _:
                later = tuple(own.unfreeze)
                require_parts_of(task, model, own.freeze, later, rates, f"{place}.")


def require_texts(task: TaskName) -> None:
    """Refuse a task whose samples cannot be classified by the words in them.

    Raises:
        UsageError: It has no texts, or no classes.
    """
    kind = declaration(task)
    if not kind.labels or kind.data.payload != "text":
        raise UsageError(
            f"method {BY_WORDS} classifies texts, and the target is {task}",
            where="transfer.methods",
            hint=f"leave `{BY_WORDS}` out",
        )
