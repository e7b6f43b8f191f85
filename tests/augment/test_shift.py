"""Shift against a plain twin."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.augment.images import keys, make
from tilth.augment.images import shift
from tilth.augment.images.shift import Settings, transform
from tilth.randomness import integers


@given(st.integers(0, 6), st.integers(1, 3), st.integers(0, 10), st.integers(0, 10))
def test_it_equals_its_plain_twin(num: int, channels: int, max_x: int, max_y: int) -> None:
    images, key = make(num, channels), keys(num)
    found = transform(images, key, Settings(max_x=max_x, max_y=max_y, fill=0.5))
    right = integers(key, "shift.x", -max_x, max_x)
    down = integers(key, "shift.y", -max_y, max_y)
    assert found.dtype == np.float32
    for n, c, y, x in np.ndindex(images.shape):
        from_y, from_x = y - down[n], x - right[n]
        inside = 0 <= from_y < images.shape[2] and 0 <= from_x < images.shape[3]
        assert found[n, c, y, x] == (images[n, c, from_y, from_x] if inside else 0.5)


def test_no_shift_is_no_change() -> None:
    images = make(5)
    assert (transform(images, keys(5), Settings(max_x=0, max_y=0)) == images).all()


@given(st.integers(1, 9), st.integers(0, 12))
def test_reflection_is_numpys(size: int, far: int) -> None:
    alone = np.zeros(size + 2 * far)
    expected = alone if size == 1 else np.pad(np.arange(size), far, "reflect")
    assert (shift._reflected(np.arange(-far, size + far), size) == expected).all()


def test_a_reflected_border_has_no_fill() -> None:
    images = make(20, 3) + 0.5
    settings = shift.Settings(max_x=2, max_y=2, border="reflect")
    moved = shift.transform(images, keys(20), settings)
    assert moved.min() >= 0.5
    assert (moved != images).any()
