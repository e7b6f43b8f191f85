"""What a recipe will run, what is done already, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tilth.engine.resolve import StepState
from tilth.engine.run import expected_time, made_from_another, shared_folder, step_states
from tilth.errors import UsageError
from tilth.extensions import using
from tilth.hints import did_you_mean
from tilth.query.basis import Basis, basis_of, rests_on
from tilth.query.forecast import forecast_of
from tilth.query.runs import match_step
from tilth.query.taken import taken
from tilth.recipe.model import Recipe
from tilth.recipe.plan import Plan, build_plan
from tilth.settings import BaseSettings
from tilth.store.manifest import Manifest
from tilth.web.previewed import CrawlPreview


@dataclass(frozen=True)
class PlannedView:
    """One step of a plan.

    Attributes:
        cached: Whether its output is there.
        perhaps: Whether it runs only if what comes in is otherwise than before.
        why: Why it will run, or on what it rests that it is cached.
        committed: Parts of it (shards, cells) that are there from a run that was stopped.
        basis: All that it stands on.
        taken: Of a step that will run, what it takes where its settings say nothing, and from
            where.
        warning: Of a step that will run, what should be known of its settings; empty: nothing.
        forecast: Of a step that will run and pays for it, for how much; empty: it pays nothing.
    """

    name: str
    stage: str
    op: str
    kind: str
    identity: str
    inputs: tuple[str, ...]
    cached: bool
    perhaps: bool
    why: str
    committed: int
    basis: Basis
    taken: tuple[str, ...] = ()
    warning: str = ""
    forecast: str = ""


@dataclass(frozen=True)
class PlanView:
    """A plan against what its run's folder holds.

    Attributes:
        name: Name of the run.
        folder: Its folder, there or not.
        limit: Samples read of each source at most.
        only: The step that the plan ends with, if not all.
        warning: What should be known before it runs; empty where there is nothing.
        steps: In the order in which they run.
        expected_s: Seconds that the steps to run are expected to take; None where not known.
        outlook: The same in words, with what it rests on.
        plan: The plan itself.
        refresh: The source that asks again for what it has fetched.
    """

    name: str
    folder: str
    limit: int | None
    only: str | None
    steps: tuple[PlannedView, ...]
    warning: str
    expected_s: float | None
    outlook: str
    plan: Plan = field(repr=False)
    refresh: str | None = None

    @property
    def to_run(self) -> list[PlannedView]:
        """The steps that will run, or may."""
        return [step for step in self.steps if not step.cached]

    def explain(self, step: str) -> Basis:
        """All that a step stands on, a part a line.

        Args:
            step: Its name, or an unambiguous end of it.

        Raises:
            UsageError: There is no such step.
        """
        name = match_step(step, [one.name for one in self.steps])
        return next(one.basis for one in self.steps if one.name == name)

    @property
    def num_to_run(self) -> str:
        """How many will run: `3`, or `1 to 3` where some may turn out to be there."""
        sure = sum(not step.perhaps for step in self.to_run)
        return f"{sure}" if sure == len(self.to_run) else f"{sure} to {len(self.to_run)}"

    @property
    def warnings(self) -> list[str]:
        """What should be known before it runs: of the run, and of steps that will run."""
        of_steps = [f"{step.name}: {step.warning}" for step in self.steps if step.warning]
        return [*filter(None, [self.warning]), *of_steps]

    def preview(self) -> dict[str, CrawlPreview]:
        """What the sites of its crawls say before they go, by the name of the step.

        A few requests are made to each site. Of a crawl that is done already there is none.

        Raises:
            UsageError: No step that will run is a crawl.
            MissingError: A secret that the settings name is not there.
        """
        crawls = [
            (step, preview)
            for step in self.plan.steps
            if any(one.name == step.name for one in self.to_run)
            and (preview := getattr(step.operation.module, "preview", None)) is not None
        ]
        if not crawls:
            raise UsageError(
                "no crawl is to run, and so there is no site to look at",
                where=self.name,
                hint="a preview asks the sites of sources that are a `crawl` and not cached",
            )
        return {step.name: preview(step.settings, self.limit) for step, preview in crawls}

    @property
    def takes_mirror(self) -> bool:
        """Whether a source may fetch a file and names no mirror of its own."""
        return any(
            # What an operation of the user's own fetches nobody knows.
            not step.operation.module_name.startswith("tilth.") or _fetches(step.settings)
            for step in self.plan.recipe.sources
        )

    def __str__(self) -> str:
        lines = [
            f"{self.name}: {len(self.steps)} steps, {len(self.steps) - len(self.to_run)} cached, "
            f"{self.num_to_run} to run"
        ]
        width = max((len(step.name) for step in self.steps), default=0)
        for step in self.steps:
            state = "cached" if step.cached else "run?  " if step.perhaps else "run   "
            lines.append(f"  {step.name:<{width}}  {state}  {step.why}".rstrip())
            lines += [f"      {one}" for one in (*step.taken, *filter(None, [step.forecast]))]
        lines += [self.outlook] if self.outlook else []
        return "\n".join([*lines, *(f"warning: {one}" for one in self.warnings)])


def _fetches(settings: BaseSettings) -> bool:
    """Whether a source fetches files, and looks for them where all look first."""
    if getattr(settings, "mirror", "has no such setting") is not None:
        return False
    # What names neither has addresses that it knows itself, as `idx` those of MNIST.
    return _names(settings, "url") or not _names(settings, "path")


def _names(value: object, setting: str) -> bool:
    """Whether settings have a value of that name, wherever in them."""
    if isinstance(value, BaseSettings):
        own = getattr(value, setting, None) is not None
        return own or any(_names(one, setting) for _, one in value)
    return isinstance(value, tuple) and any(_names(one, setting) for one in value)


def renamed(recipe: Recipe, name: str | None) -> Recipe:
    """The recipe under another run name; no output depends on it.

    Raises:
        UsageError: It is not a name that a folder can have.
    """
    if name is None or name == recipe.name:
        return recipe
    from pydantic import ValidationError

    try:
        header = type(recipe.header).model_validate({**recipe.header.model_dump(), "name": name})
    except ValidationError:
        raise UsageError(
            f"`{name}` cannot name a run",
            hint="letters, digits, `.`, `_` and `-`, at most 64, a letter or digit first",
        ) from None
    return replace(recipe, header=header)


def plan_recipe(
    recipe: Recipe,
    *,
    runs: str | Path = "runs",
    limit: int | None = None,
    only: str | None = None,
    refresh: str | None = None,
) -> PlanView:
    """Work out what a recipe will run; reads no data, but what a step asks for that pays for it.

    Args:
        recipe: The recipe.
        runs: The folder that holds runs.
        limit: Samples to read of each source at most.
        only: A step to end with, or an unambiguous end of its name.
        refresh: A source that asks again for what it has fetched.

    Raises:
        MissingError: A source is not there.
        UsageError: There is no step `only`, `limit` is below 1, or `refresh` is no crawl of what is
            to run.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"the limit is 1 sample or more, not {limit}")
    plan = build_plan(recipe, limit=limit)
    folder = Path(runs) / recipe.name
    refresh = None if refresh is None else _refreshing(refresh, plan)
    states: Sequence[StepState] = step_states(plan, folder, refresh)
    if only is not None:
        only = match_step(only, [step.name for step in plan.steps])
        needed = {step.name for step in plan.needed_for(only)}
        states = [state for state in states if state.step.name in needed]
        if refresh is not None and refresh not in needed:
            raise UsageError(f"`{only}` does not stand on `{refresh}`, which is to be refreshed")
    other = made_from_another(recipe, folder)
    expected = expected_time(plan, states, folder)
    made = {state.step.name: state.manifest for state in states if state.manifest is not None}
    with using(recipe.extensions):
        by_name = {state.step.name: state for state in states}
        steps = tuple(
            _view(state, recipe, made, forecast_of(state, by_name, folder)) for state in states
        )
    return PlanView(
        recipe.name,
        str(folder),
        limit,
        only,
        steps,
        "" if other is None else shared_folder(folder, other),
        expected.seconds,
        str(expected),
        plan,
        refresh,
    )


