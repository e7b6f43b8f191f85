"""Erase: one rectangle, of the stated size, in the stated share of images."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from tests.augment.images import keys, make
from tilth.augment.images.erase import Settings, transform


def test_what_is_hidden_is_one_rectangle_of_the_stated_size() -> None:
    images = make(400, 2, 30, 20) + np.float32(0.5)
    found = transform(images, keys(400), Settings(fill=0, min_area=0.05, max_area=0.2))
    assert found.dtype == np.float32
    hidden = found == 0
    assert ((found == images) | hidden).all()
    num_hidden = 0
    for one in hidden:
        assert (one[0] == one[1]).all()
        rows, columns = one[0].any(1), one[0].any(0)
        area = rows.sum() * columns.sum()
        assert one[0].sum() == area
        assert (np.outer(rows, columns) == one[0]).all()
        if area:
            num_hidden += 1
            assert 0.05 <= area / 600 <= 0.2
            assert max(rows.sum() / columns.sum(), columns.sum() / rows.sum()) <= 3
    assert 150 < num_hidden < 250


@pytest.mark.parametrize(
    ("least", "most", "aspect"),
    [(0.5, 0.6, 1.0), (0.13, 0.13, 3.0), (0.9, 1.0, 1.5), (1.0, 1.0, 1.0)],
)
def test_where_no_rectangle_fits_the_least_area_decides(
    least: float, most: float, aspect: float
) -> None:
    images = make(200, 1, 5, 11) + np.float32(0.5)
    settings = Settings(probability=1, min_area=least, max_area=most, max_aspect=aspect, fill=0)
    shares = (transform(images, keys(200), settings) == 0).mean(axis=(1, 2, 3))
    assert shares.min() >= least
    # By no more than a row or a column of pixels.
    assert shares.max() <= most + 1 / 5


def test_always_never_and_noise() -> None:
    images = make(50)
    assert (transform(images, keys(50), Settings(probability=0)) == images).all()
    found = transform(images, keys(50), Settings(probability=1, fill=None))
    changed = (found != images).any((1, 2, 3))
    assert changed.all()
    assert found.min() >= 0
    assert found.max() < 1


def test_settings_are_checked() -> None:
    with pytest.raises(ValidationError, match="`min_area` is above `max_area`"):
        Settings(min_area=0.5, max_area=0.1)
