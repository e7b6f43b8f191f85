"""Play each utterance faster or slower: tempo, pitch and formants move together."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from tilth.augment.sounds import Waves
from tilth.randomness import Keys, uniform
from tilth.settings import BaseSettings


class Settings(BaseSettings):
    """Play each utterance faster or slower."""

    max_change: float = Field(
        0.1, description="change of the speed at most, up or down, as a share", ge=0, le=0.5
    )


def transform(waves: Waves, keys: Keys, settings: Settings) -> Waves:
    """The utterances resampled, by linear interpolation, at a speed drawn for each.

    Source: Ko et al., "Audio augmentation for speech recognition" (2015), section 2.

    Args:
        waves: Utterances.
        keys: uint64 [n].
        settings: How much.
    """
    speeds = 1 + settings.max_change * (2 * uniform(keys, "speed") - 1)
    changed = []
    for samples, speed in zip(waves.samples, speeds, strict=True):
        if not len(samples):
            changed.append(samples)
            continue
        places = np.arange(max(round(len(samples) / speed), 1)) * speed
        changed.append(np.interp(places, np.arange(len(samples)), samples).astype(np.float32))
    return waves._replace(samples=changed)
