"""Kill -9 at random moments, run again: the same final weights, bit for bit."""

from __future__ import annotations

import random
import time
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, SpawnContext
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from torch import nn

from tests.training.runs import RUNS
from tests.training.samples import same_bits
from tilth.training.checkpoint import write_tensors
from tilth.training.loop import train
from tilth.training.task import Batch


def _live(work: Path, kind: str, pause_s: float, begun: Connection) -> None:
    """Train to the end, in a process of its own; say when the first step begins."""
    model, task, data, optimizer, loop = RUNS[kind]()
    compute = task.forward

    def slow(model: nn.Module, batch: Batch) -> Any:
        if not begun.closed:
            begun.close()
        time.sleep(pause_s)
        return compute(model, batch)

    task.forward = slow  # type: ignore[method-assign]
    train(model, task, data, data, optimizer, loop, seed=3, work=work)
    write_tensors(work / "final.safetensors", dict(model.state_dict()), {})


def _check(tmp_path: Path, kind: str, kills: int, *, forked: bool = False) -> None:
    """About a second of training in all, of which each life gets a random part.

    Args:
        tmp_path: Takes an undisturbed run too.
        kind: Of `tests.training.runs`.
        kills: Lives that end early.
        forked: Not a fresh interpreter each but, in a tenth of the time, a fork of one that has
            imported everything and trained nothing.
    """
    processes: SpawnContext | ForkServerContext = SpawnContext()
    if forked:
        processes = ForkServerContext()
        processes.set_forkserver_preload([__name__])
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    chance = random.Random(0)
    killed = 0
    for life in range(-1, kills + 1):
        work = whole if life < 0 else cut
        work.mkdir(exist_ok=True)
        last = life in (-1, kills)
        told, begun = processes.Pipe(duplex=False)
        process = processes.Process(target=_live, args=(work, kind, 0.02 * (not last), begun))
        process.start()
        begun.close()
        if not last:
            told.poll(120)  # its first step, wherever that is, closes the other end
            time.sleep(chance.uniform(0.0, 2.0 / kills))
            killed += process.is_alive()
            process.kill()
        told.close()
        process.join(120)
        assert not last or process.exitcode == 0
        process.close()
    assert killed >= kills // 2
    assert (cut / "final.safetensors").read_bytes() == (whole / "final.safetensors").read_bytes()
    # What it would go on with as well: momenta, averages, counters.
    name = "checkpoint.safetensors"
    assert same_bits(load_file(cut / name), load_file(whole / name))
    assert not list(cut.glob(".*.aside"))


def test_killed_three_times(tmp_path: Path) -> None:
    """Of fresh interpreters it is the four kills below."""
    _check(tmp_path, "gpt", 3, forked=True)


@pytest.mark.slow
def test_killed_twenty_times(tmp_path: Path) -> None:
    """Five epochs, so that some kills are near the end of one."""
    _check(tmp_path, "gpt", 20, forked=True)


@pytest.mark.slow
def test_fresh_interpreters_killed_four_times(tmp_path: Path) -> None:
    _check(tmp_path, "gpt", 4)


@pytest.mark.slow
def test_killed_twenty_times_with_average_momenta_ragged_rows_and_augmentation(
    tmp_path: Path,
) -> None:
    """Five epochs as well, whose ends lie within stretches that are sorted by length."""
    _check(tmp_path, "speech", 20, forked=True)
