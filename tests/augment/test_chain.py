"""Transforms in a row: every image's draws are its own, whatever the batch."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.augment.images import keys, make
from tilth.augment import chain
from tilth.augment.images import shift
from tilth.augment.sounds import Spectra, Waves
from tilth.augment.token_rows import TokenRows
from tilth.errors import StepError, UsageError
from tilth.settings import BaseSettings

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


@pytest.mark.parametrize(
    ("kind", "changed", "told"),
    [
        ("images", lambda b: None, "gives a NoneType where it was given a ndarray"),
        ("images", lambda b: list(b), "gives a list"),
        ("images", lambda b: b.astype(np.float64), "gives float64"),
        ("images", lambda b: b[:2], r"float32 \[2, 3, 8, 8\] where .* \[4, 3, 8, 8\]"),
        ("images", lambda b: b[..., :4], r"gives float32 \[4, 3, 8, 4\]"),
        ("images", lambda b: b * np.nan, "gives values that are no numbers"),
        ("images", lambda b: b - 0.5, "gives values from -0.5 to 0 where .* images of 0 to 1"),
        ("images", lambda b: b + 1.5, "gives values from 0 to 1.5"),
        (
            "audio",
            lambda b: b._replace(samples=[x + np.inf for x in b.samples]),
            "gives values that are no numbers",
        ),
        ("features", lambda b: b._replace(values=b.values - np.inf), "that are no numbers"),
        ("tokens", lambda b: b.tokens, "gives a ndarray where it was given a TokenRows"),
        ("tokens", lambda b: b._replace(tokens=b.tokens[1:]), "gives int64"),
        ("tokens", lambda b: b._replace(lengths=b.lengths.astype(np.int32)), "gives int32"),
        ("audio", lambda b: b._replace(samples=b.samples[1:]), "gives 3 samples"),
        ("features", lambda b: b._replace(values=b.values[..., 0]), "gives float32"),
    ],
)
def test_what_is_no_such_batch_any_more_is_refused(
    kind: str, changed: Callable[[Any], Any], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: dict[str, Any] = {
        "images": np.zeros((4, 3, 8, 8), np.float32),
        "tokens": TokenRows(np.zeros((4, 6), np.int64), np.full(4, 6), 9, 0),
        "audio": Waves([np.zeros(100, np.float32)] * 4, 8000),
        "features": Spectra(np.zeros((4, 10, 16), np.float32), np.full(4, 10)),
    }
    module = types.SimpleNamespace(
        __name__=f"mine.augment.{kind}.mine",
        Settings=BaseSettings,
        transform=lambda batch, keys, settings: changed(batch),
    )
    monkeypatch.setattr("tilth.augment.chain.load_module", lambda name: module)
    monkeypatch.setattr("tilth.augment.chain.module_of", lambda name: name)
    run = chain.build([("mine", {})])
    with pytest.raises(StepError, match=f"the transform `mine` .*{told}"):
        run(batches[kind], np.arange(4, dtype=np.uint64))