def _refreshing(name: str, plan: Plan) -> str:
    """The step of a source that can ask again for what it has fetched.

    Raises:
        UsageError: There is none of that name, or it cannot.
    """
    sources = {step.name: step for step in plan.steps if step.operation.kind == "source"}
    short = {one.removeprefix("collect."): one for one in sources}
    found = sources.get(short.get(name, name))
    if found is None:
        raise UsageError(
            f"`--refresh` names the source `{name}`, and there is none",
            hint=did_you_mean(name, short),
            code="unknown-source",
        )
    if not hasattr(found.operation.module, "refresh"):
        can = [n for n, one in short.items() if hasattr(sources[one].operation.module, "refresh")]
        raise UsageError(
            f"`--refresh` asks a site again, and `{name}` is no crawl (`{found.operation.name}`)",
            hint=did_you_mean(name, can) if can else "files are looked at in every run",
            code="no-crawl",
        )
    return found.name


def _view(
    state: StepState, recipe: Recipe, made: Mapping[str, Manifest], forecast: str
) -> PlannedView:
    step = state.step
    pretrain = None if recipe.pretrain is None else recipe.pretrain.settings
    return PlannedView(
        step.name,
        step.operation.stage,
        step.operation.name,
        step.operation.kind,
        step.identity,
        tuple(name for _, name in step.inputs),
        state.cached,
        state.perhaps,
        rests_on(state) if state.cached else state.why,
        state.committed_shards,
        basis_of(state, made),
        () if state.cached else taken(step, pretrain),
        "" if state.cached else step.operation.warning(step.settings),
        forecast,
    )
