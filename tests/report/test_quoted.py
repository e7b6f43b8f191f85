"""A held-out figure of pretraining is quoted alike wherever it stands: one value, one interval."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import pytest
from benchmarks.reproduce import _trained as head_of_a_starter
from benchmarks.reproduce import _transferred

from tests.query.test_findings import write_run
from tests.report.planted import planted_report, report_of
from tests.report.test_model_card import planted_model
from tilth.errors import DataError
from tilth.pretrain.quoted import basis, quote, sentence
from tilth.pretrain.result import PretrainResult
from tilth.query.findings import findings
from tilth.records import read_as
from tilth.report.card import data_card
from tilth.report.model_card import model_card
from tilth.report.pretraining import figure_text
from tilth.report.write import render
from tilth.statistics.found import Bounds
from tilth.transfer.result import TransferResult


def _interval(low: float | None, high: float | None, **given: Any) -> dict[str, Any]:
    return {"low": low, "high": high, "n": 312, "item": "document", "method": "bootstrap", **given}


def _bounds(low: float | None, high: float | None, n: int = 312, **given: Any) -> Bounds:
    return Bounds(**_interval(low, high, n=n, **given))


def _result(found: dict[str, Any]) -> PretrainResult:
    return read_as(PretrainResult, found, "planted")


ONE: dict[str, Any] = {
    "task": "text-generation",
    "model": {"kind": "gpt", "parameters": 1000},
    "metric": "bits_per_byte",
    "unit": "bits/byte",
    "lower_is_better": True,
    "test": {"loss": 1.7201, "bits_per_byte": 2.2612},
    "validation": {"loss": 1.7, "bits_per_byte": 2.2},
    "intervals": {
        "test": {"loss": _interval(1.65, 1.79), "bits_per_byte": _interval(2.2093, 2.3122)},
        "validation": {"loss": _interval(None, None, n=1)},
    },
}
SEEDS: dict[str, Any] = ONE | {
    "seeds": [
        {"seed": seed, "cpu_seconds": 1.0} | {key: ONE[key] for key in ("test", "intervals")}
        for seed in (0, 1)
    ],
    "mean": {
        "split": "test",
        "bits_per_byte": 2.2612,
        "intervals": {"bits_per_byte": _interval(2.0493, 2.4722)},
    },
}
SAID = "bits per byte 2.26 [2.21, 2.31] bits/byte on test, 312 documents"
SAID_OF_SEEDS = "bits per byte 2.26 [2.05, 2.47] bits/byte on test, mean of 2 seeds, 312 documents"


def _text(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


@pytest.mark.parametrize(("result", "said"), [(ONE, SAID), (SEEDS, SAID_OF_SEEDS)])
def test_terminal_page_and_both_cards_say_the_same(
    result: dict[str, Any], said: str, tmp_path: Path
) -> None:
    assert sentence(_result(result)) == said
    assert findings(write_run(tmp_path, "pretrain", result)) == (f"pretrain: {said}",)
    report = report_of(planted_model(**result))
    page, card, data = render(report), model_card(report), data_card(report)
    assert said in _text(page)
    assert f"{said}." in card.replace("\\", "")
    assert f"Pretraining: {said}" in data.replace("\\", "")


def test_every_table_has_the_interval_beside_the_figure_and_n_below() -> None:
    for result in (ONE, SEEDS):
        report = report_of(planted_model(**result))
        for shown in (_text(render(report)), model_card(report).replace("\\", "")):
            assert "2.26 [2.21, 2.31]" in shown
            assert "1.72 [1.65, 1.79]" in shown
            assert "measured on" in shown
            assert "312 documents" in shown
            assert "there is no interval" not in shown
    head, *_ = model_card(report_of(planted_model(**ONE))).split("\n---\n")
    assert "bits per byte, 95 % interval [2.21, 2.31], 312 documents" in " ".join(head.split())


def test_the_head_of_a_starter_has_them() -> None:
    cost = {"cpu_seconds": 78.0, "precision": "fp32-fast", "threads": 1}
    lines = " ".join(" ".join(head_of_a_starter(_result({**ONE, **cost}))).split())
    assert lines.startswith("test: bits_per_byte 2.26 [2.21, 2.31], loss 1.72 [1.65, 1.79], on 312")
    lines = " ".join(" ".join(head_of_a_starter(_result({**SEEDS, **cost}))).split())
    assert lines.count("bits_per_byte 2.26 [2.21, 2.31]") == 2
    assert "mean of 2 bits_per_byte 2.26 [2.05, 2.47], on 312 documents" in lines


def test_the_head_of_a_transfer_has_an_interval_below_each_mean() -> None:
    part = planted_report()["transfer"]
    part |= {"sizes_per_class": False, "multipliers": [], "effects": [], "seeds": list(range(8))}
    part["methods"] = ["scratch"]
    rows = [row for row in part["summary"] if row["method"] == "scratch"]
    part["sizes"] = [row["size"] for row in rows]
    costs = [{"method": "scratch", "size": size, "cpu_seconds": 1} for size in part["sizes"]]
    *_, mean, interval, _ = _transferred(
        read_as(TransferResult, part | {"summary": rows, "figures": costs}, "planted")
    )
    assert mean.split()[0] == "scratch"
    assert interval.split() == ["95", "%", "over", "seeds", *["+-0.05"] * len(rows)]


def test_a_result_of_an_earlier_version_is_told_without() -> None:
    old = {key: value for key, value in ONE.items() if key != "intervals"}
    assert sentence(_result(old)) == "bits per byte 2.261 bits/byte on test"
    report = report_of(planted_model(**old))
    for shown in (_text(render(report)), model_card(report), data_card(report)):
        assert "2.261" in shown
    assert "measured on" not in model_card(report)
    cost = {"cpu_seconds": 78.0, "precision": "fp32-fast", "threads": 1}
    assert "bits_per_byte 2.261, loss 1.72; one seed" in " ".join(
        head_of_a_starter(_result(old | cost))
    )
    folds = [{"fold": name, "seed": 0, "test": {"wer": 12.0}} for name in "ab"]
    mean = {"split": "test", "wer": 12.0}
    cross = {**ONE, "metric": "wer", "unit": "%", "folds": folds, "mean": mean}
    assert sentence(_result(cross)) == "word error rate 12 % on test, mean of 2 folds"


@pytest.mark.parametrize("damage", [None, "x", [1], {"test": 3}, {"test": {"bits_per_byte": "x"}}])
def test_a_damaged_result_is_refused_and_named(damage: Any) -> None:
    with pytest.raises(DataError, match="intervals"):
        _result(ONE | {"intervals": damage})


def test_decimals_follow_the_interval() -> None:
    assert quote(98.0766, _bounds(97.71, 98.43)) == "98.08 [97.71, 98.43]"
    assert quote(86.8333, _bounds(74.0, 96.2)) == "86.8 [74.0, 96.2]"
    assert quote(100.0, _bounds(98.7359, 100.0)) == "100.0 [98.7, 100.0]"
    assert quote(0.00531, _bounds(0.0041, 0.0072)) == "0.0053 [0.0041, 0.0072]"
    assert quote(2.0, _bounds(2.0, 2.0)) == "2.00 [2.00, 2.00]"
    # No end is rounded onto 0 or 100 that is not just that.
    assert quote(1.5, _bounds(0.02, 5.5)) == "1.50 [0.02, 5.50]"
    assert quote(99.2, _bounds(94.1, 99.96)) == "99.20 [94.10, 99.96]"
    assert quote(99.996, None) == "99.996"
    assert quote(2.2617, None) == "2.262"
    assert basis(_bounds(1, 2, n=1)) == "1 document"
    assert basis(_bounds(1, 2, n=10_000, item="image", groups=12)) == "10,000 images of 12 groups"
    assert basis(_bounds(60, 90, n=18, item="image", groups=1)) == "18 images of 1 group"
    assert basis(_bounds(None, None, n=1)) == "1 document: no interval"


def test_a_number_among_intervals_that_has_none_says_so() -> None:
    """Macro F1 beside an accuracy, where a class has one test sample."""
    assert figure_text(61.44, _bounds(None, None, n=9)) == "61.44 (no interval)"
    assert figure_text(61.44, None) == "61.44"
    assert figure_text(None, _bounds(None, None, n=9)) == figure_text(None, None)
    assert figure_text("nrefs:1|case:mixed", None) == "nrefs:1|case:mixed"
