"""Every setting of the stage `transfer`. This module loads no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from tilth.errors import UsageError
from tilth.pretrain.settings import ALONE, Planned
from tilth.pretrain.settings import Settings as PretrainSettings
from tilth.settings import BaseSettings
from tilth.tasks.declare import LOSS
from tilth.tasks.registry import declaration
from tilth.tasks.settings import DataSettings, ObjectiveSettings, TaskName, require_fit
from tilth.training.settings import LoopSettings, OptimizerSettings
from tilth.transfer.smallest import smallest_effects

__all__ = [
    "ALONE",
    "Method",
    "MethodSettings",
    "Planned",
    "Settings",
    "require_texts",
    "require_together",
]

Method = Literal["scratch", "probe", "finetune", "lora", "tfidf-svm"]
_BY_WORDS: Method = "tfidf-svm"


class MethodSettings(BaseSettings):
    """What one method does otherwise than the others."""

    optimizer: OptimizerSettings | None = Field(default=None, description="its own optimizer")
    loop: LoopSettings | None = Field(default=None, description="its own budget")
    freeze: tuple[str, ...] = Field(
        default=(), description="parameters whose names begin like this are not trained"
    )
    unfreeze: dict[str, Annotated[float, Field(ge=0, lt=1)]] = Field(
        default_factory=dict,
        description="parameters whose names begin like this are trained after this share only, as "
        "`pretrain.unfreeze`",
    )


class Settings(BaseSettings):
    """Carry the pretrained model to the target task; compare with from-scratch, size by size."""

    task: TaskName | None = Field(
        default=None, description="what the target is; empty: the pretrained model's own task"
    )
    data: DataSettings = Field(
        default_factory=DataSettings, description="the target's samples: sources or labels, splits"
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
        description="figure that the comparison is read from, such as bleu; empty: the task's own",
    )
    objective: ObjectiveSettings | None = Field(
        default=None, description="what is asked beside the task; empty: as `pretrain`"
    )
    methods: tuple[Method, ...] = Field(
        default=("scratch", "probe", "finetune"),
        min_length=1,
        description="which methods to compare",
    )
    lora_rank: int = Field(
        default=8, ge=1, description="method lora: rank of the matrices beside the network's own"
    )
    seeds: int = Field(default=4, ge=2, le=200, description="repetitions, paired over methods")
    smallest_effect: float | None = Field(
        default=None,
        ge=0,
        description="smallest gain that matters, in the metric's unit; nothing: "
        + smallest_effects(),
    )
    optimizer: OptimizerSettings = Field(
        default_factory=OptimizerSettings, description="how every method learns"
    )
    loop: LoopSettings = Field(
        default_factory=lambda: LoopSettings(epochs=10, max_steps=200),
        description="how long every method learns",
    )
    overrides: dict[Method, MethodSettings] = Field(
        default_factory=dict, description="method -> what it does otherwise"
    )
    test_size: int | None = Field(
        default=None, ge=2, description="test samples to measure on, always the same; empty: all"
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
        return self

    def recipe_of(self, method: Method) -> tuple[OptimizerSettings, LoopSettings]:
        """How one method learns, and how long."""
        own = self.own_of(method)
        return own.optimizer or self.optimizer, own.loop or self.loop

    def own_of(self, method: Method) -> MethodSettings:
        """What one method does otherwise than the others."""
        return self.overrides.get(method, MethodSettings())


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
    figures = [metric.name for metric in (*declaration(task).metrics, LOSS)]
    if settings.metric and settings.metric not in figures:
        raise UsageError(
            f"{task} has no figure `{settings.metric}`",
            where="transfer.metric",
            hint="choose from " + ", ".join(figures),
        )
    if _BY_WORDS in settings.methods:
        require_texts(task)


def require_texts(task: TaskName) -> None:
    """Refuse a task whose samples cannot be classified by the words in them.

    Raises:
        UsageError: It has no texts, or no classes.
    """
    kind = declaration(task)
    if not kind.labels or kind.data.payload != "text":
        raise UsageError(
            f"method {_BY_WORDS} classifies texts, and the target is {task}",
            where="transfer.methods",
            hint=f"leave `{_BY_WORDS}` out",
        )
