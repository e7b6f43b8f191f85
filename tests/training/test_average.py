"""The running average of the weights: what it is, and that it is what is measured and kept."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.training.samples import IMAGE, images, same_bits, tiny_mlp, weights_of
from tilth.training.average import Averaged
from tilth.training.evaluate import evaluate
from tilth.training.loop import train
from tilth.training.optimizer import build_optimizer
from tilth.training.settings import LoopSettings, OptimizerSettings


@pytest.mark.parametrize("most", [0.5, 0.99])
def test_the_average_is_the_recursion(most: float) -> None:
    model = tiny_mlp()
    rule = Averaged(build_optimizer(model, OptimizerSettings()), model, most)
    expected = weights_of(model)["head.weight"]
    for step in range(20):
        for parameter in model.parameters():
            parameter.grad = torch.ones_like(parameter)
        rule.step(0.1)
        decay = min(most, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * weights_of(model)["head.weight"]
        with rule.in_place():
            assert torch.allclose(weights_of(model)["head.weight"], expected, atol=1e-6)
    own = weights_of(model)
    with rule.in_place():
        assert torch.allclose(weights_of(model)["head.weight"], expected, atol=1e-6)
    assert same_bits(weights_of(model), own)
    rule.keep()
    assert torch.allclose(weights_of(model)["head.weight"], expected, atol=1e-6)


def test_of_what_is_counted_the_last_is_kept() -> None:
    model = torch.nn.Sequential(torch.nn.BatchNorm1d(2), torch.nn.Linear(2, 1))
    rule = Averaged(build_optimizer(model, OptimizerSettings()), model, 0.99)
    for _ in range(3):
        model(torch.randn(4, 2)).sum().backward()
        rule.step(0.1)
    rule.keep()
    assert model.state_dict()["0.num_batches_tracked"] == 3


def test_it_is_measured_kept_and_resumed(tmp_path: Path) -> None:
    data, optimizer = images(60), OptimizerSettings(learning_rate=0.01)
    loop = LoopSettings(max_steps=12, batch_size=8, ema=0.9, eval_every=6, checkpoint_every=5)
    whole = tiny_mlp()
    result = train(whole, IMAGE, data, data, optimizer, loop, seed=0)
    assert result.curve[-1].validation_loss == pytest.approx(evaluate(whole, IMAGE, data).loss)
    plain = tiny_mlp()
    train(plain, IMAGE, data, None, optimizer, loop.model_copy(update={"ema": 0.0}), seed=0)
    assert not same_bits(weights_of(whole), weights_of(plain))
    for _ in range(2):  # the second time, the finished run is only read
        again = tiny_mlp()
        train(again, IMAGE, data, data, optimizer, loop, seed=0, work=tmp_path)
        assert same_bits(weights_of(again), weights_of(whole))
