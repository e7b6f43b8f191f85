"""Steps, training, transfer and value: what is read out of the report's document."""

from __future__ import annotations

from typing import Any

import pytest

from tests.report.planted import planted_report, report_of
from tilth.figures import Definition
from tilth.pretrain.result import PretrainResult
from tilth.query.report import StepReport
from tilth.records import read_as
from tilth.report.pretraining import pretraining
from tilth.report.steps import build_line, build_steps, cost_table
from tilth.report.transferring import transfer
from tilth.report.valuing import value, verdicts
from tilth.report.write import render
from tilth.transfer.result import TransferResult
from tilth.value.result import ValueResult


def test_the_books_of_the_line_are_those_of_its_steps() -> None:
    line = build_line(build_steps(report_of(planted_report()).steps))
    assert line is not None
    assert line.balances
    assert (line.num_in, line.kept, line.dropped, line.quarantined) == (3222, 2599, 619, 4)


def test_examples_are_spread_over_the_rules() -> None:
    rules = {f"rule {i}": 100 - i for i in range(20)}
    plain = planted_report()["steps"][3] | {
        "dropped": sum(rules.values()),
        "by_rule": [{"rule": rule, "count": n} for rule, n in rules.items()],
        "examples": [
            {"id": "0", "uri": None, "rule": rule, "value": str(k), "of": None, "text": ""}
            for rule in rules
            for k in range(9)
        ],
    }
    (step,) = build_steps([read_as(StepReport, plain, "planted")])
    assert [len(rule.examples) for rule in step.rules] == [5] * 8 + [0] * 12
    assert step.rules[0].shown == "5 of 100 shown"


def test_a_cached_step_takes_no_share_of_the_time() -> None:
    rows = cost_table(build_steps(report_of(planted_report()).steps))
    shares = {row.step.name: row.share for row in rows}
    assert shares["deduplicate.minhash"] == 0
    assert sum(shares.values()) == pytest.approx(1)


def _value(*arms: dict[str, Any], **further: Any) -> ValueResult:
    base = {
        "name": "arm", "decision": "arm", "contrast": "control - arm", "values": [], "effect": 0.2,
        "mean": 0.2, "low": 0.1, "high": 0.3, "verdict": "helps", "wins": 2, "n": 2,
    }  # fmt: skip
    found = {
        "metric": "bits_per_byte",
        "unit": "bits/byte",
        "lower_is_better": True,
        "control": {"values": [2.0, 2.1], "mean": 2.05},
        "arms": [base | arm for arm in arms or ({},)],
        "cost_s": 1.0,
    }
    return read_as(ValueResult, found | further, "planted")


def test_the_control_stands_with_its_interval() -> None:
    plain = dict(value(_value()).facts)
    assert plain["control"] == "2.05 bits/byte"
    sure = {"values": [2.0, 2.1], "mean": 2.05, "low": 1.4147, "high": 2.6853}
    assert dict(value(_value(control=sure)).facts)["control"] == "2.05 [1.41, 2.69] bits/byte"


def _transfer(**further: Any) -> TransferResult:
    return read_as(TransferResult, planted_report()["transfer"] | further, "planted")


def _pretrain(**further: Any) -> PretrainResult:
    plain = {
        "task": "image-classification",
        "metric": "accuracy",
        "unit": "%",
        "lower_is_better": False,
        "model": {"kind": "cnn", "parameters": 10},
    }
    return read_as(PretrainResult, plain | further, "planted")


def _slope_rows(part: ValueResult) -> list[list[str]]:
    charts = [chart for chart in value(part).charts if chart.title == "Seed by seed"]
    if not charts:
        return []
    made = charts[0].table
    assert made is not None
    return [[cell.text for cell in row[2:]] for row in made.rows]


def test_without_is_left_and_with_is_right_whichever_the_control_has() -> None:
    gains = {"differences": [0.2, 0.1]}
    added = _value({"contrast": "arm - control", "values": [1.8, 2.0], **gains})
    assert _slope_rows(added) == [["2", "1.800"], ["2.100", "2"]]
    removed = _value({"contrast": "control - arm", "values": [2.2, 2.2], **gains})
    assert _slope_rows(removed) == [["2.200", "2"], ["2.200", "2.100"]]


