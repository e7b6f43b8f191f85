"""The typed recipe: a header, named sources, a list of steps a stage, and the training stages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Literal

import yaml
from pydantic import Field

from tilth.extensions import Extension
from tilth.recipe.annotate import Annotate
from tilth.recipe.operations import RECORD_STAGES, Operation
from tilth.records import Json
from tilth.settings import ActsOn, BaseSettings


class Header(BaseSettings):
    """The keys of a recipe that are not a stage of the line."""

    tilth: Literal[1] = Field(1, description="version of the recipe format")
    name: Annotated[str, ActsOn("words")] = Field(
        ..., pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="name of the run's folder"
    )
    about: Annotated[str, ActsOn("words")] = Field(
        "", max_length=500, description="one line that the report opens with"
    )
    takes: Annotated[str, ActsOn("words")] = Field(
        "", max_length=200, description="how long it takes and where; said before it runs"
    )
    seed: int = Field(0, ge=0, lt=2**32, description="fixes everything that is drawn at random")
    error_budget: float = Field(
        0.01, ge=0, le=1, description="share of quarantined records above which a run stops"
    )
    threads: int = Field(
        2,
        ge=1,
        le=4096,
        description="threads of a training step; part of what the weights depend on",
    )
    extensions: tuple[str, ...] = Field(
        (),
        description="folders with operations, tasks and models of your own, laid out as Tilth's "
        "rooms, relative to the working directory",
    )
    annotate: Annotated[Annotate | None, ActsOn("words")] = Field(
        None, description="what people are asked (`tilth annotate`); no step, and it runs none"
    )


@dataclass(frozen=True)
class RecipeStep:
    """One operation with its settings, under the name that results are found by.

    Attributes:
        name: `clean.rules`.
        operation: What it does.
        settings: How.
        place: Where the recipe has it, as `my.yaml:9:5  clean[1].rules`; empty: nowhere. No output
            depends on it.
    """

    name: str
    operation: Operation
    settings: BaseSettings
    place: str = field(default="", compare=False)

    @property
    def stage(self) -> str:
        """The word of the line."""
        return self.name.partition(".")[0]

    @property
    def warning(self) -> str:
        """What should be known of its settings before a run; empty: nothing."""
        return self.operation.warning(self.settings)


@dataclass(frozen=True)
class Recipe:
    """A recipe that has been checked.

    Attributes:
        header: Name, seed, budget.
        origin: Where it was loaded from: the absolute path of a file, or `NAME (starter)`; empty
            where it was made otherwise. No output depends on it.
        extensions: As they were read with the recipe: a file of one that is edited later changes
            this recipe no more than an edit of the recipe's own file.
        sources: `collect.<name>` steps.
        records: clean, deduplicate, label and mix steps, in the order of the line.
        transforms: augment steps: applied on the fly in training.
        pretrain, transfer, value: The training stages, where the recipe has them.
    """

    header: Header
    sources: tuple[RecipeStep, ...]
    records: tuple[RecipeStep, ...]
    transforms: tuple[RecipeStep, ...] = ()
    pretrain: RecipeStep | None = None
    transfer: RecipeStep | None = None
    value: RecipeStep | None = None
    origin: str = ""
    extensions: tuple[Extension, ...] = ()

    @property
    def name(self) -> str:
        """The name of the run's folder."""
        return self.header.name

    def steps(self) -> Iterator[RecipeStep]:
        """All steps in the order of the line."""
        yield from self.sources
        yield from (s for s in self.records if s.stage != "mix")
        yield from self.transforms
        yield from (s for s in self.records if s.stage == "mix")
        yield from (s for s in (self.pretrain, self.transfer, self.value) if s is not None)

    def resolved(self) -> Json:
        """The recipe as plain values, every default written out."""
        left_out = {"annotate"} if self.header.annotate is None else None
        out: Json = self.header.model_dump(mode="json", exclude=left_out)
        out["collect"] = {
            s.name.partition(".")[2]: {s.operation.name: _plain(s)} for s in self.sources
        }
        for stage in (*RECORD_STAGES[:3], "augment", RECORD_STAGES[3]):
            steps = [s for s in (*self.records, *self.transforms) if s.stage == stage]
            if steps:
                out[stage] = [{s.operation.name: _plain(s)} for s in steps]
        for step in (self.pretrain, self.transfer, self.value):
            if step is not None:
                out[step.name] = _plain(step)
        return out

    def to_yaml(self) -> str:
        """The resolved recipe as YAML that `tilth run` accepts."""
        return yaml.safe_dump(self.resolved(), sort_keys=False, allow_unicode=True, width=96)


def _plain(step: RecipeStep) -> Json:
    plain: Json = step.settings.model_dump(mode="json")
    return plain
