"""The training loop, whose steps can be read off the page in `train`:

initialise, forward, loss, backward, update, repeat until it has converged.

Everything that varies is a pure function of (seed, step): the order of the data, augmentation,
dropout, the learning rate. A checkpoint is therefore the weights, the optimizer's tensors and one
integer, and a run that is killed and started again ends with the same weights, bit for bit. The
model that training leaves behind is the last one, not the best one: with a model chosen by the
validation data, two arms of an experiment would differ in length as well as in data.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from tilth.context import FIRST_STEPS, Progress, silent
from tilth.randomness import combine, hashed
from tilth.training.average import Averaged
from tilth.training.device import choose_device, place, seed_dropout
from tilth.training.evaluate import evaluate
from tilth.training.examples import Examples
from tilth.training.freezing import first_steps, train_from
from tilth.training.memory import keep_free_memory, release_free_memory
from tilth.training.optimizer import build_optimizer, learning_rate
from tilth.training.order import Index, Order
from tilth.training.precision import autocast, choose_precision, is_emulated, set_precision
from tilth.training.ranks import current, of_first, sum_gradients
from tilth.training.settings import LoopSettings, OptimizerSettings
from tilth.training.state import (
    Clock,
    RunState,
    TrainResult,
    new_state,
    not_a_number,
    recorder,
    restore_state,
    save_state,
    torch_state,
)
from tilth.training.stopping import Plan, plan_steps
from tilth.training.task import Batch, Task

__all__ = ["TrainResult", "train"]

# Rows are gathered for several steps at once: one copy and one conversion instead of many small.
_GATHERED_BYTES = 2 << 20
# Ragged rows are sorted by length within so many batches: enough for little padding, few enough
# that an epoch is many such stretches.
_BUCKETED_BATCHES = 32
# In a shorter run compiling takes longer than it saves.
_COMPILED_STEPS = 1000
_EMULATED = (
    "this processor has no bf16 and computes it in fp32, many times slower; "
    "`precision: auto` takes what is fastest"
)


def train(
    model: nn.Module,
    task: Task,
    train_data: Examples,
    validation_data: Examples | None,
    optimizer: OptimizerSettings,
    loop: LoopSettings,
    *,
    seed: int,
    threads: int = 1,
    work: Path | None = None,
    progress: Progress = silent,
    frozen: Sequence[str] = (),
    unfreeze: Mapping[str, float] | None = None,
    late: Callable[[], None] | None = None,
) -> TrainResult:
    """Train an initialised model in place until it has converged or the budget is spent.

    Args:
        model: Its weights are the start, unless `work` holds a checkpoint. It is moved to the
            device of the loop, and stays there.
        task: Gives batches and their loss.
        train_data: Rows to learn from.
        validation_data: Rows that decide when it has converged; may be None.
        optimizer: The update rule and its schedule.
        loop: Budget, batch, precision, device.
        seed: Fixes order, dropout and augmentation.
        threads: Torch's threads; part of the run's identity, for sums depend on it.
        work: Folder of the checkpoint and of metrics.jsonl; None: nothing is written.
        progress: Told of steps, of how many (None if not known), and of the loss.
        frozen: Prefixes of parameter names that are not trained.
        unfreeze: Prefix -> the share of the run after which such parameters are trained.
        late: Called once, where the last tenth of the steps begins, to measure the model as it
            then is; never where the number of steps is not known.

    Raises:
        DataError: The data does not fit the model, or there is none.
        UsageError: The settings do not fit the model, each other or the machine.
        StepError: The loss is not a number, or the checkpoint in `work` is of another run.
        StorageError: A checkpoint cannot be written; the previous one is kept.
    """
    task.check(model, train_data)
    order = Order(train_data.ids, train_data.weights, seed)
    plan = plan_steps(loop, optimizer, order, train_data)
    device = choose_device(loop.device)
    place(model, device)
    if _compiles(loop, device, plan):
        model.compile()
    first = first_steps(model, frozen, unfreeze or {}, plan.total_steps)
    train_from(model, first, None)
    parameters = [p for p in model.parameters() if p.requires_grad]
    update = build_optimizer(model, optimizer)
    average = Averaged(update, model, loop.ema) if loop.ema else None
    update = average or update
    state = new_state(optimizer, loop, train_data, seed, threads, device.type)
    if work is not None:
        state = restore_state(work, model, update, state)
    run = state.result
    clock = Clock(run.seconds, loop.checkpoint_every)
    before = run.examples, run.tokens
    keep_free_memory()
    with torch_state(threads), recorder(work, run, tensorboard=loop.tensorboard) as record:
        train_from(model, first, run.steps)
        if run.precision:
            set_precision(run.precision)
        told = FIRST_STEPS
        if is_emulated(run.precision or loop.precision, device):
            told = f"{_EMULATED}; {told}"
            if _EMULATED not in run.notes:
                run.notes.append(_EMULATED)
        progress(run.steps, plan.total_steps, told)
        for rows, batch in _batches(task, train_data, order, plan, loop, run.examples, seed):
            if run.stopped:
                break
            if not run.precision:
                run.precision = _choose_precision(loop.precision, model, task, batch, device)
                set_precision(run.precision)
            if run.steps in first.values():
                train_from(model, first, run.steps)
            if late is not None and run.steps == plan.last_tenth:
                with average.in_place() if average else contextlib.nullcontext():
                    late()
            rate = learning_rate(optimizer, run.steps, plan.total_steps)

            loss, count = _forward_loss_backward(
                model, parameters, task, batch, state, combine(seed, run.steps, 2), device
            )
            if not math.isfinite(loss):
                raise not_a_number("the loss is", state, _first(train_data.names(rows)))
            if optimizer.grad_clip:
                norm = nn.utils.clip_grad_norm_(parameters, optimizer.grad_clip)
                if not math.isfinite(norm.item()):
                    raise not_a_number("the gradient is", state, _first(train_data.names(rows)))
            update.step(rate)

            state.loss_sum += loss * count
            state.loss_count += count
            run.steps += 1
            run.examples += len(rows)
            run.tokens += count
            run.stopped = plan.limit_reached(run.steps, clock.seconds())
            if run.stopped or run.steps % plan.eval_every == 0:
                with average.in_place() if average else contextlib.nullcontext():
                    _measure(model, task, validation_data, loop, state, rate, clock, record)
            if clock.report_is_due() or run.stopped:
                pace = _pace(task, clock, run.examples - before[0], run.tokens - before[1])
                progress(run.steps, plan.total_steps, f"loss {loss:.3f}, {pace}")
            due = work is not None and (run.stopped or clock.checkpoint_is_due(run.steps))
            if due and work is not None and current().is_first:
                run.seconds = clock.seconds()
                save_state(work, model, update, state)
        model.eval()
        if average is not None:
            average.keep()
    if work is None:
        run.seconds = clock.seconds()
    return run


def _compiles(loop: LoopSettings, device: torch.device, plan: Plan) -> bool:
    if loop.compile != "auto":
        return loop.compile
    return device.type == "cuda" and (plan.total_steps or _COMPILED_STEPS) >= _COMPILED_STEPS


def _pace(task: Task, clock: Clock, examples: int, tokens: int) -> str:
    """How fast it goes, in what is usual for the task."""
    counted = tokens if task.paced_by == "tokens" else examples
    return f"{clock.rate(counted):,.0f} {task.paced_by}/s"


def _batches(
    task: Task,
    data: Examples,
    order: Order,
    plan: Plan,
    loop: LoopSettings,
    position: int,
    seed: int,
) -> Iterator[tuple[Index, Batch]]:
    """The batches from a position in the data on, with the rows each is made of."""
    lengths = task.lengths(data)
    if lengths is not None:
        yield from _bucketed_batches(task, data, lengths, order, plan, loop, position, seed)
        return
    row_bytes = data.rows[:1].size * 8
    gathered = max(_GATHERED_BYTES // row_bytes // loop.batch_size, 1) * loop.batch_size
    end = plan.total_examples
    while end is None or position < end:
        count = gathered if end is None else min(gathered, end - position)
        rows, epochs = order.take(position, count)
        batch = task.collate(data, rows, epochs, seed)
        for number, part in enumerate(batch.split(loop.batch_size)):
            start = number * loop.batch_size
            yield rows[start : start + loop.batch_size], part
        position += count


def _bucketed_batches(
    task: Task,
    data: Examples,
    lengths: Index,
    order: Order,
    plan: Plan,
    loop: LoopSettings,
    position: int,
    seed: int,
) -> Iterator[tuple[Index, Batch]]:
    """As `_batches`, with rows of like length in a batch, so that little of it is padding.

    A stretch of the order is sorted by length, cut, and the cuts shuffled. Stretches begin at
    fixed positions, so a batch is a function of (seed, position) here too.
    """
    stretch = _BUCKETED_BATCHES * loop.batch_size
    number, done = divmod(position, stretch)
    end = plan.total_examples
    while end is None or number * stretch < end:
        count = stretch if end is None else min(stretch, end - number * stretch)
        rows, epochs = order.take(number * stretch, count)
        by_length = np.argsort(lengths[rows], kind="stable")
        cuts = np.arange(0, count, loop.batch_size, dtype=np.uint64)
        for cut in np.argsort(hashed(cuts, seed, number, 8), kind="stable"):
            chosen = by_length[cut * loop.batch_size : (cut + 1) * loop.batch_size]
            if done <= 0:
                yield rows[chosen], task.collate(data, rows[chosen], epochs[chosen], seed)
            done -= len(chosen)
        number, done = number + 1, 0
        release_free_memory()


def _forward_loss_backward(
    model: nn.Module,
    parameters: list[nn.Parameter],
    task: Task,
    batch: Batch,
    state: RunState,
    dropout_seed: int,
    device: torch.device,
) -> tuple[float, int]:
    """Leave the gradient of the mean loss in the parameters.

    Each micro-batch's summed loss is divided by the targets of the *whole* batch, so that cutting
    a batch changes nothing but the memory. Where memory runs out all the same, the micro-batch is
    halved, and so on down to one row.

    Returns:
        The mean loss a target, in nats, and the number of targets.
    """
    total = max(int(batch.counts.sum()), 1)  # utterances that a transform cut to silence have none
    num_rows = len(batch.counts)
    ranks = current()
    scale = torch.tensor(1 / total)
    while True:
        try:
            seed_dropout(dropout_seed ^ ranks.rank, device)
            for parameter in parameters:
                parameter.grad = None
            size = -(-num_rows // (state.accumulate * ranks.world))
            parts = batch.split(size) if size < num_rows else [batch]
            summed_loss = 0.0
            for part in parts[ranks.rank :: ranks.world]:
                with autocast(state.result.precision, device):
                    loss = task.loss(model, part.to(device))
                loss.backward(scale.to(loss.device))  # type: ignore[no-untyped-call]
                summed_loss += loss.item()
            if ranks.world > 1:
                trained = [p for p in parameters if p.requires_grad]
                summed_loss = sum_gradients(trained, summed_loss)
            return summed_loss / total, total
        except RuntimeError as error:
            # One process of several cannot cut a batch otherwise than the others.
            if not _is_out_of_memory(error) or state.accumulate >= num_rows or ranks.world > 1:
                raise
            state.accumulate *= 2
            state.result.notes.append(
                f"out of memory at step {state.result.steps + 1}: batches are now cut into "
                f"{state.accumulate} micro-batches; the sum over a batch is the same"
            )


def _is_out_of_memory(error: RuntimeError) -> bool:
    if isinstance(error, torch.OutOfMemoryError):
        return True
    # The allocator of the CPU raises a plain RuntimeError.
    return "can't allocate memory" in str(error) or "not enough memory" in str(error)


def _measure(
    model: nn.Module,
    task: Task,
    validation_data: Examples | None,
    loop: LoopSettings,
    state: RunState,
    rate: float,
    clock: Clock,
    record: Callable[[dict[str, Any]], None],
) -> None:
    """Add a point to the curve, and say whether training has converged."""
    run = state.result
    point = {
        "step": run.steps,
        "examples": run.examples,
        "loss": state.loss_sum / max(state.loss_count, 1),
        "learning_rate": rate,
    }
    state.loss_sum, state.loss_count = 0.0, 0
    if validation_data is not None:
        evaluation = evaluate(model, task, validation_data, batch_size=loop.evaluation_batch_size)
        point |= {"validation_loss": evaluation.loss, task.metric: evaluation.value}
        loss = of_first(evaluation.loss)
        if loss < state.best - loop.min_improvement:
            state.best, state.without_improvement = loss, 0
        else:
            state.without_improvement += 1
            if loop.patience and state.without_improvement >= loop.patience:
                run.stopped = "converged"
    point["seconds"] = round(clock.seconds(), 3)
    run.curve.append(point)
    record(point)


def _choose_precision(
    wanted: str, model: nn.Module, task: Task, batch: Batch, device: torch.device
) -> str:
    def trial(precision: str) -> None:
        with autocast(precision, device):
            loss = task.loss(model, batch.to(device))
        loss.backward()  # type: ignore[no-untyped-call]
        model.zero_grad(set_to_none=True)

    return choose_precision(wanted, device, trial)


def _first(names: list[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
