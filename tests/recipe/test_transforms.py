"""A transform that nobody takes is told: of the recipe, and of an arm."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.table.test_order import made_of
from tests.table.trainings import Tree, pretrain
from tilth.errors import RecipeError
from tilth.recipe.load import parse_recipe
from tilth.recipe.model import RecipeStep
from tilth.recipe.operations import operation
from tilth.recipe.transforms import transforms_taken

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


PLAIN = "tilth: 1\nname: plain\ncollect: {a: {jsonl: {path: a.jsonl}}}\n"
MIXED = ("text_mask", "shift", "text_swap", "text_mask-2")
IMAGES = "pretrain: {task: image-classification, model: {kind: mlp}, loop: {max_steps: 5}}\n"
CLASSES = "pretrain: {task: text-classification, model: {kind: gpt}, loop: {max_steps: 5}}\n"
OF_TEXT = ("augment.text_mask", "augment.text_swap", "augment.text_mask-2")
ARM = "value: {match: epochs, loop: {epochs: 1}, arms: {same: {same: true}}%s}\n"


@pytest.mark.parametrize(
    ("stages", "taken"),
    [
        (PRETRAIN, ((), (), ())),
        (CLASSES, (OF_TEXT, (), ())),
        (IMAGES, (("augment.shift",), (), ())),
        # Of the stage's own model alone, and of no model for what counts words.
        (PRETRAIN + TRANSFER, ((), OF_TEXT, ())),
        (CLASSES + "transfer: {}\n", (OF_TEXT, OF_TEXT, ())),
        (CLASSES + "transfer: {methods: [tfidf-svm]}\n", (OF_TEXT, (), ())),
        (CLASSES + "transfer: {methods: [scratch, tfidf-svm]}\n", (OF_TEXT, OF_TEXT, ())),
        (PRETRAIN + TRANSFER + ARM % "", ((), OF_TEXT, OF_TEXT)),
        (PRETRAIN + TRANSFER + ARM % ", target: none", ((), OF_TEXT, ())),
        (
            PRETRAIN + ARM % ", target: {task: text-classification, optimizer: {}}",
            ((), (), OF_TEXT),
        ),
        (IMAGES + ARM % "", (("augment.shift",), (), ("augment.shift",))),
    ],
)
def test_each_training_has_the_transforms_that_it_takes(
    stages: str, taken: tuple[tuple[str, ...], ...]
) -> None:
    ops = [(f"augment.{name}", operation(name.removesuffix("-2"))) for name in MIXED]
    steps = tuple(RecipeStep(name, op, op.settings()) for name, op in ops)
    # By hand: a recipe that lists what none of its models takes is refused.
    recipe = replace(parse_recipe(PLAIN + stages), transforms=steps)
    found = tuple(
        tuple(step.name for step in transforms_taken(recipe, stage))
        for stage in ("pretrain", "transfer", "value")
    )
    assert found == taken


def test_what_a_training_does_not_take_changes_nothing_of_it() -> None:
    shift: Tree = {"shift": {"max_x": 2}}
    flip: Tree = {"flip": {"horizontal": 0.5}}
    mixed: list[Tree] = [{"text_mask": {}}, shift, {"speed": {}}, flip, shift]
    found = [made_of(pretrain(augment=given)) for given in (mixed, [shift, flip, shift])]
    assert found[0] == found[1] != made_of(pretrain())
