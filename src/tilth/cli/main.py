"""The command `tilth`: its verbs and its entry point."""

from __future__ import annotations

import importlib
from typing import Annotated

import typer

from tilth.cli.output import line
from tilth.cli.usage import Verbs
from tilth.cli.verb import add_verb, prepare_streams

# The modules of this room that declare `VERBS`, in the order of the help.
MODULES = (
    "recipes",
    "runs",
    "exports",
    "annotate",
    "verify",
    "samples",
    "predict",
    "machine",
)

app = typer.Typer(
    cls=Verbs,
    name="tilth",
    help="From raw sources to pretraining data, a trained model, your own task, and what each "
    "data decision was worth.",
    epilog="\b\nStart here:\n  tilth run quickstart      the whole line on a real site\n"
    "  tilth init quickstart     copy its recipe here, to edit\n"
    "  tilth doctor              is everything there?",
    no_args_is_help=True,
    add_completion=False,
    # Plain help is there in a tenth of a second, and reads the same in a pipe.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        line(f"tilth {version('tilth')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """See the help of each verb for examples."""


for _module in MODULES:
    for _verb in importlib.import_module(f"tilth.cli.{_module}").VERBS:
        add_verb(app, _verb)


def main() -> None:
    """Run the command."""
    prepare_streams()
    app()
