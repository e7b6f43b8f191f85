"""Transforms in a row, as a recipe lists them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tilth.augment import crop, erase, flip, noise, shift
from tilth.augment.keys import Keys, fold
from tilth.errors import UsageError
from tilth.settings import BaseSettings

Images = npt.NDArray[np.float32]
Transform = Callable[[Images, Keys], Images]

_MODULES: Mapping[str, Any] = {
    "shift": shift,
    "erase": erase,
    "flip": flip,
    "crop": crop,
    "noise": noise,
}


def build(steps: Sequence[tuple[str, Mapping[str, Any] | BaseSettings]]) -> Transform:
    """One function for several transforms.

    Args:
        steps: Name and settings of each, in order.

    Returns:
        From images float32 [n, channels, height, width] and keys uint64 [n] to images. A transform
        that stands there twice draws twice. Leaving one out leaves the others' draws as they are,
        so that training with and without it differ in nothing else.

    Raises:
        UsageError: there is no transform of that name.
    """
    ready: list[tuple[Any, int, BaseSettings]] = []
    for name, given in steps:
        module = _MODULES.get(name)
        if module is None:
            raise UsageError(
                f"there is no transform `{name}`", hint="choose from " + ", ".join(_MODULES)
            )
        settings = (
            given
            if isinstance(given, BaseSettings)
            else module.Settings.model_validate(dict(given))
        )
        ready.append((module, sum(module is other for other, _, _ in ready), settings))

    def run(images: Images, keys: Keys) -> Images:
        for module, occurrence, settings in ready:
            images = module.transform(images, fold(keys, occurrence), settings)
        return images

    return run


def from_recipe(specs: Sequence[Mapping[str, Any]]) -> Transform | None:
    """One function for a recipe's list of {name: settings}; None where it lists none."""
    return build([step for spec in specs for step in spec.items()]) if specs else None
