"""An export whose place is not on this machine: there whole, or known not to be.

A store has no folder that could appear at once. So a note is put first that says that the export
is not whole, then its files, and last the note that lists them. What was begun by the same export
is gone on from; over anything else nothing is written.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from tilth.errors import MissingError, UsageError
from tilth.query.export_by_fsspec import MAX_NOTE, NOTE, folder_of
from tilth.records import Record, read_if_whole
from tilth.store.files import sha256_file, write_record
from tilth.web import objects
from tilth.web.stores import STORES, Access, parts_of, scheme_of, shown


class Note(Record):
    """What an export is, beside its files.

    Attributes:
        is_whole: Whether all of them are there.
        digest: SHA-256 of what they are.
        files: Name, bytes and SHA-256 in hex of each.
    """

    is_whole: bool
    digest: str
    files: tuple[tuple[str, int, str], ...]


class Far(Protocol):
    """A folder that is not on this machine."""

    def check_is_free(self) -> None:
        """Refuse a folder that has the name of a file.

        Raises:
            UsageError: It has.
        """

    def names(self) -> set[str]:
        """What is in it, by the names below it; nothing where it is not there."""

    def note(self, work: Path) -> Path | None:
        """Its note, fetched to a folder here; None: it is too large for one."""

    def put(self, path: Path, name: str) -> None:
        """Put a file into it."""


def require_free(to: str) -> None:
    """Refuse a place in which something is that an export is not to go on with.

    Raises:
        UsageError: It is no such address, or something is there that is no export that was begun.
        MissingError: The store cannot be reached, or refuses; or its package is not installed.
    """
    with TemporaryDirectory(prefix="tilth-export-") as name:
        _found(to, Path(name))


def _found(to: str, work: Path) -> tuple[Far, set[str], Note | None]:
    """The place, what is in it, and the note of an export that was begun there."""
    far: Far = _Objects(to) if scheme_of(to) in STORES else folder_of(to)
    far.check_is_free()
    there = far.names()
    noted = far.note(work / "found") if NOTE in there else None
    begun = None if noted is None else read_if_whole(Note, noted)
    if there and (begun is None or begun.is_whole):
        raise _taken(to)
    return far, there, begun


def committed(
    to: str,
    write: Callable[[Path], None],
    tell: Callable[[int, int], None] | None = None,
) -> None:
    """Let a folder be written here, then put it in place.

    Args:
        to: The address. Endpoint and keys are the environment's.
        write: Writes into a folder, the same each time.
        tell: Called with the bytes that are put, and those of all files.

    Raises:
        UsageError: It is no such address, or something is there that is not the same export, begun.
        MissingError: The store cannot be reached, or refuses; or its package is not installed.
    """
    with TemporaryDirectory(prefix="tilth-export-") as name:
        work = Path(name)
        far, there, begun = _found(to, work)
        aside = work / "files"
        aside.mkdir()
        write(aside)
        paths = sorted(path for path in aside.rglob("*") if path.is_file())
        files = tuple(
            (path.relative_to(aside).as_posix(), path.stat().st_size, sha256_file(path))
            for path in paths
        )
        digest = hashlib.sha256(json.dumps(files).encode()).hexdigest()
        if begun is not None and (
            begun.digest != digest or not there <= {NOTE, *(name for name, _, _ in files)}
        ):
            raise _taken(to)
        for is_whole in (False, True):
            write_record(work / NOTE, Note(is_whole=is_whole, digest=digest, files=files))
            far.put(work / NOTE, NOTE)
            if not is_whole:
                total, put = sum(size for _, size, _ in files), 0
                for path, (name, size, _) in zip(paths, files, strict=True):
                    if tell is not None:
                        tell(put, total)
                    far.put(path, name)
                    put += size
                if tell is not None:
                    tell(put, total)


class _Objects:
    """A folder of a store.

    Args:
        to: Its address.

    Raises:
        UsageError: It is none.
    """

    def __init__(self, to: str) -> None:
        self._place = _folder(to)
        self._access = Access()
        self._there: dict[str, objects.Object] = {}

    def check_is_free(self) -> None:
        """Nor may it lie below the name of an object: no reader could tell them."""
        scheme, bucket, key = parts_of(self._place)
        names = key.removesuffix("/").split("/") if key else []
        for number in range(len(names)):
            uri = f"{scheme}://{bucket}/{'/'.join(names[: number + 1])}"
            if objects.look(uri, self._access) is not None:
                raise UsageError(
                    "an object has the name of a folder to export to, and nothing is overwritten",
                    where=shown(uri),
                    hint="name another folder",
                    code="exists",
                )

    def names(self) -> set[str]:
        """A bucket that is not there is an error of its own."""
        try:
            found = objects.find(self._place, self._access)
        except MissingError as error:
            if error.code != "nothing-there":
                raise
            found = []
        self._there = {one.uri.removeprefix(self._place): one for one in found}
        return set(self._there)

    def note(self, work: Path) -> Path | None:
        found = self._there[NOTE]
        if found.stored.size > MAX_NOTE:
            return None
        return objects.fetch(found, work / NOTE, self._access)

    def put(self, path: Path, name: str) -> None:
        objects.put(path, f"{self._place}{name}", self._access)


def _folder(to: str) -> str:
    """The address with the slash of a folder.

    Raises:
        UsageError: It is none, or one that is not read as it is written.
    """
    try:
        _, _, key = parts_of(to)
    except ValueError as error:
        raise UsageError(str(error), where=shown(to)) from None
    names = key.removesuffix("/").split("/")
    # A store takes `a/../b` and `a//b` for names of their own; its clients and readers do not.
    if key and not {"", ".", ".."}.isdisjoint(names):
        raise UsageError(
            "an empty part, `.` or `..` leads nowhere in a store",
            where=shown(to),
            hint="write the folder as `s3://bucket/folder/inner`",
            code="address",
        )
    if "?versionId=" in key:
        raise UsageError("`?versionId=` names no folder", where=shown(to), code="address")
    return f"{to.removesuffix('/')}/"


def _taken(to: str) -> UsageError:
    return UsageError(
        "the place to export to is taken, and nothing is overwritten",
        where=shown(to),
        hint="name a folder that is not there yet; what another export began there can be removed",
        code="exists",
    )
