"""The bytes of a file that nobody vouches for: opened, unpacked on the way, and read within bounds.

What is packed by gzip, bzip2, xz or zstd is known by its first bytes and never unpacked as a whole.
What unpacks to far more than it is, as only a bomb does, is taken for damaged.
"""

from __future__ import annotations

import bz2
import difflib
import gzip
import io
import lzma
import os
import stat
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, cast

import pyarrow as pa

from tilth.decode.marked import in_utf8_from
from tilth.errors import DataError, MissingError
from tilth.foreign import shorten, visible

CHUNK: Final = 1 << 18
# Bytes that a packed stream may come to whatever its size, and how many times its size beyond.
FREE_BYTES: Final = 1 << 30
MAX_RATIO: Final = 250
# What xz may take to unpack a stream: of its own settings the highest takes 65 MB.
_XZ_MEMORY: Final = 1 << 28
# Endings of packed files, by how they are packed.
PACKED: Final = {"gzip": ".gz", "bzip2": ".bz2", "xz": ".xz", "zstd": ".zst"}
# The bytes by which `packing` knows them.
HEAD_BYTES: Final = 8


class DamagedError(ValueError):
    """A packed stream is cut off, damaged, or a bomb."""


@dataclass(frozen=True)
class Stored:
    """What a store says of an object.

    Attributes:
        version: Another one where it holds something else.
        size: Its bytes.
        md5: Of what it holds, in hex; empty: the store does not tell. Of one that is encrypted
            with a key of its own it may be none.
    """

    version: str
    size: int
    md5: str = field(default="", compare=False)


@dataclass(frozen=True)
class SourceFile:
    """One file of a source.

    Attributes:
        path: Where it is on this machine; of what lies in an archive, where that is.
        name: Its name inside the source; part of the identity of its records.
        uri: How the user would name it; the place in messages is `uri:row`.
        stream: Opens its bytes where they are no file of their own.
        stored: What the store says of it where it is an object of one.
    """

    path: Path
    name: str
    uri: str
    stream: Callable[[], BinaryIO] | None = field(default=None, compare=False)
    stored: Stored | None = None


def is_file(path: Path) -> bool:
    """Whether it can be read to an end: a pipe or a device may have none."""
    return stat.S_ISREG(path.stat().st_mode)


def packing(head: bytes) -> str | None:
    """How a stream is packed (a key of `PACKED`), by its first bytes; None: it is not."""
    if head[:2] == b"\x1f\x8b":
        return "gzip"
    if head[:3] == b"BZh" and head[3:4].isdigit() and head[4:8] in (b"1AY&", b"\x17rE8"):
        return "bzip2"
    if head[:6] == b"\xfd7zXZ\0":
        return "xz"
    # Frames of zstd may be preceded by ones to be skipped (RFC 8878, 3.1.2).
    if head[:4] == b"\x28\xb5\x2f\xfd" or (head[1:4] == b"\x2a\x4d\x18" and head[0] >> 4 == 5):
        return "zstd"
    return None


def without_packing(name: str) -> str:
    """A file's name less the ending that says how it is packed."""
    lower = name.lower()
    ending = next((one for one in PACKED.values() if lower.endswith(one)), "")
    return name[: len(name) - len(ending)]


def with_packed(*endings: str) -> tuple[str, ...]:
    """Endings of files, and of the same files packed in any way."""
    return tuple(f"{ending}{packed}" for ending in endings for packed in ("", *PACKED.values()))


def unpacked(raw: BinaryIO, how: str) -> io.BufferedReader:
    """What a packed stream holds; of several streams in one file, all.

    Args:
        raw: From its start.
        how: A key of `PACKED`.

    Returns:
        A stream that cannot seek. Reading raises `DamagedError` where the packed one is cut off or
        damaged, or comes to more than `FREE_BYTES` and `MAX_RATIO` times what was read of it.
    """
    return io.BufferedReader(_Unpacked(raw, how), CHUNK)


class _Unpacked(io.RawIOBase):
    def __init__(self, raw: BinaryIO, how: str) -> None:
        self._packed = _Counted(raw)
        self._inner: BinaryIO = _OPEN[how](cast(BinaryIO, self._packed))
        self._how = how
        self._given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            data = self._inner.read(min(len(buffer), CHUNK))
        except (EOFError, zlib.error, lzma.LZMAError, OSError, pa.ArrowException) as error:
            raise DamagedError(f"the {self._how} stream is cut off or damaged ({error})") from error
        self._given += len(data)
        if self._given > max(FREE_BYTES, MAX_RATIO * self._packed.num_bytes):
            raise DamagedError(
                f"the {self._how} stream unpacks to over {MAX_RATIO} times its size: a bomb?"
            )
        buffer[: len(data)] = data
        return len(data)


