"""What will run, and why: steps in order, each with a content address.

A step's identity is a digest of its settings, the version of its code, and the identities of its
inputs (for a source: the fingerprint of what lies outside). Equal identity, equal output: what is
unchanged is not run again, and arms of an experiment share what they have in common.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tilth.errors import ExtensionError
from tilth.extensions import using
from tilth.models.declare import NetworkSettings
from tilth.models.registry import hub_readers, module_of
from tilth.pretrain.settings import RANDOM
from tilth.recipe.arms import arm_recipe
from tilth.recipe.model import Recipe, RecipeStep
from tilth.recipe.operations import Operation, operations
from tilth.settings import BaseSettings
from tilth.tasks.registry import modules_of
from tilth.web.secrets import masked


@dataclass(frozen=True)
class PlannedStep:
    """One step with its content address.

    Attributes:
        name: As in the recipe; a step that only an arm needs is `value.<arm>/<step>`.
        operation: What it does.
        settings: How.
        inputs: (role, name of the step that makes it), in order.
        parts: What the identity is made of, by name: why a step runs is a difference of these.
        identity: 24 hex digits.
        planned: What a training stage is given of the rest of the recipe.
    """

    name: str
    operation: Operation
    settings: BaseSettings
    inputs: tuple[tuple[str, str], ...]
    parts: Mapping[str, Any] = field(repr=False)
    identity: str
    planned: BaseSettings | None = None

    @property
    def folder_name(self) -> str:
        """The name of its folder under `data/`."""
        return f"{self.name.rpartition('/')[2]}-{self.identity}"


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
    """Work out every step's identity; reads no data beyond the names and sizes of sources.

    Args:
        recipe: The recipe.
        limit: Samples to read of each source at most.

    Raises:
        MissingError: A source's file is not there, or the model to start from.
    """
    with using(recipe.extensions):
        return _build_plan(recipe, limit)


def _build_plan(recipe: Recipe, limit: int | None) -> Plan:
    builder = _Builder(recipe, limit)
    control = builder.data_line(recipe, "")
    transforms = [{s.operation.name: s.settings.model_dump(mode="json")} for s in recipe.transforms]
    code = [s.operation.code_version() for s in recipe.transforms]
    if recipe.pretrain is not None:
        builder.train(recipe.pretrain, (("data", control),), {}, transforms, code)
    if recipe.transfer is not None:
        inputs = (("data", control), ("model", "pretrain"))
        builder.train(recipe.transfer, inputs, {}, transforms, code)
    if recipe.value is not None:
        arms = [("control", control)]
        for name, arm in dict(recipe.value.settings.arms).items():  # type: ignore[attr-defined]
            derived = arm_recipe(recipe, arm)
            if derived is not None:
                arms.append((name, builder.data_line(derived, f"value.{name}/")))
        stages = {"pretrain": recipe.pretrain, "transfer": recipe.transfer}
        builder.train(recipe.value, tuple(arms), stages, transforms, code)
    return Plan(recipe, tuple(builder.steps), limit)


class _Builder:
    """Adds steps; one that stands already under another name is shared."""

    def __init__(self, recipe: Recipe, limit: int | None) -> None:
        self._recipe = recipe
        self._limit = limit
        self.steps: list[PlannedStep] = []
        self._by_identity: dict[str, str] = {}
        self._identities: dict[str, str] = {}
        # By id(): the step is kept beside its name, so that no other can get the same id.
        self._sources: dict[int, tuple[RecipeStep, str]] = {}

    def data_line(self, recipe: Recipe, prefix: str) -> str:
        """Add collect to mix; returns the name of the step at the end of the line."""
        ends = [self._source(step, prefix) for step in recipe.sources]
        for step in recipe.records:
            inputs = tuple((str(i), name) for i, name in enumerate(ends))
            ends = [self._add(step, prefix, inputs, _fingerprint(step))]
        if len(ends) > 1 or not recipe.records:
            # With no record step the training stages read the sources themselves.
            return ends[0] if len(ends) == 1 else self._concat(ends, prefix)
        return ends[0]

    def _source(self, step: RecipeStep, prefix: str) -> str:
        """Add a source; what an arm leaves as it is was looked at already."""
        known = self._sources.get(id(step))
        if known is None:
            known = step, self._add(step, prefix, (), self._source_parts(step))
            self._sources[id(step)] = known
        return known[1]

    def _concat(self, ends: list[str], prefix: str) -> str:
        op = operations()["weights"]
        step = RecipeStep("mix.weights", op, op.settings())
        inputs = tuple((str(i), name) for i, name in enumerate(ends))
        return self._add(step, prefix, inputs, {})

    def _source_parts(self, step: RecipeStep) -> dict[str, Any]:
        return {
            "source": step.name.partition(".")[2],
            **_fingerprint(step),
            "limit": self._limit,
            "seed": self._recipe.header.seed,
        }

    def train(
        self,
        step: RecipeStep,
        inputs: tuple[tuple[str, str], ...],
        stages: Mapping[str, RecipeStep | None],
        transforms: list[dict[str, Any]],
        code: list[str],
    ) -> None:
        """Add a training stage; it is given the recipe's transforms and the stages before it."""
        assert step.operation.planned is not None
        before = {name: one.settings for name, one in stages.items() if one is not None}
        planned = step.operation.planned.model_validate({"augment": transforms, **before})
        taken_over = [
            _taken_over(step.settings, name) for name, one in stages.items() if one is None
        ]
        if hasattr(step.operation.module, "models_of"):
            taken_over += step.operation.module.models_of(step.settings, planned)
        parts = {"seed": self._recipe.header.seed, "transforms": code, **_fingerprint(step)}
        if step.operation.kind == "fit":
            parts["threads"] = self._recipe.header.threads
        self._add(step, "", inputs, parts, planned, taken_over)

    def _add(
        self,
        step: RecipeStep,
        prefix: str,
        inputs: tuple[tuple[str, str], ...],
        extra: Mapping[str, Any],
        planned: BaseSettings | None = None,
        taken_over: Sequence[BaseSettings] = (),
    ) -> str:
        parts: dict[str, Any] = {
            "operation": step.operation.name,
            "settings": step.settings.model_dump(mode="json"),
            "inputs": {role: self._identities[name] for role, name in inputs},
            **extra,
        }
        if planned is not None:
            parts["planned"] = planned.model_dump(mode="json")
        named = [step.settings, *([] if planned is None else [planned]), *taken_over]
        parts["code"] = step.operation.code_version(_found_by_name(*named))
        digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]
        if digest in self._by_identity:
            return self._by_identity[digest]
        name = prefix + step.name
        if "outside" in parts:
            # From here on it is compared and no more read; the record goes with what is shared, and
            # files may be called after people.
            parts["outside"] = digest_of_outside(parts["outside"])
        self._by_identity[digest] = name
        self._identities[name] = digest
        self.steps.append(
            PlannedStep(name, step.operation, step.settings, inputs, parts, digest, planned)
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


def _found_by_name(*settings: BaseSettings) -> list[str]:
    """The modules of the tasks and models that settings name, wherever in them."""
    found: set[str] = set()
    queue: list[Any] = [*settings]
    while queue:
        one = queue.pop()
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


def _fingerprint(step: RecipeStep) -> dict[str, Any]:
    """Files outside that a step's settings name: rule sets, functions, weights to start from."""
    fingerprint = getattr(step.operation.module, "fingerprint", None)
    if fingerprint is None:
        return {}
    outside = fingerprint(step.settings)
    if not isinstance(outside, str):
        raise ExtensionError(
            f"`fingerprint` of `{step.operation.name}` gives a {type(outside).__name__}, not a str",
            hint="it gives a text that changes when what lies outside does, or an empty one",
        )
    return {"outside": outside}


def said_of(parts: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that a recipe says of a step: its settings, and what the plan added to them.

    Args:
        parts: Of a planned or recorded step. A record of an earlier version has all in `settings`.
    """
    return {**parts.get("settings", {}), **parts.get("planned", {})}


def digest_of_outside(fingerprint: str) -> str:
    """What a plan keeps of an operation's fingerprint: its SHA-256, or nothing of nothing."""
    if not fingerprint:
        return ""
    return hashlib.sha256(fingerprint.encode("utf-8", "surrogatepass")).hexdigest()


def why_it_runs(step: PlannedStep, before: Mapping[str, Any] | None) -> str:
    """One line: what differs from the last run's record of the same step.

    Args:
        step: The step as planned now.
        before: `parts` of the step of that name in the last run; None if there was none.
    """
    if before is None:
        return "never run"
    reasons = []
    settings, old = said_of(step.parts), said_of(before)
    for key in sorted({*settings, *old}):
        if settings.get(key) != old.get(key):
            reasons.append(f"{key}: {_difference(old.get(key), settings.get(key))}")
    if step.parts["code"] != before.get("code"):
        reasons.append("its code changed")
    for key, label in (
        ("outside", "what it reads changed"),
        ("limit", "--limit changed"),
        ("seed", "the seed changed"),
        ("threads", "the thread count changed"),
        ("source", "the source was renamed"),
        ("transforms", "augmentation changed"),
    ):
        if step.parts.get(key) != before.get(key):
            reasons.append(label)
    changed = [
        role
        for role, ident in step.parts["inputs"].items()
        if before.get("inputs", {}).get(role) != ident
    ]
    if changed and not reasons:
        names = [name for role, name in step.inputs if role in changed]
        reasons.append("its input changed: " + ", ".join(names))
    return "; ".join(reasons) or "its inputs are in another order"


def _difference(old: Any, new: Any) -> str:
    """Old and new value, of mappings and lists only the parts that differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys = [k for k in sorted({*old, *new}) if old.get(k) != new.get(k)]
        return ", ".join(f"{k}: {_difference(old.get(k), new.get(k))}" for k in keys)
    if isinstance(old, list) and isinstance(new, list):
        old, new = [x for x in old if x not in new], [x for x in new if x not in old]
        if len(old) == len(new):
            return ", ".join(map(_difference, old, new)) or "in another order"
    return f"{_short(old)} -> {_short(new)}"


def _short(value: Any) -> str:
    # The last run may be of a time when a recipe could hold a password.
    text = masked(json.dumps(value))
    return text if len(text) <= 40 else text[:37] + "..."


def data_folder(run_folder: Path, step: PlannedStep) -> Path:
    """Where the step's data set stands, or will stand."""
    return run_folder / "data" / step.folder_name
