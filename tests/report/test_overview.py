"""What the run took: this time, and what it did not have to make again before."""

from __future__ import annotations

from typing import Any

import pytest

from tests.report.planted import planted_report, report_of
from tilth.query.report import StepCounts
from tilth.report.overview import costs, took
from tilth.report.write import render


def _planted(cached: int, **more: Any) -> Any:
    """The planted run, of which the first steps were cached."""
    planted = planted_report() | more
    for position, step in enumerate(planted["steps"]):
        step |= {"cached": position < cached, "made": "2024-05-01T08:09:10+00:00"}
    return report_of(planted)


def test_a_run_that_made_nothing_says_what_it_took_before() -> None:
    report = _planted(99, seconds=0.1)
    assert took(report) == "0.1 s; all cached, made before in 4 min 10 s"
    assert round(sum(step.seconds for step in report.steps)) == 4 * 60 + 10
    page = render(report)
    assert page.count("made 2024-05-01 08:09 UTC") == 2 * len(report.steps)


@pytest.mark.parametrize(
    ("cached", "told"),
    [
        (0, "3 min 39 s"),
        (1, "3 min 39 s; 1 step cached, made before in 9.3 s"),
        (2, "3 min 39 s; 2 steps cached, made before in 10 s"),
    ],
)
def test_what_was_cached_is_told_apart(cached: int, told: str) -> None:
    assert took(_planted(cached)) == told
    found = costs(_planted(cached))
    assert found is not None
    assert found.seconds == told
    times = [row.time for row in found.rows]
    assert sum(time.startswith("cached: ") for time in times) == cached
    assert [bool(row.percent) for row in found.rows] == [not row.step.cached for row in found.rows]


def test_when_it_was_made_is_left_out_where_that_is_not_known() -> None:
    planted = planted_report()
    planted["steps"][0]["cached"] = True
    found = costs(report_of(planted))
    assert found is not None
    assert found.rows[0].time == "cached: 9.3 s"


def test_a_slow_rate_is_not_rounded_to_nothing() -> None:
    planted = planted_report()
    planted["steps"][1] |= {"seconds": 3600.0, "in": 12, "kept": 12}
    found = costs(report_of(planted))
    assert found is not None
    assert [row.rate for row in found.rows][:2] == ["219 samples/s", "0.20 samples/min"]


def test_an_arms_step_that_came_to_the_data_of_the_line_was_not_made_before() -> None:
    planted = planted_report()
    for step in planted["steps"]:
        step["cached"] = False
    twin = planted["steps"][3] | {"name": "value.loose/clean.rules", "cached": True, "seconds": 0.0}
    known = {"in", *StepCounts.model_fields}
    counts = {key: one for key, one in twin.items() if key in known}
    assert took(report_of(planted | {"arm_steps": [counts]})) == "3 min 39 s"
    other = counts | {"identity": "of another run", "seconds": 7.0}
    found = costs(report_of(planted | {"arm_steps": [other | {"cached": False}]}))
    assert found is not None
    assert (found.rows[-1].step.name, found.rows[-1].time) == ("value.loose/clean.rules", "7.0 s")
    assert sum(row.share for row in found.rows) == pytest.approx(1)
    told = took(report_of(planted | {"arm_steps": [other]}))
    assert told == "3 min 39 s; 1 step cached, made before in 7.0 s"
