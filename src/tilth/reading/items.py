"""Every file that a source is pointed at, in folders and archives, packed or not, with its type.

What is not read is told with its reason. Nothing is unpacked to disk, but for what must be gone
through from its end, such as Parquet within an archive.
"""

from __future__ import annotations

import fnmatch
import io
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Literal, cast

from tilth.context import PassesOver
from tilth.errors import NotReadError, RecordError
from tilth.formats import signatures, streams
from tilth.formats.signatures import HEAD_BYTES, Kind
from tilth.formats.streams import SourceFile
from tilth.reading import inputs
from tilth.reading.places import inside, is_hidden

_INSIDE: Final = "an archive in an archive, or one that is packed twice: unpack it first"
# In memory up to here, then in a file that has no name.
_SPOOL: Final = 8 << 20


class Stream:
    """What a file holds, from its first bytes on; read once, whole or in pieces.

    Attributes:
        head: Its first bytes.
        is_whole: Whether that is all of it.
    """

    def __init__(self, raw: BinaryIO, work: Path) -> None:
        self._raw, self._work, self._is_copied = raw, work, False
        head = bytearray()
        while len(head) < HEAD_BYTES and (data := raw.read(HEAD_BYTES - len(head))):
            head += data
        self.head = bytes(head)
        self.is_whole = len(head) < HEAD_BYTES

    def whole(self, max_bytes: int, setting: str = "max_record_bytes") -> bytes:
        """All of it.

        Args:
            max_bytes: What it may have.
            setting: That says so.

        Raises:
            RecordError: It is longer.
        """
        data = self.head
        if self._is_copied:
            self._raw.seek(len(data))
        if not self.is_whole:
            found = io.BytesIO()
            found.write(data)
            while found.tell() <= max_bytes and (piece := self._raw.read(streams.CHUNK)):
                found.write(piece)
            data = found.getvalue()
        if len(data) > max_bytes:
            raise RecordError(f"above `{setting}` of {max_bytes:,} bytes")
        return data

    def close(self) -> None:
        """Give up the copy, if there is one."""
        if self._is_copied:
            self._raw.close()

    def onwards(self) -> io.BufferedReader:
        """From its first byte on."""
        if self._is_copied:
            self._raw.seek(len(self.head))
        return io.BufferedReader(_Ahead(self.head, self._raw), streams.CHUNK)

    def parted(self, max_bytes: int) -> tuple[bytes, io.BufferedReader]:
        """Its first bytes, all of them where they are no more than so many; and all of it."""
        stream, first = self.onwards(), io.BytesIO()
        while first.tell() <= max_bytes and (piece := stream.read(streams.CHUNK)):
            first.write(piece)
        data = first.getvalue()
        return data, io.BufferedReader(_Ahead(data, stream), streams.CHUNK)

    def anywhere(self) -> BinaryIO:
        """As a stream that can seek."""
        if self._raw.seekable():
            self._raw.seek(0)
            return self._raw
        return self.copied()

    def copied(self) -> BinaryIO:
        """As a copy that can seek, on which it is read from now on."""
        self._work.mkdir(parents=True, exist_ok=True)
        spool = tempfile.SpooledTemporaryFile(_SPOOL, "w+b", dir=str(self._work))  # noqa: SIM115
        shutil.copyfileobj(self.onwards(), spool, streams.CHUNK)
        self._raw = cast(BinaryIO, spool)
        self._is_copied = True
        spool.seek(0)
        return self._raw


