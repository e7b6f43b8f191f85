"""All limits of a run as one plan: the lowest counts, and says its name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.training.samples import documents, images
from tilth.errors import UsageError
from tilth.training.order import Order
from tilth.training.settings import LoopSettings, OptimizerSettings
from tilth.training.stopping import Plan, plan_steps


def _plan(schedule: str = "constant", **loop: Any) -> Plan:
    data = images(70)
    settings = LoopSettings(batch_size=8, **loop)
    warmup = 1 if schedule == "inverse-sqrt" else 0
    optimizer = OptimizerSettings.model_validate({"schedule": schedule, "warmup_steps": warmup})
    return plan_steps(settings, optimizer, Order(data.ids, data.weights, 0), data)


@pytest.mark.parametrize(
    ("loop", "steps", "rows", "named"),
    [
        ({"max_steps": 5}, 5, None, "max_steps"),
        ({"epochs": 1}, 9, 70, "epochs"),
        ({"epochs": 0.5}, 5, 35, "epochs"),
        ({"epochs": 0.001}, 1, 1, "epochs"),
        ({"epochs": 2, "max_steps": 17}, 17, None, "max_steps"),
        ({"epochs": 2, "max_steps": 19}, 18, 140, "epochs"),
        ({"max_tokens": 20}, 3, 20, "max_tokens"),
        ({"max_tokens": 2 * 70 + 5}, 19, 145, "max_tokens"),
        ({"max_tokens": 10**18, "epochs": 1}, 9, 70, "epochs"),
        ({"max_tokens": 20, "max_steps": 2}, 2, None, "max_steps"),
        ({"patience": 3}, None, None, ""),
        ({"max_seconds": 9.0}, None, None, ""),
    ],
)
def test_the_lowest_limit_counts(
    loop: dict[str, Any], steps: int | None, rows: int | None, named: str
) -> None:
    plan = _plan(**loop)
    assert (plan.total_steps, plan.total_examples, plan.named) == (steps, rows, named)


def test_it_ends_at_the_last_step_and_not_before() -> None:
    plan = _plan(max_steps=5, max_seconds=10.0)
    assert plan.limit_reached(4, 9.9) == ""
    assert plan.limit_reached(5, 0.0) == "max_steps"
    assert plan.limit_reached(4, 10.0) == "max_seconds"
    assert _plan(patience=1).limit_reached(10**9, 1e9) == ""


@pytest.mark.parametrize(
    ("steps", "begins"), [(1, 0), (2, 1), (10, 9), (11, 9), (20, 18), (25, 22), (100, 90)]
)
def test_the_last_tenth_is_at_least_one_step(steps: int, begins: int) -> None:
    assert _plan(max_steps=steps).last_tenth == begins
    assert _plan(patience=1).last_tenth is None


def test_it_is_measured_ten_times_or_once_an_epoch() -> None:
    assert _plan(max_steps=100).eval_every == 10
    assert _plan(max_steps=5).eval_every == 1
    assert _plan(patience=1).eval_every == 9
    assert _plan(max_steps=100, eval_every=7).eval_every == 7


@pytest.mark.parametrize("schedule", ["cosine", "cooldown", "one-cycle"])
def test_a_schedule_that_needs_an_end_is_refused_without_one(schedule: str) -> None:
    with pytest.raises(UsageError, match=schedule):
        _plan(schedule, patience=3)
    assert _plan(schedule, max_steps=3).total_steps == 3
    assert _plan("inverse-sqrt", patience=3).total_steps is None


@pytest.mark.parametrize("weights", [1.0, 0.5])
def test_tokens_are_counted_row_by_row_and_never_exceeded(weights: float) -> None:
    data = documents([9] * 20).pack(8)
    order = Order(data.ids, np.full(len(data), weights, np.float32), 0)
    for tokens in (8, 9, 50, 400, 1000):
        settings = LoopSettings(batch_size=4, max_tokens=tokens)
        plan = plan_steps(settings, OptimizerSettings(), order, data)
        rows = plan.total_examples
        assert rows is not None
        used = data.counts[order.take(0, rows + 1)[0]].cumsum()
        assert used[-2] <= tokens < used[-1]
        assert plan.total_steps == -(-rows // 4)
    with pytest.raises(UsageError, match="less than one row"):
        plan_steps(LoopSettings(max_tokens=1), OptimizerSettings(), order, data)
