"""Check that what a step reads was filled by a step before it, as far as the recipe shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tilth.clean.signals import SIGNALS
from tilth.collect.joins import filled_by, joins_of, stated_twice
from tilth.errors import Problem
from tilth.hints import did_you_mean
from tilth.recipe.arms import arm_recipe
from tilth.recipe.model import Recipe, RecipeStep
from tilth.schema import ANY_META, META, SCHEMA, SIGNAL_PREFIX

Where = Callable[[tuple[str | int, ...]], str]
Place = tuple[str | int, ...]

# After these every sample has a label (or is dropped), or a split; they leave alone what has one.
_GIVE_ALL = {"vote": "label", "consensus": "label", "hold_out": "split"}


def check_columns(recipe: Recipe, places: dict[str, Place], where: Where) -> list[Problem]:
    """What the record steps read and nothing before them fills, of the recipe and of its arms.

    Args:
        recipe: Its names are right.
        places: Where in the file each step stands.
        where: Gives the place of a path in the recipe.
    """
    found = list(_unfilled(recipe))
    told = {step for step, _ in found}
    problems = [
        Problem(code, what, where(places[step]), hint) for step, (code, what, hint) in found
    ]
    arms = {} if recipe.value is None else dict(getattr(recipe.value.settings, "arms", {}))
    for name, arm in arms.items():
        derived = arm_recipe(recipe, arm)
        for step, (code, what, hint) in _unfilled(derived) if derived is not None else ():
            if step not in told:
                place = where(("value", "arms", name))
                problems.append(Problem(code, f"in the arm `{name}`, {what}", place, hint))
    return problems


def _unfilled(recipe: Recipe) -> Iterator[tuple[str, tuple[str, str, str]]]:
    """For each step that has nothing to read: its name; a code, what is wrong, and a hint."""
    filled = {"id", "source", "uri", "key"}
    for source in recipe.sources:
        own = _named(source, "fills")
        if own is None:
            return  # of a source that does not say, all columns may be
        yield from _misjoined(source)
        filled.update(own)
    given_by: dict[str, str] = {}
    # All labels that a sample can have, as long as that is known.
    labels = None if "label" in filled else set[str]()
    for number, step in enumerate(recipe.records):
        for name in _named(step, "reads") or ():
            if name not in filled and not (name.startswith(META) and ANY_META in filled):
                later = [
                    one.name
                    for one in recipe.records[number + 1 :]
                    if name in (_named(one, "fills") or ())
                ]
                yield step.name, _unread(step, name, filled, later)
        if labels:
            unknown = [one for one in _weighed_labels(step) if one not in labels]
            if unknown:
                yield step.name, _unlabelled(step, unknown[0], sorted(labels))
        if (what := _GIVE_ALL.get(step.operation.name)) is not None:
            if what in given_by:
                yield step.name, _given_again(step, what, given_by[what])
            given_by[what] = step.name
        own = _named(step, "fills")
        if own is None:
            return
        filled.update(own)
        if "label" in own:
            gives = _named(step, "gives_labels")
            labels = None if labels is None or gives is None else labels.union(gives)


def _misjoined(source: RecipeStep) -> Iterator[tuple[str, tuple[str, str, str]]]:
    """What the tables of a source's `join` compare that it has not, or state that it states."""
    own = set(source.operation.module.fills(source.settings))
    if name := stated_twice(source.settings, own):
        yield source.name, _stated_twice(source, name)
    for join in joins_of(source.settings):
        name = join.column
        is_field = name.startswith(META) and ANY_META in own
        if name not in ("uri", "key", *own) and not is_field:
            yield source.name, _unread(source, name, own, [])
        own.update(filled_by(join))


def _stated_twice(source: RecipeStep, name: str) -> tuple[str, str, str]:
    op = source.operation.name
    hint = "`prefer: table` or `prefer: source` says which stands where they differ"
    if name == "label" and hasattr(source.settings, "labels"):
        hint = f"`labels: none` of `{op}` leaves its own out; {hint}"
    return "stated-twice", f"`{op}` states `{name}`, and so does its `join`", hint


def _named(step: RecipeStep, function: str) -> tuple[str, ...] | None:
    """What the operation says that it reads, or fills; None: it does not say."""
    if function == "fills":
        return step.operation.fills(step.settings)
    say = getattr(step.operation.module, function, None)
    return None if say is None else tuple(say(step.settings))


def _weighed_labels(step: RecipeStep) -> tuple[str, ...]:
    if step.operation.name != "weights":
        return ()
    return tuple(name for name, _ in getattr(step.settings, "labels", ()))


def _unlabelled(step: RecipeStep, label: str, labels: list[str]) -> tuple[str, str, str]:
    return (
        "unknown-label",
        f"`{step.name}` names the label `{label}`, which no sample can get",
        did_you_mean(label, labels),
    )


def _unread(
    step: RecipeStep, name: str, filled: set[str], later: list[str]
) -> tuple[str, str, str]:
    plain = name.removeprefix(SIGNAL_PREFIX)
    known = [one.removeprefix(SIGNAL_PREFIX) for one in sorted(filled)]
    if later:
        hint = f"`{later[0]}` fills it, and comes later"
    elif plain in SIGNALS:
        hint = "put the step `signals` before it"
    elif name in SCHEMA or name.startswith(META):
        hint = "the source fills it where its settings say from what; `tilth explain` lists them"
    else:
        hint = did_you_mean(plain, [*known, *SIGNALS])
    return (
        "nothing-to-read",
        f"`{step.name}` reads `{plain}`, and nothing before it fills that",
        hint,
    )


def _given_again(step: RecipeStep, what: str, before: str) -> tuple[str, str, str]:
    return (
        "given-already",
        f"after `{before}` no sample is without a {what}, and `{step.name}` gives it to no other",
        "leave one of them out",
    )
