"""What files hold, by SHA-256, with a memo of those that nobody wrote to since they were read.

A file is known again by device, inode, size and both its times under its absolute path. The time of
its last change of state (ctime) is the kernel's own: an edit shows in it that leaves size and time
of modification as they were, and so does one that is undone.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from queue import Empty, SimpleQueue

from tilth.context import Progress, silent
from tilth.errors import StorageError
from tilth.store.files import write_bytes

_CHUNK = 1 << 20
_THREADS = 4
# Less is read at once, by whoever asks.
_ALONE_BYTES = 8 << 20
_TELL_S = 0.2
# So many files that are no more, or are no more asked for, are kept in a memo.
_MOST_UNASKED = 10_000
# A clock may stand still for so long: an edit within leaves the times as they were.
_SETTLED_NS = 2_000_000_000
_HEAD = b"tilth digests 1\n"

AnyPath = str | os.PathLike[str]


class UnreadError(Exception):
    """A file would have to be read to know what it holds, and this is not the time.

    Args:
        path: The file.
    """

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


@contextmanager
def remembering(
    file: Path | None, *, read: bool = True, progress: Progress = silent
) -> Iterator[None]:
    """Within the block, no file is read through that is known to hold what it held.

    What is found out is added to the memo at the end of the block, however it ends. A memo that
    cannot be read is forgotten, one that cannot be written is not: it is only a memo. It names no
    file, for files may be called after people, and a run's folder may be shared.

    Args:
        file: Where the memo is kept; None: nowhere, it ends with the block.
        read: Whether files may be read; if not, asking for one that is not known is an error.
        progress: Told of bytes read while several files, or a long one, are read.
    """
    memo = _Memo(file, read, progress)
    token = _memo.set(memo)
    try:
        yield
    finally:
        _memo.reset(token)
        memo.keep()


class Watch:
    """Files and the state that they were in when they were added."""

    def __init__(self, paths: Iterable[AnyPath] = ()) -> None:
        self._states: dict[str, str | None] = {}
        self.add(paths)

    def add(self, paths: Iterable[AnyPath]) -> None:
        """Note the state of more files; of those that are noted already it stays the first."""
        for path in paths:
            if os.fspath(path) not in self._states:
                self._states[os.fspath(path)] = _state_at(os.fspath(path))

    def note(self, path: str, state: str) -> None:
        """As `add`, of a file whose state is known."""
        self._states.setdefault(path, state)

    def forget(self) -> None:
        """Watch none of the files any more."""
        self._states.clear()

    def changed(self) -> list[str]:
        """The files that were written to, touched, replaced or removed since, even if all was
        undone; cheap, as none is read."""
        return [path for path, state in self._states.items() if _state_at(path) != state]


@contextmanager
def watching() -> Iterator[Watch]:
    """Gives the files whose digest is asked for inside the block, each as it was by then."""
    watch = Watch()
    token = _watch.set(watch)
    try:
        yield watch
    finally:
        _watch.reset(token)


def watched(path: AnyPath) -> Path:
    """A file that is about to be read whole, here and by whoever watches what is read."""
    watch = _watch.get()
    if watch is not None:
        watch.add([path])
    return Path(path)


def digest_of(path: AnyPath, *, anew: bool = False) -> str:
    """SHA-256 of what a file holds, in hex.

    Args:
        path: The file.
        anew: Read it through even if it is known.

    Raises:
        OSError: It is not there, cannot be read, or is a pipe or a device.
        UnreadError: It is not known, and may not be read.
    """
    (found,) = digests_of([path], anew=anew)
    if isinstance(found, OSError):
        raise found
    return found


def digests_of(paths: Sequence[AnyPath], *, anew: bool = False) -> list[str | OSError]:
    """The digests of many files, those that have to be read several at a time.

    Args:
        paths: The files.
        anew: Read them through even if they are known.

    Returns:
        For each the digest in hex, or why there is none.

    Raises:
        UnreadError: One is not known, and may not be read.
    """
    memo, watch = _memo.get() or _Memo(None, True, silent), _watch.get()
    found: list[str | OSError] = [""] * len(paths)
    unknown: list[tuple[int, str]] = []
    size = 0
    for at, path in enumerate(os.fspath(one) for one in paths):
        try:
            state = os.stat(path)
        except OSError as error:
            found[at] = error
            continue
        text = _text_of(state)
        if watch is not None:
            watch.note(path, text)
        known = None if anew else memo.text(path, "", text)
        if known is not None:
            found[at] = known
        elif (refused := _refused(path, state)) is not None:
            found[at] = refused
        elif memo.read:
            unknown.append((at, path))
            size += state.st_size
        else:
            raise UnreadError(path)
    for at, path, result in _read_all(unknown, size, memo.progress):
        if isinstance(result, OSError):
            found[at] = result
        else:
            found[at], state_of_it, began_ns = result
            if state_of_it is not None and _is_settled(state_of_it, began_ns):
                memo.learn(path, _text_of(state_of_it), result[0])
    return found


def derived(path: AnyPath, what: str, make: Callable[[], str]) -> str:
    """A text that is worked out from nothing but what a file holds, and so remembered with it.

    Args:
        path: The file.
        what: Names the text, with all else that it depends on.
        make: Works it out; it holds no NUL.

    Raises:
        OSError: As `digest_of`.
        UnreadError: It is not known, and the file may not be read.
    """
    memo, digest = _memo.get() or _Memo(None, True, silent), digest_of(path)
    known = memo.text(os.fspath(path), what, digest)
    if known is None:
        if not memo.read:
            raise UnreadError(os.fspath(path))
        known = make()
        # Of what was written to meanwhile it may be the text of neither.
        if digest_of(path) == digest:
            memo.learn(os.fspath(path), digest, known, what)
    return known


class _Memo:
    """What is known of files: by path and name of the thing known, on what it rests, and it."""

    def __init__(self, file: Path | None, read: bool, progress: Progress) -> None:
        self.read = read
        self.progress = progress
        self._file = file
        self._known: dict[bytes, bytes] | None = None
        self._new: dict[bytes, bytes] = {}
        self._asked: set[bytes] = set()

    def text(self, path: str, what: str, rests_on: str) -> str | None:
        """What is known of the file (its digest, where `what` is empty), on the same basis."""
        if self._known is None:
            self._known = {} if self._file is None else _load(self._file)
        key = _key(path, what)
        self._asked.add(key)
        line = self._new.get(key) or self._known.get(key)
        basis = f"{rests_on} ".encode()
        return line[len(basis) :].decode() if line is not None and line.startswith(basis) else None

    def learn(self, path: str, rests_on: str, value: str, what: str = "") -> None:
        """Remember something of a file, instead of what was known."""
        self._new[_key(path, what)] = f"{rests_on} {value}".encode()

    def keep(self) -> None:
        """Write what is new beside what other processes wrote, and not all that nobody asks for."""
        if self._file is None or not self._new:
            return
        known = _load(self._file)
        if len(known) > _MOST_UNASKED + 2 * len(self._asked):
            known = {key: value for key, value in known.items() if key in self._asked}
        with suppress(StorageError):
            _save(self._file, {**known, **self._new})


_memo: ContextVar[_Memo | None] = ContextVar("tilth_digests", default=None)
_watch: ContextVar[Watch | None] = ContextVar("tilth_watched", default=None)


def _key(path: str, what: str) -> bytes:
    # None is the same in two working directories.
    whole = path if path.startswith("/") else f"{os.getcwd()}/{path}"
    return hashlib.blake2b(os.fsencode(f"{what}\n{whole}"), digest_size=16).hexdigest().encode()


def _load(file: Path) -> dict[bytes, bytes]:
    try:
        data = file.read_bytes()
    except OSError:
        return {}
    head, digest, rest = data[: len(_HEAD)], data[len(_HEAD) :][:32], data[len(_HEAD) + 32 :]
    if head != _HEAD or hashlib.sha256(rest).digest() != digest:
        return {}
    parts = rest.split(b"\0")
    return dict(zip(parts[::2], parts[1::2], strict=False))


def _save(file: Path, known: dict[bytes, bytes]) -> None:
    rest = b"".join(part + b"\0" for pair in known.items() for part in pair)
    write_bytes(file, _HEAD + hashlib.sha256(rest).digest() + rest)


def _refused(path: str, state: os.stat_result) -> OSError | None:
    """Why what is there is not opened: a pipe or a device may have no end."""
    if stat.S_ISREG(state.st_mode):
        return None
    if stat.S_ISDIR(state.st_mode):
        return IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    return OSError(errno.EINVAL, "a pipe or a device, not a file", path)


def _text_of(state: os.stat_result) -> str:
    """All that changes when a file is written to or replaced."""
    return f"{state.st_dev}:{state.st_ino}:{state.st_size}:{state.st_mtime_ns}:{state.st_ctime_ns}"


def _state_at(path: str) -> str | None:
    """The state of what is at a path; None: nothing."""
    try:
        return _text_of(os.stat(path))
    except OSError:
        return None


def _is_settled(state: os.stat_result, began_ns: int) -> bool:
    """Whether an edit after the reading began would have shown in the times of the file."""
    times = (state.st_mtime_ns, state.st_ctime_ns)
    return all(abs(began_ns - one) >= _SETTLED_NS for one in times)


# Digest, the state that it is of (None: it was written to meanwhile), when the reading began.
_Result = tuple[str, os.stat_result | None, int]


def _read_all(
    files: list[tuple[int, str]], size: int, progress: Progress
) -> Iterator[tuple[int, str, _Result | OSError]]:
    """Read files through; in whatever order they are done."""
    if len(files) <= 1 and size < _ALONE_BYTES:
        yield from ((at, path, _read(path, _ignore)) for at, path in files)
        return
    todo: SimpleQueue[tuple[int, str]] = SimpleQueue()
    for one in files:
        todo.put(one)
    results: SimpleQueue[tuple[int, str, _Result | OSError]] = SimpleQueue()
    stopped, lock, done = threading.Event(), threading.Lock(), 0

    def count(num_bytes: int) -> None:
        nonlocal done
        if stopped.is_set():
            raise _StoppedError
        with lock:
            done += num_bytes

    def work() -> None:
        with suppress(Empty, _StoppedError):
            while True:
                at, path = todo.get_nowait()
                results.put((at, path, _read(path, count)))

    with ThreadPoolExecutor(min(_THREADS, len(files))) as pool:
        try:
            left = {pool.submit(work) for _ in range(min(_THREADS, len(files)))}
            while left:
                ended, left = wait(left, _TELL_S)
                for worker in ended:
                    worker.result()
                progress(done, size, f"{len(files):,} files")
        finally:
            # An interrupt must not wait for the last byte of what is long.
            stopped.set()
    while not results.empty():
        yield results.get()


class _StoppedError(Exception):
    """Nobody waits for the digest any more."""


def _ignore(_: int) -> None:
    """Count nothing."""


def _read(path: str, count: Callable[[int], None]) -> _Result | OSError:
    began_ns, digest = time.time_ns(), hashlib.sha256()
    try:
        with open(path, "rb", buffering=0) as file:
            before = os.fstat(file.fileno())
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                count(len(chunk))
            after = os.fstat(file.fileno())
    except OSError as error:
        return error
    is_same = _text_of(before) == _text_of(after)
    return digest.hexdigest(), before if is_same else None, began_ns
