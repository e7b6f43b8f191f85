"""A point of a curve: fixed numbers, and the metric under its own name."""

from __future__ import annotations

import json

from tilth.training.curve import CurvePoint


def test_a_line_holds_what_was_measured_and_nothing_else() -> None:
    told = {"step": 2, "examples": 64, "loss": 1.5, "accuracy": 50.0}
    point = CurvePoint.model_validate(told)
    assert point.figures == {"accuracy": 50.0}
    line = point.as_line()
    assert line.endswith("\n")
    assert json.loads(line) == told
    assert CurvePoint.model_validate(json.loads(line)) == point
