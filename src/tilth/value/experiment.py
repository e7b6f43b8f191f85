"""Run one cell of an experiment: train one arm with one seed, carry it over, measure it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tilth.context import Context
from tilth.errors import DataError
from tilth.models.build import build_model
from tilth.models.facts import Facts
from tilth.schema import column
from tilth.store import Dataset
from tilth.tasks.base import Answering
from tilth.tasks.build import build_task
from tilth.tasks.declare import LOSS, Payload
from tilth.tasks.prepare import Prepared
from tilth.tasks.registry import declaration
from tilth.tasks.settings import DataSettings, ObjectiveSettings, TaskName
from tilth.training.examples import Documents, Examples, Ragged
from tilth.transfer.clusters import require_column
from tilth.transfer.measure import parts_of, reported
from tilth.transfer.target import (
    Carried,
    choose,
    learn,
    prepare_once,
    prepare_target,
    require_measurable,
    rows_of,
    split_of,
    start,
)
from tilth.value.cell import CellSettings
from tilth.value.gate import leaking_ids
from tilth.value.result import ValueOutcome
from tilth.value.settings import CONTROL

# The test subset is the same for all seeds.
_TEST_SEED = 0


@dataclass(frozen=True)
class _Data:
    """All that a cell reads.

    Attributes:
        control: The control's training data as numbers; its tokenizer and classes are everyone's.
        training: The arm's training samples: without leaks, subsampled where the match asks.
        target: The target as numbers; None where the arm's own task is measured.
        tuning: The target's training samples, without leaks.
        held_out: What is measured: the control's, for every arm.
        held_out_path: The data set folder that it lies in.
        removed: Leaking samples that were left out.
    """

    control: Prepared
    training: Documents | Examples
    target: Prepared | None
    tuning: Documents | Examples | None
    held_out: Documents | Examples
    held_out_path: Path
    removed: int


def run_arm(
    name: str, cell: CellSettings, inputs: Mapping[str, Path], context: Context
) -> ValueOutcome:
    """See `tilth.value.arms.run_cell`.

    Args:
        name: Of the arm: whose data it is, and for errors.
        cell: All that is asked of it.
        inputs, context: As there.
    """
    begun = time.perf_counter()
    seed = context.seed * 1_000 + cell.seed
    data = _read(name, cell, seed, inputs, context)
    training, target = cell.training, cell.target
    tokenizer, facts = data.control.tokenizer, data.control.facts

    def task_of(name: TaskName, said: Facts, objective: ObjectiveSettings) -> Answering:
        # What a transform draws depends on (seed, epoch, id): arms of one seed draw alike.
        return build_task(name, said, objective, augment=cell.augment, tokenizer=tokenizer)

    rows = rows_of(data.training, cell.model)
    model = build_model(cell.model, facts.sizes, seed=seed)
    notes = [*(data.control if data.target is None else data.target).notes]
    asked = cell.metric not in ("", LOSS.name)
    steps, epochs, evaluation, late = 0, 0.0, None, None
    if training is not None:
        learnt = learn(
            model,
            task_of(cell.task, facts, training.objective),
            rows,
            rows_of(data.held_out, cell.model) if data.target is None else None,
            training.optimizer,
            training.loop,
            seed=seed,
            threads=context.threads,
            figures=asked and data.target is None,
        )
        steps, epochs, evaluation = learnt.result.steps, learnt.epochs, learnt.evaluation
        notes += learnt.result.notes
    if data.target is not None and data.tuning is not None and target is not None:
        weights = None if training is None else model.state_dict()
        carried = Carried(cell.model, weights, tokenizer, facts)
        said = data.target.facts
        assert target.objective is not None
        tuned_on = choose(data.tuning, target.size, seed, per_class=target.size_per_class)
        learnt = learn(
            start(carried, said, seed),
            task_of(cell.measured_task, said, target.objective),
            rows_of(tuned_on, cell.model),
            rows_of(data.held_out, cell.model),
            target.optimizer,
            target.loop,
            seed=seed,
            threads=context.threads,
            frozen=target.freeze,
            unfreeze=target.unfreeze,
            figures=asked,
            late_figures=asked,
            # From scratch: whether that was given enough steps (see `transfer.headline`).
            late=training is None,
        )
        evaluation, late = learnt.evaluation, learnt.late
        notes += learnt.result.notes
    if evaluation is None:
        raise DataError("an arm without pretraining needs a target", where=f"value.arms.{name}")
    if data.removed:
        notes.append(f"copies of held-out samples left out of its training: {data.removed}")
    return ValueOutcome(
        measured=reported(evaluation, cell.metric),
        parts=parts_of(evaluation, cell.metric, data.held_out_path, cell.group),
        test_samples=len(evaluation.ids),
        items=declaration(cell.measured_task).data.items,
        nine_tenths=None if late is None else reported(late, cell.metric).value,
        seconds=round(time.perf_counter() - begun, 4),
        steps=steps,
        unique_examples=0 if training is None else len(data.training),
        epochs=round(epochs, 4),
        data_digest="" if training is None else _digest(rows),
        recipe_digest=cell.recipe_digest,
        notes=tuple(notes),
    )


def _read(
    name: str, cell: CellSettings, seed: int, inputs: Mapping[str, Path], context: Context
) -> _Data:
    """Arrays of control, arm and target. The tokenizer is the control's: one yardstick for all."""
    control_path, training = inputs[CONTROL], cell.training
    require_column(control_path, cell.group)
    arm_path = inputs.get(name, control_path)
    window = cell.model.window
    control = prepare_once(control_path, cell.task, cell.data, context.work, window=window)
    data = cell.data
    if arm_path != control_path and _has_validation(control_path, data):
        # An arm that lost the source of that split holds nothing out in its place.
        data = data.model_copy(update={"validation_share": 0.0})

    def of_arm(path: Path) -> Prepared:
        if path == control_path:
            return control
        return prepare_once(
            path,
            cell.task,
            data,
            context.work,
            tokenizer=control.tokenizer,
            classes=control.facts.classes or None,
            window=window,
        )

    arm = of_arm(arm_path)
    target, measured_on, test_size = None, control, None
    if cell.target is not None:
        target = prepare_target(
            control_path,
            cell.measured_task,
            cell.target.data,
            context.work,
            control.tokenizer,
            control.facts,
            window,
        )
        measured_on, test_size = target, cell.target.test_size
    held_out = split_of(measured_on, "test", "the control")
    require_measurable(cell.measured_task, measured_on.facts, held_out)
    if test_size is not None:
        held_out = choose(held_out, min(test_size, len(held_out)), _TEST_SEED)
    payload = declaration(cell.task).data.payload
    gate = _Gate(held_out, control_path, cell.leakage, context.work, payload)
    tuning, removed = None, 0
    if target is not None:
        tuning, removed = gate.passed(
            split_of(target, "train", "the target"), control_path, "the target's training split"
        )
    whole = split_of(arm, "train", f"arm {name}")
    if training is not None:
        whole, more = gate.passed(whole, arm_path, f"arm {name}")
        removed += more
        if training.as_few:
            fewest = min(len(split_of(of_arm(p), "train", "an arm")) for p in inputs.values())
            whole = choose(whole, min(fewest, len(whole)), seed)
        if training.share < 1:
            whole = choose(whole, max(round(training.share * len(whole)), 1), seed)
    return _Data(control, whole, target, tuning, held_out, control_path, removed)


