"""The records of an ARC file (Internet Archive, 1996), WARC's forerunner, as those of WARC.

A record is a line ``URL IP DATE TYPE LENGTH``, in version 2 with more words before the length, and
what was sent. The first one describes the file, and which words the lines have.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Final

from tilth.formats.warc import ArchiveRecord, Found, Wants, read_block, read_records
from tilth.formats.window import Buffer, DamageError, Place, Window

# A URL may hold blanks; address and date do not, and tell such a line from any other. A date of a
# wrong length, or a length that is none, is the fault of this record alone.
_LINE: Final = re.compile(
    rb"([a-z][a-z0-9+.-]{1,20}:[^\r\n]{0,8000}?) "
    rb"(\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f:]{2,39}|-) (\d{4,20}) ([^ \r\n]{1,200}|)"
    rb"((?: [^ \r\n]{0,300}){0,5}) ([^ \r\n]{1,20})\r?\n",
    re.A,
)
_WIDTH: Final = 10_000
_BEGIN: Final = re.compile(rb"[a-z][a-z0-9+.-]{1,20}:", re.A)


def is_arc(head: bytes) -> bool:
    """Whether a file begins as an ARC file does, unpacked."""
    return head.lstrip(b"\r\n").startswith(b"filedesc:")


def read_arc(
    raw: BinaryIO, size: int, max_bytes: int, wants: Wants = lambda _, __: True
) -> Iterator[Found]:
    """The records of a file, plain or gzip, in their order; as `tilth.formats.warc.read_warc`.

    The line's words are given as the named fields that WARC has for them. A record of the file
    itself is of the kind ``warcinfo``, every other one a ``response``.
    """
    framing = _Framing(max_bytes, wants)
    return read_records(Window(raw, size, _begins), framing)


@dataclass(frozen=True)
class _Framing:
    max_bytes: int
    wants: Wants
    start: re.Pattern[bytes] = re.compile(rb"(?:(?<=\n)|\A)" + _LINE.pattern, re.A)
    width: int = _WIDTH
    end: bytes = b""

    def begins(self, head: bytes) -> bool:
        # Of the last line of a file that was cut off there may be no more than this.
        return not head or _LINE.match(head) is not None or b"\n" not in head[:8192]

    def read(self, window: Window, place: Place) -> tuple[ArchiveRecord, bool]:
        line = window.find(_LINE, _WIDTH)
        if line is None or line.start() != window.at:
            raise DamageError("its first line is none of a record", place)
        window.at = line.end()
        url, address, date, kind_of_content, stated = (
            line[group].decode("utf-8", "backslashreplace") for group in (1, 2, 3, 4, 6)
        )
        if not (stated.isascii() and stated.isdecimal() and len(stated) < 19):
            raise DamageError(f"its length is {stated!r}", place)
        is_page = url.startswith(("http:", "https:"))
        fields = {
            "warc-target-uri": url,
            "warc-ip-address": address,
            "warc-date": _date(date, place),
            "content-type": "application/http; msgtype=response" if is_page else kind_of_content,
            "arc-content-type": kind_of_content,
        }
        kind = "warcinfo" if url.startswith("filedesc:") else "response"
        length = int(stated)
        block, is_sound = read_block(
            window, place, length, self, is_wanted=self.wants(kind, fields)
        )
        return ArchiveRecord(place, kind, fields, block, length), is_sound


def _date(digits: str, place: Place) -> str:
    """Of 14 digits the time as WARC has it.

    Raises:
        DamageError: They are no time.
    """
    try:
        if len(digits) != 14:
            raise ValueError
        return datetime.strptime(digits, "%Y%m%d%H%M%S").strftime("%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        raise DamageError(f"its date is {digits!r}", place) from None


def _begins(head: Buffer) -> bool:
    return _BEGIN.match(head) is not None
