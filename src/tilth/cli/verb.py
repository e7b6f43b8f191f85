"""What every verb does alike: errors become messages and exit codes, Ctrl-C is no accident.

Exit codes: 0 done; 1 done with quarantined records, or a step failed; 2 the recipe or the command
is wrong and nothing ran; 3 something is missing; 130 stopped, and safe to run again.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from tilth.cli.output import print_json, say
from tilth.errors import ExtensionError, TilthError

if TYPE_CHECKING:
    from tilth.records import PlainObject

STOPPED = 130
_PATIENCE_S = 2.0

Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON document; all else goes to stderr.")
]
Runs = Annotated[
    str, typer.Option("--runs", metavar="DIR", envvar="TILTH_RUNS", help="The folder of runs.")
]


@dataclass(frozen=True)
class Verb:
    """A verb of the command.

    Attributes:
        function: Its docstring is the help; it returns an exit code, or None for 0.
        examples: Lines that the help ends with.
    """

    function: Callable[..., int | None]
    examples: str

    @property
    def name(self) -> str:
        """The function's, as it is typed: `demo-site` of `demo_site`, `list` of `list_`."""
        return self.function.__name__.strip("_").replace("_", "-")


def add_verb(app: typer.Typer, verb: Verb) -> None:
    """Put a verb on the command."""
    function = verb.function

    @functools.wraps(function)
    def run(*, debug: bool, **arguments: Any) -> None:
        with guarded(debug, bool(arguments.get("json"))):
            code = function(**arguments) or 0
        raise typer.Exit(code)

    # The annotations are text until resolved where the verb stands.
    hints = {**get_type_hints(function, include_extras=True), "debug": Debug, "return": None}
    parameters = [
        *inspect.signature(function).parameters.values(),
        inspect.Parameter("debug", inspect.Parameter.KEYWORD_ONLY, default=False),
    ]
    run.__annotations__ = hints
    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [parameter.replace(annotation=hints[parameter.name]) for parameter in parameters]
    )
    # A reader of hints looks at what is wrapped otherwise.
    del run.__wrapped__
    lines = "\n".join(f"  {line.strip()}" for line in verb.examples.strip().splitlines())
    # \b keeps the lines of a block as they are.
    app.command(verb.name, epilog=f"\b\nExamples:\n{lines}")(run)


_debugging: ContextVar[bool] = ContextVar("debugging", default=False)


def debugging() -> bool:
    """Whether the verb was called with --debug."""
    return _debugging.get()


@contextlib.contextmanager
def guarded(debug: bool, json: bool) -> Iterator[None]:
    """Turn what a verb raises into a message on standard error and an exit code."""
    _debugging.set(debug)
    try:
        with _stopping_once():
            yield
    except TilthError as error:
        if debug:
            traceback.print_exc()
        say(str(error))
        if json:
            print_json({"error": error_document(error)})
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        say("stopped; what was committed is kept, and the same command goes on from there")
        raise typer.Exit(STOPPED) from None
    except (typer.Exit, SystemExit):
        raise
    except Exception as error:
        if debug:
            traceback.print_exc()
        internal = _unexpected(error)
        say(str(internal))
        if json:
            print_json({"error": error_document(internal)})
        raise typer.Exit(internal.exit_code) from None


def _unexpected(error: Exception) -> TilthError:
    """What nobody expected: an error of a user's own module, or else a defect."""
    from tilth.errors import words_of
    from tilth.extensions import place_of

    what = f"{type(error).__name__}: {words_of(error)}"
    if place := place_of(error):
        hint = "it is a module of your own; --debug shows the traceback"
        return ExtensionError(f"`{place}` raised {what}", hint=hint)
    hint = "this is a defect of Tilth; run it with --debug for the traceback and report it"
    return TilthError(what, hint=hint, code="internal")


def error_document(error: TilthError) -> PlainObject:
    """An error as a JSON object; all problems of a recipe with it."""
    document: PlainObject = {
        "code": error.code,
        "what": error.what,
        "where": error.where,
        "hint": error.hint,
    }
    problems = getattr(error, "problems", None)
    return document | ({"problems": problems} if problems else {})


@contextlib.contextmanager
def _stopping_once() -> Iterator[None]:
    """Ctrl-C, and SIGTERM, which a scheduler sends before SIGKILL, stop a verb alike.

    The first one does. Those that come with it (a wrapper passes on what the terminal sends to all)
    must not break off the writing of the record; one that comes later ends the process at once,
    which harms nothing that is committed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    stopped_at = 0.0

    def stop(_: int, __: FrameType | None) -> None:
        nonlocal stopped_at
        if not stopped_at:
            stopped_at = time.monotonic()
            raise KeyboardInterrupt
        if time.monotonic() - stopped_at > _PATIENCE_S:
            os._exit(STOPPED)

    # What a shell starts in the background ignores Ctrl-C, and goes on doing so.
    numbers = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) != signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        # A process that was stopped is on its way out: deaf, where Python's own end would not be.
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if stopped_at else handler or signal.SIG_DFL)


def prepare_streams() -> None:
    """Print what a stream's encoding lacks as escapes, rather than fail on it."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
