"""Files that a user's own code opens for reading: told by Python itself, by its audit hooks.

A function reads a word list that no setting names, and what it gives depends on it. So while a task
of a user's code runs, each file that is opened with that code on the stack is noted with the digest
that it has then, and so is what a thread opens that is not Tilth's: the code may have started it.
What a module opened once it may have kept: it counts wherever the module is used in this process;
what a library opened for it, wherever any such code is. What the code looks for and does not find
counts too, modules among it. (Not seen: files that a library opens in C, or that are only asked for
by `exists` under a name that the code does not spell, other processes, the network, and
environment variables.)
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import stat
import sys
import sysconfig
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FrameType

from tilth.errors import OWN_MODULES

_LISTINGS = ("os.listdir", "os.scandir")
_DATABASE = "sqlite3.connect"
_OPENINGS = ("open", _DATABASE, "ctypes.dlopen")
_RENAME = ".".join(("os", "rename"))  # and its like; nothing is renamed here
_HEARD = {*_LISTINGS, *_OPENINGS, _RENAME}
_CHUNK = 1 << 20
_SETTLED_NS = 1_000_000_000
_MEMORY = "/dev/shm/"  # noqa: S108  (files in memory, and a user's projects among them)
# Compilers keep what they made of the same code in files of their own, which decide nothing.
_COMPILERS = ("torch._inductor", "torch._dynamo", "torch._functorch", "triton", "numba")
# What Python calls the folders that packages are installed to.
INSTALLED = ("site-packages", "dist-packages")
# By so much the times of a file system may be behind the clock.
_COARSE_NS = 20_000_000
_FOLDER = "a folder"
# Under this name stands what others opened for a user's own code: they may keep it for all of it.
_OTHERS = ""

_watchers: list[Reads] = []
# What each module of a user's own opened in this process, by its full name: path -> digest.
_kept: dict[str, dict[str, str]] = {}
# The modules that it asked for by name, and that nobody found then.
_sought: dict[str, set[str]] = {}
# What it wrote itself.
_written: set[str] = set()
# What it may ask about, and nobody heard it open.
_asked: set[str] = set()
_lock = threading.RLock()
# A file's digest by what the system says of it, which is quick to ask.
_known: dict[str, tuple[tuple[int, ...], str]] = {}
_here = threading.local()


class Reads:
    """What was opened for reading while a block ran."""

    def __init__(self, apart: Sequence[Path]) -> None:
        self._apart = tuple(os.path.abspath(folder) for folder in apart)
        self._home = os.getcwd()
        self._thread = threading.get_ident()
        self._since_ns = time.time_ns() - _COARSE_NS
        self._found: dict[str, str] = {}
        self._born_ns: dict[str, int] = {}
        self._databases: set[str] = set()
        self._changed: set[str] = set()
        self._modules: set[str] = set()

    def digests(self, *, asked: bool = True) -> dict[str, str]:
        """SHA-256 of each file as it was when it was first opened, by its path.

        A path below the working directory is relative to it. A file that was not there has an empty
        digest; of a folder that was listed, whose path ends with a slash, the names count.

        Args:
            asked: With what the code may ask about, which it did not open: not where it was loaded
                and not called.
        """
        with _lock:
            self._settle()
            return {
                self._named(path): self._found[path]
                for path in sorted(self._found)
                if asked or not self._is_asked(path)
            }

    def _is_asked(self, path: str) -> bool:
        return path in _asked and path not in self._born_ns

    def changed(self) -> tuple[str, ...]:
        """The files that are, or meanwhile were, not what they were when first opened."""
        with _lock:
            self._settle()
            for path, digest in self._found.items():
                if self._digest(path) != digest:
                    self._changed.add(path)
            return tuple(self._named(path) for path in sorted(self._changed))

    def _settle(self) -> None:
        """Forget what the code made for itself; take down the modules that were not found."""
        for path, digest in list(self._found.items()):
            now = self._digest(path)
            is_temporary = not now and self._born_ns.get(path, 0) >= self._since_ns
            # Nobody tells whether a program of the code's made what it asked about.
            is_others = self._is_asked(path) or path in self._databases
            if now != digest and (is_temporary or is_others):
                self._forget(path)
        names = {name for module in self._modules for name in _sought.get(module, ())}
        for name in names - sys.modules.keys():
            for path in _places_of(name):
                if path not in _written and not self._is_apart(path):
                    self._found.setdefault(path, self._digest(path))

    def _forget(self, path: str) -> None:
        self._found.pop(path, None)
        self._changed.discard(path)
        for opened in _kept.values():
            opened.pop(path, None)

    def use(self, modules: Iterable[str]) -> None:
        """Count what modules of a user's own opened before the block, and may have kept."""
        with _lock:
            names = [*modules]
            self._modules.update(names)
            for name in [*names, _OTHERS] if names else ():
                for path, digest in _kept.get(name, {}).items():
                    if not self._is_apart(path):
                        self._found.setdefault(path, digest)

    def _see(self, path: str, event: str, modules: Collection[str], *, writes: bool) -> str | None:
        """Note that a file is opened, by own code or in a thread that may be its.

        Returns:
            The file's digest, where it counts.
        """
        self._modules.update(modules)
        if writes and modules:
            self._forget(path)
        is_ours = not modules and threading.get_ident() == self._thread
        if is_ours or writes or path in _written or self._is_apart(path):
            return None
        if path not in self._found:
            self._born_ns[path] = _born_ns(path)
        if event == _DATABASE:
            # It tells nobody whether it is written to.
            self._databases.add(path)
        digest = self._digest(path)
        if self._found.setdefault(path, digest) != digest:
            self._changed.add(path)
        return digest

    def _is_apart(self, path: str) -> bool:
        return any(path == one or path.startswith(one + os.sep) for one in self._apart)

    def _digest(self, path: str) -> str:
        return _digest_of(path, self._apart)

    def _named(self, path: str) -> str:
        home = self._home.rstrip(os.sep) + os.sep
        return path.removeprefix(home) if path.startswith(home) else path