def _has_validation(path: Path, data: DataSettings) -> bool:
    """Whether a sample that is chosen is of the validation split by its own word."""
    for batch in Dataset(path).batches(["split", "source", "label"]):
        chosen = pc.equal(column(batch, "split"), data.validation)
        for name, wanted in (("source", data.sources), ("label", data.labels)):
            if wanted:
                chosen = pc.and_(chosen, pc.is_in(column(batch, name), pa.array(wanted)))
        if pc.any(chosen).as_py():
            return True
    return False


@dataclass(frozen=True)
class _Gate:
    """Lets training samples pass that are no copies of the held-out ones.

    Attributes:
        held_out: The held-out samples.
        path: The data set that they lie in.
        policy: What happens to copies: refuse or remove.
        work: Where the answers are kept.
        payload: What a sample is; the same for arms and target, which one network reads.
    """

    held_out: Documents | Examples
    path: Path
    policy: str
    work: Path
    payload: Payload

    def passed(
        self, training: Documents | Examples, path: Path, what: str
    ) -> tuple[Documents | Examples, int]:
        """The training samples that are no copies, and how many were left out.

        Raises:
            DataError: There are copies and the policy is to refuse.
        """
        leaks, example = leaking_ids(
            self.held_out, self.path, training, path, self.work, self.payload
        )
        if not len(leaks):
            return training, 0
        if self.policy == "refuse":
            raise DataError(
                f"training samples of {what} are copies of held-out samples ({len(leaks)} of "
                f"{len(training)}); measured on those it would look better than it is",
                where=example,
                hint="add `deduplicate.decontaminate` to the recipe, or set value.leakage: remove",
                code="leakage",
            )
        kept = ~np.isin(training.ids, leaks)
        return training.select(kept), int((~kept).sum())


def _digest(rows: Examples) -> str:
    """A digest of everything that training reads."""
    digest = hashlib.sha256()
    arrays: list[Any] = [rows.ids, rows.weights]
    for part in (rows.inputs, rows.targets):
        arrays += [part.values, part.starts] if isinstance(part, Ragged) else [part]
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:32]
