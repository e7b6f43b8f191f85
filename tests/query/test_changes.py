"""What differs between two lists of lines, whatever repeats in them."""

from __future__ import annotations

import difflib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.query import changes
from tilth.query.changes import Change, changed_ranges

LINES = st.lists(st.sampled_from("abcdefgh"), max_size=40)


def check(old: list[str], new: list[str], found: list[Change]) -> None:
    """What stands between the changes is equal on both sides, and nothing is left out."""
    i = k = 0
    for start, end, other_start, other_end in found:
        assert start >= i
        assert old[i:start] == new[k:other_start]
        assert start < end or other_start < other_end
        i, k = end, other_end
    assert old[i:] == new[k:]


@settings(deadline=None)
@given(LINES, LINES)
def test_short_lists_are_compared_as_difflib_does(old: list[str], new: list[str]) -> None:
    codes = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    assert list(changed_ranges(old, new)) == [code[1:] for code in codes if code[0] != "equal"]


@settings(deadline=None)
@given(LINES, LINES, st.integers(1, 6))
def test_long_lists_are_compared_in_windows(old: list[str], new: list[str], window: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(changes, "WINDOW_LINES", window)
        found = list(changed_ranges(old, new))
    check(old, new, found)
    assert bool(found) == (old != new)


def test_what_was_taken_out_of_a_long_list_is_that_and_no_more() -> None:
    old = [f"line {i}" for i in range(5000)]
    assert list(changed_ranges(old, old[:1000] + old[3000:])) == [(1000, 3000, 1000, 1000)]
    assert list(changed_ranges(old[:1000] + old[3000:], old)) == [(1000, 1000, 1000, 3000)]
    moved = [*old[:10], "new", *old[10:4000], *old[4001:]]
    assert list(changed_ranges(old, moved)) == [(10, 10, 10, 11), (4000, 4001, 4001, 4001)]


def test_what_repeats_is_compared_in_its_order() -> None:
    old = ["x", "y"] * 3000
    new = [*old[:4001], "z", *old[4001:]]
    found = list(changed_ranges(old, new))
    check(old, new, found)
    assert sum(m - k for _, _, k, m in found) == 1
