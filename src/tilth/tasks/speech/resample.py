"""Encoded sound to what is heard at one rate."""

from __future__ import annotations

import math

import numpy as np

from tilth.decode.sound import Samples, decode_sound
from tilth.errors import missing_extra


def decode_at(data: bytes, sample_rate: int) -> Samples:
    """What is heard, float32 [samples], at most a hair beyond -1 and 1 where it was resampled.

    Args:
        data: A whole file.
        sample_rate: Samples a second to resample to, by a polyphase filter.

    Raises:
        SoundError: As of `decode_sound`.
        MissingError: scipy is not installed.
    """
    heard, rate = decode_sound(data)
    if rate == sample_rate:
        return heard
    try:
        from scipy.signal import resample_poly
    except ImportError:
        raise missing_extra("scipy", "train") from None
    shared = math.gcd(rate, sample_rate)
    found = resample_poly(heard, sample_rate // shared, rate // shared)
    return np.ascontiguousarray(found, np.float32)
