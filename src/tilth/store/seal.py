"""A folder of files as it was written: what is made once and read by many is looked at before."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from tilth.records import Record, read_if_whole
from tilth.store.files import write_record

SEAL = "seal.json"
# Files up to this size are read through, which takes a tenth of a second; of larger ones the size
# has to do: reading them may take as long as making them.
_READ_UP_TO = 256 << 20
_CHUNK = 1 << 20


class Sealed(Record):
    """A file: its size, and the CRC-32 of its bytes where it is not too large."""

    bytes: int
    crc32: int | None = None


class Seal(Record):
    """The files of a folder by their paths in it."""

    files: dict[str, Sealed] = Field(default_factory=dict)


def seal(folder: Path) -> None:
    """Write down what the files of a folder are; the last thing that is written to it.

    Raises:
        StorageError: The disk is full or the folder cannot be written.
    """
    files = {name: _sealed(path) for name, path in _files(folder)}
    write_record(folder / SEAL, Seal(files=files))


def is_whole(folder: Path) -> bool:
    """Whether the files of a folder are those that were sealed."""
    sealed = read_if_whole(Seal, folder / SEAL)
    if sealed is None:
        return False
    found = dict(_files(folder))
    return found.keys() == sealed.files.keys() and all(
        found[name].stat().st_size == entry.bytes and _sealed(found[name]) == entry
        for name, entry in sealed.files.items()
    )


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path != folder / SEAL:
            yield path.relative_to(folder).as_posix(), path


def _sealed(path: Path) -> Sealed:
    size = path.stat().st_size
    if size > _READ_UP_TO:
        return Sealed(bytes=size)
    crc = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            crc = zlib.crc32(chunk, crc)
    return Sealed(bytes=size, crc32=crc)
