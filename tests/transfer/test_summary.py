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
                            "nine_tenths": None,
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
        late = one["cell"]["size"] >= 200
        one["result"]["nine_tenths"] = one["result"]["value"] + (0.02 if late else 0.001)
    warnings = summarize_transfer(given, smallest_effect=0.01)["warnings"]
    assert any("gained 0.02 at 200, 0.02 at 400 samples" in warning for warning in warnings)
    assert any("fewer than 6" in warning for warning in warnings)


def test_scratch_alone_is_a_curve_without_effects() -> None:
    given = [c for c in cells(gain_in_data=2) if c["cell"]["method"] == "scratch"]
    summary = summarize_transfer(given, smallest_effect=0.01)
    assert (summary["effects"], summary["multiplier"]) == ([], None)
    assert "nothing to compare" in summary["headline"]


def _with_parts(given: list[dict[str, Any]], spread: float) -> list[dict[str, Any]]:
    """The cells with a test set of 30 documents, on which the effect differs by `spread`."""
    apart = np.random.default_rng(1).normal(size=30)
    for one in given:
        tilt = spread * (apart - apart.mean()) * (one["cell"]["method"] != "scratch")
        parts = one["result"]["value"] + tilt
        one["result"] |= {
            "numerators": parts.tolist(),
            "denominators": [1.0] * 30,
            "test_samples": 30,
            "items": "documents",
        }
    return given


def test_every_effect_has_its_sentence_and_the_first_is_one_of_them() -> None:
    summary = summarize_transfer(cells(gain_in_data=1.7, seeds=5))
    effect = next(one for one in summary["effects"] if one["headline"] == summary["headline"])
    assert effect["size"] == summary["multiplier"]["size"]
    bounds = f"[{effect['adjusted_low']:.4f}, {effect['adjusted_high']:.4f}]"
    assert bounds in summary["headline"]
    assert f"{effect['low']:.4f}" not in summary["headline"]
    assert "(5 seeds, corrected for 4 comparisons" in summary["headline"]
    assert all(one["headline"].startswith(f"at {one['size']} ") for one in summary["effects"])


def test_the_test_set_is_in_the_headline() -> None:
    summary = summarize_transfer(_with_parts(cells(gain_in_data=1.7), 0.01))
    low, high = summary["effects"][0]["adjusted_combined_interval"]
    assert low < summary["effects"][0]["adjusted_low"]
    assert high > summary["effects"][0]["adjusted_high"]
    assert "with the test set's 30 documents)" in summary["headline"]
    wide = summarize_transfer(_with_parts(cells(gain_in_data=1.7), 1.0))
    assert [e["verdict"] for e in wide["effects"]] == [e["verdict"] for e in summary["effects"]]
    assert "helps on these 30 documents: +" in wide["headline"]


def test_an_opponent_that_was_cut_short_is_in_the_same_sentence() -> None:
    given = cells(gain_in_data=1.7)
    for one in given:
        if one["cell"]["method"] == "scratch":
            gain = 0.05 if one["cell"]["size"] == 200 else 0.005
            one["result"]["nine_tenths"] = one["result"]["value"] + gain
    summary = summarize_transfer(given)
    assert [one["cut_short"] for one in summary["last_tenth"]] == [False, False, True, False]
    assert summary["headline"].endswith("the last tenth of its steps still gained 0.05 bits/byte")
    first, *_ = summary["effects"]
    # Its own opponent was fair, the curve that its multiplier is read off was not.
    assert first["size"] == 50
    assert first["headline"].endswith(
        "; from-scratch was cut short at 200 samples, on which the multiplier rests"
    )
    # Half a point is what matters in an accuracy, a hundredth in bits.
    assert "cut short" not in summarize_transfer(given, smallest_effect=0.06)["headline"]


def test_a_baseline_that_does_better_is_in_the_same_sentence() -> None:
    given = cells(gain_in_data=1.7, lower=False)
    for one in [one for one in given if one["cell"]["method"] == "finetune"]:
        size, value = one["cell"]["size"], one["result"]["value"]
        ahead = 3.0 if size >= 200 else -3.0
        cell = one["cell"] | {"method": "tfidf-svm"}
        given.append({"cell": cell, "result": one["result"] | {"value": value + ahead}})
    summary = summarize_transfer(given)
    assert "; a linear SVM over TF-IDF does better, by 3.0 points [" in summary["headline"]
    assert ", at 2 of 4 sizes" in summary["headline"]
    (small,) = [
        e["headline"] for e in summary["effects"] if (e["method"], e["size"]) == ("finetune", 50)
    ]
    assert "a linear SVM over TF-IDF does better at 2 of 4 sizes" in small
    own = [e["headline"] for e in summary["effects"] if e["method"] == "tfidf-svm"]
    assert not any("does better" in text for text in own)


@pytest.mark.parametrize("seeds", [1, 3])
def test_a_baseline_whose_lead_is_noise_does_not_do_better(seeds: int) -> None:
    """Ahead by 9, -4 and -4 points over three seeds, or in the one seed that there is."""
    given = cells(gain_in_data=1.7, lower=False, seeds=seeds)
    for one in [one for one in given if one["cell"]["method"] == "finetune"]:
        ahead = 9.0 if one["cell"]["seed"] == 0 else -4.0
        cell = one["cell"] | {"method": "tfidf-svm"}
        value = one["result"]["value"] + ahead
        given.append({"cell": cell, "result": one["result"] | {"value": value}})
    text = summarize_transfer(given)["headline"]
    assert "does better" not in text
    assert "a linear SVM over TF-IDF is ahead, undecided: +" in text


def test_a_baselines_lead_on_this_test_set_says_so() -> None:
    given = _with_parts(cells(gain_in_data=1.7, lower=False, seeds=5), 0.0)
    apart = np.random.default_rng(2).normal(size=30)
    for one in [one for one in given if one["cell"]["method"] == "finetune"]:
        value = one["result"]["value"] + 3.0 + 0.1 * one["cell"]["seed"]
        parts = (value + 50 * (apart - apart.mean())).tolist()
        cell = one["cell"] | {"method": "tfidf-svm"}
        given.append(
            {"cell": cell, "result": one["result"] | {"value": value, "numerators": parts}}
        )
    text = summarize_transfer(given)["headline"]
    assert "a linear SVM over TF-IDF does better on these 30 documents, by 3.20 points [" in text
    assert "(corrected for 4 comparisons), at all 4 sizes" in text


def test_equal_results_of_a_coarse_metric_are_not_certainty() -> None:
    given = _with_parts(cells(gain_in_data=1.7, lower=False, seeds=2), 0.0)
    for one in given:
        one["result"] |= {"value": 100.0, "numerators": [1.0] * 30}
    (first, *_) = summarize_transfer(given)["effects"]
    assert first["verdict"] == "undecided"
    assert first["adjusted_low"] < 0 < first["adjusted_high"]
