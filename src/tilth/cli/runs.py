"""Verbs that make and look after runs: run, status, report, remove."""

from __future__ import annotations

import contextlib
import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tilth.cli.output import as_plain, count, line, paragraph, plural, print_json, say, table
from tilth.cli.recipes import Limit, Name, Only, RecipeArgument, print_plan, require_runs
from tilth.cli.verb import STOPPED, Json, Runs, Verb, error_document, say_error, stopped, was_given
from tilth.errors import TilthError, UsageError
from tilth.spell import counted

if TYPE_CHECKING:
    from tilth.engine.events import Event
    from tilth.query.disk import Disk
    from tilth.query.plans import PlanView
    from tilth.query.removal import Removal
    from tilth.query.runs import RunStep
    from tilth.query.status import RunStatus

# Reasons of a source that a line has room for; the others are in the report.
_MAX_REASONS = 3

RunArgument = Annotated[
    str,
    typer.Argument(metavar="RUN", help="A run's name or folder; NAME@N: entry N of its history."),
]


def run(
    recipe: RecipeArgument,
    limit: Limit = None,
    only: Only = None,
    refresh: Annotated[
        str | None,
        typer.Option(
            "--refresh",
            metavar="SOURCE",
            help="Ask the sites of a crawl again, for what has changed: --refresh docs.",
        ),
    ] = None,
    workers: Annotated[
        int,
        typer.Option(
            "--workers", min=0, metavar="N", help="Processes side by side; 0: one a core."
        ),
    ] = 0,
    ray: Annotated[
        str | None,
        typer.Option(
            "--ray", metavar="ADDRESS", help="On a Ray cluster: auto, host:port, or local."
        ),
    ] = None,
    name: Name = None,
    runs: Runs = "runs",
    mirror: Annotated[
        Path | None,
        typer.Option(
            "--mirror",
            metavar="DIR",
            envvar="TILTH_MIRROR",
            help="Folder to look in before a file is fetched; a source's own `mirror` goes first.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan, run nothing.")
    ] = False,
    json: Json = False,
) -> int:
    """Run a recipe. What is done already is not run again; safe to stop at any moment."""
    if mirror is not None:
        if not mirror.is_dir():
            from tilth.errors import MissingError

            raise MissingError("the mirror is not a folder", where=str(mirror))
        os.environ["TILTH_MIRROR"] = str(mirror.absolute())
    from tilth import api
    from tilth.cli.progress import progress

    view = api.plan(recipe, runs=runs, name=name, limit=limit, only=only, refresh=refresh)
    if was_given("mirror") and not view.takes_mirror:
        raise UsageError(
            "`--mirror` does nothing: no source fetches a file, or each has its own `mirror`",
            where=recipe,
        )
    if dry_run:
        print_plan(view, json)
        return 0
    todo = f"{view.num_to_run} step{'' if view.num_to_run == '1' else 's'}"
    say(f"{view.name}: {todo} to run of {len(view.steps)}, in {view.folder}")
    failure: TilthError | None = None
    began = False
    code = 0
    try:
        with progress(len(view.steps)) as show_event:

            def listen(event: Event) -> None:
                nonlocal began
                began = True
                show_event(event)

            api.run_planned(view, workers=workers, ray=ray, progress=listen)
    except TilthError as error:
        if not began:
            raise
        # 2 promises that nothing ran.
        failure, code = error, 1 if error.exit_code == 2 else error.exit_code
    except KeyboardInterrupt:
        if json:
            print_json(_run_document(view, STOPPED, None))
        raise stopped() from None
    status = _status(view)
    if code == 0 and any(step.quarantined for step in status.steps):
        code = 1
    if json:
        print_json(_run_document(view, code, failure))
    else:
        print_funnel(status.steps)
    if failure is not None:
        say_error(failure)
    elif not json:
        line()
        _print_ending(status)
    return code


def _status(view: PlanView) -> RunStatus:
    from tilth.query.runs import open_run
    from tilth.query.status import run_status

    return run_status(open_run(view.folder), planned=view.plan)


def _run_document(view: PlanView, code: int, error: TilthError | None) -> dict[str, object]:
    document: dict[str, object] = {"exit": code}
    if (Path(view.folder) / "run.json").is_file():
        document |= as_plain(_status(view))
    return document | {"error": error_document(error) if error else None}


