"""Atomic writes: a file or a folder is there whole or not at all, after a kill or a full disk too.

What is not yet whole, or is on its way out, lies beside its place as `.NAME.PID.aside`. That is the
one trace that a killed process leaves; `sweep` removes whatever bears such a name, file or folder.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from tilth.errors import StorageError, unsupported_system

if TYPE_CHECKING:
    from tilth.records import Record

try:
    import fcntl
except ImportError:
    raise unsupported_system() from None

_RUNS = "--runs DIR"
_HINTS = {
    errno.ENOSPC: "free some space and run the same command again; what was committed is kept",
    errno.EDQUOT: "free some of your quota and run the same command again",
    errno.EACCES: f"choose a folder you can write to with {_RUNS}",
    errno.EPERM: f"choose a folder you can write to with {_RUNS}",
    errno.EROFS: f"choose a folder you can write to with {_RUNS}",
    errno.ENOTDIR: f"a file stands where a folder is needed; choose another with {_RUNS}",
    errno.EEXIST: f"a file stands where a folder is needed; choose another with {_RUNS}",
}
_SUFFIX = ".aside"


@contextlib.contextmanager
def storage_errors(path: Path, verb: str = "write") -> Iterator[None]:
    """Turn an `OSError` of the file system into a `StorageError` that says what to do."""
    try:
        yield
    except OSError as error:
        # pyarrow raises OSError without errno set but with the text of strerror.
        number = error.errno or next((n for n in _HINTS if os.strerror(n) in str(error)), None)
        reason = os.strerror(number) if number else str(error)
        raise StorageError(
            f"cannot {verb}: {reason.lower()}",
            where=str(path),
            hint=_HINTS.get(number or 0, "run the same command again"),
        ) from error


@contextlib.contextmanager
def elsewhere(hint: str) -> Iterator[None]:
    """Where a folder that is no run's cannot be written, say how to name another one of its kind.

    Raises:
        StorageError: With the hint in the place of one that speaks of runs.
    """
    try:
        yield
    except StorageError as error:
        if _RUNS not in error.hint:
            raise
        told = StorageError(error.what, where=error.where, hint=hint, code=error.code)
        raise told from error.__cause__


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` durable (POSIX: the entry lives in the folder's own data)."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a binary file that appears under `path` only when the block ends without an error."""
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = aside_of(path)
        try:
            with open(aside, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            move(aside, path)
        finally:
            aside.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a small file atomically."""
    with atomic_file(path) as file:
        file.write(data)


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically: sorted keys, two-space indent, UTF-8, no NaN."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_bytes(path, (text + "\n").encode("utf-8", "surrogatepass"))


def write_record(path: Path, record: Record) -> None:
    """Write a record atomically, with its checksum; `tilth.records.read_file` reads it back."""
    write_json(path, record.as_kept())


def read_json(path: Path) -> Any:
    """Read a JSON file that Tilth wrote."""
    return json.loads(path.read_bytes().decode("utf-8", "surrogatepass"))


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """An empty folder that appears under `path` only when the block ends without an error.

    A folder that stands there is replaced. What earlier tries for the same `path` left is removed.

    Yields:
        Where to write meanwhile.

    Raises:
        StorageError: The disk is full or the folder cannot be written.
    """
    aside = aside_of(path)
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        earlier = (f".{path.name}.", _SUFFIX)
        remove(*(p for p in path.parent.iterdir() if _is_between(p.name, *earlier)))
        aside.mkdir()
    try:
        yield aside
        with storage_errors(path):
            _sync_tree(aside)
            remove(path)
            move(aside, path)
    finally:
        remove(aside)


@contextlib.contextmanager
def lasting_folder(path: Path) -> Iterator[Path]:
    """A folder that appears as of `atomic_folder`, in which what a kill ended is found again.

    What an interrupt, a kill or a full disk leaves is there at the next try; after any other error
    nothing is.

    Yields:
        Where to write meanwhile, with what an earlier try wrote there, and the file of a lock.

    Raises:
        StorageError: The disk is full, the folder cannot be written, or another process writes it.
    """
    aside = path.with_name(f".{path.name}.begun{_SUFFIX}")
    with folder_lock(aside, hint="wait for it, or name another folder"):
        try:
            yield aside
        except (StorageError, OSError, KeyboardInterrupt):
            raise
        except BaseException:
            remove(aside)
            raise
        with storage_errors(path):
            (aside / ".lock").unlink()
            _sync_tree(aside)
            remove(path)
            move(aside, path)


def aside_of(path: Path, why: str = "") -> Path:
    """Beside `path`, so that one rename brings it there or away."""
    return path.with_name(f".{path.name}.{os.getpid()}{why}{_SUFFIX}")


def is_aside(path: Path, why: str = "") -> bool:
    """Whether `aside_of` made this name, for that reason."""
    return _is_between(path.name, ".", f"{why}{_SUFFIX}")


def move(aside: Path, path: Path) -> None:
    """Bring what is whole and synced to its place, in one durable rename."""
    with storage_errors(path):
        os.replace(aside, path)
        sync_folder(path.parent)


def _is_between(name: str, start: str, end: str) -> bool:
    return name.startswith(start) and name.endswith(end)


def _sync_tree(folder: Path) -> None:
    """Bring every file below a folder, and every folder's list of them, onto the disk."""
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            sync_folder(path)
        else:
            with open(path, "rb+") as handle:
                os.fsync(handle.fileno())
    sync_folder(folder)


def remove(*paths: Path) -> None:
    """Remove files, links and whole folders that Tilth made; one that is absent is fine.

    A folder leaves its place in one rename before its files go: a kill in between leaves something
    to sweep, never half a folder that a later run would take for a whole one.

    Raises:
        StorageError: Something cannot be removed.
    """
    for path in paths:
        with storage_errors(path, "remove"):
            if not path.is_dir() or path.is_symlink():
                path.unlink(missing_ok=True)
            elif _is_between(path.name, ".", _SUFFIX):
                shutil.rmtree(path)
            else:
                leaving = aside_of(path, ".leaving")
                remove(leaving)
                os.replace(path, leaving)
                shutil.rmtree(leaving)


def sweep(folder: Path, *, below: bool = True) -> None:
    """Remove whatever killed processes left aside in a folder, absent or not.

    Only for who holds the folder's lock: what a live process is writing has the same kind of name.

    Args:
        folder: Where to look.
        below: Look into its folders too.

    Raises:
        StorageError: Something cannot be removed.
    """
    pattern = f".*{_SUFFIX}"
    with storage_errors(folder, "remove"):
        found = [*(folder.rglob(pattern) if below else folder.glob(pattern))]
    remove(*found)


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_locked(folder: Path) -> bool:
    """Whether a live process holds the lock of a folder."""
    try:
        descriptor = os.open(folder / ".lock", os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _open_lock(path: Path) -> int:
    with storage_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether an open file is the one that stands under a path."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def folder_lock(
    folder: Path,
    *,
    timeout_s: float = 10.0,
    hint: str = "wait for it, stop it, or give this run a name of its own (--name)",
) -> Iterator[int]:
    """Hold the one writer's lock of a folder; yields its descriptor, which children may inherit.

    A killed run's workers hold the inherited lock until they are gone, so a restart never writes
    beside them. The kernel frees the lock with the last holder: nothing stale is left behind.

    Raises:
        StorageError: Another live process holds it for longer than `timeout_s`.
    """
    path = folder / ".lock"
    descriptor = _open_lock(path)
    try:
        end = time.monotonic() + timeout_s
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_at(descriptor, path):
                    break
                # The folder was removed while this waited: what it holds locks nothing.
                os.close(descriptor)
                descriptor = _open_lock(path)
                continue
            except BlockingIOError:
                if time.monotonic() > end:
                    raise StorageError(
                        "another run is writing here", where=str(folder), hint=hint
                    ) from None
                time.sleep(0.05)
        os.set_inheritable(descriptor, True)
        yield descriptor
    finally:
        os.close(descriptor)
