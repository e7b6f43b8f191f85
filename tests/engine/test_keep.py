"""The record of a run that goes on: written twice, and steps keep the time that they took."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.engine.conftest import recipe_text
from tests.engine.inline import inline, run_inline
from tilth.engine import keep
from tilth.engine.record import RECORD, RunRecord, read_record
from tilth.engine.run import RunOptions, run_plan
from tilth.errors import StorageError
from tilth.recipe.load import parse_recipe
from tilth.recipe.plan import build_plan
from tilth.records import Record
from tilth.store import Dataset, files

__all__ = ["inline"]

_STEP = {
    "name": "collect.a", "stage": "collect", "op": "jsonl", "kind": "source", "identity": "1",
    "folder": "collect.a-1", "inputs": [], "parts": {"settings": {}}, "cached": False,
    "why": "never run", "seconds": 1.5, "of a later one": True,
    "counts": {"in": 3, "kept": 2, "dropped": 1, "quarantined": 0},
}  # fmt: skip


class _KilledError(BaseException):
    """Ends the run where no record is written any more, as a kill does."""


def test_a_step_costs_the_same_however_many_stand_before_it(
    documents: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []
    write = files.write_record

    def counted(path: Path, value: Record) -> None:
        written.append(path.name)
        write(path, value)

    monkeypatch.setattr(keep, "write_record", counted)
    plan = build_plan(parse_recipe(recipe_text(documents)))
    run_plan(plan, tmp_path / "run", RunOptions(num_workers=1))
    assert len(plan.steps) > 3
    assert written.count(RECORD) == 2


@pytest.mark.usefixtures("inline")
def test_a_step_is_recorded_with_its_data_and_all_that_was_said_of_it(
    documents: Path, tmp_path: Path
) -> None:
    plan = build_plan(parse_recipe(recipe_text(documents)))
    run_plan(plan, tmp_path / "run", RunOptions())
    for planned, step in zip(plan.steps, read_record(tmp_path / "run" / RECORD).steps, strict=True):
        made = Dataset(tmp_path / "run" / "data" / step.folder)
        assert step.digest == made.digest == made.manifest.digest
        assert step.own == planned.own
        assert step.told() == json.loads(json.dumps(planned.said()))


def test_the_time_of_a_step_is_that_of_the_run_that_made_it_last(tmp_path: Path) -> None:
    (tmp_path / "history").mkdir()
    runs = [(False, 5.0), (True, 5.0), (False, 7.0), (True, 9.0)]
    for number, (cached, seconds) in enumerate(runs, 1):
        step = {**_STEP, "cached": cached, "seconds": seconds}
        path = tmp_path / "history" / f"{number:04d}.json"
        path.write_text(json.dumps({"steps": [step]}))
        expected = 7.0 if number > 2 else 5.0
        assert keep._times_before(tmp_path) == {"1": expected}


@pytest.mark.usefixtures("inline")
@pytest.mark.parametrize("lasting", [False, True])
def test_a_run_whose_record_cannot_say_so_is_not_done(
    lasting: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n')
    text = f"tilth: 1\nname: it\ncollect: {{a: {{jsonl: {{path: {tmp_path}/a.jsonl}}}}}}\n"
    failed: list[str] = []

    def full(path: Path, value: RunRecord) -> None:
        if value.status != "running" and (lasting or not failed):
            failed.append(value.status)
            raise StorageError("cannot write: no space left on device", where=str(path))
        files.write_record(path, value)

    with monkeypatch.context() as patch:
        patch.setattr(keep, "write_record", full)
        with pytest.raises(StorageError, match="no space left"):
            run_inline(text, tmp_path / "run")
    assert failed[0] == "done"
    status = read_record(tmp_path / "run" / RECORD).status
    assert status == ("running" if lasting else "failed")
    run_inline(text, tmp_path / "run")
    assert read_record(tmp_path / "run" / RECORD).status == "done"
