"""The edit distance, against its recursive definition."""

from __future__ import annotations

from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from tilth.tasks.speech.edit_distance import edit_distance


def by_definition(first: str, second: str) -> int:
    @cache
    def rest(i: int, j: int) -> int:
        if i == len(first) or j == len(second):
            return len(first) - i + len(second) - j
        if first[i] == second[j]:
            return rest(i + 1, j + 1)
        return 1 + min(rest(i + 1, j), rest(i, j + 1), rest(i + 1, j + 1))

    return rest(0, 0)


@given(st.text("ab", max_size=7), st.text("abc", max_size=7))
def test_the_definition(first: str, second: str) -> None:
    assert edit_distance(first, second) == by_definition(first, second)


def test_words() -> None:
    assert edit_distance(["yes", "no", "no"], ["yes", "yes", "no", "no"]) == 1
