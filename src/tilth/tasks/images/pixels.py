"""Encoded images to pixels, all of one shape, with the moments of the training split."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tilth.context import Progress
from tilth.models.facts import Facts, Sizes
from tilth.randomness import ids_to_u64
from tilth.schema import column
from tilth.tasks.images.shapes import ImageDecoder, channels_of
from tilth.tasks.registry import declaration
from tilth.tasks.selection import Counts, Selection
from tilth.tasks.splits import (
    Given,
    Reading,
    classes_of,
    weights_of,
    write_splits,
)
from tilth.training.examples import Examples


def write(
    selection: Selection, counts: Counts, folder: Path, given: Given, progress: Progress
) -> Facts:
    """Lay down pixels and labels of every image; where the task needs no label, class 0.

    Raises:
        DataError: A label is missing or unknown, or an image cannot be decoded.
    """
    kind = declaration(selection.task)
    labelled = kind.labels
    classes = classes_of(counts, given.classes) if labelled else kind.outputs
    numbers = {name: number for number, name in enumerate(classes)}
    channels = selection.form.channels or channels_of(_images(selection))
    decoder = ImageDecoder(selection.form.image_size, channels)
    moments: list[npt.NDArray[np.float64]] = []  # [pixels, sum, sum of squares] x channels

    def convert(split: str, batch: pa.RecordBatch) -> dict[str, npt.NDArray[Any]]:
        ids = column(batch, "id").to_pylist()
        images = decoder.decode(column(batch, "image").to_pylist(), ids)
        if split == "train" and len(images):
            levels = np.arange(256) / 255
            counted = [np.bincount(plane.ravel(), minlength=256) for plane in images.swapaxes(0, 1)]
            moments.append(np.array([[c.sum(), c @ levels, c @ levels**2] for c in counted]).T)
        names = column(batch, "label").to_pylist() if labelled else [""] * batch.num_rows
        labels = np.array([numbers.get(name, 0) for name in names], np.int64)
        return {
            "images": images,
            "labels": labels,
            "ids": ids_to_u64(ids),
            "weights": weights_of(batch),
        }

    write_splits(selection, counts, folder, ["image"], convert, progress)
    pixels, total, squares = np.sum(moments, axis=0)
    mean = total / pixels
    std = np.sqrt(np.maximum(squares / pixels - mean**2, 1e-6))
    return Facts(
        sizes=Sizes(image=decoder.shape, classes=len(classes)),
        classes=classes,
        mean=tuple(mean.tolist()),
        std=tuple(std.tolist()),
    )


def _images(selection: Selection) -> Iterator[bytes | None]:
    """The images of all splits, one after another."""
    for _, batch in selection.read(["image"]):
        for data in column(batch, "image"):
            yield data.as_py()


def read(arrays: dict[str, npt.NDArray[Any]], _: Reading) -> Examples:
    """The images that `write` laid down."""
    ids, weights = np.asarray(arrays["ids"]), np.asarray(arrays["weights"])
    return Examples(arrays["images"], arrays["labels"], ids, weights)
