"""A user's own modules that are no extension: a file of functions, and what of theirs it imports.

What was read is what is digested and what is executed: each set of sources has a module space of
its own, so that no helper which an earlier function imported stands in for one that was edited.
Imports are read off the sources, wherever in them, and found as Python finds them, in the folder of
a named file first.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import hashlib
import importlib
import importlib.abc
import importlib.util
import json
import os
import pkgutil
import sys
import sysconfig
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec, PathFinder
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from tilth import reads
from tilth.errors import OWN_MODULES
from tilth.syntax import asked_about, digest_of, finds_otherwise, imported
from tilth.versions import versions_of

_MAX_KEPT = 64
# Of a package's files those that are code.
_SUFFIXES = {".py", *EXTENSION_SUFFIXES}
_SETTLED_NS = 1_000_000_000


@dataclass(frozen=True)
class _Source:
    """A module as it was read.

    Attributes:
        file: Where it lies; empty of a package that is a folder alone.
        data: Its bytes.
        folders: Of a package, where its modules lie.
    """

    file: str
    data: bytes = field(repr=False)
    folders: tuple[str, ...] | None

    @property
    def is_python(self) -> bool:
        return self.file.endswith(".py") or not self.file


@dataclass(frozen=True, eq=False)
class OwnCode:
    """A module that was named and all of the user's own that it imports, as they were read.

    Attributes:
        name: The module, as it is imported.
        sources: By the names under which they import each other; empty where the named one is no
            module of the user's own.
        digest: SHA-256 of what counts of them: their code; of one that reads its own text or finds
            code in another way than by imports all that stands beside it too; the code of Tilth and
            the versions of the libraries that they import. Where they lie does not count.
    """

    name: str
    sources: Mapping[str, _Source] = field(repr=False)
    digest: str

    def load(self) -> ModuleType:
        """The module, executed from what was read; once, until a file that it opened changes.

        Raises:
            Whatever its code raises.
        """
        if not self.sources:
            return importlib.import_module(self.name)
        space = self._space()
        _spaces[space] = self
        if _FINDER not in sys.meta_path:
            sys.meta_path.append(_FINDER)
        before = {*sys.path}
        with reads.watching():
            module = importlib.import_module(f"{space}.{self.name}")
        _put.update({*sys.path} - before)
        for name, source in self.sources.items():
            if source.is_python:
                reads.asks(f"{space}.{name}", _asked_about(source.data))
        reads.use(self._modules(space))
        return module

    def _space(self) -> str:
        """Where it is imported: another place for other sources, and for other files read."""
        key = json.dumps(
            [
                [name, one.file, hashlib.sha256(one.data).hexdigest()]
                for name, one in sorted(self.sources.items())
            ]
        )
        number = 0
        while True:
            digest = hashlib.sha256(f"{number} {key}".encode("utf-8", "surrogatepass"))
            space = OWN_MODULES + digest.hexdigest()[:16]
            if not reads.is_outdated(self._modules(space)):
                return space
            number += 1

    def _modules(self, space: str) -> list[str]:
        return [f"{space}.{name}" for name in self.sources]


def read_code(place: str) -> OwnCode:
    """Read a module and all of the user's own that it imports; nothing is executed.

    Args:
        place: `file.py`, relative to the working directory, or `package.module`.

    Raises:
        SyntaxError, ValueError: One of them is no Python.
        OSError: One cannot be read.
    """
    key = (os.getcwd(), place, *sys.path)
    held = _held.get()
    if held is not None and key in held:
        return held[key]
    kept = _read.get(key)
    if kept is None or any(_stamp(path) != stamp for path, stamp in kept[0].items()):
        reading = _Reading(place)
        kept = reading.stamps, reading.code()
        if len(_read) >= _MAX_KEPT:
            _read.clear()
        newest = max((max(stamp[:2]) for stamp in kept[0].values() if stamp), default=0)
        # A file that is just being written may get other content under the same times.
        if time.time_ns() - newest > _SETTLED_NS:
            _read[key] = kept
    if held is not None:
        held[key] = kept[1]
    return kept[1]


@lru_cache(maxsize=1024)  # A function is loaded for each batch.
def _asked_about(source: bytes) -> frozenset[str]:
    return frozenset(asked_about(ast.parse(source)))


def is_loose(name: str) -> bool:
    """Whether an import may be of a module of the user's own that is of no extension."""
    top = name.partition(".")[0]
    if not top or top in (*sys.stdlib_module_names, "tilth") or top.startswith(OWN_MODULES):
        return False
    return _Reading(top).finds_own(top)


@contextlib.contextmanager
def held() -> Iterator[None]:
    """What is read in this block stays what it was when it was first read.

    So a task that compares the digest with the plan's executes what it compared, whatever is
    written meanwhile. A folder that a function adds to `sys.path` as it is called is gone at the
    end: the next task would find modules there that the plan had not found.
    """
    token, before = _held.set({}), {*sys.path}
    try:
        yield
    finally:
        _held.reset(token)
        sys.path[:] = [folder for folder in sys.path if folder in before or folder in _put]