def _print_ending(status: RunStatus) -> None:
    from tilth.query.disk import spell_bytes

    _print_places(status)
    bad = [step for step in status.steps if step.quarantined]
    if bad:
        of_arms = sum(step.quarantined or 0 for step in bad if step.is_arm)
        more = f", and {of_arms:,} in steps that only an arm needs" if of_arms else ""
        line(f"set aside as unusable: {plural(status.quarantined, 'record')}{more}")
        for step in bad:
            line(f"  tilth show {_shown_name(status)} {step.name} --quarantined")
    print_findings(status)
    line(("\n" if status.findings else "") + f"disk    {spell_bytes(status.disk.num_bytes)}")
    if status.report:
        line(f"report  {status.report}")


def _print_places(status: RunStatus) -> None:
    """What sources did not read, or read with a guess: nobody else would notice."""
    steps = [step for step in status.steps if not step.is_arm]
    if status.passed_over:
        line(f"passed over by sources: {plural(status.passed_over, 'place')}")
    for step in (one for one in steps if one.passed_over):
        _print_reasons(status, step, "reason", "--passed-over")
    if status.noted:
        line(f"read by sources with a guess or a change: {plural(status.noted, 'place')}")
    for step in (one for one in steps if one.noted):
        _print_reasons(status, step, "note", "--noted")


def _print_hosts(status: RunStatus) -> None:
    """The hosts of crawls, a line each crawl."""
    from tilth.query.hosts import spell_hosts

    for step in (one for one in status.steps if one.kind == "source" and not one.is_arm):
        with contextlib.suppress(TilthError):
            if told := spell_hosts(step.manifest.figures):
                line()
                paragraph(told, first=f"{step.name}: ")


def _print_reasons(
    status: RunStatus, step: RunStep, noun: Literal["reason", "note"], option: str
) -> None:
    with contextlib.suppress(TilthError):
        places = step.manifest.passed_over
        found = places.commonest() if noun == "reason" else places.commonest_notes()
        told = [counted(number, reason) for reason, number in found]
        more = len(told) - _MAX_REASONS
        told[_MAX_REASONS:] = [f"and {plural(more, f'other {noun}')}"] if more > 0 else []
        paragraph("; ".join(told), indent="    ", first=f"  {step.name}: ")
    line(f"  tilth show {_shown_name(status)} {step.name} {option}")


def print_findings(status: RunStatus) -> None:
    """What the training stages found, a sentence each."""
    for sentence in status.findings:
        paragraph(sentence, indent="  ", first="")


def _shown_name(status: RunStatus) -> str:
    """The name where it is enough to find the run, else its path."""
    folder = Path(status.folder)
    return status.name if folder.parent == Path("runs") else status.folder


def print_funnel(steps: tuple[RunStep, ...], disk: Disk | None = None) -> None:
    """The books of every step, and the disk that it takes where that is given."""
    from tilth.query.disk import spell_bytes

    sizes = {step.name: spell_bytes(step.num_bytes) for step in disk.steps} if disk else {}
    born = any(step.born for step in steps)
    # Whose data set is told under another step's name has none of its own.
    times = Counter(step.folder for step in steps)
    rows = [
        [
            step.name,
            count(step.num_in),
            *([count(step.born)] if born else []),
            *(count(n) for n in (step.kept, step.dropped, step.quarantined)),
            "cached" if step.cached else _seconds(step.seconds),
            *([sizes.get(step.name, "shared" if times[step.folder] > 1 else "-")] if disk else []),
        ]
        for step in steps
    ]
    columns = ["step", "in", *(["born"] if born else []), "kept", "dropped", "quar.", "s"]
    columns += ["disk"] if disk else []
    table(columns, rows, right=range(1, len(columns)))


def _seconds(value: float) -> str:
    return "<0.1" if 0 < value < 0.05 else f"{value:,.1f}"


