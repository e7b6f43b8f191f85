"""An export whose place is in a store (`s3://`, `gs://`): there whole, or known not to be.

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
from typing import Final

from tilth.errors import MissingError, UsageError
from tilth.records import Record, read_if_whole
from tilth.store.files import sha256_file, write_json
from tilth.web import objects
from tilth.web.stores import Access, parts_of, shown

# Hidden, so that who reads the folder takes it for none of its files.
NOTE: Final = ".tilth-export.json"
_MAX_NOTE: Final = 64 << 20


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


def committed(to: str, write: Callable[[Path], None]) -> None:
    """Let a folder be written here, then put it in place.

    Args:
        to: The address. Endpoint and keys are the environment's.
        write: Writes into a folder, the same each time.

    Raises:
        UsageError: It is no such address, or something is there that is not the same export, begun.
        MissingError: The store cannot be reached, or refuses.
    """
    place, access = _folder(to), Access()
    _check_is_free(place, access)
    there = _there(place, access)
    with TemporaryDirectory(prefix="tilth-export-") as work:
        begun = _note_of(place, there, Path(work), access)
        if there and (begun is None or begun.is_whole):
            raise _taken(to)
        aside = Path(work) / "files"
        aside.mkdir()
        write(aside)
        paths = sorted(path for path in aside.rglob("*") if path.is_file())
        files = tuple(
            (path.relative_to(aside).as_posix(), path.stat().st_size, sha256_file(path))
            for path in paths
        )
        digest = hashlib.sha256(json.dumps(files).encode()).hexdigest()
        names = {f"{place}{name}" for name, _, _ in files} | {f"{place}{NOTE}"}
        if begun is not None and (begun.digest != digest or not set(there) <= names):
            raise _taken(to)
        _put_note(Note(is_whole=False, digest=digest, files=files), place, Path(work), access)
        for path, (name, _, _) in zip(paths, files, strict=True):
            objects.put(path, f"{place}{name}", access)
        _put_note(Note(is_whole=True, digest=digest, files=files), place, Path(work), access)


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


def _check_is_free(place: str, access: Access) -> None:
    """Refuse a folder that has, or lies below, the name of an object: no reader could tell them.

    Raises:
        UsageError: It does.
    """
    scheme, bucket, key = parts_of(place)
    names = key.removesuffix("/").split("/") if key else []
    for number in range(len(names)):
        uri = f"{scheme}://{bucket}/{'/'.join(names[: number + 1])}"
        if objects.look(uri, access) is not None:
            raise UsageError(
                "an object has the name of a folder to export to, and nothing is overwritten",
                where=shown(uri),
                hint="name another folder",
                code="exists",
            )


def _there(place: str, access: Access) -> dict[str, objects.Object]:
    """What is there already; a bucket that is not there is an error of its own."""
    try:
        return {one.uri: one for one in objects.find(place, access)}
    except MissingError as error:
        if error.code == "nothing-there":
            return {}
        raise


def _note_of(
    place: str, there: dict[str, objects.Object], work: Path, access: Access
) -> Note | None:
    found = there.get(f"{place}{NOTE}")
    if found is None or found.stored.size > _MAX_NOTE:
        return None
    return read_if_whole(Note, objects.fetch(found, work / "found" / NOTE, access))


def _put_note(note: Note, place: str, work: Path, access: Access) -> None:
    write_json(work / NOTE, note.as_json())
    objects.put(work / NOTE, f"{place}{NOTE}", access)


def _taken(to: str) -> UsageError:
    return UsageError(
        "the place to export to is taken, and nothing is overwritten",
        where=shown(to),
        hint="name a folder that is not there yet; what another export began there can be removed",
        code="exists",
    )
