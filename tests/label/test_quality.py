"""What is told of answers, against plain lines over the samples."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.label.test_agreement import plain_alpha, plain_kappa
from tests.label.test_consensus import item, rows_of, run
from tilth import schema
from tilth.label import consensus, quality
from tilth.label.consensus import Settings
from tilth.label.quality import FIGURES

Rows = list[dict[str, Any]]

NAMES = st.sampled_from(["p", "q", "r", "Zoë", "王"])
CLASSES = st.sampled_from(["a", "b", "ß"])
ANSWERS = st.lists(st.tuples(st.none() | NAMES, st.none() | CLASSES), max_size=6)
SAMPLES = st.lists(st.tuples(ANSWERS, st.none() | CLASSES), max_size=8)
METHODS = st.sampled_from(["dawid-skene", "majority", "single"])


def samples_of(given: Sequence[tuple[Sequence[tuple[Any, Any]], str | None]]) -> Rows:
    return [
        {
            "id": schema.sample_id(str(number)),
            "annotations": [{"annotator": who, "label": what} for who, what in answers],
            "label": label,
            "label_origin": label and "given",
        }
        for number, (answers, label) in enumerate(given)
    ]


def told(rows: Rows, given: Settings | None = None) -> Any:
    given = given or Settings()
    return consensus.describe(iter(run([rows], given)), given)


def plain(rows: Rows, before: Rows, repeated: str) -> dict[str, Any]:
    """All that is no estimate; of samples as they came out, and as they were before."""
    num_repeated = 0
    entries = [one for row in before for one in row["annotations"] or ()]
    made: list[tuple[list[tuple[str, str]], str]] = []
    expert: list[bool] = []
    gold: list[set[str]] = []
    for row, old in zip(rows, before, strict=True):
        found = [(a["annotator"], a["label"]) for a in row["annotations"] or ()]
        said = [(who, what) for who, what in found if None not in (who, what)]
        found = [*dict(said if repeated == "last" else reversed(said)).items()]
        if found and old["label"] is None:
            made.append((found, row["label"]))
            num_repeated += len(said) - len(found)
        if found and old["label"] is not None:
            gold.append({who for who, _ in found})
        expert += [what == old["label"] for _, what in found if old["label"] is not None]
    figures: dict[str, Any] = {"items": len(made)}
    if entries:
        figures["unusable_answers"] = sum(None in one.values() for one in entries)
    if expert:
        share = sum(expert) / len(expert)
        figures["answers_equal_to_given_labels"] = {"share": share, "answers": len(expert)}
    if not made:
        return figures
    compared = [list(dict(found).values()) for found, _ in made if len(dict(found)) > 1]
    each = [list(dict(found).values()) for found, _ in made]
    tops = []
    for found, label in made:
        times = Counter(what for _, what in found)
        most = [what for what, n in times.items() if n == max(times.values())]
        tops.append((most, label))
    clear = [label != most[0] for most, label in tops if len(most) == 1]
    flat = [(who, what == label) for found, label in made for who, what in found]
    return figures | {
        "answers": len(flat),
        "repeated_answers": num_repeated,
        "compared_items": len(compared),
        "num_classes": len({what for found, _ in made for _, what in found}),
        "num_annotators": len({who for who, _ in flat}),
        "krippendorff_alpha": plain_alpha(each),
        "fleiss_kappa": plain_kappa(each),
        "unanimous_share": np.mean([len(set(c)) == 1 for c in compared]) if compared else None,
        "tied_share": np.mean([len(most) > 1 for most, _ in tops]),
        "changed_from_majority_share": np.mean(clear) if clear else None,
        "judged": judged([{who for who, _ in found} for found, _ in made], gold),
        "annotators": {
            who: {
                "answers": n,
                "compared_answers": sum(
                    one == who for found, _ in made if len(dict(found)) > 1 for one, _ in found
                ),
                "equal_to_label_share": sum(equal for one, equal in flat if one == who) / n,
            }
            for who, n in Counter(who for who, _ in flat).items()
        },
    }


def judged(groups: Sequence[set[str]], gold: Sequence[set[str]]) -> set[str]:
    """Who of those with ten items or more shared with others is on no side: no way to part all in
    two keeps everybody he is in touch with from one on his own side; or is in touch with somebody
    whom ten gold items measure."""
    gold = gold if len(gold) >= 10 else []
    groups = [*groups, *gold]
    known = {w for w, n in Counter(who for group in gold for who in group).items() if n >= 10}
    shared = Counter(who for group in groups if len(group) > 1 for who in group)
    busy = sorted({who for who, n in shared.items() if n >= 10} | known)
    meets = {(a, b) for group in groups for a in group for b in group if a != b}
    reached = {who: {who} for who in busy}
    for _ in busy:
        for who in busy:
            reached[who] |= {b for a in reached[who] for b in busy if (a, b) in meets}
    found = set()
    for who in busy:
        inside = sorted(reached[who])
        sides = [
            dict(zip(inside, side, strict=True))
            for side in itertools.product((0, 1), repeat=len(inside))
        ]
        can = any(
            all(side[a] != side[b] for a in inside for b in inside if (a, b) in meets)
            for side in sides
        )
        found |= set() if can and not known & {*inside} else {who}
    return found


@settings(max_examples=100, deadline=None)
@given(
    SAMPLES,
    st.sampled_from([1, 4]),
    METHODS,
    st.sampled_from([0.0, 0.6, 1.0]),
    st.sampled_from(["last", "first"]),
)
def test_every_figure_is_that_of_plain_lines(
    given: Any, times: int, method: Any, least: float, repeated: Any
) -> None:
    before = samples_of(given * times)
    least = 0 if method == "single" else least
    chosen = Settings(method=method, min_confidence=least, repeated=repeated)
    batches = run([before], chosen)
    figures: Any = consensus.describe(iter(batches), chosen)
    expected = plain(rows_of(batches), before, repeated)
    for name, value in expected.items():
        if name == "judged":
            assert ("em_converged" in figures) == (bool(value) or method == "dawid-skene")
        elif name == "annotators":
            listed = {one["annotator"]: one for one in figures[name]}
            assert listed.keys() == value.keys()
            for who, facts in value.items():
                assert {key: listed[who][key] for key in facts} == pytest.approx(facts)
                estimate = listed[who]["estimated_accuracy"]
                is_told = who in expected["judged"]
                assert (estimate is not None) == is_told
                assert estimate is None or -1e-9 <= estimate <= 1 + 1e-9
        else:
            assert figures[name] == (value if value is None else pytest.approx(value)), name
    for name, value in figures.items():
        assert value is not None or name in figures["not_shown"], name


@settings(max_examples=100, deadline=None)
@given(SAMPLES, st.randoms(use_true_random=False), st.integers(0, 8))
def test_no_order_of_samples_and_no_cut_changes_a_figure(given: Any, random: Any, cut: int) -> None:
    rows = samples_of(given)
    other = rows.copy()
    random.shuffle(other)
    again = consensus.describe(iter(run([other[:cut], other[cut:]], Settings())), Settings())
    assert again == told(rows)


def crowd(num_items: int, accuracy: float, *, per_item: int, annotators: int, seed: int) -> Rows:
    """Annotators of two classes who are right so often, some of whom answer each item."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(num_items):
        true = "ab"[number % 2]
        other = "ba"[number % 2]
        people = rng.choice(annotators, per_item, replace=False)
        answers = [(f"p{who}", true if rng.random() < accuracy else other) for who in people]
        rows.append((answers, None))
    return samples_of(rows)


