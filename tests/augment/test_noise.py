"""Noise: normal, of the stated spread, cut to the range."""

from __future__ import annotations

import numpy as np
import pytest

from tests.augment.images import keys, make
from tilth.augment.images.noise import Settings, transform


def test_spread_and_shape() -> None:
    grey = np.full((50, 1, 20, 20), 0.5, np.float32)
    noise = (transform(grey, keys(50), Settings(std=0.05)) - grey).ravel() / 0.05
    assert noise.dtype == np.float32
    assert noise.mean() == pytest.approx(0, abs=0.03)
    assert noise.std() == pytest.approx(1, abs=0.02)
    # A normal variable lies within one deviation 68.3 % of the time, within two 95.4 %.
    assert (np.abs(noise) < 1).mean() == pytest.approx(0.683, abs=0.02)
    assert (np.abs(noise) < 2).mean() == pytest.approx(0.954, abs=0.01)


def test_range_and_none() -> None:
    images = make(10)
    found = transform(images, keys(10), Settings(std=1))
    assert found.min() == 0
    assert found.max() == 1
    assert (transform(images, keys(10), Settings(std=0)) == images).all()
