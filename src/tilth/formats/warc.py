"""The records of a WARC file (ISO 28500), one by one, with what is damaged and where.

A record is believed only as far as its neighbours bear it out: where the next one does not begin
behind the length that it states, or begins within it, it is damaged, and reading goes on at the
next that is found. WET and WAT files are WARC files of other records.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Final, NamedTuple, Protocol

from tilth.formats.http_answer import fields_of
from tilth.formats.window import Buffer, DamageError, Place, Window

# Where one begins: its version, and a first named field.
_START: Final = re.compile(rb"WARC/\d{1,2}\.\d{1,2}\r?\n[A-Za-z][\w-]{0,60}[ \t]*:", re.A)
_WIDTH: Final = 100
_HEAD_END: Final = re.compile(rb"\r?\n\r?\n|\nWARC/\d")
# What its named fields may take; a URL of 8,000 characters is among them.
_MAX_HEAD: Final = 1 << 16
# Of a block that is longer than may be held, so much is given: that of an HTTP answer has its
# status and its type there.
HEAD_OF_BLOCK: Final = 1 << 16
_KIND: Final = re.compile(rb"\nWARC-Type[ \t]*:([^\r\n]*)", re.I)
_LENGTH: Final = re.compile(rb"\nContent-Length[ \t]*:([^\r\n]*)", re.I)
_HTTP_END: Final = re.compile(rb"\r?\n\r?\n")
_NO_BREAK: Final = re.compile(rb"[^\r\n]")
_NO_NEIGHBOUR: Final = "no record begins where its length says that the next one does"
_DIGESTS: Final = {"md5": 16, "sha1": 20, "sha256": 32, "sha512": 64}


class ArchiveRecord(NamedTuple):
    """A record that is whole.

    Attributes:
        place: Where it begins.
        kind: Its `WARC-Type` in lower case, such as ``response``.
        fields: Its named fields by their names in lower case; of several of a name the first.
            None of a kind that is left alone.
        block: What stands below them, or the first of it where it is longer than may be held;
            nothing where it was not asked for.
        length: Bytes of the whole block.
    """

    place: Place
    kind: str
    fields: Mapping[str, str]
    block: Buffer
    length: int

    @property
    def is_whole(self) -> bool:
        """Whether the block is all there."""
        return len(self.block) == self.length


@dataclass(frozen=True, slots=True)
class Damaged:
    """A place where what stands there cannot be read."""

    place: Place
    cause: str


Found = ArchiveRecord | Damaged
Wants = Callable[[str, Mapping[str, str]], bool]


def is_warc(head: bytes) -> bool:
    """Whether a file begins as a WARC file does, unpacked."""
    return head.lstrip(b"\r\n").startswith(b"WARC/")


def read_warc(
    raw: BinaryIO,
    size: int,
    max_bytes: int,
    wants: Wants = lambda _, __: True,
    *,
    leaves: Collection[str] = (),
    check_digests: bool = False,
) -> Iterator[Found]:
    """The records of a file, plain or gzip, in their order.

    Args:
        raw: The file; it can be gone back in.
        size: Its bytes.
        max_bytes: Of a longer block only the first bytes are given.
        wants: Whether the block of a record is given at all, by its kind and its named fields.
        leaves: Kinds of which nothing is read but how long they are.
        check_digests: Whether a block is compared with the digest that its record states also
            where the checksum of its gzip member was compared.

    Yields:
        What is whole and what is damaged.
    """
    return read_records(
        Window(raw, size, _begins), _Framing(max_bytes, wants, leaves, check_digests)
    )


class Framing(Protocol):
    """How records of one format are told from one another.

    Attributes:
        start: Where one begins, wherever that is.
        width: The most bytes that `start` takes.
        max_bytes: Of a longer block only the first bytes are given.
        end: What stands behind each block, where it is so much that it stands nowhere by chance.
    """

    @property
    def start(self) -> re.Pattern[bytes]: ...
    @property
    def width(self) -> int: ...
    @property
    def max_bytes(self) -> int: ...
    @property
    def end(self) -> bytes: ...

    def begins(self, head: bytes) -> bool:
        """Whether this is, as far as it goes, the beginning of a record; nothing is."""

    def read(self, window: Window, place: Place) -> tuple[ArchiveRecord, bool]:
        """The record that begins here, and whether it is borne out by what is behind it.

        Raises:
            DamageError: It cannot be read.
        """


def read_records(window: Window, framing: Framing) -> Iterator[Found]:
    """All records of a file, and its damaged places."""
    is_lost = False
    while True:
        begun: Place | None = None
        try:
            if is_lost:
                if not window.seek(framing.start, framing.width):
                    return
                is_lost = False
            elif not _skip_breaks(window):
                return
            begun = window.place()
            if not framing.begins(window.head(framing.width)):
                raise DamageError("no record begins here", begun)
            found, is_sound = framing.read(window, begun)
        except DamageError as error:
            place, cause = begun or error.place, str(error)
            goes_back = begun is not None and (not window.packed or error.is_end)
        else:
            if is_sound:
                yield found
                continue
            # The length may be too long as well as too short: what it led over is looked through.
            place, cause, goes_back = begun, _NO_NEIGHBOUR, True
        is_lost = True
        if goes_back and not window.return_to(place):
            cause += "; what its length leads over is lost"
        yield Damaged(place, cause)
        if goes_back and not len(window.buffer):
            try:
                window.more()
            except DamageError as error:
                window.tell_later(error)
        if begun == window.place():
            window.at += 1


def _skip_breaks(window: Window) -> bool:
    """Go to what stands behind line breaks; False: nothing does."""
    while True:
        found = _NO_BREAK.search(window.buffer, window.at)
        if found is not None:
            window.at = found.start()
            return True
        window.at = len(window.buffer)
        if not window.more():
            return False


def _is_end(framing: Framing, behind: bytes) -> bool:
    return bool(framing.end) and behind.startswith(framing.end)


def _ends_well(window: Window, framing: Framing, place: Place) -> bool:
    """Whether behind what was taken there is the end, or the beginning of a record.

    Raises:
        DamageError: The gzip member that the record began in is damaged or cut short.
    """
    try:
        if _is_end(framing, window.buffer[window.at : window.at + len(framing.end)]):
            _skip_breaks(window)
            return True
        return not _skip_breaks(window) or framing.begins(window.head(framing.width))
    except DamageError as error:
        if error.place.byte == place.byte:
            raise
        window.tell_later(error)
        return True


@dataclass(frozen=True)
class _Framing:
    """That of WARC."""

    max_bytes: int
    wants: Wants
    leaves: Collection[str]
    check_digests: bool
    start: re.Pattern[bytes] = _START
    width: int = _WIDTH
    end: bytes = b"\r\n\r\n"

    def begins(self, head: bytes) -> bool:
        return head.startswith(b"WARC/") or b"WARC/".startswith(head[:5])

    def read(self, window: Window, place: Place) -> tuple[ArchiveRecord, bool]:
        end = window.find(_HEAD_END, _MAX_HEAD)
        if end is None or not end[0].endswith(b"\n"):
            raise DamageError("its head has no end", place)
        head = window.buffer[window.at : end.start()]
        window.at = end.end()
        found = _KIND.search(head)
        kind = found[1].decode("latin-1").strip().lower() if found is not None else ""
        if kind in self.leaves:
            fields: dict[str, str] = {}
            length_of = _LENGTH.search(head)
            stated = "" if length_of is None else length_of[1].decode("latin-1").strip()
        else:
            fields = fields_of(head.decode("utf-8", "backslashreplace").partition("\n")[2])
            kind = fields.get("warc-type", "").lower()
            stated = fields.get("content-length", "")
        if not (stated.isascii() and stated.isdecimal() and len(stated) < 19):
            raise DamageError(f"its length is {stated[:40]!r}", place)
        length = int(stated)
        is_wanted = kind not in self.leaves and self.wants(kind, fields)
        # A packed block was compared with its checksum when it was unpacked, unless it is long.
        is_checked = window.is_checked and not self.check_digests
        block, is_sound = read_block(window, place, length, self, is_wanted=is_wanted)
        if not is_checked and is_sound and is_wanted and len(block) == length:
            require_digests(block, fields, place)
        return ArchiveRecord(place, kind, fields, block, length), is_sound


def read_block(
    window: Window, place: Place, length: int, framing: Framing, *, is_wanted: bool
) -> tuple[Buffer, bool]:
    """What of a block is given, and whether a record or the end comes behind it."""
    if not window.packed:
        # Before so much is read: what a file says of its lengths may be a lie each time.
        behind = window.ahead(length, framing.width + 8)
        if not _is_end(framing, behind) and not framing.begins(behind.lstrip(b"\r\n")):
            return b"", False
    most = min(length, framing.max_bytes if length <= framing.max_bytes else HEAD_OF_BLOCK)
    block = window.take(most) if is_wanted else b""
    window.skip(length - len(block))
    return block, not window.packed or _ends_well(window, framing, place)


def _begins(head: Buffer) -> bool:
    return _START.match(head) is not None


def require_digests(block: Buffer, fields: Mapping[str, str], place: Place) -> None:
    """Refuse a block that is not what its record says.

    Some writers state the digest of the block before they changed it; where that of the payload
    agrees, the page is what was fetched.

    Raises:
        DamageError: Neither digest agrees, of those that are stated.
    """
    stated = [fields.get(f"warc-{part}-digest") for part in ("block", "payload")]
    if stated[0] is None or agrees(stated[0], block):
        return
    end = _HTTP_END.search(block)
    if end is None or stated[1] is None or not agrees(stated[1], memoryview(block)[end.end() :]):
        raise DamageError("its block is not the one that its digest is of", place)


def agrees(stated: str, data: Buffer) -> bool:
    """Whether a digest, written as ``sha1:...`` in base 32, 16 or 64, is that of some bytes; true
    of one of an unknown kind."""
    kind, found, value = stated.partition(":")
    kind, value = kind.strip().lower().replace("-", ""), value.strip().rstrip("=")
    size = _DIGESTS.get(kind)
    if not found or size is None:
        return True
    digest = hashlib.new(kind, data, usedforsecurity=False).digest()
    if len(value) == 2 * size:
        return value.lower() == digest.hex()
    if len(value) == -(-8 * size // 5):
        return value.upper() == base64.b32encode(digest).decode().rstrip("=")
    standard = value.replace("-", "+").replace("_", "/")
    return standard == base64.b64encode(digest).decode().rstrip("=")
