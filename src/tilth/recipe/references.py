"""Check what a recipe's parts say of each other: sources, steps and arms that they name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from tilth.errors import Problem, UsageError
from tilth.hints import did_you_mean
from tilth.recipe.annotated import check_annotate
from tilth.recipe.columns import check_columns
from tilth.recipe.model import Recipe
from tilth.recipe.transforms import arm_over_unused
from tilth.settings import BaseSettings, laid_over

Where = Callable[[tuple[str | int, ...]], str]

# Each name that is not there is compared with all that are; more suggestions nobody reads.
_MAX_SUGGESTIONS = 20


def check_references(recipe: Recipe, where: Where) -> list[Problem]:
    """Every name that a recipe refers to and does not have, as problems with their place."""
    problems: list[Problem] = []
    sources = [step.name.partition(".")[2] for step in recipe.sources]
    known = set(sources)
    places = _places(recipe)
    for step in recipe.steps():
        if step.stage == "collect":
            continue
        for path, name in _named_sources(step.settings):
            if name not in known:
                problems.append(
                    Problem(
                        "unknown-source",
                        f"`{step.name}` names the source `{name}`, which `collect` has not",
                        where((*places[step.name], *path)),
                        _suggestion(name, sources, problems),
                    )
                )
    if recipe.transfer is not None and recipe.pretrain is None:
        problems.append(
            Problem(
                "no-pretrain",
                "`transfer` needs a model, and the recipe has no `pretrain`",
                where(("transfer",)),
                "add a `pretrain` stage",
            )
        )
    if recipe.value is not None:
        problems += _check_arms(recipe, where)
    problems = problems or check_columns(recipe, places, where)
    problems = problems or check_annotate(recipe, where)
    return problems or _check_stages(recipe, where) or _unchanged(recipe, where)


def _check_stages(recipe: Recipe, where: Where) -> list[Problem]:
    """What a training stage says of itself that the stages before it cannot give."""
    problems: list[Problem] = []
    before: dict[str, BaseSettings] = {}
    for step in (recipe.pretrain, recipe.transfer, recipe.value):
        if step is None:
            continue
        if hasattr(step.operation.module, "require_together"):
            try:
                step.operation.module.require_together(step.settings, before)
            except UsageError as error:
                path = tuple((error.where or step.name).split("."))
                problems.append(Problem(error.code, error.what, where(path), error.hint))
        before[step.name] = step.settings
    return problems


def _suggestion(name: str, choices: list[str], problems: list[Problem]) -> str:
    return did_you_mean(name, choices) if len(problems) < _MAX_SUGGESTIONS else ""


def _places(recipe: Recipe) -> dict[str, tuple[str | int, ...]]:
    """Where in the file each step's settings stand."""
    places: dict[str, tuple[str | int, ...]] = {}
    counts: dict[str, int] = {}
    for step in recipe.steps():
        if step.operation.name == step.name:
            places[step.name] = (step.name,)
        elif step.stage == "collect":
            places[step.name] = ("collect", step.name.partition(".")[2], step.operation.name)
        else:
            index = counts.get(step.stage, 0)
            counts[step.stage] = index + 1
            places[step.name] = (step.stage, index, step.operation.name)
    return places


def _named_sources(settings: BaseModel) -> Iterator[tuple[tuple[str, ...], str]]:
    """(path, name) of every source that settings name.

    These are the fields called `sources`, or so at their end, as `tokenizer_sources`, wherever they
    stand.
    """
    for field, value in settings:
        if field == "sources" or field.endswith("_sources"):
            names = [pair[0] if isinstance(pair, tuple) else pair for pair in value or ()]
            yield from (((field,), str(name)) for name in names)
            continue
        inner = value.items() if isinstance(value, Mapping) else [("", value)]
        for key, one in inner:
            if isinstance(one, BaseModel):
                place = (field, str(key)) if key else (field,)
                yield from (((*place, *path), name) for path, name in _named_sources(one))


def _check_arms(recipe: Recipe, where: Where) -> list[Problem]:
    assert recipe.value is not None
    names = [step.name for step in recipe.steps()]
    known = set(names)
    sources = [step.name.partition(".")[2] for step in recipe.sources]
    known_sources = set(sources)
    problems: list[Problem] = []
    arms: dict[str, Any] = dict(getattr(recipe.value.settings, "arms", {}))
    for name, arm in arms.items():
        problems += _changes_nothing(name, arm, where)
        problems += arm_over_unused(name, arm, recipe, where)
        referred = [arm.without] if arm.without else []
        referred += [step for step, _ in (arm.set or {}).items()]
        for step in referred:
            if step not in known:
                problems.append(
                    Problem(
                        "unknown-step",
                        f"arm `{name}` names the step `{step}`, which the recipe has not",
                        where(("value", "arms", name)),
                        _suggestion(step, names, problems),
                    )
                )
        for step in (one for one in recipe.records if one.name in arm.set):
            changed = laid_over(step.settings, arm.set[step.name])
            own = type(step.settings).model_validate(changed)
            problems += [
                Problem(
                    "unknown-source",
                    f"arm `{name}` names the source `{source}`, which `collect` has not",
                    where(("value", "arms", name, "set", step.name, *path)),
                    _suggestion(source, sources, problems),
                )
                for path, source in _named_sources(own)
                if source not in known_sources
            ]
        left_out = arm.without_source
        if left_out and left_out not in known_sources:
            problems.append(
                Problem(
                    "unknown-source",
                    f"arm `{name}` leaves out the source `{left_out}`, which the recipe has not",
                    where(("value", "arms", name)),
                    _suggestion(left_out, sources, problems),
                )
            )
    return problems


def _changes_nothing(name: str, arm: Any, where: Where) -> list[Problem]:
    """An arm is other data, another training or none: what else it names is not done."""
    named = [("set", step) for step in arm.set if step != "pretrain"]
    named += [("without", arm.without)] if arm.without != "pretrain" else []
    return [
        Problem(
            "bad-arm",
            f"arm `{name}` changes `{step}`, by which all arms are measured alike",
            where(("value", "arms", name, key)),
            "a step from collect to mix, or of augment, or `set: {pretrain: ...}`; "
            "`without: pretrain` leaves it out",
        )
        for key, step in named
        if step in ("pretrain", "transfer", "value")
    ]


def _unchanged(recipe: Recipe, where: Where) -> list[Problem]:
    """Arms that say what already holds: they would train the control twice."""
    if recipe.value is None:
        return []
    steps = {step.name: step for step in recipe.steps()}
    planned = {s.name: s.settings for s in (recipe.pretrain, recipe.transfer) if s is not None}
    changes = recipe.value.operation.module.changes_training
    problems = []
    for name, arm in dict(getattr(recipe.value.settings, "arms", {})).items():
        for changed, given in arm.set.items():
            settings, what = steps[changed].settings, "to what it is"
            if changed == "pretrain":
                what += ", or in what its figure does not depend on"
                same = not changes(recipe.value.settings, planned, name)
            else:
                same = type(settings).model_validate(laid_over(settings, given)) == settings
            if same:
                problems.append(
                    Problem(
                        "bad-arm",
                        f"arm `{name}` sets `{changed}` {what}: it would change nothing",
                        where(("value", "arms", name, "set", changed)),
                        "`same: true` is the check that the experiment sees no ghosts",
                    )
                )
    return problems
