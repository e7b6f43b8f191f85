"""Objects of a store as the files of a source: found, and fetched as they are read.

Each is a file in the step's work folder once it is opened, so that every reader reads it as any
other; the next ones are fetched meanwhile. What is there stays, as what is fetched from an address
does: a run that was killed goes on from it.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYetError
from contextlib import contextmanager
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import BinaryIO, Final

from tilth.context import Context, PassesOver
from tilth.errors import DataError
from tilth.formats.streams import CHUNK, SourceFile, Stored
from tilth.reading.fetching import Fetching, access_of
from tilth.reading.kinds import HIDDEN, no_file_of, of_other_type
from tilth.web import objects
from tilth.web.stores import parts_of, scheme_of, shown

# Objects that are fetched at a time, the one that is read among them.
_AHEAD: Final = 8
_TELL_S: Final = 0.5
_ENDING: Final = re.compile(r"(?:\.[A-Za-z0-9]{1,8}){0,2}\Z")
FOLDER = "its name ends in a slash, as that of a folder's placeholder does"
VERSION = "its name holds `?versionId=`, which the client takes for a version of another object"


def is_remote(place: str) -> bool:
    """Whether a source's path is in a store."""
    return scheme_of(place) is not None


def told(stored: Stored) -> str:
    """What stands in a fingerprint for what an object holds."""
    return f"{stored.version} {stored.size}"


def find_objects(
    settings: Fetching, place: str, suffixes: tuple[str, ...], passes_over: PassesOver
) -> list[SourceFile]:
    """The objects at an address, as `inputs.find_files` finds files; none of them is fetched.

    Raises:
        MissingError: there is nothing at that address, or it may not be listed.
        DataError: no object is of the kind.
    """
    found = objects.find(place, access_of(settings))
    if [one.uri for one in found] == [place]:
        return [_file(found[0], os.path.basename(place))]
    _, _, key = parts_of(place)
    is_pattern = bool(re.search(r"[*?\[]", key)) and not key.endswith("/")
    base = _base_of([one.key for one in found]) if is_pattern else key and f"{key.rstrip('/')}/"
    files = []
    for one in found:
        name = one.key.removeprefix(base)
        if one.key.endswith("/"):
            if name:
                passes_over(shown(one.uri), FOLDER)
        elif "?versionId=" in one.key:
            passes_over(shown(one.uri), VERSION)
        elif is_pattern:
            files.append(_file(one, name))
        elif any(part.startswith(".") and part != ".." for part in name.split("/")):
            passes_over(shown(one.uri), HIDDEN)
        elif not name.lower().endswith(suffixes):
            passes_over(shown(one.uri), of_other_type(name.rpartition("/")[2]))
        else:
            files.append(_file(one, name))
    if not files:
        raise no_file_of(suffixes, place)
    return sorted(files, key=lambda file: file.name)


def find_object(settings: Fetching, place: str) -> SourceFile:
    """The one object at an address.

    Raises:
        MissingError: it is not there.
        DataError: at that address are several.
    """
    found = objects.find(place, access_of(settings))
    if [one.uri for one in found] != [place]:
        raise DataError(
            "a folder or a pattern, where one object is read",
            where=shown(place),
            hint="name the object",
            code="not-a-file",
        )
    return _file(found[0], os.path.basename(place))


def _base_of(keys: Sequence[str]) -> str:
    """The folder that all of them are in, with its slash."""
    folders = [key.split("/")[:-1] for key in keys]
    shared = zip(*folders, strict=False)
    common = list(takewhile(lambda names: len(set(names)) == 1, shared))
    return "".join(f"{names[0]}/" for names in common)


def _file(found: objects.Object, name: str) -> SourceFile:
    return SourceFile(Path(found.uri), name, found.uri, None, found.stored)


def fetch_object(file: SourceFile, settings: Fetching, context: Context) -> SourceFile:
    """One object, fetched.

    Raises:
        MissingError: it cannot be had.
        DataError: it is another one by now.
    """
    with fetching([file], settings, context) as (had,):
        assert had.stream is not None
        had.stream().close()
    return replace(had, stream=None)


@contextmanager
def fetching(
    found: Sequence[SourceFile], settings: Fetching, context: Context
) -> Iterator[list[SourceFile]]:
    """Objects as files that are fetched where they are opened.

    Args:
        found: As `find_objects` gives them.
        settings: Of the source.
        context: Its work folder takes what is fetched. With a limit nothing is fetched ahead.

    Raises:
        MissingError: one could not be had, whatever was made of that meanwhile.
        DataError: one was another by then.
    """
    fetcher = _Fetcher(found, settings, context)
    try:
        yield fetcher.files
        fetcher.check()
    finally:
        fetcher.close()


class _Fetcher:
    def __init__(self, found: Sequence[SourceFile], settings: Fetching, context: Context) -> None:
        self._access = access_of(settings)
        self._context = context
        self._ahead = _AHEAD if context.limit is None else 1
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._num_bytes = 0
        self._pool = ThreadPoolExecutor(_AHEAD)
        self._had: dict[int, Future[Path]] = {}
        self.files = [
            replace(file, path=self._place_of(file), stream=self._opens(at))
            for at, file in enumerate(found)
        ]

    def _place_of(self, file: SourceFile) -> Path:
        # Of one version alone, and of a name that no stranger chose.
        assert file.stored is not None
        known = hashlib.sha256(f"{file.uri}\n{told(file.stored)}".encode("utf-8", "surrogatepass"))
        ending = _ENDING.search(file.name)
        name = "object" + (ending.group() if ending is not None else "")
        return self._context.work / "objects" / known.hexdigest()[:32] / name

    def _opens(self, at: int) -> Callable[[], BinaryIO]:
        def open_it() -> BinaryIO:
            for ahead in range(at, min(at + self._ahead, len(self.files))):
                if ahead not in self._had and (ahead == at or not self._is_known(ahead)):
                    self._had[ahead] = self._pool.submit(self._fetch, self.files[ahead])
            path = self._wait(at)
            return io.BufferedReader(path.open("rb", buffering=0), CHUNK)

        return open_it

    def _is_known(self, at: int) -> bool:
        files, file = self._context.files, self.files[at]
        return files is not None and files.knows(file.name, file.uri)

    def _fetch(self, file: SourceFile) -> Path:
        assert file.stored is not None
        return objects.fetch(
            objects.Object(file.uri, "", file.stored),
            file.path,
            self._access,
            count=self._count,
            stop=self._stop,
        )

    def _count(self, num_bytes: int) -> None:
        with self._lock:
            self._num_bytes += num_bytes

    def _wait(self, at: int) -> Path:
        total = float(sum(file.stored.size for file in self.files if file.stored))
        while True:
            try:
                return self._had[at].result(_TELL_S)
            except NotYetError:
                if self._had[at].done():
                    raise
                done = sum(one.done() for one in self._had.values())
                note = f"{done:,} of {len(self.files):,} objects fetched"
                self._context.progress(self._num_bytes, total, note)

    def check(self) -> None:
        """Raise what went wrong with an object that was to be read."""
        for at, one in sorted(self._had.items()):
            if one.done() and (error := one.exception()) is not None:
                raise error
            del at

    def close(self) -> None:
        """Let go of what is not fetched yet."""
        self._stop.set()
        self._pool.shutdown(cancel_futures=True)
