"""Stretch or squeeze each utterance's spectrum, as a longer or shorter vocal tract would."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from tilth.augment.sounds import Spectra
from tilth.randomness import Keys, uniform
from tilth.settings import BaseSettings


class Settings(BaseSettings):
    """Stretch or squeeze each utterance's mel axis: another speaker's vocal tract."""

    max_change: float = Field(
        0.1, description="change of the mel scale at most, up or down, as a share", ge=0, le=0.5
    )


def transform(spectra: Spectra, keys: Keys, settings: Settings) -> Spectra:
    """The utterances with band b taking the place of band b x factor, a factor drawn for each.

    Source: Jaitly and Hinton, "Vocal tract length perturbation improves speech recognition"
    (2013), equation 1; here on the mel axis, by linear interpolation between bands.

    Args:
        spectra: Utterances.
        keys: uint64 [n].
        settings: How much.
    """
    bands = spectra.values.shape[2]
    factors = 1 + settings.max_change * (2 * uniform(keys, "warp") - 1)
    places = np.minimum(np.arange(bands) * factors[:, None], bands - 1)
    below = np.minimum(places.astype(np.int64), bands - 2)[:, None, :]
    share = (places[:, None, :] - below).astype(np.float32)
    low = np.take_along_axis(spectra.values, below, axis=2)
    high = np.take_along_axis(spectra.values, below + 1, axis=2)
    return spectra._replace(values=low + share * (high - low))
