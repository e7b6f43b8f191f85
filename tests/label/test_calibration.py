"""From belief to confidence."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from tilth.label.calibration import _BEFORE, _STRAY, calibrate


def test_the_curve_is_the_one_that_an_optimizer_finds() -> None:
    rng = np.random.default_rng(0)
    belief = rng.uniform(0.3, 1, 40)
    right = rng.random(40) < 0.2 + 0.6 * belief
    logit = np.log(np.clip(belief, 0.01, 0.99) / (1 - np.clip(belief, 0.01, 0.99)))

    def loss(line: np.ndarray) -> float:
        z = line[0] * logit + line[1]
        fit = np.logaddexp(0, np.where(right, -z, z)).sum()
        return float(fit + (((line - _BEFORE) / _STRAY) ** 2).sum() / 2)

    best = minimize(loss, _BEFORE).x
    found = calibrate(belief, right)
    assert (found.slope, found.shift) == pytest.approx(tuple(best), abs=1e-3)
    assert found.of(belief) == pytest.approx(
        1 / (1 + np.exp(-(best[0] * logit + best[1]))), abs=1e-3
    )


def test_forty_that_are_all_right_are_no_certainty() -> None:
    found = calibrate(np.full(40, 1 - 1e-12), np.ones(40, bool))
    (sure,) = found.of(np.array([1.0]))
    assert 0.95 < sure < 1


def test_without_gold_nothing_is_learnt() -> None:
    found = calibrate(np.array([]), np.array([], bool))
    assert (found.slope, found.shift) == tuple(_BEFORE)
