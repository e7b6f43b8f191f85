"""One arm of `bench_train`: a process that trains, and halts between stretches of steps.

The network is GPT-2's, of the size of nanoGPT's CPU configuration, on characters. The arms:

bare          the step of a PyTorch tutorial, over this library's network
tilth         this library's loop, over the same network
bare-gpt2     the same step over transformers' GPT2LMHeadModel
trainer       transformers' Trainer, over GPT2LMHeadModel
trainer-sdpa  the same with the fused attention kernel

An arm runs in an interpreter of its own choice; the last three never load this library, and the
first two never load transformers. Transformers takes the fused kernel by itself; for windows this
short its plain attention, `eager`, is the faster one, and what this library is measured against.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

LAYERS, WIDTH, HEADS, CONTEXT, BATCH = 4, 128, 4, 64, 12
RATE, BETAS, DECAY, CLIP = 1e-3, (0.9, 0.99), 0.1, 1.0
# Torch's setting of fp32 matrix products: `highest` is its default.
MATMUL: Mapping[str, str] = {"fp32": "highest", "fp32-fast": "medium", "bf16": "medium"}

Tokens = npt.NDArray[np.uint16]


class Job(NamedTuple):
    """What an arm is to do.

    Attributes:
        tokens: uint16 [total], memory-mapped.
        vocabulary: Number of different tokens.
        precision: fp32, fp32-fast or bf16.
        steps: Optimizer steps in all.
        pause: Called before every forward pass.
    """

    tokens: Tokens
    vocabulary: int
    precision: str
    steps: int
    pause: Callable[..., None]


class Gate:
    """Lets a training through in stretches, and prints what each has cost.

    It stands before the forward pass: from one halt to the next lies everything a loop does for so
    many steps, its own bookkeeping and the reading of batches included.

    Args:
        warmup: Steps before the first halt.
        stretch: Steps between halts.
    """

    def __init__(self, warmup: int, stretch: int) -> None:
        self._warmup, self._stretch = warmup, stretch
        self._calls = 0
        self._start: tuple[float, float] | None = None

    def __call__(self, model: nn.Module, *_: object) -> None:
        done = self._calls - self._warmup
        self._calls += 1
        if done < 0 or done % self._stretch:
            return
        if self._start is None:
            parameters = sum(parameter.numel() for parameter in model.parameters())
            print(json.dumps({"parameters": parameters, "torch": version("torch")}), flush=True)
        else:
            seconds = time.perf_counter() - self._start[0]
            cpu_seconds = time.process_time() - self._start[1]
            print(json.dumps([seconds, cpu_seconds]), flush=True)
        sys.stdin.readline()
        self._start = time.perf_counter(), time.process_time()


class Windows(torch.utils.data.Dataset[dict[str, Tensor]]):
    """Windows at random places of the text, as a user of transformers would write it."""

    def __init__(self, tokens: Tokens, count: int) -> None:
        self._tokens, self._count = tokens, count
        self._places = np.random.default_rng(0).integers(len(tokens) - CONTEXT, size=count)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, row: int) -> dict[str, Tensor]:
        place = self._places[row]
        window = torch.from_numpy(self._tokens[place : place + CONTEXT].astype(np.int64))
        # The model shifts the labels itself; the last position has no target.
        return {"input_ids": window, "labels": window}


def our_network(vocabulary: int) -> nn.Module:
    """GPT-2 of this library: learned positions, biases."""
    from tilth.models.build import build_model
    from tilth.models.facts import Sizes
    from tilth.models.gpt import GPTSettings

    settings = GPTSettings(
        layers=LAYERS, width=WIDTH, heads=HEADS, context=CONTEXT, positions="learned", bias=True
    )
    return build_model(settings, Sizes(vocabulary=vocabulary), seed=0)


def their_network(vocabulary: int, attention: str = "eager") -> nn.Module:
    """GPT-2 of transformers, no dropout."""
    from transformers import GPT2Config, GPT2LMHeadModel  # type: ignore[import-not-found]

    config = GPT2Config(
        vocab_size=vocabulary,
        n_positions=CONTEXT,
        n_embd=WIDTH,
        n_layer=LAYERS,
        n_head=HEADS,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        use_cache=False,
        bos_token_id=0,
        eos_token_id=0,
    )
    model = GPT2LMHeadModel(config)
    model.set_attn_implementation(attention)
    network: nn.Module = model
    return network


def bare_optimizer(model: nn.Module) -> torch.optim.Optimizer:
    """AdamW in its fused form, the fastest that torch has; decay of matrices only."""
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    others = [p for p in model.parameters() if p.dim() < 2]
    groups = [
        {"params": matrices, "weight_decay": DECAY},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=RATE, betas=BETAS, fused=True)


def bare_step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    inputs: Tensor,
    targets: Tensor,
    precision: str,
) -> Tensor:
    """One step as it stands in nanoGPT; returns the mean loss.

    Args:
        model: From tokens to logits, or to what has `logits`.
        optimizer: Of its parameters.
        inputs, targets: int64 [n, context].
        precision: bf16 is under autocast; others are the caller's setting of matrix products.
    """
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        answer = model(inputs)
        logits = answer if isinstance(answer, Tensor) else answer.logits
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(model.parameters(), CLIP)
    optimizer.step()
    return loss


def run_bare(job: Job, model: nn.Module) -> None:
    """The hand-written loop, with batches read as nanoGPT reads them."""
    model.train()
    model.register_forward_pre_hook(job.pause)
    optimizer = bare_optimizer(model)
    for _ in range(job.steps):
        places = torch.randint(len(job.tokens) - CONTEXT, (BATCH,)).tolist()
        rows = [job.tokens[place : place + CONTEXT + 1].astype(np.int64) for place in places]
        inputs = torch.stack([torch.from_numpy(row[:-1]) for row in rows])
        targets = torch.stack([torch.from_numpy(row[1:]) for row in rows])
        bare_step(model, optimizer, inputs, targets, job.precision)


def run_tilth(job: Job) -> None:
    """This library's loop."""
    from tilth.tasks.text.generation.task import TextGeneration
    from tilth.training.examples import Documents
    from tilth.training.loop import train
    from tilth.training.settings import LoopSettings, OptimizerSettings

    total = len(job.tokens)
    documents = Documents(
        job.tokens,
        np.array([0, total]),
        np.array([total]),
        np.zeros(1, np.uint64),
        np.ones(1, np.float32),
    )
    model = our_network(job.vocabulary)
    model.register_forward_pre_hook(job.pause)
    optimizer = OptimizerSettings(
        learning_rate=RATE, betas=BETAS, weight_decay=DECAY, grad_clip=CLIP
    )
    loop = LoopSettings.model_validate(
        {
            "batch_size": BATCH,
            "max_steps": job.steps,
            "precision": job.precision,
            "device": "cpu",
        }
    )
    windows = documents.pack(CONTEXT)
    train(model, TextGeneration(None), windows, None, optimizer, loop, seed=0, threads=1)


