"""The recipe of an arm: the control with one named change, and the rest as it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from tilth.errors import RecipeError
from tilth.recipe.arms import arm_recipe
from tilth.recipe.load import parse_recipe
from tilth.recipe.model import Recipe
from tilth.recipe.plan import build_plan
from tilth.value.settings import Change

RECIPE = """
name: arms
collect:
  a: {{jsonl: {{path: a.jsonl}}}}
  b: {{jsonl: {{path: b.jsonl}}}}
clean: [normalize]
deduplicate: [{{hold_out: {{test: 0.2}}}}, exact]
{mix}
value:
  arms: {arms}
"""


def recipe(arms: str, mix: str = "mix: [{weights: {sources: {a: 1.0, b: 0.5}}}]") -> Recipe:
    return parse_recipe(RECIPE.format(mix=mix, arms=arms))


def test_a_source_left_out_of_the_mixture_leaves_the_line_before_it_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        (tmp_path / f"{name}.jsonl").write_text('{"text": "x"}\n')
    given = recipe("{less: {without_source: b}}")
    steps = [step.name for step in build_plan(given).steps]
    assert [name for name in steps if name.startswith("value.")] == ["value.less/mix.weights"]


@pytest.mark.parametrize("mix", ["mix: [{weights: {sources: {a: 2.0}}}]", ""])
def test_its_weight_is_zero_and_the_others_keep_theirs(mix: str) -> None:
    given = recipe("{less: {without_source: b}}", mix)
    assert given.value is not None
    derived = arm_recipe(given, given.value.settings.arms["less"])  # type: ignore[attr-defined]
    assert derived is not None
    (weights,) = [s for s in derived.records if s.operation.name == "weights"]
    found = dict(weights.settings.sources)  # type: ignore[attr-defined]
    assert found == {"b": 0.0} | ({"a": 2.0} if mix else {})
    assert derived.sources == given.sources


def test_a_source_that_is_not_there_is_named() -> None:
    with pytest.raises(RecipeError) as caught:
        recipe("{less: {without_source: bb}}")
    (problem,) = caught.value.problems
    assert problem.code == "unknown-source"
    assert "`bb`" in problem.what
    assert "`b`" in problem.hint


def _names(recipe: Recipe | None) -> list[str]:
    assert recipe is not None
    return [step.name for step in (*recipe.sources, *recipe.records)]


def test_a_step_or_a_source_left_out_leaves_the_rest() -> None:
    given = recipe("{x: {same: true}}")
    whole = _names(given)
    for name in ("deduplicate.exact", "clean.normalize", "collect.b"):
        derived = arm_recipe(given, Change(without=name))
        assert _names(derived) == [one for one in whole if one != name]
    assert arm_recipe(given, Change(without="pretrain")) is None


def test_what_is_set_changes_that_setting_and_nothing_else() -> None:
    given = recipe("{x: {same: true}}")
    derived = arm_recipe(given, Change(set={"deduplicate.hold_out": {"test": 0.3}}))
    assert derived is not None
    assert _names(derived) == _names(given)
    for ours, theirs in zip(derived.records, given.records, strict=True):
        before = theirs.settings.model_dump()
        if ours.name == "deduplicate.hold_out":
            before["test"] = 0.3
        assert ours.settings.model_dump() == before
    source = arm_recipe(given, Change(set={"collect.a": {"path": "c.jsonl"}}))
    assert source is not None
    paths = [step.settings.path for step in source.sources]  # type: ignore[attr-defined]
    assert paths == ["c.jsonl", "b.jsonl"]


def test_an_arm_that_is_the_same_is_the_recipe() -> None:
    given = recipe("{x: {same: true}}")
    assert arm_recipe(given, Change(same=True)) == given