@contextlib.contextmanager
def watching(apart: Sequence[Path] = (), modules: Iterable[str] = ()) -> Iterator[Reads]:
    """Note what is opened while the block runs, with a user's own code on the stack or in a thread.

    Not what Tilth's own threads open, nor files of Python, of installed packages and of Tilth.

    Args:
        apart: Folders whose files do not count: the run's own.
        modules: Of a user's own, by full name, that the block uses: what they opened earlier in
            this process counts.
    """
    _hook()
    reads = Reads(apart)
    reads.use(modules)
    with _lock:
        _watchers.append(reads)
    try:
        yield reads
    finally:
        with _lock:
            _watchers.remove(reads)


def as_now(paths: Iterable[str], apart: Sequence[Path] = ()) -> dict[str, str]:
    """What `Reads.digests` would give of these paths now.

    Args:
        paths: As it has them.
        apart: As of `watching`.
    """
    folders = [os.path.abspath(folder) for folder in apart]
    return {path: _digest_of(_whole(path), folders) for path in sorted(paths)}


def _whole(path: str) -> str:
    return os.path.abspath(path) + os.sep * path.endswith(os.sep)


def use(modules: Iterable[str]) -> None:
    """As `Reads.use`, for all blocks that run now."""
    names = list(modules)
    with _lock:
        for reads in _watchers:
            reads.use(names)


def asks(module: str, paths: Iterable[str]) -> None:
    """Count files that a module of a user's own asks about: Python tells nobody when it does.

    Args:
        module: By its full name; what it asks about counts as what it opened.
        paths: As it spells them; relative to the working directory.
    """
    with _lock:
        for name in paths:
            path = os.path.abspath(os.path.expanduser(name))
            if _is_foreign(path) or path in _written:
                continue
            _asked.add(path)
            _kept.setdefault(module, {}).setdefault(path, _digest_of(path, ()))


def may_be_kept() -> bool:
    """Whether this process knows what is of one step alone.

    What others opened for a user's own code they may have kept for all of it, and what the code
    wrote is no input of its own, and may be one of another step's.
    """
    return bool(_kept.get(_OTHERS) or _written)


def is_installed(path: str) -> bool:
    """Whether a path is one of Python's own, or below what packages are installed to."""
    return path.startswith(_foreign_folders())


