"""Run the steps of a plan in order: resume, books, error budget, and the run's record."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tilth.engine.causes import commonest_cause, sources_gone
from tilth.engine.estimate import Estimator
from tilth.engine.events import (
    Event,
    Listener,
    RunStarted,
    StepFinished,
    StepProgress,
    StepStarted,
    TimeLeft,
    Warned,
    as_json,
)
from tilth.engine.expect import Outlook, Unfinished, outlook
from tilth.engine.extend import keep_copies
from tilth.engine.keep import STARTER, RecordKeeper, now, recipe_file
from tilth.engine.local import LocalEngine
from tilth.engine.record import HISTORY, RECORD, last_record, next_entry
from tilth.engine.resolve import Resolver, StepState
from tilth.engine.share import shareable_address
from tilth.engine.steps import Engine, StepRunner
from tilth.errors import DataError, UsageError
from tilth.extensions import using
from tilth.machine import num_cores
from tilth.recipe.model import Recipe
from tilth.recipe.needs import require_packages
from tilth.recipe.plan import Plan, PlannedStep, data_folder
from tilth.records import sealed
from tilth.spell import distinct
from tilth.store import Dataset, refreshed
from tilth.store.dataset import damage_of
from tilth.store.files import folder_lock, remove, storage_errors, sweep
from tilth.store.manifest import MANIFEST, Manifest, read_manifest
from tilth.store.shard import forget_shards

_TIME_LEFT_EVERY_S = 2.0
Pace = Callable[[], tuple[float, ...]]


def step_states(plan: Plan, folder: Path, refresh: str | None = None) -> list[StepState]:
    """Compare a plan with what the run's folder holds; reads no data.

    Args:
        plan: The plan.
        folder: The run's folder.
        refresh: A source that asks again for what it has fetched.
    """
    with using(plan.recipe.extensions):
        return Resolver(plan, folder, refresh).states()


def made_from_another(recipe: Recipe, folder: Path) -> str | None:
    """The recipe that a run's folder was last made from, where it is not this one.

    Two files whose `name` is equal share a folder, and each takes the place of the other's record
    and report. A file that was moved is no other recipe; one of which nobody knows where it came
    from is not compared.
    """
    last = last_record(folder)
    if last is None:
        return None
    before, now = last.recipe_file, recipe_file(recipe, folder)
    if not before or not now or before == now or last.recipe_yaml == recipe.to_yaml():
        return None
    return before if before.endswith(STARTER) else os.path.relpath(folder / before)


def shared_folder(folder: Path, other: str) -> str:
    """What it means that a run's folder was made from another recipe, in a sentence or two."""
    entry = f"{folder.name}@{next_entry(folder)}"
    return (
        f"{folder} was last made from {other}, a recipe of the same name; its record and report "
        f"give way to this run's and are found as {entry}. --name NAME, or another `name:` in the "
        "recipe, keeps the two apart"
    )


def _set_damaged_aside(name: str, folder: Path, emit: Listener) -> None:
    """Move a record that cannot be read out of the way: what is finished is known without it."""
    path = folder / RECORD
    if path.is_file() and last_record(folder) is None:
        aside = path.with_name(f"{RECORD}.damaged")
        with storage_errors(path):
            path.replace(aside)
        emit(Warned(name, f"{path} is damaged and was moved to {aside.name}; a new one is begun"))


