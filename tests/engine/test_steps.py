"""A step goes on where it was cut off, does nothing twice, and commits only what balances."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from tests.engine.inline import (
    InlineEngine,
    cells_of,
    place,
    plan_of,
    sample,
    step_of,
    write_source,
)
from tests.engine.modalities import results, write_recipe
from tests.sealed import write_sealed
from tilth.clean import normalize
from tilth.context import FIRST_STEPS
from tilth.engine import shuffle
from tilth.engine.events import Event, StepProgress
from tilth.engine.resolve import Resolver
from tilth.engine.run import RunOptions
from tilth.engine.steps import StepRunner
from tilth.engine.tasks import Fit, ReadSource, RunCell, Task
from tilth.errors import DataError, StepError
from tilth.recipe.load import parse_recipe
from tilth.recipe.operations import operation
from tilth.recipe.plan import Plan, build_plan, data_folder
from tilth.schema import with_columns
from tilth.store import Dataset
from tilth.store.files import read_json
from tilth.store.manifest import Counts, read_manifest
from tilth.store.shard import ledger, num_committed

_HEAD = "tilth: 1\nname: steps\nseed: 5\nthreads: 2\n"


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here is meant to outlast a power cut, and few rows go to several partitions."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.setattr(shuffle, "partitions_for", lambda _: 8)


class StoppedError(Exception):
    """Raised in the place of a kill."""


class WatchedEngine(InlineEngine):
    """Remembers its tasks; stops before number `stop_before` of a kind."""

    def __init__(self, kind: str = "", stop_before: int = -1) -> None:
        self.tasks: list[Task] = []
        self._kind, self._stop_before = kind, stop_before

    def run(self, tasks: Iterable[Task], listen: Any) -> Iterator[tuple[int, Any]]:
        return super().run(map(self._seen, tasks), listen)

    def _seen(self, task: Task) -> Task:
        if task.kind == self._kind and len(self.of(self._kind)) == self._stop_before:
            raise StoppedError
        self.tasks.append(task)
        return task

    def of(self, kind: str) -> list[int]:
        """The places of the tasks of a kind, in the order in which they were run."""
        return [task.index for task in self.tasks if task.kind == kind]


def _run(plan: Plan, folder: Path, engine: InlineEngine, events: list[Event] | None = None) -> None:
    """Every step that has no manifest, as a run does."""
    emit = (list[Event]() if events is None else events).append
    runner = StepRunner(plan, folder, engine, emit, RunOptions(shard_rows=4))
    resolver = Resolver(plan, folder)
    for planned in plan.steps:
        state = resolver.state(planned.name)
        if not state.cached:
            runner.run(state.step, resolver.cells(state.step))
        runner.made(state.step)
        resolver.made(planned.name, read_manifest(data_folder(folder, state.step)))


def _source(folder: Path, count: int = 10) -> str:
    lines = [json.dumps({"text": f"number {number % 7}"}) for number in range(count)]
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n" * bool(lines), "utf-8")
    return f"{_HEAD}collect: {{a: {{jsonl: {{path: {folder / 'rows.jsonl'}}}}}}}\n"


def _line(folder: Path, shards: Sequence[int] = (3, 3, 3, 3)) -> str:
    """A recipe whose source is there already, so many rows a shard."""
    text = _source(folder, 1) + "clean: [normalize]\ndeduplicate: [exact]\n"
    numbers = itertools.count()
    # Every other one is a copy of another.
    rows = [[sample("a", next(numbers)) for _ in range(size)] for size in shards]
    for number, row in enumerate(itertools.chain(*rows)):
        row["text"] = f"text {number // 2}"
    write_source(text, folder / "whole", "a", rows)
    write_source(text, folder / "cut", "a", rows)
    return text


@pytest.mark.parametrize("done", range(4))
def test_a_map_goes_on_with_the_shards_that_are_left(done: int, tmp_path: Path) -> None:
    plan = plan_of(_line(tmp_path))
    step = plan.step("clean.normalize")
    _run(plan, tmp_path / "whole", InlineEngine())
    with pytest.raises(StoppedError):
        _run(plan, tmp_path / "cut", WatchedEngine("map_shard", done))
    assert num_committed(place(tmp_path / "cut", plan, step.name)) == done
    again, events = WatchedEngine(), list[Event]()
    _run(plan, tmp_path / "cut", again, events)
    assert again.of("map_shard") == [*range(done, 4), *range(4)]  # of the step after it, all
    assert results(tmp_path / "cut") == results(tmp_path / "whole")
    told = [e for e in events if isinstance(e, StepProgress) and e.step == step.name]
    # What an earlier run did counts from the start.
    assert (told[0].done, told[0].total) == (3 * done, 12)
    assert (told[-1].done, told[-1].num_in, told[-1].num_kept) == (12, 12, 12)


def _goes_on(plan: Plan, folder: Path, cut: WatchedEngine, whole: WatchedEngine) -> None:
    """Together both have done what one that was not stopped does, and nothing twice."""
    again = WatchedEngine()
    _run(plan, folder / "cut", again)
    for phase in ("shuffle_keys", "shuffle_reduce", "shuffle_resolve", "map_shard"):
        assert cut.of(phase) + again.of(phase) == whole.of(phase), phase
    assert results(folder / "cut") == results(folder / "whole")
    kept = Dataset(place(folder / "cut", plan, plan.steps[-1].name)).to_arrow(["text"])
    assert kept.column("text").to_pylist() == [f"text {number}" for number in range(6)]


@pytest.mark.parametrize(
    ("kind", "done"),
    [("shuffle_keys", 2), ("shuffle_reduce", 5), ("shuffle_resolve", 0), ("map_shard", 6)],
)
def test_a_shuffle_goes_on_in_the_phase_that_it_was_in(
    kind: str, done: int, tmp_path: Path
) -> None:
    plan = plan_of(_line(tmp_path))
    whole = WatchedEngine()
    _run(plan, tmp_path / "whole", whole)
    with pytest.raises(StoppedError):
        _run(plan, tmp_path / "cut", cut := WatchedEngine(kind, done))
    _goes_on(plan, tmp_path, cut, whole)


@pytest.mark.parametrize(
    ("kind", "done", "before"),
    [
        ("shuffle_keys", 4, "second round"),
        ("shuffle_keys", 6, "second round"),
        ("shuffle_reduce", 8 + 5, "second round"),
        ("shuffle_resolve", 1, "second round"),
        ("map_shard", 1, ""),
    ],
)
def test_a_shuffle_of_two_rounds_goes_on_in_the_round_that_it_was_in(
    kind: str, done: int, before: str, tmp_path: Path
) -> None:
    plan = plan_of(_line(tmp_path).partition("clean:")[0] + "deduplicate: [minhash]\n")
    whole = WatchedEngine()
    _run(plan, tmp_path / "whole", whole)
    assert [len(whole.of(k)) for k in ("shuffle_keys", "shuffle_reduce", "shuffle_resolve")] == [
        *(8, 16, 2)
    ]
    events: list[Event] = []
    with pytest.raises(StoppedError):
        _run(plan, tmp_path / "cut", cut := WatchedEngine(kind, done), events)
    assert [e for e in events if isinstance(e, StepProgress)][-1].note.endswith(before)
    _goes_on(plan, tmp_path, cut, whole)


def test_of_what_the_first_round_does_not_name_no_keys_are_asked_again(tmp_path: Path) -> None:
    """Of 4 shards the first two hold copies; the texts of the others are not read again."""
    text = _source(tmp_path, 1) + "deduplicate: [minhash]\n"
    numbers = itertools.count()
    rows = [[sample("a", next(numbers)) for _ in range(3)] for _ in range(4)]
    for number, row in enumerate(itertools.chain(*rows)):
        row["text"] = f"text {0 if number in (1, 4) else number}"
    write_source(text, tmp_path / "run", "a", rows)
    _run(plan := plan_of(text), tmp_path / "run", engine := WatchedEngine())
    assert engine.of("shuffle_keys") == [0, 1, 2, 3, 0, 1]
    dropped = Dataset(place(tmp_path / "run", plan, plan.steps[-1].name)).to_arrow(["id"])
    assert dropped.num_rows == 10


def _comparison(folder: Path) -> Plan:
    tree = yaml.safe_load(write_recipe("images", folder).read_text("utf-8"))
    del tree["value"]
    return plan_of(yaml.safe_dump(tree | {"threads": 2, "seed": 5}, sort_keys=False))


@pytest.fixture(scope="module")
def _compared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, Path]:
    folder = tmp_path_factory.mktemp("compared")
    plan = _comparison(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        _run(plan, folder / "run", InlineEngine())
    return plan, folder / "run"


@pytest.fixture
def compared(_compared: tuple[Plan, Path], tmp_path: Path) -> Plan:
    """A comparison that was run in the folder `run`."""
    shutil.copytree(_compared[1], tmp_path / "run")
    return _compared[0]


def test_a_fit_and_the_cells_of_a_grid_are_given_what_their_identity_has(tmp_path: Path) -> None:
    plan, engine, events = _comparison(tmp_path), WatchedEngine(), list[Event]()
    _run(plan, tmp_path / "run", engine, events)
    (fit,) = [task for task in engine.tasks if isinstance(task, Fit)]
    cells = [task for task in engine.tasks if isinstance(task, RunCell)]
    assert (fit.seed, fit.threads) == (5, 2)
    assert plan.step("pretrain").parts["settings"]["seeds"] == [5]
    assert fit.threads == plan.step("pretrain").parts["threads"]
    # Cells run side by side, a thread each, whatever the recipe gives to one long training.
    assert {(task.seed, task.threads) for task in cells} == {(5, 1)}
    assert "threads" not in plan.step("transfer").parts
    assert fit.inputs["data"] == place(tmp_path / "run", plan, "mix.weights")
    transfer = next(task for task in cells if task.step == "transfer")
    model = place(tmp_path / "run", plan, "pretrain") / "model"
    assert transfer.inputs["model"] == model
    told = [e for e in events if isinstance(e, StepProgress)]
    counted = [e for e in told if e.step == "transfer" and e.note == "cells"]
    assert [(e.done, e.total) for e in counted] == [(done, 4) for done in range(5)]
    # One long task speaks for itself, from its first step on.
    assert any(e.step == "pretrain" and e.note.endswith(FIRST_STEPS) for e in told)
    assert not any(e.step == "transfer" and e.note.endswith(FIRST_STEPS) for e in told)


def test_a_grid_goes_on_with_the_cells_that_are_left(compared: Plan, tmp_path: Path) -> None:
    plan = compared
    with pytest.raises(StoppedError):
        _run(plan, tmp_path / "cut", cut := WatchedEngine("run_cell", 3))
    again, events = WatchedEngine(), list[Event]()
    _run(plan, tmp_path / "cut", again, events)
    assert cut.of("run_cell") + again.of("run_cell") == [0, 1, 2, 3]
    first = next(e for e in events if isinstance(e, StepProgress) and e.note == "cells")
    assert (first.done, first.total) == (3, 4)
    # The model was trained once, by the run that was stopped.
    assert (cut.of("fit"), again.of("fit")) == ([0], [])
    assert results(tmp_path / "cut") == results(tmp_path / "run")


def test_a_cell_counts_only_with_the_question_that_it_answers(
    compared: Plan, tmp_path: Path
) -> None:
    plan = compared
    step = place(tmp_path / "run", plan, "transfer")
    cells = cells_of(tmp_path / "run", plan, "transfer")
    cell = read_json(cells[2])
    write_sealed(cells[2], {**cell, "parts": {**cell["parts"], "seed": 99}})
    (step / "manifest.json").unlink()
    again = WatchedEngine()
    _run(plan, tmp_path / "run", again)
    assert again.of("run_cell") == [2]
    assert read_json(cells[2])["parts"] == cell["parts"]


@pytest.mark.parametrize("lost", [{}, None, [], {"value": 3}])
def test_a_cell_counts_only_with_an_outcome(lost: object, compared: Plan, tmp_path: Path) -> None:
    plan = compared
    step = place(tmp_path / "run", plan, "transfer")
    cells = cells_of(tmp_path / "run", plan, "transfer")
    whole = read_json(step / "manifest.json")
    write_sealed(cells[2], {**read_json(cells[2]), "result": lost})
    (step / "manifest.json").unlink()
    again = WatchedEngine()
    _run(plan, tmp_path / "run", again)
    assert again.of("run_cell") == [2]
    assert read_json(step / "manifest.json")["counts"] == whole["counts"]


def test_a_column_of_two_types_is_an_error_of_its_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply = normalize.apply

    def told(batch: pa.RecordBatch, settings: normalize.Settings) -> pa.RecordBatch:
        first = batch.column("text")[0].as_py()
        values: list[object] = ["word" if first.startswith("text 0") else 3] * batch.num_rows
        return with_columns(apply(batch, settings), {"mine": values})

    monkeypatch.setattr(normalize, "apply", told)
    plan = plan_of(_line(tmp_path))
    with pytest.raises(DataError, match="no one type can hold") as caught:
        _run(plan, tmp_path / "whole", InlineEngine())
    assert "mine" in caught.value.what


@pytest.mark.parametrize("limit", [None, 3])
def test_a_source_is_given_its_name_the_seed_and_the_limit(
    limit: int | None, tmp_path: Path
) -> None:
    plan, engine = build_plan(parse_recipe(_source(tmp_path)), limit=limit), WatchedEngine()
    _run(plan, tmp_path / "run", engine)
    (task,) = engine.tasks
    assert isinstance(task, ReadSource)
    assert (task.source, task.seed, task.limit, task.shard_rows) == ("a", 5, limit, 4)
    assert task.outside == step_of(tmp_path / "run", plan, "collect.a").parts["outside"]
    assert task.shard_bytes == RunOptions().shard_bytes
    assert plan.steps[0].parts["limit"] == limit
    manifest = Dataset(place(tmp_path / "run", plan, plan.steps[0].name)).manifest
    sizes = [shard.num_in for shard in manifest.shards]
    assert sizes == ([4, 4, 2] if limit is None else [3])


def test_the_manifest_says_what_the_step_is_and_what_came_of_it(tmp_path: Path) -> None:
    plan = plan_of(_line(tmp_path))
    _run(plan, tmp_path / "cut", InlineEngine())
    step = step_of(tmp_path / "cut", plan, plan.steps[-1].name)
    manifest = Dataset(place(tmp_path / "cut", plan, step.name)).manifest
    assert (manifest.step, manifest.op) == ("deduplicate.exact", "exact")
    assert manifest.identity == step.identity
    assert manifest.parts == json.loads(json.dumps(dict(step.parts)))
    assert manifest.inputs == ("clean.normalize",)
    assert manifest.counts == Counts(num_in=12, kept=6, dropped=6, quarantined=0)
    assert manifest.by_rule == {"exact-duplicate": 6}
    assert manifest.sources == {"a": 6}
    assert [shard.num_in for shard in manifest.shards] == [3, 3, 3, 3]


def test_a_finished_step_leaves_only_what_is_needed(tmp_path: Path) -> None:
    plan = plan_of(_source(tmp_path) + "deduplicate: [exact]\n")
    _run(plan, tmp_path, InlineEngine())
    source, exact = (place(tmp_path, plan, step.name) for step in plan.steps)
    for folder in (source, exact):
        assert ledger(folder) == {}
        assert not (folder / "shards").exists()
    assert sorted(p.name for p in exact.iterdir()) == ["dropped", "kept", "manifest.json"]
    # A source's own state, what was fetched, outlasts it.
    assert (source / "work").is_dir()
    # One that was killed between its manifest and its end.
    (exact / "work" / "keys").mkdir(parents=True)
    (exact / "shards").mkdir()
    (exact / "model").mkdir()
    (exact / "model" / ".card.7.aside").touch()
    # And one that was killed in the middle of removing.
    (exact / ".work.7.leaving.aside" / "keys").mkdir(parents=True)
    step = step_of(tmp_path, plan, plan.steps[-1].name)
    StepRunner(plan, tmp_path, InlineEngine(), list[Event]().append, RunOptions()).tidy(step)
    assert not (exact / "work").exists()
    assert not (exact / "shards").exists()
    assert not list(exact.glob(".*"))
    assert list((exact / "model").iterdir()) == []


def test_what_a_killed_worker_left_aside_is_gone_before_the_step_begins(tmp_path: Path) -> None:
    plan = plan_of(_source(tmp_path))
    left = place(tmp_path, plan, plan.steps[0].name) / "kept" / ".00000.parquet.7.aside"
    left.parent.mkdir(parents=True)
    left.touch()
    _run(plan, tmp_path, InlineEngine())
    assert not left.exists()


def test_of_a_source_that_holds_nothing_nothing_stays(tmp_path: Path) -> None:
    plan = plan_of(_source(tmp_path, 0))
    with pytest.raises(DataError) as caught:
        _run(plan, tmp_path, InlineEngine())
    assert caught.value.code == "empty-source"
    assert not place(tmp_path, plan, plan.steps[0].name).exists()


class LosingEngine(InlineEngine):
    """Changes what the ledger says of a folder's first shard, as a defect would."""

    def __init__(self, folder: Path, changed: Mapping[str, int]) -> None:
        self._ledger, self._changed = folder / "shards", changed

    def run(self, tasks: Iterable[Task], listen: Any) -> Iterator[tuple[int, Any]]:
        for index, result in super().run(tasks, listen):
            for path in self._ledger.glob("00000.json"):
                write_sealed(path, read_json(path) | self._changed)
            yield index, result


@pytest.mark.parametrize(
    "changed",
    [{"kept": 2}, {"kept": 4}, {"in": 2, "kept": 2}, {"in": 4, "kept": 4}],
    ids=["one lost within", "one too many within", "one lost between", "one too many between"],
)
def test_books_that_do_not_balance_leave_no_manifest(
    changed: dict[str, int], tmp_path: Path
) -> None:
    plan = plan_of(_line(tmp_path))
    folder = place(tmp_path / "cut", plan, "clean.normalize")
    with pytest.raises(StepError) as caught:
        _run(plan, tmp_path / "cut", LosingEngine(folder, changed))
    assert (caught.value.code, caught.value.where) == ("books", "clean.normalize")
    assert not (folder / "manifest.json").exists()


def test_a_transform_is_no_step_of_its_own(tmp_path: Path) -> None:
    plan = plan_of(_source(tmp_path))
    step = replace(step_of(tmp_path, plan, "collect.a"), operation=operation("flip"))
    runner = StepRunner(plan, tmp_path, InlineEngine(), list[Event]().append, RunOptions())
    with pytest.raises(ValueError, match="training applies it"):
        runner.run(step)
