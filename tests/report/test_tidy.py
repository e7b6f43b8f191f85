"""Whatever a run returns becomes JSON that a strict reader takes."""

from __future__ import annotations

import datetime
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tilth.report.tidy import MAX_DEPTH, tidy

LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=8)
    | st.text(st.characters(categories=["Cs"]))
)  # fmt: skip
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


@given(st.dictionaries(st.text(), VALUES))
def test_every_value_becomes_strict_json(report: dict[str, Any]) -> None:
    text = json.dumps(tidy(report), allow_nan=False, ensure_ascii=False)
    json.loads(text.encode("utf-8"))


def test_scalars_of_other_kinds() -> None:
    found = tidy(
        {
            "numpy": [np.float32(0.5), np.int64(3), np.arange(3)],
            "path": Path("a") / "b",
            "day": datetime.date(2024, 5, 2),
            "set": {"b", "a"},
            "pair": (1, 2),
        }
    )
    assert found == {
        "numpy": [0.5, 3, [0, 1, 2]],
        "path": "a/b",
        "day": "2024-05-02",
        "set": ["a", "b"],
        "pair": [1, 2],
    }


def test_what_was_changed_is_listed() -> None:
    found = tidy({"loss": [1.0, math.nan], "example": {"text": "x" * 700}})
    assert found["loss"] == [1.0, None]
    assert found["example"]["text"] == "x" * 600
    assert found["report_notes"] == [
        "loss[1] was nan, which JSON cannot say; it is null here",
        "example.text: the first 600 of 700 characters",
    ]
    assert "report_notes" not in tidy({"loss": [1.0]})
    assert tidy({"loss": [math.nan] * 90})["report_notes"][-1] == "... and 70 more"


def test_a_bottomless_value_has_an_end() -> None:
    nested: Any = 1
    for _ in range(MAX_DEPTH * 3):
        nested = [nested]
    assert "nested deeper" in tidy({"deep": nested})["report_notes"][0]
