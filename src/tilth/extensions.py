"""A user's own modules, in a folder laid out like Tilth's rooms: read whole, found, imported.

What was read is what is imported, and what a digest is made of: a file that is edited meanwhile
makes another extension, in a module space of its own, and never a mixture of both. The name of
that space comes from what was read, so that nothing in it stands in for another module, and two
recipes in one process do not meet.

Which extensions are there is a matter of the recipe at hand. `using` says so for a block, and
whoever looks for a name asks `active`, so that no function in between has to pass them on.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, ModuleType

from tilth import reads
from tilth.errors import (
    EXTENSION_MODULES,
    DataError,
    ExtensionError,
    MissingError,
    TilthError,
    place_of,
    words_of,
)
from tilth.records import Record
from tilth.syntax import asked_about

# An extension is a few files of source. A folder with more was named by mistake, and would be read.
_MAX_FILES, _MAX_BYTES = 1000, 8 << 20
_INIT = "__init__.py"


class Reference(Record):
    """An extension as another process is told of it.

    Attributes:
        name: The folder's as the user has it.
        digest: SHA-256 of what is in it.
        folder: Where it lies, or a copy of it.
    """

    name: str
    digest: str
    folder: Path


@dataclass(frozen=True)
class Source:
    """The source of a module, at its place below the extension's folder."""

    file: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, eq=False)
class Extension:
    """A folder of modules as it was read.

    Attributes:
        name: Of the folder.
        shown: The folder in messages.
        folder: Where it lies.
        sources: By dotted name below the folder, as `clean.shout`; a package has its `__init__`.
        digest: SHA-256 over names and contents of all files.
        space: Name of the package that its modules are imported under.
    """

    name: str
    shown: str
    folder: Path
    sources: Mapping[str, Source] = field(repr=False)
    digest: str
    space: str

    def full_name(self, name: str) -> str:
        """What a module is imported as."""
        return f"{self.space}.{name}" if name else self.space

    def modules(self, package: str) -> tuple[str, ...]:
        """The public modules directly in a package, by their last names."""
        return tuple(
            name.rpartition(".")[2]
            for name in sorted(self.sources)
            if name.rpartition(".")[0] == package
            and not name.rpartition(".")[2].startswith("_")
            and not self.is_package(name)
        )

    def packages(self, package: str) -> tuple[str, ...]:
        """The packages with an `__init__` below a package, however deep, by their names."""
        return tuple(
            name
            for name in sorted(self.sources)
            if name.startswith(f"{package}.") and self.is_package(name)
        )

    def is_package(self, name: str) -> bool:
        """Whether it is a package that has an `__init__`."""
        return name in self.sources and self.sources[name].file.endswith(_INIT)

    def has(self, name: str) -> bool:
        """Whether there is such a module, or a folder with modules."""
        return not name or any(n == name or n.startswith(f"{name}.") for n in self.sources)

    def defines(self, name: str, function: str) -> bool:
        """Whether a module defines a function of that name or imports it; it is only read."""
        try:
            body = ast.parse(self.sources[name].data).body
        except (SyntaxError, ValueError):
            return False
        return any(function in _bound_by(node) for node in body)

    def require_function(self, name: str, function: str, wanted: str) -> None:
        """Refuse a folder whose module for something, read and not imported, is not there.

        Args:
            name: The module, of the folder that declares something.
            function: What it has to have.
            wanted: How that is called and what it does, for the hint.

        Raises:
            ExtensionError: There is no such module, or it has no such function.
        """
        package, _, last = name.rpartition(".")
        if not self.has(name):
            raise ExtensionError(
                f"`{self.shown_file(package)}` declares something, and no `{last}.py` stands "
                "beside it",
                hint=f"it has {wanted}",
            )
        if name in self.sources and not self.defines(name, function):
            raise ExtensionError(
                f"`{self.shown_file(name)}` has no `{function}`", hint=f"it has {wanted}"
            )

    def shown_file(self, name: str) -> str:
        """The file of a module in messages."""
        return f"{self.shown}/{self.sources[name].file}"

    def compiled(self, name: str) -> CodeType:
        """The code of a module.

        Raises:
            SyntaxError, ValueError: It is no Python.
        """
        # Not this module's own `annotations`, but those that the source asks for.
        return compile(self.sources[name].data, self.shown_file(name), "exec", dont_inherit=True)

    def unreadable(self) -> list[ExtensionError]:
        """An error for every module that is no Python, imported or not."""
        found = []
        for name in sorted(self.sources):
            try:
                self.compiled(name)
            except (SyntaxError, ValueError) as error:
                found.append(_not_imported(self, self.sources[name].file, error))
        return found

    def reference(self) -> Reference:
        """What another process opens it by."""
        return Reference(name=self.name, digest=self.digest, folder=self.folder)


