"""Small data sets on disk, written as the engine writes them."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from tilth.schema import SCHEMA, sample_id
from tilth.store.manifest import Counts, Manifest, write_manifest
from tilth.store.shard import ShardWriter


def write_dataset(folder: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """A finished data set of one shard."""
    names = list(rows[0])
    arrays = [pa.array([row[n] for row in rows], SCHEMA.get(n, pa.string())) for n in names]
    writer = ShardWriter(folder, 0)
    writer.add(pa.RecordBatch.from_arrays(arrays, names=names))
    entry = writer.commit()
    counts = Counts(num_in=len(rows), kept=len(rows), dropped=0, quarantined=0)
    write_manifest(folder, Manifest(step="mix", counts=counts, shards=(entry,)))
    return folder


def text_rows(source: str, count: int, *, style: int, test_share: float = 0.2) -> list[Any]:
    """Documents over a made-up grammar: a style is a set of words and of what follows what."""
    generator = np.random.default_rng(style)
    words = [
        "".join(generator.choice(list("abcdefghiklmnoprstu"), generator.integers(3, 8)))
        for _ in range(120)
    ]
    follows = generator.integers(0, 120, (120, 3))
    rows = []
    for number in range(count):
        word, text = int(generator.integers(120)), []
        for _ in range(80):
            text.append(words[word])
            word = int(follows[word, generator.integers(3)])
        body = " ".join(text)
        split = "test" if number < test_share * count else "train"
        rows.append({"id": sample_id(source, body), "source": source, "text": body, "split": split})
    return rows


def png(pixels: np.ndarray[Any, Any]) -> bytes:
    """Grey pixels [height, width] of 0 to 255 as PNG."""
    stream = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def digit_rows(*, noise: float = 0.0, limit: int | None = None, test: int = 400) -> list[Any]:
    """scikit-learn's handwritten digits; a share of the training labels is replaced at random."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    generator = np.random.default_rng(0)
    order = generator.permutation(len(digits.target))
    wrong = generator.random(len(order)) < noise
    rows = []
    for place, index in enumerate(order[:limit]):
        label, split = int(digits.target[index]), "test" if place < test else "train"
        if split == "train" and wrong[place]:
            label = (label + 1 + int(generator.integers(9))) % 10
        image = png(np.rint(digits.images[index] * 255 / 16))
        rows.append(
            {
                "id": sample_id("digits", str(index)),
                "source": "digits",
                "image": image,
                "label": str(label),
                "split": split,
            }
        )
    return rows
