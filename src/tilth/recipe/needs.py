"""Which packages of the extras a recipe needs, and which of them are not installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from tilth.collect.item_rows import EXTRAS
from tilth.errors import MissingError
from tilth.recipe.operations import Operation
from tilth.settings import BaseSettings
from tilth.tasks.registry import declaration


@dataclass(frozen=True)
class Package:
    """A package that the base install does not bring.

    Attributes:
        name: As pip knows it.
        module: As Python imports it.
        extra: The extra of Tilth that brings it.
    """

    name: str
    module: str
    extra: str = "train"


class Step(Protocol):
    """A step of a recipe or of a plan."""

    @property
    def operation(self) -> Operation:
        """What it does."""

    @property
    def settings(self) -> BaseSettings:
        """How."""


_SKLEARN = Package("scikit-learn", "sklearn")
_TRAINING = (
    Package("torch", "torch"),
    Package("safetensors", "safetensors"),
    Package("tokenizers", "tokenizers"),
)
_BY_OPERATION = {
    "demo_digits": (_SKLEARN,),
    "distil": (_SKLEARN,),
    "pretrain": _TRAINING,
    "transfer": (*_TRAINING, Package("scipy", "scipy")),
    "value": (*_TRAINING, Package("scipy", "scipy")),
}


def needed_packages(steps: Iterable[Step]) -> tuple[Package, ...]:
    """The packages beyond the base install that these steps use, each once."""
    found: dict[Package, None] = {}
    for step in steps:
        found |= dict.fromkeys(_BY_OPERATION.get(step.operation.name, ()))
        task = getattr(step.settings, "task", None)
        if task is not None:
            found |= dict.fromkeys(Package(name, name) for name in declaration(task).needs)
        if "tfidf-svm" in getattr(step.settings, "methods", ()):
            found[_SKLEARN] = None
        if step.operation.name == "label_errors" and not getattr(
            step.settings, "predictions", None
        ):
            found[_SKLEARN] = None
        if step.operation.name == "files":
            # What is named one by one is asked for; of `documents` those are read that can be.
            for one in getattr(step.settings, "types", ()):
                if one in EXTRAS:
                    module, extra = EXTRAS[one]
                    found[Package(module.replace("_", "-"), module, extra)] = None
        if getattr(step.settings, "render", ()):
            found[Package("playwright", "playwright", "render")] = None
        if getattr(getattr(step.settings, "loop", None), "tensorboard", False):
            found[Package("tensorboard", "tensorboard", "tensorboard")] = None
    return tuple(found)


def missing_packages(steps: Iterable[Step]) -> tuple[Package, ...]:
    """Those of the packages that are not installed; none is imported."""
    return tuple(package for package in needed_packages(steps) if not _is_there(package.module))


def install_command(packages: Iterable[Package]) -> str:
    """The command that installs these packages, by the extras that bring them."""
    extras = ",".join(sorted({package.extra for package in packages}))
    return f"pip install 'tilth[{extras}]'"


def require_packages(steps: Iterable[Step]) -> None:
    """Refuse to begin what would fail after an hour for want of a package.

    Raises:
        MissingError: A package is not installed; with the command that installs it.
    """
    missing = missing_packages(steps)
    if missing:
        names = ", ".join(f"`{package.name}`" for package in missing)
        raise MissingError(
            f"this recipe needs {names}, not installed here; nothing was run",
            hint=install_command(missing),
            code="missing-extra",
        )


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ValueError:
        return False