_active: ContextVar[tuple[Extension, ...]] = ContextVar("tilth_extensions", default=())
# By the name of their space: what is imported stays, as it does in `sys.modules`.
_opened: dict[str, Extension] = {}


def active() -> tuple[Extension, ...]:
    """The extensions of the recipe at hand."""
    return _active.get()


@contextlib.contextmanager
def using(extensions: Sequence[Extension]) -> Iterator[None]:
    """The names of these extensions, and of no others, are known inside the block."""
    token = _active.set(tuple(extensions))
    try:
        yield
    finally:
        _active.reset(token)


def open_extension(folder: Path, shown: str = "", name: str = "") -> Extension:
    """Read an extension; none of its modules is imported yet.

    Args:
        folder: Its folder.
        shown: The folder in messages; empty: its name.
        name: Its name, where that is not the folder's.

    Raises:
        MissingError: There is no such folder.
        ExtensionError: It cannot be read, is far too large, or has no module at all.
    """
    shown = shown or name or folder.name
    folder = Path(os.path.abspath(folder))
    if not shown or not folder.name:
        raise ExtensionError("an extension is a folder with a name", hint="extensions: [my_own]")
    if not folder.is_dir():
        raise MissingError(
            f"there is no folder `{shown}` with an extension",
            hint="the path is relative to where you run",
            code="no-extension",
        )
    try:
        sources = _read(folder, shown)
    except OSError as error:
        raise ExtensionError(f"`{shown}` cannot be read: {error.strerror or error}") from None
    if not sources:
        raise ExtensionError(
            f"`{shown}` has no module",
            hint="lay it out as Tilth's rooms: clean/NAME.py, collect/NAME.py, models/NAME/…",
        )
    digest = hashlib.sha256()
    for source in sorted(sources.values(), key=lambda source: source.file):
        for part in (source.file.encode("utf-8", "surrogatepass"), source.data):
            digest.update(len(part).to_bytes(8, "little"))
            digest.update(part)
    number, space = 0, ""
    # One that opened a file which is another by now, and may keep what it held, is imported anew.
    while not space or reads.is_outdated(f"{space}.{one}" for one in sources):
        key = json.dumps([name, str(folder), shown, digest.hexdigest(), number])
        space = EXTENSION_MODULES + hashlib.sha256(key.encode()).hexdigest()[:16]
        number += 1
    found = Extension(name or folder.name, shown, folder, sources, digest.hexdigest(), space)
    if _FINDER not in sys.meta_path:
        sys.meta_path.append(_FINDER)
    return _opened.setdefault(space, found)


def open_reference(reference: Reference) -> Extension:
    """The extension that another process means.

    Raises:
        MissingError: It is not there.
        DataError: It is there and is another by now.
    """
    try:
        found = open_extension(reference.folder, name=reference.name)
    except MissingError:
        found = None
    if found is None or found.digest != reference.digest:
        what = "is not there any more" if found is None else "was changed"
        raise (MissingError if found is None else DataError)(
            f"the run's copy of the extension `{reference.name}` {what}",
            where=str(reference.folder),
            hint="run the recipe again, which copies it anew",
            code="no-extension",
        )
    return found


def find(full_name: str) -> tuple[Extension, str] | None:
    """The extension that a module is of, and its name there; None: it is of none."""
    space, _, name = full_name.partition(".")
    found = _opened.get(space)
    return None if found is None else (found, name)


def load_module(full_name: str) -> ModuleType:
    """Import a module, of Tilth or of an extension.

    Raises:
        ExtensionError: The module of an extension cannot be imported; says in which line.
    """
    found = find(full_name)
    if found is None:
        return importlib.import_module(full_name)
    extension, name = found
    try:
        # What it prints is no part of what a command writes.
        with contextlib.redirect_stdout(sys.stderr):
            return importlib.import_module(full_name)
    except (TilthError, KeyboardInterrupt):
        raise
    except BaseException as error:
        file = extension.sources[name].file if name in extension.sources else name
        raise _not_imported(extension, file, error) from error


