"""The section `annotate` by itself."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.table.whole import read, said
from tilth.recipe.annotate import Annotate, number_of_planted
from tilth.recipe.load import parse_recipe
from tilth.recipe.plan import build_plan

TREE: dict[str, Any] = {
    "collect": {"a": {"jsonl": {"path": "a.jsonl", "fields": {"label": "label"}}}},
    "clean": ["normalize"],
}
ASKED: dict[str, Any] = {"question": "?", "classes": ["a", "b"], "gold": 0.1}


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"price": 1}, "`price` says nothing without `currency`"),
        ({"currency": "EUR"}, "`currency` says nothing without `price`"),
        ({"classes": ["a"]}, "there is nothing to choose"),
        ({"classes": ["a", "b", " a "]}, "the class `a` stands twice"),
        ({"gold": 1.5}, "a share below 1 or a whole number"),
        ({"repeats": 2.5}, "a share below 1 or a whole number"),
        ({"show": ["text"], "allow": ["meta.x"]}, "`allow` names `meta.x`"),
        ({"stratify_by": "label"}, "does nothing without `choose: stratified`"),
        ({"gold": 0, "accept": {"min_gold_accuracy": 0.9}}, "bounds nothing without `gold`"),
        ({"gold": 0, "accept": {"min_gold_answers": 9}}, "bounds nothing without `gold`"),
        ({"accept": {"min_repeat_agreement": 0.9}}, "bounds nothing without `repeats`"),
        ({"annotators": 1, "accept": {"min_alpha": 0.5}}, "without `annotators: 2` or more"),
        ({"classes": [], "accept": {"min_alpha": 0.5}}, "bounds nothing without `classes`"),
    ],
)
def test_what_says_nothing_is_refused(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Annotate.model_validate({**ASKED, **settings})


def test_it_is_read_back_as_it_was() -> None:
    for asked in (ASKED, {"question": "?"}, {**ASKED, "choose": "stratified", "repeats": 3}):
        recipe = read({**TREE, "annotate": asked})
        assert parse_recipe(recipe.to_yaml()) == parse_recipe(recipe.to_yaml())
        assert parse_recipe(recipe.to_yaml()).header.annotate == recipe.header.annotate
    assert "annotate" not in read(TREE).resolved()


def test_it_is_no_part_of_what_any_step_is_known_by() -> None:
    plain, asked = (build_plan(read(tree)) for tree in (TREE, {**TREE, "annotate": ASKED}))
    assert [step.key for step in plain.steps] == [step.key for step in asked.steps]
    assert [step.name for step in plain.steps] == [step.name for step in asked.steps]


def test_a_mistake_has_its_place() -> None:
    told = said({**TREE, "annotate": {**ASKED, "anotators": 2}})
    assert "annotate.anotators" in told
    assert "did you mean `annotators`?" in told


@given(st.floats(0, 1, exclude_max=True), st.integers(0, 10_000))
def test_a_share_is_rounded_up_and_never_above_all(share: float, num: int) -> None:
    found = number_of_planted(share, num)
    assert 0 <= found <= num
    assert found - 1 < share * num <= found or (found == 0 and share * num == 0)


def test_a_number_is_itself() -> None:
    assert [number_of_planted(n, 10) for n in (0, 1, 7)] == [0, 1, 7]
