"""Small data sets of pictures, sound and text, to be read by loops."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

from tests.store.written import written
from tilth.loaders import Dataset

Columns = dict[str, list[object]]


def ids(number: int, start: int = 0) -> list[object]:
    return [hashlib.sha256(f"{start + i}".encode()).hexdigest() for i in range(number)]


def picture(seed: int, size: tuple[int, int] = (6, 4), mode: str = "RGB") -> bytes:
    """A PNG of that width and height."""
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, "PNG")
    return file.getvalue()


def sound(seed: int, samples: int = 400, rate: int = 8000) -> bytes:
    """A WAV of 16 bits."""
    values = np.random.default_rng(seed).uniform(-0.5, 0.5, samples)
    file = io.BytesIO()
    soundfile.write(file, values, rate, format="WAV", subtype="PCM_16")
    return file.getvalue()


def columns_of(kind: str, number: int, start: int = 0) -> Columns:
    """`number` samples of pictures, sound or text, every fifth of them for the test."""
    places = range(start, start + number)
    payload: dict[str, Columns] = {
        "image": {"image": [picture(i) for i in places]},
        "audio": {"audio": [sound(i, 300 + i % 7 * 20) for i in places]},
        "text": {"text": [" ".join(f"word{i}" for _ in range(1 + i % 4)) for i in places]},
    }
    return {
        "id": ids(number, start),
        "split": ["test" if i % 5 == 0 else "train" for i in places],
        "label": [("no", "yes", "10", "9")[i % 4] for i in places],
        **payload[kind],
    }


def data_set(
    folder: Path,
    kind: str,
    number: int = 40,
    split: str | None = "train",
    more: Columns | None = None,
) -> Dataset:
    """Shards of 15 samples, of a few if there are many."""
    whole = {**columns_of(kind, number), **(more or {})}
    size = max(15, number // 4)
    shards = [
        {name: values[start : start + size] for name, values in whole.items()}
        for start in range(0, number, size)
    ]
    written(folder, shards)
    return Dataset(folder, split)
