"""A run as a whole: books, resume, thresholds, budgets, bad records, sources that change."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path

import pytest

from tests.engine.conftest import dataset, digests, recipe_text, run_text, write_documents
from tests.engine.inline import inline
from tilth.engine import run as engine_run
from tilth.engine.events import (
    Event,
    RunStarted,
    StepFinished,
    StepProgress,
    StepStarted,
    TimeLeft,
)
from tilth.engine.local import LocalEngine
from tilth.engine.record import last_record
from tilth.engine.run import step_states
from tilth.errors import DataError, MissingError, StorageError, UsageError
from tilth.recipe.load import parse_recipe
from tilth.recipe.plan import build_plan
from tilth.store.manifest import Counts

__all__ = ["inline"]


def _states(text: str, folder: Path) -> dict[str, tuple[bool, str]]:
    plan = build_plan(parse_recipe(text))
    return {s.step.name: (s.cached, s.why) for s in step_states(plan, folder)}


@pytest.mark.usefixtures("inline")
def test_books_balance_and_follow_on(documents: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    run_text(recipe_text(documents), folder)
    record = last_record(folder)
    assert record is not None
    counts = [step.counts for step in record.steps if step.counts is not None]
    assert len(counts) == len(record.steps)
    assert counts[0].num_in == 3000
    for before, after in itertools.pairwise(counts):
        assert after.num_in == before.kept
        assert after.num_in == after.kept + after.dropped + after.quarantined
    rules = dataset(folder, "clean.rules")
    dropped = rules.to_arrow(kind="dropped").to_pylist()
    assert len(dropped) == counts[3].dropped > 0
    assert {row["drop.rule"] for row in dropped} == {"word_count >= 20"}
    assert all(row["drop.value"].startswith("word_count=") for row in dropped)
    copies = dataset(folder, "deduplicate.exact").to_arrow(kind="dropped").to_pylist()
    kept = set(dataset(folder, "deduplicate.exact").to_arrow(["id"]).column("id").to_pylist())
    assert copies
    assert all(row["drop.of"] in kept for row in copies)
    assert dataset(folder, "deduplicate.minhash").manifest.by_rule


@pytest.mark.usefixtures("inline")
def test_a_changed_threshold_measures_nothing_again(documents: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    run_text(recipe_text(documents, words=20), folder)
    measured = dataset(folder, "clean.signals").path.stat().st_mtime_ns
    states = _states(recipe_text(documents, words=30), folder)
    assert states["clean.signals"] == (True, "unchanged")
    assert states["clean.rules"] == (
        False,
        'where: "word_count >= 20" -> "word_count >= 30"',
    )
    assert states["deduplicate.exact"][1] == "if `clean.rules` comes out otherwise"
    events: list[Event] = []
    run_text(recipe_text(documents, words=30), folder, listeners=[events.append])
    cached = {e.step for e in events if isinstance(e, StepFinished) and e.cached}
    assert cached == {"collect.a", "clean.normalize", "clean.signals"}
    assert dataset(folder, "clean.signals").path.stat().st_mtime_ns == measured


@pytest.mark.usefixtures("inline")
def test_the_same_recipe_again_runs_nothing(documents: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    run_text(recipe_text(documents), folder)
    before = digests(folder)
    assert all(cached for cached, _ in _states(recipe_text(documents), folder).values())
    run_text(recipe_text(documents), folder)
    assert digests(folder) == before


def test_output_does_not_depend_on_the_number_of_workers(tmp_path: Path) -> None:
    documents = tmp_path / "documents.jsonl"
    write_documents(documents, 600)
    for workers in (1, 3):
        folder = tmp_path / str(workers)
        run_text(recipe_text(documents), folder, num_workers=workers, shard_rows=100)
    assert digests(tmp_path / "1") == digests(tmp_path / "3")


@pytest.mark.usefixtures("inline")
def test_one_bad_record_costs_one_record(documents: Path, tmp_path: Path) -> None:
    functions = tmp_path / "mine.py"
    functions.write_text(
        "def shouting(text: str) -> float:\n"
        "    if 'cursed' in text:\n"
        "        raise ValueError('this one')\n"
        "    return sum(c.isupper() for c in text) / (len(text) or 1)\n"
    )
    lines = documents.read_bytes().splitlines(keepends=True)
    lines[1000] = json.dumps({"text": "cursed " * 30}).encode() + b"\n"
    lines[2000] = b'{"text": "cut in ha\n'
    lines[2500] = b'{"text": "\xff\xfe not UTF-8"}\n'
    documents.write_bytes(b"".join(lines))
    folder = tmp_path / "run"
    outcome = run_text(recipe_text(documents, functions=f"['{functions}:shouting']"), folder)
    assert outcome.quarantined == 3
    collected = dataset(folder, "collect.a")
    wanted = Counts(num_in=3000, kept=2998, dropped=0, quarantined=2)
    assert collected.manifest.counts == wanted
    errors = collected.to_arrow(kind="quarantine").to_pylist()
    assert ["2001" in row["uri"] for row in errors] == [True, False]
    assert ["2501" in row["uri"] for row in errors] == [False, True]
    (row,) = dataset(folder, "clean.signals").to_arrow(kind="quarantine").to_pylist()
    assert "1001" in row["uri"]
    assert "this one" in row["error"]


@pytest.mark.usefixtures("inline")
def test_an_error_budget_may_be_spent_to_the_last(tmp_path: Path) -> None:
    documents = tmp_path / "documents.jsonl"
    write_documents(documents, 19)
    with documents.open("a") as file:
        file.write("{broken\n")
    outcome = run_text(recipe_text(documents, words=1, budget=0.05), tmp_path / "run")
    assert outcome.quarantined == 1


@pytest.mark.usefixtures("inline")
def test_an_error_budget_that_is_exceeded_stops_the_run(tmp_path: Path) -> None:
    documents = tmp_path / "documents.jsonl"
    write_documents(documents, 100)
    with documents.open("a") as file:
        file.write("{broken\n" * 5)
    folder = tmp_path / "run"
    with pytest.raises(DataError, match=r"5 of 105 records failed \(4.76%\)") as caught:
        run_text(recipe_text(documents), folder)
    assert "collect.a" in caught.value.where
    record = last_record(folder)
    assert record is not None
    assert record.status == "failed"
    # Raising the budget goes on from there and reads nothing again.
    assert _states(recipe_text(documents, budget=0.1), folder)["collect.a"][0]
    assert run_text(recipe_text(documents, budget=0.1), folder).quarantined == 5


@pytest.mark.usefixtures("inline")
def test_what_exceeds_the_budget_is_not_rounded_onto_it(tmp_path: Path) -> None:
    documents = tmp_path / "documents.jsonl"
    write_documents(documents, 1979)
    with documents.open("a") as file:
        file.write("{broken\n" * 20)
    said = r"20 of 1999 records failed \(1.001%\), more than the error budget of 1%;"
    with pytest.raises(DataError, match=said):
        run_text(recipe_text(documents, budget=0.01), tmp_path / "run")


@pytest.mark.usefixtures("inline")
def test_nothing_left_is_an_error_that_says_why(documents: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no sample is left: 3000 of 3000 were dropped"):
        run_text(recipe_text(documents, words=10_000), tmp_path / "run")


@pytest.mark.usefixtures("inline")
def test_an_empty_source_is_an_error(tmp_path: Path) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.write_bytes(b"")
    with pytest.raises(DataError):
        run_text(recipe_text(empty), tmp_path / "run")


@pytest.mark.usefixtures("inline")
def test_a_missing_source_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MissingError):
        run_text(recipe_text(tmp_path / "absent.jsonl"), tmp_path / "run")


@pytest.mark.usefixtures("inline")
def test_a_source_that_changed_is_read_anew_and_plan_says_so(
    documents: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    run_text(recipe_text(documents), folder)
    write_documents(documents, 100, seed=1)
    cached, why = _states(recipe_text(documents), folder)["collect.a"]
    assert not cached
    assert why == "what it reads: `documents.jsonl` changed"
    run_text(recipe_text(documents), folder)
    record = last_record(folder)
    assert record is not None
    assert record.steps[0].counts is not None
    assert record.steps[0].counts.num_in == 100


@pytest.mark.usefixtures("inline")
def test_a_folder_that_is_a_file_is_an_error(documents: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "run"
    blocked.write_text("here first")
    with pytest.raises(StorageError, match="cannot write"):
        run_text(recipe_text(documents), blocked)
    assert blocked.read_text() == "here first"


@pytest.mark.parametrize("moment", ["it is announced", "its processes end"])
def test_a_run_that_is_stopped_says_so_at_either_end(
    moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is done by a step then, and yet Ctrl-C is heard."""
    write_documents(tmp_path / "documents.jsonl", 100)
    text = recipe_text(tmp_path / "documents.jsonl").partition("deduplicate:")[0]

    def stop(event: Event) -> None:
        if isinstance(event, RunStarted) and moment == "it is announced":
            raise KeyboardInterrupt

    class Stopped(LocalEngine):
        def close(self) -> None:
            super().close()
            if moment == "its processes end":
                raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(engine_run, "LocalEngine", Stopped)
        with pytest.raises(KeyboardInterrupt):
            run_text(text, tmp_path / "run", listeners=[stop])
    record = last_record(tmp_path / "run")
    assert record is not None
    assert record.status == "stopped"
    run_text(text, tmp_path / "run")
    record = last_record(tmp_path / "run")
    assert record is not None
    assert record.status == "done"


