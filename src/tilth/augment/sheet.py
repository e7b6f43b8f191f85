"""A contact sheet: what augmentation makes of a few images, to be looked at before training."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import PIL.Image

from tilth.augment.chain import Transform
from tilth.randomness import Keys, keys_for

Images = npt.NDArray[np.float32]

_GAP = 2
_PAPER = 128


def contact_sheet(
    images: Images,
    ids: Keys,
    transform: Transform,
    *,
    seed: int,
    num_epochs: int = 6,
    max_images: int = 12,
    zoom: int = 2,
) -> bytes:
    """Originals in the first column, then the same images as the first epochs see them.

    Args:
        images: float32 [n, 1 or 3 channels, height, width], values in [0, 1].
        ids: uint64 [n], the samples' ids.
        transform: As from `chain.build`.
        seed: The run's seed, so that the sheet shows what training will see.
        num_epochs: Columns beside the originals.
        max_images: Rows at most.
        zoom: Screen pixels a pixel.

    Returns:
        A PNG.
    """
    images, ids = images[:max_images], ids[:max_images]
    columns = [images]
    columns += [transform(images, keys_for(seed, epoch, ids)) for epoch in range(num_epochs)]
    num, channels, height, width = images.shape
    across = len(columns) * (width + _GAP) + _GAP
    sheet = np.full((num * (height + _GAP) + _GAP, across, channels), _PAPER, np.uint8)
    for column, shown in enumerate(columns):
        left = _GAP + column * (width + _GAP)
        pixels = np.rint(np.clip(shown, 0, 1) * 255).astype(np.uint8).transpose(0, 2, 3, 1)
        for row in range(num):
            top = _GAP + row * (height + _GAP)
            sheet[top : top + height, left : left + width] = pixels[row]
    picture = PIL.Image.fromarray(sheet[:, :, 0] if channels == 1 else sheet)
    picture = picture.resize(
        (picture.width * zoom, picture.height * zoom), PIL.Image.Resampling.NEAREST
    )
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()
