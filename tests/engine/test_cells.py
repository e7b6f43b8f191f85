"""Cells of grids are kept by what decides them, and what the others are is nothing to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.engine.inline import cells_of, inline, place, plan_of, run_inline
from tilth.engine.record import last_record
from tilth.engine.resolve import Resolver
from tilth.recipe.plan import Plan
from tilth.store.files import read_json
from tilth.store.manifest import read_manifest

__all__ = ["inline"]

pytestmark = pytest.mark.usefixtures("inline")


@pytest.fixture
def tree(images_run: tuple[str, Path]) -> dict[str, Any]:
    """A recipe that was run in the folder `run`."""
    found: dict[str, Any] = yaml.safe_load(images_run[0])
    return found


def _plan(tree: dict[str, Any]) -> Plan:
    return plan_of(yaml.safe_dump(tree, sort_keys=False))


def _run(tree: dict[str, Any], folder: Path) -> list[str]:
    """Run, and say which cells are new."""
    before = {path.name for path in (folder / "cells").glob("*.json")}
    run_inline(yaml.safe_dump(tree, sort_keys=False), folder)
    return sorted({path.name for path in (folder / "cells").glob("*.json")} - before)


def _cached(folder: Path) -> dict[str, bool]:
    record = last_record(folder)
    assert record is not None
    return {step.name: step.cached for step in record.steps}


def test_one_cell_more_is_one_training_more(tree: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert _run(tree, folder) == []
    first = {name: cells_of(folder, _plan(tree), name) for name in ("transfer", "value")}
    methods = [*tree["transfer"]["methods"], "probe"]
    more = {**tree, "transfer": {**tree["transfer"], "methods": methods}}
    per_method = len(first["transfer"]) // len(tree["transfer"]["methods"])
    assert len(_run(more, folder)) == per_method
    assert _cached(folder)["value"]
    arms = {**tree["value"]["arms"], "again": {"same": True}}
    more = {**tree, "value": {**tree["value"], "arms": arms}}
    assert len(_run(more, folder)) == len(
        set(cells_of(folder, _plan(more), "value")) - set(first["value"])
    )
    # And back: nothing runs, and each summary is as it was.
    assert _run(tree, folder) == []
    assert all(_cached(folder).values())


def test_what_is_only_said_of_the_cells_trains_none(tree: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    for stage in ("transfer", "value"):
        other = {**tree, stage: {**tree[stage], "smallest_effect": 0.123}}
        assert _run(other, folder) == []
        cached = _cached(folder)
        assert [name for name in cached if not cached[name]] == [stage]


def test_a_cell_says_what_it_is_made_of(tree: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    plan = _plan(tree)
    resolver = Resolver(plan, folder)
    states = {state.step.name: state for state in resolver.states()}
    for name in ("transfer", "value"):
        cells = resolver.cells(states[name].step)
        assert [cell.cell for cell in cells] == [
            one.as_json()
            for one in plan.step(name).operation.module.cells(
                plan.step(name).settings, plan.step(name).planned
            )
        ]
        for cell, path in zip(cells, cells_of(folder, plan, name), strict=True):
            assert read_json(path)["parts"] == cell.parts
            assert cell.parts["device"] == "cpu"


def test_a_cell_is_another_by_the_data_that_it_reads(tree: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    plan = _plan(tree)
    resolver = Resolver(plan, folder)
    resolver.states()
    before = resolver.cells(plan.step("transfer"))
    made = read_manifest(place(folder, plan, dict(plan.step("transfer").inputs)["data"]))
    resolver.made(
        dict(plan.step("transfer").inputs)["data"], made.model_copy(update={"digest": "0"})
    )
    after = resolver.cells(plan.step("transfer"))
    assert not {one.identity for one in before} & {one.identity for one in after}
