"""Images as the epochs of training see them."""

from __future__ import annotations

import numpy as np

from tilth.errors import DataError
from tilth.tasks.images.decode import ImageDecoder
from tilth.tasks.sheet import Augmenting, Rows, View, to_png


def looks(augmenting: Augmenting, rows: Rows) -> list[tuple[View, ...]]:
    """Each image, and what each epoch sees, as PNG.

    Raises:
        DataError: An image cannot be decoded.
    """
    decoder = ImageDecoder(augmenting.form.image_size, augmenting.form.channels)
    pixels, sound = decoder.decode([row.get("image") for row in rows], [r["id"] for r in rows])
    if not sound.all():
        raise DataError("an image cannot be decoded", where=", ".join(decoder.unreadable[:5]))
    images = pixels.astype(np.float32) / 255
    transform = augmenting.transform("images")
    columns = [images]
    columns += [
        transform(images.copy(), augmenting.keys(rows, epoch)) for epoch in augmenting.epochs
    ]
    return [tuple(View(png=to_png(column[at])) for column in columns) for at in range(len(rows))]
