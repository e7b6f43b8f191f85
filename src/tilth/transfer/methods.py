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
from tilth.models.lora import adapt
from tilth.pretrain.weights import load_model, read_description
from tilth.tasks.build import build_task
from tilth.tasks.declare import LOSS
from tilth.tasks.prepare import Prepared
from tilth.tasks.registry import declaration
from tilth.tasks.settings import ObjectiveSettings, TaskName, read_of, require_fit
from tilth.training.evaluate import Evaluation
from tilth.training.examples import Examples
from tilth.transfer.cell import CellSettings, Training
from tilth.transfer.clusters import require_column
from tilth.transfer.measure import parts_of, reported
from tilth.transfer.result import TransferOutcome
from tilth.transfer.settings import Method
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
    """What every method learns from and is measured on; `objective`: of the model's own."""

    dataset: Path
    carried: Carried
    task: TaskName
    objective: ObjectiveSettings
    prepared: Prepared
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


def run_method(cell: CellSettings, inputs: Mapping[str, Path], context: Context) -> TransferOutcome:
    """See `tilth.transfer.compare.run_cell`."""
    begun, cpu_before = time.perf_counter(), time.process_time()
    target = _target(cell, inputs, context)
    if cell.training is None:
        found = _by_words(target)
    else:
        found = _by_training(cell.method, cell.training, target, cell.metric, context.threads)
    late = found.late
    return TransferOutcome(
        measured=reported(found.evaluation, cell.metric),
        parts=parts_of(found.evaluation, cell.metric, inputs["data"], cell.group),
        # Counting words has none.
        loss=found.evaluation.loss if found.steps else None,
        figures=found.evaluation.figures,
        samples=cell.size,
        test_samples=len(found.evaluation.ids),
        items=declaration(target.task).data.items,
        steps=found.steps,
        epochs=round(found.epochs, 4),
        nine_tenths=None if late is None else reported(late, cell.metric).value,
        seconds=round(time.perf_counter() - begun, 4),
        cpu_seconds=round(time.process_time() - cpu_before, 4),
        training_seconds=round(found.seconds, 4),
        what=found.what,
        notes=(*target.prepared.notes, *found.notes),
    )


def _target(cell: CellSettings, inputs: Mapping[str, Path], context: Context) -> _Target:
    """Read the pretrained model and the target, and choose the cell's samples."""
    seed = context.seed * 1_000 + cell.seed
    said = read_description(inputs["model"])
    task = cell.task or said.task
    try:
        require_fit(task, said.settings)
    except ValueError as error:
        raise UsageError(str(error), where="transfer.task") from None
    weights = load_model(inputs["model"]).model.state_dict() if cell.carries_weights else None
    require_column(inputs["data"], cell.group)
    prepared = prepare_target(
        inputs["data"],
        task,
        cell.data,
        context.work,
        said.tokenizer,
        said.facts,
        said.settings.window,
    )
    whole = split_of(prepared, "train", "the target")
    chosen = choose(whole, cell.size, seed, per_class=cell.per_class)
    held_out = split_of(prepared, "test", "the target")
    require_measurable(task, prepared.facts, held_out)
    test_size = None if cell.test_size is None else min(cell.test_size, len(held_out))
    return _Target(
        inputs["data"],
        Carried(said.settings, weights, said.tokenizer, said.facts),
        task,
        read_of(task, said.objective),
        prepared,
        rows_of(chosen, said.settings),
        rows_of(choose(held_out, test_size, _TEST_SEED), said.settings),
        seed,
    )


def _by_words(target: _Target) -> _Outcome:
    """No network at all: word counts and a linear classifier."""
    begun = time.perf_counter()
    measured = classify_by_words(target.dataset, target.task, target.data, target.test, target.seed)
    return _Outcome(measured, None, 0, 0.0, time.perf_counter() - begun, WHAT, ())


def _by_training(
    method: Method, training: Training, target: _Target, metric: str, threads: int
) -> _Outcome:
    facts = target.prepared.facts
    task = build_task(
        target.task,
        facts,
        training.objective or target.objective,
        augment=training.augment,
        tokenizer=target.prepared.tokenizer,
    )
    model = start(target.carried, facts, target.seed)
    frozen, what = _made_ready(method, model, training.rank, target.seed)
    if training.freeze:
        frozen = (*frozen, *training.freeze)
        what += f"; frozen as well: {', '.join(training.freeze)}"
    if training.unfreeze:
        later = [f"{name} after {100 * share:.0f} %" for name, share in training.unfreeze.items()]
        what += f"; trained later: {', '.join(later)}"
    learnt = learn(
        model,
        task,
        target.data,
        target.test,
        training.optimizer,
        training.loop,
        seed=target.seed,
        threads=threads,
        frozen=frozen,
        unfreeze=training.unfreeze,
        figures=True,
        # Whether it was given enough steps to be a fair opponent (see `transfer.headline`).
        late=method == "scratch",
        late_figures=metric not in ("", LOSS.name),
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
    method: Method, model: nn.Module, rank: int | None, seed: int
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
            assert rank is not None
            what = (
                "the pretrained weights, frozen but for the head; beside every other linear layer "
                f"a product of rank {rank} is trained"
            )
            return adapt(model, rank, seed=seed), what
        case "tfidf-svm":
            raise ValueError("it has no network")
    assert_never(method)