class _Ahead(io.RawIOBase):
    """What was read already, and then the rest."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head, self._rest = memoryview(head), rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self._head:
            size = min(len(buffer), len(self._head))
            buffer[:size] = self._head[:size]
            self._head = self._head[size:]
            return size
        data = self._rest.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


@dataclass(frozen=True)
class Item:
    """One file, wherever it lies.

    Attributes:
        name: Its path inside the source, with forward slashes: part of its identity.
        uri: How the user would name it: folder/name, or archive:name.
        path: The file on this machine that it is, or that holds it.
        kind: What it is.
        stream: What it holds.
    """

    name: str
    uri: str
    path: Path
    kind: Kind
    stream: Stream

    def file(self, *, can_seek: bool = False) -> SourceFile:
        """As a file of a source, for who reads such."""
        opened = self.stream.anywhere if can_seek else self.stream.onwards
        return SourceFile(self.path, self.name, self.uri, opened)


@dataclass(frozen=True)
class Broken:
    """What belongs to the source and cannot be read."""

    uri: str
    cause: str


@dataclass(frozen=True)
class Choice:
    """Which files belong to a source.

    Attributes:
        include, exclude: Patterns of paths inside; of names alone where they have no slash.
    """

    include: Sequence[str] = ()
    exclude: Sequence[str] = ()

    def reason(self, name: str) -> str:
        """Why a path inside is left out; empty: it is not."""
        if is_hidden(name):
            return inputs.HIDDEN
        if self.include and not _fits(name, self.include):
            return "left out by `include`"
        return "left out by `exclude`" if _fits(name, self.exclude) else ""


def _fits(name: str, patterns: Sequence[str]) -> bool:
    base = name.rpartition("/")[2]
    return any(
        fnmatch.fnmatchcase(name if "/" in pattern else base, pattern) for pattern in patterns
    )


def items_of(
    file: SourceFile, choice: Choice, work: Path, tell: PassesOver, *, is_alone: bool
) -> Iterator[Item | Broken]:
    """What a file is, or what is in it, in its order.

    Args:
        file: It is not hidden.
        choice: Which of an archive's members belong to the source.
        work: Folder for what must be gone through from its end.
        tell: Told of what is passed over, with the reason.
        is_alone: Whether it is all of the source, so that an archive's name is no part of names.
    """
    name = file.name.replace(os.sep, "/")
    with inputs.open_raw(file) as raw:
        stream = Stream(raw, work)
        plain_name = streams.without_packing(name)
        kind = signatures.kind_of(stream.head, name, is_whole=stream.is_whole)
        if kind.name in streams.PACKED:
            with closing(Stream(streams.unpacked(_rewound(raw), kind.name), work)) as unpacked:
                kind = _kind_of(unpacked, plain_name)
                if kind.name in ("zip", *streams.PACKED):
                    tell(file.uri, _INSIDE)
                    return
                if kind.name != "tar":
                    yield Item(name, file.uri, file.path, kind, unpacked)
                    return
        elif kind.name == "zip":
            kind = signatures.package_of(_rewound(raw))
            raw.seek(len(stream.head))
        if kind.name not in ("tar", "zip"):
            yield Item(name, file.uri, file.path, kind, stream)
            return
    packing: Literal["tar", "zip"] = "tar" if kind.name == "tar" else "zip"
    prefix = "" if is_alone else f"{name}:"
    for one in inside(file, 0, choice.reason, tell, packing):
        if one.wrong:
            yield Broken(one.uri, one.wrong)
            continue
        try:
            with one.entry.open() as opened:
                yield from _member(opened, f"{prefix}{one.name}", one.uri, file, work, tell)
        except NotReadError as error:
            tell(one.uri, str(error))
        except RecordError as error:
            yield Broken(one.uri, str(error))


def _rewound(raw: BinaryIO) -> BinaryIO:
    raw.seek(0)
    return raw


def _member(
    raw: BinaryIO, name: str, uri: str, file: SourceFile, work: Path, tell: PassesOver
) -> Iterator[Item]:
    stream, plain_name = Stream(raw, work), name
    kind = signatures.kind_of(stream.head, name, is_whole=stream.is_whole)
    if kind.name in streams.PACKED:
        stream = Stream(streams.unpacked(stream.onwards(), kind.name), work)
        plain_name = streams.without_packing(name)
    with closing(stream):
        kind = _kind_of(stream, plain_name)
        if kind.name in ("zip", "tar", *streams.PACKED):
            tell(uri, _INSIDE)
        else:
            yield Item(name, uri, file.path, kind, stream)


def _kind_of(stream: Stream, name: str) -> Kind:
    """The type, of a document within its archive too."""
    kind = signatures.kind_of(stream.head, name, is_whole=stream.is_whole)
    if kind.name != "zip":
        return kind
    return signatures.package_of(stream.copied())
