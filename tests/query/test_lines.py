from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from tilth.engine.events import (
    RunStarted,
    StepFinished,
    StepProgress,
    StepStarted,
    TimeLeft,
    Warned,
)
from tilth.query.lines import Pace, PlainLines, RunTime, spell_rate, spell_seconds


def _finished(cached: bool = False) -> StepFinished:
    return StepFinished("clean.rules", cached, 12.3, 1000, 800, 150, 50, False)


def test_a_line_at_the_start_between_and_at_the_end() -> None:
    lines: list[str] = []
    with PlainLines(lines.append, every_s=0.05) as listen:
        listen(StepStarted("clean.rules", "never run", None, None))
        listen(StepProgress("clean.rules", 500, 1000, 500, 400, ""))
        listen(Warned("clean.rules", "odd"))
        time.sleep(0.3)
        listen(_finished())
    assert lines[0] == "clean.rules: started (never run)"
    assert lines[1] == "clean.rules: warning: odd"
    assert "500 of 1,000 (50%)" in lines[2]
    assert "80% kept" in lines[2]
    books = "1,000 in = 800 kept + 150 dropped + 50 quarantined"
    assert lines[-1] == f"clean.rules: {books}, 12 s"


def test_a_step_that_says_nothing_is_still_reported() -> None:
    lines: list[str] = []
    with PlainLines(lines.append, every_s=0.05) as listen:
        listen(StepStarted("pretrain", "", None, None))
        time.sleep(0.2)
    assert lines[0] == "pretrain: started (goes on)"
    assert lines[1].startswith("pretrain: running (after")


def test_nothing_is_written_between_steps() -> None:
    lines: list[str] = []
    with PlainLines(lines.append, every_s=0.02) as listen:
        listen(_finished(cached=True))
        time.sleep(0.1)
    assert len(lines) == 1
    assert lines[0].endswith("cached")


def test_rate_counts_only_what_this_run_did() -> None:
    pace = Pace("x", 0.0)
    pace.update(StepProgress("x", 900, 1000, 900, 900, ""), 10.0)
    assert pace.rate(20.0) is None
    pace.update(StepProgress("x", 950, 1000, 950, 900, ""), 20.0)
    assert pace.rate(20.0) == 5.0
    assert pace.left_s(20.0) == 10.0


def test_a_new_phase_counts_anew() -> None:
    pace = Pace("x", 0.0)
    pace.update(StepProgress("x", 60, 64, 0, 0, "keys"), 10.0)
    pace.update(StepProgress("x", 1, 1000, 1, 1, ""), 11.0)
    pace.update(StepProgress("x", 101, 1000, 101, 50, ""), 21.0)
    assert pace.rate(21.0) == 10.0


def test_seconds_are_spelled() -> None:
    assert [spell_seconds(s) for s in (0.0, 0.04, 0.44, 12, 200, 7500)] == [
        "0.0 s",
        "<0.1 s",
        "0.4 s",
        "12 s",
        "3 min 20 s",
        "2 h 5 min",
    ]


def test_the_run_begins_with_how_long_it_takes_and_says_what_is_left() -> None:
    lines: list[str] = []
    with PlainLines(lines.append, every_s=0.05) as listen:
        listen(RunStarted("small", 7, 7, 240.0, "takes about 4 minutes, as measured on 2 cores"))
        listen(TimeLeft("clean.rules", 200.0, ()))
        listen(StepStarted("clean.rules", "never run", None, None))
        time.sleep(0.2)
        listen(TimeLeft("pretrain", None, ("pretrain",)))
        listen(StepStarted("pretrain", "never run", None, None))
    assert lines[0] == "small: takes about 4 minutes, as measured on 2 cores"
    assert lines[1] == "clean.rules: started (never run); about 3.5 min left"
    assert lines[2].endswith("of the whole run about 3.5 min left")
    assert "pretrain: started (never run)" in lines


def test_what_is_left_falls_between_two_words_of_it() -> None:
    run = RunTime()
    assert run.words(0.0) == ""
    run.take(TimeLeft("transfer", 60.0, ()), 100.0)
    assert run.words(100.0) == "about 60 s left"
    assert run.words(120.0) == "about 40 s left"
    run.take(TimeLeft("transfer", None, ("value",)), 130.0)
    assert run.words(130.0) == ""


def test_a_share_is_not_rounded_onto_none_or_all() -> None:
    pace = Pace("x", 0.0)
    pace.update(StepProgress("x", 9996, 10_000, 10_000, 20, ""), 10.0)
    assert pace.facts(10.0) == ["9,996 of 10,000 (>99%)", "<1% kept"]
    pace.update(StepProgress("x", 10_000, 10_000, 10_000, 0, ""), 10.0)
    assert pace.facts(10.0) == ["10,000 of 10,000 (100%)", "0% kept"]


@given(st.integers(0, 10**9), st.integers(1, 10**9))
def test_what_is_not_done_is_not_called_done(done: int, more: int) -> None:
    pace = Pace("x", 0.0)
    pace.update(StepProgress("x", done, done + more, 0, 0, ""), 1.0)
    (fact,) = pace.facts(1.0)
    assert "(100%)" not in fact
    assert ("(0%)" in fact) == (done == 0)


def test_a_slow_rate_is_not_rounded_to_nothing() -> None:
    rates = (1200.4, 9.41, 0.012, 0.005, 1e-4, 1e-7)
    assert [spell_rate(rate) for rate in rates] == [
        *("1,200/s", "9.4/s", "0.012/s", "0.30/min", "0.36/h", "0.00036/h"),
    ]
    assert spell_rate(3.42, "samples") == "3.4 samples/s"
