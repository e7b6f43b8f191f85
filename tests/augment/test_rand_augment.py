"""RandAugment: every operation, its strength, and draws by key alone."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tests.augment.images import keys, make
from tilth.augment.images.rand_augment import _OPERATIONS, Settings, transform


@pytest.mark.parametrize("channels", [1, 3])
def test_a_batch_may_be_cut(channels: int) -> None:
    images, key = make(30, channels), keys(30)
    whole = transform(images, key, Settings(operations=3, strength=0.7))
    assert whole.shape == images.shape
    assert whole.dtype == np.float32
    assert (
        transform(images[4:9], key[4:9], Settings(operations=3, strength=0.7)) == whole[4:9]
    ).all()
    assert 0 <= whole.min() <= whole.max() <= 1
    assert (whole != images).any((1, 2, 3)).mean() > 0.5


@pytest.mark.parametrize("name", sorted(_OPERATIONS))
def test_every_operation(name: str) -> None:
    pixels = np.random.default_rng(0).integers(40, 200, (24, 18, 3)).astype(np.uint8)
    image = Image.fromarray(pixels)
    changed = np.asarray(_OPERATIONS[name](image, 0.8))
    assert changed.shape == pixels.shape
    still = np.asarray(_OPERATIONS[name](image, 0.0))
    assert (still == pixels).all()
    assert (changed != pixels).any() or name == "identity"


@pytest.mark.parametrize("channels", [1, 3])
def test_without_strength_nothing_is_changed_or_rounded(channels: int) -> None:
    images = make(40, channels)
    assert (transform(images, keys(40), Settings(operations=8, strength=0)) == images).all()
