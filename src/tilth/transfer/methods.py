"""Run one cell of a comparison: one method, one subset of the target, one seed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from torch import nn

from tilth.context import Context
from tilth.errors import UsageError
from tilth.models.facts import Facts
from tilth.models.lora import adapt
from tilth.pretrain.weights import load_model
from tilth.tasks.base import Answering
from tilth.tasks.build import build_task
from tilth.tasks.declare import LOSS
from tilth.tasks.registry import declaration
from tilth.tasks.settings import read_of, require_fit
from tilth.training.evaluate import Evaluation
from tilth.training.examples import Examples
from tilth.transfer.clusters import require_column
from tilth.transfer.measure import parts_of, reported
from tilth.transfer.result import Cell, TransferOutcome
from tilth.transfer.settings import Method, Planned, Settings
from tilth.transfer.target import (
    Carried,
    choose,
    frozen_for_probe,
    learn,
    prepare_target,
    require_measurable,
    rows_of,
    split_of,
    start,
)
from tilth.transfer.tfidf import WHAT, classify_by_words

# The test subset is the same for all seeds.
_TEST_SEED = 0


@dataclass(frozen=True)
class _Target:
    """What every method learns from and is measured on."""

    dataset: Path
    carried: Carried
    facts: Facts
    task: Answering
    data: Examples
    test: Examples
    seed: int


@dataclass(frozen=True)
class _Outcome:
    """What a method came to; `late`: before the last tenth of its steps, where that is asked."""

    evaluation: Evaluation
    late: Evaluation | None
    steps: int
    epochs: float
    seconds: float
    what: str
    notes: tuple[str, ...]


def run_method(
    cell: Cell,
    inputs: Mapping[str, Path],
    settings: Settings,
    context: Context,
    planned: Planned,
) -> TransferOutcome:
    """See `tilth.transfer.compare.run_cell`."""
    begun, cpu_before = time.perf_counter(), time.process_time()
    target = _target(cell, inputs, settings, context, planned)
    if cell.method == "tfidf-svm":
        found = _by_words(target)
    else:
        found = _by_training(cell.method, target, settings, context.threads)
    late = found.late
    return TransferOutcome(
        measured=reported(found.evaluation, settings.metric),
        parts=parts_of(found.evaluation, settings.metric, inputs["data"], settings.group),
        # Counting words has none.
        loss=found.evaluation.loss if found.steps else None,
        figures=found.evaluation.figures,
        samples=cell.size,
        test_samples=len(found.evaluation.ids),
        items=declaration(target.task.name).data.items,
        steps=found.steps,
        epochs=round(found.epochs, 4),
        nine_tenths=None if late is None else reported(late, settings.metric).value,
        seconds=round(time.perf_counter() - begun, 4),
        cpu_seconds=round(time.process_time() - cpu_before, 4),
        training_seconds=round(found.seconds, 4),
        what=found.what,
        notes=found.notes,
    )


def _target(
    cell: Cell,
    inputs: Mapping[str, Path],
    settings: Settings,
    context: Context,
    planned: Planned,
) -> _Target:
    """Read the pretrained model and the target, and choose the cell's samples."""
    seed = context.seed * 1_000 + cell.seed
    loaded = load_model(inputs["model"])
    task_name = settings.task or loaded.task.name
    try:
        require_fit(task_name, loaded.settings)
    except ValueError as error:
        raise UsageError(str(error), where="transfer.task") from None
    carried = Carried(
        loaded.settings,
        None if cell.method == "scratch" else loaded.model.state_dict(),
        loaded.tokenizer,
        loaded.facts,
    )
    require_column(inputs["data"], settings.group)
    prepared = prepare_target(
        inputs["data"],
        task_name,
        settings.data,
        context.work,
        loaded.tokenizer,
        loaded.facts,
        loaded.settings.window,
    )
    task = build_task(
        task_name,
        prepared.facts,
        settings.objective or read_of(task_name, loaded.objective),
        augment=planned.augment,
        tokenizer=prepared.tokenizer,
    )
    whole = split_of(prepared, "train", "the target")
    chosen = choose(whole, cell.size, seed, per_class=settings.sizes_per_class)
    held_out = split_of(prepared, "test", "the target")
    require_measurable(task_name, prepared.facts, held_out)
    test_size = None if settings.test_size is None else min(settings.test_size, len(held_out))
    return _Target(
        inputs["data"],
        carried,
        prepared.facts,
        task,
        rows_of(chosen, carried.model),
        rows_of(choose(held_out, test_size, _TEST_SEED), carried.model),
        seed,
    )


def _by_words(target: _Target) -> _Outcome:
    """No network at all: word counts and a linear classifier."""
    begun = time.perf_counter()
    measured = classify_by_words(
        target.dataset, target.task.name, target.data, target.test, target.seed
    )
    return _Outcome(measured, None, 0, 0.0, time.perf_counter() - begun, WHAT, ())


def _by_training(method: Method, target: _Target, settings: Settings, threads: int) -> _Outcome:
    model = start(target.carried, target.facts, target.seed)
    frozen, what = _made_ready(method, model, settings, target.seed)
    optimizer, loop = settings.recipe_of(method)
    own = settings.own_of(method)
    if own.freeze:
        frozen = (*frozen, *own.freeze)
        what += f"; frozen as well: {', '.join(sorted(set(own.freeze)))}"
    if own.unfreeze:
        later = sorted(own.unfreeze.items())
        named = [f"{prefix} after {100 * share:.0f} %" for prefix, share in later]
        what += f"; trained later: {', '.join(named)}"
    learnt = learn(
        model,
        target.task,
        target.data,
        target.test,
        optimizer,
        loop,
        seed=target.seed,
        threads=threads,
        frozen=frozen,
        unfreeze=own.unfreeze,
        figures=True,
        # Whether it was given enough steps to be a fair opponent (see `transfer.headline`).
        late=method == "scratch",
        late_figures=settings.metric not in ("", LOSS.name),
    )
    assert learnt.evaluation is not None
    result = learnt.result
    return _Outcome(
        learnt.evaluation,
        learnt.late,
        result.steps,
        learnt.epochs,
        result.seconds,
        what,
        tuple(result.notes),
    )


def _made_ready(
    method: Method, model: nn.Module, settings: Settings, seed: int
) -> tuple[tuple[str, ...], str]:
    """Prefixes of the parameters that the method leaves alone, and what it is in words."""
    match method:
        case "scratch":
            return (), "the pretrained architecture (and tokenizer, for text), freshly initialised"
        case "finetune":
            return (), "the pretrained weights, all of them trained"
        case "probe":
            return frozen_for_probe(model)
        case "lora":
            what = (
                "the pretrained weights, frozen but for the head; beside every other linear layer "
                f"a product of rank {settings.rank} is trained"
            )
            return adapt(model, settings.rank, seed=seed), what
        case "tfidf-svm":
            raise ValueError("it has no network")
    assert_never(method)
