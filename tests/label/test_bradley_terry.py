"""Strengths of what people compare two at a time."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from tilth.label.bradley_terry import _STRAY, fit

TRUE = np.array([1.0, 0.3, -0.2, -1.1])


def compared(seed: int, num: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which two, and who won; some are ties."""
    rng = np.random.default_rng(seed)
    first = rng.integers(0, 4, num)
    second = (first + rng.integers(1, 4, num)) % 4
    likely = 1 / (1 + np.exp(TRUE[second] - TRUE[first]))
    return first, second, (rng.random(num) < likely).astype(float)


def test_strengths_are_those_that_an_optimizer_finds() -> None:
    first, second, won = compared(0)
    won[:40] = 0.5

    def loss(strengths: np.ndarray) -> float:
        z = strengths[first] - strengths[second]
        fits = won * np.logaddexp(0, -z) + (1 - won) * np.logaddexp(0, z)
        return float(fits.sum() + (strengths**2).sum() / (2 * _STRAY**2))

    best = minimize(loss, np.zeros(4)).x
    found = fit(first, second, won, 4)
    assert found.value == pytest.approx(best - best.mean(), abs=1e-3)
    assert found.value.sum() == pytest.approx(0)
    turned = fit(second, first, 1 - won, 4)
    assert turned.value == pytest.approx(found.value)


def test_an_interval_holds_the_strength_about_as_often_as_it_says() -> None:
    true = TRUE - TRUE.mean()
    inside = [(one.low <= true) & (true <= one.high)
              for one in (fit(*compared(seed), 4) for seed in range(150))]  # fmt: skip
    assert 0.92 <= np.mean(inside) <= 0.98


def test_what_never_lost_has_an_end_and_what_was_not_compared_a_group_of_its_own() -> None:
    first, second = np.array([0] * 5 + [2]), np.array([1] * 5 + [3])
    found = fit(first, second, np.ones(6), 5)
    assert found.group.tolist() == [0, 0, 2, 2, 4]
    assert np.isfinite([found.low, found.high]).all()
    assert found.value[0] > found.value[2] > 0 == pytest.approx(found.value[4])
    assert found.high[2] - found.low[2] > found.high[0] - found.low[0]
