"""Colour each utterance as another microphone would."""

from __future__ import annotations

import math

import numpy as np
from pydantic import Field

from tilth.augment.sounds import Spectra
from tilth.randomness import Keys, uniform
from tilth.settings import BaseSettings


class Settings(BaseSettings):
    """Add a smooth curve over the bands to each utterance: another microphone or room."""

    strength: float = Field(
        0.5,
        description="standard deviation of each of the curve's three parts, in nats",
        ge=0,
        le=10,
    )


def transform(spectra: Spectra, keys: Keys, settings: Settings) -> Spectra:
    """The utterances plus a slope and one period of sine and cosine, drawn for each.

    Args:
        spectra: Utterances.
        keys: uint64 [n].
        settings: How much.
    """
    place = np.linspace(-1, 1, spectra.values.shape[2])
    shapes = np.stack([place, np.sin(math.pi * place), np.cos(math.pi * place)])
    # Uniform numbers of that standard deviation.
    weights = np.stack([2 * uniform(keys, f"tilt.{part}") - 1 for part in range(3)], axis=1)
    curves = (settings.strength * math.sqrt(3) * weights @ shapes).astype(np.float32)
    return spectra._replace(values=spectra.values + curves[:, None, :])
