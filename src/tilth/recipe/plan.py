"""What a recipe says will run: its steps in order, each with all that is known before any data.

What a step's output is, its identity, depends on the contents of its inputs as well, which are
there once those are made: see `tilth.engine.resolve`. Arms of an experiment share the steps that
they have in common.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tilth.collect.joins import Join
from tilth.extensions import using
from tilth.models.declare import NetworkSettings
from tilth.models.registry import hub_readers, module_of
from tilth.pretrain.settings import RANDOM
from tilth.recipe.arms import arm_recipe
from tilth.recipe.identity import FORMULA, digest_of_parts
from tilth.recipe.libraries import device_of, libraries_of
from tilth.recipe.model import Recipe, RecipeStep
from tilth.recipe.operations import Operation, operations
from tilth.recipe.parsed import remember
from tilth.recipe.transforms import transforms_taken
from tilth.records import Json
from tilth.settings import BaseSettings, acting
from tilth.tasks.registry import modules_of

# What reads tables that are joined to a source.
JOINS = "tilth.collect.join_tables"


@dataclass(frozen=True)
class PlannedStep:
    """One step, as far as it is known.

    Attributes:
        name: As in the recipe; a step that only an arm needs is `value.<arm>/<step>`.
        operation: What it does.
        settings: How.
        inputs: (role, name of the step that makes it), in order.
        parts: What its identity is made of, by name, less its inputs and what lies outside until
            it is resolved: why a step runs is a difference of these.
        own: 24 hex digits of the parts and of what it is given: the same step, whatever comes in.
        key: The same, and of the steps before it: the same step of the same recipe.
        planned: What a training stage is given of the rest of the recipe.
        identity: 24 hex digits; empty until it is resolved.
        place: Where the recipe has it, for errors; empty: nowhere.
    """

    name: str
    operation: Operation
    settings: BaseSettings
    inputs: tuple[tuple[str, str], ...]
    parts: Mapping[str, Any] = field(repr=False)
    own: str
    key: str
    planned: BaseSettings | None = None
    identity: str = ""
    place: str = field(default="", compare=False)

    @property
    def stem(self) -> str:
        """What its folders begin with: not its place in the recipe, which changes no output."""
        if self.operation.kind == "source":
            return self.name.rpartition("/")[2]
        stage, name = self.operation.stage, self.operation.name
        return name if name == stage else f"{stage}.{name}"

    @property
    def folder_name(self) -> str:
        """The name of its folder under `data/`.

        Raises:
            ValueError: It is not resolved.
        """
        if not self.identity:
            raise ValueError(f"the identity of {self.name} is not known yet")
        return f"{self.stem}-{self.identity}"

    def said(self) -> Json:
        """Everything that the recipe says of it, for people: its settings and what it is given."""
        given = {} if self.planned is None else self.planned.model_dump(mode="json")
        return {**self.settings.model_dump(mode="json"), **given}


@dataclass(frozen=True)
class Plan:
    """All steps in an order in which they can run."""

    recipe: Recipe
    steps: tuple[PlannedStep, ...]
    limit: int | None = None

    def step(self, name: str) -> PlannedStep:
        """The step of that name.

        Raises:
            KeyError: There is none.
        """
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, PlannedStep]:
        return {step.name: step for step in self.steps}

    def needed_for(self, name: str) -> list[PlannedStep]:
        """The step and all that it stands on, in order."""
        wanted = {name}
        for step in reversed(self.steps):
            if step.name in wanted:
                wanted.update(source for _, source in step.inputs)
        return [step for step in self.steps if step.name in wanted]


def build_plan(recipe: Recipe, *, limit: int | None = None) -> Plan:
    """Work out the steps, and what is known of each before any data.

    Args:
        recipe: The recipe.
        limit: Samples to read of each source at most.
    """
    with using(recipe.extensions):
        plan = _build_plan(recipe, limit)
    remember()
    return plan


def _build_plan(recipe: Recipe, limit: int | None) -> Plan:
    builder = _Builder(recipe, limit)
    control = builder.data_line(recipe, "")
    if recipe.pretrain is not None:
        builder.train(recipe.pretrain, (("data", control),), {})
    if recipe.transfer is not None:
        inputs = (("data", control), ("model", "pretrain"))
        builder.train(recipe.transfer, inputs, {"pretrain": recipe.pretrain})
    if recipe.value is not None:
        arms = [("control", control)]
        for name, arm in dict(recipe.value.settings.arms).items():  # type: ignore[attr-defined]
            derived = arm_recipe(recipe, arm)
            if derived is not None:
                arms.append((name, builder.data_line(derived, f"value.{name}/")))
        builder.train(
            recipe.value, tuple(arms), {"pretrain": recipe.pretrain, "transfer": recipe.transfer}
        )
    return Plan(recipe, tuple(builder.steps), limit)


class _Builder:
    """Adds steps; one that stands already under another name is shared."""

    def __init__(self, recipe: Recipe, limit: int | None) -> None:
        self._recipe = recipe
        self._limit = limit
        self.steps: list[PlannedStep] = []
        self._by_key: dict[str, str] = {}
        self._keys: dict[str, str] = {}
        # By id(): the step is kept beside its name, so that no other can get the same id.
        self._sources: dict[int, tuple[RecipeStep, str]] = {}

    def data_line(self, recipe: Recipe, prefix: str) -> str:
        """Add collect to mix; returns the name of the step at the end of the line."""
        ends = [self._source(step, prefix) for step in recipe.sources]
        for step in recipe.records:
            inputs = tuple((str(i), name) for i, name in enumerate(ends))
            ends = [self._add(step, prefix, inputs, {})]
        if len(ends) > 1 or not recipe.records:
            # With no record step the training stages read the sources themselves.
            return ends[0] if len(ends) == 1 else self._concat(ends, prefix)
        return ends[0]

    def _source(self, step: RecipeStep, prefix: str) -> str:
        """Add a source; what an arm leaves as it is was looked at already."""
        known = self._sources.get(id(step))
        if known is None:
            parts = {"source": step.name.partition(".")[2], "limit": self._limit}
            known = step, self._add(step, prefix, (), parts)
            self._sources[id(step)] = known
        return known[1]

    def _concat(self, ends: list[str], prefix: str) -> str:
        op = operations()["weights"]
        step = RecipeStep("mix.weights", op, op.settings())
        inputs = tuple((str(i), name) for i, name in enumerate(ends))
        return self._add(step, prefix, inputs, {})

    def train(
        self,
        step: RecipeStep,
        inputs: tuple[tuple[str, str], ...],
        stages: Mapping[str, RecipeStep | None],
    ) -> None:
        """Add a training stage; it is given the recipe's transforms and the stages before it."""
        assert step.operation.planned is not None
        before = {name: one.settings for name, one in stages.items() if one is not None}
        taken = transforms_taken(self._recipe, step.name)
        transforms = [{s.operation.name: s.settings.model_dump(mode="json")} for s in taken]
        planned = step.operation.planned.model_validate({"augment": transforms, **before})
        taken_over = [
            _taken_over(step.settings, name) for name, one in stages.items() if one is None
        ]
        if hasattr(step.operation.module, "models_of"):
            taken_over += step.operation.module.models_of(step.settings, planned)
        parts = {"threads": self._recipe.header.threads} if step.operation.takes_threads else {}
        found_by_name = [s.operation.module_name for s in taken]
        self._add(step, "", inputs, parts, planned, taken_over, found_by_name)

    def _add(
        self,
        step: RecipeStep,
        prefix: str,
        inputs: tuple[tuple[str, str], ...],
        extra: Mapping[str, Any],
        planned: BaseSettings | None = None,
        taken_over: Sequence[BaseSettings] = (),
        found_by_name: Sequence[str] = (),
    ) -> str:
        named = [step.settings, *([] if planned is None else [planned]), *taken_over]
        modules = sorted({*modules_named(*named), *found_by_name})
        settings, seed = step.operation.seeded(step.settings, self._recipe.header.seed)
        parts: dict[str, Any] = {"formula": FORMULA, "operation": step.operation.name}
        given: list[Any] = []
        if step.operation.kind == "grid":
            # What decides its cells is among their own parts.
            parts["settings"] = step.operation.module.summary_parts(step.settings, planned)
            given = [acting(settings), acting(planned) if planned else None, seed]
            given.append(step.operation.code_version(modules))
            modules = []
        else:
            parts["settings"] = acting(settings)
            parts |= {} if planned is None else {"planned": acting(planned)}
            parts |= {} if seed is None else {"seed": seed}
        parts["code"] = step.operation.code_version(modules)
        parts["libraries"] = libraries_of(step.operation.modules(modules))
        parts |= extra if planned is None else {"device": device_of(*named), **extra}
        before = [(role, self._keys[name]) for role, name in inputs]
        own = digest_of_parts({**parts, "given": given})
        key = digest_of_parts({"own": own, "inputs": before})
        if key in self._by_key:
            return self._by_key[key]
        name = prefix + step.name
        self._by_key[key], self._keys[name] = name, key
        self.steps.append(
            PlannedStep(
                *(name, step.operation, step.settings, inputs, parts, own, key, planned),
                place=step.place,
            )
        )
        return name


