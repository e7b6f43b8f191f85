"""Open the extensions that a recipe names, and find what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tilth.errors import ExtensionError, Problem, TilthError
from tilth.extensions import Extension, open_extension, using
from tilth.models import registry as models
from tilth.recipe.operations import STAGES, operations, operations_in
from tilth.tasks import registry as tasks

Where = Callable[[tuple[str | int, ...]], str]


def open_extensions(given: object, where: Where) -> tuple[tuple[Extension, ...], list[Problem]]:
    """The extensions of a recipe's header, those that can be opened, and every mistake of them.

    Args:
        given: What stands under `extensions`; what is no list of texts the header refuses.
        where: Gives the place of a path in the recipe.
    """
    found: list[Extension] = []
    problems: list[Problem] = []
    taken = _Taken()
    for number, folder in enumerate(given if isinstance(given, list) else ()):
        if not isinstance(folder, str):
            continue
        errors: list[TilthError] = []
        try:
            extension = open_extension(Path(folder), shown=folder.rstrip("/"))
        except TilthError as error:
            errors.append(error)
        else:
            found.append(extension)
            # What is no Python would only be said again by what imports it.
            errors += extension.unreadable() or taken.add(extension)
        place = where(("extensions", number))
        problems += [Problem(error.code, error.what, place, error.hint) for error in errors]
    return tuple(found), problems


class _Taken:
    """The names that there are: Tilth's, and those of the extensions so far."""

    def __init__(self) -> None:
        with using(()):
            self._operations = {*STAGES, *operations()}
            self._tasks = set(tasks.task_names())
            self._metrics = tasks.metrics()
            self._models = {declared.kind for declared in models.declarations()}
            self._hub_types = set(models.hub_readers())
        self._extensions: set[str] = set()

    def add(self, extension: Extension) -> list[TilthError]:
        """Add the names of an extension; an error for each that is taken, or cannot be found."""
        errors: list[TilthError] = []

        def claim(what: str, name: str, names: set[str], file: str) -> None:
            if name in names:
                errors.append(_taken(what, name, file))
            names.add(name)

        claim("extension", extension.name, self._extensions, extension.shown)
        for op in operations_in(extension):
            file = extension.shown_file(op.module_name.partition(".")[2])
            claim("operation", op.name, self._operations, file)
        try:
            for package, task in tasks.declared_in(extension).items():
                file = extension.shown_file(package)
                claim("task", task.name, self._tasks, file)
                for metric in task.metrics:
                    if self._metrics.setdefault(metric.name, metric) != metric:
                        errors.append(_taken("figure", metric.name, file))
        except TilthError as error:
            errors.append(error)
        try:
            for package, model in models.declared_in(extension).items():
                file = extension.shown_file(package)
                claim("model", model.kind, self._models, file)
                if model.hub_type:
                    claim("reader of the hub's", model.hub_type, self._hub_types, file)
        except TilthError as error:
            errors.append(error)
        return errors


def _taken(what: str, name: str, file: str) -> ExtensionError:
    return ExtensionError(
        f"there is {'an' if what[0] in 'aeiou' else 'a'} {what} `{name}` already, and `{file}` has "
        "another",
        hint="give yours a name of its own; nothing that is there is replaced",
        code="name-taken",
    )