# What was read last, with what the system said of files and folders just before.
_read: dict[tuple[str, ...], tuple[dict[str, tuple[int, ...]], OwnCode]] = {}
_held: ContextVar[dict[tuple[str, ...], OwnCode] | None] = ContextVar("tilth_own", default=None)
_spaces: dict[str, OwnCode] = {}
# Folders that modules added to `sys.path` as they were executed, which is once in a process.
_put: set[str] = set()


def _stamp(path: str) -> tuple[int, ...]:
    try:
        found = os.stat(path)
    except OSError:
        return ()
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


class _Reading:
    """Reads one module and what it imports."""

    def __init__(self, place: str) -> None:
        self.stamps: dict[str, tuple[int, ...]] = {}
        self._place = place
        self._path = list(sys.path)
        self._sources: dict[str, _Source] = {}
        self._tilth: dict[str, bytes] = {}
        self._foreign: set[str] = set()
        self._looked_for: set[str] = set()

    def code(self) -> OwnCode:
        """What was named, with all that it imports."""
        name, file = self._place, ""
        if name.endswith(".py"):
            file = os.path.abspath(name)
            name = Path(file).stem
            # Where Python looks first for what a script imports.
            self._path.insert(0, os.path.dirname(file))
        importlib.invalidate_caches()
        for folder in self._path:
            if not _is_foreign(folder):
                # A module that appears there may be found in the place of one that was.
                self.stamps[folder or "."] = _stamp(folder or ".")
        if file:
            self._looked_for.add(name)
            self._take(name, file, None)
        else:
            self._visit(name)
        return OwnCode(name, self._sources, self._digest(name))

    def finds_own(self, name: str) -> bool:
        """Whether a module outside of packages is the user's own; nothing is read."""
        return self._top(name) is not None

    def _visit(self, name: str) -> bool:
        """Take in a module and what it imports; whether it is one of the user's own."""
        if name not in self._looked_for:
            self._looked_for.add(name)
            self._look_for(name)
        return name in self._sources

    def _look_for(self, name: str) -> None:
        above, _, last = name.rpartition(".")
        if name.partition(".")[0] == "tilth":
            self._look_in_tilth(name)
            return
        if last == "*":
            # Which of its modules a package gives is said by its code.
            for one in self._inside(above) if self._visit(above) else ():
                self._visit(f"{above}.{one}")
            return
        if above:
            # Importing a module executes the packages around it.
            folders = self._sources[above].folders if self._visit(above) else None
            spec = PathFinder.find_spec(name, folders) if folders else None
        else:
            spec = None if name in sys.stdlib_module_names else self._top(name)
        if spec is None:
            return
        places = spec.submodule_search_locations
        folders = None if places is None else tuple(places)
        if spec.origin is None or not spec.has_location:
            self._sources[name] = _Source("", b"", folders)
        else:
            self._take(name, spec.origin, folders)

    def _inside(self, package: str) -> list[str]:
        """The names of the modules that lie in a package."""
        folders = self._sources[package].folders
        return sorted(info.name for info in pkgutil.iter_modules(folders or ()))

    def _top(self, name: str) -> ModuleSpec | None:
        """Where a module outside of packages is found, if that is the user's own."""
        spec = PathFinder.find_spec(name, self._path)
        if spec is None:
            # By a finder of its own: what is installed to be edited. (`importlib.util.find_spec`
            # finds what a function imported by way of a folder of its own, too.)
            finders = (one.find_spec for one in sys.meta_path if hasattr(one, "find_spec"))
            with contextlib.suppress(ImportError, ValueError):
                spec = next((found for find in finders if (found := find(name, None))), None)
        if spec is None or all(map(_is_foreign, _places_of(spec))):
            self._foreign.add(name)
            return None
        return spec

    def _look_in_tilth(self, name: str) -> None:
        """Count a module of Tilth with what it imports of Tilth; it is imported as ever."""
        base = Path(__file__).parent.joinpath(*name.split(".")[1:])
        for file in (base.with_suffix(".py"), base / "__init__.py"):
            if name != "tilth" and file.is_file():
                data = file.read_bytes()
                self._tilth[name] = digest_of(data)
                for one in imported(ast.parse(data), ""):
                    if one.partition(".")[0] == "tilth":
                        self._visit(one)
                return

    def _take(self, name: str, file: str, folders: tuple[str, ...] | None) -> None:
        self.stamps[file] = _stamp(file)
        self.stamps.update({folder: _stamp(folder) for folder in folders or ()})
        source = self._sources[name] = _Source(file, Path(file).read_bytes(), folders)
        if source.is_python:
            package = name if folders is not None else name.rpartition(".")[0]
            for one in imported(ast.parse(source.data), package):
                if one.strip("."):
                    # Of a file outside of packages, relative is beside it.
                    self._visit(one.lstrip("."))

    def _digest(self, root: str) -> str:
        parts: dict[str, str] = {}
        for name, source in self._sources.items():
            shown = "" if name == root else name  # how the named one is called does not count
            if source.is_python and not finds_otherwise(ast.parse(source.data)):
                parts[shown] = digest_of(source.data).hex() if source.file else ""
                continue
            parts[shown] = hashlib.sha256(source.data).hexdigest()
            if source.is_python:
                for path in _beside(source):
                    self.stamps[str(path)] = _stamp(str(path))
                    parts[f"{shown}:{path.name}"] = hashlib.sha256(path.read_bytes()).hexdigest()
        if not self._sources:
            parts |= self._installed(root.partition(".")[0])
        parts |= {name: digest.hex() for name, digest in self._tilth.items()}
        found = json.dumps([parts, versions_of(self._foreign)], sort_keys=True)
        return hashlib.sha256(found.encode("utf-8", "surrogatepass")).hexdigest()

    def _installed(self, name: str) -> dict[str, str]:
        """What was named, and is installed as others are: its version may stay as it is edited."""
        spec = PathFinder.find_spec(name, self._path)
        if spec is None or name in sys.stdlib_module_names or name == "tilth":
            return {}
        files = [Path(spec.origin)] if spec.has_location and spec.origin else []
        for folder in spec.submodule_search_locations or ():
            files += [one for one in Path(folder).rglob("*") if one.suffix in _SUFFIXES]
        found: dict[str, str] = {}
        for path in sorted({*files}):
            self.stamps[str(path)] = _stamp(str(path))
            found[f"installed:{path.name}:{len(found)}"] = _digest_of_file(path)
        return found


