"""Sound files to samples."""

from __future__ import annotations

import numpy as np
import pytest

from tests.augment.sounds import RATE, tone
from tests.tasks.speech.speech_samples import encode
from tilth.errors import DataError
from tilth.tasks.speech.sound import decode_sound


@pytest.mark.parametrize("kind", ["WAV", "FLAC"])
def test_sixteen_bits_come_back_exactly(kind: str) -> None:
    samples = np.arange(-32768, 32768, 7).astype(np.int16)
    data = encode((samples / 32768).astype(np.float32), kind=kind)
    np.testing.assert_array_equal(decode_sound(data, RATE), samples)


def test_another_rate_and_two_channels() -> None:
    data = encode(np.stack([tone(400, 0.5), np.zeros(4000, np.float32)], axis=1), 2 * RATE)
    samples = decode_sound(data, RATE)
    assert len(samples) == 2000
    # At twice the rate the tone is of 800 Hz; the mean of both channels is half as loud.
    assert np.abs(np.fft.rfft(samples[:2000])).argmax() == 800 * 2000 // RATE
    assert np.abs(samples).max() == pytest.approx(0.25 * 32768, rel=0.05)


@pytest.mark.parametrize("data", [b"", b"RIFF", b"x" * 1000])
def test_no_sound(data: bytes) -> None:
    with pytest.raises(DataError, match="not a sound file"):
        decode_sound(data, RATE)


def test_no_sample() -> None:
    with pytest.raises(DataError, match="no sample"):
        decode_sound(encode(np.zeros(0, np.float32)), RATE)
