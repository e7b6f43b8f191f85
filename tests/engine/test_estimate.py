"""What is left of a run, over made-up events and a made-up clock."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.engine.estimate import Estimator, Expectation, Todo
from tilth.engine.events import Event, StepFinished, StepProgress, StepStarted

# name, kind, seconds as measured elsewhere.
LINE = [
    ("collect.a", "source", 8.0),
    ("clean.rules", "map", 4.0),
    ("pretrain", "fit", 40.0),
    ("transfer", "grid", 100.0),
    ("value", "grid", 60.0),
]
MEASURED = sum(seconds for _, _, seconds in LINE)


def _finished(step: str) -> StepFinished:
    return StepFinished(step, False, 0.0, 0, 0, 0, 0, False)


def _progress(step: str, kind: str, done: float, total: float) -> StepProgress:
    note = {"fit": "loss 1.0, 20/s", "grid": "cells", "map": "", "source": "rows"}[kind]
    return StepProgress(step, done, total, 0, 0, note)


def _events(slower: float, ticks: int = 20, spread: float = 0.0) -> Iterator[tuple[float, Event]]:
    """The line as a machine runs it that takes `slower` times as long."""
    rng, now = random.Random(0), 0.0
    for name, kind, seconds in LINE:
        yield now, StepStarted(name, "", None, None)
        yield now, _progress(name, kind, 0, ticks)
        for tick in range(1, ticks + 1):
            now += slower * seconds / ticks * rng.uniform(1 - spread, 1 + spread)
            yield now, _progress(name, kind, tick, ticks)
        yield now, _finished(name)


def _estimator(measured: bool = True) -> Estimator:
    todo = [Todo(n, k, Expectation(s) if measured else None) for n, k, s in LINE]
    return Estimator(todo, 0.0)


@pytest.mark.parametrize("slower", [0.4, 0.7, 1.0, 2.0, 3.0])
def test_from_the_first_minute_on_the_total_is_within_a_quarter(slower: float) -> None:
    estimator, true = _estimator(), slower * MEASURED
    assert estimator.left_s(0.0) == pytest.approx(MEASURED)
    for now, event in _events(slower, spread=0.3):
        estimator.take(event, now)
        left = estimator.left_s(now)
        assert left is not None
        if now >= 60:
            assert now + left == pytest.approx(true, rel=0.25)
    assert estimator.left_s(true) == 0.0


def test_it_falls_and_does_not_jump() -> None:
    estimator, before = _estimator(), MEASURED
    for now, event in _events(2.0):
        estimator.take(event, now)
        left = estimator.left_s(now)
        assert left is not None
        if now >= 60:
            assert left <= before * 1.02
        assert abs(left - before) < 0.25 * MEASURED
        before = left


def test_a_slow_network_says_nothing_of_training() -> None:
    estimator = _estimator()
    estimator.take(StepStarted("collect.a", "", None, None), 0.0)
    estimator.take(_finished("collect.a"), 80.0)
    for name, start, end in (("clean.rules", 80.0, 84.0), ("pretrain", 84.0, 124.0)):
        estimator.take(StepStarted(name, "", None, None), start)
        estimator.take(_finished(name), end)
    assert estimator.left_s(124.0) == pytest.approx(160, rel=0.05)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 500), st.floats(0, 50), st.integers(1, 9)), max_size=60),
    st.booleans(),
)
def test_it_is_never_negative_whatever_comes(
    said: list[tuple[float, float, int]], measured: bool
) -> None:
    estimator, now = _estimator(measured), 0.0
    names = [(name, kind) for name, kind, _ in LINE]
    for wait, done, total in said:
        now += wait
        name, kind = names[total % len(names)]
        estimator.take(StepStarted(name, "", None, None), now)
        estimator.take(_progress(name, kind, done, total), now + wait / 2)
        for late in (0.0, wait / 2, 10 * wait):
            left = estimator.left_s(now + late)
            assert left is None or left >= 0


def test_a_step_that_overruns_is_not_said_to_be_done() -> None:
    estimator = Estimator([Todo("pretrain", "fit", Expectation(10.0))], 0.0)
    estimator.take(StepStarted("pretrain", "", None, None), 0.0)
    for now in (20.0, 100.0, 500.0):
        left = estimator.left_s(now)
        assert left is not None
        assert left > 0


def test_what_was_never_measured_is_not_made_up() -> None:
    todo = [Todo("pretrain", "fit"), Todo("transfer", "grid")]
    estimator = Estimator(todo, 0.0)
    assert estimator.left_s(0.0) is None
    assert estimator.unknown(0.0) == ["pretrain", "transfer"]
    estimator.take(StepStarted("pretrain", "", None, None), 0.0)
    estimator.take(_progress("pretrain", "fit", 50, 100), 10.0)
    estimator.take(_finished("pretrain"), 20.0)
    assert estimator.unknown(20.0) == ["transfer"]
    estimator.take(StepStarted("transfer", "", None, None), 20.0)
    estimator.take(_progress("transfer", "grid", 0, 40), 20.0)
    assert estimator.left_s(25.0) is None
    # Two workers: a pair of cells every ten seconds.
    for done, now in ((2, 30.0), (4, 40.0), (6, 50.0)):
        estimator.take(_progress("transfer", "grid", done, 40), now)
    assert estimator.left_s(50.0) == pytest.approx(170)
    assert estimator.unknown(50.0) == []


@pytest.mark.parametrize("measured", [True, False])
def test_between_two_words_of_a_step_its_time_goes_on(measured: bool) -> None:
    estimator = Estimator([Todo("pretrain", "fit", Expectation(40.0) if measured else None)], 0.0)
    estimator.take(StepStarted("pretrain", "", None, None), 0.0)
    for done in range(3):
        estimator.take(_progress("pretrain", "fit", 25 * done, 100), 10.0 * done)
    found = [estimator.left_s(now) or 0.0 for now in (20.0, 24.0, 29.0)]
    assert found == pytest.approx([20.0, 16.0, 11.0], abs=0.5)


def test_an_arm_takes_as_long_as_the_same_step_of_the_line() -> None:
    todo = [Todo("clean.rules", "map"), Todo("value.strict/clean.rules", "map")]
    estimator = Estimator(todo, 0.0)
    estimator.take(StepStarted("clean.rules", "", None, None), 0.0)
    estimator.take(_finished("clean.rules"), 7.0)
    assert estimator.left_s(7.0) == pytest.approx(7.0)


def test_cached_steps_and_steps_that_are_not_to_run_change_nothing() -> None:
    estimator = Estimator([Todo("value", "grid", Expectation(60.0))], 0.0)
    estimator.take(StepFinished("transfer", True, 0.0, 0, 0, 0, 0, True), 0.1)
    assert estimator.left_s(0.1) == pytest.approx(60, rel=0.01)


def test_a_training_that_goes_on_counts_what_is_left() -> None:
    estimator = Estimator([Todo("pretrain", "fit", Expectation(100.0))], 0.0)
    estimator.take(StepStarted("pretrain", "", None, None), 0.0)
    estimator.take(StepProgress("pretrain", 80, 100, 0, 0, "first steps"), 2.0)
    assert estimator.left_s(2.0) == pytest.approx(20, rel=0.1)
    estimator.take(_progress("pretrain", "fit", 90, 100), 12.0)
    assert estimator.left_s(12.0) == pytest.approx(10, rel=0.1)
    half_done = Expectation(100.0, done=0.5)
    assert Estimator([Todo("value", "grid", half_done)], 0.0).left_s(0.0) == pytest.approx(50)


def test_cells_that_take_longer_towards_the_end_are_known_to() -> None:
    # The first half of the cells took a tenth of the time.
    pace = (0.0, 2, 4, 6, 8, 10, 28, 46, 64, 82, 100)
    estimator = Estimator([Todo("transfer", "grid", Expectation(110.0, pace))], 0.0)
    estimator.take(StepStarted("transfer", "", None, None), 0.0)
    for done in range(6):
        estimator.take(_progress("transfer", "grid", done, 10), 2.0 * done)
    assert estimator.left_s(10.0) == pytest.approx(100, rel=0.02)


def test_the_pace_of_a_step_is_what_the_next_run_goes_by() -> None:
    estimator = Estimator([Todo("transfer", "grid")], 0.0)
    estimator.take(StepStarted("transfer", "", None, None), 100.0)
    estimator.take(_progress("transfer", "grid", 0, 4), 103.0)
    for done, now in ((1, 105.0), (2, 110.0), (4, 130.0)):
        estimator.take(_progress("transfer", "grid", done, 4), now)
    estimator.take(StepProgress("transfer", 0, None, 0, 0, "summing up"), 130.5)
    pace = estimator.pace()
    assert (pace[0], pace[5], pace[10]) == (3.0, 10.0, 30.0)
    assert list(pace) == sorted(pace)


def test_the_pace_of_a_step_that_went_on_is_of_no_use() -> None:
    estimator = Estimator([Todo("transfer", "grid")], 0.0)
    estimator.take(StepStarted("transfer", "", None, None), 0.0)
    estimator.take(_progress("transfer", "grid", 3, 4), 1.0)
    estimator.take(_progress("transfer", "grid", 4, 4), 2.0)
    assert estimator.pace() == ()
