"""The figures of a run, each with its unit, direction, interval and what it is of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.query.test_findings import PLAIN, write_run
from tests.report.planted import planted_report, report_of
from tilth.query.found import AS_TOLD, Figure, _of_operation, figures_of
from tilth.query.runs import RunView


def _paths(figures: Any) -> dict[str, Figure]:
    found = list(figures)
    assert len({one.path for one in found}) == len(found)
    return {one.path: one for one in found}


def _told(op: str, figures: Any) -> dict[str, Figure]:
    return _paths(_of_operation("label.x", op, figures))


def test_what_an_operation_declares_is_said_of_its_figures() -> None:
    rows = [{"annotator": "ann", "answers": 7}, {"annotator": "bob", "answers": 3}]
    found = _told("consensus", {"krippendorff_alpha": 0.5, "annotators": rows, "method": "x"})
    alpha = found.pop("label.x.krippendorff_alpha")
    assert (alpha.name, alpha.value, alpha.better) == ("krippendorff_alpha", 0.5, "higher")
    assert alpha.rows
    ann = found["label.x.annotators[ann].answers"]
    assert (ann.name, ann.value, ann.unit) == ("annotators.answers", 7, "answers")
    assert set(found) == {f"label.x.annotators[{who}].answers" for who in ("ann", "bob")}


def test_what_nobody_declared_is_as_its_operation_says() -> None:
    found = _told("shout", {"words that stay": 3, "is": True, "none": None, "edges": [0, 1]})
    (one,) = found.values()
    assert (one.path, one.name, one.value) == ("label.x.words that stay", "words that stay", 3)
    assert (one.how, one.unit, one.rows) == (AS_TOLD, "", "")


def test_an_estimate_keeps_its_interval_and_its_count() -> None:
    (one,) = _told("shout", {"share": {"value": 0.5, "low": 0.4, "high": 0.6, "n": 9}}).values()
    assert (one.value, one.low, one.high, one.n) == (0.5, 0.4, 0.6, 9)


def test_a_table_of_one_quantity_is_told_cell_by_cell_and_a_matrix_is_not() -> None:
    matrix = {"ann": {"cat": {"cat": 0.9, "dog": 0.1}}}
    assert _told("consensus", {"confusion_true_by_answered": matrix}) == {}
    cells = _told("vote", {"labels": {"prose": 4, "code": 2}})
    assert {one.name for one in cells.values()} == {"labels"}
    assert cells["label.x.labels.code"].unit == "documents"


def test_a_held_out_figure_has_its_interval_and_what_it_rests_on(tmp_path: Path) -> None:
    ends = {"low": 79.0, "high": 81.0, "n": 9, "item": "image", "method": "Clopper-Pearson"}
    one = {"test": {"accuracy": 80.0, "signature": "x"}, "intervals": {"test": {"accuracy": ends}}}
    folds = [{"fold": name, "seed": 0, **one} for name in ("a", "b")]
    mean = {"split": "validation", "accuracy": 80.5, "intervals": {}}
    run = write_run(tmp_path, "pretrain", PLAIN | one | {"folds": folds, "mean": mean})
    found = _paths(figures_of(run))
    held = found["pretrain.test.accuracy"]
    assert (held.low, held.high, held.method) == (79.0, 81.0, "Clopper-Pearson")
    assert (held.n, held.item, held.split) == (9, "image", "test")
    assert (held.unit, held.better, held.step) == ("%", "higher", "pretrain")
    assert found["pretrain.folds[a 0].test.accuracy"].value == 80.0
    assert found["pretrain.folds[b 0].test.accuracy"].low == 79.0
    averaged = found["pretrain.mean.accuracy"]
    assert (averaged.split, averaged.low) == ("validation", None)
    # Which training each is of: what the record has at its top is the first one's.
    assert held.rows.endswith("; the first of 2 trainings (fold a, seed 0)")
    assert found["pretrain.model.parameters"].rows.endswith("(fold a, seed 0)")
    assert averaged.rows.endswith("; the mean of 2 folds")
    assert "first" not in found["pretrain.folds[b 0].test.accuracy"].rows


def test_every_seed_has_its_figures_and_what_was_seen_its_unit(tmp_path: Path) -> None:
    seen = {"tokens_or_examples_seen": 640, "seen_unit": "target tokens"}
    seeds = [{"seed": seed, "test": {"accuracy": 70.0 + seed}, "seconds": 2.0} for seed in (3, 5)]
    result = PLAIN | seen | {"seeds": seeds, "mean": {"split": "test", "accuracy": 74.0}}
    found = _paths(figures_of(write_run(tmp_path, "pretrain", result)))
    assert found["pretrain.seeds[5].test.accuracy"].value == 75.0
    assert found["pretrain.seeds[3].seconds"].kind == "cost"
    assert found["pretrain.mean.accuracy"].rows.endswith("; the mean of 2 seeds")
    assert found["pretrain.tokens_or_examples_seen"].unit == "target tokens"
    assert not [path for path in found if path.endswith(".seed")]


def test_a_comparison_is_in_its_unit_and_its_gain_in_that_of_a_difference() -> None:
    planted = planted_report()
    planted["value"] |= {"metric": "accuracy", "unit": "%", "lower_is_better": False}
    found = _paths(figures_of(report_of(planted)))
    mean, gain = (found[f"transfer.{name}[fine-tune 10].mean"] for name in ("summary", "effects"))
    assert (mean.unit, mean.better) == ("bits/byte", "lower")
    assert (gain.unit, gain.better, gain.n, gain.item) == ("bits/byte", "higher", 8, "seed")
    control, arm = found["value.control.mean"], found["value.arms[scratch].mean"]
    assert (control.unit, control.better, arm.unit) == ("%", "higher", "points")
    assert (control.n, arm.metric, arm.split) == (8, "accuracy", "test")
    learnt_from = [found[f"value.{name}.unique_examples"] for name in ("control", "arms[scratch]")]
    assert [one.split for one in learnt_from] == ["", ""]
    assert found["value.cost_s"].split == found["transfer.cost_s"].split == ""
    assert found["value.arms[scratch].test_clusters"].split == "test"
    given = planted["value"]["arms"][0]
    assert (arm.low, arm.high) == (given["adjusted_low"], given["adjusted_high"])
    worth = found["transfer.multiplier.value"]
    assert (worth.value, worth.low, worth.high) == (4.6, 4.1, 5.2)
    assert found["value.cost_s"].kind == "cost"


def test_an_arm_that_changed_nothing_has_no_worth_and_its_cost_all_the_same() -> None:
    planted = planted_report()
    planted["value"]["arms"][0] |= {"verdict": "nothing changed", "same_data": True}
    given = planted["value"]["arms"][0]["name"]
    found = _paths(figures_of(report_of(planted))).items()
    own = {one.name: one.kind for path, one in found if path.startswith(f"value.arms[{given}].")}
    assert set(own.values()) == {"cost"}, own
    assert "arms.seconds_per_seed" in own


def test_what_it_took_is_no_finding(small: RunView) -> None:
    kinds = {one.path: one.kind for one in figures_of(small)}
    assert kinds["books.clean.rules.dropped"] == "books"
    assert kinds["books.clean.rules.seconds"] == "cost"


def test_no_number_that_was_chosen_is_a_figure() -> None:
    names = {one.name.rpartition(".")[2] for one in figures_of(report_of(planted_report()))}
    assert not names & {"seed", "seeds", "size", "sizes", "smallest_effect", "low", "high"}


PLAIN_VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
SHAPES = st.recursive(
    PLAIN_VALUES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["a", "b", "a.b", "name", "label", "value", "low"]), inner
        )
    ),
    max_leaves=30,
)


@given(st.dictionaries(st.sampled_from(["a", "b", "a.b", "x"]), SHAPES))
def test_no_two_figures_of_an_operation_have_one_path(figures: Any) -> None:
    _told("shout", figures)


def test_rows_of_one_label_are_told_apart() -> None:
    rows = [{"label": "a", "votes": 1}, {"label": "a", "votes": 2}, {"label": "b", "votes": 3}]
    found = _told("shout", {"rows": rows, "a.b": 1})
    assert {path: one.value for path, one in found.items()} == {
        "label.x.rows[#1].votes": 1,
        "label.x.rows[#2].votes": 2,
        "label.x.rows[b].votes": 3,
        "label.x[a.b]": 1,
    }
