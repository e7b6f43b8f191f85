"""What a training run remembers between steps, on disk and off."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from pydantic import TypeAdapter
from torch import nn

from tilth.errors import StepError
from tilth.records import Json
from tilth.store.files import storage_errors, sweep, write_bytes
from tilth.training.checkpoint import load_checkpoint, save_checkpoint
from tilth.training.curve import CurvePoint
from tilth.training.examples import Examples
from tilth.training.optimizer import UpdateRule
from tilth.training.ranks import current
from tilth.training.settings import LoopSettings, OptimizerSettings
from tilth.training.tensorboard import Events

CHECKPOINT, METRICS, EVENTS = "checkpoint.safetensors", "metrics.jsonl", "tensorboard"
# What changes neither the weights nor what is measured; the device counts as what `auto` found.
_NOT_IDENTITY = {"checkpoint_every", "tensorboard", "device"}
_CHECKPOINT_SECONDS = 20.0


@dataclass
class TrainResult:
    """What a training run did; the model itself was changed in place.

    Attributes:
        curve: One point a validation.
        stopped: converged, max_steps, epochs, max_tokens or max_seconds.
        steps: Optimizer steps.
        examples: Rows trained on, repetitions included: the place in the data.
        tokens: Targets trained on: the tokens of text, the images.
        seconds: Wall-clock, of the steps and of the validations between them, over all starts of
            the run. Each step counts once: what was lost by a kill and made again is not added.
        precision: fp32, fp32-fast or bf16.
        device: cpu or cuda.
        threads: Torch's threads.
        notes: What the user should be told: a batch that was cut to fit the memory, say.
        cpu_seconds: Processor time of the same, summed over threads and processes.
    """

    curve: list[CurvePoint] = field(default_factory=list)
    stopped: str = ""
    steps: int = 0
    examples: int = 0
    tokens: int = 0
    seconds: float = 0.0
    precision: str = ""
    device: str = "cpu"
    threads: int = 1
    notes: list[str] = field(default_factory=list)
    cpu_seconds: float = 0.0


@dataclass
class RunState:
    """The result so far, and what is needed to go on. All of it is JSON-able.

    Attributes:
        identity: What must agree for a checkpoint to be of the same run.
        result: What will be returned.
        accumulate: Micro-batches a batch is cut into; grows when memory runs out.
        loss_sum, loss_count: Since the last point of the curve.
        best: Lowest validation loss.
        without_improvement: Validations since then.
    """

    identity: Json
    result: TrainResult
    accumulate: int
    loss_sum: float = 0.0
    loss_count: int = 0
    best: float = math.inf
    without_improvement: int = 0


_STATE = TypeAdapter(RunState)


def new_state(
    optimizer: OptimizerSettings,
    loop: LoopSettings,
    data: Examples,
    seed: int,
    threads: int,
    device: str,
) -> RunState:
    """The state before step 1."""
    identity: Json = {
        "optimizer": optimizer.model_dump(mode="json"),
        "loop": loop.model_dump(mode="json", exclude=_NOT_IDENTITY),
        "data": f"{len(data)} {int(np.add.reduce(data.ids)):016x} {int(data.counts.sum())}",
        "seed": seed,
        "threads": threads,
        "device": device,
    }
    return RunState(identity, TrainResult(threads=threads, device=device), loop.accumulate)


def save_state(work: Path, model: nn.Module, optimizer: UpdateRule, state: RunState) -> None:
    """Write the checkpoint.

    Raises:
        StepError: A weight is not a number; the previous checkpoint is kept.
        StorageError: The disk is full or the folder cannot be written.
    """
    for name, parameter in model.named_parameters():
        if not bool(torch.isfinite(parameter).all()):
            raise not_a_number(f"the weights `{name}` are", state, "")
    kept = _STATE.dump_python(state, mode="json")
    save_checkpoint(work / CHECKPOINT, model, optimizer, kept)


def restore_state(work: Path, model: nn.Module, optimizer: UpdateRule, state: RunState) -> RunState:
    """The state of the checkpoint in `work`, with model and optimizer restored; else `state`.

    Raises:
        StepError: The checkpoint is damaged or of another run.
    """
    first = current().is_first
    if first:
        sweep(work)  # the others write nothing here
    kept = load_checkpoint(work / CHECKPOINT, model, optimizer)
    if kept is not None:
        saved = _STATE.validate_python(kept)
        differing = [k for k, v in state.identity.items() if saved.identity.get(k) != v]
        if differing:
            raise StepError(
                f"the checkpoint here is of another run: {', '.join(differing)} differ",
                where=str(work / CHECKPOINT),
                hint=f"delete {work} to train from the start",
                code="checkpoint-mismatch",
            )
        state = saved
    if first:
        lines = "".join(point.as_line() for point in state.result.curve)
        write_bytes(work / METRICS, lines.encode())
    return state


@contextlib.contextmanager
def recorder(
    work: Path | None, result: TrainResult, *, tensorboard: bool
) -> Iterator[Callable[[CurvePoint], None]]:
    """A function that writes a point of the curve for whoever watches.

    Args:
        work: Folder of `metrics.jsonl`; None: nothing is written.
        result: The curve so far.
        tensorboard: Also write TensorBoard's events.

    Raises:
        MissingError: tensorboard is not installed.
    """
    if work is None or not current().is_first:
        yield lambda _point: None
        return
    metrics = work / METRICS
    events = Events(work / EVENTS, result.curve, result.seconds) if tensorboard else None

    def record(point: CurvePoint) -> None:
        with storage_errors(metrics), metrics.open("a", encoding="utf-8") as file:
            file.write(point.as_line())
        if events is not None:
            events.add(point)

    try:
        yield record
    finally:
        if events is not None:
            events.close()


def not_a_number(what: str, state: RunState, ids: str) -> StepError:
    """The error of a run whose numbers overflowed. It is raised before anything is overwritten."""
    return StepError(
        f"{what} not a number at step {state.result.steps + 1}; training stopped before the update",
        where=f"batch of samples {ids}" if ids else "",
        hint="lower optimizer.learning_rate or set optimizer.grad_clip: 1.0; the last good "
        "checkpoint is kept, and `tilth trace RUN ID` shows a sample",
        code="not-a-number",
    )


class Clock:
    """Seconds of the run over all its starts, and when a checkpoint or a report is due."""

    def __init__(self, seconds_before: float, checkpoint_every: int) -> None:
        self._begun = time.perf_counter()
        self._start = self._begun - seconds_before
        self._lap = time.process_time()
        self._every = checkpoint_every
        self._last_checkpoint = self._last_report = time.perf_counter()

    def seconds(self) -> float:
        """Elapsed."""
        return time.perf_counter() - self._start

    def cpu_lap(self) -> float:
        """Processor time of this process since it was last asked for."""
        before, self._lap = self._lap, time.process_time()
        return self._lap - before

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Within, no time counts."""
        begun, cpu_begun = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self._start += time.perf_counter() - begun
            self._lap += time.process_time() - cpu_begun

    def rate(self, count: int) -> float:
        """So many things a second since this process began on the run."""
        return count / max(time.perf_counter() - self._begun, 1e-9)

    def checkpoint_is_due(self, steps: int) -> bool:
        """Every so many steps, or every so many seconds; neither changes the weights."""
        if self._every:
            return steps % self._every == 0
        now = time.perf_counter()
        if now - self._last_checkpoint < _CHECKPOINT_SECONDS:
            return False
        self._last_checkpoint = now
        return True

    def report_is_due(self) -> bool:
        """Twice a second."""
        now = time.perf_counter()
        if now - self._last_report < 0.5:
            return False
        self._last_report = now
        return True


@contextlib.contextmanager
def torch_state(threads: int) -> Iterator[None]:
    """Torch with so many threads and deterministic kernels; all settings come back afterwards.

    Where there is a GPU, a kernel that has no deterministic form there is a warning, not an error.
    """
    before_threads = torch.get_num_threads()
    generator = torch.random.get_rng_state()
    deterministic = torch.get_deterministic_debug_mode()
    fill = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    matmul = torch.get_float32_matmul_precision()
    torch.set_num_threads(threads)
    # As `use_deterministic_algorithms(True)`, which also loads the compiler (0.8 s).
    torch.set_deterministic_debug_mode("warn" if torch.cuda.is_available() else "error")
    # Filling fresh memory guards against kernels that read it; it costs time at every step.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(matmul)
        torch.utils.deterministic.fill_uninitialized_memory = fill  # type: ignore[attr-defined]
        torch.set_deterministic_debug_mode(deterministic)
        torch.random.set_rng_state(generator)
        torch.set_num_threads(before_threads)
