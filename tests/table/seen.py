"""What training sees of made samples: by way of the task, as every batch of a training is made."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tests.augment.sounds import RATE, tone
from tests.tasks.speech.speech_samples import say
from tilth.models.facts import Facts, Sizes
from tilth.tasks.build import build_task
from tilth.tasks.settings import ObjectiveSettings
from tilth.tasks.speech.utterances import BLANK, spectra_of, to_symbols
from tilth.training.examples import Examples, Ragged

Floats = npt.NDArray[np.float32]
Tree = dict[str, Any]

SYMBOLS = (BLANK, " ", "a", "b", "c")
MELS = 16
END, VOCABULARY = 0, 30


def augment(name: str, **given: Any) -> list[Tree]:
    """The stage `augment` with one transform."""
    return [{name: given}]


def pictures(
    num: int = 200, channels: int = 3, height: int = 12, width: int = 10, low: int = 26
) -> Examples:
    """Noise of values from `low` to 229."""
    size = (num, channels, height, width)
    return of_pixels(np.random.default_rng(0).integers(low, 230, size).astype(np.uint8))


def of_pixels(pixels: npt.NDArray[np.uint8]) -> Examples:
    """Pictures uint8 [n, channels, height, width] as examples of one class."""
    num = len(pixels)
    ids = np.arange(num, dtype=np.uint64)
    return Examples(pixels, np.zeros(num, np.int64), ids, np.ones(num, np.float32))


def seen_pictures(specs: list[Tree], data: Examples, epoch: int | None = 0) -> Floats:
    """Pixels from 0 to 1, float32 [n, channels, height, width]; no epoch: as they are measured."""
    channels, height, width = data.rows.shape[1:]
    facts = Facts(
        sizes=Sizes(image=(channels, height, width), classes=1),
        classes=("it",),
        mean=(0.0,) * channels,
        std=(1.0,) * channels,
    )
    task = build_task("image-classification", facts, ObjectiveSettings(), augment=specs)
    epochs = None if epoch is None else np.full(len(data), epoch, np.int64)
    (inputs,) = task.collate(data, np.arange(len(data)), epochs).inputs
    found: Floats = inputs.numpy()
    return found


def utterances(
    texts: list[str], pause_s: float = 0.15, around_s: float = 0.15, hum_db: float | None = None
) -> Examples:
    """A tone a letter, silence between words and around them; no two are of one length.

    Args:
        texts: What is said.
        pause_s: Between words.
        around_s: Before and behind them.
        hum_db: A hum all along, so far below the words.
    """
    waves, said = [], []
    numbers = {symbol: number for number, symbol in enumerate(SYMBOLS)}
    for row, text in enumerate(texts):
        pause = np.zeros(round(pause_s * RATE), np.float32)
        around = np.zeros(round(around_s * RATE), np.float32)
        words = [say(word, 0.1 + 0.002 * row)[160:-160] for word in text.split()]
        parts = [part for word in words for part in (pause, word)][1:]
        wave = np.concatenate([around, *parts, around])
        if hum_db is not None:
            wave += tone(2200, len(wave) / RATE, 0.5 * 10 ** (-hum_db / 20))
        waves.append(wave)
        said.append(to_symbols(text, numbers))
    return Examples(
        Ragged.of(waves, np.float32),
        Ragged.of(said, np.uint16),
        np.arange(len(texts), dtype=np.uint64),
        np.ones(len(texts), np.float32),
        frames=Ragged.of(spectra_of(waves, RATE, MELS), np.float32),
    )


def heard(
    specs: list[Tree], data: Examples, epoch: int | None = 0
) -> tuple[list[Floats], list[str]]:
    """Frames float32 [frames, bands] of each utterance, and the transcript that is learnt."""
    facts = Facts(sizes=Sizes(classes=len(SYMBOLS), mels=MELS), classes=SYMBOLS, sample_rate=RATE)
    task = build_task("speech-recognition", facts, ObjectiveSettings(), augment=specs)
    epochs = None if epoch is None else np.full(len(data), epoch, np.int64)
    batch = task.collate(data, np.arange(len(data)), epochs)
    frames, lengths = (part.numpy() for part in batch.inputs)
    said = [
        "".join(SYMBOLS[symbol] for symbol in row[:count].tolist())
        for row, count in zip(batch.targets, batch.counts, strict=True)
    ]
    return [row[:length] for row, length in zip(frames, lengths, strict=True)], said


def texts(num: int = 300, longest: int = 20) -> Examples:
    """Texts of 1 to `longest` tokens, each between two end tokens."""
    rng = np.random.default_rng(0)
    rows = [
        np.r_[END, rng.integers(1, VOCABULARY, rng.integers(1, longest + 1)), END]
        for _ in range(num)
    ]
    return Examples(
        Ragged.of(rows, np.uint16),
        np.zeros(num, np.int64),
        np.arange(num, dtype=np.uint64),
        np.ones(num, np.float32),
    )


def read_texts(specs: list[Tree], data: Examples, epoch: int | None = 0) -> list[list[int]]:
    """The tokens of each text; checks that the end tokens stand around it and nowhere else."""
    facts = Facts(sizes=Sizes(vocabulary=VOCABULARY, classes=1), classes=("it",))
    task = build_task("text-classification", facts, ObjectiveSettings(), augment=specs)
    epochs = None if epoch is None else np.full(len(data), epoch, np.int64)
    tokens, lengths = task.collate(data, np.arange(len(data)), epochs).inputs
    found = []
    for row, length in zip(tokens.tolist(), lengths.tolist(), strict=True):
        inner = row[1 : length - 1]
        assert row[0] == END
        assert set(row[length - 1 :]) == {END}
        assert END not in inner
        found.append(inner)
    return found
