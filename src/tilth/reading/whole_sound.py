"""Sounds decoded whole before they are kept: what later steps read, they can read."""

from __future__ import annotations

from typing import Final

from tilth.decode.sound import (
    SYMBOL_S,
    Sound,
    SoundError,
    check_sound,
    seconds_of,
)
from tilth.errors import RecordError
from tilth.reading.inputs import OTHER_TYPE

# Endings of the names of sound files.
SUFFIXES: Final = (".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".m4a")
M4A: Final = ".m4a"
WITHOUT_M4A: Final = f"{OTHER_TYPE} without the extra `m4a` ({M4A})"


def whole_sound(data: bytes, most: int | None = None) -> Sound:
    """A sound that can be decoded to its end.

    Args:
        data: All of it.
        most: Samples that it may have, all channels together; None: as every later step takes.

    Raises:
        RecordError: It is cut off, damaged, of unknown format, or holds nothing.
    """
    try:
        return check_sound(data, most)
    except SoundError as error:
        raise RecordError(str(error)) from None


def require_time(seconds: float, text: str) -> None:
    """Refuse a transcript that nobody can say in so short a time.

    Raises:
        RecordError: It is one.
    """
    if seconds < seconds_of(text):
        raise RecordError(
            f"too short for its transcript: {seconds:.3g} s for {len(text)} characters, of "
            f"which each takes {1000 * SYMBOL_S:.0f} ms at least"
        )
