"""Spans of words: cut at pauses, and the transcript along."""

from __future__ import annotations

import numpy as np

from tests.augment.sounds import RATE, tone
from tilth.augment.audio import span
from tilth.augment.sounds import Waves
from tilth.randomness import keys_for

PITCHES = (300, 700, 1100, 1500)
ALWAYS = span.Settings(probability=1)


def sentence(pause_s: float = 0.15) -> Waves:
    """Four words, a tone each; the third is of two syllables."""
    silence = np.zeros(round(pause_s * RATE), np.float32)
    parts = [silence]
    for pitch in PITCHES:
        word = tone(pitch, 0.2)
        if pitch == 1100:
            word = np.concatenate([word, np.zeros(400, np.float32), word])
        parts += [word, silence]
    return Waves([np.concatenate(parts)] * 40, RATE, np.tile([0, 4], (40, 1)))


def keys() -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    return keys_for(0, 0, np.arange(40, dtype=np.uint64))


def test_the_words_that_stay_are_those_of_the_span() -> None:
    cut = span.transform(sentence(), keys(), ALWAYS)
    assert cut.spans is not None
    assert len({tuple(one) for one in cut.spans.tolist()}) >= 6
    for samples, (first, end) in zip(cut.samples, cut.spans.tolist(), strict=True):
        spectrum = np.abs(np.fft.rfft(samples, 2 * RATE))
        heard = [bool(spectrum[2 * pitch] > 200) for pitch in PITCHES]
        assert heard == [first <= word < end for word in range(4)]


def test_without_pauses_it_stays_whole() -> None:
    whole = sentence(0.02)
    cut = span.transform(whole, keys(), ALWAYS)
    assert all(a is b for a, b in zip(cut.samples, whole.samples, strict=True))
    unknown = sentence()._replace(spans=None)
    assert span.transform(unknown, keys(), ALWAYS) is unknown
    for samples in (np.zeros(4000, np.float32), np.zeros(3, np.float32)):
        odd = Waves([samples], RATE, np.array([[0, 4]]))
        assert len(span.transform(odd, keys()[:1], ALWAYS).samples[0]) == len(samples)


def test_a_share_is_cut() -> None:
    cut = span.transform(sentence(), keys(), span.Settings(probability=0.3))
    assert cut.spans is not None
    assert 0 < (cut.spans != [0, 4]).any(axis=1).sum() < 20