def _not_imported(extension: Extension, file: str, error: BaseException) -> ExtensionError:
    """What is wrong with a module, and in which line of which file."""
    place = f"{extension.shown}/{file}"
    if isinstance(error, SyntaxError) and error.lineno:
        place = f"{error.filename}:{error.lineno}"
    else:
        place = place_of(error) or place
    message = error.msg if isinstance(error, SyntaxError) else words_of(error)
    message = message.replace(f"{extension.space}.", "").replace(extension.space, extension.name)
    what = f"`{place}` cannot be imported: {type(error).__name__}: {message}".rstrip(": ")
    hint = ""
    if isinstance(error, ModuleNotFoundError) and error.name:
        first = error.name.partition(".")[0]
        if first == extension.name or extension.has(first):
            hint = "modules of an extension import each other relatively: `from . import NAME`"
        elif not first.startswith(EXTENSION_MODULES):
            hint = f"install `{first}`, or take the import away"
    elif isinstance(error, NameError) and error.name == "__file__":
        hint = "a module has no place on the disk; a file that it reads is a setting of it"
    return ExtensionError(what, hint=hint)


def _bound_by(node: ast.stmt) -> list[str]:
    """The names that a line of a module gives a meaning."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.ImportFrom):
        return [alias.asname or alias.name for alias in node.names]
    targets = node.targets if isinstance(node, ast.Assign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _read(folder: Path, shown: str) -> dict[str, Source]:
    """The sources below a folder, packages last: `a/__init__.py` goes before `a.py`."""
    found: dict[str, Source] = {}
    num_bytes = 0
    for top, folders, files in os.walk(folder):
        # What no import could name is no part of it: `.git`, `__pycache__`, `lib64-3.11`.
        folders[:] = sorted(n for n in folders if n.isidentifier() and not n.startswith("__"))
        place = Path(top).relative_to(folder)
        for name in folders:
            if Path(top, name).is_symlink():
                raise ExtensionError(
                    f"`{shown}/{(place / name).as_posix()}` is a link to a folder, and none is "
                    "followed",
                    hint="name that folder as an extension of its own, or copy it",
                )
        for file in sorted(files):
            stem, dot, ending = file.partition(".")
            if (dot, ending) != (".", "py"):
                continue
            if not stem.isidentifier():
                if place.parts and stem.replace("-", "_").isidentifier():
                    raise ExtensionError(
                        f"`{shown}/{(place / file).as_posix()}` cannot be imported: `{stem}` is no "
                        "name in Python",
                        hint=f"call it {stem.replace('-', '_')}.py",
                    )
                continue
            path = Path(top, file)
            if not path.is_file():
                raise ExtensionError(
                    f"`{shown}/{(place / file).as_posix()}` is no file that can be read"
                )
            num_bytes += path.stat().st_size
            if len(found) >= _MAX_FILES or num_bytes > _MAX_BYTES:
                raise ExtensionError(
                    f"`{shown}` is too large for an extension",
                    hint=f"it holds at most {_MAX_FILES} modules; name the folder that has just "
                    "your own",
                )
            parts = [*place.parts, *([] if file == _INIT else [stem])]
            name = ".".join(parts)
            if name not in found or file == _INIT:
                found[name] = Source((place / file).as_posix(), path.read_bytes())
    return found


class _Finder:
    """Finds modules of extensions among what was read, and no others."""

    def find_spec(self, full_name: str, *_: object) -> importlib.machinery.ModuleSpec | None:
        """The module of that name, or nothing. A folder without `__init__.py` is a package too."""
        found = find(full_name)
        if found is None or not found[0].has(found[1]):
            return None
        extension, name = found
        is_package = name not in extension.sources or extension.is_package(name)
        origin = extension.shown_file(name) if name in extension.sources else extension.shown
        return importlib.machinery.ModuleSpec(
            full_name, _LOADER, origin=origin, is_package=is_package
        )


class _Loader(importlib.abc.InspectLoader):
    """Gives the code of what was read; a traceback shows its lines as they were executed."""

    def exec_module(self, module: ModuleType) -> None:
        """Execute it, and note what it opens, for whoever uses it later."""
        with reads.watching():
            super().exec_module(module)
        extension, name = _found(module.__name__)
        if name in extension.sources:
            reads.asks(module.__name__, asked_about(ast.parse(extension.sources[name].data)))

    def get_code(self, fullname: str) -> CodeType:
        """The code to execute."""
        extension, name = _found(fullname)
        if name not in extension.sources:
            return compile("", extension.shown, "exec")
        return extension.compiled(name)

    def get_source(self, fullname: str) -> str | None:
        """The source, for tracebacks."""
        extension, name = _found(fullname)
        source = extension.sources.get(name)
        return None if source is None else importlib.util.decode_source(source.data)


def _found(full_name: str) -> tuple[Extension, str]:
    found = find(full_name)
    if found is None:
        raise ImportError(f"{full_name} is of no extension")
    return found


_FINDER, _LOADER = _Finder(), _Loader()
