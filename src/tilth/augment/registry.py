"""The transforms by name: a module in the folder of what it changes. Loads none of them.

Each has `Settings` and `transform(batch, keys, settings)`.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from tilth.errors import UsageError
from tilth.records import Json

# What a transform changes: images, float32 [n, channels, height, width]; tokens, rows of tokens;
# audio, waveforms; features, log-mel spectra. A task takes the kinds that it can use.
# A transform as recipes write it: its name with its settings.
TransformSpec = dict[str, Json]
KINDS = ("images", "tokens", "audio", "features")


@cache
def transforms() -> Mapping[str, str]:
    """What each transform changes, by its name."""
    return {
        info.name: kind
        for kind in KINDS
        for info in pkgutil.iter_modules([str(Path(__file__).with_name(kind))])
    }


def kind_of(name: str) -> str:
    """What a transform changes.

    Raises:
        UsageError: There is no transform of that name.
    """
    kind = transforms().get(name)
    if kind is None:
        raise UsageError(
            f"there is no transform `{name}`", hint="choose from " + ", ".join(transforms())
        )
    return kind


def module_of(name: str) -> str:
    """The name of a transform's module.

    Raises:
        UsageError: There is no transform of that name.
    """
    return f"tilth.augment.{kind_of(name)}.{name}"
