"""A transform that nobody takes is told: of the recipe, and of an arm."""

from __future__ import annotations

import pytest

from tilth.errors import RecipeError
from tilth.recipe.load import parse_recipe

AUGMENTED = """
tilth: 1
name: masked
collect: {a: {jsonl: {path: a.jsonl}}}
augment: [text_mask, {text_mask: {share: 0.5}}]
"""
PRETRAIN = "pretrain: {model: {kind: gpt}, loop: {max_steps: 5}}\n"
TRANSFER = "transfer: {task: text-classification}\n"
TARGETED = """
value:
  target: {task: text-classification, optimizer: {}}
  arms: {it: {without: augment.text_mask}}
"""


def _told(text: str) -> list[tuple[str, str]]:
    """What is wrong with the recipe, and where; nothing of what it needs beside."""
    try:
        parse_recipe(AUGMENTED + text)
    except RecipeError as error:
        return [(one.what, one.where.partition("  ")[2]) for one in error.problems]
    return []


@pytest.mark.parametrize(
    "stages",
    [
        "",
        PRETRAIN,
        PRETRAIN + "transfer: {task: text-classification, methods: [tfidf-svm]}\n",
        PRETRAIN + "value: {arms: {same: {same: true}}}\n",
    ],
)
def test_where_nobody_takes_them_each_is_told(stages: str) -> None:
    told = _told(stages)
    assert [where for _, where in told] == ["augment[0]", "augment[1]"]
    assert all("changes tokens, and no training stage takes those" in what for what, _ in told)


@pytest.mark.parametrize(
    "stages",
    [
        PRETRAIN + TRANSFER,
        PRETRAIN + TRANSFER + "value: {arms: {it: {without: augment.text_mask-2}}}\n",
        PRETRAIN + TARGETED,
        "pretrain: {task: text-classification, model: {kind: gpt}, loop: {max_steps: 5}}\n",
    ],
)
def test_where_somebody_does_nothing_is_told(stages: str) -> None:
    assert _told(stages) == []


@pytest.mark.parametrize("change", ["without: augment.text_mask-2", "set: {augment.text_mask: {}}"])
def test_an_arm_over_what_only_other_models_take(change: str) -> None:
    text = f"{PRETRAIN}{TRANSFER}value: {{target: none, arms: {{it: {{{change}}}}}}}\n"
    ((what, where),) = _told(text)
    assert what.startswith("arm `it` changes `augment.text_mask")
    assert "no model that `value` trains takes transforms of tokens" in what
    assert where.startswith("value.arms.it.")
