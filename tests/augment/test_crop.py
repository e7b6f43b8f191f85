"""Crop: whole images stay, ramps stay ramps, values stay within the image's."""

from __future__ import annotations

import numpy as np
import pytest

from tests.augment.images import keys, make
from tilth.augment.images.crop import Settings, transform


def test_the_whole_image_is_no_change() -> None:
    images = make(4, 3)
    assert transform(images, keys(4), Settings(min_scale=1)) == pytest.approx(images, abs=1e-6)


def test_a_part_of_a_ramp_is_a_flatter_ramp() -> None:
    ramp = np.tile(np.arange(32, dtype=np.float32), (6, 1, 32, 1))
    found = transform(ramp, keys(6), Settings(min_scale=0.5))
    assert found.dtype == np.float32
    steps = np.diff(found[:, 0, 0, 2:-2], axis=1)
    assert (steps > 0.49).all()
    assert (steps < 1.01).all()
    assert np.ptp(steps, axis=1) == pytest.approx(0, abs=1e-4)
    assert found[:, 0, 0] == pytest.approx(found[:, 0, 31])


def test_values_stay_within_those_of_the_image() -> None:
    images = make(20)
    found = transform(images, keys(20), Settings(min_scale=0.3))
    assert (found.min((1, 2, 3)) >= images.min((1, 2, 3)) - 1e-6).all()
    assert (found.max((1, 2, 3)) <= images.max((1, 2, 3)) + 1e-6).all()
