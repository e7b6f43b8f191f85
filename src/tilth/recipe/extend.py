"""Open the extensions that a recipe names, and find what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tilth.augment.registry import KINDS
from tilth.errors import ExtensionError, Problem, TilthError
from tilth.extensions import Extension, open_extension, using
from tilth.models import registry as models
from tilth.recipe.operations import RECORD_STAGES, STAGES, operations, operations_in
from tilth.tasks import registry as tasks

Where = Callable[[tuple[str | int, ...]], str]

_FOLDERS = ("collect", *RECORD_STAGES, *(f"augment/{kind}" for kind in KINDS))
_OURS = "Tilth's own"


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
            errors += extension.unreadable() or [*_misplaced(extension), *taken.add(extension)]
        place = where(("extensions", number))
        problems += [Problem(error.code, error.what, place, error.hint) for error in errors]
    return tuple(found), problems


def _misplaced(extension: Extension) -> list[ExtensionError]:
    """An error for every operation that lies where none is found; it would be passed over.

    What else an extension holds beside its rooms is its own affair.
    """
    known = {op.module_name for op in operations_in(extension)}
    hint = (
        "operations lie in " + ", ".join(f"{one}/" for one in _FOLDERS) + "; what is none has a "
        "name that begins with _"
    )
    return [
        ExtensionError(
            f"`{extension.shown_file(name)}` is an operation, and none is found where it lies",
            hint=hint,
        )
        for name in sorted(extension.sources)
        if extension.full_name(name) not in known
        and not any(part.startswith("_") for part in name.split("."))
        and extension.defines(name, "Settings")
        and any(extension.defines(name, one) for one in ("read", "apply", "transform"))
    ]


class _Taken:
    """The names that there are: Tilth's, and those of the extensions so far."""

    def __init__(self) -> None:
        with using(()):
            self._operations = dict.fromkeys([*STAGES, *operations()], _OURS)
            self._tasks = dict.fromkeys(tasks.task_names(), _OURS)
            self._metrics = tasks.metrics()
            self._models = dict.fromkeys((one.kind for one in models.declarations()), _OURS)
            self._hub_types = dict.fromkeys(models.hub_readers(), _OURS)
        self._extensions: dict[str, str] = {}

    def add(self, extension: Extension) -> list[TilthError]:
        """Add the names of an extension; an error for each that is taken, or cannot be found."""
        errors: list[TilthError] = []

        def claim(what: str, name: str, names: dict[str, str], file: str) -> None:
            if name in names:
                errors.append(_taken(what, name, file, names[name]))
            names.setdefault(name, f"`{file}`")

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
                        errors.append(_taken("figure", metric.name, file, ""))
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


def _taken(what: str, name: str, file: str, other: str) -> ExtensionError:
    where = f": {other}" if other else ""
    return ExtensionError(
        f"there is {'an' if what[0] in 'aeiou' else 'a'} {what} `{name}` already{where}, and "
        f"`{file}` has another",
        hint="give yours a name of its own; nothing that is there is replaced",
        code="name-taken",
    )
