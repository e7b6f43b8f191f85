"""The web archives in a WACZ file (Web Archive Collection Zipped, 1.1.1): a zip with a description.

The archives are stored in it as they are, so that each can be read, and gone back in, without
unpacking it. What the description says of sizes and digests is compared.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import stat
import struct
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, cast

from tilth.decode.objects import is_text
from tilth.formats.directory import check_directory

DESCRIPTION: Final = "datapackage.json"
ARCHIVES: Final = "archive/"
# Of the file that describes the others.
_MAX_DESCRIPTION: Final = 16 << 20
# Lists of pages, and what is read of them at most.
_PAGES: Final = re.compile(r"pages/[^/]+\.jsonl")
_MAX_PAGES: Final = 64 << 20
_MAX_TITLES: Final = 1_000_000
_CHUNK: Final = 1 << 20
_LOCAL: Final = struct.Struct("<4s22xHH")
_HASH: Final = re.compile(r"(sha256|sha1|md5|sha512):([0-9a-fA-F]{32,128})")
DAMAGED: Final = (zipfile.BadZipFile, struct.error, OSError, EOFError, ValueError, RuntimeError)


class WaczError(ValueError):
    """The file is no WACZ, or its directory is damaged."""


@dataclass(frozen=True)
class WaczMember:
    """One file in it.

    Attributes:
        name: Its path inside, with forward slashes.
        size: Its bytes.
        raw: They, where it is an archive that can be read; else None.
        cause: Why it cannot be read, or that it is not what the description says; else empty.
    """

    name: str
    size: int
    raw: BinaryIO | None
    cause: str = ""

    @property
    def is_archive(self) -> bool:
        """Whether it stands where the archives do."""
        return self.name.startswith(ARCHIVES) and not self.name.endswith("/")


def is_zip(head: bytes) -> bool:
    """Whether a file begins as a zip does."""
    return head.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def read_wacz(file: BinaryIO) -> Iterator[WaczMember]:
    """What is in a WACZ, in the order of its directory; folders are left out.

    Args:
        file: It, open for as long as its members are read.

    Raises:
        WaczError: It is no zip, has no description of a WACZ, or its directory is damaged.
    """
    try:
        check_directory(file)
        with zipfile.ZipFile(file) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            stated = _stated(archive)
    except WaczError:
        raise
    except DAMAGED as error:
        raise WaczError(f"its directory is cut off or damaged ({error})") from error
    for entry in entries:
        yield _member(file, entry, stated)


class Titles:
    """What a WACZ calls its pages, by their address and time.

    Args:
        file: It.

    Attributes:
        passed: Name and reason of what of its lists of pages is not read.
        read: The names of those that were.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._found: dict[str, dict[str, str]] = {}
        self.passed: list[tuple[str, str]] = []
        self.read: set[str] = set()
        self._left, self._num = _MAX_PAGES, 0
        with zipfile.ZipFile(file) as archive:
            for entry in archive.infolist():
                name = entry.filename.replace("\\", "/")
                if not _PAGES.fullmatch(name):
                    continue
                try:
                    self._take(archive, entry, name)
                except DAMAGED as error:
                    self.passed.append((name, f"a damaged list of pages ({error})"[:200]))

    def of(self, uri: str, date: str) -> str | None:
        """The title of a page, of the time that it was had where it has several.

        Args:
            uri: Its address.
            date: As of ISO 8601, to the second at least.
        """
        titles = self._found.get(uri, {})
        of_time = titles.get(date[:19])
        return next(iter(titles.values())) if len({*titles.values()}) == 1 else of_time

    def _take(self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str) -> None:
        if entry.flag_bits & 1 or entry.compress_type not in _BOUNDED:
            raise ValueError("it is encrypted, or packed by another method than deflate")
        with archive.open(entry) as stream:
            data = stream.read(self._left + 1)
        self._left -= len(data)
        if self._left < 0:
            self._left = 0
            raise ValueError(f"beyond {_MAX_PAGES:,} bytes")
        self.read.add(name)
        bad = 0
        for line in data.splitlines():
            try:
                page = json.loads(line) if line.strip() else {}
            except (ValueError, RecursionError):
                page = None
            if not isinstance(page, dict):
                bad += 1
                continue
            uri, time, title = (page.get(key) for key in ("url", "ts", "title"))
            if is_text(uri) and is_text(title) and title.strip():
                self._num += 1
                if self._num > _MAX_TITLES:
                    raise ValueError(f"more than {_MAX_TITLES:,} titles")
                when = time[:19] if isinstance(time, str) else ""
                self._found.setdefault(uri, {})[when] = title.strip()[:1000]
        if bad:
            self.passed.append((name, "lines of a list of pages that are no objects of JSON"))


