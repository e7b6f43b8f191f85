"""The decoder: causality, attention by two kernels, what a fresh one knows."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from tests.training.samples import TINY_GPT, tiny_gpt
from tilth.models.build import build_model
from tilth.models.facts import Sizes
from tilth.models.gpt import GPTSettings, decoder
from tilth.models.gpt.decoder import attend


def test_a_gpt_sees_only_what_came_before() -> None:
    model = tiny_gpt().eval()
    tokens = torch.arange(8)[None] + 1
    changed = tokens.clone()
    changed[0, 5] = 19
    one, two = model(tokens), model(changed)
    assert one.shape == (1, 8, 20)
    assert torch.equal(one[0, :5], two[0, :5])
    assert not torch.allclose(one[0, 5:], two[0, 5:])
    assert torch.allclose(model(tokens[:, :3]), one[:, :3], atol=1e-6)


def test_a_fresh_gpt_knows_nothing() -> None:
    settings = GPTSettings(layers=4, width=64, heads=4, context=32)
    model = build_model(settings, Sizes(vocabulary=500), seed=0)
    tokens = torch.randint(1, 500, (4, 33), generator=torch.Generator().manual_seed(0))
    loss = torch.nn.functional.cross_entropy(
        model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten()
    )
    assert abs(loss.item() - math.log(500)) < 0.15


def test_short_attention_is_the_fused_kernel_s() -> None:
    """Value and gradient, against torch's fused attention."""
    generator = torch.Generator().manual_seed(0)
    parts = [torch.randn(2, 3, 10, 4, generator=generator, requires_grad=True) for _ in range(3)]
    mine = attend(parts[0], parts[1], parts[2], 0.0)
    theirs = F.scaled_dot_product_attention(parts[0], parts[1], parts[2], is_causal=True)
    assert torch.allclose(mine, theirs, atol=1e-6)
    weights = torch.randn(mine.shape, generator=generator)
    for one, other in zip(
        torch.autograd.grad(mine, parts, weights),
        torch.autograd.grad(theirs, parts, weights),
        strict=True,
    ):
        assert torch.allclose(one, other, atol=1e-5)


def test_long_windows_use_the_fused_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    model, tokens = tiny_gpt().eval(), torch.arange(8)[None] + 1
    short = model(tokens)
    monkeypatch.setattr(decoder, "_SHORT", 4)
    assert torch.allclose(model(tokens), short, atol=1e-5)


def test_dropout_acts_in_training_only() -> None:
    model = tiny_gpt(settings=TINY_GPT)
    tokens = torch.arange(8)[None] + 1
    model.eval()
    assert torch.equal(model(tokens), model(tokens))
    model.train()
    assert not torch.equal(model(tokens), model(tokens))
