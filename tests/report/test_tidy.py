"""A report becomes JSON that a strict reader takes."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.report.planted import planted_report, report_of
from tilth.report.tidy import MAX_DEPTH, tidy

TEXT = st.text() | st.text(st.characters(categories=["Cs"]))
LEAVES = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | TEXT
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=20
)


def _figures(figures: dict[str, Any]) -> dict[str, Any]:
    """A run of one step, which has these figures."""
    stages = dict.fromkeys(("pretrain", "transfer", "value", "generated"))
    report = planted_report() | stages
    report["steps"] = [report["steps"][0] | {"figures": figures}]
    return report


@given(st.dictionaries(TEXT, VALUES))
def test_every_figure_becomes_strict_json(figures: dict[str, Any]) -> None:
    found = tidy(report_of(_figures(figures)))
    text = json.dumps(found.as_json(), allow_nan=False, ensure_ascii=False)
    json.loads(text.encode("utf-8"))


def test_what_was_changed_is_listed() -> None:
    report = planted_report()
    report["steps"][3]["examples"][0]["text"] = "x" * 700
    found = tidy(report_of(report))
    assert found.steps[3].examples[0].text == "x" * 600
    said = "steps[3].examples[0].text: the first 600 of 700 characters"
    assert found.report_notes == (said,)
    assert tidy(report_of(planted_report())).report_notes == ()
    report["steps"][3]["examples"] *= 30
    assert tidy(report_of(report)).report_notes[-1] == "... and 10 more"


def test_surrogates_are_joined_or_replaced() -> None:
    found = tidy(report_of(planted_report() | {"about": "\ud83d\ude00 and \udc00"}))
    assert found.about == "\U0001f600 and \ufffd"


def test_a_bottomless_value_has_an_end() -> None:
    nested: Any = 1
    for _ in range(MAX_DEPTH * 3):
        nested = [nested]
    assert "nested deeper" in tidy(report_of(_figures({"deep": nested}))).report_notes[0]