def _taken_over(settings: BaseSettings, stage: str) -> BaseSettings:
    """What a stage does as one before it that the recipe has not: that one's defaults.

    Args:
        settings: Of the stage; what they leave empty is taken over.
        stage: The one before.
    """
    defaults = operations()[stage].settings()
    own = {name: value for name, value in settings if value is not None}
    fields = type(defaults).model_fields
    return defaults.model_copy(update={name: own[name] for name in fields if name in own})


def modules_named(*settings: BaseSettings) -> list[str]:
    """The modules of the tasks, models and tables that settings name anywhere, in order."""
    found: set[str] = set()
    queue: list[Any] = [*settings]
    while queue:
        one = queue.pop()
        if isinstance(one, Join):
            found.add(JOINS)
        if isinstance(one, NetworkSettings):
            found.add(module_of(one.kind))
        if isinstance(one, BaseSettings):
            values = dict(one)
            if values.get("task") is not None:
                found.update(modules_of(values["task"]))
            if values.get("initialise", RANDOM) != RANDOM:
                found.update(hub_readers().values())
            queue.extend(values.values())
        elif isinstance(one, Mapping):
            queue.extend(one.values())
        elif isinstance(one, tuple):
            queue.extend(one)
    return sorted(found)


def data_folder(run_folder: Path, step: PlannedStep) -> Path:
    """Where the step's data set stands, or will stand."""
    return run_folder / "data" / step.folder_name
