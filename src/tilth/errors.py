"""The one tree of errors that a user may see.

Each carries what went wrong, where, and a hint with the next thing to do. The command line turns
the class into an exit code; a traceback is shown only with ``--debug``.
"""

from __future__ import annotations

import platform
import traceback
from collections.abc import Sequence
from dataclasses import dataclass

# What the names begin with that a user's own modules are imported under, and those of extensions.
OWN_MODULES = "tilth_own_"
EXTENSION_MODULES = OWN_MODULES + "extension_"


class TilthError(Exception):
    """A failure with its place and its remedy.

    Args:
        what: One sentence, no trailing period.
        where: Recipe line, step, shard, file or record.
        hint: The exact next command or edit.
        code: Kebab-case name, stable over releases.
    """

    exit_code = 1
    code = "failed"

    def __init__(self, what: str, *, where: str = "", hint: str = "", code: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint
        self.code = code or type(self).code

    def __str__(self) -> str:
        lines = [f"error[{self.code}]: {self.what}"]
        if self.where:
            lines.append(f"  where  {self.where}")
        if self.hint:
            lines.append(f"  hint   {self.hint}")
        return "\n".join(lines)


@dataclass(frozen=True)
class Problem:
    """One mistake in a recipe; `RecipeError` carries all of them."""

    code: str
    what: str
    where: str
    hint: str = ""

    def __str__(self) -> str:
        return str(TilthError(self.what, where=self.where, hint=self.hint, code=self.code))


class RecipeError(TilthError):
    """A recipe or a command is wrong and nothing ran."""

    exit_code = 2
    code = "recipe"

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(
            f"{len(problems)} problem{'s' if len(problems) != 1 else ''} in the recipe"
        )
        self.problems = problems

    def __str__(self) -> str:
        count = f"{len(self.problems)} problem{'s' if len(self.problems) != 1 else ''}"
        return "\n".join([*map(str, self.problems), f"{count}; nothing was run."])


class UsageError(TilthError):
    """The command was called wrongly; nothing ran."""

    exit_code = 2
    code = "usage"


class MissingError(TilthError):
    """Something the run needs is not here: a file, a site, a package."""

    exit_code = 3
    code = "missing"


class DataError(TilthError):
    """The data cannot be used as it is: empty, malformed, changed, above the error budget."""

    code = "data"


class StorageError(TilthError):
    """A folder cannot be written, or the disk is full. What was committed is safe."""

    code = "storage"


class StepError(TilthError):
    """A step failed as a whole. What was committed is safe; run again to go on."""

    code = "step"


class ExtensionError(TilthError):
    """A module of the user's own cannot be used: it raises, or lacks what it must have."""

    code = "extension"


def words_of(error: BaseException) -> str:
    """What an error says, on one line that can be printed and kept, whoever wrote its class."""
    try:
        said = str(error)
    except Exception as broken:
        said = f"what it says cannot be told: {type(broken).__name__}"
    return " ".join(said.encode("utf-8", "backslashreplace").decode().split())


def place_of(error: BaseException) -> str:
    """The innermost line of an extension that an error came through, as `file:line`, or nothing."""
    place = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        file = frame.f_code.co_filename
        name = str(frame.f_globals.get("__name__", ""))
        if name.startswith(EXTENSION_MODULES) and file[:1] != "<":
            place = f"{file}:{line}"
    return place or (place_of(error.__cause__) if error.__cause__ is not None else "")


def function_of(error: BaseException) -> str:
    """The innermost function of an extension that an error came through, or nothing.

    As `clean.shout.apply`: a line would be another by a comment above it.
    """
    found = ""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        name = str(frame.f_globals.get("__name__", ""))
        if name.startswith(EXTENSION_MODULES):
            found = f"{name.partition('.')[2]}.{frame.f_code.co_qualname}"
    return found or (function_of(error.__cause__) if error.__cause__ is not None else "")


def missing_extra(package: str, extra: str) -> MissingError:
    """The error for an optional package that is not installed."""
    return MissingError(
        f"this needs the package `{package}`, which is not installed",
        hint=f"pip install 'tilth[{extra}]'",
        code="missing-extra",
    )


def unsupported_system() -> MissingError:
    """The error for a system without the file locks that keep two runs apart."""
    return MissingError(
        f"Tilth works on Linux and macOS, not on {platform.system() or 'this system'}",
        hint="on Windows, install and run it inside WSL (`wsl --install`)",
        code="unsupported-system",
    )


def source_changed(
    where: str, names: Sequence[str] = (), when: str = "while it was read"
) -> DataError:
    """The error for a source that somebody wrote to while it was read, or before that.

    Args:
        where: The source.
        names: What of it changed, where that is known.
        when: Words that say since when.
    """
    told = f": {', '.join(names[:5])}" if names else ""
    return DataError(
        f"the source changed {when}{told}",
        where=where,
        hint="wait until nothing writes there, then run again; nothing half-read was kept",
        code="source-changed",
    )


class RecordError(ValueError):
    """Why one record cannot become a sample; becomes the row's `error`."""


class NotReadError(RecordError):
    """Why one record is left alone, which is no fault of it: a link, something locked.

    The cause holds no name or number of a single one, so that many can be counted together.
    """