def test_numbers_that_contradict_each_other_are_not_drawn() -> None:
    assert not _slope_rows(_value({"differences": [0.2, 0.1], "values": [2.2, 2.9]}))


def test_the_verdict_is_about_the_decision() -> None:
    part = _value({"decision": "deduplicate"}, {"decision": "deduplicate", "name": "other"})
    tables = dict(value(part).tables)
    (effects,) = [made for title, made in tables.items() if title.startswith("The effects")]
    assert [row[0].text for row in effects.rows] == ["deduplicate (arm)", "deduplicate (other)"]
    assert [v.sentence for v in verdicts(_value())] == ["arm: helps"]
    assert [v.sentence for v in verdicts(_value({"headline": "it helps: +1"}))] == ["it helps: +1"]


def test_an_undecided_arm_says_what_would_decide_it() -> None:
    def settle(**arm: Any) -> str:
        tables = dict(value(_value({"verdict": "undecided", **arm})).tables)
        return tables["What each arm was, and what would settle it"].rows[0][-1].text

    assert settle(more_seeds=12, more_cost_s=90) == "12 seeds (probability 0.8), 1 min 30 s"
    assert settle(more_seeds=None, n=8) == "no number of seeds in reach"
    assert settle(more_seeds=None, n=2) == "3 seeds would tell"


def test_of_an_arm_that_changed_nothing_no_worth_is_shown() -> None:
    """Its difference is 0 by itself; what it was is told all the same."""
    same = {"verdict": "nothing changed", "mean": 0.0, "low": 0.0, "high": 0.0, "same_data": True}
    made = value(_value(same))
    tables = dict(made.tables)
    (effects,) = [rows for title, rows in tables.items() if title.startswith("The effects")]
    assert [cell.text for cell in effects.rows[0][1:]] == [
        "= nothing changed", *["not measured"] * 4,
    ]  # fmt: skip
    assert len(tables["What each arm was, and what would settle it"].rows) == 1
    assert not any(title.startswith("How sure") for title in tables)
    assert "What each decision was worth" not in {chart.title for chart in made.charts}


def test_repeating_data_too_often_is_marked() -> None:
    tables = dict(value(_value({"epochs": 4.8})).tables)
    assert tables["What each arm was, and what would settle it"].rows[0][3].text == "4.80 (above 4)"


def test_a_multiplier_that_cannot_be_read_has_no_arrow() -> None:
    assert "arrow-head" in transfer(_transfer()).charts[0].wide
    open_end = {"size": 40, "value": None, "low": 8.0, "high": None, "state": "above"}
    found = transfer(_transfer(multiplier=open_end | {"text": "> 8x"}))
    assert "arrow-head" not in found.charts[0].wide
    assert ("data multiplier at 40 samples", "> 8x") in found.facts


def test_a_long_curve_is_thinned_and_says_so() -> None:
    curve = [{"step": i, "examples": 0, "loss": 1 / (i + 1)} for i in range(1000)]
    (chart,) = pretraining(_pretrain(curve=curve)).charts
    assert "251 of 1000 points drawn" in chart.caption


def test_the_test_result_is_the_headline() -> None:
    found = pretraining(_pretrain(test={"accuracy": 97.85}))
    assert found.headline == "accuracy 97.85 % on test"
    planted = report_of(planted_report()).pretrain
    assert planted is not None
    assert pretraining(planted).headline == "bits per byte 1.934 bits/byte on test"


def test_seeds_that_differ_between_arms_are_told() -> None:
    part = planted_report()["value"]
    part["arms"][-1]["n"] = 2
    found = value(read_as(ValueResult, part, "planted"))
    assert ("seeds an arm", "2 to 8") in found.facts
    assert "Mean difference of 2 to 8 paired seeds" in found.charts[0].caption
    assert dict(value(_value({"n": 3})).facts)["seeds an arm"] == "3"


