"""Dropout: the share that is asked for, the mean that was, and no draw for nothing."""

from __future__ import annotations

import math

import pytest
import torch

from tilth.models.dropout import drop


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


def test_of_a_share_below_1_something_stays() -> None:
    torch.manual_seed(0)
    dropped = drop(torch.ones(300, 1000), 0.9999999)
    assert dropped.isfinite().all()
    assert 0 < (dropped > 0).sum() < 30


def test_no_dropout_draws_nothing() -> None:
    before = torch.random.get_rng_state()
    x = torch.ones(5)
    assert drop(x, 0.0) is x
    assert torch.equal(before, torch.random.get_rng_state())
