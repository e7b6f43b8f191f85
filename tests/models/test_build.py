"""The reference models: shapes, causality, initialisation."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from tests.training.samples import TINY_GPT, same_bits, tiny_gpt, tiny_mlp, weights_of
from tilth.models import gpt
from tilth.models.build import build_model, count_parameters
from tilth.models.dropout import drop
from tilth.models.facts import Sizes
from tilth.models.gpt import attend, rotate, rotations
from tilth.models.settings import CNNSettings, GPTSettings, MLPSettings


def test_a_seed_fixes_the_weights_and_the_global_generator_stays() -> None:
    before = torch.random.get_rng_state()
    assert same_bits(weights_of(tiny_mlp(1)), weights_of(tiny_mlp(1)))
    assert not same_bits(weights_of(tiny_mlp(1)), weights_of(tiny_mlp(2)))
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("image", [(1, 28, 28), (3, 5, 7)])
@pytest.mark.parametrize(
    "settings",
    [MLPSettings(hidden=(16, 8)), MLPSettings(hidden=()), CNNSettings(channels=(4, 8, 8, 8))],
)
def test_images_to_one_logit_a_class(
    settings: MLPSettings | CNNSettings, image: tuple[int, int, int]
) -> None:
    model = build_model(settings, Sizes(image=image, classes=5), seed=0)
    assert model(torch.rand(2, *image)).shape == (2, 5)


def test_a_784_128_10_network_has_its_101770_parameters() -> None:
    model = build_model(MLPSettings(), Sizes(image=(1, 28, 28), classes=10), seed=0)
    assert count_parameters(model) == 784 * 128 + 128 + 128 * 10 + 10


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


def test_rotary_attention_depends_on_the_distance_only() -> None:
    cosine, sine = rotations(32, 8)
    generator = torch.Generator().manual_seed(0)
    query, key = torch.randn(2, 8, generator=generator)

    def product(at: int, to: int) -> float:
        one = rotate(query.view(1, 1, 1, 8), cosine[at : at + 1], sine[at : at + 1])
        two = rotate(key.view(1, 1, 1, 8), cosine[to : to + 1], sine[to : to + 1])
        return float((one * two).sum())

    assert product(3, 1) == pytest.approx(product(20, 18), abs=1e-5)
    assert product(3, 1) != pytest.approx(product(3, 2), abs=1e-3)


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
    monkeypatch.setattr(gpt, "_SHORT", 4)
    assert torch.allclose(model(tokens), short, atol=1e-5)


def test_dropout_acts_in_training_only() -> None:
    model = tiny_gpt(settings=TINY_GPT)
    tokens = torch.arange(8)[None] + 1
    model.eval()
    assert torch.equal(model(tokens), model(tokens))
    model.train()
    assert not torch.equal(model(tokens), model(tokens))


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5])
def test_dropout_drops_its_share_and_keeps_the_mean(share: float) -> None:
    torch.manual_seed(0)
    x = torch.ones(333, 601, requires_grad=True)
    dropped = drop(x, share)
    zeros = (dropped == 0).float().mean().item()
    assert zeros == pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / x.numel()))
    assert dropped.mean().item() == pytest.approx(1, abs=0.01)
    rows = (dropped == 0).float().mean(1)
    assert rows.std().item() == pytest.approx(math.sqrt(share * (1 - share) / 601), rel=0.2)
    torch.autograd.backward(dropped.sum())
    assert x.grad is not None
    assert torch.equal(x.grad, dropped.detach())
    torch.manual_seed(0)
    assert torch.equal(drop(x, share), dropped)


def test_no_dropout_draws_nothing() -> None:
    before = torch.random.get_rng_state()
    x = torch.ones(5)
    assert drop(x, 0.0) is x
    assert torch.equal(before, torch.random.get_rng_state())
