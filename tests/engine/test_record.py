"""The record of a run that goes on, was killed, or is over."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.engine.conftest import recipe_text
from tests.engine.inline import inline
from tilth.engine.events import Event, StepFinished
from tilth.engine.record import RECORD, earlier_records, last_record, next_entry, read_record
from tilth.engine.run import RunOptions, run_plan
from tilth.errors import DataError, MissingError
from tilth.query.removal import plan_removal
from tilth.query.runs import open_run
from tilth.recipe.load import parse_recipe
from tilth.recipe.plan import build_plan
from tilth.store.manifest import Counts

__all__ = ["inline"]

pytestmark = pytest.mark.usefixtures("inline")

_STEP = {
    "name": "collect.a", "stage": "collect", "op": "jsonl", "kind": "source", "identity": "1",
    "folder": "collect.a-1", "inputs": [], "parts": {"settings": {}}, "cached": False,
    "why": "never run", "seconds": 1.5, "of a later one": True,
    "counts": {"in": 3, "kept": 2, "dropped": 1, "quarantined": 0},
}  # fmt: skip


class _KilledError(BaseException):
    """Ends the run where no record is written any more, as a kill does."""


def _stop_after(number: int) -> RunOptions:
    seen: list[Event] = []

    def listen(event: Event) -> None:
        seen.append(event)
        if sum(isinstance(e, StepFinished) for e in seen) == number:
            raise _KilledError

    return RunOptions(num_workers=1, listeners=[listen])


def test_a_killed_run_has_every_step_that_it_finished(documents: Path, tmp_path: Path) -> None:
    plan = build_plan(parse_recipe(recipe_text(documents)))
    folder = tmp_path / "run"
    names = [step.name for step in plan.steps]
    with pytest.raises(_KilledError):
        run_plan(plan, folder, _stop_after(3))
    whole = json.loads((folder / RECORD).read_bytes())
    assert whole["steps"] == []
    journal = folder / whole["journal"]
    # The kill came in the middle of a line.
    journal.write_bytes(journal.read_bytes() + b'{"name": "clean.ru')
    record = last_record(folder)
    assert record is not None
    assert [step.name for step in record.steps] == names[:3]
    assert record.journal is None
    assert [step.name for step in open_run(folder).steps] == names[:3]

    # A second one is killed sooner: what it did not reach is as the first one left it.
    with pytest.raises(_KilledError):
        run_plan(plan, folder, _stop_after(1))
    record = read_record(folder / RECORD)
    assert [step.name for step in record.steps] == names[:1]
    assert [step.name for step in record.unreached] == names[1:3]
    assert [step.name for step in open_run(f"{folder}@1").record.steps] == names[:3]
    seconds = {step.name: step.seconds for step in record.unreached}

    run_plan(plan, folder, RunOptions(num_workers=1))
    record = read_record(folder / RECORD)
    assert [step.name for step in record.steps] == names
    assert all(step.cached for step in record.steps[:3])
    assert all(step.seconds == seconds[step.name] for step in record.steps if step.name in seconds)
    assert not list(folder.glob(f".{RECORD}.*")), "the journal is not needed any more"


def test_a_record_that_is_damaged_or_of_a_later_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / RECORD
    for text, said in (
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        ('{"status": "done", "steps": 3}', "steps"),
        ('{"status": "done", "steps": [], "format": 99}', "of format 99"),
        *(
            (json.dumps({"steps": [], "journal": name}), "journal")
            for name in ("", ".", "..", "data", "a\0b", "\ud800", "../run.json", "/etc/passwd")
        ),
        *(
            (json.dumps({"steps": [{**_STEP, "parts": parts}]}), "parts")
            for parts in ({"settings": 7}, {"planned": [1]}, {"inputs": "a"}, 3, None)
        ),
    ):
        path.write_text(text)
        with pytest.raises(DataError, match=said) as caught:
            read_record(path)
        assert caught.value.where == str(path)


def test_a_record_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    text = json.dumps({"name": "a", "status": "done", "started": "", "steps": [_STEP]})
    (tmp_path / RECORD).write_text(text)
    record = read_record(tmp_path / RECORD)
    assert record.steps[0].counts == Counts(num_in=3, kept=2, dropped=1, quarantined=0)
    assert (record.limit, record.workers, record.unreached) == (None, 0, ())
    assert record.steps[0].pace == ()


def test_no_entry_of_the_history_takes_anothers_place(documents: Path, tmp_path: Path) -> None:
    plan = build_plan(parse_recipe(recipe_text(documents)))
    folder = tmp_path / "run"
    for _ in range(4):
        run_plan(plan, folder, RunOptions(num_workers=1))
    history = folder / "history"
    last = (history / "0003.json").read_bytes()
    (history / "0001.json").unlink()
    for name in ("notes.json", "1 copy.json", "²³.json"):
        (history / name).write_text("{}")
    assert next_entry(folder) == 4
    run_plan(plan, folder, RunOptions(num_workers=1))
    assert (history / "0003.json").read_bytes() == last
    assert list(earlier_records(folder)) == [2, 3, 4]
    assert open_run(f"{folder}@4").entry == 4
    with pytest.raises(MissingError, match="no entry 1") as caught:
        open_run(f"{folder}@1")
    assert caught.value.hint == "it has run@2 to run@4"
    assert not plan_removal(folder, tmp_path, unused=True).parts


def test_events_are_there_as_they_happen(documents: Path, tmp_path: Path) -> None:
    """Whoever looks into a run that was killed sees how far it came."""
    folder, seen = tmp_path / "run", list[int]()

    def look(event: Event) -> None:
        if isinstance(event, StepFinished):
            lines = (folder / "events.jsonl").read_text("utf-8").splitlines()
            seen.append(sum(json.loads(line)["event"] == "StepFinished" for line in lines))

    plan = build_plan(parse_recipe(recipe_text(documents)))
    run_plan(plan, folder, RunOptions(num_workers=1, listeners=[look]))
    assert seen == list(range(1, len(plan.steps) + 1))