def is_outdated(modules: Iterable[str]) -> bool:
    """Whether a file that one of the modules opened, and may have kept, is another by now."""
    with _lock:
        opened = [item for name in modules for item in _kept.get(name, {}).items()]
        return any(_digest_of(path, ()) != digest for path, digest in opened)


@cache  # A hook stays for good.
def _hook() -> None:
    sys.addaudithook(_hear)
    sys.meta_path.append(_LastFinder())


class _LastFinder:
    """Is asked for what no finder has found; has nothing either."""

    def find_spec(self, name: str, *_: object) -> None:
        """Nothing, but note it."""
        if _watchers and not getattr(_here, "busy", False):
            _here.busy = True
            try:
                _note_import(name, _on_stack(sys._getframe(1)))
            finally:
                _here.busy = False


def _hear(event: str, given: tuple[object, ...]) -> None:
    if not _watchers or event not in _HEARD:
        return
    if getattr(_here, "busy", False) or not given:
        return
    _here.busy = True
    try:
        _note(event, given)
    except Exception:  # noqa: S110  (an error here would be one of the code that opens the file)
        pass
    finally:
        _here.busy = False


def _note(event: str, given: tuple[object, ...]) -> None:
    caller = sys._getframe(2)
    if event in _LISTINGS and caller.f_code.co_filename.startswith("<frozen"):
        return  # the search for modules looks into every folder that may hold one
    if event == _RENAME:
        _note_rename(given, _on_stack(caller))
        return
    name = given[0] if given[0] is not None or event not in _LISTINGS else "."
    if not isinstance(name, str | bytes | os.PathLike):
        return  # opened already: a number
    path = os.path.abspath(os.fsdecode(name))
    if f"{os.sep}__pycache__{os.sep}" in path:
        path = _source_of(path)
    if not path or _is_foreign(path):
        return
    if event not in ("open", *_LISTINGS) and not os.path.isfile(path):
        return  # a name that is no path: `:memory:`, `libc.so.6`
    if event == "open" and os.path.isdir(path):
        return  # what is in it is listed, or it is removed
    if event in _LISTINGS:
        path = path.rstrip(os.sep) + os.sep
    writes = event == "open" and _writes(given)
    stack = _on_stack(caller)
    if stack.is_compilers or (not stack.modules and (stack.is_tilths or not _has_own())):
        return
    with _lock:
        if writes and stack.modules:
            # What the code writes itself is no input of it, though it may read it again.
            _written.add(path)
        for watcher in _watchers:
            digest = watcher._see(path, event, stack.modules, writes=writes)
            for module in {*stack.modules, *([] if stack.keeps_itself else [_OTHERS])}:
                opened = _kept.setdefault(module, {})
                if digest is not None:
                    opened[path] = digest
                elif writes:
                    opened.pop(path, None)


def _has_own() -> bool:
    """Whether any code of a user's own was loaded, and so may have started a thread."""
    return any(name.startswith(OWN_MODULES) for name in tuple(sys.modules))


def _note_import(name: str, stack: _Stack) -> None:
    """A user's own code asks for a module by name, which is not there."""
    if stack.modules and stack.keeps_itself and not name.startswith(OWN_MODULES):
        with _lock:
            for module in stack.modules:
                _sought.setdefault(module, set()).add(name)
            for watcher in _watchers:
                watcher._modules.update(stack.modules)


def _note_rename(given: tuple[object, ...], stack: _Stack) -> None:
    """What a user's own code wrote under another name first, and puts in its place."""
    source, target = (
        os.path.abspath(os.fsdecode(one))
        for one in given[:2]
        if isinstance(one, str | bytes | os.PathLike)
    )
    if stack.modules:
        with _lock:
            _written.add(target)
            for watcher in _watchers:
                watcher._forget(source)
                watcher._forget(target)


def _writes(given: tuple[object, ...]) -> bool:
    """Whether a file is opened to be written too, by the arguments of an `open`."""
    mode, flags = (*given, None, 0)[1:3]
    if isinstance(mode, str):
        return not {"w", "x", "a", "+"}.isdisjoint(mode)
    return isinstance(flags, int) and flags & os.O_ACCMODE != os.O_RDONLY


def _source_of(path: str) -> str:
    """The module of a cached file: one that an import by name finds; no other counts."""
    try:
        return importlib.util.source_from_cache(path)
    except ValueError:
        return ""


