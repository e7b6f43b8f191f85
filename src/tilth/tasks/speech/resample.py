"""Encoded sound to what is heard at one rate."""

from __future__ import annotations

import numpy as np

from tilth.decode.sound import Samples, SoundError, decode_sound
from tilth.errors import DataError, missing_extra


def decode_at(data: bytes, sample_rate: int) -> Samples:
    """What is heard, float32 [samples], at most a hair beyond -1 and 1 where it was resampled.

    soxr's band-limited filter ("HQ") leaves what lies above half the new rate 100 dB and more below
    what it was, and nothing of it comes back as another tone.

    Args:
        data: A whole file.
        sample_rate: Samples a second to resample to.

    Raises:
        SoundError: As of `decode_sound`.
        MissingError: soxr is not installed.
    """
    return at_rate(*decode_sound(data), sample_rate)


def heard_of(data: bytes | None, name: str) -> tuple[Samples, int]:
    """What is heard of a sample, float32 [samples], and its samples a second.

    Raises:
        DataError: It has no sound, or one that cannot be decoded.
    """
    if data is None:
        raise DataError(
            "a sound is wanted, and there is none",
            where=f"sample {name}",
            hint="`data.sources` chooses among the sources",
            code="audio-missing",
        )
    try:
        return decode_sound(data)
    except SoundError as error:
        raise DataError(
            f"a sound cannot be decoded: {error}",
            where=f"sample {name}",
            hint="look at it with `tilth trace RUN ID`; is it a sound at all?",
            code="damaged-sound",
        ) from None


def at_rate(heard: Samples, rate: int, sample_rate: int) -> Samples:
    """Sound of one rate at another, float32 [samples]; see `decode_at`.

    Raises:
        MissingError: soxr is not installed.
    """
    if rate == sample_rate:
        return heard
    try:
        from soxr import resample
    except ImportError:
        raise missing_extra("soxr", "train") from None
    found = np.ascontiguousarray(resample(heard, rate, sample_rate), np.float32)
    return found if len(found) else heard[:1]
