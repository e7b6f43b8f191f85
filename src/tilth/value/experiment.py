"""Run one cell of an experiment: train one arm with one seed, carry it over, measure it."""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tilth.augment.registry import TransformSpec
from tilth.context import Context
from tilth.errors import DataError
from tilth.models.build import build_model
from tilth.models.facts import Facts
from tilth.tasks.base import Answering
from tilth.tasks.build import build_task
from tilth.tasks.declare import LOSS, Payload
from tilth.tasks.prepare import Prepared
from tilth.tasks.registry import declaration
from tilth.tasks.settings import ObjectiveSettings, TaskName, read_of
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
from tilth.value.gate import leaking_ids
from tilth.value.resolve import Experiment, resolve
from tilth.value.result import Cell, ValueOutcome
from tilth.value.settings import (
    AUGMENT,
    CONTROL,
    PRETRAIN,
    Change,
    Planned,
    Settings,
)

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
    cell: Cell,
    inputs: Mapping[str, Path],
    settings: Settings,
    context: Context,
    planned: Planned,
) -> ValueOutcome:
    """See `tilth.value.arms.run_cell`."""
    begun = time.perf_counter()
    name, share = cell.arm, cell.share
    experiment = resolve(settings, planned, name)
    seed = context.seed * 1_000 + cell.seed
    data = _read(name, share, seed, inputs, settings, experiment, context)
    skips_pretraining = name != CONTROL and settings.arms[name].without == PRETRAIN
    augment = _augment(settings.arms.get(name), planned.augment)
    tokenizer, facts = data.control.tokenizer, data.control.facts
    loop = experiment.loop
    if share < 1 and settings.curve_of == "steps" and loop.max_steps is not None:
        loop = loop.model_copy(update={"max_steps": max(round(loop.max_steps * share), 1)})

    def task_of(name: TaskName, said: Facts, objective: ObjectiveSettings) -> Answering:
        # What a transform draws depends on (seed, epoch, id): arms of one seed draw alike.
        return build_task(name, said, objective, augment=augment, tokenizer=tokenizer)

    rows = rows_of(data.training, experiment.model)
    model = build_model(experiment.model, facts.sizes, seed=seed)
    notes: list[str] = []
    asked, target = experiment.metric not in ("", LOSS.name), experiment.target
    steps, epochs, evaluation, late = 0, 0.0, None, None
    if not skips_pretraining:
        learnt = learn(
            model,
            task_of(experiment.task, facts, experiment.objective),
            rows,
            rows_of(data.held_out, experiment.model) if data.target is None else None,
            experiment.optimizer,
            loop,
            seed=seed,
            threads=context.threads,
            figures=asked and data.target is None,
        )
        steps, epochs, evaluation = learnt.result.steps, learnt.epochs, learnt.evaluation
        notes += learnt.result.notes
    if data.target is not None and data.tuning is not None and target is not None:
        weights = None if skips_pretraining else model.state_dict()
        carried = Carried(experiment.model, weights, tokenizer, facts)
        said = data.target.facts
        # The control's objective: what an arm changes of it is of pretraining.
        given = target.objective or resolve(settings, planned).objective
        objective = read_of(experiment.measured_task, given)
        tuned_on = choose(data.tuning, target.size, seed, per_class=target.size_per_class)
        learnt = learn(
            start(carried, said, seed),
            task_of(experiment.measured_task, said, objective),
            rows_of(tuned_on, experiment.model),
            rows_of(data.held_out, experiment.model),
            target.optimizer,
            target.loop,
            seed=seed,
            threads=context.threads,
            frozen=target.freeze,
            unfreeze=target.unfreeze,
            figures=asked,
            late_figures=asked,
            # From scratch: whether that was given enough steps (see `transfer.headline`).
            late=skips_pretraining,
        )
        evaluation, late = learnt.evaluation, learnt.late
        notes += learnt.result.notes
    if evaluation is None:
        raise DataError("an arm without pretraining needs a target", where=f"value.arms.{name}")
    if data.removed:
        notes.append(f"copies of held-out samples left out of its training: {data.removed}")
    unique = 0 if skips_pretraining else len(data.training)
    own = {} if name == CONTROL else settings.arms[name].training
    how = json.dumps([augment, skips_pretraining, own], sort_keys=True).encode()
    return ValueOutcome(
        measured=reported(evaluation, experiment.metric),
        parts=parts_of(evaluation, experiment.metric, data.held_out_path, settings.group),
        test_samples=len(evaluation.ids),
        items=declaration(experiment.measured_task).data.items,
        nine_tenths=None if late is None else reported(late, experiment.metric).value,
        seconds=round(time.perf_counter() - begun, 4),
        steps=steps,
        unique_examples=unique,
        epochs=round(epochs, 4),
        data_digest="" if skips_pretraining else _digest(rows),
        recipe_digest=hashlib.sha256(how).hexdigest()[:16],
        notes=tuple(notes),
    )


