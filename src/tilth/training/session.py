"""What surrounds the six steps of training: where they run, what they leave behind, when they end.

`tilth.training.loop` shows the steps; a session is everything that would stand between them.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tilth.context import FIRST_STEPS, Progress
from tilth.errors import StepError, UsageError
from tilth.randomness import combine
from tilth.training.average import Averaged
from tilth.training.batches import batches_from
from tilth.training.curve import CurvePoint
from tilth.training.device import choose_device, place, seed_dropout
from tilth.training.evaluate import evaluate
from tilth.training.examples import Examples
from tilth.training.freezing import first_steps, train_from
from tilth.training.memory import keep_free_memory
from tilth.training.optimizer import build_optimizer, learning_rate
from tilth.training.order import Index, Order
from tilth.training.precision import autocast, choose_precision, is_emulated, set_precision
from tilth.training.ranks import current, of_first, sum_gradients, sum_of_all
from tilth.training.settings import LoopSettings, OptimizerSettings
from tilth.training.state import (
    Clock,
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

# In a shorter run compiling takes longer than it saves.
_COMPILED_STEPS = 1000
_EMULATED = (
    "this processor has no bf16 and computes it in fp32, many times slower; "
    "`precision: auto` takes what is fastest"
)


class Session:
    """One training run. Its arguments are those of `tilth.training.loop.train`."""

    def __init__(
        self,
        model: nn.Module,
        task: Task,
        train_data: Examples,
        validation_data: Examples | None,
        optimizer: OptimizerSettings,
        loop: LoopSettings,
        *,
        seed: int,
        threads: int,
        work: Path | None,
        progress: Progress,
        frozen: Sequence[str],
        unfreeze: Mapping[str, float],
        late: Callable[[], None] | None,
    ) -> None:
        task.check(model, train_data)
        self._model, self._task = model, task
        self._train, self._validation = train_data, validation_data
        self._optimizer, self._loop = optimizer, loop
        self._seed, self._work, self._progress, self._late = seed, work, progress, late
        self._order = Order(train_data.ids, train_data.weights, seed)
        self._plan = plan_steps(loop, optimizer, self._order, train_data)
        if loop.patience and validation_data is None:
            raise UsageError(
                f"patience {loop.patience} waits for the validation loss, and no sample is held "
                "out for validation",
                where="loop.patience",
                hint="raise data.validation_share, or leave `patience` out",
            )
        steps = self._plan.total_steps
        self._device = choose_device(loop.device)
        place(model, self._device)
        if _compiles(loop, self._device, self._plan):
            model.compile()
        self._first = first_steps(model, frozen, unfreeze, self._plan.total_steps)
        train_from(model, self._first, None)
        self._parameters = [p for p in model.parameters() if p.requires_grad]
        rule = build_optimizer(model, optimizer)
        self._average = Averaged(rule, model, loop.ema) if loop.ema else None
        self._rule = self._average or rule
        self._state = new_state(optimizer, loop, train_data, seed, threads, self._device.type)
        if steps is not None and optimizer.warmup_steps > steps:
            self.result.notes.append(
                f"the warm-up of {optimizer.warmup_steps} steps is longer than the run of {steps}: "
                "the rate never reached its peak"
            )
        self._rows: Index = np.zeros(0, np.int64)
        self._rate = self._loss_sum = 0.0
        self._targets = 0
        self._ran_out = False
        self._scale = torch.ones(())

    @property
    def result(self) -> TrainResult:
        """What the run has come to so far."""
        return self._state.result

    @contextlib.contextmanager
    def initialised(self) -> Iterator[None]:
        """Within, the weights are those to begin with: as they are, or the checkpoint's."""
        if self._work is not None:
            self._state = restore_state(self._work, self._model, self._rule, self._state)
        run, loop = self.result, self._loop
        self._clock = Clock(run.seconds, loop.checkpoint_every)
        self._before = run.examples, run.tokens
        keep_free_memory()
        with (
            torch_state(run.threads),
            recorder(self._work, run, tensorboard=loop.tensorboard) as self._record,
        ):
            train_from(self._model, self._first, run.steps)
            if run.precision:
                set_precision(run.precision)
            told = FIRST_STEPS
            if is_emulated(run.precision or loop.precision, self._device):
                told = f"{_EMULATED}; {told}"
                if _EMULATED not in run.notes:
                    run.notes.append(_EMULATED)
            self._progress(run.steps, self._plan.total_steps, told)
            yield
            self._model.eval()
            if self._average is not None:
                self._average.keep()
        if self._work is None:
            run.seconds = self._clock.seconds()

    def batches(self) -> Iterator[Batch]:
        """The batches from here to the end of the budget, each when everything is ready for it."""
        run = self.result
        if run.stopped:
            return
        for rows, batch in batches_from(
            self._task, self._train, self._order, self._plan, self._loop, run.examples, self._seed
        ):
            if not run.precision:
                run.precision = self._choose_precision(batch)
                set_precision(run.precision)
            if run.steps in self._first.values():
                train_from(self._model, self._first, run.steps)
            if self._late is not None and run.steps == self._plan.last_tenth:
                with self._measured_weights(), self._clock.paused():
                    self._late()
            self._rows = rows
            yield batch

    def cuts(self, batch: Batch) -> Iterator[Iterator[Batch]]:
        """The batch in parts; once more, in parts of half the size, where memory runs out.

        Each part's summed loss is divided by the targets of the *whole* batch, so that cutting a
        batch changes nothing but the memory. Of several processes each has its own parts.
        """
        run, ranks, num_rows = self.result, current(), len(batch.counts)
        # Utterances that a transform cut to silence have no targets.
        self._targets = max(int(batch.counts.sum()), 1)
        self._scale = torch.tensor(1 / self._targets)
        self._ran_out = True
        while self._ran_out:
            self._ran_out = False
            self._loss_sum = 0.0
            seed_dropout(combine(self._seed, run.steps, 2) ^ ranks.rank, self._device)
            for parameter in self._parameters:
                parameter.grad = None
            size = -(-num_rows // (self._state.accumulate * ranks.world))
            parts = batch.split(size) if size < num_rows else [batch]
            yield (part.to(self._device) for part in parts[ranks.rank :: ranks.world])
            if self._ran_out:
                self._state.accumulate *= 2
                run.notes.append(
                    f"out of memory at step {run.steps + 1}: batches are now cut into "
                    f"{self._state.accumulate} micro-batches; the sum over a batch is the same"
                )

    @contextlib.contextmanager
    def memory(self) -> Iterator[None]:
        """Within, memory that runs out ends the parts of a cut, where it can be cut smaller."""
        try:
            yield
        except RuntimeError as error:
            # One process of several cannot cut a batch otherwise than the others.
            can_be_cut = self._state.accumulate < len(self._rows) and current().world == 1
            if not can_be_cut or not _is_out_of_memory(error):
                raise
            self._ran_out = True

    def forward(self, part: Batch) -> Any:
        """What the model says of some rows."""
        with autocast(self.result.precision, self._device):
            return self._task.forward(self._model, part)

    def loss(self, outputs: Any, part: Batch) -> Tensor:
        """How wrong that is, in nats, summed over the targets."""
        with autocast(self.result.precision, self._device):
            found = self._task.loss(outputs, part)
        if not isinstance(found, Tensor) or found.dim():
            given = list(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise StepError(
                f"the task's `loss` gives {given}, and one number is wanted: a tensor without "
                "dimensions",
                hint="summed over the targets of the batch, as by `.sum()`",
                code="contract",
            )
        return found

    def backward(self, loss: Tensor) -> None:
        """Add the gradient of the part's share of the mean loss to the parameters'."""
        loss.backward(self._scale.to(loss.device))  # type: ignore[no-untyped-call]
        self._loss_sum += loss.item()

    def update(self) -> None:
        """Change the weights by the gradient of the whole batch.

        Raises:
            StepError: The loss or the gradient is not a number; nothing was changed.
        """
        run, state = self.result, self._state
        cpu_seconds = self._clock.cpu_lap()
        if current().world > 1:
            trained = [p for p in self._parameters if p.requires_grad]
            self._loss_sum, cpu_seconds = sum_gradients(trained, self._loss_sum, cpu_seconds)
        loss = self._loss_sum / self._targets
        if not math.isfinite(loss):
            raise not_a_number("the loss is", state, self._batch_names())
        if self._optimizer.grad_clip:
            norm = nn.utils.clip_grad_norm_(self._parameters, self._optimizer.grad_clip)
            if not math.isfinite(norm.item()):
                raise not_a_number("the gradient is", state, self._batch_names())
        self._rate = learning_rate(self._optimizer, run.steps, self._plan.total_steps)
        self._rule.step(self._rate)
        self._last_loss = loss
        state.loss_sum += loss * self._targets
        state.loss_count += self._targets
        run.steps += 1
        run.examples += len(self._rows)
        run.tokens += self._targets
        run.cpu_seconds += cpu_seconds

    def has_converged(self) -> bool:
        """Whether training is at its end: it has converged, or the budget is spent.

        Measures, tells and saves where that is due.
        """
        run, plan = self.result, self._plan
        run.stopped = plan.limit_reached(run.steps, self._clock.seconds())
        if run.stopped or run.steps % plan.eval_every == 0:
            with self._measured_weights():
                self._measure()
        if self._clock.report_is_due() or run.stopped:
            told = f"loss {self._last_loss:.3f}, {self._pace()}"
            self._progress(run.steps, plan.total_steps, told)
        due = self._work is not None and (
            bool(run.stopped) or self._clock.checkpoint_is_due(run.steps)
        )
        if run.stopped or current().world == 1:
            run.cpu_seconds += sum_of_all(self._clock.cpu_lap())
        if due and self._work is not None and current().is_first:
            run.seconds = self._clock.seconds()
            save_state(self._work, self._model, self._rule, self._state)
        return bool(run.stopped)

    def _measured_weights(self) -> contextlib.AbstractContextManager[None]:
        """Within, the model holds the weights that will be kept."""
        return self._average.in_place() if self._average else contextlib.nullcontext()

    def _measure(self) -> None:
        """Add a point to the curve, and say whether training has converged."""
        run, state, loop = self.result, self._state, self._loop
        loss = state.loss_sum / max(state.loss_count, 1)
        state.loss_sum, state.loss_count = 0.0, 0
        held_out: dict[str, float] = {}
        if self._validation is not None:
            evaluation = evaluate(
                self._model,
                self._task,
                self._validation,
                batch_size=loop.evaluation_batch_size,
                precision=run.precision,
            )
            held_out = {"validation_loss": evaluation.loss, self._task.metric: evaluation.value}
            everywhere = of_first(evaluation.loss)
            if everywhere < state.best - loop.min_improvement:
                state.best, state.without_improvement = everywhere, 0
            else:
                state.without_improvement += 1
                if loop.patience and state.without_improvement >= loop.patience:
                    run.stopped = "converged"
        taken = {"step": run.steps, "examples": run.examples, "loss": loss}
        at = {"learning_rate": self._rate, "seconds": round(self._clock.seconds(), 3)}
        point = CurvePoint.model_validate(taken | at | held_out)
        run.curve.append(point)
        self._record(point)

    def _pace(self) -> str:
        """How fast it goes, in what is usual for the task."""
        done = self.result.examples - self._before[0], self.result.tokens - self._before[1]
        counted = done[0] if self._task.paced_by == "samples" else done[1]
        return f"{self._clock.rate(counted):,.0f} {self._task.paced_by}/s"

    def _choose_precision(self, batch: Batch) -> str:
        def trial(precision: str) -> None:
            with autocast(precision, self._device):
                moved = batch.to(self._device)
                loss = self._task.loss(self._task.forward(self._model, moved), moved)
            loss.backward()  # type: ignore[no-untyped-call]
            self._model.zero_grad(set_to_none=True)

        return choose_precision(self._loop.precision, self._device, trial)

    def _batch_names(self) -> str:
        names = self._train.names(self._rows)
        return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _is_out_of_memory(error: RuntimeError) -> bool:
    # The allocator of the CPU raises a plain RuntimeError.
    told = str(error)
    return (
        isinstance(error, torch.OutOfMemoryError)
        or "can't allocate memory" in told
        or "not enough memory" in told
    )


def _compiles(loop: LoopSettings, device: torch.device, plan: Plan) -> bool:
    if loop.compile != "auto":
        return loop.compile
    return device.type == "cuda" and (plan.total_steps or _COMPILED_STEPS) >= _COMPILED_STEPS
