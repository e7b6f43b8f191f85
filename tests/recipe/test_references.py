"""Every name that a recipe refers to and does not have is a problem with its place."""

from __future__ import annotations

import pytest

from tilth.errors import RecipeError
from tilth.recipe.load import parse_recipe

_LINE = (
    "tilth: 1\nname: refers\ncollect:\n  books: {jsonl: {path: x}}\n  talks: {jsonl: {path: y}}\n"
)
_TRAINING = "pretrain: {loop: {max_steps: 1}}\n"


def _problems(text: str) -> list[tuple[str, str, str]]:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text)
    return [(p.code, p.where, p.hint) for p in caught.value.problems]


@pytest.mark.parametrize(
    ("stage", "place"),
    [
        ("deduplicate: [{hold_out: {sources: [bokks], test: 0.1}}]\n", "deduplicate"),
        ("mix: [{weights: {sources: {bokks: 2.0}}}]\n", "mix"),
        ("pretrain: {data: {sources: [bokks]}, loop: {max_steps: 1}}\n", "pretrain"),
        ("pretrain: {data: {tokenizer_sources: [bokks]}}\n", "pretrain.data.tokenizer_sources"),
        (_TRAINING + "transfer: {data: {sources: [bokks]}}\n", "transfer"),
        (
            _TRAINING + "value: {budget: 5, arms: {n: {same: true}}, target: "
            "{data: {sources: [bokks]}, size: 2}}\n",
            "value",
        ),
    ],
)
def test_a_source_that_is_not_there(stage: str, place: str) -> None:
    (problem,) = _problems(_LINE + stage)
    assert problem[0] == "unknown-source"
    assert place in problem[1]
    assert problem[2] == "did you mean `books`?"


@pytest.mark.parametrize(
    ("arm", "code", "hint"),
    [
        ("{without: clean.normalise}", "unknown-step", "did you mean `clean.normalize`?"),
        ("{set: {clean.normalise: {}}}", "unknown-step", "did you mean `clean.normalize`?"),
        ("{without_source: talk}", "unknown-source", "did you mean `talks`?"),
    ],
)
def test_an_arm_that_names_what_is_not_there(arm: str, code: str, hint: str) -> None:
    text = f"{_LINE}clean: [normalize]\n{_TRAINING}value: {{budget: 5, arms: {{it: {arm}}}}}\n"
    (problem,) = _problems(text)
    assert (problem[0], problem[2]) == (code, hint)
    assert "arms" in problem[1]


def test_transforms_of_no_training() -> None:
    (problem,) = _problems(_LINE + "augment: [flip]\n")
    assert problem[0] == "unused-transform"
    assert problem[1].endswith("augment[0]")


@pytest.mark.parametrize(
    ("given", "where", "hint"),
    [
        ("freeze: [bloks.]", "pretrain.freeze", "did you mean `blocks.`?"),
        ("unfreeze: {hed.: 0.5}", "pretrain.unfreeze", "the parts of this model are tokens., "),
        ("optimizer: {rates: {norn.: 2}}", "pretrain.optimizer.rates", "did you mean `norm.`?"),
        ("freeze: [tokens., blocks., norm.]", "pretrain.freeze", ""),
        ("freeze: [blocks.], unfreeze: {blocks.0.: 0.5}", "pretrain.unfreeze", ""),
    ],
)
def test_a_part_that_the_model_has_not(given: str, where: str, hint: str) -> None:
    (problem,) = _problems(f"{_LINE}pretrain: {{{given}, loop: {{max_steps: 1}}}}\n")
    assert problem[1].endswith(where)
    assert hint in problem[2]


def test_a_transfer_of_no_model() -> None:
    (problem,) = _problems(_LINE + "transfer: {data: {sources: [books]}}\n")
    assert problem[0] == "no-pretrain"


@pytest.mark.parametrize(
    ("stages", "place", "hint"),
    [
        ("transfer: {task: image-classification}\n", "transfer.task", ""),
        (
            "transfer: {metric: accuracy}\n",
            "transfer.metric",
            "choose from `bits_per_byte`, `loss`",
        ),
        (
            "transfer: {methods: [scratch, tfidf-svm]}\n",
            "transfer.methods",
            "leave `tfidf-svm` out",
        ),
        ("value: {budget: 5, task: speech-recognition, arms: {n: {same: true}}}\n", "value", ""),
        (
            "value: {budget: 5, target: {task: translation}, arms: {n: {same: true}}}\n",
            "value",
            "",
        ),
        (
            "value: {arms: {n: {same: true}}, loop: {epochs: 1}}\n",
            "value.loop.epochs",
            "set value.budget, the optimizer steps of each small model",
        ),
    ],
)
def test_a_stage_that_the_one_before_cannot_serve(stages: str, place: str, hint: str) -> None:
    (problem,) = _problems(_LINE + _TRAINING + stages)
    assert problem[1].split("  ")[-1] == place
    assert problem[2] == hint


