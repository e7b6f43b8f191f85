"""Transforms in a row, as a recipe lists them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tilth.augment.registry import kind_of, module_of
from tilth.extensions import load_module
from tilth.randomness import Keys, fold
from tilth.settings import BaseSettings

Transform = Callable[[Any, Keys], Any]


def build(steps: Sequence[tuple[str, Mapping[str, Any] | BaseSettings]]) -> Transform:
    """One function for several transforms.

    Args:
        steps: Name and settings of each, in order.

    Returns:
        From a batch of the kind and keys uint64 [n] to such a batch. A transform
        that stands there twice draws twice. Leaving one out leaves the others' draws as they are,
        so that training with and without it differ in nothing else.

    Raises:
        UsageError: There is no transform of that name.
    """
    ready: list[tuple[Any, int, BaseSettings]] = []
    for name, given in steps:
        module = load_module(module_of(name))
        settings = (
            given
            if isinstance(given, BaseSettings)
            else module.Settings.model_validate(dict(given))
        )
        ready.append((module, sum(module is other for other, _, _ in ready), settings))

    def run(batch: Any, keys: Keys) -> Any:
        for module, occurrence, settings in ready:
            batch = module.transform(batch, fold(keys, occurrence), settings)
        return batch

    return run


def from_recipe(specs: Sequence[Mapping[str, Any]], kind: str) -> Transform | None:
    """One function for those of a recipe's {name: settings} that are of a kind; None: none is."""
    steps = [step for spec in specs for step in spec.items() if kind_of(step[0]) == kind]
    return build(steps) if steps else None
