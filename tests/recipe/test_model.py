"""A recipe written out says the same as the one that was read: every default, in one order."""

from __future__ import annotations

import pytest
import yaml

from tilth.recipe.load import load_recipe, parse_recipe, starters


@pytest.mark.parametrize("name", sorted(starters()))
def test_a_resolved_recipe_is_the_recipe(name: str) -> None:
    recipe = load_recipe(name)
    again = parse_recipe(recipe.to_yaml())
    assert again.header == recipe.header
    assert [(s.name, s.operation.name) for s in again.steps()] == [
        (s.name, s.operation.name) for s in recipe.steps()
    ]
    for ours, theirs in zip(again.steps(), recipe.steps(), strict=True):
        assert ours.settings == theirs.settings
    assert again.to_yaml() == recipe.to_yaml()


def test_steps_stand_in_the_order_of_the_line() -> None:
    text = (
        "tilth: 1\nname: order\ncollect: {a: {jsonl: {path: x}}}\nmix: [weights]\n"
        "label: [vote]\ndeduplicate: [exact]\nclean: [normalize, signals]\n"
        "augment: [text_mask]\n"
        "pretrain: {task: text-classification, loop: {max_steps: 1}}\n"
    )
    recipe = parse_recipe(text)
    assert [step.name for step in recipe.steps()] == [
        "collect.a",
        "clean.normalize",
        "clean.signals",
        "deduplicate.exact",
        "label.vote",
        "augment.text_mask",
        "mix.weights",
        "pretrain",
    ]
    assert [step.stage for step in recipe.steps()] == [
        "collect", "clean", "clean", "deduplicate", "label", "augment", "mix", "pretrain",
    ]  # fmt: skip
    written = list(yaml.safe_load(recipe.to_yaml()))
    assert written[-7:] == [
        "collect", "clean", "deduplicate", "label", "augment", "mix", "pretrain",
    ]  # fmt: skip
