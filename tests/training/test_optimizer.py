"""Schedules as functions of the step, and which parameters decay."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from tilth.errors import UsageError
from tilth.training.optimizer import build_optimizer, learning_rate
from tilth.training.settings import OptimizerSettings


def rates(total: int | None = 100, **settings: object) -> list[float]:
    given = OptimizerSettings.model_validate({"learning_rate": 1.0, **settings})
    return [learning_rate(given, step, total) for step in range(100)]


def test_schedules() -> None:
    assert set(rates()) == {1.0}
    warm = rates(warmup_steps=10)
    assert warm[:3] == pytest.approx([0.1, 0.2, 0.3])
    assert warm[9:] == [1.0] * 91
    cosine = rates(schedule="cosine", warmup_steps=10)
    assert cosine[10] == pytest.approx(1.0)
    assert cosine[55] == pytest.approx(0.55)
    assert 0.1 < cosine[-1] < 0.102
    cooldown = rates(schedule="cooldown", cooldown_share=0.2)
    assert cooldown[:81] == [1.0] * 81
    assert cooldown[90] == pytest.approx(0.5)
    assert cooldown[-1] == pytest.approx(0.05)


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("kind", ["adam", "adamw", "sgd"])
def test_updates_are_those_of_torch(kind: str, decay: float) -> None:
    """Against torch's own classes, not fused, with decay on the matrix only."""
    mine, theirs = nn.Linear(3, 2), nn.Linear(3, 2)
    theirs.load_state_dict(mine.state_dict())
    settings = OptimizerSettings.model_validate({"kind": kind, "weight_decay": decay})
    rule = build_optimizer(mine, settings)
    groups: list[dict[str, Any]] = [
        {"params": [theirs.weight], "weight_decay": decay},
        {"params": [theirs.bias], "weight_decay": 0.0},
    ]
    reference: torch.optim.Optimizer
    if kind == "sgd":
        reference = torch.optim.SGD(groups, lr=0.1, momentum=0.9, nesterov=True)
    else:
        make = torch.optim.Adam if kind == "adam" else torch.optim.AdamW
        reference = make(groups, lr=0.1, betas=(0.9, 0.99))
    inputs = torch.rand(5, 3, generator=torch.Generator().manual_seed(0))
    for _ in range(6):
        for model in (mine, theirs):
            model.zero_grad()
            model(inputs).square().sum().backward()
        rule.step(0.1)
        reference.step()
    assert torch.allclose(mine.weight, theirs.weight, atol=1e-6)
    assert torch.allclose(mine.bias, theirs.bias, atol=1e-6)


@pytest.mark.parametrize("kind", ["adam", "adamw", "sgd"])
def test_parts_learn_at_rates_of_their_own(kind: str) -> None:
    """Of two prefixes the longer decides; the rest learns at the rate itself."""
    rates = {"0.": 0.5, "0.bias": 10.0}
    settings = OptimizerSettings.model_validate({"kind": kind, "rates": rates})
    torch.manual_seed(0)
    mine = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    changes = {}
    for factor in (1.0, 0.5, 10.0):
        plain = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
        plain.load_state_dict(mine.state_dict())
        plain(torch.ones(4, 3)).square().sum().backward()
        build_optimizer(plain, OptimizerSettings.model_validate({"kind": kind})).step(0.01 * factor)
        changes[factor] = dict(plain.named_parameters())
    mine(torch.ones(4, 3)).square().sum().backward()
    build_optimizer(mine, settings).step(0.01)
    for name, factor in (("0.weight", 0.5), ("0.bias", 10.0), ("1.weight", 1.0), ("1.bias", 1.0)):
        assert torch.equal(mine.get_parameter(name), changes[factor][name])


def test_a_rate_of_a_part_that_is_not_there_is_refused() -> None:
    settings = OptimizerSettings(rates={"haed.": 10.0})
    with pytest.raises(UsageError, match=r"no parameter's name begins with `haed\.`"):
        build_optimizer(nn.Linear(1, 1), settings)


def test_plain_descent_remembers_nothing() -> None:
    model = nn.Linear(1, 1, bias=False)
    rule = build_optimizer(model, OptimizerSettings(kind="sgd", momentum=0))
    before = model.weight.item()
    model(torch.ones(1, 1)).backward()
    rule.step(0.5)
    assert model.weight.item() == pytest.approx(before - 0.5)
    assert rule.tensors() == {}
