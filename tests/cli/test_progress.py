from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.cli.progress import counted, step_line
from tilth.engine.events import StepProgress, TimeLeft
from tilth.query.lines import Pace, RunTime


def _pace(step: str = "clean.rules") -> Pace:
    pace = Pace(step, 0.0)
    pace.update(StepProgress(step, 0, 1000, 0, 0, ""), 0.0)
    pace.update(StepProgress(step, 500, 1000, 500, 400, "loss 2.31"), 10.0)
    return pace


def test_the_line_says_what_there_is_room_for() -> None:
    wide = step_line(_pace(), 10.0, 100, "4/7")
    assert wide == "4/7 clean.rules  [#####     ]  50%  10 s left  50/s  80% kept  loss 2.31"
    narrow = step_line(_pace(), 10.0, 60, "4/7")
    assert narrow == "4/7 clean.rules  [#####     ]  50%  10 s left  50/s"


@given(st.integers(20, 200), st.text("abc.-", min_size=1, max_size=60))
def test_the_line_never_wraps(columns: int, step: str) -> None:
    assert len(step_line(_pace(step), 12.0, columns, "12/17")) < columns


def test_a_step_without_a_total_shows_what_it_did() -> None:
    pace = Pace("collect.site", 0.0)
    assert step_line(pace, 4.0, 80, "1/7") == "1/7 collect.site  4.0 s"
    pace.update(StepProgress("collect.site", 120, None, 0, 0, "pages"), 4.0)
    assert step_line(pace, 5.0, 80, "1/7") == "1/7 collect.site  120  pages"


def test_what_is_left_of_the_run_stands_before_what_is_left_of_the_step() -> None:
    run = RunTime()
    run.take(TimeLeft("clean.rules", 180.0, ()), 10.0)
    line = step_line(_pace(), 10.0, 120, "4/7", run)
    assert "50%  about 3 min left  of this step 10 s left  50/s" in line
    narrow = step_line(_pace(), 10.0, 60, "4/7", run)
    assert narrow == "4/7 clean.rules  [#####     ]  50%  about 3 min left"


def test_a_step_has_no_longer_left_than_its_run() -> None:
    """One of 34 cells has ended in 25 s, and eight more are nearly done."""
    pace = Pace("value", 0.0)
    pace.update(StepProgress("value", 0, 34, 0, 0, "cells"), 0.0)
    pace.update(StepProgress("value", 1, 34, 0, 0, "cells"), 25.0)
    run = RunTime()
    run.take(TimeLeft("value", 300.0, ()), 25.0)
    line = step_line(pace, 25.0, 120, "4/7", run)
    assert "about 5 min left  of this step 5 min 0 s left" in line
    assert "13 min 45 s left" in step_line(pace, 25.0, 120, "4/7")


def test_the_steps_of_two_arms_are_told_apart_by_their_names() -> None:
    steps = [
        "value.deduplication/deduplicate.decontaminate",
        "value.deduplication/mix.weights",
        "value.rules/deduplicate.decontaminate",
        "value.rules/mix.weights",
        "value.rules/clean.redact",
    ]
    for columns in (60, 80, 120):
        names = [step_line(_pace(step), 10.0, columns, "4/7").split()[1] for step in steps]
        assert len(set(names)) == len(steps)
    assert steps[0] in step_line(_pace(steps[0]), 10.0, 120, "4/7")


def test_the_line_calls_nothing_done_that_is_not() -> None:
    pace = _pace()
    pace.update(StepProgress("clean.rules", 9996, 10_000, 10_000, 20, ""), 10.0)
    line = step_line(pace, 10.0, 100, "4/7")
    assert " >99%" in line
    assert "<1% kept" in line


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_what_is_counted_is_shown_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    for what, shown in (("samples", "1,500 of 6,000 samples"), ("bytes", "1.5 kB of 6.0 kB put")):
        terminal = _Terminal()
        monkeypatch.setattr("sys.stderr", terminal)
        with counted("export") as tell:
            assert tell is not None
            tell(what, 1500, 6000)
        assert f"export  [##        ]  25%  {shown}" in terminal.getvalue()
        assert "/1" not in terminal.getvalue()


def test_what_is_counted_is_no_matter_where_there_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for stream, kind in ((io.StringIO(), "xterm"), (_Terminal(), "dumb")):
        monkeypatch.setenv("TERM", kind)
        monkeypatch.setattr("sys.stderr", stream)
        with counted("export") as tell:
            assert tell is None
        assert stream.getvalue() == ""
