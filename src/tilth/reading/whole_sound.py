"""Sounds decoded whole before they are kept: what later steps read, they can read."""

from __future__ import annotations

from tilth.decode.sound import Sound, SoundError, check_sound
from tilth.errors import RecordError


def whole_sound(data: bytes) -> Sound:
    """A sound that can be decoded to its end.

    Raises:
        RecordError: It is cut off, damaged, of unknown format, or holds nothing.
    """
    try:
        return check_sound(data)
    except SoundError as error:
        raise RecordError(str(error)) from None
