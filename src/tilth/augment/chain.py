"""Transforms in a row, as a recipe lists them.

What a transform acts on is its kind: `images`, float32 [n, channels, height, width]; `tokens`, rows
of tokens; `audio`, waveforms; `features`, log-mel spectra. A task takes the kinds it can use.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tilth.augment import (
    audio_noise,
    audio_shift,
    colour,
    crop,
    erase,
    flip,
    gain,
    noise,
    rand_augment,
    shift,
    span,
    spec_augment,
    speed,
    stretch,
    text_drop,
    text_mask,
    text_swap,
    tilt,
    warp,
)
from tilth.errors import UsageError
from tilth.randomness import Keys, fold
from tilth.settings import BaseSettings

Transform = Callable[[Any, Keys], Any]

_KINDS: Mapping[str, Mapping[str, Any]] = {
    "images": {
        "shift": shift,
        "erase": erase,
        "flip": flip,
        "crop": crop,
        "noise": noise,
        "colour": colour,
        "rand_augment": rand_augment,
    },
    "tokens": {"text_mask": text_mask, "text_drop": text_drop, "text_swap": text_swap},
    "audio": {
        "gain": gain,
        "speed": speed,
        "audio_noise": audio_noise,
        "audio_shift": audio_shift,
        "span": span,
    },
    "features": {
        "warp": warp,
        "tilt": tilt,
        "stretch": stretch,
        "spec_augment": spec_augment,
    },
}
_MODULES: Mapping[str, Any] = {
    name: module for modules in _KINDS.values() for name, module in modules.items()
}


def build(steps: Sequence[tuple[str, Mapping[str, Any] | BaseSettings]]) -> Transform:
    """One function for several transforms.

    Args:
        steps: Name and settings of each, in order.

    Returns:
        From a batch of the kind and keys uint64 [n] to such a batch. A transform
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

    def run(batch: Any, keys: Keys) -> Any:
        for module, occurrence, settings in ready:
            batch = module.transform(batch, fold(keys, occurrence), settings)
        return batch

    return run


def kind_of(name: str) -> str:
    """What a transform acts on.

    Raises:
        UsageError: there is no transform of that name.
    """
    for kind, modules in _KINDS.items():
        if name in modules:
            return kind
    raise UsageError(f"there is no transform `{name}`", hint="choose from " + ", ".join(_MODULES))


def from_recipe(specs: Sequence[Mapping[str, Any]], kind: str) -> Transform | None:
    """One function for those of a recipe's {name: settings} that are of a kind; None: none is."""
    steps = [step for spec in specs for step in spec.items() if kind_of(step[0]) == kind]
    return build(steps) if steps else None
