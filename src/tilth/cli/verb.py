"""What every verb does alike: errors become messages and exit codes, Ctrl-C is no accident.

Exit codes: 0 done; 1 done with quarantined records or unanswered samples, or it failed; 2 the
recipe or the command is wrong and nothing ran; 3 something is missing; 130 stopped, and safe to run
again.
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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from tilth.cli.output import print_json, say
from tilth.errors import ExtensionError, TilthError, UsageError

if TYPE_CHECKING:
    from tilth.records import PlainObject

STOPPED = 130
_PATIENCE_S = 2.0
_ANEW_S = 0.02
_GOES_ON = "what was committed is kept, and the same command goes on from there"

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
        needs: Options that do nothing without another one, and which that is.
        apart: Pairs of options and arguments that say different things.
    """

    function: Callable[..., int | None]
    examples: str
    needs: Mapping[str, str] = field(default_factory=dict)
    apart: Sequence[tuple[str, str]] = ()

    @property
    def name(self) -> str:
        """The function's, as it is typed: `demo-site` of `demo_site`, `list` of `list_`."""
        return self.function.__name__.strip("_").replace("_", "-")


def add_verb(app: typer.Typer, verb: Verb) -> None:
    """Put a verb on the command."""
    function = verb.function

    @functools.wraps(function)
    def run(*, ctx: typer.Context, debug: bool, **arguments: Any) -> None:
        _given.set(_written(ctx))
        with guarded(debug, bool(arguments.get("json"))):
            _require_together(verb)
            code = function(**arguments) or 0
        raise typer.Exit(code)

    # The annotations are text until resolved where the verb stands.
    hints = {**get_type_hints(function, include_extras=True), "debug": Debug, "return": None}
    hints["ctx"] = typer.Context
    parameters = [
        *inspect.signature(function).parameters.values(),
        inspect.Parameter("debug", inspect.Parameter.KEYWORD_ONLY, default=False),
        inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY),
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
_given: ContextVar[Mapping[str, str]] = ContextVar("given")


def debugging() -> bool:
    """Whether the verb was called with --debug."""
    return _debugging.get()


def was_given(name: str) -> bool:
    """Whether the command itself has this option or argument: not its default, nor a variable."""
    return name in _given.get()


def _written(ctx: typer.Context) -> dict[str, str]:
    """The options and arguments that a command has, as they are written, by their names here."""
    found = {}
    for param in ctx.command.params:
        source = ctx.get_parameter_source(str(param.name))
        if source is not None and source.name == "COMMANDLINE":
            is_option = param.param_type_name == "option"
            found[str(param.name)] = max(param.opts, key=len) if is_option else _metavar(param)
    return found


def _metavar(argument: Any) -> str:
    """`[STEP]` as it is called in a message: STEP."""
    return str(argument.metavar or argument.name.upper()).strip("[].")


def _require_together(verb: Verb) -> None:
    """Refuse what would be passed over in silence.

    Raises:
        UsageError: An option does nothing without another one, or two say different things.
    """
    given = _given.get()
    hint = f"`tilth {verb.name} --help` has examples"
    for name, needed in verb.needs.items():
        if name in given and needed not in given:
            what = f"`{given[name]}` does nothing without `--{needed.replace('_', '-')}`"
            raise UsageError(what, hint=hint)
    for one, other in verb.apart:
        if one in given and other in given:
            raise UsageError(f"`{given[one]}` and `{given[other]}` exclude each other", hint=hint)


@contextlib.contextmanager
def guarded(debug: bool, json: bool) -> Iterator[None]:
    """Turn what a verb raises into a message on standard error and an exit code."""
    _debugging.set(debug)
    try:
        with _stopping_once():
            yield
    except TilthError as error:
        say_error(error)
        if json:
            print_error(error)
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        if json:
            print_error(TilthError("stopped", hint=_GOES_ON, code="stopped"))
        raise stopped() from None
    except (typer.Exit, SystemExit):
        raise
    except Exception as error:
        internal = _unexpected(error)
        internal.__cause__ = error
        say_error(internal)
        if json:
            print_error(internal)
        raise typer.Exit(internal.exit_code) from None


def _unexpected(error: Exception) -> TilthError:
    """What nobody expected: an error of a user's own module, or else a defect."""
    from tilth.errors import place_of, words_of

    what = f"{type(error).__name__}: {words_of(error)}"
    if place := place_of(error):
        hint = "it is a module of your own; --debug shows the traceback"
        return ExtensionError(f"`{place}` raised {what}", hint=hint)
    hint = "this is a defect of Tilth; run it with --debug for the traceback and report it"
    return TilthError(what, hint=hint, code="internal")


def say_error(error: TilthError) -> None:
    """An error on standard error; with --debug whence it came, in a worker too."""
    if debugging():
        say("".join(traceback.format_exception(error)).rstrip())
    say(str(error))


def print_error(error: TilthError) -> None:
    """The document of a verb that failed: on one line, for some verbs print an object a line."""
    print_json({"error": error_document(error)}, indent=None)


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


def stopped() -> typer.Exit:
    """The end of a verb that was stopped and has said on standard output how far it came."""
    say(f"stopped; {_GOES_ON}")
    return typer.Exit(STOPPED)


class _Stopped(KeyboardInterrupt):
    """A stop by a signal.

    Attributes:
        number: Of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


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
    main = threading.get_ident()
    again: threading.Timer | None = None

    def stop(number: int, _: FrameType | None) -> None:
        nonlocal stopped_at
        if not stopped_at:
            stopped_at = time.monotonic()
            raise _Stopped(number)
        if time.monotonic() - stopped_at > _PATIENCE_S:
            os._exit(STOPPED)

    def ignored(dropped: sys.UnraisableHookArgs) -> None:
        # Python goes on where a stop meets the callback of a weak reference or a `__del__`. Sent
        # anew when that has ended; a signal, for nothing else ends a wait.
        nonlocal stopped_at, again
        if not isinstance(dropped.exc_value, _Stopped):
            hook(dropped)
            return
        stopped_at = 0.0
        again = threading.Timer(_ANEW_S, signal.pthread_kill, (main, dropped.exc_value.number))
        again.daemon = True
        again.start()

    # What a shell starts in the background ignores Ctrl-C, and goes on doing so.
    numbers = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) != signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in numbers}
    hook, sys.unraisablehook = sys.unraisablehook, ignored
    try:
        yield
    finally:
        sys.unraisablehook = hook
        if again is not None:
            again.cancel()
            again.join()
        # A process that was stopped is on its way out: deaf, where Python's own end would not be.
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if stopped_at else handler or signal.SIG_DFL)


def prepare_streams() -> None:
    """Print what a stream's encoding lacks as escapes, rather than fail on it."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