def _rows(found: Any, title: str) -> list[list[str]]:
    (made,) = [made for name, made in found.tables if name.startswith(title)]
    return [[cell.text for cell in row] for row in made.rows]


def test_folds_have_a_row_each_and_their_mean() -> None:
    folds = [
        {"fold": name, "seed": 0, "test": {"wer": wer, "exact": 100 - wer}}
        for name, wer in (("jackson", 20.0), ("lucas", 10.0))
    ]
    mean = {"split": "test", "wer": 15.0, "exact": 85.0}
    found = pretraining(_pretrain(metric="wer", folds=folds, mean=mean))
    assert found.headline == "word error rate 15 % on test, mean of 2 folds"
    assert _rows(found, "Cross-validation") == [
        ["jackson", "20", "80"],
        ["lucas", "10", "90"],
        ["mean of 2 folds", "15", "85"],
    ]


def test_what_is_of_one_training_of_several_says_of_which() -> None:
    """Folds by seeds are told apart by both, and their mean says over what it is."""
    each = [(seed, fold) for fold in ("ann", "bob") for seed in (5, 6)]
    folds = [{"fold": fold, "seed": seed, "test": {"accuracy": 80.0}} for seed, fold in each]
    one = {"test": {"accuracy": 80.0}, "seconds": 3.0, "cpu_seconds": 4.0, "stopped": "epochs"}
    curve = [{"step": n, "examples": 8 * n, "loss": 1.0, "accuracy": 50.0} for n in (1, 2)]
    part = _pretrain(folds=folds, mean={"split": "test", "accuracy": 80.0}, curve=curve, **one)
    found = pretraining(part)
    assert found.headline == "accuracy 80 % on test, mean of 2 seeds x 2 folds"
    first = "first of 4 trainings (fold ann, seed 5)"
    facts = dict(found.facts)
    assert facts["weights"] == f"those of the {first}"
    of_one = ("parameters", "seen in training", "training time", "processor time of training")
    for name in (*of_one, "stopped because"):
        assert f"{name} (first of 4 trainings)" in facts
        assert name not in facts
    assert all(first in chart.caption for chart in found.charts)
    title, _ = found.tables[0]
    assert title == (
        "Cross-validation: tested on each of 2 folds, trained without, with 2 seeds each"
    )
    names = [row[0] for row in _rows(found, "Cross-validation")]
    assert names == [f"{fold}, seed {seed}" for seed, fold in each] + ["mean of 2 seeds x 2 folds"]
    assert found.tables[1][0] == f"Held-out results of the {first}"
    # Of one training alone nothing need be said.
    alone = pretraining(_pretrain(**one, curve=curve))
    assert "first of" not in repr(alone)
    assert dict(alone.facts)["training time"] == "3.0 s"


def test_the_two_lines_of_the_loss_say_what_each_is() -> None:
    curve = [{"step": n, "examples": n, "loss": 1.0, "validation_loss": 1.1} for n in (1, 2)]
    (chart,) = pretraining(_pretrain(curve=curve)).charts
    assert "Training: the mean over all batches since the measurement before" in chart.caption
    assert "Validation: the whole validation split at that step" in chart.caption
    assert "not measured alike" in chart.caption
    assert chart.table is not None
    assert chart.table.columns[1] == "training loss (mean since the measurement before)"
    (alone,) = pretraining(_pretrain(curve=[{**curve[0], "validation_loss": None}])).charts
    assert "Validation" not in alone.caption


def test_figures_have_the_names_of_the_field_and_a_signature_stays_text() -> None:
    test = {"bits_per_byte": 1.5, "bleu": 36.5, "signature": "nrefs:1|case:lc"}
    rows = _rows(pretraining(_pretrain(metric="bits_per_byte", test=test)), "Held-out")
    assert ["BLEU", "\u2013", "36.50"] in rows
    assert ["signature of sacreBLEU", "\u2013", "nrefs:1|case:lc"] in rows


