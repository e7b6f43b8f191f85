"""Settings that earlier versions had: what says nothing is read, all else is told why it went."""

from __future__ import annotations

from typing import Any

import pytest

from tilth.errors import RecipeError
from tilth.recipe.earlier import as_now, why_gone
from tilth.recipe.load import parse_recipe

LINE = "tilth: 1\nname: x\ncollect: {a: {jsonl: {path: x}}}\npretrain: {loop: {max_steps: 1}}\n"


@pytest.mark.parametrize(
    ("stage", "place", "why"),
    [
        ("transfer: {loop: {max_seconds: 0.5, epochs: 1}}", "transfer.loop.max_seconds", "long"),
        (
            "transfer: {overrides: {scratch: {loop: {patience: 2}}}}",
            "transfer.overrides.scratch.loop.patience",
            "equally long",
        ),
        ("transfer: {data: {sample_rate: 8000}}", "transfer.data.sample_rate", "trained on"),
        ("transfer: {data: {validation_share: 0.1}}", "validation_share", "nothing is validated"),
        ("value: {arms: {n: {same: true}}, loop: {max_tokens: 9}}", "max_tokens", "equally long"),
        (
            "value: {arms: {n: {same: true}}, budget: 1, target: {data: {tokenizer: characters}}}",
            "value.target.data.tokenizer",
            "trained on",
        ),
    ],
)
def test_a_setting_that_did_nothing_is_refused_with_the_reason(
    stage: str, place: str, why: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(LINE + stage)
    problem = caught.value.problems[0]
    assert problem.code == "unknown-setting"
    assert problem.where.endswith(place)
    assert why in problem.hint
    # The copy of a recipe that ran is read: its figures stand.
    assert parse_recipe(LINE + stage, to_run=False).name == "x"


def test_what_holds_anyway_may_be_said() -> None:
    loop = "{epochs: 1, patience: 0, max_seconds: null, processes: 1}"
    stage = f"transfer: {{loop: {loop}, data: {{validation_share: 0, image_size: null}}}}"
    assert parse_recipe(LINE + stage).transfer is not None


def test_what_a_stage_was_given_by_the_plan_is_left_out_where_it_is_empty() -> None:
    tree: dict[str, Any] = {"pretrain": {"augment": [], "task": "x"}, "value": {"pretrain": None}}
    assert as_now(tree, ran=True) == {"pretrain": {"task": "x"}, "value": {}}
    assert tree["pretrain"]["augment"] == []


def test_what_was_never_there_has_no_reason() -> None:
    assert why_gone(("transfer", "loop", "patience"))
    assert why_gone(("transfer", "overrides", "probe", "loop", "patience"))
    assert not why_gone(("pretrain", "loop", "patience"))
    assert not why_gone(("transfer", "loop", "patients"))
    assert not why_gone(("patience",))


def test_the_copy_of_a_recipe_that_ran_opens_whatever_its_parts_say_of_each_other() -> None:
    """An arm on `value` did nothing, and was accepted once."""
    stage = "value: {arms: {n: {set: {value: {seeds: 3}}}}, budget: 1}"
    with pytest.raises(RecipeError, match="1 problem"):
        parse_recipe(LINE + stage)
    assert parse_recipe(LINE + stage, to_run=False).value is not None
