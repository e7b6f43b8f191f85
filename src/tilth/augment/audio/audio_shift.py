"""Cut each utterance a little earlier or later, at both ends."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from tilth.augment.sounds import Waves
from tilth.randomness import Keys, uniform
from tilth.settings import BaseSettings

# No more than this share of an utterance is ever cut off at one end.
_MAX_CUT = 0.25


class Settings(BaseSettings):
    """Move both ends of each utterance: silence is added, or some samples are cut off."""

    max_ms: float = Field(30.0, description="milliseconds that an end moves at most", ge=0)


def transform(waves: Waves, keys: Keys, settings: Settings) -> Waves:
    """The utterances with ends moved as drawn for each end.

    Args:
        waves: Utterances.
        keys: uint64 [n].
        settings: How far.
    """
    reach = settings.max_ms * waves.sample_rate / 1000
    moves = [
        np.rint(reach * (2 * uniform(keys, f"audio_shift.{end}") - 1)).astype(np.int64)
        for end in ("start", "end")
    ]
    changed = []
    for samples, start, end in zip(waves.samples, *moves, strict=True):
        cut = [int(min(max(-move, 0), _MAX_CUT * len(samples))) for move in (start, end)]
        kept = samples[cut[0] : len(samples) - cut[1]]
        changed.append(np.pad(kept, (max(int(start), 0), max(int(end), 0))))
    return waves._replace(samples=changed)