def test_the_metric_is_drawn_over_training() -> None:
    curve = [
        {
            "step": step,
            "examples": 100 * step,
            "loss": 1.0,
            "validation_loss": 1.0,
            "accuracy": 50.0 + step,
        }
        for step in range(1, 4)
    ]
    charts = pretraining(_pretrain(curve=curve)).charts
    assert [chart.title for chart in charts] == ["Loss curves", "Learning curve"]
    assert "3 of 3 points drawn" in charts[1].caption
    assert len(pretraining(_pretrain(curve=curve[:1])).charts) == 1


def test_the_leaderboard_says_who_is_best_whoever_it_is() -> None:
    means = {"scratch": (40.0, 70.0), "finetune": (55.0, 80.0), "tfidf-svm": (60.0, 78.0)}
    part: dict[str, Any] = {
        "metric": "accuracy",
        "unit": "%",
        "lower_is_better": False,
        "sizes_per_class": True,
        "effects": [],
        "points": [],
        "methods": list(means),
        "summary": [
            {"method": method, "size": size, "mean": mean, "low": None, "high": None, "n": 2}
            for method, pair in means.items()
            for size, mean in zip((10, 200), pair, strict=True)
        ],
        "figures": [{"method": "scratch", "size": 200, "cpu_seconds": 12.0}],
    }
    found = transfer(_transfer(**part))
    assert _rows(found, "Leaderboard") == [
        ["finetune", "55", "80 ●", "\u2013"],
        ["tfidf-svm", "60 ●", "78", "\u2013"],
        ["scratch", "40", "70", "12 s"],
    ]
    # A mean says no more than its interval allows, and is not rounded onto the best there can be.
    for row, (mean, half) in zip(
        part["summary"], [(40.123, 7.0), (70.567, 0.8), (55.123, 0.0), (99.96, 1.5)], strict=False
    ):
        row |= {"mean": mean, "low": mean - half, "high": mean + half}
    found = transfer(_transfer(**part))
    assert _rows(found, "Leaderboard")[0][:3] == ["finetune", "55", "99.96 ●"]
    assert _rows(found, "Leaderboard")[2][:3] == ["scratch", "40.1", "70.57"]
    lower = transfer(_transfer(**part | {"lower_is_better": True}))
    assert [row[0] for row in _rows(lower, "Leaderboard")] == ["scratch", "tfidf-svm", "finetune"]


def test_warnings_that_are_not_shown_are_counted() -> None:
    steps = planted_report()["steps"]
    steps[0]["warnings"] = [f"warning {number}" for number in range(25)]
    found = build_steps(report_of(planted_report() | {"steps": steps}).steps)[0].warnings
    assert found[-1] == "20 of 25 warnings shown"
    assert len(found) == 21


def test_where_nothing_was_kept_it_is_said_that_there_are_no_figures() -> None:
    why = "No figures: nothing was kept that they could be of."
    report = planted_report()
    step = next(one for one in report["steps"] if one["name"] == "mix.weights")
    assert why not in render(report_of(report))
    step |= {"kept": 0, "dropped": step["in"], "figures": {}, "op": "weights"}
    with pytest.MonkeyPatch.context() as patch:
        known = {"samples": Definition("samples", "samples", "How many.", "all")}
        patch.setattr("tilth.report.steps.definitions", lambda _: known)
        assert why in render(report_of(report))
        step["figures"] = {"samples": 0}
        assert why not in render(report_of(report))
    # Of an operation that has no figures none are wanting.
    step |= {"figures": {}, "op": "normalize"}
    assert why not in render(report_of(report))


def test_sizes_that_count_a_class_say_so_wherever_they_stand() -> None:
    report = planted_report()
    tenth = {"size": 40, "gain": 0.1, "cut_short": True}
    more = {"last_tenth": [tenth], "multipliers": [report["transfer"]["multiplier"]]}
    for per_class, head in ((True, "samples a class"), (False, "samples")):
        given = report["transfer"] | more | {"sizes_per_class": per_class}
        found = transfer(read_as(TransferResult, given, "planted"))
        heads = [one for _, made in found.tables for one in made.columns if "samples" in one]
        assert heads == [head] * 3
