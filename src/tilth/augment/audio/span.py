"""Take some words in a row out of each utterance, cut at pauses."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydantic import Field

from tilth.augment.sounds import Waves
from tilth.randomness import Keys, integers, uniform
from tilth.settings import BaseSettings

_BLOCK_S = 0.01
_SMOOTHED = 5  # blocks over which loudness is averaged


class Settings(BaseSettings):
    """Take some words in a row out of some utterances, cut at pauses; the transcript is cut along.

    So no word is learnt by its place: any word may come first. Words are what spaces part in the
    transcript; without any, an utterance stays whole.
    """

    probability: float = Field(0.7, description="share of the utterances", ge=0, le=1)
    min_pause_ms: float = Field(
        50.0,
        description="an utterance with a shorter pause between two of its words stays whole",
        gt=0,
    )
    silence_db: float = Field(
        20.0,
        description="a pause is so many decibels below the loudest of the utterance",
        gt=0,
        le=100,
    )


def transform(waves: Waves, keys: Keys, settings: Settings) -> Waves:
    """The utterances, some of them cut to a span of their words.

    With n words, the n - 1 longest pauses are taken for those between words.

    Args:
        waves: Utterances, with `spans`.
        keys: uint64 [n].
        settings: How many, and what a pause is.
    """
    if waves.spans is None:
        return waves
    chosen = uniform(keys, "span") < settings.probability
    num_words = waves.spans[:, 1] - waves.spans[:, 0]
    # Both ends drawn alike, in either order: spans of every length, at every place.
    ends = [integers(keys, f"span.{end}", 0, 1 << 30) % np.maximum(num_words, 1) for end in "ab"]
    first, last = np.minimum(*ends), np.maximum(*ends)
    samples, spans = list(waves.samples), waves.spans.copy()
    for row in np.flatnonzero(chosen & (num_words > 1)).tolist():
        cuts = _cuts(samples[row], waves.sample_rate, int(num_words[row]) - 1, settings)
        if cuts is None:
            continue
        bounds = [0, *cuts, len(samples[row])]
        samples[row] = samples[row][bounds[first[row]] : bounds[last[row] + 1]]
        start = waves.spans[row, 0]
        spans[row] = start + first[row], start + last[row] + 1
    return waves._replace(samples=samples, spans=spans)


def _cuts(
    samples: npt.NDArray[np.float32], sample_rate: int, num_pauses: int, settings: Settings
) -> list[int] | None:
    """The middles of the longest pauses, in samples; None: there are not enough."""
    block = round(_BLOCK_S * sample_rate)
    blocks = samples[: len(samples) // block * block].reshape(-1, block)
    energy = np.square(blocks).mean(axis=1)
    if len(energy) < _SMOOTHED:
        return None
    loudness = np.convolve(energy, np.full(_SMOOTHED, 1 / _SMOOTHED), "same")
    loud = np.flatnonzero(loudness > loudness.max() * 10 ** (-settings.silence_db / 10))
    pauses = np.diff(loud) - 1
    longest = np.argsort(-pauses, kind="stable")[:num_pauses]
    least = settings.min_pause_ms / 1000 / _BLOCK_S
    if len(longest) < num_pauses or pauses[longest].min() < least:
        return None
    middles = (loud[longest] + 1 + loud[longest + 1]) * block // 2
    return sorted(middles.tolist())
