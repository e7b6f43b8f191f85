"""Make each utterance louder or softer."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from tilth.augment.sounds import Waves
from tilth.randomness import Keys, uniform
from tilth.settings import BaseSettings


class Settings(BaseSettings):
    """Make each utterance louder or softer; what exceeds full scale is clipped."""

    max_db: float = Field(6.0, description="decibels up or down at most", ge=0, le=60)


def transform(waves: Waves, keys: Keys, settings: Settings) -> Waves:
    """The utterances at another volume, drawn evenly in decibels.

    Features that are normalised by utterance (`tilth.tasks.speech.features`) see only the clipping.

    Args:
        waves: Utterances.
        keys: uint64 [n].
        settings: How much.
    """
    decibels = settings.max_db * (2 * uniform(keys, "gain") - 1)
    factors = (10 ** (decibels / 20)).astype(np.float32)
    changed = [
        np.clip(samples * factor, -1, 1)
        for samples, factor in zip(waves.samples, factors, strict=True)
    ]
    return waves._replace(samples=changed)
