"""A limit is shared out over splits and classes: exactly, in proportion, and none is left out."""

from __future__ import annotations

import tracemalloc
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.reading.limits import BAD, Kind, kind_of, share_out, sharing
from tilth.reading.records import RecordError

KINDS = st.tuples(
    st.sampled_from([None, "train", "test"]), st.sampled_from([None, "a", "b", "c"])
).map(lambda pair: Kind(*pair))
COUNTS = st.dictionaries(KINDS | st.just(BAD), st.integers(1, 500), min_size=1)


@given(COUNTS, st.integers(1, 1000))
def test_the_shares_are_the_limit(counts: dict[Kind, int], limit: int) -> None:
    shares = share_out(counts, limit)
    assert sum(shares.values()) == min(limit, sum(counts.values()))
    assert all(0 <= share <= counts[kind] for kind, share in shares.items())
    sound = [kind for kind in counts if not kind.is_bad]
    bad = shares.get(BAD, 0)
    assert bad <= limit * counts.get(BAD, 0) / sum(counts.values())
    if limit - bad >= len(sound):
        assert all(shares[kind] >= 1 for kind in sound)


@given(st.lists(KINDS | st.just(BAD), min_size=1, max_size=60), st.integers(1, 70))
def test_as_many_are_taken_as_the_shares_say(kinds: list[Kind], limit: int) -> None:
    takes = sharing(limit, lambda: kinds)
    taken = Counter(kind for kind in kinds if takes(kind))
    assert taken == {kind: n for kind, n in share_out(Counter(kinds), limit).items() if n}


def test_in_proportion_and_the_rare_are_there() -> None:
    counts = {Kind("train", str(n)): 600 for n in range(10)} | {Kind("test", "0"): 1000}
    shares = share_out(counts, 70)
    assert [shares[kind] for kind in counts] == [6] * 10 + [10]
    rare = {Kind(None, "a"): 9999, Kind(None, "b"): 1}
    assert share_out(rare, 50) == {Kind(None, "a"): 49, Kind(None, "b"): 1}


def test_where_there_is_room_for_some_the_same_classes_are_in_all_splits() -> None:
    counts = {Kind(split, str(n)): 10 + n for split in ("test", "train") for n in range(10, 60)}
    assert list(share_out(counts, 4)) == [
        Kind("train", "10"),
        Kind("test", "10"),
        Kind("train", "11"),
        Kind("test", "11"),
    ]


def test_of_a_kind_every_so_many_th_is_taken() -> None:
    takes = sharing(3, lambda: [Kind()] * 30)
    assert [number for number in range(30) if takes(Kind())] == [0, 10, 20]


def test_without_a_limit_nothing_is_counted() -> None:
    takes = sharing(None, lambda: pytest.fail("not asked for"))
    assert takes(Kind())


def test_people_say_of_what_class_a_sample_is() -> None:
    answers = [{"annotator": str(n), "label": label} for n, label in enumerate("abb")]
    assert kind_of({"annotations": answers}) == Kind(None, "b")
    assert kind_of({"annotations": answers, "label": "c", "split": "test"}) == Kind("test", "c")
    assert kind_of(RecordError("x")) == BAD


def test_labels_that_are_no_classes_are_not_all_remembered() -> None:
    def peak(num: int) -> int:
        tracemalloc.start()
        takes = sharing(100, lambda: (Kind("train", f"name {n}") for n in range(num)))
        taken = sum(takes(Kind("train", f"name {n}")) for n in range(num))
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert taken == 100
        return found

    assert peak(60_000) < 1.2 * peak(20_000)
