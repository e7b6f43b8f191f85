"""A recipe's mistakes: all at once, each with line, key and the closest right word."""

from __future__ import annotations

import pytest

from tilth.errors import MissingError, RecipeError
from tilth.recipe.load import load_recipe, parse_recipe, starters

GOOD = """\
tilth: 1
name: good
collect:
  a: {jsonl: {path: a.jsonl}}
clean:
  - normalize
  - rules: {where: ["word_count >= 50"]}
"""


def _problems(text: str) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text, "my.yaml")
    return [str(problem) for problem in caught.value.problems]


def test_a_good_recipe_loads_and_its_resolved_form_is_the_same_recipe() -> None:
    recipe = parse_recipe(GOOD)
    assert [step.name for step in recipe.steps()] == ["collect.a", "clean.normalize", "clean.rules"]
    assert parse_recipe(recipe.to_yaml()).resolved() == recipe.resolved()


def test_all_mistakes_at_once_each_with_its_place() -> None:
    text = """\
tilth: 1
name: my
eror_budget: 0.1
collect:
  a: {jsonl: {path: a.jsonl, max_record_byte: 5}}
clean:
  - normalise
  - rules: {where: ["word_count >= "]}
  - minhash
deduplicate:
  - minhash: {threshold: high}
"""
    problems = _problems(text)
    joined = "\n".join(problems)
    assert len(problems) == 6, joined
    assert "`eror_budget`" in problems[0]
    assert "my.yaml:3:1" in problems[0]
    assert "did you mean `error_budget`?" in problems[0]
    assert "my.yaml:5:30  collect.a.jsonl.max_record_byte" in joined
    assert "did you mean `max_record_bytes`?" in joined
    assert "did you mean `normalize`?" in joined
    assert "my.yaml:8:" in joined
    assert "`minhash` belongs under `deduplicate`" in joined
    assert "my.yaml:11:" in joined


def test_two_steps_of_one_operation_have_names_of_their_own() -> None:
    recipe = parse_recipe(GOOD + '  - rules: {where: ["word_count <= 90"]}\n')
    assert [s.name for s in recipe.records][-2:] == ["clean.rules", "clean.rules-2"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "name"),
        ("- a\n- b\n", "mapping"),
        ("name: [", "not valid YAML"),
        ("name: a\nname: b\n", "stands twice"),
        ("tilth: 1\nname: a\n", "names no source"),
        ("tilth: 2\nname: a\ncollect: {a: {jsonl: {path: x}}}\n", "`tilth`"),
        ("tilth: 1\nname: ../up\ncollect: {a: {jsonl: {path: x}}}\n", "`name`"),
        ("tilth: 1\nname: a\ncollect: {a: {jsonl: {path: x}}}\nclean: {rules: {}}\n", "a list"),
        ("tilth: 1\nname: a\ncollect: {a: {jsonl: {path: x}}}\nmix: [3]\n", "one operation"),
        (
            "tilth: 1\nname: a\ncollect: {a: {jsonl: {path: x}}}\npretrain: {seeds: 5}\n",
            "`seeds`: input should be a list, not 5",
        ),
        ("x: !!python/object/apply:os.system [ls]\n", "not valid YAML"),
    ],
)
def test_bad_recipes_have_one_clear_error(text: str, words: str) -> None:
    assert words in "\n".join(_problems(text))


def test_a_bomb_of_aliases_is_refused_quickly() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    assert "too large" in "\n".join(_problems("\n".join(lines)))


def test_names_that_refer_to_nothing_are_found() -> None:
    text = GOOD + "deduplicate:\n  - hold_out: {sources: [b], test: 0.1}\n"
    (problem,) = _problems(text)
    assert "names the source `b`" in problem
    assert "hold_out.sources" in problem


def test_an_unknown_recipe_names_the_closest_starter() -> None:
    with pytest.raises(MissingError, match="quickstrat") as caught:
        load_recipe("quickstrat")
    assert "quickstart" in caught.value.hint


@pytest.mark.parametrize("name", sorted(starters()))
def test_every_starter_is_sound(name: str) -> None:
    assert load_recipe(name).name == name


def test_a_transform_that_nothing_takes_is_refused() -> None:
    text = (
        GOOD
        + """\
augment:
  - flip
pretrain: {task: text-generation, loop: {max_steps: 1}}
"""
    )
    assert "changes images, and no training stage takes those" in _problems(text)[0]
