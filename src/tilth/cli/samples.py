"""Verbs that look at samples: show, trace, diff."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tilth.cli.output import count, line, paragraph, plural, print_json, table
from tilth.cli.runs import RunArgument
from tilth.cli.verb import Json, Runs, Verb
from tilth.errors import UsageError
from tilth.spell import decimals_apart, decimals_of, fixed

if TYPE_CHECKING:
    from tilth.query.diff import ResultDifference, RunDifference
    from tilth.query.runs import RunView
    from tilth.query.samples import Original, SampleRow
    from tilth.query.trace import Trace, TraceStep

# More than these tell no two results apart that anybody measured.
_MOST_DECIMALS = 12


def show(
    run: RunArgument,
    step: Annotated[
        str | None, typer.Argument(metavar="[STEP]", help="A step, or the end of its name.")
    ] = None,
    dropped: Annotated[
        bool, typer.Option("--dropped", help="What it dropped, with rule and number.")
    ] = False,
    quarantined: Annotated[
        bool, typer.Option("--quarantined", help="What failed, with its error.")
    ] = False,
    passed_over: Annotated[
        bool,
        typer.Option("--passed-over", help="What a source was pointed at and did not read."),
    ] = False,
    noted: Annotated[
        bool,
        typer.Option("--noted", help="What a source read with a guess or a change, with which."),
    ] = False,
    rule: Annotated[
        str | None,
        typer.Option("--rule", metavar="R", help="What this rule dropped, without --dropped too."),
    ] = None,
    n: Annotated[int, typer.Option("-n", min=1, max=10_000, help="Samples at most.")] = 20,
    offset: Annotated[int, typer.Option("--offset", min=0, help="Samples to pass over.")] = 0,
    augmented: Annotated[
        bool, typer.Option("--augmented", help="Training samples as the epochs see them.")
    ] = False,
    epochs: Annotated[
        int, typer.Option("--epochs", min=1, max=100, help="With --augmented: epochs shown.")
    ] = 5,
    sample: Annotated[
        list[str] | None,
        typer.Option("--sample", metavar="ID", help="With --augmented: this sample; repeatable."),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="FILE", help="With --augmented: a file .html or .png."),
    ] = None,
    runs: Runs = "runs",
    json: Json = False,
) -> None:
    """Show samples that a step kept, dropped or quarantined; or a sheet of augmented ones."""
    from tilth.query.runs import open_run
    from tilth.query.samples import show_samples

    if augmented:
        _show_augmented(open_run(run, runs), n, epochs, sample or [], to, json)
        return
    if step is None:
        names = [one.name for one in open_run(run, runs).line()]
        raise UsageError("name a step", hint="one of " + ", ".join(names), code="no-step")
    if passed_over or noted:
        _show_places(open_run(run, runs), step, n, offset, json, noted=noted)
        return
    kind: Literal["kept", "dropped", "quarantine"] = "kept"
    if quarantined:
        kind = "quarantine"
    elif dropped or rule is not None:
        kind = "dropped"
    shown = show_samples(open_run(run, runs), step, kind, rule=rule, n=n, offset=offset)
    if offset and not shown.rows:
        raise UsageError(
            f"`--offset` {offset:,} is past the end: there are {shown.total:,}",
            where=f"{shown.run} {shown.step}, {shown.kind}",
        )
    if json:
        print_json(shown)
        return
    what = f"{shown.kind}{f' by {shown.rule}' if shown.rule else ''}"
    for row in shown.rows:
        _print_row(row)
    line(f"{shown.run} {shown.step}, {what}: {shown.of_how_many}")


def _show_augmented(
    run: RunView, n: int, epochs: int, samples: list[str], to: Path | None, json: bool
) -> None:
    """Write the sheet and say where; texts are printed."""
    from tilth.query.augmented import augmented_sheet, write_png
    from tilth.report.augmented import write_sheet

    path = to or run.folder / "augmented.html"
    if path.suffix not in (".html", ".png"):
        raise UsageError("a sheet is a file .html or .png", where=str(path), hint="--to sheet.html")
    sheet = augmented_sheet(run, n=n, num_epochs=epochs, samples=samples)
    write = write_png if path.suffix == ".png" else write_sheet
    write(sheet, path)
    if json:
        rows = [
            {"id": one.id, "uri": one.uri, "label": one.label}
            | ({"original": one.original.text} if one.original.text else {})
            | ({"views": [view.text for view in one.views]} if one.original.text else {})
            for one in sheet.samples
        ]
        told = {"run": sheet.run, "seed": sheet.seed, "epochs": sheet.epochs}
        print_json({**told, "steps": sheet.steps, "sheet": path, "samples": rows})
        return
    for one in sheet.samples:
        if one.original.text:
            line(f"{one.id}  {one.label or ''}".rstrip())
            paragraph(one.original.text, first="    as it is  ", indent="              ")
            for epoch, view in zip(sheet.epochs, one.views, strict=True):
                paragraph(view.text, first=f"    epoch {epoch:<4}", indent="              ")
            line()
    line(str(path))


def _show_places(run: RunView, step: str, n: int, offset: int, json: bool, *, noted: bool) -> None:
    from tilth.query import samples

    what, find = "passed over", samples.passed_over
    if noted:
        what, find = "read with a note", samples.noted
    passed = find(run, step, n=n, offset=offset)
    if offset and not passed.places:
        raise UsageError(
            f"`--offset` {offset:,} is past the end: there are {passed.total:,}",
            where=f"{passed.run} {passed.step}, {what}",
        )
    if json:
        print_json(passed)
        return
    for place in passed.places:
        line(place.place)
        paragraph(place.reason)
    shown = f"{len(passed.places):,} of {passed.total:,} shown"
    line(f"{passed.run} {passed.step}, {what}: {shown}")


def _print_row(row: SampleRow) -> None:
    from tilth.schema import PARTED

    words = filter(None, (row.source, row.split, row.label))
    line(f"{row.id}  {', '.join(words)}")
    line(f"    {row.uri}")
    if row.error:
        paragraph(f"error: {row.error}")
    if row.rule == PARTED:
        paragraph(f"{row.rule} {row.value}")
    elif row.rule:
        paragraph(f"dropped by {row.rule}" + (f"  [{row.value}]" if row.value else ""))
    if row.of:
        _print_original(_of_label(row.rule), row.of)
    if row.meta:
        paragraph("; ".join(f"{name}: {value}" for name, value in row.meta.items()))
    if row.subject:
        paragraph(f"subject: {row.subject}")
    if row.excerpt:
        paragraph(row.excerpt)
    if row.target and row.target != row.excerpt:
        paragraph(f"target: {row.target}")
    line()


def _of_label(rule: str | None) -> str:
    """A duplicate has a copy that stayed; a contaminated sample has one that it overlaps."""
    return "kept instead:" if rule and "duplicate" in rule else "because of:"


def _print_original(label: str, original: Original, indent: str = "    ") -> None:
    paragraph(f"{label} {original.id}  {original.uri}".strip(), indent=indent)
    if original.excerpt:
        paragraph(original.excerpt, indent=indent + "  ")


def trace(
    run: RunArgument,
    sample: Annotated[
        str, typer.Argument(metavar="ID", help="Its id, the beginning of it, or its address.")
    ],
    runs: Runs = "runs",
    json: Json = False,
) -> None:
    """Tell the life of one sample: every signal, decision, edit and duplicate."""
    from tilth.query.runs import open_run
    from tilth.query.trace import trace_sample

    found = trace_sample(open_run(run, runs), sample)
    if json:
        print_json(found)
    else:
        _print_trace(found)


def _print_trace(trace: Trace) -> None:
    _print_life(trace)
    line()
    line(f"{trace.verdict} after {plural(len(trace.steps), 'step')} of {trace.run}")


def _print_life(trace: Trace) -> None:
    """Of a part, after the life of what it is a part of."""
    if trace.part_of is not None:
        _print_life(trace.part_of)
        line()
    line(f"{trace.id}  {trace.source}" + (", a part of it" if trace.part_of else ""))
    line(f"    {trace.uri}")
    paragraph(trace.excerpt)
    for step in trace.steps:
        line()
        _print_step(step)


def _print_step(step: TraceStep) -> None:
    line(f"{step.step}: {step.verdict}")
    if step.num_parts:
        paragraph(f"{step.rule} {step.value}; {len(step.parts)} of {step.num_parts:,} shown")
        for part in step.parts:
            _print_original("", part, indent="      ")
    elif step.rule:
        paragraph(f"rule {step.rule}" + (f"  [{step.value}]" if step.value else ""))
    if step.failed_rules:
        paragraph(f"all rules it breaks: {step.failed_rules}")
    if step.error:
        paragraph(f"error: {step.error}")
    if step.of:
        _print_original(_of_label(step.rule), step.of)
    if step.measured:
        paragraph("measured " + ", ".join(f"{name}={value}" for name, value in step.measured))
    for change in step.changes:
        before = f"{change.before} -> " if change.before is not None else ""
        paragraph(f"{change.column}: {before}{change.after or 'taken out'}")
    for edit in step.edits:
        line(f"    {edit}")
    if step.num_copies:
        line(f"    dropped because of it: {len(step.copies)} of {step.num_copies} shown")
        for copy in step.copies:
            _print_original("", copy, indent="      ")


def diff(
    run_a: Annotated[str, typer.Argument(metavar="A", help="A run.")],
    run_b: Annotated[str, typer.Argument(metavar="B", help="Another, or A@N.")],
    runs: Runs = "runs",
    json: Json = False,
) -> None:
    """Say what differs between two runs: settings, counts, samples and results."""
    from tilth.query.diff import diff_runs
    from tilth.query.runs import open_run

    found = diff_runs(open_run(run_a, runs), open_run(run_b, runs))
    if json:
        print_json(found)
    else:
        _print_diff(found)


def _print_diff(found: RunDifference) -> None:
    if found.same:
        line(f"{found.a} and {found.b} do not differ")
        return
    if found.settings:
        rows = [
            [f"{s.step} {s.setting}".strip(), s.a or "not there", s.b or "not there"]
            for s in found.settings
        ]
        table(["setting", found.a, found.b], rows)
    if found.counts:
        line()
        born = any("born" in (side or {}) for c in found.counts for side in (c.a, c.b))
        keys = ("in", *(("born",) if born else ()), "kept", "dropped", "quarantined")
        pairs = [[c.step] + [_pair(c.a, c.b, key) for key in keys] for c in found.counts]
        names = ["step", *keys[:-1], "quar."]
        table(names, pairs, right=range(1, len(names)))
    if found.samples:
        line()
        line(f"samples at the end: {found.in_common:,} in common")
        for part in found.samples:
            where = found.b if part.change == "lost" else found.a
            line(f"  {part.count:,} {part.change}; in {where}: {part.step}, {part.rule}")
            paragraph(f"{len(part.ids)} of {part.count:,}: " + " ".join(part.ids), indent="      ")
    if found.results:
        line()
        rows = [[r.name, _unit(r), *_sides(r)] for r in found.results]
        table(["result", "", found.a, found.b], rows, right=(2, 3))


def _pair(a: object, b: object, key: str) -> str:
    left, right = (side.get(key) if isinstance(side, dict) else None for side in (a, b))
    return count(left) if left == right else f"{count(left)} > {count(right)}"


def _unit(found: ResultDifference) -> str:
    """What follows its numbers, and which way is better."""
    unit = "%" if found.share else found.unit
    return ", ".join(filter(None, (unit, f"{found.better} is better" if found.better else "")))


def _sides(found: ResultDifference) -> tuple[str, str]:
    """Both numbers with as many digits as their intervals allow, and as tell them apart."""
    scale = 100.0 if found.share else 1.0
    sides = [
        [] if value is None else [scale * one for one in (value, *(ends or ()))]
        for value, ends in ((found.a, found.a_interval), (found.b, found.b_interval))
    ]
    decimals = max(_decimals(side) for side in sides if side)
    # An interval that leaves out 0, or of a ratio 1, or 100 %, leaves it out here too.
    bounds = (0.0, 1.0, 100.0) if found.share or found.unit == "%" else (0.0, 1.0)
    decimals = decimals_apart([n for side in sides for n in side], decimals, bounds)
    while True:
        a, b = (_spelt(side, decimals) for side in sides)
        if a.partition(" ")[0] != b.partition(" ")[0] or decimals >= _MOST_DECIMALS:
            return a, b
        decimals += 1


def _decimals(numbers: list[float]) -> int:
    """Two digits of half the interval, else four of the number; none of a whole number."""
    value, *ends = numbers
    if ends:
        return decimals_apart(numbers, decimals_of((ends[1] - ends[0]) / 2))
    return 0 if value.is_integer() else decimals_of(abs(value), digits=4)


def _spelt(numbers: list[float], decimals: int) -> str:
    if not numbers:
        return "-"
    value, *ends = (fixed(number, decimals) for number in numbers)
    return f"{value} [{', '.join(ends)}]" if ends else value


VERBS = (
    Verb(
        show,
        """tilth show quickstart clean.rules --dropped
        tilth show quickstart rules --rule word_count -n 5
        tilth show quickstart collect.packages --quarantined
        tilth show notes collect.mine --passed-over -n 100
        tilth show notes collect.mine --noted
        tilth show digits --augmented -n 12 --epochs 5""",
        needs=dict.fromkeys(("epochs", "sample", "to"), "augmented"),
        apart=(
            ("quarantined", "dropped"),
            ("quarantined", "rule"),
            *(("passed_over", one) for one in ("dropped", "quarantined", "noted", "rule")),
            *(("noted", one) for one in ("dropped", "quarantined", "rule")),
            ("sample", "n"),
            *(
                ("augmented", one)
                for one in (
                    *("step", "dropped", "quarantined", "passed_over", "noted", "rule", "offset"),
                )
            ),
        ),
    ),
    Verb(
        trace,
        """tilth trace quickstart 3f9a01
        tilth trace quickstart packages.jsonl:17""",
    ),
    Verb(
        diff,
        """tilth diff quickstart@1 quickstart
        tilth diff mine yours --json""",
    ),
)
