"""Tar and zip archives, read from front to back: what is damaged is named, not passed over.

`tarfile` takes a damaged header for the end of the archive, and a compressed stream that is cut off
for one that has ended. So headers are gone through here: a damaged one costs its member, told by
its place, and reading goes on at the next one that is whole. Where it cannot be known how much is
missing, the archive is an error.
"""

from __future__ import annotations

import io
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Final, Literal, cast

from tilth.errors import DataError, NotReadError, RecordError
from tilth.formats import streams
from tilth.formats.directory import check_directory
from tilth.formats.streams import SourceFile, too_long

ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst", ".zip")
# Members that an archive may have.
MAX_MEMBERS: Final = 10_000_000
_CHUNK = 1 << 16
# `zipfile` unpacks the other methods without a bound: of bzip2, 4 KB make 4 GB.
_BOUNDED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# What a header may say of itself at most: a long name, extended attributes.
_MAX_HEADER = 1 << 20
_DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
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
            `DataError` where the archive ends within it. What is no file, or locked, is left alone
            (`NotReadError`).
        open: Gives them as a stream instead, for what need not be in memory as a whole; damage is
            `DataError` or `RecordError` as it is read.
        place: Where it stands, if it has no name.
    """

    name: str
    read: Callable[[int], bytes]
    open: Callable[[], BinaryIO]
    place: str = ""


def read_entries(
    file: SourceFile, max_bytes: int, kind: Literal["tar", "zip"] | None = None
) -> Iterator[Entry]:
    """The files of an archive in its order, and its damaged places; folders are left out.

    Args:
        file: How a tar archive is compressed is told by its bytes.
        max_bytes: The most that `Entry.read` will be asked for.
        kind: What it is, where that is known by its content; its name tells otherwise.

    Raises:
        DataError: The archive is cut off, its compressed stream or its directory is damaged, it
            is none, or has more than `MAX_MEMBERS`.
        MissingError: It is not there or may not be read.
    """
    kind = kind or ("zip" if file.name.lower().endswith(".zip") else "tar")
    with streams.open_raw(file) as raw, _damage_told(file, kind):
        if kind == "zip":
            yield from _of_zip(raw)
        else:
            how = streams.packing(raw.peek(streams.HEAD_BYTES))
            unpacked = raw if how is None else streams.unpacked(raw, how)
            yield from _of_tar(file, unpacked, max_bytes)


@contextmanager
def _damage_told(file: SourceFile, kind: str) -> Iterator[None]:
    """What the libraries raise at a damaged archive, as one error."""
    try:
        yield
    except RecordError:
        raise
    except _DAMAGED as error:
        test = "unzip -t" if kind == "zip" else "tar -tf"
        raise DataError(
            f"the archive is cut off or damaged ({error or type(error).__name__})",
            where=file.uri,
            hint=f"fetch the file again; `{test} FILE` shows whether it is whole",
            code="damaged-file",
        ) from error


def refused(cause: str) -> Callable[[int], bytes]:
    """A reading that raises `RecordError` with this cause."""

    def read(_: int) -> bytes:
        raise RecordError(cause)

    return read


def _no_entry(name: str, error: RecordError, place: str = "") -> Entry:
    """One of which there is nothing to read."""

    def read(_: int = 0) -> bytes:
        raise error

    return Entry(name, read, cast(Callable[[], BinaryIO], read), place)


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
            if self._raw.seekable():
                self._raw.seek(place)
            else:
                self._discard(place - self._place - len(self._ahead))
        self._ahead = self._ahead[place - self._place :]
        self._place = place

    def _discard(self, num_bytes: int) -> None:
        while num_bytes > 0 and (data := self._raw.read(min(num_bytes, _CHUNK))):
            num_bytes -= len(data)


class _Window(io.RawIOBase):
    """One member of a tar archive, as a stream."""

    def __init__(self, file: SourceFile, stream: _Forward, size: int) -> None:
        self._file, self._stream, self._left = file, stream, size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        wanted = min(len(buffer), self._left, _CHUNK)
        with _damage_told(self._file, "tar"):
            data = self._stream.read(wanted)
            if len(data) < wanted:
                raise EOFError("it ends within a member")
        self._left -= len(data)
        buffer[: len(data)] = data
        return len(data)


def _of_tar(file: SourceFile, raw: BinaryIO, max_bytes: int) -> Iterator[Entry]:
    stream = _Forward(raw, max(max_bytes, _MAX_HEADER))
    archive = _Headers(fileobj=cast(BinaryIO, stream))
    ended, damaged_from, behind_end, count = False, -1, False, 0
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
            if (count := count + 1) > MAX_MEMBERS:
                raise ValueError(f"more than {MAX_MEMBERS:,} members")
            yield _entry_of_tar(file, stream, entry)
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
    return _no_entry("", RecordError(cause), f"byte {start}")


def _entry_of_tar(file: SourceFile, stream: _Forward, entry: tarfile.TarInfo) -> Entry:
    if not entry.isfile():
        return _no_entry(entry.name, NotReadError("a link or a device, not a file"))
    if entry.issparse():
        return _no_entry(entry.name, NotReadError("a sparse file"))

    def read(max_bytes: int) -> bytes:
        if entry.size > max_bytes:
            raise RecordError(too_long(entry.size, max_bytes))
        with _damage_told(file, "tar"):
            data = stream.read(entry.size)
            if len(data) < entry.size:
                raise EOFError("it ends within a member")
        return data

    def opened() -> BinaryIO:
        return io.BufferedReader(_Window(file, stream, entry.size), streams.CHUNK)

    return Entry(entry.name, read, opened)


def _of_zip(raw: io.BufferedReader) -> Iterator[Entry]:
    check_directory(raw)
    with zipfile.ZipFile(raw) as archive:
        for entry in archive.infolist():
            if not entry.is_dir():
                # Some programs for Windows write the separator of Windows.
                yield _entry_of_zip(archive, entry, entry.filename.replace("\\", "/"))


def _entry_of_zip(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str) -> Entry:
    if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG):
        return _no_entry(name, NotReadError("a link or a device, not a file"))
    if entry.flag_bits & 1:
        return _no_entry(name, NotReadError("locked: it is encrypted"))
    if entry.compress_type not in _BOUNDED:
        cause = "packed by another method than deflate, which could unpack to anything"
        return _no_entry(name, NotReadError(cause))

    def read(max_bytes: int) -> bytes:
        if entry.file_size > max_bytes:
            raise RecordError(too_long(entry.file_size, max_bytes))
        with opened() as stream:
            # What the directory says of its size may be a lie.
            data = bytearray()
            while len(data) <= max_bytes and (piece := stream.read(_CHUNK)):
                data += piece
        if len(data) > max_bytes:
            raise RecordError(too_long(len(data), max_bytes))
        return bytes(data)

    def opened() -> BinaryIO:
        return io.BufferedReader(_ZipMember(archive, entry), _CHUNK)

    return Entry(name, read, opened)


class _ZipMember(io.RawIOBase):
    """One member of a zip archive, as a stream; what is wrong with it costs this member alone.

    The directory says where the next one is.
    """

    def __init__(self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
        try:
            self._stream = archive.open(entry)
        except _DAMAGED as error:
            raise _damaged_member(error) from error
        self._most = max(streams.FREE_BYTES, streams.MAX_RATIO * entry.compress_size)
        self._given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            data = self._stream.read(min(len(buffer), _CHUNK))
        except _DAMAGED as error:
            raise _damaged_member(error) from error
        self._given += len(data)
        if self._given > self._most:
            raise RecordError(f"unpacks to over {streams.MAX_RATIO} times its size: a bomb?")
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if hasattr(self, "_stream"):
            self._stream.close()
        super().close()


def _damaged_member(error: Exception) -> RecordError:
    return RecordError(f"damaged or encrypted ({error or type(error).__name__})")
