"""Identities: equal where all that acts is equal; and why one differs from another."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import pytest

from tilth.recipe.identity import (
    FORMULA,
    _difference,
    digest_of_outside,
    digest_of_parts,
    said_of,
    why_it_runs,
)

PARTS: dict[str, Any] = {
    "formula": FORMULA,
    "operation": "normalize",
    "settings": {"form": "NFC", "names": ["a"]},
    "code": "c1",
    "inputs": {"0": "d1", "1": "d2"},
}
NAMES = {"0": "collect.a", "1": "collect.b"}


def _why(**changed: Any) -> str:
    return why_it_runs({**PARTS, **changed}, PARTS, NAMES)


def test_an_identity_is_its_parts_in_any_order() -> None:
    turned = dict(reversed(PARTS.items()))
    assert digest_of_parts(turned) == digest_of_parts(PARTS)
    assert re.fullmatch("[0-9a-f]{24}", digest_of_parts(PARTS))
    for key in PARTS:
        assert digest_of_parts({**PARTS, key: "another"}) != digest_of_parts(PARTS)


def test_why_a_step_runs_says_what_changed_from_what_to_what() -> None:
    assert why_it_runs(PARTS, None, NAMES) == "never run"
    assert _why(settings={**PARTS["settings"], "form": "NFKC"}) == 'form: "NFC" -> "NFKC"'
    assert _why(inputs={"0": "d1", "1": "d9"}) == "its input changed: `collect.b`"
    assert _why(code="c2", inputs={"0": "x", "1": "d2"}) == (
        "its code changed; its input changed: `collect.a`"
    )
    assert _why(limit=5) == "--limit: null -> 5"
    assert _why(libraries={"numpy": "2"}) == 'libraries: null -> {"numpy": "2"}'
    assert _why(reads={"words.txt": "d"}) == "`words.txt` changed"
    found, gone = {"reads": {"words.txt": "d"}}, {"reads": {"words.txt": ""}}
    assert why_it_runs(PARTS | gone, PARTS | found, NAMES) == "`words.txt` is gone"
    assert why_it_runs(PARTS | found, PARTS | gone, NAMES) == "`words.txt` is new"
    assert _why(outside="d") == "what it reads changed"
    assert _why(inputs={"0": "d1"}) == "its input changed: `collect.b`"


def test_what_an_earlier_version_made_is_made_again_once() -> None:
    earlier = {key: value for key, value in PARTS.items() if key != "formula"}
    assert "again once" in why_it_runs(PARTS, earlier, NAMES)


def test_an_early_record_has_all_among_the_settings() -> None:
    assert said_of({"settings": {"a": 1}, "planned": {"b": 2}}) == {"a": 1, "b": 2}
    assert said_of({"settings": {"a": 1, "b": 2}}) == {"a": 1, "b": 2}


def test_what_is_outside_is_kept_as_its_digest() -> None:
    """It may be as long as a list of all files; nothing of nothing."""
    assert digest_of_outside("") == ""
    assert digest_of_outside("a.txt 3 17") == hashlib.sha256(b"a.txt 3 17").hexdigest()
    assert digest_of_outside("\udcff") != digest_of_outside("?")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (1, 2, "1 -> 2"),
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, "b: 2 -> 3"),
        ([1, 2], [1, 3], "2 -> 3"),
        (
            [{"erase": {"most": 0.1, "fill": 0}}],
            [{"erase": {"most": 0.2, "fill": 0}}],
            "erase: most: 0.1 -> 0.2",
        ),
        ([1, 2], [2, 1], "in another order"),
        ([1], [1, 2], "[] -> [2]"),
    ],
)
def test_of_old_and_new_only_what_differs_is_told(old: object, new: object, told: str) -> None:
    assert _difference(old, new) == told