class _Counted(io.RawIOBase):
    """A stream that counts what is read of it."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self.num_bytes = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._raw.read(size)
        self.num_bytes += len(data)
        return data


class _Xz:
    """The streams of an xz file, within a bound of memory, which `lzma.open` has not."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw, self._data = raw, b""
        self._stream: lzma.LZMADecompressor | None = None
        self._begun = False

    def read(self, size: int) -> bytes:
        while True:
            if self._stream is None:
                # Streams may have zeros between them, in fours.
                self._data = (self._data or self._raw.read(CHUNK)).lstrip(b"\0" * self._begun)
                if not self._data:
                    if self._raw.read(1) == b"":
                        return b""
                    raise EOFError("zeros without end")
                self._stream = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)
                self._begun = True
            if self._stream.needs_input and not self._data:
                self._data = self._raw.read(CHUNK)
                if not self._data:
                    raise EOFError("it ends within a stream")
            found = self._stream.decompress(self._data, size)
            self._data = b""
            if self._stream.eof:
                self._data, self._stream = self._stream.unused_data, None
            if found:
                return found


def _open_gzip(raw: BinaryIO) -> BinaryIO:
    return cast(BinaryIO, gzip.GzipFile(fileobj=raw))


def _open_bzip2(raw: BinaryIO) -> BinaryIO:
    return cast(BinaryIO, bz2.BZ2File(raw))


def _open_xz(raw: BinaryIO) -> BinaryIO:
    return cast(BinaryIO, _Xz(raw))


