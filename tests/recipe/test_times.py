"""Which measured times hold for a recipe: a starter's, a copy's, an edited copy's."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tilth.machine import Machine
from tilth.recipe import times
from tilth.recipe.load import parse_recipe, starters
from tilth.recipe.plan import Plan, PlannedStep, build_plan
from tilth.recipe.times import Measured, StepTime, scale, starter_of

MACHINE = Machine.model_validate({"cores": 2, "processor": "Made-up"})


def _plan(text: str) -> Plan:
    return build_plan(parse_recipe(text))


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Measured]:
    """Ten seconds for every step of `digits`."""
    steps = {step.name: StepTime(10.0) for step in _plan(starters()["digits"]).steps}
    found = {"digits": Measured(steps, MACHINE, "2026-11-27", 2, 4.0)}
    monkeypatch.setattr(times, "shipped_times", lambda: found)
    return found


def test_a_copy_under_another_name_is_still_the_starter(measured: Mapping[str, Measured]) -> None:
    text = starters()["digits"].replace("name: digits", "name: mine")
    found = starter_of(_plan(text))
    assert found is not None
    assert found[1] is measured["digits"]
    assert found[1].seconds == 4.0 + 10.0 * 10


def test_other_sources_are_another_recipe(measured: Mapping[str, Measured]) -> None:
    text = starters()["digits"]
    assert starter_of(_plan(text.replace("test_share: 0.3", "test_share: 0.4"))) is None
    assert starter_of(_plan(text.replace("  vendor:\n", "  company:\n"))) is None


def _scale(step: PlannedStep, other: PlannedStep) -> float | None:
    return scale(step, other.operation.name, other.said())


def test_steps_are_compared_by_what_they_do_and_scaled_by_how_long_they_go_on() -> None:
    text = starters()["digits"]
    before = {step.name: step for step in _plan(text).steps}
    longer = {s.name: s for s in _plan(text.replace("max_steps: 800", "max_steps: 1600")).steps}
    assert _scale(longer["pretrain"], before["pretrain"]) == 2.0
    assert _scale(longer["clean.check_image"], before["clean.check_image"]) == 1.0
    more = {s.name: s for s in _plan(text.replace("seeds: 8", "seeds: 12")).steps}
    assert _scale(more["transfer"], before["transfer"]) == 1.5
    # What is said of results alone takes no time.
    effect = text.replace("smallest_effect: 0.5", "smallest_effect: 2")
    said = {s.name: s for s in _plan(effect).steps}
    assert said["value"].said() != before["value"].said()
    assert _scale(said["value"], before["value"]) == 1.0
    wider = {s.name: s for s in _plan(text.replace("hidden: 64", "hidden: 512")).steps}
    assert _scale(wider["pretrain"], before["pretrain"]) is None


def test_a_setting_that_came_later_is_at_its_default() -> None:
    step = next(s for s in _plan(starters()["digits"]).steps if s.name == "pretrain")
    older = step.said()
    del older["freeze"]
    assert scale(step, step.operation.name, older) == 1.0


def test_what_is_shipped_can_be_read_and_is_of_starters_as_they_are() -> None:
    for name, found in times.shipped_times().items():
        assert name in starters()
        assert found.seconds > 0
        assert found.machine.cores
        assert found.machine.processor
