"""A recipe's mistakes: all at once, each with line, key and the closest right word."""

from __future__ import annotations

from pathlib import Path

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
  - rules: {where: ["text != 'none'"]}
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


def test_no_mistake_of_a_step_hides_those_of_another_kind() -> None:
    text = """\
tilth: 1
name: a
name: b
error_budget: 7
collect:
  a: {jsonl: {path: x}}
clean:
  - rules: {where: ["word_count > 1"]}
augment:
  - text_drop: {}
  - crop: {}
pretrain: {task: image-classification, model: {kind: mlp}, loop: {max_steps: 1}}
value:
  arms: {longer: {set: {clean.rules: {where: ["word_count >"]}}}}
  budget: 10
  target: {size: 5}
"""
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text)
    assert [one.code for one in caught.value.problems] == [
        "twice",
        "bad-value",
        "unused-transform",
        "bad-value",
    ]
    # Of a training stage that cannot be read nobody knows what it takes.
    for bad in ("augment: 5\n", "augment: [{text_drop: {}}]\npretrain: {lop: {}}\n"):
        with pytest.raises(RecipeError) as caught:
            parse_recipe(GOOD + bad)
        (problem,) = caught.value.problems
        assert problem.code in ("not-a-list", "unknown-setting")


def test_of_blocks_of_which_one_is_written_only_its_own_settings_are_near() -> None:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(GOOD + "pretrain: {model: {kind: seq2seq, layers: 1}, loop: {max_steps: 1}}\n")
    (problem,) = caught.value.problems
    assert problem.what == "`layers` is not a setting of `pretrain`"
    assert problem.hint == "`tilth explain pretrain` lists them"


def test_two_steps_of_one_operation_have_names_of_their_own() -> None:
    recipe = parse_recipe(GOOD + "  - rules: {where: [\"source != 'x'\"]}\n")
    assert [s.name for s in recipe.records][-2:] == ["clean.rules", "clean.rules-2"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "name"),
        ("- a\n- b\n", "mapping"),
        ("name: [", "not valid YAML"),
        ("name: a\nname: b\n", "stands twice"),
        *(
            (f"tilth: 1\nname: a\ncollect: {block}\n", "names no source")
            for block in ("", "{}", "[a]", "3", "a")
        ),
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
        ("a: 1\nname: !!int x\n", "my.yaml:2:7"),
        ('name: !!int ""\n', "cannot be read as `int`"),
        ("name: !!float demo\n", "cannot be read as `float`"),
        ("name: !!bool maybe\n", "cannot be read as `bool`"),
        (f"seed: {'9' * 5000}\n", "cannot be read as `int`"),
        (f"seed: 0x{'f' * 5000}\n", "cannot be read as `int`"),
        ("2020-99-99: 1\n", "cannot be read as `timestamp`"),
    ],
)
def test_bad_recipes_have_one_clear_error(text: str, words: str) -> None:
    assert words in "\n".join(_problems(text))


def test_a_misspelt_signal_has_a_hint_of_its_own() -> None:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(GOOD + '  - rules: {where: ["word_cout <= 90"]}\n')
    (problem,) = caught.value.problems
    assert problem.what == "`where`: no signal `word_cout` in `word_cout <= 90`"
    assert problem.hint == "did you mean `word_count`?"


def test_a_bomb_of_aliases_is_refused_quickly() -> None:
    for use in ("", "\n? *a11\n: 1"):
        _refuse_bomb(use)


def _refuse_bomb(use: str) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    assert "too large" in "\n".join(_problems("\n".join(lines) + use))


@pytest.mark.parametrize("depth", [40, 500_000])
@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_what_is_nested_deeply_is_refused(opening: str, depth: int) -> None:
    """Also before it is built: the parser goes down by calling itself."""
    assert "nested too deeply" in "\n".join(
        _problems("about: " * (opening in "[{a: ") + opening * depth)
    )


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("about: " + "x" * 501, "at most 500 characters"),
        ("tilth: 2", "`tilth`"),
        ("takes: " + "x" * 201, "at most 200 characters"),
        ("seed: -1", "`seed`"),
        ("error_budget: -0.1", "`error_budget`"),
        ("error_budget: 1.1", "`error_budget`"),
        ("seed: 4294967296", "`seed`"),
    ],
)
def test_a_header_keeps_its_bounds(line: str, told: str) -> None:
    key = line.partition(":")[0]
    text = "".join(f"{one}\n" for one in GOOD.splitlines() if not one.startswith(f"{key}:"))
    (problem,) = _problems(f"{text}{line}\n")
    assert told in problem, problem


def test_a_recipe_without_a_version_is_of_the_first() -> None:
    text = "".join(f"{one}\n" for one in GOOD.splitlines() if not one.startswith("tilth:"))
    recipe = parse_recipe(text)
    assert recipe.header.tilth == 1
    assert recipe.name == recipe.header.name == "good"


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("{loop: {epohcs: 1}}", "`epochs`"),
        ("{model: {kind: gpt, layrs: 2}}", "`layers`"),
        ("{model: {kind: resnet, bloks: [1]}, task: image-classification}", "`blocks`"),
        ("{optimizer: {learning_rat: 1}}", "`learning_rate`"),
    ],
)
def test_a_misspelt_setting_has_the_nearest_of_its_own_place(written: str, hint: str) -> None:
    (problem,) = _problems(f"{GOOD}pretrain: {written}\n")
    assert f"did you mean {hint}?" in problem


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


