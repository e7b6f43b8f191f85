"""A command that cannot be read: every such error in Tilth's own form, with where and hint.

What an option accepts is read off the verb's own signature, so that a message names the choices or
the range in the same words for every option of every verb.
"""

from __future__ import annotations

import inspect
import re
import sys
import types
import typing
from collections.abc import Sequence
from typing import Any, Literal

import typer
from typer.core import TyperGroup

from tilth.cli.output import say
from tilth.errors import UsageError

# Typer exports this one of its parser's errors; all of them are of the class below it.
_PARSER_ERROR: type[Exception] = typer.BadParameter.__bases__[0]
_NUMBERS = {int: "a whole number", float: "a number"}


class Verbs(TyperGroup):
    """The table of verbs, which answers a command that it cannot read."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command and end with its exit code; 2 where it cannot be read."""
        given = list(sys.argv[1:] if args is None else args)
        try:
            if (twice := self._given_twice(given)) is not None:
                code = _tell(twice, given)
            else:
                code = super().main(
                    args, prog_name, complete_var, False, windows_expand_args, **extra
                )
        except _PARSER_ERROR as error:
            code = self._answer(error, given)
        if standalone_mode:
            sys.exit(code if isinstance(code, int) else 0)
        return code

    def _answer(self, error: Any, given: Sequence[str]) -> int:
        if type(error).__name__ == "NoArgsIsHelpError":
            error.show()
            return int(error.exit_code)
        return _tell(self._usage_error(error, given), given)

    def _given_twice(self, given: Sequence[str]) -> UsageError | None:
        """An option of one value that has two: the parser would take the last and say nothing."""
        verb = self._verb(given)
        params: Sequence[Any] = self.commands[verb].params if verb else ()
        single = {
            name: param
            for param in params
            if param.param_type_name == "option" and not (param.is_flag or param.multiple)
            for name in param.opts
        }
        seen, words = set(), iter(given)
        for word in words:
            if word == "--":
                break
            name = word[:2] if word[1:2] != "-" else word.partition("=")[0]
            if (param := single.get(name)) is None:
                continue
            if param.name in seen:
                return UsageError(
                    f"`{name}` is given twice",
                    where=_line(given),
                    hint="give it once: it has one value",
                )
            seen.add(param.name)
            if word == name:
                next(words, None)  # its value, whatever it looks like
        return None

    def _verb(self, given: Sequence[str]) -> str | None:
        return next((word for word in given if word in self.commands), None)

    def _usage_error(self, error: Any, given: Sequence[str]) -> UsageError:
        verb = self._verb(given)
        command = f"tilth {verb}" if verb else "tilth"
        help_ = f"`{command} --help` has examples" if verb else "`tilth --help` lists the verbs"
        name = getattr(error, "option_name", None)
        param = getattr(error, "param", None)
        if param is not None:
            return _bad_value(error, given, command, help_)
        if name is not None and type(error).__name__ == "NoSuchOption":
            known = self._options(verb)
            return UsageError(
                f"`{command}` has no option `{name}`",
                where=_line(given),
                hint=_near(str(name), known) or f"`{command} --help` lists its options",
            )
        if name is not None:
            needs = "takes no value" if "not take" in error.message else "needs a value"
            return UsageError(f"`{name}` {needs}", where=_line(given), hint=help_)
        if (unknown := re.match(r"No such command '(.*?)'", error.message)) is not None:
            return UsageError(
                f"there is no verb `{unknown[1]}`",
                where=_line(given),
                hint=_near(unknown[1], list(self.commands)) or help_,
            )
        if (more := re.search(r"extra arguments?(?:\(s\))? \((.*)\)", error.message)) is not None:
            return UsageError(
                f"`{command}` takes no further argument `{more[1]}`", where=_line(given), hint=help_
            )
        what = str(error.message).rstrip(".")
        return UsageError(what[:1].lower() + what[1:], where=_line(given), hint=help_)

    def _options(self, verb: str | None) -> list[str]:
        params = self.commands[verb].params if verb else self.params
        return [name for param in params for name in param.opts if name.startswith("-")]


def _tell(error: UsageError, given: Sequence[str]) -> int:
    """Say it, and as a document where that was asked for; returns the exit code."""
    say(str(error))
    if "--json" in given:
        from tilth.cli.verb import print_error

        print_error(error)
    return error.exit_code


def _bad_value(error: Any, given: Sequence[str], command: str, help_: str) -> UsageError:
    """The value of an option or argument is missing, or is none that it takes."""
    param = error.param
    is_option = param.param_type_name == "option"
    name = param.opts[-1] if is_option else (param.metavar or param.name.upper()).strip("[]")
    value = _value(given, param.opts) if is_option else None
    if type(error).__name__ == "MissingParameter":
        return UsageError(f"`{command}` needs {name}", where=_line(given), hint=help_)
    takes, choices = _accepts(error.ctx.command, param.name)
    if value is None or not takes:
        what = " ".join(str(error.message).split()).rstrip(".")
        return UsageError(f"`{name}`: {what}", where=_line(given), hint=help_)
    if choices:
        from tilth.hints import choose_from

        what = f"`{name}` does not take `{value}`"
        return UsageError(what, where=_line(given), hint=choose_from(value, choices))
    return UsageError(f"`{name}` takes {takes}, not `{value}`", where=_line(given), hint=help_)


def _near(word: str, choices: Sequence[str]) -> str:
    from tilth.hints import closest

    close = closest(word.lstrip("-"), [choice.lstrip("-") for choice in choices])
    found = next((choice for choice in choices if choice.lstrip("-") == close), None)
    return f"did you mean `{found}`?" if found is not None else ""


def _accepts(command: Any, name: str) -> tuple[str, list[str]]:
    """What an option takes, in words, and its choices where they are a closed set."""
    hint = inspect.unwrap(command.callback).__annotations__.get(name)
    kind, extras = typing.get_args(hint)[0], typing.get_args(hint)[1:]
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        kind = next(part for part in typing.get_args(kind) if part is not type(None))
    if typing.get_origin(kind) is Literal:
        choices = [str(choice) for choice in typing.get_args(kind)]
        return "one of these words", choices
    if kind not in _NUMBERS:
        return "", []
    low, high = (getattr(extras[0], bound, None) for bound in ("min", "max"))
    bounds = [f"at least {low:,}"] if low is not None else []
    bounds += [f"at most {high:,}"] if high is not None else []
    return _NUMBERS[kind] + (f" of {' and '.join(bounds)}" if bounds else ""), []


def _value(given: Sequence[str], names: Sequence[str]) -> str | None:
    """The value that a command gives an option: `--n 5`, `--n=5`, `-n5`."""
    for position, word in enumerate(given):
        for name in names:
            if word == name:
                return given[position + 1] if position + 1 < len(given) else None
            if word.startswith(f"{name}="):
                return word[len(name) + 1 :]
            if len(name) == 2 and word.startswith(name) and not word.startswith("--"):
                return word[2:]
    return None


def _line(given: Sequence[str]) -> str:
    """The command as it was given, cut where it is long."""
    import shlex

    line = shlex.join(["tilth", *given])
    return line if len(line) <= 100 else line[:97] + "..."
