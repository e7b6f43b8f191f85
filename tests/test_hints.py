"""What is told of a name that is not there."""

from __future__ import annotations

import pytest

from tilth.errors import UsageError
from tilth.hints import closest, did_you_mean, require_choice, require_known


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


def test_a_value_of_a_closed_set_is_refused_with_all_of_them() -> None:
    require_choice("kind", "kept", ["kept", "dropped"])
    with pytest.raises(UsageError) as caught:
        require_choice("kind", "droped", ["kept", "dropped"])
    assert caught.value.hint == "did you mean `dropped`? choose from `kept`, `dropped`"


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    require_known(["PNG", "GIF"], ("PNG", "GIF", "WEBP"), "format")
    with pytest.raises(ValueError, match=r"^there is no format `pgn`; did you mean `PNG`\?$"):
        require_known(["PNG", "pgn"], ("PNG", "GIF", "WEBP"), "format")
    with pytest.raises(ValueError, match=r"choose from `GIF`, `PNG`$"):
        require_known(["x"], ("PNG", "GIF"), "format")