def _open_zstd(raw: BinaryIO) -> BinaryIO:
    return cast(BinaryIO, pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd"))


_OPEN: Final = {
    "gzip": _open_gzip,
    "bzip2": _open_bzip2,
    "xz": _open_xz,
    "zstd": _open_zstd,
}


@contextmanager
def open_bytes(file: SourceFile) -> Iterator[BinaryIO]:
    """The file's bytes, unpacked on the way if they are packed (by the first bytes, not the name).

    Raises:
        MissingError: it is not there or may not be read.
        DataError: it is no file, or the packed stream is cut off or damaged.
    """
    with open_raw(file) as raw:
        how = packing(raw.peek(HEAD_BYTES))
        try:
            yield raw if how is None else unpacked(raw, how)
        except DamagedError as error:
            raise DataError(
                str(error),
                where=file.uri,
                hint=f"fetch the file again; `{how} -t FILE` shows whether it is whole",
                code="damaged-file",
            ) from error


@contextmanager
def open_text(file: SourceFile) -> Iterator[BinaryIO]:
    """The bytes of a text that is read as UTF-8, unpacked likewise: without its byte order mark,
    and where that says UTF-16, as programs on Windows write it, made UTF-8.

    Raises:
        MissingError, DataError: As of `open_bytes`.
    """
    with open_bytes(file) as stream:
        yield in_utf8_from(stream)


def open_raw(file: SourceFile) -> io.BufferedReader:
    """The file's bytes as they are.

    Raises:
        MissingError: it is not there or may not be read.
        DataError: it is no file.
    """
    if file.stream is not None:
        stream = file.stream()
        if isinstance(stream, io.BufferedReader):
            return stream
        return io.BufferedReader(cast(io.RawIOBase, stream), CHUNK)
    try:
        if not is_file(file.path):
            raise DataError(
                "a pipe or a device, not a file",
                where=file.uri,
                hint="write it to a file first: what is read once cannot be read again",
                code="not-a-file",
            )
        return io.BufferedReader(file.path.open("rb", buffering=0), CHUNK)
    except FileNotFoundError:
        raise not_found(str(file.path)) from None
    except PermissionError:
        raise MissingError(
            f"no permission to read {file.path}", hint=f"ls -l {file.path}", code="unreadable"
        ) from None


def read_lines(stream: BinaryIO, max_bytes: int) -> Iterator[tuple[bytes, int]]:
    """The lines of a stream, each at most `max_bytes` long in memory.

    Yields:
        The line less its line break, cut at `max_bytes`; and its full length in bytes, which is
        the larger number where the line was cut.
    """
    while line := stream.readline(max_bytes + 2):
        if line.endswith(b"\n") or len(line) < max_bytes + 2:
            line = line.removesuffix(b"\n").removesuffix(b"\r")
            yield line[:max_bytes], len(line)
            continue
        length = len(line)
        while rest := stream.readline(CHUNK):
            length += len(rest.removesuffix(b"\n"))
            if rest.endswith(b"\n"):
                break
        yield line[:max_bytes], length


def read_any_lines(stream: BinaryIO, max_bytes: int) -> Iterator[tuple[bytes, int]]:
    """As `read_lines`, of lines that may end in a lone carriage return as well.

    For lists, in which each line is a record of its own; in texts that are aligned line by line
    such a sign is one of the text, as other tools count them.
    """
    ends = _AnyEnds(stream)
    try:
        yield from read_lines(cast(BinaryIO, ends), max_bytes)
    finally:
        ends.detach()


class _AnyEnds:
    """A stream whose lines all end in a newline, whatever ended them."""

    def __init__(self, stream: BinaryIO) -> None:
        # Of this encoding each byte is a letter.
        self._text = io.TextIOWrapper(stream, "latin-1", newline=None)

    def readline(self, size: int) -> bytes:
        return self._text.readline(size).encode("latin-1")

    def detach(self) -> None:
        """Leave the stream, which is not closed."""
        self._text.detach()


def any_ends(data: bytes) -> bytes:
    """Bytes whose lines all end in a newline, whatever ended them."""
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in data else data


def read_many_lines(stream: BinaryIO, max_bytes: int) -> Iterator[Iterator[tuple[bytes, int]]]:
    """As `read_lines`, many lines at a time, in a fraction of the time of so many short ones."""
    while data := stream.read(CHUNK):
        *lines, last = data.split(b"\n")
        is_cut = bool(last)
        if is_cut:
            # What follows of it is read to its end, however long, and no more of it held.
            last += stream.readline(max(max_bytes + 3 - len(last), 1))
            length = len(last.removesuffix(b"\n"))
            while not last.endswith(b"\n") and (rest := stream.readline(CHUNK)):
                length += len(rest.removesuffix(b"\n"))
                if rest.endswith(b"\n"):
                    break
            last = last.removesuffix(b"\n")
            if length < max_bytes + 2:
                last = last.removesuffix(b"\r")
                length = len(last)
        if b"\r" in data:
            lines = [_less_return(line, max_bytes) for line in lines]
        if len(data) > max_bytes:
            yield ((line[:max_bytes], len(line)) for line in lines)
        else:
            yield zip(lines, map(len, lines), strict=True)
        if is_cut:
            yield iter([(last[:max_bytes], length)])


def _less_return(line: bytes, max_bytes: int) -> bytes:
    return line.removesuffix(b"\r") if len(line) < max_bytes + 2 else line


def too_long(num_bytes: int, max_record_bytes: int) -> str:
    """The cause for a record above the limit."""
    return f"{num_bytes:,} bytes, above `max_record_bytes` of {max_record_bytes:,}"


def not_found(given: str) -> MissingError:
    """The error that names what was tried, and what stands there under a similar name."""
    if os.path.islink(given) and not os.path.exists(given):
        leads = visible(os.readlink(given))
        return MissingError(f"a link that leads nowhere: {shorten(leads, 200)}", where=given)
    if os.path.exists(given) and not (os.path.isfile(given) or os.path.isdir(given)):
        what = "neither a file nor a folder, but a pipe, a socket or a device"
        return MissingError(what, where=given, hint="write what it gives to a file, and read that")
    parent = os.path.dirname(os.path.abspath(given))
    hint = f"tried {os.path.abspath(given)}"
    while not os.path.isdir(parent):
        given, parent = parent, os.path.dirname(parent)
    here = sorted(os.listdir(parent))
    close = difflib.get_close_matches(os.path.basename(given), here, n=3, cutoff=0.6)
    if close:
        hint += f"; did you mean {' or '.join(f'`{name}`' for name in close)} in {parent}?"
    else:
        hint += f"; {parent} has {', '.join(here[:5]) or 'nothing'}"
        hint += f" and {len(here) - 5} more" if len(here) > 5 else ""
    return MissingError("no such file, folder or glob", where=given, hint=hint)
