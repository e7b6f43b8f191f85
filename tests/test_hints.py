"""What is told of a name that is not there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.errors import UsageError
from tilth.hints import (
    closest,
    did_you_mean,
    is_slip,
    require_choice,
    require_flag,
    require_known,
    spelled_alike,
    whole_number,
)


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


@pytest.mark.parametrize(
    ("word", "name", "slips"),
    [
        *(("labl", "label", True), ("lable", "label", True), ("labels", "label", True)),
        *(("Label", "label", False), ("url", "uri", False), ("lebbl", "label", False)),
        *(("licence", "license", True), ("anotation", "annotations", True)),
        *(("title", "text", False), ("date", "text", False), ("", "text", False)),
    ],
)
def test_a_slip_is_a_letter_or_two(word: str, name: str, slips: bool) -> None:
    assert is_slip(word, name) == slips


@given(st.text("ab", max_size=7), st.text("ab", max_size=7))
def test_a_slip_is_what_an_edit_makes(word: str, name: str) -> None:
    """By trying every edit of one letter."""
    edits = set()
    for at in range(len(word) + 1):
        edits |= {word[:at] + one + word[at:] for one in "ab"}
        edits |= {word[:at] + one + word[at + 1 :] for one in "ab" if at < len(word)}
        edits.add(word[:at] + word[at + 1 :])
        edits.add(word[:at] + word[at + 1 : at + 2] + word[at : at + 1] + word[at + 2 :])
    near = name in edits and name != word and len(name) >= 4
    assert is_slip(word, name) == near


def test_names_that_are_likely_one_in_two_spellings() -> None:
    counts = {"Cat": 1, "cat": 8, "CAT": 1200, "dog": 2, "dogs": 9, "Жук": 3, "жук": 4}
    assert spelled_alike(counts, "sample", "class") == [
        "`CAT`, `Cat` and `cat` differ only in case: 1,200, 1 and 8 samples; did you mean one "
        "class?",
        "`Жук` and `жук` differ only in case: 3 and 4 samples; did you mean one class?",
    ]
    assert spelled_alike({"New York": 1, "NewYork": 2}, "answer", "person") == [
        "`New York` and `NewYork` differ only in blanks: 1 and 2 answers; did you mean one person?"
    ]
    for one, other in (("Zoë", "Zoe\u0308"), ("ａ", "A"), ("a\u200bb", "a b"), ("№ 1", "NO1")):
        (told,) = spelled_alike({one: 1, other: 2}, "answer", "person")
        assert "case, blanks or how letters are written: " in told
    assert spelled_alike({"": 1, " ": 1, "01": 1, "1": 1, "e": 1, "é": 1}, "file", "class") == []
    many = {spelled: 1 for n in range(9) for spelled in (f"a{n}", f"A{n}")}
    told_of = spelled_alike(many, "file", "class")
    assert len(told_of) == 6
    assert told_of[-1] == "4 more names differ from others only so"


@pytest.mark.parametrize("value", [True, 1.0, "1", None, -1, 5, [1], "x" * 999])
def test_a_whole_number_is_one_within_its_range(value: object) -> None:
    with pytest.raises(UsageError, match=r"`many` is a whole number from 0 to 4, not ") as caught:
        whole_number("many", value, 0, 4)
    assert len(str(caught.value)) < 200
    assert whole_number("many", np.uint8(4), 0, 4) == whole_number("many", 4, 0) == 4


@pytest.mark.parametrize("value", [0, 1, None, "no", "x" * 999])
def test_a_flag_is_true_or_false(value: object) -> None:
    with pytest.raises(UsageError, match="`flag` is True or False, not "):
        require_flag("flag", value)
    require_flag("flag", False)


@pytest.mark.parametrize("value", [1, None, ["a"], {"a": 1}])
def test_a_choice_that_is_no_word(value: Any) -> None:
    for choices in (["a", "b"], {"a": 1, "b": 2}):
        with pytest.raises(UsageError, match="`name` does not take"):
            require_choice("name", value, choices)
