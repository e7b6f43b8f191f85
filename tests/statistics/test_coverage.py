"""Every interval that is printed holds its truth as often as it says, in worlds that are known."""

from __future__ import annotations

import itertools
import math

import pytest
from benchmarks.coverage import power
from benchmarks.worlds import FEW_GROUPS, ITEMS, PROMISE, SEEDS, Cell, cells

CELLS = list(cells())
FIGURES = sorted({cell.figure for cell in CELLS})


def _draws(cell: Cell) -> int:
    """Fewer where a draw takes long; `make coverage` draws 2,000 of each."""
    if cell.figure == "data multiplier":
        return 100
    return 200 if "400" in cell.size else 1_000


@pytest.mark.slow
@pytest.mark.parametrize("figure", FIGURES)
def test_every_interval_holds_as_often_as_it_says(figure: str) -> None:
    found = {}
    for cell in (one for one in CELLS if one.figure == figure):
        draws = _draws(cell)
        least = cell.promise - 3 * math.sqrt(cell.promise * (1 - cell.promise) / draws)
        if (covered := cell.covers(draws)) < least:
            found[f"{cell.world}, {cell.size}"] = covered
    assert not found


@pytest.mark.slow
@pytest.mark.parametrize("pilot", SEEDS[1:])
def test_more_seeds_decide_as_often_as_they_say(pilot: int) -> None:
    """Over what the pilot leaves open: 1,000 undecided pilots, known to 1.3 points."""
    assert power(pilot, None, 1_000).decided == pytest.approx(0.8, abs=0.04)
    assert power(pilot, 0.5, 300).decided > 0.7


def test_the_worlds_are_those_that_are_promised() -> None:
    """At 2, 3, 5 and 8 seeds, at 10, 20, 50 and 400 items; what promises less says so."""
    assert SEEDS == (2, 3, 5, 8)
    assert ITEMS == (10, 20, 50, 400)
    assert FEW_GROUPS == (2, 3, 5)
    sizes = {figure: {cell.size for cell in CELLS if cell.figure == figure} for figure in FIGURES}
    assert sizes["over seeds"] == {f"{n} seeds" for n in SEEDS}
    assert sizes["over test sets"] == {f"{n} items" for n in ITEMS}
    both = {f"{n} seeds, {m} items" for n, m in itertools.product(SEEDS, ITEMS)}
    assert sizes["over seeds and test sets"] == both == sizes["mean over seeds"]
    for figure in ("a share", "word error rate", "bits per byte", "macro F1", "BLEU"):
        assert sizes[figure] == {f"{n} items" for n in ITEMS}
    assert sizes["a share, in groups"] == {f"{n} groups" for n in (*FEW_GROUPS, *ITEMS)}
    less = {cell.world for cell in CELLS if cell.promise < PROMISE}
    skewed = ("skewed", "mostly for the better", "better as a whole")
    assert all(any(word in world for word in skewed) for world in less)
    assert PROMISE == 0.94


def test_a_narrower_interval_would_be_noticed() -> None:
    """Of half the width 70 % at most are held: what the tests above would find at once."""
    cell = next(one for one in CELLS if one.world == "normal differences" and "8" in one.size)

    def narrow(generator: object) -> tuple[float | None, float | None]:
        low, high = cell.trial(generator)  # type: ignore[arg-type]
        assert low is not None
        assert high is not None
        return low + (high - low) / 4, high - (high - low) / 4

    assert Cell(cell.figure, cell.world, cell.size, cell.truth, narrow).covers(300) < 0.8
    assert cell.covers(300) > 0.9
