"""The table of operations agrees with the modules."""

from __future__ import annotations

import inspect

import pytest

from tilth.recipe.operations import _FUNCTIONS, closest, did_you_mean, operation, operations


@pytest.mark.parametrize("name", sorted(operations()))
def test_module_has_what_its_kind_needs(name: str) -> None:
    op = operation(name)
    for function in _FUNCTIONS[op.kind]:
        assert callable(getattr(op.module, function))
    for function, number in _FUNCTIONS[op.kind].items():
        inspect.signature(getattr(op.module, function)).bind(*[None] * number)
    assert op.settings.__doc__
    for field, info in op.settings.model_fields.items():
        assert info.description, f"{name}.{field} has no description"


def test_hints() -> None:
    assert did_you_mean("min_word", ["min_words", "max_words"]) == "did you mean `min_words`?"
    assert "choose from" in did_you_mean("zzz", ["a", "b"])


@pytest.mark.parametrize(
    ("word", "choices", "close"),
    [
        ("pdf", ["speed", "redact"], None),
        ("html", ["tilt", "mnist"], None),
        ("cvs", ["csv", "jsonl"], "csv"),
        ("DEDUP", ["redact", "deduplicate"], "deduplicate"),
        ("rulez", ["clean.rules", "clean.signals"], "clean.rules"),
        ("smal", ["small", "quickstart"], "small"),
        ("x", ["xy", "xz"], "xy"),
        ("", ["a"], None),
    ],
)
def test_only_what_is_near_is_named(word: str, choices: list[str], close: str | None) -> None:
    assert closest(word, choices) == close


def test_many_choices_are_listed_by_a_command_or_in_part() -> None:
    many = [f"choice-{number:02}" for number in range(20)]
    assert did_you_mean("zzz", many, "tilth list starters") == "`tilth list starters` lists all"
    assert did_you_mean("zzz", many).endswith("`choice-11` and 8 more")