@pytest.mark.usefixtures("inline")
def test_limit_reads_no_more_than_asked(documents: Path, tmp_path: Path) -> None:
    from tilth.engine.run import RunOptions, run_plan

    plan = build_plan(parse_recipe(recipe_text(documents)), limit=50)
    run_plan(plan, tmp_path / "run", RunOptions(only="clean.signals"))
    record = last_record(tmp_path / "run")
    assert record is not None
    assert [s.name for s in record.steps] == ["collect.a", "clean.normalize", "clean.signals"]
    assert record.steps[-1].counts is not None
    assert record.steps[-1].counts.num_in == 50


def test_a_step_speaks_only_while_it_runs(tmp_path: Path) -> None:
    """Whatever is told in between, by worker threads too, is of the step that has begun."""
    documents = tmp_path / "documents.jsonl"
    write_documents(documents, 300)
    events: list[Event] = []
    run_text(recipe_text(documents), tmp_path / "run", num_workers=2, listeners=[events.append])
    running, phases = "", dict[str, dict[str, list[float]]]()
    for event, following in itertools.pairwise(events):
        if isinstance(event, StepStarted):
            running = event.step
        elif isinstance(event, StepProgress):
            assert event.step == running
        elif isinstance(event, TimeLeft):
            begins = isinstance(following, StepStarted) and following.step == event.step
            assert begins or event.step == running
        elif isinstance(event, StepFinished):
            assert event.step == running
            running = ""
        if isinstance(event, StepProgress):
            phases.setdefault(event.step, {}).setdefault(event.note, []).append(event.done)
    # Each phase begins at nothing: the one before is not shown until a part of it is done.
    assert {"keys", "partitions", "resolve", ""} <= phases["deduplicate.minhash"].keys()
    assert all(done[0] == 0 for done in phases["deduplicate.minhash"].values())