def test_what_an_arm_sets_is_a_setting_of_its_step() -> None:
    arms = (
        "{a: {set: {clean.normalize: {lines: 1}}}, "
        "b: {set: {clean.normalize: {max_newlines: none}}}, c: {set: {clean.normalize: {}}}}"
    )
    found = _problems(f"{_LINE}clean: [normalize]\n{_TRAINING}value: {{budget: 5, arms: {arms}}}\n")
    assert [(code, where.split("  ")[-1]) for code, where, _ in found] == [
        ("unknown-setting", "value.arms.a.set.clean.normalize.lines"),
        ("unknown-setting", "value.arms.b.set.clean.normalize.max_newlines"),
    ]


@pytest.mark.parametrize(
    ("arm", "key"),
    [
        ("{set: {pretrain: {optimizer: {learning_rate: 0.001}}}}", "set.pretrain"),
        ("{set: {pretrain: {model: {layers: 4}}}}", "set.pretrain"),
        ("{set: {value: {nope: 1}}}", "set"),
        ("{without: value}", "without"),
    ],
)
def test_an_arm_that_would_change_nothing_is_refused(arm: str, key: str) -> None:
    text = f"{_LINE}{_TRAINING}value: {{budget: 5, arms: {{it: {arm}}}}}\n"
    (problem,) = _problems(text)
    assert problem[0] == "bad-arm"
    assert problem[1].endswith(f"value.arms.it.{key}")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{data: {sources: [books]}}", "an arm sets no `data` of pretrain"),
        ("{loop: {max_steps: 9}}", "all arms are trained equally long"),
        ("{optimizer: {learning_rat: 9}}", "`learning_rat` is not a setting of `value`"),
        ("{optimizer: {learning_rate: -9}}", "`learning_rate`: input should be greater than 0"),
        ("{optimizer: {momentum: .5}}", "`optimizer`: `momentum` does nothing with kind: adamw"),
        ("{loop: {patience: 3}}", "`patience` is not a setting of `value`"),
        ("{model: {kind: gpd}}", "`kind` does not take 'gpd'"),
        ("{optimizer: {rates: {bloks.: .1}}}", "no parameter's name begins with `bloks.`"),
        ("{model: {kind: mlp, hidden: [8]}}", "needs model.kind gpt, not mlp"),
        ("{model: 3}", "`model`: input should be a mapping, not 3"),
    ],
)
def test_what_an_arm_sets_of_the_training_is_checked(given: str, said: str) -> None:
    text = f"{_LINE}{_TRAINING}value: {{budget: 5, arms: {{it: {{set: {{pretrain: {given}}}}}}}}}\n"
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text)
    (problem,) = caught.value.problems
    assert said in problem.what
    assert "value.arms.it.set.pretrain" in problem.where


def test_what_several_arms_set_wrongly_is_told_at_once() -> None:
    arms = ", ".join(f"{name}: {{set: {{pretrain: {{optimizer: {{x: 1}}}}}}}}" for name in "ab")
    found = _problems(f"{_LINE}{_TRAINING}value: {{budget: 5, arms: {{{arms}}}}}\n")
    assert [where.split("  ")[-1] for _, where, _ in found] == [
        f"value.arms.{name}.set.pretrain.optimizer.x" for name in "ab"
    ]


def test_of_several_steps_of_a_stage_the_one_at_fault_is_named() -> None:
    names = ("books", "bokks", "talks", "tlaks")
    steps = ", ".join(f"{{hold_out: {{sources: [{name}], test: 0.1}}}}" for name in names)
    found = _problems(f"{_LINE}deduplicate: [{steps}]\n")
    places = [where.split("  ")[-1] for _, where, _ in found]
    assert places == [f"deduplicate[{number}].hold_out.sources" for number in (1, 3)]


def test_all_of_them_are_told_at_once_and_the_first_with_a_suggestion() -> None:
    names = ", ".join(f"book{number}" for number in range(30))
    stage = f"deduplicate: [{{hold_out: {{sources: [{names}], test: 0.1}}}}]\n"
    found = _problems(_LINE + stage)
    assert len(found) == 30
    assert [bool(hint) for _, _, hint in found] == [True] * 20 + [False] * 10