def status(
    run: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="A run; all runs, a line each, if none.")
    ] = None,
    runs: Runs = "runs",
    json: Json = False,
) -> None:
    """Say how a run stands: its steps, its books, what is left, what went wrong."""
    from tilth.query.disk import spell_bytes
    from tilth.query.runs import list_runs, open_run, spell_entries
    from tilth.query.status import run_status

    if run is None:
        if was_given("runs"):
            require_runs(runs)
        found = [run_status(view, plan=False) for view in list_runs(runs)]
        if json:
            print_json(found)
        elif found:
            rows = [
                [s.name, s.status, s.started, spell_bytes(s.disk.num_bytes), s.about] for s in found
            ]
            table(["run", "status", "started", "disk", "about"], rows, right=(3,))
        else:
            line(f"no run in {runs}")
        return
    state = run_status(open_run(run, runs))
    if json:
        print_json(state)
        return
    limited = "" if state.limit is None else f", at most {plural(state.limit, 'sample')} a source"
    line(f"{state.name}: {state.status}, started {state.started}{limited}")
    if state.about:
        paragraph(state.about, indent="  ")
    line()
    print_funnel(state.steps, state.disk)
    _print_hosts(state)
    if state.passed_over or state.noted:
        line()
        _print_places(state)
    if state.findings:
        line()
        print_findings(state)
    if state.left:
        line()
        line(f"left: {plural(len(state.left), 'step')}")
        for left in state.left:
            paragraph(left.why, indent="      ", first=f"  {left.name}: ")
    elif state.left is None:
        line(f"\nwhat is left cannot be said: {state.left_unknown}")
    if state.error:
        line()
        line(state.error)
    line()
    line(f"disk    {spell_bytes(state.disk.num_bytes)}")
    # What is not done may go on with what lies here.
    if state.disk.other_data and state.status == "done":
        line(
            f"        {spell_bytes(state.disk.other_data)} of it in data sets that it does not use;"
        )
        line(f"        tilth remove {_shown_name(state)} --unused --no-history says what can go")
    if state.report:
        line(f"report  {state.report}")
    if state.history:
        line(f"history {spell_entries(Path(state.folder))}")


def report(run: RunArgument, runs: Runs = "runs", json: Json = False) -> None:
    """Write a run's report anew and print where it is."""
    from tilth import api

    found = api.open_run(run, runs)
    path = found.write_report()
    if json:
        print_json({"run": found.name, "report": path, "data": path.with_name("report.json")})
    else:
        line(str(path))


def remove(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's name or folder.")],
    unused: Annotated[
        bool, typer.Option("--unused", help="Only data sets that none of its records needs.")
    ] = False,
    no_history: Annotated[
        bool,
        typer.Option("--no-history", help="With --unused: what only its history needs goes too."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    runs: Runs = "runs",
    json: Json = False,
) -> None:
    """Remove a run, or its data sets that nothing needs; first says what, and how much."""
    from tilth.query.disk import spell_bytes
    from tilth.query.removal import plan_removal
    from tilth.query.removal import remove as carry_out

    found = plan_removal(run, runs, unused=unused, history=not no_history)
    if not json:
        _print_removal(found)
        if unused and not no_history and not found.parts:
            more = plan_removal(run, runs, unused=True, history=False)
            if more.parts:
                line(f"its history alone needs {spell_bytes(more.num_bytes)}: --no-history")
    if found.parts and (yes or (not json and _agreed())):
        found = carry_out(found)
    if json:
        print_json({**as_plain(found), "num_bytes": found.num_bytes})
    elif found.done:
        line(f"removed {spell_bytes(found.num_bytes)}")
    elif found.parts:
        line("nothing was removed; --yes removes it")


def _print_removal(found: Removal) -> None:
    from tilth.query.disk import spell_bytes

    if not found.parts:
        line(f"{found.run} has nothing that is not needed")
        return
    rows = [[part.path, spell_bytes(part.num_bytes), part.what] for part in found.parts]
    table(["folder", "size", "what"], rows, right=(1,))
    line(f"\n{spell_bytes(found.num_bytes)} in all")
    for other in found.named_in:
        line(f"the recipe of {other} names this run's folder")


def _agreed() -> bool:
    """Ask on a terminal; elsewhere nobody can answer."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    return typer.confirm("remove it?", default=False)


VERBS = (
    Verb(
        run,
        """tilth run quickstart
        tilth run my.yaml --limit 200
        tilth run my.yaml --only clean.rules --workers 4
        tilth run mnist --mirror ~/downloads""",
        apart=(("ray", "workers"),),
    ),
    Verb(
        status,
        """tilth status
        tilth status quickstart
        tilth status quickstart@1 --json""",
    ),
    Verb(
        report,
        """tilth report quickstart
        tilth report quickstart@2""",
    ),
    Verb(
        remove,
        """tilth remove digits
        tilth remove quickstart --unused
        tilth remove quickstart --unused --no-history --yes""",
        needs={"no_history": "unused"},
    ),
)
