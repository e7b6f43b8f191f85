"""Flip: the stated share, the right axis."""

from __future__ import annotations

from tests.augment.images import keys, make
from tilth.augment.images.flip import Settings, transform


def test_axes() -> None:
    images = make(4, 3)
    both = transform(images, keys(4), Settings(horizontal=1, vertical=1))
    assert (both == images[:, :, ::-1, ::-1]).all()
    assert (transform(images, keys(4), Settings(horizontal=1)) == images[..., ::-1]).all()
    assert (transform(images, keys(4), Settings(horizontal=0)) == images).all()


def test_the_share_is_the_stated_one() -> None:
    images = make(2000)
    found = transform(images, keys(2000), Settings(horizontal=0.3))
    assert 0.26 < (found != images).any((1, 2, 3)).mean() < 0.34
