"""Light: against a plain twin, within range, and grey stays grey."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest

from tests.augment.images import keys, make
from tilth.augment.images.colour import Settings, transform
from tilth.randomness import uniform


def test_brightness_and_contrast_of_grey_are_the_plain_formula() -> None:
    images, key = make(9, 1), keys(9)
    settings = Settings(brightness=0.3, contrast=0.4, saturation=0.9, hue=0.4)
    found = transform(images, key, settings)
    for row in range(9):
        light = 1 + (2 * uniform(key, "colour.brightness")[row] - 1) * 0.3
        spread = 1 + (2 * uniform(key, "colour.contrast")[row] - 1) * 0.4
        lit = images[row] * light
        expected = np.clip(lit.mean() + (lit - lit.mean()) * spread, 0, 1)
        assert found[row] == pytest.approx(expected, abs=1e-5)


def test_nothing_asked_nothing_changed_and_everything_stays_in_range() -> None:
    images = make(6, 3)
    none = Settings(brightness=0, contrast=0, saturation=0, hue=0)
    assert transform(images, keys(6), none) == pytest.approx(images, abs=1e-6)
    most = transform(images, keys(6), Settings(brightness=1, contrast=1, saturation=1, hue=0.5))
    assert most.min() >= 0
    assert most.max() <= 1
    assert most.dtype == np.float32


def test_hue_keeps_the_grey_value_and_turns_the_colour() -> None:
    red = np.zeros((40, 3, 2, 2), np.float32) + np.array([0.5, 0.3, 0.3], np.float32)[:, None, None]
    key = keys(40)
    turned = transform(red, key, Settings(brightness=0, contrast=0, saturation=0, hue=0.5))
    weights = np.array([0.299, 0.587, 0.114])
    assert turned.mean((2, 3)) @ weights == pytest.approx(red.mean((2, 3)) @ weights, abs=2e-3)
    hues = [colorsys.rgb_to_hsv(*map(float, row.mean((1, 2))))[0] for row in turned]
    assert np.ptp(hues) > 0.5
