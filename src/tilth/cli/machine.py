"""Verbs about the machine: doctor, demo-site."""

from __future__ import annotations

from typing import Annotated

import typer

from tilth.cli.output import line, print_json, table
from tilth.cli.verb import Json, Runs, add_verb

_MISSING = 3


def doctor(runs: Runs = "runs", json: Json = False) -> int:
    """Look whether everything that a run needs is there, and say what to install."""
    from tilth.query.doctor import diagnose

    found = diagnose(runs)
    if json:
        print_json({"ok": found.ok, "checks": found.checks})
    else:
        rows = [
            [c.group, c.name, "ok" if c.ok else "MISSING" if c.base else "absent", c.found]
            for c in found.checks
        ]
        table(["", "what", "", "found"], rows)
        hints = [c for c in found.checks if not c.ok and c.hint]
        for check in hints:
            line(f"{'needed' if check.base else 'optional'}: {check.name}: {check.hint}")
        line("everything that a run needs is there" if found.ok else "something is missing")
    return 0 if found.ok else _MISSING


def demo_site(
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="TCP port; 0 takes a free one.")
    ] = 0,
) -> None:
    """Serve the demo site, the documentation of Python and numpy, until Ctrl-C."""
    from tilth.collect.demo_site import run

    run(port)


def add_verbs(app: typer.Typer) -> None:
    """Put the verbs on the command."""
    add_verb(
        app,
        doctor,
        """tilth doctor
        tilth doctor --runs /data/runs""",
    )
    add_verb(
        app,
        demo_site,
        """tilth demo-site
        tilth demo-site --port 8000""",
        "demo-site",
    )
