"""Rotary positions: products depend on the distance."""

from __future__ import annotations

import pytest
import torch

from tilth.models.rotary import rotate, rotations


def test_rotary_attention_depends_on_the_distance_only() -> None:
    cosine, sine = rotations(32, 8)
    generator = torch.Generator().manual_seed(0)
    query, key = torch.randn(2, 8, generator=generator)

    def product(at: int, to: int) -> float:
        one = rotate(query.view(1, 1, 1, 8), cosine[at : at + 1], sine[at : at + 1])
        two = rotate(key.view(1, 1, 1, 8), cosine[to : to + 1], sine[to : to + 1])
        return float((one * two).sum())

    assert product(3, 1) == pytest.approx(product(20, 18), abs=1e-5)
    assert product(3, 1) != pytest.approx(product(3, 2), abs=1e-3)
