"""The tasks by name: every folder that declares one, here or in an extension. Loads no torch."""

from __future__ import annotations

import importlib
import pkgutil
from functools import lru_cache
from types import ModuleType

from tilth import tasks as room
from tilth.errors import ExtensionError, UsageError
from tilth.extensions import Extension, active, load_module
from tilth.tasks.declare import LOSS, Declaration, Metric

ROOM = "tasks"


def _declared() -> dict[str, tuple[Declaration, str]]:
    """Each task with the folder that declares it, by name."""
    return _found_in(active())


@lru_cache(maxsize=32)
def _found_in(extensions: tuple[Extension, ...]) -> dict[str, tuple[Declaration, str]]:
    """Tilth's own go first."""
    found: dict[str, tuple[Declaration, str]] = {}
    for info in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
        if info.ispkg:
            declared = getattr(importlib.import_module(info.name), "TASK", None)
            if isinstance(declared, Declaration):
                found[declared.name] = declared, info.name
    for extension in extensions:
        for package, added in declared_in(extension).items():
            found.setdefault(added.name, (added, extension.full_name(package)))
    return dict(sorted(found.items()))


def declared_in(extension: Extension) -> dict[str, Declaration]:
    """The tasks of an extension, by the folders that declare them.

    Raises:
        ExtensionError: A folder cannot be imported, or lacks its module `task`.
    """
    found: dict[str, Declaration] = {}
    for package in extension.packages(ROOM):
        # A folder between declares nothing: it has what its tasks share.
        declared = getattr(load_module(extension.full_name(package)), "TASK", None)
        if not isinstance(declared, Declaration):
            if f"{package}.task" in extension.sources:
                raise ExtensionError(
                    f"`{extension.shown_file(package)}` declares no task, and a `task.py` stands "
                    "beside it",
                    hint="TASK = Declaration(...), of tilth.tasks.declare",
                )
            continue
        extension.require_function(
            f"{package}.task", "make", "make(ingredients), which gives the task"
        )
        found[package] = declared
    return found


def task_names() -> tuple[str, ...]:
    """The names that a recipe can give as `task`."""
    return tuple(_declared())


def declaration(name: str) -> Declaration:
    """What a task says of itself.

    Raises:
        UsageError: There is no task of this name.
    """
    return _found(name)[0]


def modules_of(name: str) -> tuple[str, ...]:
    """The modules whose code decides what is learnt: part of a training's identity."""
    declared, folder = _found(name)
    return f"{folder}.task", folder, declared.data.module


def load_task(name: str) -> ModuleType:
    """The module that learns the task, which loads torch."""
    return load_module(modules_of(name)[0])


def metrics() -> dict[str, Metric]:
    """The figures of all tasks, and the loss, by name."""
    found = {LOSS.name: LOSS}
    for declared, _ in _declared().values():
        found |= {metric.name: metric for metric in declared.metrics}
    return found


def _found(name: str) -> tuple[Declaration, str]:
    found = _declared().get(name)
    if found is None:
        raise UsageError(
            f"there is no task `{name}`", hint="choose from " + ", ".join(task_names())
        )
    return found
