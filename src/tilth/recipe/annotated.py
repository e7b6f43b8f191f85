"""Check what the section `annotate` says of the recipe's steps and of what its samples have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from tilth.errors import Problem
from tilth.hints import did_you_mean
from tilth.label.suspects import IS_ERROR
from tilth.recipe.annotate import Annotate
from tilth.recipe.model import Recipe, RecipeStep
from tilth.schema import ANY_META, META

Where = Callable[[tuple[str | int, ...]], str]

# The stages before the one that makes labels of answers.
STAGES = ("collect", "clean", "deduplicate")
DATA = ("text", "image", "audio")


def ordered_steps(recipe: Recipe) -> tuple[RecipeStep, ...]:
    """The steps whose kept samples are ordered: one, or all sources where nothing follows them.

    Args:
        recipe: With `annotate`, whose `step` is one of the recipe's.
    """
    asked = recipe.header.annotate
    if asked is not None and asked.step is not None:
        return tuple(step for step in _named_steps(recipe) if _is_named(step, asked.step))
    before = [step for step in recipe.records if step.stage in STAGES]
    return (before[-1],) if before else recipe.sources


def _named_steps(recipe: Recipe) -> tuple[RecipeStep, ...]:
    """The steps that can be ordered by name: those before answers become a part of the data."""
    names = [step.operation.name for step in recipe.records]
    until = names.index("annotations") if "annotations" in names else len(names)
    stages = (*STAGES, "label")
    before = [step for step in recipe.records[:until] if step.stage in stages]
    return (*recipe.sources, *before)


def _is_named(step: RecipeStep, name: str) -> bool:
    return step.name == name or step.name.partition(".")[2] == name


def ledger_of(recipe: Recipe) -> Path:
    """The folder of a recipe's ledger, relative to the working directory."""
    asked = recipe.header.annotate
    if asked is not None and asked.ledger is not None:
        return Path(asked.ledger).expanduser()
    return Path("annotations") / recipe.name


def check_annotate(recipe: Recipe, where: Where) -> list[Problem]:
    """What of `annotate` does not fit the recipe, with its place."""
    asked = recipe.header.annotate
    if asked is None:
        return []
    return [
        Problem(code, what, where(("annotate", key)), hint)
        for key, code, what, hint in _misfits(recipe, asked)
    ]


def _misfits(recipe: Recipe, asked: Annotate) -> Iterator[tuple[str, str, str, str]]:
    steps = ordered_steps(recipe)
    if len(steps) != 1 and asked.step is not None:
        named = [one.name for one in _named_steps(recipe)]
        several = ", ".join(f"`{step.name}`" for step in steps)
        yield (
            *("step", "unknown-step"),
            f"`{asked.step}` is the end of several steps: {several}"
            if steps
            else f"`annotate` names the step `{asked.step}`, which is none of collect, clean, "
            "deduplicate, or of label before `annotations`",
            did_you_mean(asked.step, named) if not steps else "name one of them whole",
        )
        return
    yield from _other_ledger(recipe)
    if asked.guidelines is not None and not Path(asked.guidelines).expanduser().is_file():
        what = f"there is no file `{asked.guidelines}`"
        yield "guidelines", "no-guidelines", what, f"tried {Path(asked.guidelines).absolute()}"
    filled = _filled(recipe, steps)
    if filled is None:
        return  # of what does not say, all columns may be
    step = steps[-1].name

    def has(name: str) -> bool:
        return name in filled or (name.startswith(META) and ANY_META in filled)

    for name in asked.show:
        if not has(name):
            what = f"`annotate` shows `{name}`, which no sample of `{step}` has"
            yield "show", "nothing-to-show", what, "one of " + ", ".join(sorted(filled & {*DATA}))
    if not asked.show and not filled & {*DATA}:
        what = f"no sample of `{step}` has a text, a picture or a sound to show"
        yield "show", "nothing-to-show", what, "`clean: [extract]` makes text of pages"
    if asked.gold and not has(asked.gold_from):
        yield (
            *("gold", "no-gold"),
            f"no sample of `{step}` has a `{asked.gold_from}`, so that none is gold",
            "`fields: {gold: label}` of a `join` gives known answers, or `gold_from: meta.NAME` "
            "names them",
        )
    if asked.choose == "suspect" and not has(IS_ERROR):
        what = f"no sample of `{step}` has a label that was judged"
        hint = "`label_errors` in `label` judges labels, and `step: label.label_errors` orders them"
        yield "choose", "no-suspects", what, hint
    if asked.choose != "stratified":
        return
    if not has(asked.stratify_by):
        what = f"no sample of `{step}` has a `{asked.stratify_by}` to choose by"
        yield "stratify_by", "no-strata", what, "`source` is what every sample has"
    elif asked.stratify_by == "label" and not asked.relabel:
        what = "samples are chosen by a label, and only those without one are ordered"
        yield "stratify_by", "no-strata", what, "`relabel: true` orders samples with a label too"


def _filled(recipe: Recipe, steps: tuple[RecipeStep, ...]) -> set[str] | None:
    """The columns that samples of the steps may have; None: one before them does not say."""
    filled = {"source", "split"}
    passed = [] if steps[0] in recipe.sources else [*recipe.records]
    sources = steps if steps[0] in recipe.sources else recipe.sources
    until = passed.index(steps[-1]) + 1 if passed else 0
    for step in (*sources, *passed[:until]):
        own = step.operation.fills(step.settings)
        if own is None:
            return None
        filled.update(own)
    return filled


def _other_ledger(recipe: Recipe) -> Iterator[tuple[str, str, str, str]]:
    """A recipe that takes answers from ledgers, and from none of its own."""
    taken = [
        str(getattr(step.settings, "ledger", ""))
        for step in recipe.records
        if step.operation.name == "annotations"
    ]
    own = ledger_of(recipe)
    if taken and own.absolute() not in [Path(one).expanduser().absolute() for one in taken]:
        what = f"the answers come to {own}, and `annotations` takes those of {taken[0]}"
        yield "ledger", "other-ledger", what, f"`annotations: {own}` in `label` takes them"
