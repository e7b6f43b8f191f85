"""What goes wrong on the way: full disks, too little memory, classes that nothing belongs to."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from torch import nn

from tests.training.runs import Run, mlp, speech
from tests.training.samples import (
    image_rows,
    images,
    losses_of,
    same_bits,
    weights_of,
    write_dataset,
)
from tests.training.test_resume import go
from tilth.context import Context
from tilth.errors import StorageError
from tilth.pretrain.fit import Settings, fit
from tilth.tasks.base import never_seen, spelled_twice
from tilth.training.examples import Ragged
from tilth.training.task import Batch

CHECKPOINT = "checkpoint.safetensors"


def steps_in(work: Path) -> int:
    """Steps of the checkpoint, whose every byte is read."""
    with safe_open(work / CHECKPOINT, framework="pt") as file:
        assert all(file.get_tensor(name).isfinite().all() for name in file.keys())  # noqa: SIM118
        state: str = file.metadata()["state"]
    return int(state.partition('"steps": ')[2].partition(",")[0])


@contextlib.contextmanager
def files_of_at_most(num_bytes: int) -> Iterator[None]:
    """Writing further into a file fails as on a full disk: Python ignores the signal for it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, int]:
    """An undisturbed run, and the size of its checkpoint in bytes."""
    run, work = mlp(), tmp_path_factory.mktemp("whole")
    go(run, work, [])
    return run, (work / CHECKPOINT).stat().st_size


@pytest.mark.parametrize(
    ("step", "share", "kept"),
    [(7, 0.0, 6), (7, 0.5, 6), (7, 0.9, 6), (9, 0.0, 8)],
    ids=["at its first byte", "in the middle", "near its end", "in the curve"],
)
def test_a_disk_that_fills_up_leaves_the_last_checkpoint(
    step: int, share: float, kept: int, whole: tuple[Run, int], tmp_path: Path
) -> None:
    undisturbed, size = whole
    run, batches = mlp(), 0
    compute = run.task.forward
    with contextlib.ExitStack() as full, pytest.MonkeyPatch.context() as patch:

        def forward(model: nn.Module, batch: Batch) -> Any:
            nonlocal batches
            batches += model.training
            if model.training and batches == step:
                full.enter_context(files_of_at_most(int(share * size)))
            return compute(model, batch)

        patch.setattr(run.task, "forward", forward)
        with pytest.raises(StorageError, match="cannot write: file too large"):
            go(run, tmp_path, [])
    assert steps_in(tmp_path) == kept
    assert not list(tmp_path.glob(".*.aside"))
    again = mlp()
    assert go(again, tmp_path, []).steps == 12
    assert same_bits(weights_of(again.model), weights_of(undisturbed.model))


