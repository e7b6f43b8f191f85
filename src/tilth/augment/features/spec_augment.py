"""Hide some bands and some frames of each utterance."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydantic import Field

from tilth.augment.sounds import Spectra
from tilth.randomness import Keys, integers, uniform
from tilth.settings import BaseSettings


class Settings(BaseSettings):
    """Hide stripes of bands and of frames, so that no single cue is relied on (SpecAugment)."""

    band_stripes: int = Field(2, description="stripes of bands", ge=0, le=256)
    max_bands: int = Field(6, description="bands that one stripe hides at most", ge=0, le=256)
    frame_stripes: int = Field(1, description="stripes of frames", ge=0, le=256)
    max_frames: int = Field(
        6, description="frames that one stripe hides at most", ge=0, le=1_000_000
    )
    max_share: float = Field(
        0.2, description="share of an utterance's frames that one stripe hides at most", ge=0, le=1
    )


def transform(spectra: Spectra, keys: Keys, settings: Settings) -> Spectra:
    """The utterances with stripes set to their own mean.

    Source: Park et al., "SpecAugment" (2019), section 2, without time warping.

    Args:
        spectra: Utterances.
        keys: uint64 [n].
        settings: How many stripes, and how wide.
    """
    n, frames, bands = spectra.values.shape
    hidden = np.zeros((n, frames, bands), bool)
    for number in range(settings.band_stripes):
        width = integers(keys, f"spec_augment.bands.{number}", 0, min(settings.max_bands, bands))
        first = uniform(keys, f"spec_augment.band.{number}") * (bands - width + 1)
        hidden |= _stripe(first, width, bands)[:, None, :]
    for number in range(settings.frame_stripes):
        width = integers(keys, f"spec_augment.frames.{number}", 0, settings.max_frames)
        width = np.minimum(width, (settings.max_share * spectra.lengths).astype(np.int64))
        first = uniform(keys, f"spec_augment.frame.{number}") * (spectra.lengths - width + 1)
        hidden |= _stripe(first, width, frames)[:, :, None]
    inside = spectra.inside()[:, :, None]
    count = np.maximum(spectra.lengths * bands, 1)
    mean = np.where(inside, spectra.values, 0).sum(axis=(1, 2), dtype=np.float64) / count
    return spectra._replace(
        values=np.where(hidden, mean.astype(np.float32)[:, None, None], spectra.values)
    )


def _stripe(
    first: npt.NDArray[np.float64], width: npt.NDArray[np.int64], size: int
) -> npt.NDArray[np.bool_]:
    """Places from floor(first) on, `width` of them, bool [n, size]."""
    start = first.astype(np.int64)[:, None]
    place = np.arange(size)
    inside: npt.NDArray[np.bool_] = (place >= start) & (place < start + width[:, None])
    return inside
