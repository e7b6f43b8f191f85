"""The arms of `make bench-train` train alike, and its table says what was measured."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmarks import train_arms
from benchmarks.bench_train import ROOT, compare, write_tokens
from benchmarks.train_table import table

from tilth.tasks.text.generation.task import TextGeneration
from tilth.training.examples import Documents, Examples
from tilth.training.loop import train
from tilth.training.order import Order
from tilth.training.settings import LoopSettings, OptimizerSettings

_STEPS, _VOCABULARY = 4, 30


def _windows() -> Examples:
    rows = _STEPS * train_arms.BATCH
    total = rows * train_arms.CONTEXT - 1
    tokens = np.random.default_rng(0).integers(1, _VOCABULARY, total).astype(np.uint16)
    ones = np.ones(1, np.float32)
    documents = Documents(
        tokens, np.array([0, total]), np.array([total]), np.zeros(1, np.uint64), ones
    )
    return documents.pack(train_arms.CONTEXT)


def test_the_bare_step_and_the_loop_make_the_same_weights() -> None:
    windows = _windows()
    ours, bare = (train_arms.our_network(_VOCABULARY) for _ in range(2))
    optimizer = OptimizerSettings(
        learning_rate=train_arms.RATE,
        betas=train_arms.BETAS,
        weight_decay=train_arms.DECAY,
        grad_clip=train_arms.CLIP,
    )
    loop = LoopSettings(
        batch_size=train_arms.BATCH, max_steps=_STEPS, eval_every=1, precision="fp32", device="cpu"
    )
    run = train(ours, TextGeneration(None), windows, None, optimizer, loop, seed=3)

    rule, losses = train_arms.bare_optimizer(bare), []
    for step in range(_STEPS):
        rows, _ = Order(windows.ids, windows.weights, 3).take(
            step * train_arms.BATCH, train_arms.BATCH
        )
        tokens = torch.from_numpy(windows.rows[rows].astype(np.int64))
        losses.append(
            train_arms.bare_step(bare, rule, tokens[:, :-1], tokens[:, 1:], "fp32").item()
        )
    assert [point.loss for point in run.curve] == pytest.approx(losses, rel=1e-6)
    assert all(math.isfinite(loss) for loss in losses)
    assert len(run.curve) == _STEPS
    for one, other in zip(ours.parameters(), bare.parameters(), strict=True):
        # Adam divides by the root of squared gradients: where one is almost 0, so is all meaning.
        assert float((one - other).detach().abs().max()) < train_arms.RATE / 10


def test_an_arm_halts_between_stretches(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("to be or not to be, that is the question. " * 40)
    write_tokens(tmp_path / "text.txt", tmp_path / "tokens.npy")
    command = [sys.executable, "-m", "benchmarks.train_arms", "bare", str(tmp_path / "tokens.npy")]
    command += ["--precision", "fp32-fast", "--warmup", "1", "--stretch", "2", "--rounds", "2"]
    done = subprocess.run(
        command, cwd=ROOT, input="\n\n\n", capture_output=True, text=True, check=True
    )
    about, *turns = [json.loads(line) for line in done.stdout.splitlines()]
    assert about["parameters"] > 800_000
    assert len(turns) == 2
    assert all(seconds > 0 and cpu_seconds > 0 for seconds, cpu_seconds in turns)


def test_ratios_are_taken_within_a_round() -> None:
    turns = {"bare": [(1.0, 1.0), (4.0, 2.0)], "tilth": [(1.0, 1.0), (5.0, 2.0)]}
    about = {name: {"parameters": 7} for name in turns}
    figures = compare(turns, 100, about)
    assert figures["arms"]["bare"]["tokens_per_s_range"] == [25, 100]
    (ratio,) = figures["ratios"]
    assert ratio["tokens_per_s"] == {"median": 0.9, "least": 0.8, "most": 1.0}
    assert ratio["tokens_per_cpu_s"]["median"] == 1.0
    assert ratio["reached"] is False


def test_the_table_says_what_was_missed_and_what_was_skipped() -> None:
    turns = {"bare": [(1.0, 1.0)], "tilth": [(2.0, 2.0)]}
    about = {name: {"parameters": 809_984} for name in turns}
    text = table(
        {
            "date": "2020-02-02",
            "machine": {"cores": 2, "processor": "P", "memory_gib": 4, "python": "3.11"},
            "load": 0.1,
            "versions": {"torch": "2", "numpy": "2"},
            "quick": False,
            "trainer": "skipped: no --trainer-python",
            "network": {"layers": 1, "width": 8, "heads": 1, "context": 4, "batch": 2},
            "rounds": {"rounds": 1, "steps_a_turn": 1, "warmup": 1},
            "steps": [
                {"precision": "fp32", "matmul": "highest", **compare(turns, 8, about)},
            ],
            "loaders": [],
            "mnist": "skipped: no data",
        }
    )
    assert "Trainer: skipped: no --trainer-python." in text
    assert (
        "| tilth / bare | 0.500 [0.500, 0.500] | 0.500 [0.500, 0.500] | >= 0.97: MISSED |" in text
    )
    assert "skipped: no data" in text
