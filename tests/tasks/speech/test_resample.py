"""Sound at another rate: what was there is there, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from tests.augment.sounds import RATE, tone
from tests.tasks.speech.speech_samples import encode
from tilth.decode.sound import SoundError
from tilth.tasks.speech.resample import decode_at


def test_the_same_rate_is_the_same_sound() -> None:
    samples = ((tone(400, 0.5) * 32768).round() / 32768).astype(np.float32)
    np.testing.assert_array_equal(decode_at(encode(samples), RATE), samples)


def test_another_rate_and_two_channels() -> None:
    data = encode(np.stack([tone(400, 0.5), np.zeros(4000, np.float32)], axis=1), 2 * RATE)
    samples = decode_at(data, RATE)
    assert len(samples) == 2000
    # At twice the rate the tone is of 800 Hz; the mean of both channels is half as loud.
    assert np.abs(np.fft.rfft(samples[:2000])).argmax() == 800 * 2000 // RATE
    assert np.abs(samples).max() == pytest.approx(0.25, rel=0.05)


@pytest.mark.parametrize("rate", [11_025, 16_000, 44_100, 48_000])
def test_a_tone_is_the_same_tone_and_what_is_above_is_gone(rate: int) -> None:
    def at(hertz: float, num: int, of: int) -> np.ndarray:
        return 0.5 * np.sin(2 * np.pi * hertz * np.arange(num) / of)

    inner = slice(400, -400)
    for hertz in (200, 1500, 3000):
        found = decode_at(encode(at(hertz, rate, rate).astype(np.float32), rate), RATE)
        expected = at(hertz, RATE, RATE)
        assert len(found) == len(expected)
        assert np.abs(found[inner] - expected[inner]).max() < 0.01
    # 80 dB below, about what 16 bits are rounded by, where it would be heard as another tone:
    # also right above half the rate.
    for hertz in (4100, 5000):
        gone = decode_at(encode(at(hertz, rate, rate).astype(np.float32), rate), RATE)
        assert np.abs(gone[inner]).max() < 0.5 * 10**-4


@pytest.mark.parametrize("num", [1, 2, 3])
@pytest.mark.parametrize("rate", [1000, 44_100, 768_000])
def test_of_a_few_samples_something_is_left(num: int, rate: int) -> None:
    assert len(decode_at(encode(np.full(num, 0.5, np.float32), rate), RATE)) >= 1


@pytest.mark.parametrize("data", [b"", b"RIFF", b"x" * 1000])
def test_no_sound(data: bytes) -> None:
    with pytest.raises(SoundError):
        decode_at(data, RATE)
