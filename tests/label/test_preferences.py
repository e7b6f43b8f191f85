"""Strengths of what the samples name, and the counts beside them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.table.samples import batch
from tilth.label import preferences
from tilth.label.bradley_terry import fit
from tilth.label.preferences import Settings

SETTINGS = Settings.model_validate({"first": "meta.a", "second": "meta.b"})


def row(a: str | None, b: str | None, *said: str) -> dict[str, Any]:
    people = [{"annotator": f"p{n}", "label": one} for n, one in enumerate(said)]
    return {"meta.a": a, "meta.b": b, "annotations": people}


ROWS = [
    row("x", "y", "first", "first", "second"),
    row("y", "z", "first", "tie"),
    row("x", "z", "first", "dunno"),
    row("u", "v", "second"),
    row("x", "x", "first"),
    row(None, "x", "second"),
]


def told(rows: list[dict[str, Any]]) -> Any:
    out = preferences.apply(batch(rows), SETTINGS)
    assert out.equals(batch(rows))
    return preferences.describe(iter([out.slice(0, 2), out.slice(2)]), SETTINGS)


def test_every_figure_is_that_of_plain_lines() -> None:
    found = told(ROWS)
    assert (found["comparisons"], found["unusable_answers"]) == (7, 3)
    assert found["tie_share"] == pytest.approx(1 / 7)
    assert (found["num_compared"], found["num_groups"]) == (5, 2)
    by_name = {one["name"]: one for one in found["strengths"]}
    assert {name: one["comparisons"] for name, one in by_name.items()} == {
        "x": 4, "y": 5, "z": 3, "u": 1, "v": 1,
    }  # fmt: skip
    assert by_name["x"]["won_share"] == pytest.approx(3 / 4)
    assert by_name["y"]["won_share"] == pytest.approx(2.5 / 5)
    assert by_name["z"]["won_share"] == pytest.approx(0.5 / 3)
    assert [one["name"] for one in found["strengths"]][:3] == ["x", "y", "z"]
    plain = fit(
        np.array([0, 0, 0, 1, 1, 0]),
        np.array([1, 1, 1, 2, 2, 2]),
        np.array([1, 1, 0, 1, 0.5, 1]),
        3,
    )
    for at, name in enumerate("xyz"):
        assert by_name[name]["strength"]["value"] == pytest.approx(plain.value[at])
        assert by_name[name]["strength"]["high"] == pytest.approx(plain.high[at])
    assert by_name["u"]["group"] != by_name["x"]["group"]


def test_nothing_to_compare() -> None:
    assert told([row("x", "x", "first")]) == {"comparisons": 0, "unusable_answers": 1}
