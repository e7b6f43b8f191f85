"""Every transform of the registry meets a batch of nothing, and a sample with nothing in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from tilth.augment.chain import from_recipe
from tilth.augment.registry import kind_of
from tilth.augment.sounds import Spectra, Waves
from tilth.augment.token_rows import TokenRows
from tilth.randomness import keys_for
from tilth.recipe.operations import operations

TRANSFORMS = sorted(name for name, op in operations().items() if op.kind == "transform")


def _images(n: int) -> Any:
    return np.zeros((n, 3, 8, 8), np.float32)


def _tokens(n: int) -> Any:
    """Texts of two end tokens and no word between them."""
    return TokenRows(np.zeros((n, 2), np.int64), np.full(n, 2, np.int64), 20, 0)


def _waves(n: int) -> Any:
    """Utterances of no sample, of one word each."""
    spans = np.tile(np.array([0, 1], np.int64), (n, 1))
    return Waves([np.zeros(0, np.float32)] * n, 8000, spans)


def _spectra(n: int) -> Any:
    """Utterances of no frame in a batch that is padded to three."""
    return Spectra(np.zeros((n, 3, 12), np.float32), np.zeros(n, np.int64))


BATCHES: Mapping[str, Callable[[int], Any]] = {
    "images": _images,
    "tokens": _tokens,
    "audio": _waves,
    "features": _spectra,
}


def _size(batch: Any) -> int:
    for name in ("samples", "lengths"):
        batch = getattr(batch, name, batch)
    return len(batch)


@pytest.mark.parametrize("size", [0, 1, 2])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_nothing_stays_nothing(name: str, size: int) -> None:
    transform = from_recipe([{name: {}}], kind_of(name))
    assert transform is not None
    for epoch in range(3):
        keys = keys_for(0, epoch, np.arange(size).astype(np.uint64))
        changed = transform(BATCHES[kind_of(name)](size), keys)
        assert _size(changed) == size
