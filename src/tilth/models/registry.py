"""The models by kind: every folder of this room. Loads no torch."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from types import ModuleType

from tilth import models as room
from tilth.errors import UsageError
from tilth.models.declare import Declaration, Interface


@cache
def _declared() -> dict[str, tuple[Declaration, str]]:
    """Each model with the folder that declares it, by kind."""
    found: dict[str, tuple[Declaration, str]] = {}
    for info in pkgutil.iter_modules(room.__path__, f"{room.__name__}."):
        if info.ispkg:
            declared: Declaration = importlib.import_module(info.name).MODEL
            found[declared.kind] = declared, info.name
    return dict(sorted(found.items()))


def declarations() -> tuple[Declaration, ...]:
    """What each model says of itself, in the order of their kinds."""
    return tuple(declared for declared, _ in _declared().values())


def kinds_of(interface: Interface) -> tuple[str, ...]:
    """The kinds of model whose network is called in this way."""
    return tuple(declared.kind for declared in declarations() if declared.interface == interface)


def module_of(kind: str) -> str:
    """The name of the module that builds the model: part of a training's identity.

    Raises:
        UsageError: There is no model of this kind.
    """
    found = _declared().get(kind)
    if found is None:
        raise UsageError(
            f"there is no model of kind `{kind}`", hint="choose from " + ", ".join(_declared())
        )
    return f"{found[1]}.network"


def load_network(kind: str) -> ModuleType:
    """The module that builds the model, which loads torch.

    Raises:
        UsageError: There is no model of this kind.
    """
    return importlib.import_module(module_of(kind))


def hub_readers() -> dict[str, str]:
    """Each `model_type` of Hugging Face's that a model can start from, and the module for it.

    It has `settings_of(config, where)`, `tensors_of(settings, tensors, where)` and
    `require_shape(model, settings, where)`.
    """
    return {
        declared.hub_type: f"{folder}.hugging_face"
        for declared, folder in _declared().values()
        if declared.hub_type
    }
