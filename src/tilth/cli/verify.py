"""The verb that compares what a run holds with what was committed."""

from __future__ import annotations

from typing import Annotated

import typer

from tilth.cli.output import as_plain, line, paragraph, plural, print_json
from tilth.cli.runs import RunArgument
from tilth.cli.verb import Json, Runs, Verb


def verify(
    run: RunArgument,
    forget: Annotated[
        bool,
        typer.Option("--forget", help="Forget what is damaged: the next run makes it again."),
    ] = False,
    runs: Runs = "runs",
    json: Json = False,
) -> int:
    """Read all data sets of a run and say what of them is not as it was committed."""
    from tilth.query.disk import spell_bytes
    from tilth.query.runs import open_run
    from tilth.query.verify import verify_run

    found = verify_run(open_run(run, runs), forget=forget)
    if json:
        totals = {"files": found.files, "num_bytes": found.num_bytes}
        print_json({**as_plain(found), **totals, "damaged": len(found.damaged)})
        return int(found.is_damaged)
    for step in found.damaged:
        for one in step.damage:
            paragraph(one, indent="    ", first=f"  {step.name}: ")
    for file in found.beside:
        paragraph(str(file), indent="    ", first="  ")
    size = spell_bytes(found.num_bytes)
    if not found.damaged:
        line(f"{found.run}: {found.summary}, {size}: all as they were committed{found.without}")
    else:
        told = f"{len(found.damaged)} of {found.summary}, {size}: not as committed"
        line(f"{found.run}: {told}{found.without}")
    forgotten = [step.name for step in found.steps if step.forgotten]
    if forgotten:
        line(f"forgotten: {plural(len(forgotten), 'data set')}; run the recipe again to make them")
    if found.beside:
        files = plural(len(found.beside), "file")
        line(f"{'forgotten' if forget else 'damaged'}: {files} that no data set hangs on")
    if not forget and found.is_damaged:
        line(f"tilth verify {run} --forget lets the next run make them again, and no other")
    return int(found.is_damaged)


VERBS = (
    Verb(
        verify,
        """tilth verify quickstart
        tilth verify quickstart --forget
        tilth verify quickstart@1 --json""",
    ),
)
