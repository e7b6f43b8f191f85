"""The power law is recovered, inverted inside its range, and refused outside it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tilth.statistics.curves import FLAT, Curve, _read_text, fit_curve, is_flat, multiplier
from tilth.statistics.found import Multiplier

SIZES = (100, 200, 400, 800)


def law(n: float, a: float = 2.0, b: float = 0.5, c: float = 0.05) -> float:
    return float(a * n**-b + c)


@pytest.mark.parametrize(("a", "b", "c"), [(2, 0.5, 0.05), (5, 0.3, 0.0), (30, 1.2, 0.4)])
def test_recovers_the_law(a: float, b: float, c: float) -> None:
    curve = fit_curve(SIZES, [law(n, a, b, c) for n in SIZES])
    assert curve.b == pytest.approx(b, rel=0.02)
    for n in (130, 333, 700):
        assert curve.at(n) == pytest.approx(law(n, a, b, c), rel=1e-3)
        assert curve.invert(law(n, a, b, c)) == pytest.approx(n, rel=0.01)


def test_what_does_not_fall_and_what_falls_to_nothing() -> None:
    level = fit_curve(SIZES, [0.3] * 4)
    assert (level.a, level.c) == pytest.approx((0, 0.3))
    steep = fit_curve((1, 2, 4, 8), (1.0, 0.25, 0.0625, 0.015))
    assert steep.c == 0
    assert steep.b > 2


def test_never_extrapolates() -> None:
    curve = fit_curve(SIZES, [law(n) for n in SIZES])
    assert curve.invert(law(900)) == math.inf
    assert curve.invert(law(90)) == 0


def test_needs_four_sizes() -> None:
    with pytest.raises(ValueError, match="needs 4 sizes"):
        fit_curve((1, 2, 4), (3, 2, 1))
    with pytest.raises(ValueError, match="positive"):
        fit_curve(SIZES, (1, 1, 1, 0))


def noisy(seeds: int, scale: float, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    rows = np.array([[law(n) for n in SIZES]] * seeds)
    return rows * (1 + scale * generator.normal(size=rows.shape))


def test_reads_a_multiplier_with_its_interval() -> None:
    results = law(320) * (1 + 0.003 * np.random.default_rng(9).normal(size=8))
    found = multiplier(SIZES, noisy(8, 0.003), results, at=200)
    assert found.state == "read"
    assert found.low is not None
    assert found.high is not None
    assert found.low < 1.6 < found.high
    assert found.value == pytest.approx(1.6, rel=0.1)
    assert found.text == f"{found.value:.3f}x [{found.low:.3f}, {found.high:.3f}]"


@pytest.mark.parametrize(
    ("value", "ends", "text"),
    [
        (1.99, (1.98, 1.99), "1.990x [1.980, 1.990]"),
        (1.04, (1.01, 1.07), "1.040x [1.010, 1.070]"),
        (1.04, (1.004, 1.9), "1.040x [1.004, 1.900]"),
        (3.0, (2.0, 4.0), "3.0x [2.0, 4.0]"),
        (13.0, (9.6, 20.0), "13.0x [9.6, 20.0]"),
        (1.3, (None, 1.5), "1.30x [< 0.5, 1.50]"),
        (1.3, (1.1, None), "1.30x [1.10, > 4]"),
        (1.3, (None, None), "1.3x [< 0.5, > 4]"),
    ],
)
def test_no_multiplier_is_rounded_onto_1(
    value: float, ends: tuple[float | None, float | None], text: str
) -> None:
    assert _read_text(value, ends, (0.5, 4.0), 3) == text


def test_a_step_of_the_metric_is_part_of_the_interval() -> None:
    """Equal results of three seeds on one curve: sure of the multiplier but for a step."""
    sure = multiplier(SIZES, np.tile(EXACT[:1], (3, 1)), [law(320)] * 3, at=200)
    assert sure.low == pytest.approx(sure.high)
    known = multiplier(SIZES, np.tile(EXACT[:1], (3, 1)), [law(320)] * 3, at=200, step=0.002)
    assert known.value == pytest.approx(sure.value)
    assert known.low is not None
    assert known.high is not None
    curve = fit_curve(SIZES, EXACT[0])
    sizes = curve.invert(law(320) - 0.001), curve.invert(law(320) + 0.001)
    half = 4.302653 * math.log(sizes[0] / sizes[1]) / math.sqrt(6 * 3)
    assert math.log(known.high / known.low) == pytest.approx(2 * half)


def test_says_above_and_below() -> None:
    curves = noisy(4, 0.001)
    above = multiplier(SIZES, curves, [law(2000)] * 4, at=200)
    assert (above.state, above.value, above.text) == ("above", None, "> 4x")
    below = multiplier(SIZES, curves, [law(20)] * 4, at=200)
    assert (below.state, below.text) == ("below", "< 0.5x")


def test_half_open_where_a_seed_leaves_the_curve() -> None:
    found = multiplier(SIZES, noisy(4, 0.001), [law(700)] * 3 + [law(2000)], at=200)
    assert found.state == "read"
    assert found.high is None
    assert "> 4]" in found.text


def test_refuses_a_flat_curve() -> None:
    generator = np.random.default_rng(2)
    flat = 0.5 + 0.01 * generator.normal(size=(5, 4))
    assert is_flat(flat)
    found = multiplier(SIZES, flat, [0.45] * 5, at=200)
    assert (found.value, found.state, found.text) == (None, "flat", FLAT)


def test_one_seed_has_no_interval() -> None:
    found = multiplier(SIZES, noisy(1, 0.0), [law(400)], at=200)
    assert found.value == pytest.approx(2, rel=0.02)
    assert (found.low, found.high) == (None, None)
    assert "one seed" in found.text


def test_the_interval_covers_the_truth() -> None:
    """40 experiments of 6 seeds with 1 % noise; 95 % is promised, 34 of 40 is its 99 % bound."""
    generator, covered = np.random.default_rng(0), 0
    for _ in range(40):
        level = 1 + 0.02 * generator.normal(size=(6, 1))
        curves = level * np.array([law(n) for n in SIZES])
        curves *= 1 + 0.01 * generator.normal(size=curves.shape)
        results = level[:, 0] * law(260) * (1 + 0.01 * generator.normal(size=6))
        found = multiplier(SIZES, curves, results, at=200)
        low, high = found.low or 0.0, found.high or math.inf
        covered += low <= 1.3 <= high
    assert covered >= 34


def test_a_curve_is_inverted_from_its_first_to_its_last_size() -> None:
    curve = Curve(2.0, 0.5, 0.1, 100, 400)
    assert curve.at(100) == pytest.approx(0.3)
    assert curve.invert(curve.at(100)) == pytest.approx(100)
    assert curve.invert(curve.at(400)) == pytest.approx(400)
    assert curve.invert(0.2) == pytest.approx(400)
    assert curve.invert(curve.at(400) - 1e-9) == math.inf
    assert curve.invert(curve.at(100) + 1e-9) == 0.0
    assert math.isnan(Curve(0.0, 0.5, 0.1, 100, 400).invert(0.1))


def test_sizes_may_come_in_any_order_and_more_than_once() -> None:
    order = [3, 0, 2, 1, 0]
    sizes = [SIZES[i] for i in order]
    curve = fit_curve(sizes, [law(n) for n in sizes])
    assert (curve.smallest, curve.largest) == (100, 800)
    assert curve.at(300) == pytest.approx(law(300), rel=1e-3)
    with pytest.raises(ValueError, match="needs 4 sizes or more, got 3"):
        fit_curve((1, 2, 4, 4), (3, 2, 1, 1))


@pytest.mark.parametrize(
    ("sizes", "errors"),
    [
        ((0, 2, 4, 8), (4, 3, 2, 1)),
        ((-1, 2, 4, 8), (4, 3, 2, 1)),
        (SIZES, (4, 3, 2, -1)),
        (SIZES, (math.inf, 3, 2, 1)),
        (SIZES, (math.nan, 3, 2, 1)),
    ],
)
def test_what_is_no_positive_number_is_refused(
    sizes: tuple[float, ...], errors: tuple[float, ...]
) -> None:
    with pytest.raises(ValueError, match="must be positive numbers"):
        fit_curve(sizes, errors)


def test_the_smallest_numbers_are_numbers() -> None:
    assert fit_curve((0.5, 1, 2, 4), [law(n) for n in (0.5, 1, 2, 4)]).smallest == 0.5


def test_neither_part_of_a_curve_is_negative() -> None:
    rising = fit_curve(SIZES, (1.0, 1.1, 1.2, 1.3))
    assert rising.a == 0
    assert 1.0 < rising.c < 1.3
    # A straight line down to nothing is steeper than any power with a floor above 0.
    falling = fit_curve(SIZES, (1.0, 0.5, 0.25, 0.01))
    assert falling.c == pytest.approx(0.0, abs=1e-6)
    assert falling.at(800) > 0


def test_no_other_curve_of_the_kind_is_nearer() -> None:
    """Least squares of relative residuals: found by trying a, b and c around the answer."""
    errors = np.array([0.9, 0.61, 0.52, 0.39])
    curve = fit_curve(SIZES, errors.tolist())

    def squares(a: float, b: float, c: float) -> float:
        fitted = a * np.array(SIZES, float) ** -b + c
        return float(((fitted / errors - 1) ** 2).sum())

    least = squares(curve.a, curve.b, curve.c)
    for of_a in (0.97, 1.0, 1.03):
        for of_b in (-0.02, 0.0, 0.02):
            for of_c in (-0.01, 0.0, 0.01):
                tried = squares(curve.a * of_a, curve.b + of_b, max(curve.c + of_c, 0.0))
                assert tried >= least - 1e-9


def test_a_curve_is_flat_up_to_three_standard_errors_of_its_fall() -> None:
    # Falls of 1 +- d over four seeds: the standard error is 2 d / sqrt(12).
    def falls(d: float) -> np.ndarray:
        return np.array([[1.0 + sign * d + 1.0, 5.0, 1.0] for sign in (1, -1, 1, -1)])

    border = math.sqrt(12) / 2 / 3
    assert not is_flat(falls(border * 0.999))
    assert is_flat(falls(border * 1.001))
    assert not is_flat(np.array([[1.0, 0.999]]))
    assert is_flat(np.array([[1.0, 1.0]]))
    assert is_flat(np.array([[1.0, 1.1]]))
    # Two seeds have a noise as well: falls of 1 and 3, a standard error of 1.
    assert is_flat(np.array([[2.0, 1.0], [4.0, 1.0]]))
    assert not is_flat(np.array([[2.0, 1.0], [2.1, 1.0]]))
    # What all sizes of a seed share does not count.
    assert not is_flat(np.array([[10.0, 9.0], [100.0, 99.0], [1.0, 0.01]]))


EXACT = np.array([[law(n) for n in SIZES]] * 4)


def _read(results: list[float], at: float = 200) -> Multiplier:
    # A hair of noise, lest the fall have no spread at all.
    return multiplier(SIZES, EXACT * (1 + 1e-9 * np.arange(4)[:, None]), results, at)


@pytest.mark.parametrize(("size", "value"), [(110, 0.55), (200, 1.0), (320, 1.6), (790, 3.95)])
def test_a_multiplier_is_the_size_over_the_size(size: float, value: float) -> None:
    found = _read([law(size)] * 4)
    assert found.state == "read"
    assert found.value == pytest.approx(value, rel=1e-3)


def test_half_of_the_seeds_beyond_the_curve_are_beyond_it_and_fewer_leave_one_side_open() -> None:
    beyond, before, within = law(2000), law(20), law(300)
    above = _read([beyond, beyond, within, within])
    assert (above.state, above.low, above.high, above.text) == ("above", 4.0, None, "> 4x")
    below = _read([before, before, within, within])
    assert (below.state, below.low, below.high, below.text) == ("below", None, 0.5, "< 0.5x")
    one_above = _read([beyond, law(500), law(500), law(500)])
    assert (one_above.state, one_above.high) == ("read", None)
    one_below = _read([before, law(150), law(150), law(150)])
    assert (one_below.state, one_below.low) == ("read", None)
    assert "[< 0.5, " in one_below.text
    five = np.array([[law(n) for n in SIZES]] * 5) * (1 + 1e-9 * np.arange(5)[:, None])
    for outside in (beyond, before):
        assert multiplier(SIZES, five, [outside] * 2 + [within] * 3, 200).state == "read"


def test_a_side_is_open_where_the_interval_runs_past_what_was_measured() -> None:
    wide = _read([law(400), law(790), law(790), law(790)])
    assert wide.low is not None
    assert wide.high is None
    assert wide.text.endswith(", > 4]")
    low = _read([law(300), law(105), law(105), law(105)])
    assert low.low is None
    assert low.high is not None
    assert "[< 0.5, " in low.text
    # The interval is that of the logarithms.
    near = _read([law(n) for n in (300, 310, 320, 330)])
    logs = np.log(np.array([300, 310, 320, 330]) / 200)
    half = 3.182446 * logs.std(ddof=1) / 2
    assert (near.low, near.value, near.high) == pytest.approx(
        tuple(np.exp([logs.mean() - half, logs.mean(), logs.mean() + half])), rel=2e-3
    )


def test_large_multipliers_are_told_in_whole_numbers() -> None:
    sizes = (10, 100, 1_000, 10_000)
    curve = np.array([[law(n) for n in sizes]])
    assert multiplier(sizes, curve, [law(124)], at=10).text == "12x one seed, no interval"
    assert multiplier(sizes, curve, [law(92)], at=10).text == "9.2x one seed, no interval"
    assert multiplier(sizes, curve, [law(99_000)], at=10).text == "> 1,000x"


def test_a_curve_that_one_seed_cannot_be_inverted_on_is_flat() -> None:
    curves = np.array([[1.0, 0.9, 0.8, 0.7], [1.0, 0.9, 0.8, 0.7], [0.7, 0.7, 0.7, 0.7]])
    found = multiplier(SIZES, curves * np.array([[1.0], [1.01], [1.0]]), [0.8, 0.8, 0.7], at=200)
    assert (found.value, found.low, found.high, found.state) == (None, None, None, "flat")


def test_one_seed_of_eight_beyond_an_end_leaves_that_end_open_however_sure_the_others() -> None:
    """Clipped to the end it would lie within an interval of the other seven."""
    curves = EXACT[:1] * (1 + 1e-9 * np.arange(8)[:, None])
    above = multiplier(SIZES, curves, [law(2000), *[law(300)] * 7], at=200)
    assert (above.state, above.high) == ("read", None)
    assert above.low is not None
    below = multiplier(SIZES, curves, [law(20), *[law(300)] * 7], at=200)
    assert (below.state, below.low) == ("read", None)
    assert below.high is not None
