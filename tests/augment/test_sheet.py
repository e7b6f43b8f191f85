"""The contact sheet shows the originals and what training will see."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image
import pytest

from tests.augment.images import make
from tilth.augment.chain import build
from tilth.augment.sheet import contact_sheet
from tilth.randomness import keys_for


@pytest.mark.parametrize("channels", [1, 3])
def test_rows_are_images_and_columns_epochs(channels: int) -> None:
    images, ids = make(20, channels, 8, 8), np.arange(20, dtype=np.uint64)
    run = build([("shift", {})])
    data = contact_sheet(images, ids, run, seed=4, num_epochs=3, max_images=5, zoom=1)
    sheet = np.array(PIL.Image.open(io.BytesIO(data))).reshape(5 * 10 + 2, 4 * 10 + 2, channels)
    shown = np.rint(images[2] * 255).transpose(1, 2, 0)
    assert (sheet[22:30, 2:10] == shown).all()
    second = run(images[:5], keys_for(4, 1, ids[:5]))[2]
    assert (sheet[22:30, 22:30] == np.rint(second * 255).transpose(1, 2, 0)).all()