def test_every_call_that_writes_may_fail_once(
    whole: tuple[Run, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sync and rename of every file of a run: what is there is whole, and the run goes on."""
    calls, failing = 0, -1

    def watched(name: str) -> None:
        call = getattr(os, name)

        def once(*given: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == failing:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return call(*given)

        monkeypatch.setattr(os, name, once)

    for name in ("fsync", "replace"):
        watched(name)
    rare = whole[0].loop.model_copy(update={"checkpoint_every": 6})
    go(mlp()._replace(loop=rare), tmp_path / "0", [])
    total = calls
    assert total == 3 * 3  # the curve's file and two checkpoints: sync, rename, sync the folder
    for point in range(1, total + 1):
        work = tmp_path / str(point)
        calls, failing = 0, point
        with pytest.raises(StorageError, match="no space left"):
            go(mlp()._replace(loop=rare), work, [])
        # Renamed already, the new one is there; it is as good as the one before.
        written = max((point - 4) // 3 + (point % 3 == 0), 0)
        assert (work / CHECKPOINT).exists() == (written > 0)
        assert not written or steps_in(work) == 6 * written
        assert not list(work.glob(".*.aside"))
        failing = -1
        again = mlp()._replace(loop=rare)
        go(again, work, [])
        assert same_bits(weights_of(again.model), weights_of(whole[0].model))


_TOO_LARGE = """
import resource
import torch
from tests.training.samples import IMAGE, images, tiny_mlp, weights_of
from tilth.training.loop import train
from tilth.models.mlp import MLPSettings
from tilth.training.settings import LoopSettings, OptimizerSettings

def fit(batch, steps):
    model = tiny_mlp(settings=MLPSettings(hidden=(20_000,), dropout=0))
    sgd = OptimizerSettings(kind="sgd", momentum=0, learning_rate=0.1)
    loop = LoopSettings(max_steps=steps, batch_size=batch, precision="fp32")
    return model, train(model, IMAGE, images(600), None, sgd, loop, seed=0)

torch.set_num_threads(1)  # a further thread would need memory of its own
fit(2, 1)
expected, _ = fit(512, 2)
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * resource.getpagesize()
# Of an activation of 40 MB the step keeps several.
resource.setrlimit(resource.RLIMIT_AS, (used + (60 << 20), -1))
model, result = fit(512, 2)
print(*result.notes, sep="\\n")
for name, tensor in weights_of(expected).items():
    assert (tensor - weights_of(model)[name]).abs().max() < 1e-5, name
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads Linux's /proc")
def test_memory_that_does_run_out() -> None:
    """No message is made up: the allocator of torch is refused the memory."""
    done = subprocess.run(
        [sys.executable, "-c", _TOO_LARGE],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    notes = done.stdout.splitlines()
    assert notes[0].startswith("out of memory at step 1: batches are now cut into 2 micro-batches")
    assert all(note.startswith("out of memory at step ") for note in notes)


def test_a_batch_without_any_target_is_learnt_from_too() -> None:
    run = speech()
    assert isinstance(run.data.targets, Ragged)
    said = [row[: 2 * (number % 2)] for number, row in enumerate(run.data.targets)]
    silent = replace(run.data, targets=Ragged.of(said, "u2"))
    loop = run.loop.model_copy(update={"batch_size": 1, "epochs": 1.0})
    result = go(run._replace(data=silent, loop=loop), None, [])
    assert result.steps == 30
    assert all(np.isfinite(loss) for loss in losses_of(result.curve))


def test_classes_that_are_never_seen_are_named() -> None:
    rows = images(30)
    assert never_seen("image-classification", ("a", "b", "c"), rows) == []
    wide = tuple("abcdefghijklmn")
    (note,) = never_seen("image-classification", wide, rows)
    assert note == (
        "11 of 14 classes have no training sample and are never learnt: d, e, f, g, h, i, j, k "
        "and 3 more"
    )
    # Rotations and projections are made from every image; text has no classes.
    assert never_seen("image-rotation", ("0", "90", "180", "270"), rows) == []
    assert never_seen("text-generation", (), rows) == []
    rows.weights[rows.labels == 1] = 0
    (note,) = never_seen("image-classification", ("a", "b", "c"), rows)
    assert note.endswith(": b")
    (note,) = never_seen("speech-recognition", ("", " ", "a", "b", "c", "z"), speech().data)
    assert note.startswith("1 of 6 classes")
    assert note.endswith(": z")


def test_classes_that_differ_only_in_case_are_told_of() -> None:
    rows = images(30)
    counts = np.bincount(rows.labels)
    (note,) = spelled_twice("image-classification", ("Cat", "cat", "dog"), rows)
    told = f"{counts[0]} and {counts[1]} training samples"
    assert note == f"`Cat` and `cat` differ only in case: {told}; did you mean one class?"
    assert spelled_twice("image-classification", ("cat", "cow", "dog"), rows) == []
    assert spelled_twice("speech-recognition", ("", " ", "a", "A"), speech().data) == []


def test_a_class_all_of_whose_samples_are_held_out_is_said(tmp_path: Path) -> None:
    """Held out for validation by a hash of the ids, where the data has no validation split."""
    rows = image_rows(60)
    rows[1]["label"] = "rare"
    settings = {
        "task": "image-classification",
        "model": {"kind": "mlp", "hidden": [4]},
        "data": {"validation_share": 0.6},
        "loop": {"max_steps": 2},
        "seeds": [0, 1],
    }
    dataset = write_dataset(tmp_path / "data", rows)
    (tmp_path / "out").mkdir()
    result = fit(
        {"data": dataset}, Settings.model_validate(settings), tmp_path / "out", Context(tmp_path)
    )
    note = "1 of 4 classes have no training sample and are never learnt: rare"
    assert result.notes == (note,)