def test_what_a_lone_annotator_answers_says_nothing_of_how_right_he_is() -> None:
    rows = crowd(60, 0.75, per_item=1, annotators=3, seed=0)
    figures = told(rows)
    assert {one["estimated_accuracy"] for one in figures["annotators"]} == {None}
    assert {one["equal_to_label_share"] for one in figures["annotators"]} == {1.0}
    why = "no item was answered by two annotators"
    assert figures["not_shown"] == dict.fromkeys(
        (
            *("krippendorff_alpha", "fleiss_kappa", "unanimous_share"),
            *("annotators.estimated_accuracy", "confusion_true_by_answered"),
        ),
        why,
    )
    assert figures["em_converged"]
    assert "em_converged" not in told(rows, Settings(method="majority"))


def test_items_that_one_person_answered_change_neither_agreement_nor_accuracy() -> None:
    many = crowd(200, 0.75, per_item=3, annotators=3, seed=1)
    lone = crowd(800, 0.75, per_item=1, annotators=3, seed=2)
    for number, row in enumerate(lone):
        row["id"] = schema.sample_id("lone", str(number))
    for method in ("dawid-skene", "majority"):
        given = Settings(method=method)
        alone, both = told(many, given), told(many + lone, given)
        for name in ("krippendorff_alpha", "unanimous_share", "confusion_true_by_answered"):
            assert both[name] == alone[name]
        assert both["items"] == 1000
        assert both["compared_items"] == 200
        for one, other in zip(*(sorted_by_name(told) for told in (alone, both)), strict=True):
            assert other["estimated_accuracy"] == one["estimated_accuracy"]
            assert other["estimated_accuracy"] == pytest.approx(0.75, abs=0.08)
            assert other["compared_answers"] == one["answers"] == 200


def sorted_by_name(figures: Any) -> list[Any]:
    return sorted(figures["annotators"], key=lambda one: one["annotator"])


def test_whoever_agrees_with_nobody_but_himself_is_not_said_to_agree() -> None:
    twice = samples_of([([("p", "a"), ("p", "a")], None)] * 9 + [([("p", "b"), ("p", "b")], None)])
    figures = told(twice)
    assert figures["krippendorff_alpha"] is None
    assert figures["compared_items"] == 0
    assert (figures["answers"], figures["repeated_answers"]) == (10, 10)
    corrected = samples_of([([("p", "b"), ("p", "a"), ("q", "a")], None)] * 2)
    assert told(corrected)["unanimous_share"] == 1


