"""The settings of the stage. Loads no torch: recipes are checked without it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tilth.augment.registry import TransformSpec
from tilth.models.settings import ModelSettings, model_settings
from tilth.settings import ActsOn, AnyOrder, BaseSettings, is_default
from tilth.tasks.registry import declaration
from tilth.tasks.settings import (
    DataSettings,
    ObjectiveSettings,
    TaskName,
    form_of,
    require_fit,
    require_read,
    says_nothing,
    settled,
)
from tilth.training.settings import LoopSettings, OptimizerSettings, require_end

Seed = Annotated[int, Field(ge=0, lt=2**32)]
# Of parameters: of several that fit a name the longest decides, wherever it stands.
Prefixes = Annotated[tuple[str, ...], AnyOrder()]
Unfreeze = Annotated[dict[str, Annotated[float, Field(ge=0, lt=1)]], AnyOrder()]


RANDOM = "random"


class Planned(BaseSettings):
    """What the plan gives to a training stage from the rest of the recipe."""

    augment: tuple[TransformSpec, ...] = Field(
        default=(), description="the recipe's on-the-fly transforms, each {op: settings}"
    )


# What a model to start from decides, and what a cross-validation does.
_VOCABULARY = ("vocabulary", "tokenizer", "tokenizer_sources")
_SPLITS = ("train", "validation", "test")
# For a stage that stands in no recipe.
ALONE = Planned()


class Settings(BaseSettings):
    """Train a model on the data until it has converged or the budget is spent."""

    task: TaskName = Field(default="text-generation", description="what the model learns to do")
    model: ModelSettings = Field(default=model_settings({"kind": "gpt"}), description="the network")
    data: DataSettings = Field(default=DataSettings(), description="what it learns from")
    objective: ObjectiveSettings = Field(
        default=ObjectiveSettings(), description="what is asked beside the task"
    )
    optimizer: OptimizerSettings = Field(default=OptimizerSettings(), description="how it learns")
    loop: LoopSettings = Field(default=LoopSettings(epochs=1), description="how long it learns")
    initialise: Annotated[str, ActsOn("outside")] = Field(
        default="random",
        description="`random`, or what to start from: the folder of a trained model, or a GPT-2 "
        "in Hugging Face's format, a folder or its name on the hub",
    )
    freeze: Prefixes = Field(
        default=(), description="parameters whose names begin like this are not trained"
    )
    unfreeze: Unfreeze = Field(
        default_factory=dict,
        description="parameters whose names begin like this are trained after this share of the "
        "run only, as {blocks.0.: 0.5, blocks.1.: 0.25} (Howard and Ruder 2018, section 3.3); of "
        "two prefixes the longer decides",
    )
    cross_validate: Literal["", "subject", "source", "label"] = Field(
        default="",
        description="train once for each value of this column, tested on that value and trained on "
        "the others; the figures are the mean",
    )
    seeds: tuple[Seed, ...] = Field(
        default=(), description="train once for each, and report the mean; empty: the recipe's seed"
    )
    group: str = Field(
        default="",
        description="column that groups the held-out samples (speaker, site): the intervals of the "
        "figures are then over groups; empty: `subject`, if no held-out one is trained on, or else "
        "each sample by itself",
    )

    @model_validator(mode="after")
    def _model_fits_task(self) -> Settings:
        require_fit(self.task, self.model)
        require_read(self.task, self.data, self.objective, self.loop)
        form_of(self.data, None, "pretrain.data", window=self.model.window)
        require_end(self.optimizer, self.loop, shares=bool(self.unfreeze))
        return self

    @model_validator(mode="after")
    def _acts(self) -> Settings:
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("seeds: the same seed twice is the same training twice")
        own = [f"data.{name}" for name in _VOCABULARY if not says_nothing(self.data, name)]
        if self.initialise != RANDOM and own:
            raise ValueError(
                f"`{own[0]}` does nothing beside `initialise`: the vocabulary is that of the model "
                "to start from"
            )
        named = [f"data.{name}" for name in _SPLITS if not is_default(self.data, name)]
        if self.cross_validate and named:
            raise ValueError(
                f"`{named[0]}` does nothing beside `cross_validate`, which makes the splits itself"
            )
        if self.cross_validate == "label" and declaration(self.task).labels:
            raise ValueError(
                f"cross_validate: label leaves out a whole class, which {self.task} must have seen"
            )
        return self

    def normal(self) -> Settings:
        """From scratch, with what `data` leaves empty given: else the model to start from may say
        it, which is in the fingerprint."""
        if self.initialise != RANDOM:
            return self
        return self.model_copy(update={"data": settled(self.data, self.model.window)})
