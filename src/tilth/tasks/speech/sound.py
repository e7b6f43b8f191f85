"""Encoded sound (WAV, FLAC, OGG, ...) to samples of one channel at one rate."""

from __future__ import annotations

import io
import math

import numpy as np
import numpy.typing as npt

from tilth.errors import DataError, missing_extra


def decode_sound(data: bytes, sample_rate: int) -> npt.NDArray[np.int16]:
    """The samples, int16 [samples]; channels are averaged, other rates resampled.

    Args:
        data: A whole file.
        sample_rate: Samples a second to resample to, by a polyphase filter.

    Raises:
        DataError: It cannot be decoded, or holds no sample.
        MissingError: soundfile is not installed.
    """
    try:
        import soundfile
        from scipy.signal import resample_poly
    except ImportError:
        raise missing_extra("soundfile", "train") from None
    try:
        channels, rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError, TypeError, ValueError) as error:
        raise DataError(f"not a sound file that can be decoded: {error}") from None
    samples = channels.mean(axis=1)
    if not len(samples) or not np.isfinite(samples).all():
        raise DataError("not a sound file that can be decoded: no sample, or one that is no number")
    if rate != sample_rate:
        shared = math.gcd(rate, sample_rate)
        samples = resample_poly(samples, sample_rate // shared, rate // shared)
    # 16-bit files come back exactly: libsndfile divides by the same number.
    found: npt.NDArray[np.int16] = np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16)
    return found
