"""Schedules as functions of the step, and which parameters decay."""

from __future__ import annotations

import pytest
from torch import nn

from tilth.pretrain.optimizer import build_optimizer, learning_rate
from tilth.pretrain.settings import OptimizerSettings


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


@pytest.mark.parametrize("kind", ["adam", "adamw", "sgd"])
def test_only_matrices_decay(kind: str) -> None:
    model = nn.Linear(3, 2)
    settings = OptimizerSettings.model_validate({"kind": kind, "weight_decay": 0.1})
    groups = build_optimizer(model, settings).param_groups
    assert [(len(g["params"]), g["weight_decay"]) for g in groups] == [(1, 0.1), (1, 0.0)]
    without = build_optimizer(model, OptimizerSettings.model_validate({"kind": kind}))
    assert len(without.param_groups) == 1
