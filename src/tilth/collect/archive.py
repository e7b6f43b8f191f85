"""Tar and zip archives, read from front to back: what is damaged is named, not passed over.

`tarfile` takes a damaged header for the end of the archive, and a compressed stream that is cut off
for one that has ended. So headers are gone through here: a damaged one costs its member, told by
its place, and reading goes on at the next one that is whole. Where it cannot be known how much is
missing, the archive is an error.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, cast

from tilth.collect import inputs, records
from tilth.errors import DataError

ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip")
_CHUNK = 1 << 16
# `zipfile` unpacks the other methods without a bound: of bzip2, 4 KB make 4 GB.
_BOUNDED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# What a header may say of itself at most: a long name, extended attributes.
_MAX_HEADER = 1 << 20
_DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    lzma.LZMAError,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    OverflowError,
    RuntimeError,  # also a member that is encrypted, and one packed in an unknown way
)


@dataclass(frozen=True)
class Entry:
    """What an archive holds at one place.

    Attributes:
        name: Its path inside, with forward slashes, as the archive has it; empty where the header
            is damaged.
        read: Gives its bytes, once, while it is the latest entry; the argument is the most that are
            taken. Raises `RecordError` where it is longer, damaged, encrypted or no file, and
            `DataError` where the archive ends within it.
        place: Where it stands, if it has no name.
    """

    name: str
    read: Callable[[int], bytes]
    place: str = ""


def read_entries(file: inputs.SourceFile, max_bytes: int) -> Iterator[Entry]:
    """The files of an archive in its order, and its damaged places; folders are left out.

    Args:
        file: Its name tells zip from tar; how a tar archive is compressed is told by its bytes.
        max_bytes: The most that `Entry.read` will be asked for.

    Raises:
        DataError: The archive is cut off, its compressed stream or its directory is damaged, or it
            is none.
        MissingError: It is not there or may not be read.
    """
    with inputs.open_raw(file) as raw:
        head = raw.read(6)
    entries = _of_zip(file) if _is_zip(file) else _of_tar(file, head, max_bytes)
    with _damage_told(file):
        yield from entries


def _is_zip(file: inputs.SourceFile) -> bool:
    return file.name.lower().endswith(".zip")


@contextmanager
def _damage_told(file: inputs.SourceFile) -> Iterator[None]:
    """What the libraries raise at a damaged archive, as one error."""
    try:
        yield
    except _DAMAGED as error:
        test = "unzip -t" if _is_zip(file) else "tar -tf"
        raise DataError(
            f"the archive is cut off or damaged ({error or type(error).__name__})",
            where=file.uri,
            hint=f"fetch the file again; `{test} FILE` shows whether it is whole",
            code="damaged-file",
        ) from error


def refused(cause: str) -> Callable[[int], bytes]:
    """A reading that raises `RecordError` with this cause."""

    def read(_: int) -> bytes:
        raise records.RecordError(cause)

    return read


class _Headers(tarfile.TarFile):
    """What `tarfile` needs to know of an archive to read a header; it reads none by itself."""

    def next(self) -> None:
        return None


class _Forward:
    """A stream that is only read onwards, at most `most` bytes at once.

    A header says how long it is, and may say terabytes.
    """

    def __init__(self, raw: BinaryIO, most: int) -> None:
        self._raw, self._most = raw, most
        self._place = 0
        self._ahead = b""

    def tell(self) -> int:
        return self._place

    def peek(self) -> bytes:
        """The next block, which stays the next one; shorter where the stream ends."""
        self._ahead += self._raw.read(tarfile.BLOCKSIZE - len(self._ahead))
        return self._ahead

    def read(self, size: int) -> bytes:
        if not 0 <= size <= self._most:
            raise ValueError(f"a header that says {size:,} bytes of itself")
        data = self._ahead[:size]
        self._ahead = self._ahead[size:]
        if len(data) < size:
            data += self._raw.read(size - len(data))
        self._place += len(data)
        return data

    def skip_to(self, place: int) -> None:
        """Go on at a place, which may be behind the end."""
        if place < self._place:
            raise ValueError("a header that leads back")
        if place > self._place + len(self._ahead):
            self._raw.seek(place)
        self._ahead = self._ahead[place - self._place :]
        self._place = place


def _of_tar(file: inputs.SourceFile, head: bytes, max_bytes: int) -> Iterator[Entry]:
    with _unpacked(file, head) as raw:
        stream = _Forward(raw, max(max_bytes, _MAX_HEADER))
        archive = _Headers(fileobj=cast(BinaryIO, stream))
        ended, damaged_from, behind_end = False, -1, False
        while len(block := stream.peek()) == tarfile.BLOCKSIZE:
            place = stream.tell()
            if not block.strip(b"\0"):
                # The end, unless another archive was appended; within damage it may be content.
                ended = True
                stream.skip_to(place + tarfile.BLOCKSIZE)
                continue
            was_ended, ended = ended, False
            try:
                entry = tarfile.TarInfo.fromtarfile(archive)
                if entry.size < 0 or archive.offset < stream.tell():
                    raise ValueError("a header that leads back")
            except (tarfile.TarError, ValueError, OverflowError, RecursionError):
                if damaged_from < 0:
                    damaged_from, behind_end = place, was_ended
                stream.skip_to(max(place + tarfile.BLOCKSIZE, stream.tell()))
                continue
            if damaged_from >= 0:
                yield _lost(damaged_from, place)
                damaged_from = -1
            if not entry.isdir():
                yield Entry(entry.name, _reader_of_tar(file, stream, entry))
            stream.skip_to(archive.offset)
        # Blocks of zeros end an archive (POSIX.1-2017, pax, "ustar Interchange Format").
        # What stands behind them is told of, in case it was an archive that was appended.
        if damaged_from < 0 and block.strip(b"\0"):
            damaged_from, behind_end = stream.tell(), ended
        if not ended and not behind_end:
            raise tarfile.ReadError("it does not end as a tar archive does")
        if damaged_from >= 0:
            yield _lost(damaged_from, stream.tell() + len(block))


def _lost(start: int, end: int) -> Entry:
    cause = f"damaged: no header to be read for {end - start:,} bytes, what they hold is lost"
    return Entry("", refused(cause), f"byte {start}")


def _reader_of_tar(
    file: inputs.SourceFile, stream: _Forward, entry: tarfile.TarInfo
) -> Callable[[int], bytes]:
    if not entry.isfile():
        return refused("a link or a device, not a file")
    if entry.issparse():
        return refused("a sparse file")

    def read(max_bytes: int) -> bytes:
        if entry.size > max_bytes:
            raise records.RecordError(inputs.too_long(entry.size, max_bytes))
        with _damage_told(file):
            data = stream.read(entry.size)
            if len(data) < entry.size:
                raise EOFError("it ends within a member")
        return data

    return read


def _unpacked(file: inputs.SourceFile, head: bytes) -> BinaryIO:
    """The tar stream, whatever its compression, by its first bytes."""
    if head.startswith(b"\x1f\x8b"):
        return cast(BinaryIO, gzip.open(file.path))
    if head.startswith(b"BZh"):
        return cast(BinaryIO, bz2.open(file.path))
    if head == b"\xfd7zXZ\0":
        return cast(BinaryIO, lzma.open(file.path))
    return file.path.open("rb")


def _of_zip(file: inputs.SourceFile) -> Iterator[Entry]:
    with zipfile.ZipFile(file.path) as archive:
        for entry in archive.infolist():
            if not entry.is_dir():
                # Some programs for Windows write the separator of Windows.
                yield Entry(entry.filename.replace("\\", "/"), _reader_of_zip(archive, entry))


def _reader_of_zip(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Callable[[int], bytes]:
    if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG):
        return refused("a link or a device, not a file")

    if entry.compress_type not in _BOUNDED:
        return refused("packed by another method than deflate, which could unpack to anything")

    def read(max_bytes: int) -> bytes:
        if entry.file_size > max_bytes:
            raise records.RecordError(inputs.too_long(entry.file_size, max_bytes))
        try:
            with archive.open(entry) as stream:
                # What the directory says of its size may be a lie.
                data = bytearray()
                while len(data) <= max_bytes and (piece := stream.read(_CHUNK)):
                    data += piece
        except _DAMAGED as error:
            # This member alone: the directory says where the next one is.
            cause = f"damaged or encrypted ({error or type(error).__name__})"
            raise records.RecordError(cause) from error
        if len(data) > max_bytes:
            raise records.RecordError(inputs.too_long(len(data), max_bytes))
        return bytes(data)

    return read
