"""Curves, gains and headline from made-up cells."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from tilth.transfer.summary import summarize_transfer

SIZES = (50, 100, 200, 400)


def cells(
    *, gain_in_data: float, lower: bool = True, seeds: int = 4, noise: float = 0.003
) -> list[dict[str, Any]]:
    """From-scratch follows a power law; fine-tuning is worth `gain_in_data` times the data."""
    generator = np.random.default_rng(0)
    found = []
    for seed in range(seeds):
        level = 1 + 0.02 * generator.normal()
        for size in SIZES:
            for method, n in (("scratch", size), ("finetune", size * gain_in_data)):
                error = level * (4 * n**-0.5 + 0.1) * (1 + noise * generator.normal())
                found.append(
                    {
                        "cell": {"method": method, "size": size, "seed": seed},
                        "result": {
                            "value": error if lower else 100 * (1 - error),
                            "metric": "bits_per_byte" if lower else "accuracy",
                            "unit": "bits/byte" if lower else "%",
                            "scale": 1.0 if lower else 100.0,
                            "lower_is_better": lower,
                            "seconds": 1.0,
                            "what": method,
                            "cut_short": False,
                            "notes": [],
                        },
                    }
                )
    return found


@pytest.mark.parametrize("lower", [True, False])
def test_reads_what_pretraining_was_worth(lower: bool) -> None:
    summary = summarize_transfer(cells(gain_in_data=1.7, lower=lower), smallest_effect=0.001)
    json.dumps(summary, allow_nan=False)
    reading = summary["multiplier"]
    assert reading["state"] == "read"
    assert reading["size"] == 200  # the largest at which 1.7 times as many were measured
    assert reading["value"] == pytest.approx(1.7, rel=0.1)
    assert reading["low"] < reading["value"] < reading["high"]
    assert all(effect["verdict"] == "helps" for effect in summary["effects"])
    assert all(effect["mean"] > 0 for effect in summary["effects"])
    assert "more samples" in summary["headline"]
    assert len(summary["points"]) == 32
    assert summary["cost_s"] == 32


def test_says_more_than_it_measured_never() -> None:
    summary = summarize_transfer(cells(gain_in_data=20), smallest_effect=0.001)
    assert summary["multiplier"]["value"] is None
    assert summary["multiplier"]["text"] == "> 8x"
    assert "worth > 8x the data" in summary["headline"]


def test_no_gain_is_said() -> None:
    summary = summarize_transfer(cells(gain_in_data=1.0, seeds=6), smallest_effect=0.05)
    assert {e["verdict"] for e in summary["effects"]} == {"no material effect"}
    assert "has no material effect" in summary["headline"]


def test_warns_of_budgets_and_seeds() -> None:
    given = cells(gain_in_data=2)
    for one in given:
        one["result"]["cut_short"] = one["cell"]["size"] >= 200
    warnings = summarize_transfer(given, smallest_effect=0.01)["warnings"]
    assert any("from 200 samples on" in warning for warning in warnings)
    assert any("fewer than 6" in warning for warning in warnings)


def test_scratch_alone_is_a_curve_without_effects() -> None:
    given = [c for c in cells(gain_in_data=2) if c["cell"]["method"] == "scratch"]
    summary = summarize_transfer(given, smallest_effect=0.01)
    assert (summary["effects"], summary["multiplier"]) == ([], None)
    assert "nothing to compare" in summary["headline"]
