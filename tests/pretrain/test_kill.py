"""Kill -9 at random moments, run again: the same final weights, bit for bit."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

_SCRIPT = """
import sys, time
from pathlib import Path
from tests.pretrain.samples import documents, tiny_gpt
from tilth.pretrain import state
from tilth.pretrain.loop import train
from tilth.pretrain.settings import LoopSettings, OptimizerSettings
from tilth.pretrain.tasks.language import TextGeneration
from tilth.pretrain.checkpoint import write_tensors

class Slow(TextGeneration):
    begun = False

    def loss(self, model, batch):
        if not self.begun:
            print("begun", flush=True)
            self.begun = True
        time.sleep(float(sys.argv[2]))
        return super().loss(model, batch)

work = Path(sys.argv[1])
data = documents([20] * 30).pack(8)  # 10 steps an epoch, 5 epochs
model = tiny_gpt()
loop = LoopSettings(epochs=5, batch_size=8, checkpoint_every=2, eval_every=4)
train(model, Slow(None), data, data, OptimizerSettings(warmup_steps=5, schedule="cosine",
      grad_clip=1.0), loop, seed=3, work=work)
write_tensors(work / "final.safetensors", dict(model.state_dict()), {})
"""


def _command(work: Path, pause: float) -> list[str]:
    work.mkdir(exist_ok=True)
    return [sys.executable, "-c", _SCRIPT, str(work), str(pause)]


def _check(tmp_path: Path, kills: int) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    root = Path(__file__).parents[2]
    subprocess.run(_command(whole, 0.0), cwd=root, check=True, timeout=120)
    chance = random.Random(0)
    killed = 0
    for _ in range(kills):
        with subprocess.Popen(_command(cut, 0.02), cwd=root, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()  # its first step, wherever that is
            # About a second of training in all, so that the kills are spread over its length.
            time.sleep(chance.uniform(0.0, 2.0 / kills))
            killed += process.poll() is None
            process.kill()
    subprocess.run(_command(cut, 0.0), cwd=root, check=True, timeout=120)
    assert killed >= kills // 2
    assert (cut / "final.safetensors").read_bytes() == (whole / "final.safetensors").read_bytes()
    assert not list(cut.glob(".*.aside"))


def test_killed_three_times(tmp_path: Path) -> None:
    _check(tmp_path, 3)


@pytest.mark.slow
def test_killed_twenty_times(tmp_path: Path) -> None:
    _check(tmp_path, 20)
