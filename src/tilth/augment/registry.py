"""The transforms by name: a module in the folder of what it changes, here or in an extension.

Loads none of them.

Each has `Settings` and `transform(batch, keys, settings)`.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Literal, get_args

from tilth.errors import UsageError
from tilth.extensions import Extension, active
from tilth.records import Json

# A transform as recipes write it: its name with its settings.
TransformSpec = dict[str, Json]
# What a transform changes: images, float32 [n, channels, height, width]; tokens, `TokenRows`;
# audio, `Waves`; features, log-mel `Spectra`. A task takes the kinds that it can use.
Changes = Literal["images", "tokens", "audio", "features"]
KINDS: tuple[str, ...] = get_args(Changes)


def transforms() -> Mapping[str, str]:
    """What each transform changes, by its name."""
    return {name: kind for name, (kind, _) in _found(active()).items()}


@lru_cache(maxsize=32)
def _found(extensions: tuple[Extension, ...]) -> Mapping[str, tuple[str, str]]:
    """What each transform changes, and its module, by its name; Tilth's own go first."""
    found = {
        info.name: (kind, f"tilth.augment.{kind}.{info.name}")
        for kind in KINDS
        for info in pkgutil.iter_modules([str(Path(__file__).with_name(kind))])
    }
    for extension in extensions:
        for kind in KINDS:
            for name in extension.modules(f"augment.{kind}"):
                module = extension.full_name(f"augment.{kind}.{name}")
                found.setdefault(name, (kind, module))
    return found


def kind_of(name: str) -> str:
    """What a transform changes.

    Raises:
        UsageError: There is no transform of that name.
    """
    return _one(name)[0]


def module_of(name: str) -> str:
    """The name of a transform's module.

    Raises:
        UsageError: There is no transform of that name.
    """
    return _one(name)[1]


def _one(name: str) -> tuple[str, str]:
    found = _found(active())
    if name not in found:
        raise UsageError(f"there is no transform `{name}`", hint="choose from " + ", ".join(found))
    return found[name]