@dataclass
class RunOptions:
    """How to run, which changes no output.

    Attributes:
        num_workers: Processes side by side; 0: one a processor core.
        shard_rows: Rows a shard at most.
        shard_bytes: Payload bytes a shard, about.
        only: Run this step and what it stands on, no more.
        refresh: A source that asks again for what it has fetched.
        ray_address: Run on a Ray cluster instead ("auto" or host:port; "local": start one).
    """

    num_workers: int = 0
    shard_rows: int = 500
    shard_bytes: int = 32 << 20
    only: str | None = None
    refresh: str | None = None
    ray_address: str | None = None
    listeners: list[Listener] = field(default_factory=list)


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended."""

    folder: Path
    quarantined: int


def run_plan(plan: Plan, folder: Path, options: RunOptions) -> RunOutcome:
    """Run what is not there yet. Safe to kill at any moment and to call again.

    Raises:
        MissingError: A package that a step needs is not installed; nothing ran.
        UsageError: The folder's name is no text.
        TilthError: A step failed, the error budget was exceeded, the disk is full, ...; what was
            committed is kept, and the run's record says where it stopped.
    """
    _check_name(folder)
    with (
        using(plan.recipe.extensions),
        folder_lock(folder) as lock,
        _event_log(folder, options.listeners) as emit,
    ):
        for place in (folder, folder / HISTORY):
            sweep(place, below=False)
        _set_damaged_aside(plan.recipe.name, folder, emit)
        # Before the record of this invocation takes the place of the last one's.
        resolver = Resolver(plan, folder, options.refresh)
        fresh = Resolver(plan, folder, options.refresh)
        states = {state.step.name: state for state in fresh.states()}
        steps = plan.needed_for(options.only) if options.only else plan.steps
        left = [states[step.name] for step in steps if not states[step.name].cached]
        if not options.ray_address:  # The packages of a cluster's nodes are theirs.
            require_packages(state.step for state in left if not state.perhaps)
        other = made_from_another(plan.recipe, folder)
        if other is not None:
            emit(Warned(plan.recipe.name, shared_folder(folder, other)))
        expected = expected_time(plan, left, folder, options.num_workers)
        # First the copies, so that a record which names one never stands without it.
        extensions = keep_copies(plan.recipe.extensions, folder)
        record = RecordKeeper(plan, folder, options.num_workers)
        # Around the engine too: closing it takes time, in which a run can be stopped.
        with record.of_its_end():
            emit(_announced(plan, len(steps), expected))
            with (
                _time_left(expected, emit, record.spent.note) as (emit, pace),
                _engine(options, folder, lock) as engine,
            ):
                runner = StepRunner(plan, folder, engine, emit, options, extensions)
                quarantined = 0
                inputs = {name for state in left for _, name in state.step.inputs}
                damages = _read_through(steps, states, inputs, folder)
                for step in steps:
                    reached = resolver.state(step.name)
                    if reached.cached:
                        _warn_of_refresh(step, data_folder(folder, reached.step), emit)
                    manifest = _one_step(
                        runner,
                        resolver,
                        reached,
                        step.name in inputs,
                        damages,
                        record,
                        emit,
                        pace,
                        refreshes=step.name == options.refresh,
                    )
                    quarantined += manifest.counts.quarantined if manifest.counts else 0
                    _check_budget(plan, runner.step(step.name), manifest, folder)
                    _warn_of_gone_sources(runner, step, emit)
            record.finish("done" if not options.only else f"done up to {options.only}", None)
    return RunOutcome(folder, quarantined)


def _check_name(folder: Path) -> None:
    try:
        str(folder).encode()
    except UnicodeEncodeError:
        raise UsageError(
            "the name of the run's folder is not UTF-8, which data sets need",
            where=ascii(str(folder)),
            hint="name another with --runs, or --name",
            code="bad-name",
        ) from None


def expected_time(
    plan: Plan, states: Sequence[StepState], folder: Path, num_workers: int = 0
) -> Outlook:
    """What is known beforehand of the time that the steps take which are to run."""
    left = [Unfinished(s.step, s.committed_shards) for s in states if not s.cached]
    return outlook(plan, left, folder, num_workers)


def _announced(plan: Plan, total: int, expected: Outlook) -> RunStarted:
    return RunStarted(plan.recipe.name, total, len(expected.todo), expected.seconds, str(expected))


@contextlib.contextmanager
def _time_left(
    expected: Outlook, emit: Listener, note: Callable[[], None]
) -> Iterator[tuple[Listener, Pace]]:
    """Say what is left of the run with every step and every two seconds, and note what is spent.

    Yields the listener to tell of events, and what gives the pace of the step that runs.
    """
    estimator = Estimator(expected.todo, time.monotonic(), expected.ending)
    lock, stop = threading.Lock(), threading.Event()
    running = ""

    def tell() -> None:
        now = time.monotonic()
        emit(TimeLeft(running, estimator.left_s(now), tuple(estimator.unknown(now))))

    def emit_in_time(event: Event) -> None:
        nonlocal running
        with lock:
            estimator.take(event, time.monotonic())
            if isinstance(event, StepStarted):
                running = event.step
                tell()
            elif isinstance(event, StepFinished):
                running = ""
            emit(event)

    def tick() -> None:
        while not stop.wait(_TIME_LEFT_EVERY_S):
            with lock:
                if running:
                    tell()
            note()

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield emit_in_time, estimator.pace
    finally:
        stop.set()
        thread.join()


@contextlib.contextmanager
def _engine(options: RunOptions, folder: Path, lock: int) -> Iterator[Engine]:
    engine: Engine
    if options.ray_address:
        from tilth.engine.ray import RayEngine

        engine = RayEngine(options.ray_address)
    else:
        engine = LocalEngine(options.num_workers or num_cores(), folder / "workers.log", lock)
    try:
        yield engine
    finally:
        engine.close()


@contextlib.contextmanager
def _event_log(folder: Path, listeners: list[Listener]) -> Iterator[Listener]:
    """Every event goes to `events.jsonl` (progress, which is many, aside) and to the listeners."""
    with storage_errors(folder), open(folder / "events.jsonl", "a", encoding="utf-8") as log:

        def emit(event: Event) -> None:
            if not isinstance(event, StepProgress | TimeLeft):
                told = as_json(event)
                # The step is looked up by its name, which is the recipe's.
                clean = {key: shareable_address(value) for key, value in told.items()}
                line = {"at": now()} | clean | {key: told[key] for key in ("step",) if key in told}
                log.write(json.dumps(sealed(line), ensure_ascii=True) + "\n")
                log.flush()
            for listener in listeners:
                listener(event)

        yield emit


def _read_through(
    steps: Sequence[PlannedStep], states: Mapping[str, StepState], inputs: set[str], folder: Path
) -> dict[str, str | None]:
    """The damage of finished steps that are about to be read, whose digests are compared for it.

    What is about to be read may as well be read twice: its damage would become another's. One that
    is damaged is made again, and reads what is before it: from the last step to the first.

    Args:
        steps: Those that the run goes through.
        states: Of each.
        inputs: Steps that others read which are to run; those that damaged ones read are added.
        folder: Of the run.
    """
    found: dict[str, str | None] = {}
    for step in reversed(steps):
        state = states[step.name]
        if not state.cached or step.name not in inputs:
            continue
        found[step.name] = damage_of(data_folder(folder, state.step), read=True)
        if found[step.name] is not None:
            inputs.update(name for _, name in state.step.inputs)
    return found


def _one_step(
    runner: StepRunner,
    resolver: Resolver,
    state: StepState,
    is_read: bool,
    damages: Mapping[str, str | None],
    record: RecordKeeper,
    emit: Listener,
    pace: Pace,
    *,
    refreshes: bool,
) -> Manifest:
    start, before = time.monotonic(), 0.0
    step = state.step
    folder = data_folder(runner.folder, step)
    damage = state.damage or None
    if state.cached and step.name in damages:
        damage = damages[step.name]
    elif state.cached:
        damage = damage_of(folder, read=is_read)
    if damage is not None:
        # Nobody knows what is whole of the data beside it.
        emit(Warned(step.name, f"{damage}: the step is run again"))
        remove(folder / MANIFEST)
        forget_shards(folder)
        state = replace(state, cached=False, why="what it had made is damaged")
    if state.cached:
        runner.tidy(step)
    else:
        before = record.spent.begin(step.identity, went_on=state.begun)
        emit(StepStarted(step.name, state.why, None, None))
        if sentence := step.operation.warning(step.settings):
            emit(Warned(step.name, sentence))
        if refreshes:
            runner.refresh(step)
        if refreshed.state(folder / "work") == "fetched":
            # What is there is of what was fetched before.
            remove(folder / MANIFEST)
            forget_shards(folder)
        runner.run(step, resolver.cells(step))
    manifest = read_manifest(folder)
    runner.made(step)
    resolver.made(step.name, manifest)
    seconds = time.monotonic() - start + before
    counts = manifest.counts
    record.add(step, state, manifest, seconds, pace())
    emit(
        StepFinished(
            step.name,
            state.cached,
            seconds,
            counts.num_in if counts else 0,
            counts.kept if counts else 0,
            counts.dropped if counts else 0,
            counts.quarantined if counts else 0,
            manifest.result is not None,
            counts.passed_over if counts else 0,
            counts.born if counts else 0,
            counts.noted if counts else 0,
        )
    )
    return manifest


def _warn_of_refresh(step: PlannedStep, folder: Path, emit: Listener) -> None:
    """Whoever stopped asking again has what was there before, and should know."""
    if step.operation.kind == "source" and refreshed.state(folder / "work") == "begun":
        told = f"`--refresh {step.parts['source']}` goes on asking again, which was not finished"
        emit(Warned(step.name, f"as it was fetched before; {told}"))


def _warn_of_gone_sources(runner: StepRunner, step: PlannedStep, emit: Listener) -> None:
    """Nobody who asked for two sources should train on one unknowingly, on a rerun neither."""
    if step.operation.kind not in ("map", "part", "shuffle"):
        return
    inputs = [read_manifest(runner.place(name)) for _, name in step.inputs]
    for sentence in sources_gone(Dataset(runner.place(step.name)), inputs):
        emit(Warned(step.name, sentence))


def _check_budget(plan: Plan, step: PlannedStep, manifest: Manifest, folder: Path) -> None:
    counts = manifest.counts
    if not counts or not counts.num_in:
        return
    # An element that fails costs one element of many, as a record does of its source.
    records = counts.num_in + counts.born
    share = counts.quarantined / records
    budget = plan.recipe.header.error_budget
    cause = None
    if counts.quarantined and (share > budget or not counts.kept):
        cause = commonest_cause(Dataset(data_folder(folder, step)))
    if share > budget:
        raise DataError(
            f"{counts.quarantined} of {records} records failed "
            f"({distinct(100 * share, (100 * budget, 100), 3)}%), more than the error budget of "
            f"{100 * budget:g}%; {cause}",
            where=step.name,
            hint=f"tilth show {plan.recipe.name} {step.name} --quarantined lists them"
            + (
                "; what cannot be mended, a higher `error_budget` in the recipe lets pass"
                if counts.kept
                else ""
            ),
            code="error-budget",
        )
    if not counts.kept:
        why = f"; {counts.quarantined} failed, {cause}" if cause else ""
        for rule, count in list(manifest.by_rule.items())[:1]:
            why = f", {count} of them by `{rule}`{why}"
        kind = "dropped" if counts.dropped else "quarantined"
        raise DataError(
            f"no sample is left: {counts.dropped} of {records} were dropped{why}",
            where=step.name,
            hint=f"tilth show {plan.recipe.name} {step.name} --{kind}",
            code="nothing-left",
        )
