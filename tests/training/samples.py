"""Small data sets on disk, examples in memory, and one small training of each task."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from PIL import Image
from torch import Tensor, nn

from tilth.models.build import build_model
from tilth.models.facts import Facts, Sizes
from tilth.models.gpt import GPTSettings
from tilth.models.mlp import MLPSettings
from tilth.randomness import splitmix64
from tilth.schema import SCHEMA, sample_id
from tilth.store.manifest import Counts, Manifest, write_manifest
from tilth.store.shard import ShardWriter
from tilth.tasks.build import build_task
from tilth.tasks.settings import ObjectiveSettings
from tilth.training.curve import CurvePoint
from tilth.training.examples import Documents, Examples

TINY_GPT = GPTSettings(layers=1, width=16, heads=2, context=8, dropout=0.1)
TINY_MLP = MLPSettings(hidden=(8,), dropout=0.1)
IMAGE_FACTS = Facts(
    sizes=Sizes(image=(1, 4, 4), classes=3), classes=("a", "b", "c"), mean=(0.3,), std=(0.2,)
)
TEXT_FACTS = Facts(sizes=Sizes(vocabulary=20))
IMAGE = build_task("image-classification", IMAGE_FACTS, ObjectiveSettings())
TEXT = build_task("text-generation", TEXT_FACTS, ObjectiveSettings())


def write_dataset(folder: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """A finished data set of one shard."""
    names = list(rows[0])
    kinds = {"signal.weight": pa.float64()} | dict(SCHEMA)
    arrays = [pa.array([row[n] for row in rows], kinds.get(n, pa.string())) for n in names]
    writer = ShardWriter(folder, 0)
    writer.add(pa.RecordBatch.from_arrays(arrays, names=names))
    entry = writer.commit()
    counts = Counts(num_in=len(rows), kept=len(rows), dropped=0, quarantined=0)
    write_manifest(folder, Manifest(step="mix", counts=counts, shards=(entry,)))
    return folder


def figure(figures: Mapping[str, float | str], name: str) -> float:
    """A figure of a split; it is a number."""
    value = figures[name]
    assert isinstance(value, float)
    return value


def losses_of(curve: Sequence[CurvePoint]) -> list[float]:
    """The training loss of each point of a curve."""
    losses = [point.loss for point in curve if point.loss is not None]
    assert len(losses) == len(curve)
    return losses


def without_time(curve: Sequence[CurvePoint]) -> list[CurvePoint]:
    """The points less their seconds, in which two runs differ."""
    assert all(point.seconds is not None for point in curve)
    return [point.model_copy(update={"seconds": None}) for point in curve]


def image_rows(count: int, *, classes: int = 3, size: int = 6) -> list[dict[str, Any]]:
    """Noisy grey pictures with a bright row a class; the last fifth is the test split."""
    generator = np.random.default_rng(0)
    rows = []
    for number in range(count):
        label = number % classes
        pixels = generator.integers(0, 120, (size, size)).astype(np.uint8)
        pixels[label] += 100
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG")
        rows.append(
            {
                "id": sample_id("image", str(number)),
                "source": "a" if number % 2 else "b",
                "image": buffer.getvalue(),
                "label": str(label),
                "split": "test" if number >= 0.8 * count else "train",
            }
        )
    return rows


def text_rows(count: int) -> list[dict[str, Any]]:
    """Sentences that count; the last fifth is the test split."""
    rows = []
    for number in range(count):
        text = " ".join(f"after {number + i} comes {number + i + 1}." for i in range(12))
        rows.append(
            {
                "id": sample_id("text", str(number)),
                "source": "a" if number % 2 else "b",
                "text": text,
                "split": "test" if number >= 0.8 * count else "train",
            }
        )
    return rows


def documents(lengths: Sequence[int], *, seed: int = 0, vocabulary: int = 20) -> Documents:
    """Documents of random tokens 1 .. vocabulary - 1."""
    generator = np.random.default_rng(seed)
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Documents(
        generator.integers(1, vocabulary, int(starts[-1])).astype(np.uint16),
        starts,
        np.array(lengths, np.int64) * 2,
        splitmix64(np.arange(len(lengths), dtype=np.uint64)),
        np.ones(len(lengths), np.float32),
    )


def images(count: int, *, classes: int = 3, size: int = 4) -> Examples:
    """Images whose bright row is their class."""
    generator = np.random.default_rng(1)
    labels = np.arange(count, dtype=np.int64) % classes
    pixels: npt.NDArray[np.uint8] = generator.integers(0, 100, (count, 1, size, size), np.uint8)
    pixels[np.arange(count), 0, labels] += 120
    ids = splitmix64(np.arange(count, dtype=np.uint64))
    return Examples(pixels, labels, ids, np.ones(count, np.float32))


def tiny_mlp(seed: int = 0, settings: MLPSettings = TINY_MLP) -> nn.Module:
    """A model for `images`."""
    return build_model(settings, Sizes(image=(1, 4, 4), classes=3), seed=seed)


def tiny_gpt(seed: int = 0, settings: GPTSettings = TINY_GPT) -> nn.Module:
    """A model for `documents`."""
    return build_model(settings, Sizes(vocabulary=20), seed=seed)


def weights_of(model: nn.Module) -> dict[str, Tensor]:
    """A copy of all tensors."""
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same_bits(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    """Whether two sets of tensors agree bit for bit."""
    return one.keys() == other.keys() and all(
        one[name].numpy().tobytes() == other[name].numpy().tobytes() for name in one
    )
