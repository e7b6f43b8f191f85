"""Transforms in a row, as a recipe lists them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tilth.augment.registry import kind_of, module_of
from tilth.errors import StepError
from tilth.extensions import load_module
from tilth.randomness import Keys, fold
from tilth.settings import BaseSettings

Transform = Callable[[Any, Keys], Any]

_IMAGES = 4  # axes of a batch of images
_ROUNDING = 1e-3


def build(steps: Sequence[tuple[str, Mapping[str, Any] | BaseSettings]]) -> Transform:
    """One function for several transforms.

    Args:
        steps: Name and settings of each, in order.

    Returns:
        From a batch of the kind and keys uint64 [n] to such a batch. A transform
        that stands there twice draws twice. Leaving one out leaves the others' draws as they are,
        but for those of the same name behind it, so that training with and without it differ in
        nothing else.

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
            given = batch
            batch = module.transform(given, fold(keys, occurrence), settings)
            _require_like(given, batch, module.__name__.rpartition(".")[2])
        return batch

    return run


def _require_like(given: Any, changed: Any, name: str) -> None:
    """Refuse what is no such batch any more: a network would meet it as an error of its own.

    Raises:
        StepError: It is another type, or an array of it has another type or number of samples.
    """
    if type(changed) is not type(given):
        raise _unlike(name, f"a {type(changed).__name__}", f"a {type(given).__name__}")
    parts = zip(given, changed, strict=True) if isinstance(given, tuple) else [(given, changed)]
    for before, after in parts:
        for array in after if isinstance(after, list | tuple) else [after]:
            if isinstance(array, np.ndarray) and array.dtype.kind == "f":
                _require_values(array, before, name)
        if isinstance(before, Sequence) and len(before) != len(after):
            raise _unlike(name, f"{len(after)} samples", str(len(before)))
        if not isinstance(before, np.ndarray) or not isinstance(after, np.ndarray):
            continue
        # What may grow or shrink is the length of a sample, and never that of an image.
        same = before.shape == after.shape if before.ndim == _IMAGES else len(before) == len(after)
        if before.dtype != after.dtype or before.ndim != after.ndim or not same:
            raise _unlike(name, *(f"{one.dtype} {list(one.shape)}" for one in (after, before)))


def _require_values(array: Any, before: Any, name: str) -> None:
    """Refuse what is no number, and images that are darker than black or lighter than white.

    Raises:
        StepError: A value is.
    """
    least, most = float(array.min(initial=0)), float(array.max(initial=0))
    if not (math.isfinite(least) and math.isfinite(most)):
        raise _unlike(name, "values that are no numbers", "numbers")
    is_image = isinstance(before, np.ndarray) and before.ndim == _IMAGES
    if is_image and not (least >= -_ROUNDING and most <= 1 + _ROUNDING):
        raise _unlike(name, f"values from {least:.3g} to {most:.3g}", "images of 0 to 1")


def _unlike(name: str, found: str, wanted: str) -> StepError:
    return StepError(
        f"the transform `{name}` gives {found} where it was given {wanted}",
        hint="what each kind of transform takes and gives is in docs/guides/extend.md",
        code="contract",
    )


def from_recipe(specs: Sequence[Mapping[str, Any]], kind: str) -> Transform | None:
    """One function for those of a recipe's {name: settings} that are of a kind; None: none is."""
    steps = [step for spec in specs for step in spec.items() if kind_of(step[0]) == kind]
    return build(steps) if steps else None