@dataclass(frozen=True)
class _Stack:
    """Who does something.

    Attributes:
        modules: Those of a user's own on the stack.
        is_tilths: Whether Tilth is on it.
        keeps_itself: Whether the innermost, Python's own library aside, is a user's own; what a
            library opens, or is imported, others may find there too.
        is_compilers: Whether the innermost, Python's own library aside, is a compiler.
    """

    modules: frozenset[str]
    is_tilths: bool
    keeps_itself: bool
    is_compilers: bool = False


def _on_stack(frame: FrameType | None) -> _Stack:
    found, is_tilths, keeps_itself, is_compilers = set(), False, None, False
    while frame is not None:
        name = frame.f_globals.get("__name__")
        if isinstance(name, str):
            is_own, top = name.startswith(OWN_MODULES), name.partition(".")[0]
            if is_own:
                found.add(name)
            if keeps_itself is None:
                if is_own or top not in sys.stdlib_module_names:
                    keeps_itself = is_own
                    is_compilers = f"{name}.".startswith(tuple(f"{one}." for one in _COMPILERS))
                elif name.endswith("_external"):  # the importer: what it loads is there for all
                    keeps_itself = False
            is_tilths = is_tilths or top == "tilth"
        frame = frame.f_back
    return _Stack(frozenset(found), is_tilths, bool(keeps_itself), is_compilers)


def _places_of(name: str) -> Iterator[str]:
    """Where a module would lie that is not there, as far as a user's own may."""
    for folder in sys.path:
        base = os.path.abspath(folder)
        if _is_foreign(f"{base}{os.sep}") or not os.path.isdir(base):
            continue
        for part in name.split("."):
            if os.path.isdir(os.path.join(base, part)):
                base = os.path.join(base, part)
                continue
            yield os.path.join(base, f"{part}.py")
            yield os.path.join(base, part) + os.sep
            break


def _born_ns(path: str) -> int:
    """When a file was last written to, or put there; 0: it is not."""
    try:
        return os.stat(path).st_ctime_ns
    except OSError:
        return 0


def _foreign_folders() -> tuple[str, ...]:
    return _foreign_on(tuple(sys.path))


@cache
def _foreign_on(path: tuple[str, ...]) -> tuple[str, ...]:
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    folders = {sysconfig.get_paths()[name] for name in names} | {str(Path(__file__).parent)}
    folders |= {one for one in path if os.path.basename(one.rstrip(os.sep)) in INSTALLED}
    folders |= {os.path.realpath(folder) for folder in folders}
    return tuple(f"{folder.rstrip(os.sep)}{os.sep}" for folder in sorted(folders))


def _is_foreign(path: str) -> bool:
    """Whether a file is Python's, an installed package's, Tilth's or the system's."""
    if path.startswith(("/proc/", "/sys/", "/dev/")):
        return not path.startswith(_MEMORY)
    return is_installed(path)


def _digest_of(path: str, apart: Sequence[str]) -> str:
    """SHA-256 of a file, or of the names in a folder (a path that ends with a slash).

    Of a folder in the place of a file a word; empty: it is not there, or is neither.
    """
    try:
        if path.endswith(os.sep):
            return _names_digest(path, apart)
        found = os.stat(path)
        if stat.S_ISDIR(found.st_mode):
            return _FOLDER
        if not stat.S_ISREG(found.st_mode):
            return ""
        stamp = (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino, found.st_dev)
        known = _known.get(path)
        if known is not None and known[0] == stamp:
            return known[1]
        digest = _file_digest(path)
        # A file that is just being written may get other content under the same times.
        if time.time_ns() - max(stamp[:2]) > _SETTLED_NS:
            _known[path] = (stamp, digest)
        return digest
    except OSError:
        return ""


def _file_digest(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _names_digest(folder: str, apart: Sequence[str]) -> str:
    """Of what is in a folder, less what the run puts there."""
    names = sorted(
        name
        for name in os.listdir(folder)
        if name != "__pycache__"
        and not any(f"{one}/".startswith(f"{folder}{name}/") for one in apart)
    )
    return hashlib.sha256("\0".join(names).encode("utf-8", "surrogatepass")).hexdigest()
