"""Log-mel features: volume and padding make no difference."""

from __future__ import annotations

import numpy as np
import pytest

from tests.augment.sounds import RATE, tone, waves
from tilth.augment.sounds import Waves
from tilth.tasks.speech.features import log_mel, mel_matrix, normalise, num_frames


def test_a_tone_is_loudest_in_its_own_band() -> None:
    matrix = mel_matrix(40, 256, RATE).numpy()
    for hertz in (300, 800, 1500, 3000):
        band = log_mel(Waves([tone(hertz, 0.2)], RATE), 40).values[0, 10].argmax()
        assert matrix[band, round(hertz * 256 / RATE)] > 0


def test_silence_at_the_ends_is_cut_off() -> None:
    spectra = log_mel(waves(), 24)
    assert spectra.values.shape == (3, spectra.lengths.max(), 24)
    whole = num_frames(np.array([len(samples) for samples in waves().samples]), RATE)
    np.testing.assert_array_equal(spectra.lengths, whole)
    padded = Waves([np.pad(samples, (4000, 2400)) for samples in waves().samples], RATE)
    again = log_mel(padded, 24)
    # Two frames of silence stay at each end, and one that the window reaches into.
    assert ((again.lengths - whole >= 4) & (again.lengths - whole <= 6)).all()


@pytest.mark.parametrize("row", range(3))
def test_an_utterance_alone_gives_the_same_as_in_a_batch(row: int) -> None:
    whole = normalise(log_mel(waves(), 40))
    alone = normalise(log_mel(Waves(waves().samples[row : row + 1], RATE), 40))
    length = whole.lengths[row]
    np.testing.assert_allclose(whole.values[row, :length], alone.values[0], atol=2e-5)
    assert not whole.values[row, length:].any()


def test_volume_makes_no_difference() -> None:
    soft = Waves([samples * 0.01 for samples in waves().samples], RATE)
    np.testing.assert_allclose(log_mel(soft, 40).values, log_mel(waves(), 40).values, atol=1e-3)


def test_silence_is_finite() -> None:
    silent = normalise(log_mel(Waves([np.zeros(800, np.float32)], RATE), 40))
    assert np.isfinite(silent.values).all()


def test_normalised_over_frames_and_bands() -> None:
    normal = normalise(log_mel(waves(), 40))
    for values, length in zip(normal.values, normal.lengths, strict=True):
        assert values[:length].mean() == pytest.approx(0, abs=1e-5)
        assert values[:length].std() == pytest.approx(1, abs=1e-4)


def test_no_band_is_empty() -> None:
    assert (mel_matrix(80, 256, RATE).sum(1) > 0).all()
