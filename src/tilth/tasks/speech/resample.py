"""Encoded sound to what is heard at one rate."""

from __future__ import annotations

import numpy as np

from tilth.decode.sound import Samples, decode_sound
from tilth.errors import missing_extra


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
    heard, rate = decode_sound(data)
    if rate == sample_rate:
        return heard
    try:
        from soxr import resample
    except ImportError:
        raise missing_extra("soxr", "train") from None
    found = np.ascontiguousarray(resample(heard, rate, sample_rate), np.float32)
    return found if len(found) else heard[:1]