def run_trainer(job: Job, model: nn.Module) -> None:
    """transformers' Trainer: no logging, no checkpoints, its own choice of AdamW (fused)."""
    from transformers import Trainer, TrainingArguments

    model.register_forward_pre_hook(job.pause)
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=BATCH,
            max_steps=job.steps,
            learning_rate=RATE,
            lr_scheduler_type="constant",
            adam_beta1=BETAS[0],
            adam_beta2=BETAS[1],
            weight_decay=DECAY,
            max_grad_norm=CLIP,
            bf16=job.precision == "bf16",
            use_cpu=True,
            dataloader_pin_memory=False,
            logging_strategy="no",
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        windows = Windows(job.tokens, job.steps * BATCH)
        Trainer(model=model, args=arguments, train_dataset=windows).train()


ARMS: Mapping[str, Callable[[Job], None]] = {
    "bare": lambda job: run_bare(job, our_network(job.vocabulary)),
    "tilth": run_tilth,
    "bare-gpt2": lambda job: run_bare(job, their_network(job.vocabulary)),
    "trainer": lambda job: run_trainer(job, their_network(job.vocabulary)),
    "trainer-sdpa": lambda job: run_trainer(job, their_network(job.vocabulary, "sdpa")),
}


def main() -> None:
    """Train, halting where the parent process says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("arm", choices=ARMS)
    parser.add_argument("tokens", type=Path, help="uint16 array, .npy")
    parser.add_argument("--precision", choices=MATMUL, required=True)
    parser.add_argument("--warmup", type=int, required=True)
    parser.add_argument("--stretch", type=int, required=True)
    parser.add_argument("--rounds", type=int, required=True)
    given: Any = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    torch.set_float32_matmul_precision(MATMUL[given.precision])
    tokens: Tokens = np.load(given.tokens, mmap_mode="r")
    steps = given.warmup + given.rounds * given.stretch + 1
    gate = Gate(given.warmup, given.stretch)
    ARMS[given.arm](Job(tokens, int(tokens.max()) + 1, given.precision, steps, gate))


if __name__ == "__main__":
    main()
