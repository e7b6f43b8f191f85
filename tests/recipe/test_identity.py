"""Identities: equal where all that acts is equal."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from tilth.recipe.identity import (
    FORMULA,
    digest_of_outside,
    digest_of_parts,
    said_of,
)

PARTS: dict[str, Any] = {
    "formula": FORMULA,
    "operation": "normalize",
    "settings": {"form": "NFKC"},
    "seed": 1,
}


def test_an_identity_is_its_parts_in_any_order() -> None:
    turned = dict(reversed(PARTS.items()))
    assert digest_of_parts(turned) == digest_of_parts(PARTS)
    assert re.fullmatch("[0-9a-f]{24}", digest_of_parts(PARTS))
    for key in PARTS:
        assert digest_of_parts({**PARTS, key: "another"}) != digest_of_parts(PARTS)


def test_an_early_record_has_all_among_the_settings() -> None:
    assert said_of({"settings": {"a": 1}, "planned": {"b": 2}}) == {"a": 1, "b": 2}
    assert said_of({"settings": {"a": 1, "b": 2}}) == {"a": 1, "b": 2}


def test_what_is_outside_is_kept_as_its_digest() -> None:
    """It may be as long as a list of all files; nothing of nothing."""
    assert digest_of_outside("") == ""
    assert digest_of_outside("a.txt 3 17") == hashlib.sha256(b"a.txt 3 17").hexdigest()
    assert digest_of_outside("\udcff") != digest_of_outside("?")
