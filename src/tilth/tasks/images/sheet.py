"""Images as the epochs of training see them."""

from __future__ import annotations

import numpy as np

from tilth.tasks.images.shapes import ImageDecoder, channels_of
from tilth.tasks.sheet import Augmenting, Rows, View, to_png


def looks(augmenting: Augmenting, rows: Rows) -> list[tuple[View, ...]]:
    """Each image, and what each epoch sees, as PNG.

    Raises:
        DataError: An image cannot be decoded.
    """
    given = [row.get("image") for row in rows]
    channels = augmenting.form.channels or channels_of(given)
    decoder = ImageDecoder(augmenting.form.image_size, channels)
    pixels = decoder.decode(given, [row["id"] for row in rows])
    images = pixels.astype(np.float32) / 255
    transform = augmenting.transform("images")
    columns = [images]
    columns += [
        transform(images.copy(), augmenting.keys(rows, epoch)) for epoch in augmenting.epochs
    ]
    return [tuple(View(png=to_png(column[at])) for column in columns) for at in range(len(rows))]
