"""What training may be asked, and what is refused before it begins."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tilth.machine import training_device
from tilth.settings import acting
from tilth.training.settings import LoopSettings, OptimizerSettings


@pytest.mark.parametrize(
    "limit", [{"max_steps": 1}, {"epochs": 0.1}, {"max_tokens": 1}, {"max_seconds": 0.1},
              {"patience": 1}],
)  # fmt: skip
def test_any_limit_will_do(limit: dict[str, Any]) -> None:
    assert LoopSettings(**limit)


@pytest.mark.parametrize(
    ("loop", "told"),
    [
        ({}, "nothing ends this run"),
        ({"patience": 0}, "nothing ends this run"),
        ({"max_steps": 1, "batch_size": 6, "accumulate": 4}, r"accumulate \(4\) must divide"),
        ({"max_steps": 1, "processes": 2, "max_seconds": 1}, "several processes must agree"),
        ({"max_steps": 1, "processes": 2, "precision": "auto"}, "several processes must agree"),
        ({"max_steps": 0}, "greater than or equal to 1"),
        ({"epochs": 0}, "greater than 0"),
        ({"max_steps": 1, "ema": 1.0}, "less than 1"),
        ({"max_steps": 1, "precision": "fp64"}, "fp32"),
        ({"max_steps": 1, "no_such": 1}, "Extra inputs"),
        ({"max_steps": 1, "min_improvement": 0.1}, "nothing without `patience`"),
    ],
)
def test_what_cannot_be_is_refused(loop: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        LoopSettings(**loop)


def test_several_processes_with_limits_that_all_know() -> None:
    assert LoopSettings(max_steps=1, processes=2, precision="fp32").processes == 2


@pytest.mark.parametrize(
    "given", [{"learning_rate": 0}, {"momentum": 1.0}, {"cooldown_share": 0}, {"grad_clip": -1},
              {"rates": {"head.": 0}}, {"kind": "lion"}, {"schedule": "linear"},
              {"betas": (1.5, 0.9)}, {"betas": (0.9, 1.0)}, {"momentum": 0.5},
              {"kind": "sgd", "betas": (0.8, 0.9)}, {"adam_share": 0.5}, {"cooldown_share": 0.5},
              {"schedule": "inverse-sqrt"}, {"learning_rate": 0.1, "weight_decay": 10}],
)  # fmt: skip
def test_an_update_rule_that_cannot_be(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        OptimizerSettings(**given)


def test_auto_is_the_device_that_it_is_here() -> None:
    here = training_device("auto")
    assert _acting(device="auto") == _acting(device=here)
    assert _acting(device="auto") != _acting(device="cuda" if here == "cpu" else "cpu")


def _acting(**loop: Any) -> Any:
    return acting(LoopSettings(max_steps=1, **loop))