def _digest_of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _beside(source: _Source) -> list[Path]:
    """What a module may find that looks for code otherwise than by an import."""
    return sorted(path for path in Path(source.file).parent.glob("*.py") if path.is_file())


def _places_of(spec: ModuleSpec) -> Iterable[str]:
    return (
        [spec.origin]
        if spec.has_location and spec.origin
        else [*(spec.submodule_search_locations or [])]
    )


@cache
def _scripts() -> tuple[str, ...]:
    folder = sysconfig.get_paths()["scripts"]
    return tuple(f"{one.rstrip(os.sep)}{os.sep}" for one in {folder, os.path.realpath(folder)})


def _is_foreign(place: str) -> bool:
    """Whether a place is Python's, or one that packages are installed to."""
    whole = os.path.abspath(place) + os.sep
    return whole.startswith(_scripts()) or reads.is_installed(whole)


class _Finder:
    """Finds modules among what was read, and no others."""

    def find_spec(self, full_name: str, *_: object) -> ModuleSpec | None:
        """The module of that name, or nothing."""
        space, _dot, name = full_name.partition(".")
        code = _spaces.get(space)
        if code is None:
            return None
        if not name:
            return ModuleSpec(full_name, _LOADER, is_package=True)
        source = code.sources.get(name)
        if source is None:
            return None
        if not source.is_python:
            return importlib.util.spec_from_file_location(full_name, source.file)
        is_package = source.folders is not None
        spec = ModuleSpec(full_name, _LOADER, origin=source.file or None, is_package=is_package)
        spec.has_location = bool(source.file)  # so that `__file__` says where it lies
        return spec


class _Loader(importlib.abc.InspectLoader):
    """Executes what was read; what it imports of the user's own is what was read with it."""

    def exec_module(self, module: ModuleType) -> None:
        """Execute it, with imports of its own."""
        own = vars(builtins) | {"__import__": _importer(module.__name__.partition(".")[0])}
        vars(module)["__builtins__"] = own
        super().exec_module(module)

    def get_code(self, fullname: str) -> CodeType:
        """The code to execute."""
        source = _source_of(fullname)
        if source is None or not source.file:
            return compile("", fullname, "exec")
        # Not this module's own `annotations`, but those that the source asks for.
        return compile(source.data, source.file, "exec", dont_inherit=True)

    def get_source(self, fullname: str) -> str | None:
        """The source, for tracebacks."""
        source = _source_of(fullname)
        return None if source is None else importlib.util.decode_source(source.data)


def _source_of(full_name: str) -> _Source | None:
    space, _, name = full_name.partition(".")
    return _spaces[space].sources.get(name)


def _importer(space: str) -> Any:
    """The `__import__` of a space: its own modules by the names that they have outside of it."""

    def own_import(
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        top = name.partition(".")[0]
        if level or top not in _spaces[space].sources:
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        found = builtins.__import__(f"{space}.{name}", globals, locals, fromlist or (), 0)
        return found if fromlist else sys.modules[f"{space}.{top}"]

    return own_import


_FINDER, _LOADER = _Finder(), _Loader()