def test_a_tie_is_no_majority_and_no_change() -> None:
    tied = [item(number, "a", "b") for number in range(40)]
    figures = told([*tied, item(40, "a", "a", "b")], Settings(method="majority"))
    assert figures["tied_share"] == pytest.approx(40 / 41)
    assert figures["changed_from_majority_share"] == 0
    alone = told(tied)
    assert alone["tied_share"] == 1
    assert alone["changed_from_majority_share"] is None
    assert alone["not_shown"]["changed_from_majority_share"] == "every item is tied"


def test_why_agreement_is_not_shown() -> None:
    one_class = told([item(number, *"aaa") for number in range(10)])
    assert one_class["not_shown"].keys() == {"krippendorff_alpha", "fleiss_kappa"}
    assert len(set(one_class["not_shown"].values())) == 1
    uneven = told([item(0, "a", "b"), item(1, "a", "b", "b")])
    why = "items have different numbers of annotators"
    assert uneven["not_shown"]["fleiss_kappa"] == why
    many = told([item(number, *[f"c{number}"] * 3) for number in range(13)])
    assert many["not_shown"] == {"confusion_true_by_answered": "there are more than 12 classes"}


def test_an_accuracy_of_nine_answers_is_not_shown() -> None:
    names = ("annotators.estimated_accuracy", "confusion_true_by_answered")
    nine = [item(number, *"aab") for number in range(9)]
    few = told(nine)
    why = "everybody answered fewer than 10 items with others"
    assert few["not_shown"] == dict.fromkeys(names, why)
    assert {one["estimated_accuracy"] for one in few["annotators"]} == {None}
    assert few["em_converged"]
    three = [row | {"annotations": [*row["annotations"], {"annotator": "q", "label": "a"}]}
             for row in nine]  # fmt: skip
    ten = told([*three, item(9, *"bbb")])
    known = [one["annotator"] for one in ten["annotators"] if one["estimated_accuracy"]]
    assert known == ["p0", "p1", "p2"]
    assert "fewer than 10 items" in ten["not_shown"]["annotators.estimated_accuracy"]


def test_of_two_people_nothing_tells_who_is_right() -> None:
    """The likeliest would be that both err as often."""
    rows = crowd(40, 0.7, per_item=2, annotators=2, seed=7)
    figures = told(rows)
    why = "of two annotators, " + quality._UNTOLD
    names = ("annotators.estimated_accuracy", "confusion_true_by_answered")
    assert figures["not_shown"] == dict.fromkeys(names, why)
    assert figures["krippendorff_alpha"] is not None
    assert {one["estimated_accuracy"] for one in figures["annotators"]} == {None}
    pairs = samples_of([([("x", "a"), ("y", "b")], None)])
    pairs[0]["id"] = schema.sample_id("pair")
    both = told([*crowd(40, 0.7, per_item=3, annotators=3, seed=8), *pairs])
    known = {one["annotator"] for one in both["annotators"] if one["estimated_accuracy"]}
    assert known == set(both["confusion_true_by_answered"]) == {"p0", "p1", "p2"}
    assert "in pairs only" in both["not_shown"]["annotators.estimated_accuracy"]


def test_a_class_that_an_annotator_hardly_met_has_no_row() -> None:
    rows = [item(number, *("aaa" if number < 20 else "bb")) for number in range(32)]
    rows += [item(32 + number, *"ccc") for number in range(8)]
    matrices = told(rows)["confusion_true_by_answered"]
    assert matrices["p0"].keys() == {"a", "b"}
    assert matrices["p2"].keys() == {"a"}
    assert sum(matrices["p2"]["a"].values()) == pytest.approx(1)


def test_answers_to_samples_that_have_a_label_are_told_apart() -> None:
    rows = crowd(50, 0.8, per_item=2, annotators=4, seed=3)
    expert = item(99, "a", "b", "a", label="a", label_origin="expert")
    alone, both = told(rows), told([*rows, expert])
    assert both == alone | {"answers_equal_to_given_labels": {"share": 2 / 3, "answers": 3}}
    assert told([expert]) == {
        "method": "dawid-skene",
        "items": 0,
        "unusable_answers": 0,
        "answers_equal_to_given_labels": {"share": 2 / 3, "answers": 3},
    }


def numbers_in(value: Any, name: str = "") -> set[str]:
    """The names under which numbers stand, an annotator's matrix as one."""
    is_interval = isinstance(value, dict) and value.keys() == {"value", "low", "high"}
    if isinstance(value, dict) and name != "confusion_true_by_answered" and not is_interval:
        return {
            n for key, one in value.items() for n in numbers_in(one, f"{name}.{key}".strip("."))
        }
    if isinstance(value, list):
        return {n for one in value for n in numbers_in(one, name)}
    if isinstance(value, bool | str):
        return set()
    return {name}


def test_every_number_is_declared() -> None:
    rows = crowd(20, 0.7, per_item=3, annotators=4, seed=5)
    lone = item(77, "a")
    gold = [item(99 + n, *"ab", label="a", label_origin="expert") for n in range(10)]
    assert numbers_in(told([*rows, lone, *gold])) == {one.name for one in FIGURES}