def _stated(archive: zipfile.ZipFile) -> Mapping[str, tuple[int | None, str]]:
    """Size and digest of each file, as the description has them.

    Raises:
        WaczError: There is none.
    """
    try:
        entry = archive.getinfo(DESCRIPTION)
    except KeyError:
        raise WaczError(f"it has no {DESCRIPTION}: a zip, but no WACZ") from None
    if entry.file_size > _MAX_DESCRIPTION or entry.compress_type not in _BOUNDED:
        raise WaczError(f"its {DESCRIPTION} is too long")
    with archive.open(entry) as stream:
        data = stream.read(_MAX_DESCRIPTION)
    try:
        described: Any = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise WaczError(f"its {DESCRIPTION} is no JSON ({error})") from None
    resources = described.get("resources") if isinstance(described, dict) else None
    found: dict[str, tuple[int | None, str]] = {}
    for one in resources if isinstance(resources, list) else ():
        if isinstance(one, dict) and isinstance(one.get("path"), str):
            size, digest = one.get("bytes"), one.get("hash")
            found[one["path"]] = (
                size if isinstance(size, int) else None,
                digest if isinstance(digest, str) else "",
            )
    return found


# `zipfile` unpacks the other methods without a bound.
_BOUNDED: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def _member(
    file: BinaryIO, entry: zipfile.ZipInfo, stated: Mapping[str, tuple[int | None, str]]
) -> WaczMember:
    name = entry.filename.replace("\\", "/")
    found = WaczMember(name, entry.file_size, None)
    if not found.is_archive:
        return found
    if entry.flag_bits & 1:
        return WaczMember(name, entry.file_size, None, "it is encrypted")
    if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG):
        return WaczMember(name, entry.file_size, None, "a link or a device, not a file")
    if entry.compress_type != zipfile.ZIP_STORED:
        # The format demands it (section 5.1.1): a packed one cannot be gone to a place in.
        return WaczMember(name, entry.file_size, None, "packed in the zip, where WACZ stores")
    try:
        raw = _Stored(file, entry)
        cause = _difference(raw, entry, stated.get(entry.filename))
    except DAMAGED as error:
        return WaczMember(name, entry.file_size, None, f"it is damaged ({error})")
    return WaczMember(name, raw.size, cast(BinaryIO, raw), cause)


def _difference(raw: _Stored, entry: zipfile.ZipInfo, stated: tuple[int | None, str] | None) -> str:
    """How an archive is not the one that is described; empty if it is."""
    if raw.size < entry.file_size:
        return f"the file ends within it: {raw.size:,} bytes of {entry.file_size:,}"
    size, digest = stated or (None, "")
    if size is not None and size != raw.size:
        return f"{raw.size:,} bytes, and {DESCRIPTION} says {size:,}"
    known = _HASH.fullmatch(digest)
    if known is None:
        return ""
    running = hashlib.new(known[1], usedforsecurity=False)
    raw.seek(0)
    while piece := raw.read(_CHUNK):
        running.update(piece)
    if running.hexdigest() != known[2].lower():
        return f"its {known[1]} is {running.hexdigest()}, and {DESCRIPTION} says {known[2].lower()}"
    return ""


class _Stored(io.RawIOBase):
    """The bytes of a member that is stored, in the file that holds it."""

    def __init__(self, file: BinaryIO, entry: zipfile.ZipInfo) -> None:
        file.seek(entry.header_offset)
        magic, name_length, extra_length = _LOCAL.unpack(file.read(_LOCAL.size))
        if magic != b"PK\x03\x04":
            raise zipfile.BadZipFile("no member stands where the directory says")
        self._file = file
        self._start = entry.header_offset + _LOCAL.size + name_length + extra_length
        file.seek(0, io.SEEK_END)
        self.size = max(min(entry.file_size, file.tell() - self._start), 0)
        self._at = 0

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        self._at = max(base + offset, 0)
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        left = max(self.size - self._at, 0)
        self._file.seek(self._start + self._at)
        data = self._file.read(left if size < 0 else min(size, left))
        self._at += len(data)
        return data
