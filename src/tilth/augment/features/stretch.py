"""Make each utterance longer or shorter at the same pitch."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from tilth.augment.sounds import Spectra
from tilth.randomness import Keys, uniform
from tilth.settings import BaseSettings


class Settings(BaseSettings):
    """Make each utterance longer or shorter; pitch and formants stay."""

    max_change: float = Field(
        0.2, description="change of the length at most, up or down, as a share", ge=0, le=0.5
    )


def transform(spectra: Spectra, keys: Keys, settings: Settings) -> Spectra:
    """The utterances with their frames interpolated to a length drawn for each.

    Args:
        spectra: Utterances.
        keys: uint64 [n].
        settings: How much.
    """
    change = 1 + settings.max_change * (2 * uniform(keys, "stretch") - 1)
    lengths = np.maximum(np.rint(spectra.lengths * change), 1).astype(np.int64)
    # The first frame stays the first, the last one the last.
    steps = (spectra.lengths - 1) / np.maximum(lengths - 1, 1)
    places = np.minimum(
        np.arange(lengths.max(initial=0)) * steps[:, None], spectra.lengths[:, None] - 1
    )
    below = places.astype(np.int64)
    above = np.minimum(below + 1, spectra.lengths[:, None] - 1)
    share = (places - below).astype(np.float32)[..., None]
    low = np.take_along_axis(spectra.values, below[..., None], axis=1)
    high = np.take_along_axis(spectra.values, above[..., None], axis=1)
    return Spectra(low + share * (high - low), lengths)
