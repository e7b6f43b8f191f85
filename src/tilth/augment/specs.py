"""The transforms of a recipe as it writes them, before any is applied."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tilth.augment.registry import Changes, TransformSpec, kind_of, module_of
from tilth.extensions import load_module


def taken(specs: Sequence[TransformSpec], kinds: Iterable[Changes]) -> tuple[TransformSpec, ...]:
    """The transforms of some kinds. Those of one kind keep their order, which no other minds.

    Args:
        specs: Of a recipe, each {op: settings}.
        kinds: That a task takes.

    Raises:
        UsageError: There is no transform of a name.
    """
    found = [(kind_of(name), spec) for spec in specs for name in spec]
    return tuple(spec for kind in sorted(set(kinds)) for of, spec in found if of == kind)


def normal(specs: Iterable[TransformSpec]) -> tuple[TransformSpec, ...]:
    """The transforms with all their settings, in the one way of writing them.

    Raises:
        UsageError: There is no transform of a name.
    """
    return tuple(
        {
            name: load_module(module_of(name))
            .Settings.model_validate(given)
            .normal()
            .model_dump(mode="json")
        }
        for spec in specs
        for name, given in spec.items()
    )


def modules_of(specs: Iterable[TransformSpec]) -> list[str]:
    """The modules whose code decides what the transforms do."""
    return [module_of(name) for spec in specs for name in spec]