def test_a_recipe_knows_where_it_came_from(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    assert load_recipe(tmp_path / "a.yaml").origin == str(tmp_path / "a.yaml")
    assert load_recipe("digits").origin == "digits (starter)"
    assert parse_recipe(GOOD).origin == ""


def test_values_of_closed_sets_are_listed() -> None:
    joined = "\n".join(
        _problems(
            GOOD.replace("a.jsonl}", "a.jsonl, split: trian}")
            + "pretrain: {task: text-generatoin, model: {kind: gtp}, loop: {precision: fp64}}\n"
        )
    )
    assert "`split` does not take 'trian'" in joined
    assert "did you mean `train`? choose from `train`, `validation`, `test`" in joined
    assert "did you mean `text-generation`?" in joined
    assert "pretrain.model.kind\n  hint   did you mean `gpt`? choose from `cnn`, `ctc`" in joined
    assert "`precision` does not take 'fp64'" in joined


@pytest.mark.parametrize(
    ("stage", "hint"),
    [
        ("collect: {a: {pdf: {path: x}}}", "PDF is read by `files`"),
        ("collect: {a: {html: {path: x}}}", "`tilth explain extract`"),
        ("collect: {a: {jsnol: {path: x}}}", "did you mean `jsonl`?"),
        ("collect: {a: {jsonl: {path: x}}}\nclean: [langid]", "`tilth explain language`"),
        ("collect: {a: {jsonl: {path: x}}}\naugment: [zzz]", "`tilth explain augment` lists all"),
    ],
)
def test_an_operation_that_is_looked_for_has_an_answer(stage: str, hint: str) -> None:
    (problem,) = _problems(f"tilth: 1\nname: a\n{stage}\n")
    assert hint in problem


TRAINED = """tilth: 1
name: a
collect: {a: {jsonl: {path: x}}}
pretrain: {loop: {max_steps: 1}, augment: []}
transfer: {augment: []}
value: {arms: {same: {same: true}}, augment: [], pretrain: null, transfer: null}
"""


def test_what_the_plan_gives_is_no_setting() -> None:
    filled = TRAINED.replace("augment: []", "augment: [flip]").replace(": null", ": {x: 1}")
    problems = _problems(filled)
    told = [("pretrain", "augment"), ("transfer", "augment")]
    told += [("value", name) for name in ("augment", "pretrain", "transfer")]
    assert len(problems) == len(told)
    for problem, (stage, name) in zip(problems, told, strict=True):
        assert f"`{name}` is not a setting of `{stage}`" in problem


def test_a_copy_that_an_earlier_version_left_is_read_as_it_was_meant() -> None:
    """It has the names, empty, and goes with what people share: it runs again."""
    for to_run in (True, False):
        assert "augment" not in parse_recipe(TRAINED, to_run=to_run).to_yaml()


@pytest.mark.parametrize("char", ["\x00", "\x1b", "\ud800", "\ufffe"])
def test_a_character_that_no_yaml_may_hold_is_one_clear_error(char: str) -> None:
    with pytest.raises(RecipeError) as raised:
        parse_recipe(f"tilth: 1\nname: a{char}b\n", "my.yaml")
    (problem,) = raised.value.problems
    assert problem.code == "yaml"
    assert "special characters are not allowed" in problem.what
    assert "\n" not in problem.what


_WITH_VALUE = (
    f"{GOOD}pretrain: {{loop: {{max_steps: 5}}}}\ntransfer: {{overrides: {{finetune: %s}}}}\n"
    "value: {arms: {a: {same: true}}, target: %s}\n"
)


@pytest.mark.parametrize(
    ("override", "target", "said"),
    [
        ("{}", "{sise: 4}", "did you mean `size`?"),
        ("{}", "{loop: {batch_size: 0}}", "`batch_size`: input should be at least 1, not 0"),
        ("{}", "nothing", "`target` does not take 'nothing'"),
        ("{}", "[4]", "`target` does not take [4]"),
        ("{optimizer: {learning_rat: 1}}", "{}", "did you mean `learning_rate`?"),
        ("{optimiser: {kind: sgd}}", "{}", "did you mean `optimizer`?"),
    ],
)
def test_a_mistake_in_what_may_be_a_word_or_settings_is_told_once(
    override: str, target: str, said: str
) -> None:
    (problem,) = _problems(_WITH_VALUE % (override, target))
    assert said in problem


@pytest.mark.parametrize(
    ("methods", "said"),
    [
        ("[]", "`methods`: should have at least 1 item, not 0"),
        ("[probee]", "did you mean `probe`?"),
    ],
)
def test_a_list_is_too_short_only_where_it_is(methods: str, said: str) -> None:
    training = "pretrain: {loop: {max_steps: 5}}\n"
    (problem,) = _problems(f"{GOOD}{training}transfer: {{methods: {methods}}}\n")
    assert said in problem


def test_a_part_that_lacks_its_kind_is_told_so() -> None:
    (problem,) = _problems(f"{GOOD}value: {{arms: {{a: {{same: true}}}}, model: {{dropout: 0}}}}\n")
    assert "`model` needs `kind`" in problem