def _read(
    name: str,
    share: float,
    seed: int,
    inputs: Mapping[str, Path],
    settings: Settings,
    experiment: Experiment,
    context: Context,
) -> _Data:
    """Arrays of control, arm and target. The tokenizer is the control's: one yardstick for all."""
    control_path = inputs[CONTROL]
    require_column(control_path, settings.group)
    arm_path = inputs.get(name, control_path)
    window = experiment.model.window
    control = prepare_once(
        control_path, experiment.task, experiment.data, context.work, window=window
    )

    def of_arm(path: Path) -> Prepared:
        if path == control_path:
            return control
        return prepare_once(
            path,
            experiment.task,
            experiment.data,
            context.work,
            tokenizer=control.tokenizer,
            classes=control.facts.classes or None,
            window=window,
        )

    arm = of_arm(arm_path)
    target, measured_on, test_size = None, control, None
    if experiment.target is not None:
        target = prepare_target(
            control_path,
            experiment.measured_task,
            experiment.target.data,
            context.work,
            control.tokenizer,
            control.facts,
            window,
        )
        measured_on, test_size = target, experiment.target.test_size
    held_out = split_of(measured_on, "test", "the control")
    require_measurable(experiment.measured_task, measured_on.facts, held_out)
    if test_size is not None:
        held_out = choose(held_out, min(test_size, len(held_out)), _TEST_SEED)
    payload = declaration(experiment.task).data.payload
    gate = _Gate(held_out, control_path, settings.leakage, context.work, payload)
    tuning, removed = None, 0
    if target is not None:
        tuning, removed = gate.passed(
            split_of(target, "train", "the target"), control_path, "the target's training split"
        )
    whole = split_of(arm, "train", f"arm {name}")
    if name == CONTROL or settings.arms[name].without != PRETRAIN:
        whole, more = gate.passed(whole, arm_path, f"arm {name}")
        removed += more
    if settings.match == "data":
        fewest = min(len(split_of(of_arm(p), "train", "an arm")) for p in inputs.values())
        whole = choose(whole, min(fewest, len(whole)), seed)
    if share < 1 and settings.curve_of == "data":
        whole = choose(whole, max(round(share * len(whole)), 1), seed)
    return _Data(control, whole, target, tuning, held_out, control_path, removed)


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


def _augment(change: Change | None, planned: Sequence[TransformSpec]) -> list[TransformSpec]:
    """The arm's transforms: an arm may leave one out, or change its settings."""
    found: list[TransformSpec] = []
    seen: Counter[str] = Counter()
    for spec in planned:
        [(op, settings)] = spec.items()
        seen[op] += 1
        # As the recipe's steps are named: of two of one kind the second has a number.
        step = f"{AUGMENT}{op}" + (f"-{seen[op]}" if seen[op] > 1 else "")
        if change is None or change.step != step:
            found.append(spec)
        elif change.set:
            found.append({op: {**settings, **change.set[step]}})
    return found


def _digest(rows: Examples) -> str:
    """A digest of everything that training reads."""
    digest = hashlib.sha256()
    arrays: list[Any] = [rows.ids, rows.weights]
    for part in (rows.inputs, rows.targets):
        arrays += [part.values, part.starts] if isinstance(part, Ragged) else [part]
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:32]
