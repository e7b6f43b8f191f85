"""Every setting of the stage `value`, and what fills in the others. This module loads no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from tilth.models.settings import ModelSettings
from tilth.pretrain.settings import Planned as PlannedTraining
from tilth.pretrain.settings import Prefixes, Unfreeze
from tilth.pretrain.settings import Settings as PretrainSettings
from tilth.records import Json
from tilth.settings import ActsOn, AnyOrder, BaseSettings
from tilth.tasks.settings import (
    DataSettings,
    ObjectiveSettings,
    TargetDataSettings,
    TaskName,
)
from tilth.training.settings import (
    BudgetSettings,
    Epochs,
    FixedPrecision,
    MaxSteps,
    OptimizerSettings,
    StepSettings,
)
from tilth.transfer.settings import Settings as TransferSettings
from tilth.transfer.smallest import smallest_effects

CONTROL = "control"


class Planned(PlannedTraining):
    """What the plan gives to the stage from the rest of the recipe."""

    pretrain: PretrainSettings | None = Field(default=None, description="the stage `pretrain`")
    transfer: TransferSettings | None = Field(default=None, description="the stage `transfer`")


# For a stage that stands in no recipe.
ALONE = Planned()
# What `without` may name beside the steps of the data line.
PRETRAIN, AUGMENT = "pretrain", "augment."
PRIMARY = "primary"


class Change(BaseSettings):
    """One arm: the control with one decision left out, or made otherwise, or left as it is."""

    without: str = Field(
        default="",
        description="leave this out: a step (`deduplicate.minhash`), a transform "
        "(`augment.shift`), or `pretrain`; reported is what having it is worth",
    )
    without_source: str = Field(
        default="",
        description="leave this source out of the mixture (weight 0) and everything before the "
        "mixture as it is; under match compute the others are seen more often instead; reported is "
        "what having it is worth",
    )
    set: dict[str, Json] = Field(
        default_factory=dict,
        description="other settings of one step, {step: {setting: value}}, or of `pretrain` its "
        "model, objective, optimizer or loop; what is not given stays as it is; reported is what "
        "the change is worth",
    )
    same: bool = Field(
        default=False,
        description="change nothing (A/A): the check that the experiment sees no ghosts",
    )
    seeds: int | None = Field(
        default=None,
        ge=2,
        description="seeds of this arm, where fewer than the experiment's will do",
    )

    @model_validator(mode="after")
    def _one_change(self) -> Change:
        given = (bool(self.without), bool(self.without_source), bool(self.set), self.same)
        if sum(given) != 1:
            raise ValueError(
                "an arm is one change: give one of `without`, `without_source`, `set`, `same`"
            )
        if len(self.set) > 1:
            raise ValueError("an arm is one change: `set` names one step")
        return self

    @property
    def training(self) -> Json:
        """Settings of `pretrain` that it gives otherwise."""
        return self.set.get(PRETRAIN, {})

    @property
    def step(self) -> str:
        """The step it changes; empty for an A/A arm and where a source is left out."""
        return self.without or next(iter(self.set), "")

    @property
    def decision(self) -> str:
        """The decision that the verdict is about."""
        if self.same:
            return "nothing (A/A)"
        if self.without:
            return self.without
        if self.without_source:
            return f"the source {self.without_source}"
        given = ", ".join(f"{k}={v}" for k, v in self.normal().set[self.step].items())
        return f"{self.step} with {given}"

    @property
    def sign(self) -> int:
        """1 if the arm has the decision and the control has not, -1 the other way round."""
        return -1 if self.without or self.without_source else 1

    def normal(self) -> Change:
        """With numbers that are equal written alike, for whatever `set` gives is kept as it is."""
        return self.model_copy(update={"set": _numbers_alike(self.set)})


def _numbers_alike(value: Any) -> Any:
    """The same value with 2 where it says 2.0."""
    if isinstance(value, Mapping):
        return {name: _numbers_alike(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_numbers_alike(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


class ArmLoopSettings(StepSettings):
    """How each arm is trained: as many steps, or passes over its data, as all the others.

    Time, patience and tokens are no limits here: under them two arms would differ in length.
    """

    max_steps: MaxSteps = None
    epochs: Epochs = None
    precision: FixedPrecision = "fp32-fast"


class ArmTraining(BaseSettings):
    """What of `pretrain` an arm may set: its data is the business of the steps that make it."""

    model: ModelSettings | None = None
    objective: ObjectiveSettings | None = None
    optimizer: OptimizerSettings | None = None
    loop: ArmLoopSettings | None = None


class TargetSettings(BaseSettings):
    """The user's own task, to which each arm's model is carried over before it is measured."""

    task: TaskName | None = Field(
        default=None, description="what the target is; empty: the arms' own task"
    )
    data: TargetDataSettings = Field(
        default=TargetDataSettings(), description="the target's samples"
    )
    size: int | None = Field(
        default=None,
        ge=1,
        description="target samples to fine-tune on, another subset a seed; empty: all",
    )
    size_per_class: bool = Field(
        default=False, description="`size` counts samples of each class, not all together"
    )
    objective: ObjectiveSettings | None = Field(
        default=None, description="what is asked beside the task; empty: as `pretrain`"
    )
    test_size: int | None = Field(
        default=None,
        ge=2,
        description="test samples to measure on at most, always the same; empty: all",
    )
    optimizer: OptimizerSettings = Field(
        default=OptimizerSettings(), description="how the fine-tuning learns"
    )
    loop: BudgetSettings = Field(default=BudgetSettings(epochs=3), description="how long it learns")
    freeze: Prefixes = Field(
        default=(), description="parameters whose names begin like this are not trained"
    )
    unfreeze: Unfreeze = Field(
        default_factory=dict,
        description="parameters whose names begin like this are trained after this share only, as "
        "`pretrain.unfreeze`",
    )


class Settings(BaseSettings):
    """Say with an interval what each data decision was worth, by paired small trainings."""

    arms: dict[str, Change] = Field(
        default_factory=dict, min_length=1, description="name -> one change to the recipe's data"
    )
    seeds: int = Field(
        default=8,
        ge=2,
        le=200,
        description="paired repetitions; with fewer than 6 the exact sign-flip p cannot fall "
        "below 0.05",
    )
    smallest_effect: Annotated[float | None, ActsOn("summary")] = Field(
        default=None,
        ge=0,
        description="smallest difference that matters, in the metric's unit; nothing: "
        + smallest_effects(),
    )
    metric: str = Field(
        default="",
        description="figure that the arms are judged by, declared before the run: one of the "
        "task's, or loss, which is quieter than an accuracy; `primary`: the task's own; empty: as "
        "`transfer` where its target is taken over, or else the task's own",
    )
    match: Literal["compute", "data", "epochs"] = Field(
        default="compute",
        description="what all arms share: optimizer steps (`budget`); steps and the number of "
        "unique examples; or passes over their own data (`loop.epochs`)",
    )
    budget: int | None = Field(
        default=None, ge=1, description="optimizer steps of each model; empty: loop.max_steps"
    )
    task: TaskName | None = Field(
        default=None, description="what the models learn to do; empty: as `pretrain`"
    )
    model: ModelSettings | None = Field(
        default=None, description="what is not given is as `pretrain.model`"
    )
    data: DataSettings | None = Field(
        default=None,
        description="the samples an arm trains on; what is not given is as `pretrain.data`",
    )
    optimizer: OptimizerSettings | None = Field(
        default=None, description="what is not given is as `pretrain.optimizer`"
    )
    loop: ArmLoopSettings | None = Field(
        default=None,
        description="what is not given is as `pretrain.loop`, less its limits of tokens, time and "
        "patience; precision `auto` is fp32-fast",
    )
    target: TargetSettings | Literal["none"] | None = Field(
        default=None,
        description="fine-tune on this before measuring; what is not given is as `transfer` "
        "fine-tunes at its largest size; `none`, or no `transfer`: an arm's model is measured on "
        "the control's test split",
    )
    curve: Annotated[tuple[float, ...], AnyOrder()] = Field(
        default=(),
        description="shares of the control's data (or steps), below 1, at which it is trained "
        "too, three or more a constant factor apart: gives the effective multipliers",
    )
    curve_of: Literal["data", "steps"] = Field(
        default="data", description="what `curve` takes a share of"
    )
    group: str = Field(
        default="",
        description="column that groups the test samples (speaker, site); empty: as `transfer` "
        "where its target is taken over, or else each its own",
    )
    leakage: Literal["refuse", "remove"] = Field(
        default="refuse",
        description="held-out samples found in an arm's training data: stop, or leave the copies "
        "out of that arm and say how many",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        if CONTROL in self.arms:
            raise ValueError(f"`{CONTROL}` is the recipe itself; give the arm another name")
        if self.curve and (len(self.curve) < 3 or not all(0 < s < 1 for s in self.curve)):
            raise ValueError("`curve` needs three shares or more, each between 0 and 1")
        if len(set(self.curve)) < len(self.curve):
            raise ValueError("`curve` has a share twice")
        if self.curve_of == "steps" and self.match == "epochs":
            raise ValueError("curve_of steps needs match compute or data")
        if self.curve_of == "steps" and not self.curve:
            raise ValueError("curve_of steps: there is no `curve`")
        for name, arm in self.arms.items():
            if arm.seeds is not None and arm.seeds > self.seeds:
                raise ValueError(
                    f"arms.{name}.seeds: {arm.seeds}, and the experiment has {self.seeds} only"
                )
        return self
