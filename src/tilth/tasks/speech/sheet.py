"""Utterances as the epochs of training hear them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tilth.augment.sounds import Spectra, Waves
from tilth.tasks.sheet import Augmenting, Rows, View, to_png
from tilth.tasks.speech.features import log_mel, normalise
from tilth.tasks.speech.resample import decode_at


def looks(augmenting: Augmenting, rows: Rows) -> list[tuple[View, ...]]:
    """The log-mel spectrum of each utterance, and what each epoch sees; low bands below.

    With each, the words that are left in it.
    """
    rate, mels = augmenting.form.sample_rate, augmenting.form.mels
    decoded = [decode_at(row["audio"], rate) for row in rows]
    said = [(row.get("target") or "").split() for row in rows]
    spans = np.array([(0, max(len(words), 1)) for words in said], np.int64)
    waves = Waves(decoded, rate, spans)
    on_waves, on_spectra = augmenting.transform("audio"), augmenting.transform("features")
    heard: list[tuple[Waves, Spectra]] = [(waves, normalise(log_mel(waves, mels)))]
    for epoch in augmenting.epochs:
        keys = augmenting.keys(rows, epoch)
        changed = on_waves(waves, keys)
        heard.append((changed, normalise(on_spectra(log_mel(changed, mels), keys))))
    return [
        tuple(_view(words, wave, one, at) for wave, one in heard) for at, words in enumerate(said)
    ]


def _view(words: Sequence[str], waves: Waves, spectra: Spectra, at: int) -> View:
    first, end = (0, len(words)) if waves.spans is None else waves.spans[at]
    return View(" ".join(words[first:end]), _spectrogram(spectra.values[at, : spectra.lengths[at]]))


def _spectrogram(frames: Any) -> bytes:
    """Frames float32 [frames, bands], mean 0 and variance 1, as a PNG with time to the right."""
    return to_png(((frames.T[::-1] + 2) / 5)[None])
