"""Transforms in a row: every image's draws are its own, whatever the batch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.augment.images import keys, make
from tilth.augment import chain
from tilth.augment.images import shift
from tilth.errors import UsageError

ALL: list[tuple[str, dict[str, float | None]]] = [
    ("crop", {}),
    ("shift", {"max_x": 3}),
    ("flip", {}),
    ("erase", {"fill": None}),
    ("noise", {}),
]


@settings(deadline=None)
@given(st.permutations(list(range(12))), st.integers(0, 12))
def test_a_batch_may_be_shuffled_and_cut(order: list[int], cut: int) -> None:
    run = chain.build(ALL)
    images, key = make(12, 3), keys(12)
    whole = run(images, key)
    parts = [run(images[part], key[part]) for part in (order[:cut], order[cut:]) if part]
    assert (np.concatenate(parts) == whole[order]).all()
    assert whole.shape == images.shape
    assert whole.dtype == np.float32


def test_epochs_and_seeds_differ_and_input_stays() -> None:
    run = chain.build(ALL)
    images = make(8)
    before = images.copy()
    seen = {run(images, keys(8, epoch, seed)).tobytes() for epoch in (0, 1) for seed in (0, 1)}
    assert len(seen) == 4
    assert (images == before).all()


def test_the_same_transform_twice_draws_twice() -> None:
    once = chain.build([("shift", {})])
    twice = chain.build([("shift", shift.Settings()), ("shift", shift.Settings())])
    images, key = make(200, height=30, width=30), keys(200)
    doubled = shift.transform(once(images, key), key, shift.Settings())
    assert (twice(images, key) != doubled).any()


def test_leaving_one_out_leaves_the_draws_of_the_others() -> None:
    images, key = make(30, height=12, width=12), keys(30)
    both = chain.build([("shift", {"max_x": 0, "max_y": 0}), ("erase", {})])
    alone = chain.build([("erase", {})])
    assert (both(images, key) == alone(images, key)).all()


def test_as_a_recipe_lists_them() -> None:
    images, key = make(30), keys(30)
    run = chain.from_recipe([{"shift": {"max_x": 1}}, {"flip": {}}], "images")
    assert run is not None
    same = chain.build([("shift", {"max_x": 1}), ("flip", {})])
    assert (run(images, key) == same(images, key)).all()
    assert chain.from_recipe([], "images") is None
    assert chain.from_recipe([{"flip": {}}], "tokens") is None


def test_none_is_no_change_and_an_unknown_name_is_said() -> None:
    images = make(3)
    assert (chain.build([])(images, keys(3)) == images).all()
    with pytest.raises(UsageError, match="no transform `rotate`") as raised:
        chain.build([("rotate", {})])
    assert "shift" in raised.value.hint
