"""What augmentation makes of samples, to be looked at: what the sheets of all modalities share."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tilth.augment.chain import from_recipe
from tilth.randomness import Keys, ids_to_u64, keys_for
from tilth.tasks.settings import SampleForm

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class View:
    """One look at a sample: a text, a picture as the bytes of a PNG, or a picture and its words."""

    text: str = ""
    png: bytes = b""


@dataclass(frozen=True)
class Augmenting:
    """What every view is a function of, the sample aside.

    Attributes:
        form: How samples become numbers.
        specs: The recipe's transforms, each {op: settings}.
        seed: Of the training.
        epochs: Of the views, in order.
        model_folder: Finds the trained model, for what was learnt of the data (a tokenizer).
    """

    form: SampleForm
    specs: Sequence[Mapping[str, Any]]
    seed: int
    epochs: tuple[int, ...]
    model_folder: Callable[[], Path]

    def keys(self, rows: Rows, epoch: int) -> Keys:
        """The key of each sample's draws in an epoch, uint64 [rows]."""
        return keys_for(self.seed, epoch, ids_to_u64([row["id"] for row in rows]))

    def transform(self, kind: str) -> Callable[[Any, Any], Any]:
        """The transforms of one kind; of none, what leaves a batch as it is."""
        return from_recipe(self.specs, kind) or (lambda batch, _: batch)


def to_png(image: Any) -> bytes:
    """An image float32 [channels, height, width], values in [0, 1], as PNG."""
    from PIL import Image

    levels = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    picture = Image.fromarray(levels[0] if len(levels) == 1 else levels.transpose(1, 2, 0))
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
