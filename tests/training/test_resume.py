"""A stopped run goes on with the same next batches, to the same weights, bit for bit."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open
from torch import Tensor, nn

from tests.training.runs import RUNS, Run
from tests.training.samples import same_bits, weights_of, without_time
from tilth.errors import StepError
from tilth.training.loop import TrainResult, train
from tilth.training.task import Batch


class StoppedError(Exception):
    """Raised by a test in the middle of a training."""


def go(
    run: Run, work: Path | None, seen: list[str], stop_after: int = -1, threads: int = 1
) -> TrainResult:
    """Train; `seen` takes a digest of every batch, and batch `stop_after` is not learnt from."""
    compute = run.task.forward

    def forward(model: nn.Module, batch: Batch) -> Any:
        if model.training:
            if len(seen) == stop_after:
                raise StoppedError
            tensors = [*batch.inputs, batch.targets]
            parts = b"".join(tensor.contiguous().numpy().tobytes() for tensor in tensors)
            seen.append(hashlib.sha256(parts).hexdigest())
        return compute(model, batch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run.task, "forward", forward)
        return train(
            run.model,
            run.task,
            run.data,
            run.data,
            run.optimizer,
            run.loop,
            seed=3,
            threads=threads,
            work=work,
        )


def steps_of(work: Path) -> dict[str, Tensor]:
    """All tensors of a checkpoint: weights, momenta, averages, counters."""
    with safe_open(work / "checkpoint.safetensors", framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


@pytest.mark.parametrize("kind", ["speech", "translated"])
def test_average_momenta_ragged_rows_and_augmentation_go_on(kind: str, tmp_path: Path) -> None:
    """Stopped at odd places, twice within the first two epochs and once at the end of one."""
    whole, batches = RUNS[kind](), list[str]()
    expected = go(whole, tmp_path / "whole", batches)
    assert expected.examples == 5 * len(whole.data)
    # Every batch is another one: a repetition would be augmented, or batched, otherwise.
    assert len(set(batches)) == len(batches) == expected.steps
    an_epoch = expected.steps // 5
    learnt = 0
    for stop_after in (an_epoch - 3, 4, an_epoch - 1, 2, -1):
        run, seen = RUNS[kind](), list[str]()
        with contextlib.suppress(StoppedError):
            result = go(run, tmp_path / "cut", seen, stop_after)
        assert seen == batches[learnt : learnt + len(seen)]
        learnt += len(seen) // 2 * 2  # a checkpoint every second step
    assert same_bits(weights_of(run.model), weights_of(whole.model))
    assert same_bits(steps_of(tmp_path / "cut"), steps_of(tmp_path / "whole"))
    assert without_time(result.curve) == without_time(expected.curve)
    assert result.tokens == expected.tokens
    alone = RUNS[kind]()
    go(alone, None, [])
    assert same_bits(weights_of(alone.model), weights_of(whole.model))


def test_the_thread_count_is_part_of_the_run(tmp_path: Path) -> None:
    with pytest.raises(StoppedError):
        go(RUNS["mlp"](), tmp_path, [], stop_after=4)
    with pytest.raises(StepError, match="another run: threads differ"):
        go(RUNS["mlp"](), tmp_path, [], threads=2)
    assert go(RUNS["mlp"](), tmp_path, []).threads == 1
