"""The bytes of a file of records, unpacked on the way, each with its place; damage costs its place.

A web archive is packed record by record, each in a gzip member of its own (RFC 1952 section 2.2;
ISO 28500 annex D). A member that is damaged is told, and reading goes on at the next one that is
whole: so one lost record is one lost record. A member is handed on once its checksum was compared,
unless it is longer than may be held.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from types import ModuleType
from typing import Any, BinaryIO, NamedTuple, cast

try:
    # The same answers as `zlib`, at more than twice its speed.
    from isal import igzip_lib, isal_zlib

    inflating: ModuleType = isal_zlib
    # Its stubs take the class for an error.
    INFLATE_ERRORS: tuple[type[Exception], ...] = (zlib.error, cast(Any, igzip_lib.IsalError))
except ImportError:
    inflating = zlib
    INFLATE_ERRORS = (zlib.error,)

_CHUNK = 1 << 18
_MAGIC = b"\x1f\x8b\x08"
_GZIP = 31
# Bytes of a member that are fed at once: about what it has, as what belongs to the next is copied.
_MIN_STEP, _MAX_STEP = 1 << 9, 1 << 18
# A member of up to so many bytes, unpacked, is handed on as one, and only once it is whole.
_MAX_WHOLE = 16 << 20
# Unpacked at once of a longer one.
_PIECE = 1 << 20
# Of a place that may be the beginning of a member: what is fed, and what has to come of it.
_TRIED_IN, _TRIED_OUT = 512, 64
_MAX_TRIES = 10_000
# How often a packed file is gone back in, to look behind a length that was a lie.
_MAX_RETURNS = 16

Buffer = bytes | memoryview


class DamageError(Exception):
    """What is behind the bytes given so far cannot be read.

    Attributes:
        place: Where that begins.
        is_end: There is nothing behind it.
    """

    def __init__(self, cause: str, place: Place, *, is_end: bool = False) -> None:
        super().__init__(cause)
        self.place, self.is_end = place, is_end


# Tuples, as some are made for every record: they are made three times as fast as data classes.
class Place(NamedTuple):
    """Where something stands: the byte in the file; in a packed one that of the gzip member, and
    how far behind its beginning, unpacked."""

    byte: int
    inner: int = 0

    def __str__(self) -> str:
        return f"{self.byte}+{self.inner}" if self.inner else str(self.byte)


class _Piece(NamedTuple):
    data: bytes
    place: Place
    # Whether it begins a gzip member: a record may begin here, whatever was said before.
    begins: bool
    # Whether it is a whole one, whose checksum was compared.
    is_checked: bool = False


def first_bytes(raw: BinaryIO, most: int = _TRIED_OUT) -> bytes:
    """How a file begins, unpacked where it is gzip; as far as that can be had."""
    raw.seek(0)
    head = raw.read(_TRIED_IN)
    if not head.startswith(_MAGIC):
        return head[:most]
    try:
        return bytes(inflating.decompressobj(_GZIP).decompress(head, most))
    except INFLATE_ERRORS:
        return b""


class Window:
    """What is at hand of a file, and more where that is asked for.

    Args:
        raw: The file; read from its beginning.
        size: Its bytes.
        is_start: Whether bytes are the beginning of a record.

    Attributes:
        buffer: Unpacked bytes at hand.
        at: The first of them that is not taken yet.
        is_checked: Whether the last of them were compared with a checksum.
        packed: Whether the file is gzip.
    """

    def __init__(self, raw: BinaryIO, size: int, is_start: Callable[[Buffer], bool]) -> None:
        self._raw, self._size, self._is_start = raw, size, is_start
        raw.seek(0)
        head = raw.read(_CHUNK)
        # Where the first member is damaged, a later one tells.
        self.packed = head.startswith(_MAGIC[:2]) or (
            not is_start(head[:_TRIED_OUT].lstrip(b"\r\n")) and _MAGIC in head
        )
        self._members = _Members(raw, is_start)
        self._next = 0  # of a plain file: the byte behind the buffer
        self._returns = 0
        self.buffer = b""
        self.at = 0
        self.is_checked = False
        self._told_later: DamageError | None = None
        self._begins = [(0, Place(0))]  # where in the buffer each piece begins
        self.return_to(Place(0))

    def place(self) -> Place:
        """Where the next byte stands."""
        return self._place_of(self.at)

    def _place_of(self, index: int) -> Place:
        start, place = self._begins[0]
        for begin, one in self._begins[1:]:
            if begin > index:
                break
            start, place = begin, one
        if not self.packed:
            return Place(place.byte + index - start)
        return Place(place.byte, place.inner + index - start)

    def more(self, *, within: bool = False) -> bool:
        """Have one piece more at hand.

        Args:
            within: A record is under way: where another one begins, that one is cut short.

        Returns:
            False: There is none.

        Raises:
            DamageError: What comes next is damaged, once; the next call gives what is behind that.
        """
        if self._told_later is not None:
            error, self._told_later = self._told_later, None
            raise error
        piece = self._members.piece() if self.packed else self._plain()
        if piece is None:
            return False
        left = len(self.buffer) - self.at
        self.is_checked = piece.is_checked
        if left:
            behind = [(begin - self.at, p) for begin, p in self._begins if begin > self.at]
            self._begins = [(0, self.place()), *behind, (left, piece.place)]
            self.buffer = self.buffer[self.at :] + piece.data
        else:
            self.buffer = piece.data
            self._begins = [(0, piece.place)]
        self.at = 0
        if within and piece.begins and self._is_start(piece.data[:_TRIED_OUT]):
            self.at = left
            raise DamageError("the next record begins within it", piece.place)
        return True

    def take(self, length: int) -> Buffer:
        """The next bytes.

        Raises:
            DamageError: There are fewer, or some are damaged.
        """
        end = self.at + length
        if end <= len(self.buffer):
            found = memoryview(self.buffer)[self.at : end]
            self.at = end
            return found
        if not self.packed and self._next + end - len(self.buffer) > self._size:
            raise DamageError("the file ends within it", Place(self._size), is_end=True)
        parts: list[Buffer] = [memoryview(self.buffer)[self.at :]]
        missing = end - len(self.buffer)
        self.at = len(self.buffer)
        while missing:
            if not self.more(within=True):
                raise DamageError("the file ends within it", self.place(), is_end=True)
            part = memoryview(self.buffer)[:missing]
            self.at = len(part)
            missing -= len(part)
            parts.append(part)
        return b"".join(parts)

    def skip(self, length: int, *, within: bool = True) -> None:
        """Leave out the next bytes; as `take`."""
        missing = self.at + length - len(self.buffer)
        if missing <= 0:
            self.at += length
            return
        if not self.packed:
            if self._next + missing > self._size:
                raise DamageError("the file ends within it", Place(self._size), is_end=True)
            self._next += missing
            self.buffer, self.at = b"", 0
            self._begins = [(0, Place(self._next))]
            return
        self.at = len(self.buffer)
        while missing:
            if not self.more(within=within):
                raise DamageError("the file ends within it", self.place(), is_end=True)
            self.at = min(missing, len(self.buffer))
            missing -= self.at

    def head(self, most: int) -> bytes:
        """The next bytes, which stay the next ones; fewer at the end and before damage."""
        while len(self.buffer) - self.at < most:
            try:
                if not self.more():
                    break
            except DamageError as error:
                self.tell_later(error)
                break
        return self.buffer[self.at : self.at + most]

    def tell_later(self, error: DamageError) -> None:
        """Have it raised again where more is asked for."""
        self._told_later = error

    def ahead(self, length: int, most: int) -> bytes:
        """Of a plain file: what stands so many bytes further on, and reading stays where it is."""
        start = self.at + length
        if start + most <= len(self.buffer):
            return self.buffer[start : start + most]
        self._raw.seek(self._next - len(self.buffer) + start)
        return self._raw.read(most)

    def find(self, pattern: re.Pattern[bytes], most: int) -> re.Match[bytes] | None:
        """The first match from the next byte on, among `most` bytes; None: there is none.

        Raises:
            DamageError: What comes before one is damaged.
        """
        while True:
            found = pattern.search(self.buffer, self.at, self.at + most)
            if found is not None or len(self.buffer) - self.at >= most:
                return found
            if not self.more(within=True):
                return None

    def seek(self, pattern: re.Pattern[bytes], width: int) -> bool:
        """Go on at the next match; False: there is none, and all is read.

        Args:
            pattern: What is looked for.
            width: The most bytes that a match has.

        Raises:
            DamageError: There is damage before.
        """
        while True:
            found = pattern.search(self.buffer, self.at)
            if found is not None:
                self.at = found.start()
                return True
            self.at = max(self.at, len(self.buffer) - width)
            if not self.more():
                self.at = len(self.buffer)
                return False

    def return_to(self, place: Place) -> bool:
        """Go on at a place that was passed; False: that was done too often."""
        if self.packed:
            self._returns += 1
            if self._returns > _MAX_RETURNS:
                return False
            self._members.go_to(place.byte)
        self._next, self._told_later = place.byte, None
        self.buffer, self.at = b"", 0
        self._begins = [(0, Place(place.byte))]
        try:
            if place.inner:
                self.skip(place.inner, within=False)
        except DamageError as error:
            self.tell_later(error)
        return True

    def _plain(self) -> _Piece | None:
        self._raw.seek(self._next)
        data = self._raw.read(_CHUNK)
        if not data:
            return None
        start, self._next = self._next, self._next + len(data)
        return _Piece(data, Place(start), begins=False)


class _Members:
    """The gzip members of a file, one after another."""

    def __init__(self, raw: BinaryIO, is_start: Callable[[Buffer], bool]) -> None:
        self._raw, self._is_start = raw, is_start
        self._step = _MIN_STEP
        self._damage: DamageError | None = None
        self._tries = 0
        self.go_to(0)

    def go_to(self, byte: int) -> None:
        """Go on with the member that begins there."""
        self._raw.seek(byte)
        self._data = b""
        self._at, self._base = 0, byte
        self._inflater: Any = None
        self._lost = False
        self._start, self._inner = byte, 0

    def piece(self) -> _Piece | None:
        """The next one; None: there is none.

        Raises:
            DamageError: A member is damaged; the next call goes on behind it.
        """
        if self._damage is not None:
            damage, self._damage = self._damage, None
            raise damage
        if self._inflater is None and not self._begin():
            return None
        return self._unpacked()

    def _begin(self) -> bool:
        """Go to the next member; False: there is none."""
        if self._lost and not self._find():
            return False
        self._lost = False
        if not self._fill(len(_MAGIC)):
            if not len(self._data) - self._at:
                return False
        elif self._data.startswith(_MAGIC, self._at):
            self._start, self._inner = self._base + self._at, 0
            self._inflater = inflating.decompressobj(_GZIP)
            return True
        place = Place(self._base + self._at)
        if self._only_zeros():
            return False
        # What was read in looking for more than zeros is looked through again.
        self.go_to(place.byte)
        self._lost = True
        raise DamageError("what stands here is no gzip member", place)

    def _unpacked(self) -> _Piece | None:
        """The whole member, or what one step gives of a long one."""
        parts: list[bytes] = []
        held, step = 0, self._step
        begins, place = self._inner == 0, Place(self._start, self._inner)
        most = _PIECE if self._inner > _MAX_WHOLE else _MAX_WHOLE
        try:
            while not self._inflater.eof and held < most:
                if self._at == len(self._data) and not self._fill(1):
                    raise EOFError
                view = memoryview(self._data)[self._at : self._at + step]
                part = self._inflater.decompress(view, most + 1 - held)
                left = len(self._inflater.unused_data) + len(self._inflater.unconsumed_tail)
                self._at += len(view) - left
                held += len(part)
                parts.append(part)
                step = min(2 * step, _MAX_STEP)
        except EOFError:
            return self._broken("the file ends within it", parts, place, begins)
        except INFLATE_ERRORS as error:
            cause = f"its gzip member is damaged ({error})"
            return self._broken(cause, parts, place, begins)
        self._inner += held
        is_checked = begins and self._inflater.eof
        if self._inflater.eof:
            self._inflater = None
            packed = self._base + self._at - self._start
            # Small ones stand between the large ones.
            self._step = max(packed + (packed >> 2), self._step * 7 >> 3, _MIN_STEP)
            self._step = min(self._step, _MAX_STEP)
        return _Piece(parts[0] if len(parts) == 1 else b"".join(parts), place, begins, is_checked)

    def _broken(self, cause: str, parts: list[bytes], place: Place, begins: bool) -> _Piece | None:
        """What a damaged member gave before its damage, if anything."""
        damage = DamageError(cause, place)
        self.go_to(self._start + 1)
        self._lost = True
        if not any(parts):
            raise damage
        self._damage = damage
        return _Piece(b"".join(parts), place, begins)

    def _find(self) -> bool:
        """Go to the next place where a member begins that begins with a record."""
        while self._fill(len(_MAGIC)):
            found = self._data.find(_MAGIC, self._at)
            if found < 0:
                self._at = len(self._data) - len(_MAGIC) + 1
                continue
            self._at = found
            self._fill(_TRIED_IN)
            self._tries += 1
            if self._tries > _MAX_TRIES:
                return False
            try:
                tried = inflating.decompressobj(_GZIP)
                head = tried.decompress(self._data[self._at : self._at + _TRIED_IN], _TRIED_OUT)
                if self._is_start(head):
                    return True
            except INFLATE_ERRORS:
                pass
            self._at += 1
        return False

    def _only_zeros(self) -> bool:
        """Whether nothing but zeros is left: the file was filled up to the size of a block."""
        while not self._data[self._at :].strip(b"\0"):
            self._at = len(self._data)
            if not self._fill(1):
                return True
        return False

    def _fill(self, length: int) -> bool:
        """Have so many bytes of the file at hand, if there are; whether there are."""
        while len(self._data) - self._at < length:
            more = self._raw.read(_CHUNK)
            if not more:
                return False
            left = self._data[self._at :]
            self._base += self._at
            self._at = 0
            self._data = left + more if left else more
        return True
