"""Made utterances: tones of known pitch, and their spectra."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tilth.augment.sounds import Spectra, Waves

RATE = 8000


def tone(hertz: float, seconds: float, loudness: float = 0.5) -> npt.NDArray[np.float32]:
    time = np.arange(round(seconds * RATE)) / RATE
    return (loudness * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def waves() -> Waves:
    return Waves([tone(300, 0.2), tone(800, 0.35), tone(1500, 0.1)], RATE)


def spectra() -> Spectra:
    """Three utterances of 12, 20 and 7 frames: band b of frame t is b + t / 100."""
    frames, bands = np.arange(20)[:, None] / 100, np.arange(16)[None]
    values = np.broadcast_to(frames + bands, (3, 20, 16)).astype(np.float32)
    return Spectra(values, np.array([12, 20, 7]))


def keys(epoch: int = 0) -> npt.NDArray[np.uint64]:
    from tilth.randomness import keys_for

    return keys_for(0, epoch, np.arange(3, dtype=np.uint64))
