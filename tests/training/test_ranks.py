"""Two processes give what one gives: the same losses, whatever part of a batch each has."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import distributed, nn

from tests.training.samples import image_rows, text_rows, write_dataset
from tilth.context import Context
from tilth.errors import StepError
from tilth.extensions import open_extension, using
from tilth.pretrain.fit import Settings, fit
from tilth.pretrain.result import PretrainResult
from tilth.pretrain.weights import load_model
from tilth.store.files import folder_lock
from tilth.training.optimizer import build_optimizer
from tilth.training.ranks import Ranks, current, of_first, sum_gradients, sum_of_all
from tilth.training.settings import OptimizerSettings


def settings(**loop: Any) -> Settings:
    return Settings.model_validate(
        {
            "model": {"kind": "gpt", "layers": 1, "width": 16, "heads": 2, "context": 16},
            "data": {"vocabulary": 300, "validation_share": 0.2},
            "optimizer": {"learning_rate": 0.01, "grad_clip": 1.0},
            "loop": {
                "max_steps": 12,
                "batch_size": 7,
                "eval_every": 3,
                "precision": "fp32",
                **loop,
            },
        }
    )


def run(folder: Path, dataset: Path, given: Settings) -> PretrainResult:
    (folder / "out").mkdir(parents=True)
    (folder / "work").mkdir()
    return fit({"data": dataset}, given, folder / "out", Context(work=folder / "work"))


def test_two_processes_give_the_losses_of_one(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "data", text_rows(60))
    one = run(tmp_path / "1", dataset, settings())
    told: list[str] = []
    two_folder = tmp_path / "2"
    (two_folder / "out").mkdir(parents=True)
    (two_folder / "work").mkdir()
    context = Context(work=two_folder / "work", progress=lambda *given: told.append(given[2]))
    two = fit({"data": dataset}, settings(processes=2), two_folder / "out", context)
    for ours, theirs in zip(one.curve, two.curve, strict=True):
        assert None not in (ours.loss, ours.validation_loss)
        assert ours.loss == pytest.approx(theirs.loss, abs=1e-5)
        assert ours.validation_loss == pytest.approx(theirs.validation_loss, abs=1e-5)
    assert two.test["loss"] == pytest.approx(one.test["loss"], abs=1e-5)
    assert load_model(two_folder / "out").tokenizer is not None
    assert told


_LINEAR = """from typing import Literal

from tilth.models.declare import Declaration, NetworkSettings


class Linear(NetworkSettings):
    kind: Literal["linear"] = "linear"


MODEL = Declaration(Linear, interface="images")
"""
# The second process takes longer.
_BURNT_S = 0.25
_NETWORK = f"""import time

from torch import distributed, nn


class Linear(nn.Sequential):
    def __init__(self, pixels, classes):
        super().__init__()
        self.flat = nn.Flatten()
        self.head = nn.Linear(pixels, classes)

    def forward(self, images):
        begun = time.process_time()
        while self.training and distributed.get_rank() and time.process_time() - begun < {_BURNT_S}:
            pass
        return super().forward(images)


def make(settings, sizes):
    channels, height, width = sizes.image
    return Linear(channels * height * width, sizes.classes)
"""


def _spent_s() -> float:
    """Processor time of all processes that were begun here and are over."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_every_process_knows_the_models_of_an_extension_and_its_time_counts(
    tmp_path: Path,
) -> None:
    dataset = write_dataset(tmp_path / "data", image_rows(40))
    before = _spent_s()
    folder = tmp_path / "mine" / "models" / "linear"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(_LINEAR)
    (folder / "network.py").write_text(_NETWORK)
    with using([open_extension(tmp_path / "mine")]):
        given = Settings.model_validate(
            {
                "task": "image-classification",
                "model": {"kind": "linear"},
                "data": {"validation_share": 0.2},
                "loop": {"max_steps": 4, "batch_size": 7, "precision": "fp32", "processes": 2},
            }
        )
        found = run(tmp_path / "2", dataset, given)
    assert found.model.kind == "linear"
    # The second one's four steps, and no more than the system counted for both with all they load.
    assert 4 * _BURNT_S <= found.cpu_seconds <= _spent_s() - before
    with pytest.raises(ValidationError, match="linear"):
        Settings.model_validate(given.model_dump(mode="json"))


@pytest.mark.slow
def test_processes_that_measure_differently_stop_together(tmp_path: Path) -> None:
    """Each normalizes by its own rows; the first one's loss decides for all."""
    dataset = write_dataset(tmp_path / "data", image_rows(40))
    given = Settings.model_validate(
        {
            "task": "image-classification",
            "model": {"kind": "cnn", "channels": [4, 4]},
            "data": {"validation_share": 0.2},
            "optimizer": {"kind": "sgd", "learning_rate": 0.5, "momentum": 0.0},
            "loop": {
                "max_steps": 300,
                "batch_size": 4,
                "eval_every": 2,
                "patience": 1,
                "precision": "fp32",
                "processes": 2,
            },
        }
    )
    found = run(tmp_path / "1", dataset, given)
    assert found.stopped == "converged"


