"""What a run is expected to take, from made-up times and records."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.sealed import write_sealed
from tilth.engine.estimate import Todo
from tilth.engine.expect import Outlook, Unfinished, outlook, spell_roughly
from tilth.engine.record import RunRecord, StepRecord
from tilth.machine import Machine, describe_machine
from tilth.recipe import times
from tilth.recipe.load import parse_recipe, starters
from tilth.recipe.plan import Plan, build_plan
from tilth.recipe.times import Measured, StepTime
from tilth.store.files import write_json
from tilth.store.manifest import Counts

MACHINE = Machine.model_validate({"cores": 2, "processor": "Made-up"})


def _plan(text: str | None = None, limit: int | None = None) -> Plan:
    return build_plan(parse_recipe(text or starters()["digits"]), limit=limit)


def _outlook(plan: Plan, folder: Path, workers: int = 2) -> Outlook:
    return outlook(plan, [Unfinished(step) for step in plan.steps], folder, workers)


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tilth.engine.expect.num_cores", lambda: 2)


@pytest.fixture
def shipped(monkeypatch: pytest.MonkeyPatch, two_cores: None) -> None:
    """Ten seconds for every step of `digits`, a minute for its grids."""
    steps = {
        step.name: StepTime(60.0 if step.operation.kind == "grid" else 10.0, (), 1797)
        for step in _plan().steps
    }
    found = {"digits": Measured(steps, MACHINE, "2026-11-27", 2, 4.0)}
    monkeypatch.setattr(times, "shipped_times", lambda: found)


@pytest.fixture
def unshipped(monkeypatch: pytest.MonkeyPatch, two_cores: None) -> None:
    """No starter was timed."""
    monkeypatch.setattr(times, "shipped_times", dict)


def _record(plan: Plan, folder: Path, seconds: float, **more: Any) -> None:
    steps = tuple(
        StepRecord(
            name=step.name,
            stage=step.operation.stage,
            op=step.operation.name,
            kind=step.operation.kind,
            identity=step.key,
            folder=f"{step.stem}-{step.key}",
            inputs=(),
            parts=dict(step.parts),
            said=step.said(),
            cached=False,
            why="",
            seconds=seconds,
            counts=Counts(num_in=1797, kept=1797, dropped=0, quarantined=0),
        )
        for step in plan.steps
    )
    record = RunRecord(status="done", machine=describe_machine(), workers=2, steps=steps)
    write_json(folder / "run.json", record.model_copy(update=more).as_json())


def test_a_starter_is_expected_to_take_what_was_measured(shipped: None, tmp_path: Path) -> None:
    found = _outlook(_plan(), tmp_path)
    assert found.seconds == pytest.approx(8 * 10 + 2 * 60 + 4)
    # The starter's own words say as much.
    assert str(found) == f"takes {_plan().recipe.header.takes}"
    longer = starters()["digits"].replace("max_steps: 800", "max_steps: 8000")
    found = _outlook(_plan(longer), tmp_path)
    assert found.seconds == pytest.approx(8 * 10 + 2 * 60 + 4 + 90)
    assert str(found) == "takes about 5 minutes, as measured on 2 cores of Made-up"


def test_what_this_folder_took_says_more(shipped: None, tmp_path: Path) -> None:
    plan = _plan()
    _record(plan, tmp_path, 3.0)
    found = _outlook(plan, tmp_path)
    assert found.seconds == pytest.approx(10 * 3 + 4)
    assert str(found) == "takes about 35 seconds, as the same steps took here before"
    _record(plan, tmp_path, 3.0, machine=Machine(cores=64, processor="Other"))
    assert str(_outlook(plan, tmp_path)).endswith("as measured on 64 cores of Other")


def test_a_step_that_went_on_says_nothing_of_the_whole(unshipped: None, tmp_path: Path) -> None:
    plan = _plan()
    _record(plan, tmp_path, 3.0)
    record = json.loads((tmp_path / "run.json").read_text())
    for step in record["steps"]:
        step["went_on"] = step["name"] == "pretrain"
    write_sealed(tmp_path / "run.json", record)
    found = _outlook(plan, tmp_path)
    assert found.unknown == ("pretrain",)
    assert found.seconds is None


@pytest.mark.parametrize("text", ["", "[]", '{"steps": [{}]}', '{"steps": 3}', "\x00"])
def test_a_record_that_cannot_be_read_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    assert _outlook(_plan(), tmp_path).todo


def test_nothing_is_made_up(unshipped: None, tmp_path: Path) -> None:
    text = starters()["digits"].replace("test_share: 0.3", "test_share: 0.4")
    text = text.replace("takes: ", "# takes: ")
    found = _outlook(_plan(text), tmp_path)
    assert found.seconds is None
    assert str(found) == (
        "the time is not known: nothing was measured yet of collect.vendor, clean.check_image, "
        "others"
    )


@pytest.mark.parametrize(("number", "named"), [(3, "a0, a1, a2"), (4, "a0, a1, others")])
def test_so_many_steps_are_named(number: int, named: str) -> None:
    unknown = tuple(f"a{one}" for one in range(number))
    outlook = Outlook(tuple(Todo(name, "map") for name in unknown), None, "", unknown, 0.0)
    assert str(outlook) == f"the time is not known: nothing was measured yet of {named}"


def test_a_limit_shortens_what_sorts_records(shipped: None, tmp_path: Path) -> None:
    found = _outlook(_plan(limit=180), tmp_path)
    seconds = {one.name: one.expected.seconds for one in found.todo if one.expected}
    assert seconds["clean.check_image"] == pytest.approx(1.0, rel=0.01)
    assert seconds["pretrain"] == 10.0
    assert not found.takes


def test_cells_run_side_by_side(shipped: None, tmp_path: Path) -> None:
    found = _outlook(_plan(), tmp_path, workers=1)
    seconds = {one.name: one.expected.seconds for one in found.todo if one.expected}
    assert seconds["transfer"] == 120.0
    assert seconds["pretrain"] == 10.0


def test_cells_that_are_there_are_not_expected_again(shipped: None, tmp_path: Path) -> None:
    plan = _plan()
    step = plan.step("transfer")
    found = outlook(plan, [Unfinished(step, committed=90)], tmp_path, 2)
    assert found.seconds == pytest.approx(60 / 4 + 4)


def test_times_are_spelled_within_a_sixth() -> None:
    units: Mapping[str, float] = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
    for tenth in range(20, 120_000):
        seconds = tenth / 10 if tenth < 2_000 else (tenth / 100) ** 2
        count, unit = spell_roughly(seconds).split()
        assert float(count) * units[unit.rstrip("s")] == pytest.approx(seconds, rel=0.26)
        if seconds > 20:
            assert float(count) * units[unit.rstrip("s")] == pytest.approx(seconds, rel=1 / 6)
    spelled = [spell_roughly(s) for s in (1, 22, 94, 100, 140, 236, 400, 1500, 7000, 1e6, 5e8)]
    assert spelled == [
        *("1 second", "20 seconds", "95 seconds", "1.5 minutes", "2.5 minutes", "4 minutes"),
        *("7 minutes", "25 minutes", "2 hours", "12 days", "16 years"),
    ]
    assert spell_roughly(200, short=True) == "3.5 min"
