"""The training loop, whose six steps can be read off the page in `train`:

initialise, forward, loss, backward, update, repeat until it has converged.

Everything that varies is a pure function of (seed, step): the order of the data, augmentation,
dropout, the learning rate. A checkpoint is therefore the weights, the optimizer's tensors and one
integer, and a run that is killed and started again ends with the same weights, bit for bit. The
model that training leaves behind is the last one, not the best one: with a model chosen by the
validation data, two arms of an experiment would differ in length as well as in data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from torch import nn

from tilth.context import Progress, silent
from tilth.training.examples import Examples
from tilth.training.session import Session
from tilth.training.settings import LoopSettings, OptimizerSettings
from tilth.training.state import TrainResult
from tilth.training.task import Task

__all__ = ["TrainResult", "train"]


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
    session = Session(
        model,
        task,
        train_data,
        validation_data,
        optimizer,
        loop,
        seed=seed,
        threads=threads,
        work=work,
        progress=progress,
        frozen=frozen,
        unfreeze=unfreeze or {},
        late=late,
    )
    with session.initialised():
        for batch in session.batches():
            for parts in session.cuts(batch):
                with session.memory():
                    for part in parts:
                        outputs = session.forward(part)
                        loss = session.loss(outputs, part)
                        session.backward(loss)
                        del outputs, loss  # not kept while the next are made
            session.update()
            if session.has_converged():
                break
    return session.result
