"""One label from many answers, through the phases of the shuffle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from tests.label.crowd import load
from tests.shuffles import run_shuffle
from tilth import schema
from tilth.label import consensus
from tilth.label.consensus import Settings
from tilth.settings import acting


def batch_of(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    names = ("id", "label", "label_confidence", "label_origin", "annotations")
    return pa.RecordBatch.from_arrays(
        [pa.array([row.get(name) for row in rows], schema.SCHEMA[name]) for name in names],
        names=list(names),
    )


def run(shards: list[list[dict[str, Any]]], settings: Settings) -> list[pa.RecordBatch]:
    """What the engine does, in memory."""
    return run_shuffle(consensus, settings, [batch_of(rows) for rows in shards])


def rows_of(batches: list[pa.RecordBatch]) -> list[dict[str, Any]]:
    return [row for batch in batches for row in batch.to_pylist()]


def item(number: int, *answers: str, **given: Any) -> dict[str, Any]:
    people = [{"annotator": f"p{who}", "label": label} for who, label in enumerate(answers)]
    return {"id": schema.sample_id(str(number)), "annotations": people, **given}


def test_two_records_with_one_id_have_their_own_answers_each() -> None:
    rows = [item(1, "a", "a"), item(2, "b", "b"), item(1, "b", "b")]
    for shards in ([rows], [rows[:1], rows[1:]]):
        found = rows_of(run(shards, Settings(method="majority")))
        assert [row["label"] for row in found] == ["a", "b", "b"]


def crowd_rows(folder: Path) -> tuple[list[dict[str, Any]], list[str]]:
    crowd = load(folder)
    rows: list[dict[str, Any]] = [
        {"id": schema.sample_id(str(n)), "annotations": []} for n in range(crowd.num_items)
    ]
    for n, who, label in zip(crowd.items, crowd.workers, crowd.labels, strict=True):
        rows[n]["annotations"].append({"annotator": f"w{who}", "label": f"c{label}"})
    return rows, [f"c{label}" for label in crowd.gold]


@pytest.mark.parametrize(("name", "least"), [("crowd-rte", 0.925), ("crowd-bluebird", 0.888)])
def test_real_people_however_they_are_cut(shared_data: Path, name: str, least: float) -> None:
    rows, gold = crowd_rows(shared_data / name)
    one = rows_of(run([rows], Settings()))
    right = [row["label"] == label for row, label in zip(one, gold, strict=True)]
    assert sum(right) / len(right) >= least
    assert {row["label_origin"] for row in one} == {"consensus:dawid-skene"}
    third = len(rows) // 3
    assert rows_of(run([rows[:7], rows[7:third], [], rows[third:]], Settings())) == one


def test_labels_stay_and_what_has_neither_is_dropped() -> None:
    given = item(1, "a", "a", label="b", label_confidence=1.0, label_origin="expert")
    rows = rows_of(run([[given, item(2), item(3, "a", "a")], [item(4, "b", "b")]], Settings()))
    assert (rows[0]["label"], rows[0]["label_origin"]) == ("b", "expert")
    assert (rows[1]["drop.rule"], rows[1]["drop.value"]) == ("num_annotations >= 1", "0")
    assert [row["drop.rule"] for row in rows].count(None) == 3
    assert [row["label"] for row in rows[2:]] == ["a", "b"]


def test_nothing_to_decide() -> None:
    (row,) = rows_of(run([[item(1, label="b")]], Settings()))
    assert row["label"] == "b"
    assert row["drop.rule"] is None


def test_majority_breaks_ties_without_favour() -> None:
    rows = rows_of(run([[item(n, "a", "b") for n in range(400)]], Settings(method="majority")))
    labels = [row["label"] for row in rows]
    assert 150 < labels.count("a") < 250
    assert {row["label_confidence"] for row in rows} == {0.5}
    again = run([[item(n, "a", "b") for n in range(400)]], Settings(method="majority", seed=1))
    assert [row["label"] for row in rows_of(again)] != labels


def test_single_takes_every_annotator_about_equally_often() -> None:
    rows = rows_of(run([[item(n, "a", "b", "c") for n in range(600)]], Settings(method="single")))
    labels = [row["label"] for row in rows]
    assert all(150 < labels.count(name) < 250 for name in "abc")
    assert {row["label_confidence"] for row in rows} == {None}
    assert {row["label_origin"] for row in rows} == {"consensus:single"}


def test_items_that_are_unsure_may_be_dropped() -> None:
    settings = Settings(method="majority", min_confidence=0.9)
    rows = rows_of(run([[item(1, "a", "a", "b"), item(2, "a", "a", "a")]], settings))
    assert rows[0]["drop.rule"] == "label_confidence >= 0.9"
    assert rows[0]["drop.value"] == "0.6667"
    assert rows[1]["drop.rule"] is None


@pytest.mark.parametrize("least", [2 / 3 + 1e-7, 0.66667, 0.9999999, 1.0])
def test_how_sure_it_was_and_had_to_be_are_told_apart(least: float) -> None:
    settings = Settings(method="majority", min_confidence=least)
    (row,) = rows_of(run([[item(1, "a", "a", "b")]], settings))
    name, bound = row["drop.rule"].split(" >= ")
    assert name == "label_confidence"
    assert float(bound) == least
    assert float(row["drop.value"]) < least
    assert float(row["drop.value"]) == pytest.approx(2 / 3, abs=1e-4)


def test_a_sample_of_unusable_answers_says_so() -> None:
    row = {**item(1), "annotations": [{"annotator": None, "label": "b"}] * 2}
    (found,) = rows_of(run([[row]], Settings()))
    assert (found["drop.rule"], found["drop.value"]) == (
        "num_annotations >= 1",
        "0 of 2 say who and what",
    )
    assert consensus.describe(iter(run([[row]], Settings())), Settings()) == {
        "method": "dawid-skene",
        "items": 0,
        "unusable_answers": 2,
    }


def test_a_seed_by_which_nothing_is_drawn_is_no_other_step() -> None:
    assert acting(Settings(seed=1)) == acting(Settings())
    for method in ("majority", "single"):
        one, other = (Settings.model_validate({"method": method, "seed": n}) for n in (0, 1))
        assert acting(one) != acting(other)


def test_answers_without_name_or_class_do_not_count() -> None:
    row = item(1, "a")
    row["annotations"] += [{"annotator": None, "label": "b"}, {"annotator": "p", "label": None}]
    assert rows_of(run([[row]], Settings()))[0]["label"] == "a"


def test_what_is_told_of_the_annotators(shared_data: Path) -> None:
    rows, _ = crowd_rows(shared_data / "crowd-bluebird")
    expert = item(1, "a", "b", label="a", label_origin="expert")
    batches = run([rows[:50], [*rows[50:], expert]], Settings())
    figures: Any = consensus.describe(iter(batches), Settings())
    assert figures["items"] == 108
    assert figures["answers"] == 4212
    assert figures["num_annotators"] == len(figures["annotators"]) == 39
    assert figures["fleiss_kappa"] == pytest.approx(0.125, abs=0.001)
    assert 0.1 < figures["changed_from_majority_share"] < 0.4
    assert figures["answers_equal_to_given_labels"] == {"share": 0.5, "answers": 2}
    first = figures["annotators"][0]
    assert 0.5 < first["estimated_accuracy"] < 1
    matrices = figures["confusion_true_by_answered"]
    assert len(matrices) == 10
    assert sum(matrices[first["annotator"]]["c0"].values()) == pytest.approx(1, abs=0.002)
    assert "simulated" not in figures
    recut: Any = consensus.describe(
        iter([batch.slice(n, 1) for batch in batches for n in range(batch.num_rows)]), Settings()
    )
    assert recut == figures


def test_simulated_annotators_are_said_to_be() -> None:
    row = item(1, "a", "a")
    row["annotations"][0]["annotator"] = "simulated-1 (5% wrong)"
    figures: Any = consensus.describe(iter(run([[row]], Settings())), Settings())
    assert figures["simulated"] is True
    assert figures["krippendorff_alpha"] is None


def test_nothing_to_tell() -> None:
    assert consensus.describe(iter([]), Settings()) == {"method": "dawid-skene", "items": 0}


def test_of_very_many_classes_an_item_is_taken_to_be_of_one_that_it_was_given() -> None:
    few = [item(n, f"c{n % 128}", f"c{n % 128}", f"c{(n + 1) % 128}") for n in range(128)]
    many = [*few, item(128, "other", "other", "c0")]
    figures = [
        consensus.describe(iter(run([rows], Settings())), Settings()) for rows in (few, many)
    ]
    assert "em_weighed" not in figures[0]
    assert figures[1]["em_weighed"] == "of each item, the classes that it was given"
    assert [row["label"] for row in rows_of(run([many], Settings()))][::64] == [
        "c0",
        "c64",
        "other",
    ]


def test_an_unsure_one_answer_cannot_be_asked_for() -> None:
    with pytest.raises(ValidationError, match="`min_confidence` drops nothing"):
        Settings(method="single", min_confidence=0.5)


def test_answers_to_what_has_a_label_are_told() -> None:
    settings = Settings()
    labelled = batch_of([item(0, "a", label="b"), item(1, "a", label="b")])
    (told,) = consensus.survey(iter([labelled]), settings)
    assert told == "every sample that has answers has a label already, and `consensus` labels none"
    (told,) = consensus.survey(iter([labelled, batch_of([item(2, "a"), item(3)])]), settings)
    assert told == (
        "2 of the 3 samples that have answers have a label already, and `consensus` leaves it as "
        "it is"
    )
    assert consensus.survey(iter([batch_of([item(2, "a"), item(3, label="b")])]), settings) == []
    assert consensus.survey(iter([batch_of([item(3)])]), settings) == []


def test_of_two_annotators_it_is_told_that_nothing_tells_who_is_right() -> None:
    rows = [item(0, "a", "b"), item(1, "a", "a"), item(2, "a"), item(3, "a", "b", label="c")]
    kept, *told = consensus.survey(iter([batch_of(rows[:1]), batch_of(rows[1:])]), Settings())
    assert kept.startswith("1 of the 4 samples that have answers has a label already")
    assert told == [
        "all answers are of two annotators, who differ on 1 of the 2 samples that both answered; "
        "who is right there cannot be told: without gold (samples with answers and a label, 10 or "
        "more) how often each is right is not identifiable. These samples are held: `tilth "
        "annotate RECIPE --choose disputed` orders further answers to what it ordered"
    ]
    (_, plain) = consensus.survey(iter([batch_of(rows)]), Settings(undecided="decide"))
    assert plain.endswith("not identifiable")
    gold = [item(n, "a", "b", label="a") for n in range(10, 20)]
    (said,) = consensus.survey(iter([batch_of([*rows, *gold])]), Settings())
    assert said.endswith("it is; 11 of them are gold")
    assert len(consensus.survey(iter([batch_of([*rows, *gold])]), Settings(gold=False))) == 2
    assert consensus.survey(iter([batch_of(rows)]), Settings(method="single")) == [kept]
    assert consensus.survey(iter([batch_of(rows[1:3])]), Settings()) == []
    assert consensus.survey(iter([batch_of([*rows[:3], item(4, *"aab")])]), Settings()) == []


def test_answers_that_differ_only_in_case_are_told_of() -> None:
    """Of samples that are open, over all batches."""
    batches = [batch_of([item(0, "No", "no")]), batch_of([item(1, "no", "yes", "no")])]
    labelled = batch_of([item(2, "YES", label="a")])
    _, *told = consensus.survey(iter([*batches, labelled]), Settings())
    assert told == ["`No` and `no` differ only in case: 1 and 3 answers; did you mean one class?"]


def answers(*said: tuple[str, str]) -> list[dict[str, str]]:
    return [{"annotator": who, "label": what} for who, what in said]


@pytest.mark.parametrize("method", ["majority", "dawid-skene"])
def test_one_person_has_one_vote(method: Any) -> None:
    """Nine times the same answer is one answer; of two that differ the setting says which."""
    rows = [
        {"id": schema.sample_id("a"), "annotations": answers(("p", "x"), ("q", "y"), ("r", "y"))},
        {
            "id": schema.sample_id("b"),
            "annotations": answers(*[("p", "x")] * 9, ("q", "y"), ("r", "y")),
        },
        {
            "id": schema.sample_id("c"),
            "annotations": answers(("p", "x"), ("q", "y"), ("q", "x"), ("r", "y")),
        },
    ]
    labels = {
        repeated: [
            row["label"] for row in rows_of(run([rows], Settings(method=method, repeated=repeated)))
        ]
        for repeated in ("last", "first")
    }
    assert labels["first"] == ["y", "y", "y"]
    assert labels["last"][:2] == ["y", "y"]
    if method == "majority":
        assert labels["last"][2] == "x"
    (told,) = consensus.survey(iter([batch_of(rows)]), Settings(method=method))
    assert told == (
        "9 answers of an annotator who had answered the sample before (1 with another label); "
        "the last of each person counts (`repeated`)"
    )


def test_people_under_two_names_are_told_of() -> None:
    rows = [
        {"id": schema.sample_id(str(n)), "annotations": answers((who, "x"), ("q", "y"), ("r", "y"))}
        for n, who in enumerate(["Ann", "ann", "Ann B", "AnnB"])
    ]
    assert consensus.survey(iter([batch_of(rows)]), Settings()) == [
        "`Ann` and `ann` differ only in case: 1 and 1 answers; did you mean one person?",
        "`Ann B` and `AnnB` differ only in blanks: 1 and 1 answers; did you mean one person?",
    ]
    # Also where another source gave most samples a label: people are compared by all they said.
    given = [row | {"label": "x"} if n else row for n, row in enumerate(rows)]
    _, *told = consensus.survey(iter([batch_of(given)]), Settings())
    assert len(told) == 2
