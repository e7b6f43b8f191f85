"""The files of a folder or an archive, one after another, each read whole and within limits.

An archive is never unpacked to disk: a member is read, handed on, and forgotten, so no name in it
can lead anywhere (`..`, links, absolute paths) and nothing larger than one member is in memory.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from tilth.collect import files
from tilth.context import Context
from tilth.errors import DataError

ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip")
_DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
)


@dataclass(frozen=True)
class Member:
    """One file of a folder or an archive.

    Attributes:
        name: Its path inside, with forward slashes.
        uri: How the user would name it: folder/name or archive:name.
        data: Its bytes; empty where `error` is set.
        error: Why it was not read.
    """

    name: str
    uri: str
    data: bytes
    error: str = ""


def read_members(
    settings: files.FileSettings, suffixes: tuple[str, ...], context: Context
) -> Iterator[Member]:
    """The files with one of the suffixes, in the order of their names or of the archive.

    Args:
        settings: `path` (a folder, a file, an archive, or a glob of these) or `url` of an archive.
        suffixes: In lower case, such as ``(".png", ".jpg")``.
        context: Told of progress in bytes.

    Raises:
        MissingError: There is nothing at that place.
        DataError: An archive is damaged, or the source changed while it was read.
    """
    with files.opened(settings, (*suffixes, *ARCHIVES), context) as found:
        meter = files.Meter(found, context.progress)
        num_read = 0
        for file in found:
            if file.name.lower().endswith(ARCHIVES):
                for member in _of_archive(file, suffixes, settings.max_record_bytes):
                    num_read += 1
                    yield member
            elif file.name.lower().endswith(suffixes):
                num_read += 1
                yield _of_folder(file, settings.max_record_bytes)
            meter.finish(file, num_read)


def fingerprint(settings: files.FileSettings, suffixes: tuple[str, ...]) -> str:
    """Names, sizes and times of the files; for a `url`, the address and digest."""
    return files.fingerprint_files(settings, (*suffixes, *ARCHIVES))


def _of_folder(file: files.SourceFile, max_bytes: int) -> Member:
    name = file.name.replace(os.sep, "/")
    size = file.path.stat().st_size
    if size > max_bytes:
        return Member(name, file.uri, b"", files.too_long(size, max_bytes))
    return Member(name, file.uri, file.path.read_bytes())


def _of_archive(
    file: files.SourceFile, suffixes: tuple[str, ...], max_bytes: int
) -> Iterator[Member]:
    members = _of_zip if file.name.lower().endswith(".zip") else _of_tar
    try:
        yield from members(file, suffixes, max_bytes)
    except _DAMAGED as error:
        raise DataError(
            f"the archive is cut off or damaged ({error or type(error).__name__})",
            where=file.uri,
            hint="fetch the file again",
            code="damaged-file",
        ) from error


def _of_tar(file: files.SourceFile, suffixes: tuple[str, ...], max_bytes: int) -> Iterator[Member]:
    # A stream: read from front to back once. Unpacked here and not by `tarfile`, which takes a
    # compressed stream that is cut off for one that has ended.
    with _unpacked(file) as raw, tarfile.open(fileobj=raw, mode="r|") as archive:
        for entry in archive:
            # Links and devices are not data.
            if not entry.isfile() or not _wanted(entry.name, suffixes):
                continue
            uri = f"{file.uri}:{entry.name}"
            if entry.size > max_bytes:
                cause = files.too_long(entry.size, max_bytes)
                yield Member(entry.name, uri, b"", cause)
                continue
            stream = archive.extractfile(entry)
            yield Member(entry.name, uri, b"" if stream is None else stream.read())


def _unpacked(file: files.SourceFile) -> BinaryIO:
    """The tar stream, whatever its compression, by its first bytes.

    Raises:
        TarError: It is not compressed and has no end.
    """
    with file.path.open("rb") as raw:
        head = raw.read(6)
        if head.startswith(b"\x1f\x8b"):
            return cast(BinaryIO, gzip.open(file.path))
        if head.startswith(b"BZh"):
            return cast(BinaryIO, bz2.open(file.path))
        if head == b"\xfd7zXZ\0":
            return cast(BinaryIO, lzma.open(file.path))
        # Two blocks of zeros end an archive (POSIX.1-2017, pax, "ustar Interchange Format").
        raw.seek(max(file.path.stat().st_size - 1024, 0))
        if raw.read().strip(b"\0"):
            raise tarfile.ReadError("it does not end as a tar archive does")
    return file.path.open("rb")


def _of_zip(file: files.SourceFile, suffixes: tuple[str, ...], max_bytes: int) -> Iterator[Member]:
    with zipfile.ZipFile(file.path) as archive:
        for entry in archive.infolist():
            if entry.is_dir() or not _wanted(entry.filename, suffixes):
                continue
            uri = f"{file.uri}:{entry.filename}"
            try:
                with archive.open(entry) as stream:
                    # What the directory says of its size may be a lie.
                    data = stream.read(max_bytes + 1)
            except _DAMAGED as error:  # this member alone: the next one has a place of its own
                yield Member(entry.filename, uri, b"", f"damaged or encrypted ({error})")
                continue
            if len(data) > max_bytes:
                cause = files.too_long(max(entry.file_size, len(data)), max_bytes)
                yield Member(entry.filename, uri, b"", cause)
                continue
            yield Member(entry.filename, uri, data)


def _wanted(name: str, suffixes: tuple[str, ...]) -> bool:
    return name.lower().endswith(suffixes) and not Path(name).name.startswith(".")