@pytest.mark.usefixtures("inline")
def test_a_run_says_what_it_expects_from_what_it_took_before(
    documents: Path, tmp_path: Path
) -> None:
    folder, events = tmp_path / "run", list[Event]()
    run_text(recipe_text(documents), folder, listeners=[events.append])
    first = events[0]
    assert isinstance(first, RunStarted)
    assert (first.total, first.todo, first.expected_s) == (6, 6, None)
    assert first.outlook.startswith("the time is not known: nothing was measured yet of collect.a")
    record = last_record(folder)
    assert record is not None
    took = {step.name: step.seconds for step in record.steps}
    events.clear()
    # A longer list of documents: everything runs anew, at the same settings.
    write_documents(documents, 3200)
    run_text(recipe_text(documents), folder, listeners=[events.append])
    again = events[0]
    assert isinstance(again, RunStarted)
    assert again.expected_s == pytest.approx(sum(took.values()), abs=0.01)
    assert again.outlook.endswith("as the same steps took here before")
    left = [e.left_s for e in events if isinstance(e, TimeLeft)]
    assert len(left) >= 6
    assert all(seconds is not None for seconds in left)
    events.clear()
    run_text(recipe_text(documents), folder, listeners=[events.append])
    assert events[0] == RunStarted("small", 6, 0, 0.0, "")
    assert not [e for e in events if isinstance(e, TimeLeft)]


@pytest.mark.usefixtures("inline")
def test_a_run_wants_a_folder_whose_name_is_text(documents: Path, tmp_path: Path) -> None:
    """Data sets stand in it, and Arrow's paths are UTF-8. Files of a source may have any name."""
    folder = tmp_path / os.fsdecode(b"run\xff")
    with pytest.raises(UsageError, match="not UTF-8") as caught:
        run_text(recipe_text(documents), folder)
    assert caught.value.code == "bad-name"
    assert not folder.exists()
    named = tmp_path / os.fsdecode(b"d\xff.jsonl")
    named.write_bytes(documents.read_bytes())
    run_text(recipe_text(tmp_path / "d*.jsonl"), tmp_path / "run")
    uris = dataset(tmp_path / "run", "collect.a").to_arrow(["uri"]).column("uri").to_pylist()
    assert f"{tmp_path}/d\\udcff.jsonl:1" in uris
