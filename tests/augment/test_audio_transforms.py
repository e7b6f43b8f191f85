"""Transforms of waveforms: speed, audio_noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from tests.augment.sounds import RATE, keys, waves
from tilth.augment.audio import audio_noise, speed
from tilth.augment.sounds import Waves

MODULES: list[tuple[Any, Any]] = [
    (speed, speed.Settings()),
    (audio_noise, audio_noise.Settings(probability=1)),
]


@pytest.mark.parametrize(("module", "settings"), MODULES)
def test_a_draw_depends_on_the_key_alone(module: Any, settings: Any) -> None:
    whole = module.transform(waves(), keys(), settings).samples
    alone = module.transform(Waves(waves().samples[1:2], RATE), keys()[1:2], settings).samples
    np.testing.assert_array_equal(whole[1], alone[0])
    again = module.transform(waves(), keys(1), settings).samples
    assert any(len(a) != len(b) or (a != b).any() for a, b in zip(whole, again, strict=True))
    assert all(samples.dtype == np.float32 for samples in whole)


def test_speed_moves_length_and_pitch() -> None:
    before = waves()
    after = speed.transform(before, keys(), speed.Settings(max_change=0.3))
    for old, new in zip(before.samples, after.samples, strict=True):
        ratio = len(old) / len(new)
        assert 0.69 < ratio < 1.31

        def pitch(samples: Any) -> float:
            return float(np.abs(np.fft.rfft(samples, 1 << 16)).argmax()) * RATE / (1 << 16)

        assert pitch(new) == pytest.approx(pitch(old) * ratio, rel=0.02)


def test_noise_is_as_loud_as_drawn() -> None:
    settings = audio_noise.Settings(probability=1, min_snr_db=10, max_snr_db=10)
    for old, new in zip(
        waves().samples, audio_noise.transform(waves(), keys(), settings).samples, strict=True
    ):
        ratio = np.mean(old**2) / np.mean((new - old) ** 2)
        assert 10 * np.log10(ratio) == pytest.approx(10, abs=0.7)
    with pytest.raises(ValidationError, match="must not exceed"):
        audio_noise.Settings(min_snr_db=20, max_snr_db=10)
