"""Verbs about the machine: doctor, demo-site."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tilth.cli.output import line, print_json, table
from tilth.cli.verb import Json, Runs, Verb

if TYPE_CHECKING:
    from tilth.query.doctor import Diagnosis

_MISSING = 3


def doctor(
    recipe: Annotated[
        str | None,
        typer.Argument(metavar="[RECIPE]", help="A recipe or starter: is all there that it needs?"),
    ] = None,
    runs: Runs = "runs",
    json: Json = False,
) -> int:
    """Look whether everything that a run needs is there, and say what to install."""
    from tilth.query.doctor import diagnose

    found = diagnose(runs, recipe)
    if json:
        print_json({"ok": found.ok, "checks": found.checks})
    else:
        rows = [
            [c.group, c.name, "ok" if c.ok else "MISSING" if c.base else "absent", c.found]
            for c in found.checks
        ]
        table(["", "what", "", "found"], rows)
        for check in found.checks:
            if not check.ok and check.hint and check.group != "starter":
                line(f"{'needed' if check.base else 'optional'}: {check.name}: {check.hint}")
        line(_verdict(found, recipe))
    return 0 if found.ok else _MISSING


def _verdict(found: Diagnosis, recipe: str | None) -> str:
    """The last line: is all there, and for which starters is it not?"""
    if not found.ok:
        return "something is missing"
    if recipe is not None:
        return f"everything that {recipe} needs is there"
    starters = [check for check in found.checks if check.group == "starter"]
    lacking = [check for check in starters if not check.ok]
    if not lacking:
        return "everything that a run needs is there"
    first, others = lacking[0], len(lacking) - 1
    of = f"{first.name} and {others} other starters lack" if others else f"{first.name} lacks"
    packages = first.found.partition(";")[0].removeprefix("needs ")
    return f"everything that every run needs is there; {of} more ({packages}): {first.hint}"


def demo_site(
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="TCP port; 0 takes a free one.")
    ] = 0,
) -> None:
    """Serve the demo site, the documentation of Python and numpy, until Ctrl-C."""
    from tilth.demo.site import run

    run(port)


VERBS = (
    Verb(
        doctor,
        """tilth doctor
        tilth doctor quickstart
        tilth doctor --runs /data/runs""",
    ),
    Verb(
        demo_site,
        """tilth demo-site
        tilth demo-site --port 8000""",
    ),
)
