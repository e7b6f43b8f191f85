"""Made speech: each letter is a tone of its own."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from tests.augment.sounds import RATE, tone
from tests.training.samples import write_dataset
from tilth.schema import sample_id

PITCH = {"a": 300, "b": 800, "c": 1600, " ": 2900}


def say(text: str, letter_s: float = 0.08) -> npt.NDArray[np.float32]:
    """One tone a letter, and silence around."""
    parts = [tone(PITCH[letter], letter_s) for letter in text]
    silence = np.zeros(160, np.float32)
    return np.concatenate([silence, *parts, silence])


def encode(samples: npt.NDArray[np.float32], rate: int = RATE, kind: str = "WAV") -> bytes:
    out = io.BytesIO()
    soundfile.write(out, samples, rate, format=kind, subtype="PCM_16")
    return out.getvalue()


def speech_rows(count: int = 60) -> list[dict[str, Any]]:
    """Words of two or three letters in two voices; every fifth is of the test split."""
    words = ("ab", "bc", "ca", "abc", "cb")
    return [
        {
            "id": sample_id("speech", str(number)),
            "source": "made",
            "audio": encode(say(words[number % 5], 0.06 + 0.002 * (number % 7))),
            "target": words[number % 5],
            "subject": ("ann", "bob")[number % 2],
            "split": "test" if number % 5 == number // 5 % 5 else "train",
        }
        for number in range(count)
    ]


def speech_dataset(folder: Path, rows: list[dict[str, Any]] | None = None) -> Path:
    return write_dataset(folder, speech_rows() if rows is None else rows)
