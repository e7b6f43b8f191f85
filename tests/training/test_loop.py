"""The loop: learns, resumes bit for bit, and fails before it spoils anything."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from tests.training.samples import (
    IMAGE,
    IMAGE_FACTS,
    TEXT,
    documents,
    images,
    losses_of,
    same_bits,
    tiny_gpt,
    tiny_mlp,
    weights_of,
    without_time,
)
from tilth.context import FIRST_STEPS
from tilth.errors import DataError, StepError, UsageError
from tilth.models.build import build_model
from tilth.models.cnn import CNNSettings
from tilth.models.facts import Sizes
from tilth.models.gpt import GPTSettings
from tilth.models.mlp import MLPSettings
from tilth.tasks.images.classification.task import ImageClassification
from tilth.tasks.settings import ObjectiveSettings
from tilth.training.examples import Examples
from tilth.training.loop import TrainResult, train
from tilth.training.settings import LoopSettings, OptimizerSettings
from tilth.training.task import Batch

FAST = OptimizerSettings(learning_rate=0.01)


class StoppedError(Exception):
    """Raised by a test in the middle of a training."""


def fit(
    model: nn.Module,
    data: Examples,
    *,
    steps: int = 30,
    batch: int = 8,
    optimizer: OptimizerSettings = FAST,
    work: Path | None = None,
    seed: int = 0,
    **loop: Any,
) -> TrainResult:
    task = TEXT if data.packing is not None else IMAGE
    settings = LoopSettings(max_steps=steps, batch_size=batch, **loop)
    return train(model, task, data, None, optimizer, settings, seed=seed, work=work)


def test_the_loss_falls_on_images_and_on_text() -> None:
    for model, data in ((tiny_mlp(), images(60)), (tiny_gpt(), documents([20] * 20).pack(8))):
        result = fit(model, data, steps=200, eval_every=20)
        losses = losses_of(result.curve)
        assert losses[-1] < losses[0] - 0.05
        assert result.stopped == "max_steps"
        assert result.steps == 200
        assert result.examples == 1600
        assert [point.step for point in result.curve] == list(range(20, 201, 20))


def test_the_same_seed_gives_the_same_bits_and_leaves_torch_as_it_was() -> None:
    generator, threads = torch.random.get_rng_state(), torch.get_num_threads()
    one, two, other = tiny_gpt(), tiny_gpt(), tiny_gpt()
    data = documents([20] * 20).pack(8)
    for model, seed in ((one, 1), (two, 1), (other, 2)):
        fit(model, data, seed=seed)
        torch.rand(3)
    assert same_bits(weights_of(one), weights_of(two))
    assert not same_bits(weights_of(one), weights_of(other))
    torch.random.set_rng_state(generator)
    fit(tiny_gpt(), data, steps=2)
    assert torch.equal(torch.random.get_rng_state(), generator)
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


@pytest.mark.parametrize(("steps", "begins"), [(1, 0), (9, 8), (10, 9), (30, 27), (31, 27)])
def test_the_model_can_be_looked_at_before_its_last_tenth(steps: int, begins: int) -> None:
    """Once, as it is then, and the weights that come out are the same bits."""
    data, settings = images(60), LoopSettings(max_steps=steps, batch_size=8, ema=0.5)
    plain, watched, seen = tiny_mlp(), tiny_mlp(), []

    def late() -> None:
        seen.append(weights_of(watched))

    train(plain, IMAGE, data, None, FAST, settings, seed=0)
    train(watched, IMAGE, data, None, FAST, settings, seed=0, late=late)
    assert len(seen) == 1
    assert same_bits(weights_of(plain), weights_of(watched))
    shorter, until = tiny_mlp(), LoopSettings(max_steps=begins or 1, batch_size=8, ema=0.5)
    if begins:
        train(shorter, IMAGE, data, None, FAST, until, seed=0)
    assert same_bits(seen[0], weights_of(shorter))


def test_micro_batches_give_the_same_gradient() -> None:
    """1 x 8 against 8 x 1, on windows of unequal numbers of targets: normalised by all of them."""
    data = documents([3, 11, 5, 2, 9, 30, 1, 6, 4]).pack(8)
    assert len(set(data.labels.tolist())) > 1
    still = GPTSettings(layers=1, width=16, heads=2, context=8)
    plain, cut = (tiny_gpt(settings=still).double() for _ in range(2))
    for model, accumulate in ((plain, 1), (cut, 8)):
        sgd = OptimizerSettings(kind="sgd", learning_rate=0.5, momentum=0)
        fit(model, data, steps=5, optimizer=sgd, accumulate=accumulate)
    for name, tensor in weights_of(plain).items():
        assert torch.allclose(tensor, weights_of(cut)[name], rtol=0, atol=2e-6), name


@pytest.mark.parametrize("kind", ["mlp", "gpt"])
def test_a_stopped_run_goes_on_bit_for_bit(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped before, within and after an epoch's boundary, with dropout and momentum."""
    data = images(50) if kind == "mlp" else documents([20] * 20).pack(8)
    make = tiny_mlp if kind == "mlp" else tiny_gpt
    whole = make()
    expected = fit(whole, data, steps=25, work=tmp_path / "whole", checkpoint_every=1)

    task = TEXT if kind == "gpt" else IMAGE
    compute, left = task.forward, 0

    def interrupted(model: nn.Module, batch: Batch) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise StoppedError
        return compute(model, batch)

    monkeypatch.setattr(task, "forward", interrupted)
    settings = LoopSettings(max_steps=25, batch_size=8, checkpoint_every=3)
    for allowed in (1, 4, 5, 7, 2, 11, 100):
        left = allowed
        model = make(seed=99)  # what it starts from is overwritten by the checkpoint, if any
        if not (tmp_path / "cut" / "checkpoint.safetensors").exists():
            model = make()
        try:
            result = train(model, task, data, None, FAST, settings, seed=0, work=tmp_path / "cut")
        except StoppedError:
            continue
    assert same_bits(weights_of(model), weights_of(whole))
    assert without_time(result.curve) == without_time(expected.curve)
    # Once more: the finished run is only read.
    left = 0
    again = make(seed=5)
    train(again, task, data, None, FAST, settings, seed=0, work=tmp_path / "cut")
    assert same_bits(weights_of(again), weights_of(whole))
    lines = (tmp_path / "cut" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [point.step for point in expected.curve]


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    data = images(30)
    fit(tiny_mlp(), data, steps=3, work=tmp_path)
    with pytest.raises(StepError, match="another run: loop differ") as caught:
        fit(tiny_mlp(), data, steps=4, work=tmp_path)
    assert str(tmp_path) in caught.value.hint
    with pytest.raises(StepError, match="seed"):
        fit(tiny_mlp(), data, steps=3, seed=1, work=tmp_path)
    with pytest.raises(StepError, match="data"):
        fit(tiny_mlp(), images(29), steps=3, work=tmp_path)
    with pytest.raises(StepError, match="another model"):
        fit(tiny_mlp(settings=MLPSettings(hidden=(9,))), data, steps=3, work=tmp_path)


def test_out_of_memory_cuts_the_batch_and_says_so() -> None:
    class Small(ImageClassification):
        def loss(self, outputs: Any, batch: Batch) -> Tensor:
            if len(batch.counts) > 2:
                raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried ...")
            return super().loss(outputs, batch)

    still = MLPSettings(hidden=(8,), dropout=0)
    data, model, plain = images(40), tiny_mlp(settings=still), tiny_mlp(settings=still)
    settings = LoopSettings(max_steps=5, batch_size=8)
    result = train(
        model, Small(IMAGE_FACTS, ObjectiveSettings()), data, None, FAST, settings, seed=0
    )
    fit(plain, data, steps=5)
    assert len(result.notes) == 2
    assert "4 micro-batches" in result.notes[-1]
    for name, tensor in weights_of(plain).items():
        assert torch.allclose(tensor, weights_of(model)[name], atol=1e-4), name


def test_other_errors_and_a_single_row_that_does_not_fit_are_not_hidden() -> None:
    class Broken(ImageClassification):
        message = ""

        def loss(self, outputs: Any, batch: Batch) -> Tensor:
            raise RuntimeError(self.message)

    task = Broken(IMAGE_FACTS, ObjectiveSettings())
    for message in ("not enough memory: you tried ...", "shapes differ"):
        task.message = message
        with pytest.raises(RuntimeError, match=message[:5]):
            train(tiny_mlp(), task, images(9), None, FAST, LoopSettings(max_steps=1), seed=0)


@pytest.mark.parametrize("eval_every", [1, 50])
def test_a_training_that_runs_away_says_so(eval_every: int, tmp_path: Path) -> None:
    """Measured before the next update too, where the weights are numbers and what they give not."""
    optimizer = OptimizerSettings(kind="sgd", learning_rate=1e30)
    settings = LoopSettings(max_steps=50, batch_size=4, eval_every=eval_every)
    with pytest.raises(StepError, match="not a number") as caught:
        train(
            tiny_mlp(),
            IMAGE,
            images(40),
            images(10),
            optimizer,
            settings,
            seed=0,
            work=tmp_path,
        )
    assert caught.value.code == "not-a-number"
    assert "learning_rate" in caught.value.hint


def test_nan_stops_before_the_update_and_names_the_batch(tmp_path: Path) -> None:
    class Failing(ImageClassification):
        seen = 0

        def loss(self, outputs: Any, batch: Batch) -> Tensor:
            self.seen += 1
            return super().loss(outputs, batch) * (math.nan if self.seen == 6 else 1.0)

    data, model, good = images(40), tiny_mlp(), tiny_mlp()
    settings = LoopSettings(max_steps=9, batch_size=4, checkpoint_every=5)
    with pytest.raises(StepError) as caught:
        train(
            model,
            Failing(IMAGE_FACTS, ObjectiveSettings()),
            data,
            None,
            FAST,
            settings,
            seed=0,
            work=tmp_path,
        )
    assert caught.value.code == "not-a-number"
    assert "step 6" in caught.value.what
    ids = {f"{int(i):016x}" for i in data.ids}
    assert set(caught.value.where.removeprefix("batch of samples ").split(", ")) <= ids
    # The model and the checkpoint are those of step 5.
    train(good, IMAGE, data, None, FAST, settings.model_copy(update={"max_steps": 5}), seed=0)
    assert same_bits(weights_of(model), weights_of(good))
    assert (tmp_path / "checkpoint.safetensors").is_file()


def test_an_infinite_gradient_is_caught_too(tmp_path: Path) -> None:
    class Sharp(ImageClassification):
        def loss(self, outputs: Any, batch: Batch) -> Tensor:
            loss = super().loss(outputs, batch)
            return loss + (loss - loss.detach()) * math.inf * 0

    model = tiny_mlp()
    before = weights_of(model)
    with pytest.raises(StepError, match="not a number"):
        train(
            model,
            Sharp(IMAGE_FACTS, ObjectiveSettings()),
            images(9),
            None,
            OptimizerSettings(grad_clip=1.0),
            LoopSettings(max_steps=3),
            seed=0,
        )
    assert same_bits(before, weights_of(model))


def test_weights_that_are_not_numbers_never_reach_a_checkpoint(tmp_path: Path) -> None:
    data = images(20)
    wild = OptimizerSettings(kind="sgd", learning_rate=1e38, momentum=0)
    with pytest.raises(StepError, match="not a number"):
        fit(tiny_mlp(), data, steps=5, optimizer=wild, work=tmp_path, checkpoint_every=1)
    path = tmp_path / "checkpoint.safetensors"
    assert not path.exists() or all(t.isfinite().all() for t in load_file(path).values())


def test_it_has_converged_when_patience_is_spent() -> None:
    data = images(60)
    settings = LoopSettings(patience=3, eval_every=5, batch_size=8, min_improvement=0.01)
    result = train(tiny_mlp(), IMAGE, data, data, FAST, settings, seed=0)
    assert result.stopped == "converged"
    losses = [point.validation_loss for point in result.curve if point.validation_loss is not None]
    assert len(losses) == len(result.curve)
    assert min(losses[:-3]) - 0.01 <= min(losses[-3:])
    assert "accuracy" in result.curve[0].figures


def test_limits_epochs_tokens_seconds() -> None:
    data = images(30)

    def stop(**limits: Any) -> TrainResult:
        settings = LoopSettings(batch_size=8, **limits)
        return train(tiny_mlp(), IMAGE, data, None, FAST, settings, seed=0)

    epochs = stop(epochs=2.5)
    assert (epochs.stopped, epochs.examples, epochs.steps) == ("epochs", 75, 10)
    seconds = stop(max_seconds=1e-9)
    assert (seconds.stopped, seconds.steps) == ("max_seconds", 1)
    lowest = stop(epochs=100, max_steps=3)
    assert (lowest.stopped, lowest.steps) == ("max_steps", 3)
    text = documents([20] * 20).pack(8)
    settings = LoopSettings(max_tokens=400, batch_size=4)
    tokens = train(tiny_gpt(), TEXT, text, None, FAST, settings, seed=0)
    assert tokens.stopped == "max_tokens"
    assert 392 < tokens.tokens <= 400


def test_frozen_parameters_stay(tmp_path: Path) -> None:
    model = tiny_mlp()
    before = weights_of(model)
    settings = LoopSettings(max_steps=5)
    train(model, IMAGE, images(20), None, FAST, settings, seed=0, frozen=("body.",))
    after = weights_of(model)
    assert all(torch.equal(before[n], after[n]) for n in before if n.startswith("body."))
    assert not torch.equal(before["head.weight"], after["head.weight"])


def test_data_that_does_not_fit_the_model_is_refused_before_step_1() -> None:
    model = tiny_mlp()
    before = weights_of(model)
    wrong = images(20, classes=4)
    with pytest.raises(DataError, match="5 of 20 labels are not among the model's 3") as caught:
        fit(model, wrong)
    assert f"{int(wrong.ids[3]):016x}" in caught.value.where
    with pytest.raises(DataError, match="token 29 is not among the model's 20"):
        fit(tiny_gpt(), documents([300], vocabulary=30).pack(8))
    with pytest.raises(DataError, match="context of 8"):
        fit(tiny_gpt(), documents([30]).pack(9))
    with pytest.raises(DataError, match="no sample is left"):
        fit(model, images(20).select(np.zeros(0, np.int64)))
    assert same_bits(before, weights_of(model))


def test_a_schedule_needs_an_end() -> None:
    cosine = OptimizerSettings(schedule="cosine")
    with pytest.raises(UsageError, match="depends on the last step"):
        train(tiny_mlp(), IMAGE, images(9), None, cosine, LoopSettings(patience=1), seed=0)


def test_patience_needs_something_to_wait_for() -> None:
    with pytest.raises(UsageError, match="no sample is held out for validation"):
        fit(tiny_mlp(), images(9), patience=1)


def test_a_warm_up_that_the_run_does_not_end_is_told() -> None:
    optimizer, loop = OptimizerSettings(warmup_steps=9), LoopSettings(epochs=1, batch_size=8)
    found = train(tiny_mlp(), IMAGE, images(20), None, optimizer, loop, seed=0)
    assert found.notes == [
        "the warm-up of 9 steps is longer than the run of 3: the rate never reached its peak"
    ]


@pytest.mark.parametrize(
    ("own", "machine", "told"),
    [(False, "x86_64", True), (True, "x86_64", False), (False, "arm64", False)],
)
def test_emulated_bf16_is_said_before_the_first_step(
    own: bool, machine: str, told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tilth.training.precision.processor_has_bf16", lambda: own)
    monkeypatch.setattr("platform.machine", lambda: machine)
    said: list[str] = []
    result = train(
        tiny_mlp(),
        IMAGE,
        images(9),
        None,
        FAST,
        LoopSettings(max_steps=2, batch_size=3, precision="bf16"),
        seed=0,
        progress=lambda done, total, note: said.append(note),
    )
    assert ("has no bf16" in said[0], said[0].endswith(FIRST_STEPS)) == (told, True)
    assert ["has no bf16" in note for note in result.notes] == [True] * told


def test_progress_is_told_and_bf16_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[float, float | None, str]] = []
    settings = LoopSettings(max_steps=40, batch_size=16, precision="bf16")
    model = build_model(
        CNNSettings(channels=(4,), hidden=8), Sizes(image=(1, 4, 4), classes=3), seed=0
    )
    result = train(
        model,
        IMAGE,
        images(60),
        None,
        FAST,
        settings,
        seed=0,
        progress=lambda done, total, note: told.append((done, total, note)),
    )
    assert told[-1][:2] == (40, 40)
    assert re.fullmatch(r"loss \d\.\d{3}, [\d,]+ samples/s", told[-1][2])
    text, one = documents([40]).pack(8), LoopSettings(max_steps=1)
    train(
        tiny_gpt(), TEXT, text, None, FAST, one, seed=0, progress=lambda *given: told.append(given)
    )
    assert re.fullmatch(r"loss \d\.\d{3}, [\d,]+ tokens/s", told[-1][2])
    assert result.precision == "bf16"
    losses = losses_of(result.curve)
    assert losses[-1] < losses[0]


def test_auto_precision_leaves_no_trace() -> None:
    auto, plain = tiny_mlp(), tiny_mlp()
    result = fit(auto, images(30), precision="auto")
    fit(plain, images(30), precision=result.precision)
    assert same_bits(weights_of(auto), weights_of(plain))


def test_fast_products_are_as_good_as_exact_ones() -> None:
    fast, exact = tiny_gpt(), tiny_gpt()
    data = documents([20] * 20).pack(8)
    before = torch.get_float32_matmul_precision()
    for model, precision in ((fast, "fp32-fast"), (exact, "fp32")):
        assert fit(model, data, steps=3, precision=precision).precision == precision
    assert torch.get_float32_matmul_precision() == before
    for name, tensor in weights_of(exact).items():
        assert torch.allclose(tensor, weights_of(fast)[name], atol=1e-3), name


def test_training_does_not_load_the_compiler() -> None:
    """It takes 0.8 s, and a comparison of data is made of hundreds of short trainings."""
    code = """
import sys
from tests.training.samples import documents, tiny_gpt
from tilth.training.loop import train
from tilth.training.settings import LoopSettings, OptimizerSettings
from tilth.tasks.text.generation.task import TextGeneration
train(tiny_gpt(), TextGeneration(None), documents([40]).pack(8), None,
      OptimizerSettings(grad_clip=1.0), LoopSettings(max_steps=2), seed=0)
sys.exit("torch._dynamo" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=True)
