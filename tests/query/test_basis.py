"""What a step stands on is listed whole, and `cached` says on what it rests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.engine.inline import inline, place, plan_of, run_inline
from tests.engine.modalities import write_recipe
from tests.sealed import change_sealed
from tilth.engine.resolve import StepState
from tilth.engine.run import step_states
from tilth.query.basis import basis_of, rests_on

__all__ = ["inline"]


@pytest.mark.usefixtures("inline")
def test_all_parts_of_an_identity_are_listed(tmp_path: Path) -> None:
    text = write_recipe("images", tmp_path).read_text("utf-8")
    plan, folder = plan_of(text), tmp_path / "run"
    before = {state.step.name: basis_of(state, {}) for state in step_states(plan, folder)}
    assert before["transfer"].identity == ""
    assert ("data of pretrain", "not made yet") in before["transfer"].parts
    run_inline(text, folder)
    states = step_states(plan, folder)
    made = {one.step.name: one.manifest for one in states if one.manifest is not None}
    # Where a step waits for one of its inputs, the other is there.
    waiting = StepState(plan.step("transfer"), False, "")
    without = {name: one for name, one in made.items() if name != "pretrain"}
    (data,) = [name for role, name in waiting.step.inputs if role == "data"]
    listed = dict(basis_of(waiting, without).parts)
    assert listed[f"data of {data}"] == made[data].digest
    assert listed["data of pretrain"] == "not made yet"
    for state in states:
        found = basis_of(state, {})
        told = json.dumps(found.parts)
        assert found.identity == state.step.identity
        for name, version in state.step.parts["libraries"].items():
            assert (f"library {name}", version) in found.parts
        for role, name in state.step.inputs:
            if "inputs" in state.step.parts:
                assert (f"data of {name}", state.step.parts["inputs"][role]) in found.parts
        assert str(state.step.parts["code"]) in told
        assert rests_on(state).startswith("as before: settings, code, libraries")
        for _, name in state.step.inputs:
            assert f"`{name}`" in rests_on(state)


@pytest.mark.usefixtures("inline")
def test_files_that_code_opened_are_among_them(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n')
    text = f"tilth: 1\nname: it\ncollect: {{a: {{jsonl: {{path: {tmp_path}/a.jsonl}}}}}}\n"
    text += "clean: [normalize]\n"
    run_inline(text, tmp_path / "run")
    path = place(tmp_path / "run", plan_of(text), "clean.normalize") / "manifest.json"
    change_sealed(path, lambda found: found.update(reads={"nowhere.txt": ""}))
    source, state = step_states(plan_of(text), tmp_path / "run")
    assert ("file nowhere.txt", "was not there") in basis_of(state, {}).parts
    assert "files that its code opened" in rests_on(state)
    assert "what it reads outside" in rests_on(source)
    # What the recipe names is listed, and that it counts by what it holds.
    listed = dict(basis_of(source, {}).parts)
    assert listed["settings.path"] == f"{tmp_path}/a.jsonl (by what it holds)"
    assert "settings.digest" not in listed
