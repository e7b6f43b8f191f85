"""Errors say what, where and what next; their classes and codes are what scripts go by."""

from __future__ import annotations

import pytest

from tilth import errors
from tilth.errors import (
    DataError,
    ExtensionError,
    MissingError,
    Problem,
    RecipeError,
    StepError,
    StorageError,
    TilthError,
    UsageError,
    missing_extra,
    source_changed,
)


def test_what_where_and_what_next() -> None:
    error = DataError("it is empty", where="collect.a", hint="check its path", code="empty")
    assert str(error) == ("error[empty]: it is empty\n  where  collect.a\n  hint   check its path")
    assert str(DataError("it is empty")) == "error[data]: it is empty"


@pytest.mark.parametrize(
    ("kind", "code", "exit_code"),
    [
        (TilthError, "failed", 1),
        (DataError, "data", 1),
        (StorageError, "storage", 1),
        (StepError, "step", 1),
        (ExtensionError, "extension", 1),
        (UsageError, "usage", 2),
        (MissingError, "missing", 3),
    ],
)
def test_codes_and_exit_codes(kind: type[TilthError], code: str, exit_code: int) -> None:
    error = kind("x")
    assert (error.code, error.exit_code) == (code, exit_code)
    assert kind("x", code="other").code == "other"
    assert isinstance(error, TilthError)


def test_every_class_is_in_that_table() -> None:
    found = {
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, TilthError)
    }
    known = {TilthError, DataError, StorageError, StepError, UsageError, MissingError}
    assert found == known | {RecipeError, ExtensionError}


def test_all_mistakes_of_a_recipe_at_once() -> None:
    one, two = Problem("a", "first", "line 1"), Problem("b", "second", "line 2", "mend it")
    error = RecipeError([one, two])
    assert (error.exit_code, error.code) == (2, "recipe")
    assert str(error) == f"{one}\n{two}\n2 problems; nothing was run."
    assert str(RecipeError([one])).endswith("1 problem; nothing was run.")


def test_errors_that_several_rooms_raise() -> None:
    missing = missing_extra("torch", "train")
    assert (missing.code, missing.exit_code) == ("missing-extra", 3)
    assert missing.hint == "pip install 'tilth[train]'"
    changed = source_changed("collect.a", ["a.txt", "b.txt"])
    assert changed.code == "source-changed"
    assert changed.what.endswith(": a.txt, b.txt")
