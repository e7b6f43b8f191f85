"""What a speech model hears: log-mel spectra, normalised by utterance.

Energies count relative to the loudest of the utterance, so a recording's volume makes no
difference; what lies 30 dB below that is silence, so its noise makes little; and silence at either
end is cut off. The last two matter more than any augmentation: speakers record in rooms of their
own and cut as they please, and a network learns that if it is let (dev/LOG.md has the figures).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tilth.augment.sounds import Spectra, Waves

WINDOW_S = 0.025
HOP_S = 0.010
LOWEST_HZ = 60.0  # below lies the mains' hum
FLOOR = 1e-3
SILENCE = 10**-2.5  # 25 dB below the loudest frame
MARGIN = 2  # frames of silence that are left at each end, for soft beginnings and ends


def log_mel(waves: Waves, mels: int) -> Spectra:
    """Frames of log-mel energies, one every 10 ms, each of a Hann window of 25 ms.

    Args:
        waves: Utterances.
        mels: Bands.

    Returns:
        float32 [n, frames, mels], from the first frame that is no silence to the last.
    """
    rate = waves.sample_rate
    window, hop = round(WINDOW_S * rate), round(HOP_S * rate)
    fft = 1 << (window - 1).bit_length()
    lengths = np.array([len(samples) for samples in waves.samples], np.int64)
    padded = np.zeros((len(lengths), int(lengths.max(initial=1))), np.float32)
    for row, samples in enumerate(waves.samples):
        padded[row, : len(samples)] = samples
    spectrum = torch.stft(
        torch.from_numpy(padded),
        fft,
        hop,
        window,
        torch.hann_window(window),
        center=True,
        pad_mode="constant",
        return_complex=True,
    )
    power = spectrum.real.square() + spectrum.imag.square()  # abs() would take a root for nothing
    energies = (mel_matrix(mels, fft, rate) @ power).transpose(1, 2)
    frames = num_frames(lengths, rate)
    inside = torch.from_numpy(np.arange(energies.shape[1]) < frames[:, None])
    energies = energies * inside[:, :, None]
    loudest = energies.amax(dim=(1, 2), keepdim=True).clamp_min(1e-12)
    return _trim(Spectra((energies / loudest + FLOOR).log().numpy(), frames), energies.sum(2))


def _trim(spectra: Spectra, loudness: Tensor) -> Spectra:
    """The utterances without the silence before and after what is said.

    Args:
        spectra: Utterances.
        loudness: float32 [n, frames], energy of each frame.
    """
    said = (loudness >= loudness.amax(1, keepdim=True) * SILENCE).numpy()
    first = np.maximum(said.argmax(axis=1) - MARGIN, 0)
    last = said.shape[1] - 1 - said[:, ::-1].argmax(axis=1)
    lengths = np.minimum(last + 1 + MARGIN, spectra.lengths) - first
    places = np.minimum(first[:, None] + np.arange(lengths.max()), said.shape[1] - 1)
    return Spectra(np.take_along_axis(spectra.values, places[:, :, None], axis=1), lengths)


def num_frames(samples: npt.NDArray[np.int64], sample_rate: int) -> npt.NDArray[np.int64]:
    """Frames of utterances of so many samples, int64 [n]."""
    return samples // round(HOP_S * sample_rate) + 1


def normalise(spectra: Spectra) -> Spectra:
    """The utterances, each with mean 0 and variance 1 over all its frames and bands.

    One mean for all bands and not one each: what a sound is lies in how bands differ, and an
    utterance of one word is too short to tell that from the microphone.

    Args:
        spectra: Utterances.

    Returns:
        The same with 0 behind the end of each.
    """
    inside = spectra.inside()[:, :, None]
    count = np.maximum(spectra.lengths * spectra.values.shape[2], 1)[:, None, None]
    values = np.where(inside, spectra.values, np.float32(0))
    mean = _total(values) / count
    values -= mean.astype(np.float32)
    values *= inside
    deviation = np.sqrt(_total(np.square(values)) / count)
    values /= np.maximum(deviation, 1e-3).astype(np.float32)
    return spectra._replace(values=values)


def _total(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    total: npt.NDArray[np.float64] = values.sum(axis=(1, 2), keepdims=True, dtype=np.float64)
    return total


@lru_cache(maxsize=8)
def mel_matrix(mels: int, fft: int, sample_rate: int) -> Tensor:
    """Triangles that overlap by half, evenly spaced on the mel scale, float32 [mels, fft / 2 + 1].

    Source: O'Shaughnessy, "Speech communication" (1987), p. 150: mel = 2595 log10(1 + f / 700).

    Args:
        mels: Bands.
        fft: Length of the Fourier transform.
        sample_rate: Samples a second.
    """
    lowest, highest = 2595 * np.log10(1 + np.array([LOWEST_HZ, sample_rate / 2]) / 700)
    corners = 700 * (10 ** (np.linspace(lowest, highest, mels + 2) / 2595) - 1)
    hertz = np.arange(fft // 2 + 1) * sample_rate / fft
    rising = (hertz - corners[:-2, None]) / np.diff(corners)[:-1, None]
    falling = (corners[2:, None] - hertz) / np.diff(corners)[1:, None]
    triangles = np.maximum(np.minimum(rising, falling), 0)
    # In a band narrower than a line of the spectrum, the nearest line counts.
    empty = np.flatnonzero(triangles.sum(axis=1) == 0)
    nearest = np.abs(hertz - corners[1:-1][empty, None]).argmin(axis=1)
    triangles[empty, nearest] = 1.0
    return torch.from_numpy(triangles.astype(np.float32))
