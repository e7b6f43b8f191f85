"""The sections over the whole line: the funnel with its books, and where the time went."""

from __future__ import annotations

from dataclasses import dataclass

from tilth.query.report import Report
from tilth.report.figures import Chart
from tilth.report.steps import (
    BooksRow,
    CostRow,
    books_rows,
    build_line,
    build_steps,
    cost_table,
    funnel,
)
from tilth.report.text import ABSENT, duration, plural


@dataclass(frozen=True)
class Funnel:
    """What every step did with what came in: drawn, and as books that are checked."""

    chart: Chart
    books: tuple[BooksRow, ...]
    breaks: tuple[str, ...]
    arm_books: tuple[BooksRow, ...]


def funnel_of(report: Report) -> Funnel | None:
    """The funnel; None where no step counts samples."""
    steps = build_steps(report.steps)
    chart, line = funnel(steps), build_line(steps)
    if chart is None or line is None:
        return None
    arm_books = tuple(books_rows(build_steps(report.arm_steps)))
    return Funnel(chart, tuple(books_rows(steps)), line.breaks, arm_books)


@dataclass(frozen=True)
class Costs:
    """What each step took, those of the experiment's arms too, and the run from start to finish."""

    rows: tuple[CostRow, ...]
    seconds: str


def costs(report: Report) -> Costs | None:
    """Where the time went; None where there is no step."""
    rows = tuple(cost_table(build_steps((*report.steps, *report.arm_steps))))
    return Costs(rows, took(report)) if rows else None


def took(report: Report) -> str:
    """The time of this invocation, and what it did not have to make again took before."""
    told = duration(report.seconds)
    steps = (*report.steps, *report.arm_steps)
    # An arm's step that came to the data of the line's was not made before, but a moment ago.
    now = {step.identity for step in steps if not step.cached}
    before = [step.seconds for step in steps if step.cached and step.identity not in now]
    if not before or told == ABSENT:
        return told
    all_steps = len(before) == len(steps)
    what = "all" if all_steps else plural(len(before), "step")
    return f"{told}; {what} cached, made before in {duration(sum(before))}"
