"""How a run stands: its steps, its books, what is left, what went wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tilth.engine.record import earlier_records
from tilth.errors import TilthError
from tilth.query.books import totals
from tilth.query.disk import Disk, disk_of
from tilth.query.findings import findings
from tilth.query.found import Figure, figures_of
from tilth.query.runs import REPORT, RunStep, RunView
from tilth.store.files import is_locked

if TYPE_CHECKING:
    from tilth.recipe.plan import Plan


def is_running(folder: Path) -> bool:
    """Whether a live process holds the run's lock."""
    return is_locked(folder)


@dataclass(frozen=True)
class Left:
    """A step that is not done yet."""

    name: str
    why: str


@dataclass(frozen=True)
class RunStatus:
    """How a run stands.

    Attributes:
        status: done, failed, stopped, running, `done up to` a step, or "interrupted": killed.
        left: Steps that are not done; None where that cannot be said (`left_unknown` says why).
        findings: What the training stages found, a sentence each.
        history: Number of earlier invocations.
        disk: What the run's folder takes.
        quarantined: Over the whole line, as the report has it; what only an arm's steps set aside
            is with them.
        passed_over: Places that the sources were pointed at and did not read.
        noted: Places that they read with a guess or a change.
        figures: Every figure, with what it is of; empty where nobody asked, or an output cannot be
            read.
    """

    name: str
    folder: str
    about: str
    status: str
    started: str
    finished: str | None
    seconds: float | None
    limit: int | None
    error: str | None
    quarantined: int
    passed_over: int
    noted: int
    steps: tuple[RunStep, ...]
    left: tuple[Left, ...] | None
    left_unknown: str
    findings: tuple[str, ...]
    history: int
    report: str | None
    disk: Disk
    figures: tuple[Figure, ...]


def status_word(run: RunView) -> str:
    """done, failed, stopped or running as recorded; "interrupted" where it was killed."""
    status = run.record.status
    killed = status == "running" and (run.entry is not None or not is_running(run.folder))
    return "interrupted" if killed else status


def run_status(run: RunView, *, plan: bool = True, planned: Plan | None = None) -> RunStatus:
    """How the run stands now.

    Args:
        run: The run.
        plan: Work out what is left of a run that is not done, which takes a second, and its
            figures.
        planned: The plan that the run was just made by, instead of one made anew.
    """
    status = status_word(run)
    left: tuple[Left, ...] | None = ()
    unknown = ""
    if not plan and status != "done":
        left, unknown = None, "not asked for"
    elif status != "done" and run.entry is None:
        try:
            left = _left(run, planned or _plan_again(run))
        except TilthError as error:
            left, unknown = None, error.what
    books, disk = totals(run.line()), disk_of(run)
    return RunStatus(
        run.name,
        str(run.folder),
        run.record.about,
        status,
        run.record.started,
        run.record.finished,
        run.record.seconds,
        run.record.limit,
        run.record.error,
        books.quarantined if books else 0,
        books.passed_over if books else 0,
        books.noted if books else 0,
        run.steps,
        left,
        unknown,
        _found(run),
        len(earlier_records(run.folder)),
        _report_of(run),
        disk,
        _figures(run, disk) if plan else (),
    )


def _report_of(run: RunView) -> str | None:
    """The report, where it is of this invocation: one that failed leaves that of an earlier one."""
    path = run.folder / REPORT
    if run.entry is not None or not path.is_file():
        return None
    try:
        begun = datetime.fromisoformat(run.record.started).timestamp()
    except ValueError:
        return str(path)
    return str(path) if path.stat().st_mtime >= begun else None


def _figures(run: RunView, disk: Disk) -> tuple[Figure, ...]:
    """Every figure; none where an output cannot be read, which the findings say."""
    try:
        return figures_of(run, disk)
    except (TilthError, ArithmeticError, LookupError, TypeError, ValueError):
        return ()


def _found(run: RunView) -> tuple[str, ...]:
    """What the training stages found; of what cannot be read, why: the books stand without it."""
    try:
        return findings(run)
    except TilthError as error:
        why = error.what
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        why = f"its figures are damaged ({type(error).__name__})"
    return (f"what the training stages found cannot be read: {why}",)


def _plan_again(run: RunView) -> Plan:
    """The plan of the recorded recipe, as things are now."""
    from tilth.recipe.load import parse_recipe
    from tilth.recipe.plan import build_plan

    copy = f"{run.folder.name}/recipe.yaml"
    recipe = parse_recipe(run.record.recipe_yaml, copy, to_run=False)
    return build_plan(recipe, limit=run.record.limit)


def _left(run: RunView, plan: Plan) -> tuple[Left, ...]:
    """The steps of the plan that are not done."""
    from tilth.engine.run import step_states

    return tuple(
        Left(state.step.name, state.why)
        for state in step_states(plan, run.folder)
        if not state.cached
    )
