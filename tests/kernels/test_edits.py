"""The edit distance in bits, against the one by rows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tilth.kernels.edits import edit_distance
from tilth.tasks.speech import edit_distance as plain

TEXTS = st.text(alphabet="abc é", max_size=80)


@given(TEXTS, TEXTS)
def test_it_is_that_by_rows(first: str, second: str) -> None:
    assert edit_distance(first, second) == plain.edit_distance(first, second)
    words = first.split(), second.split()
    assert edit_distance(*words) == plain.edit_distance(*words)


def test_what_is_known() -> None:
    assert edit_distance("kitten", "sitting") == 3
    assert edit_distance("", "abc") == edit_distance("abc", "") == 3
