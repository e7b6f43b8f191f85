"""A step that was stopped and goes on has the time of all its parts."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.engine.conftest import recipe_text
from tests.engine.inline import inline
from tilth.engine.events import Event, StepFinished, StepProgress
from tilth.engine.record import RECORD, read_record
from tilth.engine.run import RunOptions, run_plan
from tilth.engine.spent import FILE, Spent
from tilth.recipe.load import parse_recipe
from tilth.recipe.plan import build_plan

__all__ = ["inline"]


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that stands still until a test moves it."""
    clock = [100.0]
    monkeypatch.setattr("tilth.engine.spent.time.monotonic", lambda: clock[0])
    return clock


def test_parts_add_up_over_runs_and_nothing_is_left_of_what_is_done(
    tmp_path: Path, now: list[float]
) -> None:
    spent = Spent(tmp_path)
    spent.note()  # nothing runs yet
    assert not (tmp_path / FILE).exists()
    assert spent.begin("a", went_on=False) == 0.0
    now[0] += 4.0
    spent.note()
    now[0] += 1.0  # what a kill loses
    spent = Spent(tmp_path)
    assert spent.begin("b", went_on=True) == 0.0
    now[0] += 1.0
    spent.end("b")
    assert spent.begin("a", went_on=True) == 4.0
    now[0] += 2.5
    spent.note()
    assert Spent(tmp_path).begin("a", went_on=True) == 6.5
    # Where its folder was taken away it begins anew.
    assert Spent(tmp_path).begin("a", went_on=False) == 0.0
    spent.end("a")
    assert not (tmp_path / FILE).exists()
    spent.end("a")
    assert not (tmp_path / FILE).exists()


def test_of_a_step_that_is_found_done_nothing_is_left(tmp_path: Path, now: list[float]) -> None:
    """A fault came between its output and its record."""
    spent = Spent(tmp_path)
    spent.begin("a", went_on=False)
    now[0] += 4.0
    spent.note()
    again = Spent(tmp_path)
    again.end("b")
    assert (tmp_path / FILE).exists()
    again.end("a")
    assert not (tmp_path / FILE).exists()


@pytest.mark.parametrize("text", ["", "[1]", '{"a": ', '{"a": "x", "b": -1, "c": true}', "\ud800"])
def test_what_cannot_be_read_is_no_time(text: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(text.encode("utf-8", "surrogatepass"))
    spent = Spent(tmp_path)
    assert [spent.begin(name, went_on=True) for name in ("a", "b")] == [0.0, 0.0]


@pytest.mark.usefixtures("inline")
def test_a_step_that_goes_on_has_the_time_from_before_the_stop(
    documents: Path, tmp_path: Path
) -> None:
    folder, paused_s, stop_at = tmp_path / "run", 0.4, "deduplicate.exact"
    stopped: list[str] = []

    def stop(event: Event) -> None:
        if isinstance(event, StepProgress) and event.step == stop_at and not stopped:
            stopped.append(event.step)
            time.sleep(paused_s)
            raise KeyboardInterrupt

    finished: list[StepFinished] = []

    def keep(event: Event) -> None:
        if isinstance(event, StepFinished) and not event.cached:
            finished.append(event)

    plan = build_plan(parse_recipe(recipe_text(documents)))
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_plan(plan, folder, RunOptions(only=stop_at, listeners=[stop]))
    run_plan(plan, folder, RunOptions(only=stop_at, listeners=[keep]))
    whole = time.monotonic() - begun
    (step,) = [one for one in read_record(folder / RECORD).steps if one.name == stopped[0]]
    assert step.went_on
    assert paused_s <= step.seconds <= whole
    # The event log says the same, by which the report finds when a step was made.
    assert [round(one.seconds, 3) for one in finished if one.step == step.name] == [step.seconds]
    assert not (folder / FILE).exists()
