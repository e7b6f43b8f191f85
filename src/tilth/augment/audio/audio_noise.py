"""Add white noise to some utterances."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from tilth.augment.sounds import Waves
from tilth.randomness import Keys, uniform, uniform_block
from tilth.settings import BaseSettings


class Settings(BaseSettings):
    """Add white noise to some utterances, as loud as drawn for each."""

    probability: float = Field(0.5, description="share of the utterances", ge=0, le=1)
    min_snr_db: float = Field(
        10.0, description="loudest noise: so many decibels below the speech", ge=-60, le=100
    )
    max_snr_db: float = Field(
        40.0, description="softest noise: so many decibels below the speech", ge=-60, le=100
    )

    @model_validator(mode="after")
    def _in_order(self) -> Settings:
        if self.min_snr_db > self.max_snr_db:
            raise ValueError("min_snr_db must not exceed max_snr_db")
        return self


def transform(waves: Waves, keys: Keys, settings: Settings) -> Waves:
    """The utterances, some of them with noise: sqrt(mean square) x 10^(-SNR / 20) x normal.

    Args:
        waves: Utterances.
        keys: uint64 [n].
        settings: How many, and how loud.
    """
    chosen = uniform(keys, "audio_noise.whether") < settings.probability
    spread = settings.max_snr_db - settings.min_snr_db
    snr_db = settings.min_snr_db + spread * uniform(keys, "audio_noise.snr")
    changed = list(waves.samples)
    for row in np.flatnonzero(chosen).tolist():
        samples = waves.samples[row]
        if not len(samples):
            continue
        loudness = float(np.sqrt(np.mean(np.square(samples), dtype=np.float64)))
        noise = _normal(keys[row : row + 1], len(samples))
        factor = np.float32(loudness * 10 ** (-snr_db[row] / 20))
        changed[row] = np.clip(samples + factor * noise, -1, 1)
    return waves._replace(samples=changed)


def _normal(keys: Keys, size: int) -> npt.NDArray[np.float32]:
    """`size` normal numbers of one key, float32: Box and Muller (1958)."""
    half = -(-size // 2)
    numbers = uniform_block(keys, "audio_noise", 2 * half)[0]
    radius = np.sqrt(-2 * np.log1p(-numbers[:half]))
    angle = 2 * math.pi * numbers[half:]
    both = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])
    return both[:size].astype(np.float32)
