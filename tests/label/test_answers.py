"""Answers as integers, and what most of them say."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tilth.label.answers import encode, majority, most_given, single, usable

ITEMS = st.lists(
    st.lists(st.tuples(st.sampled_from("pqré"), st.sampled_from(["a", "b", "ß"])), min_size=1),
    min_size=1,
    max_size=8,
)
Items = list[list[tuple[str, str]]]


def encoded(items: Items):  # type: ignore[no-untyped-def]
    return encode(
        [[who for who, _ in one] for one in items], [[what for _, what in one] for one in items]
    )


def test_answers_that_do_not_say_who_and_what_are_passed_over() -> None:
    given: list[dict[str, str | None]] = [
        {"annotator": "p", "label": "a"},
        {"annotator": None, "label": "a"},
        {"annotator": "p", "label": None},
        {"annotator": "", "label": ""},
    ]
    assert usable(given, "last") == ([("p", "a"), ("", "")], 0)
    assert usable(None, "last") == usable([], "first") == ([], 0)


@given(ITEMS)
def test_what_most_say_is_what_is_counted(items: Items) -> None:
    answers = encoded(items)
    most = most_given(answers)
    for number, one in enumerate(items):
        times = Counter(what for _, what in one)
        top = sorted(what for what, n in times.items() if n == max(times.values()))
        found = [answers.class_names[k] for k in most.labels[most.items == number]]
        assert found == top
        assert answers.class_names[most.first()[number]] == top[0]
        assert most.tied[number] == (len(top) > 1)
        assert most.share[number] == max(times.values()) / len(one)


@given(ITEMS, st.integers(0, 3))
def test_majority_and_single_choose_among_what_was_given(items: Items, seed: int) -> None:
    answers, ids = encoded(items), [str(number) for number in range(len(items))]
    most = most_given(answers)
    chosen, share = majority(answers, ids, seed)
    assert (share == most.share).all()
    one, unknown = single(answers, ids, seed)
    assert np.isnan(unknown).all()
    for number, answered in enumerate(items):
        assert chosen[number] in most.labels[most.items == number]
        assert answers.class_names[one[number]] in [what for _, what in answered]


@given(ITEMS)
def test_one_person_has_one_vote(items: Items) -> None:
    for one in items:
        given = [{"annotator": who, "label": what} for who, what in one]
        last, num = usable(given, "last")
        assert dict(last) == dict(one)
        first, same = usable(given, "first")
        assert dict(first) == dict(reversed(one))
        assert num == same == len(one) - len({who for who, _ in one})
        assert len(last) == len(first) == len(one) - num


def test_a_part_of_the_answers_has_its_items_numbered_anew() -> None:
    answers = encoded([[("p", "a")], [("q", "b"), ("p", "b")], [("r", "a")]])
    part = answers.of(np.array([False, True, True, True]))
    assert part.items.tolist() == [0, 0, 1]
    assert part.num_items == 2
    assert part.class_names == answers.class_names
    assert part.annotators.tolist() == answers.annotators[1:].tolist()
