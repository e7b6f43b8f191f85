"""The directory of a zip archive, before anything reads it: it is held in memory as a whole."""

from __future__ import annotations

import os
import struct
from typing import BinaryIO, Final

# At half a kilobyte of memory a member.
MAX_MEMBERS: Final = 1_000_000
# A member's entry has at least so many bytes (APPNOTE 4.3.12).
_ENTRY_BYTES: Final = 46


def check_directory(raw: BinaryIO) -> None:
    """Look at the size of a zip archive's directory before it is read (APPNOTE 4.3.16, 4.3.14).

    Raises:
        ValueError: It has room for more than `MAX_MEMBERS`.
    """
    size = raw.seek(0, os.SEEK_END)
    start = max(0, size - (1 << 16) - 22)
    raw.seek(start)
    tail = raw.read()
    end = tail.rfind(b"PK\x05\x06")
    if end >= 0 and len(tail) >= end + 22:
        (num_bytes,) = struct.unpack_from("<I", tail, end + 12)
        wide = tail.rfind(b"PK\x06\x06", 0, end)
        if num_bytes == 0xFFFFFFFF and 0 <= wide <= end - 56:
            (num_bytes,) = struct.unpack_from("<Q", tail, wide + 40)
        # What stands before the end is the directory, whatever it says of its size.
        if min(num_bytes, start + end) > MAX_MEMBERS * _ENTRY_BYTES:
            raise ValueError(f"a directory for more than {MAX_MEMBERS:,} members")
    raw.seek(0)
