"""The models by kind: every folder of this room, and of extensions. Loads no torch."""

from __future__ import annotations

import importlib
import pkgutil
from functools import lru_cache
from types import ModuleType

from tilth import models as room
from tilth.errors import ExtensionError, UsageError
from tilth.extensions import Extension, active, load_module
from tilth.models.declare import Declaration, Interface

ROOM = "models"


def _declared() -> dict[str, tuple[Declaration, str]]:
    """Each model with the folder that declares it, by kind."""
    return _found_in(active())


@lru_cache(maxsize=32)
def _found_in(extensions: tuple[Extension, ...]) -> dict[str, tuple[Declaration, str]]:
    """Tilth's own go first."""
    found: dict[str, tuple[Declaration, str]] = {}
    for info in pkgutil.iter_modules(room.__path__, f"{room.__name__}."):
        if info.ispkg:
            declared: Declaration = importlib.import_module(info.name).MODEL
            found[declared.kind] = declared, info.name
    for extension in extensions:
        for package, added in declared_in(extension).items():
            found.setdefault(added.kind, (added, extension.full_name(package)))
    return dict(sorted(found.items()))


def declared_in(extension: Extension) -> dict[str, Declaration]:
    """The models of an extension, by the folders that declare them.

    Raises:
        ExtensionError: A folder cannot be imported, declares none, or lacks its module `network`.
    """
    found: dict[str, Declaration] = {}
    for package in extension.packages(ROOM):
        if package.count(".") > 1:  # what a model keeps in a folder of its own
            continue
        declared = getattr(load_module(extension.full_name(package)), "MODEL", None)
        if not isinstance(declared, Declaration) or not _has_kind(declared):
            raise ExtensionError(
                f"`{extension.shown_file(package)}` declares no model",
                hint='MODEL = Declaration(MySettings, interface="images"), and in MySettings '
                "`kind` has a default",
            )
        extension.require_function(
            f"{package}.network", "make", "make(settings, sizes), which builds the network"
        )
        found[package] = declared
    return found


def _has_kind(declared: Declaration) -> bool:
    field = declared.settings.model_fields.get("kind")
    return field is not None and isinstance(field.default, str) and bool(field.default)


def declarations() -> tuple[Declaration, ...]:
    """What each model says of itself, in the order of their kinds."""
    return tuple(declared for declared, _ in _declared().values())


def declaration(kind: str) -> Declaration:
    """What the model of this kind says of itself.

    Raises:
        UsageError: There is none.
    """
    return _of_kind(kind)[0]


def kinds_of(interface: Interface) -> tuple[str, ...]:
    """The kinds of model whose network is called in this way."""
    return tuple(declared.kind for declared in declarations() if declared.interface == interface)


def module_of(kind: str) -> str:
    """The name of the module that builds the model: part of a training's identity.

    Raises:
        UsageError: There is no model of this kind.
    """
    return f"{_of_kind(kind)[1]}.network"


def _of_kind(kind: str) -> tuple[Declaration, str]:
    found = _declared().get(kind)
    if found is None:
        raise UsageError(
            f"there is no model of kind `{kind}`", hint="choose from " + ", ".join(_declared())
        )
    return found


def load_network(kind: str) -> ModuleType:
    """The module that builds the model, which loads torch.

    Raises:
        UsageError: There is no model of this kind.
    """
    return load_module(module_of(kind))


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