def test_a_failed_process_is_an_error_with_its_cause(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "data", text_rows(60))
    with pytest.raises(StepError, match="training processes failed") as caught:
        run(
            tmp_path / "1",
            dataset,
            settings(processes=2, eval_every=1, max_steps=3).model_copy(
                update={"initialise": str(tmp_path / "nowhere")}
            ),
        )
    assert "nowhere" in caught.value.where or "Error" in caught.value.where


_FIT = """
import sys
from pathlib import Path
from tests.training.test_ranks import run, settings
from tilth.store.files import folder_lock
folder, dataset = map(Path, sys.argv[1:])
with folder_lock(folder / "lock"):
    run(folder, dataset, settings(processes=2, max_steps=1_000_000))
"""


def _naming(path: Path) -> list[int]:
    """Processes whose command line names a file."""
    found = []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if str(path).encode() in line.read_bytes():
                found.append(int(line.parent.name))
    return found


def test_the_next_run_meets_no_process_of_one_that_was_killed(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "data", text_rows(60))
    command = [sys.executable, "-c", _FIT, str(tmp_path / "1"), str(dataset)]
    spec, metrics = tmp_path / "1" / "work" / "spec.json", "seed-0/metrics.jsonl"
    process = subprocess.Popen(command, cwd=Path(__file__).parents[2])
    try:
        end = time.monotonic() + 600
        while not (spec.parent / metrics).is_file() and time.monotonic() < end:
            time.sleep(0.1)
        assert len(_naming(spec)) >= 3  # torchrun and two of its own
        process.kill()
        with folder_lock(tmp_path / "1" / "lock", timeout_s=60):
            assert not _naming(spec)
    finally:
        process.kill()
        process.wait()
        for pid in _naming(spec):
            os.kill(pid, signal.SIGKILL)


_GOES_ON = """
import sys
from pathlib import Path
from tests.training.test_ranks import settings
from tilth.context import Context
from tilth.pretrain.fit import fit
folder, dataset = map(Path, sys.argv[1:])
for name in ("out", "work"):
    (folder / name).mkdir(parents=True, exist_ok=True)
loop = {"processes": 2, "max_steps": 60, "checkpoint_every": 5, "ema": 0.9}
fit({"data": dataset}, settings(**loop), folder / "out", Context(work=folder / "work"))
"""


@pytest.mark.slow
def test_two_processes_that_were_killed_go_on_bit_for_bit(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "data", text_rows(60))

    def begin(name: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", _GOES_ON, str(tmp_path / name), str(dataset)]
        return subprocess.Popen(command, cwd=Path(__file__).parents[2])

    assert begin("whole").wait(300) == 0
    kept = tmp_path / "cut" / "work" / "seed-0" / "checkpoint.safetensors"
    for _ in range(2):
        process, begun = begin("cut"), time.time()
        while process.poll() is None and not (kept.is_file() and kept.stat().st_mtime > begun):
            time.sleep(0.02)
        process.kill()
        process.wait()
        while _naming(tmp_path / "cut"):
            time.sleep(0.1)
    assert begin("cut").wait(300) == 0
    model = Path("out") / "model.safetensors"
    assert (tmp_path / "cut" / model).read_bytes() == (tmp_path / "whole" / model).read_bytes()


def test_summed_gradients_keep_the_layout_of_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fused update rules read parameter and gradient side by side as they lie in memory."""
    monkeypatch.setattr(distributed, "all_reduce", lambda flat: flat.mul_(2))
    model = nn.Conv2d(3, 4, 2, bias=False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    before = model.weight.detach().clone()
    gradient = torch.randn(4, 3, 2, 2)
    model.weight.grad = gradient.to(memory_format=torch.channels_last)
    assert sum_gradients(list(model.parameters()), 1.5, 0.25) == (3.0, 0.5)
    sgd = OptimizerSettings(kind="sgd", momentum=0)
    build_optimizer(model, sgd).step(0.1)
    torch.testing.assert_close(model.weight.detach(), before - 0.2 * gradient)


def test_alone_there_is_one_rank() -> None:
    assert current() == Ranks(0, 1)
    assert of_first(2.5) == sum_of_all(2.5) == 2.5
    assert current().is_first
    with pytest.raises(ValueError, match="must agree"):
        settings(processes=2, max_seconds=5)
