"""Low-rank adaptation: nothing at first, and little to train."""

from __future__ import annotations

import torch

from tests.training.samples import TEXT, documents, tiny_gpt, weights_of
from tilth.models.lora import adapt
from tilth.training.loop import train
from tilth.training.settings import LoopSettings, OptimizerSettings


def test_it_starts_as_nothing_and_trains_little() -> None:
    model, tokens = tiny_gpt().eval(), torch.arange(1, 9)[None]
    before = weights_of(model)
    expected = model(tokens)
    frozen = adapt(model, 2, seed=1)
    assert torch.equal(model(tokens), expected)
    data = documents([30] * 5).pack(8)
    train(
        model,
        TEXT,
        data,
        None,
        OptimizerSettings(learning_rate=0.01),
        LoopSettings(max_steps=5, batch_size=4),
        seed=0,
        frozen=frozen,
    )
    trained = [name for name, p in model.named_parameters() if p.requires_grad]
    assert trained
    assert all(name.endswith((".down", ".up")) for name in trained)
    adapted = model(tokens)
    assert not torch.equal(adapted, expected)
    now = weights_of(model)
    assert all((now[name] == tensor).all() for name, tensor in before.items() if name in now)


def test_the_same_seed_gives_the_same_matrices() -> None:
    one, other, third = (tiny_gpt() for _ in range(3))
    adapt(one, 2, seed=1)
    adapt(other, 2, seed=1)
    adapt(third, 2, seed=2)
    name = next(name for name in weights_of(one) if name.endswith(".down"))
    assert torch.equal(weights_of(one)[name], weights_of(other)[name])
    assert not torch.equal(weights_of(one)[name], weights_of(third)[name])
