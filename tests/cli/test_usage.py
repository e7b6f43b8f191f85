"""A command that cannot be read: each way of it, for every option of every verb, in one form."""

from __future__ import annotations

import json
import re
import typing
from collections.abc import Iterator
from typing import Literal

import pytest
import typer
from typer.testing import CliRunner

from tilth.cli.main import app

FORM = re.compile(r"error\[usage\]: (?P<what>.+)\n  where  tilth.*\n  hint   (?P<hint>.+)\n")


def _call(*words: str) -> tuple[int, str, str]:
    found = CliRunner().invoke(app, list(words), catch_exceptions=False)
    return found.exit_code, found.stdout, found.stderr


def _options() -> Iterator[tuple[str, str, typing.Any, typing.Any]]:
    """(verb, option, type less None, the option's bounds) of all that take a value."""
    for command in app.registered_commands:
        assert command.callback is not None
        verb = command.name or command.callback.__name__
        for hint in command.callback.__annotations__.values():
            kind, *extras = typing.get_args(hint) or (None,)
            option = next((e for e in extras if hasattr(e, "param_decls")), None)
            # Inside Annotated, an option's first name stands as its default until Typer reads it.
            names = [*(option.param_decls or ()), option.default] if option is not None else []
            names = [name for name in names if isinstance(name, str) and name.startswith("-")]
            if not names:
                continue
            parts = [part for part in typing.get_args(kind) if part is not type(None)]
            if parts and typing.get_origin(kind) is not Literal:
                kind = parts[0]
            yield verb, names[0], kind, option


def _bad_values() -> Iterator[tuple[str, str, str]]:
    for verb, name, kind, option in _options():
        if typing.get_origin(kind) is Literal:
            yield verb, name, "tokens"
        elif kind in (int, float):
            yield verb, name, "many"
            if option.min is not None:
                yield verb, name, str(option.min - 1)
            if option.max is not None:
                yield verb, name, str(option.max + 1)


BAD_VALUES = sorted(set(_bad_values()))


def test_there_are_options_of_each_kind() -> None:
    names = {(verb, name) for verb, name, _ in BAD_VALUES}
    assert {("export", "--format"), ("export", "--kind"), ("show", "-n")} <= names
    assert {("run", "--workers"), ("generate", "--top-p"), ("demo-site", "--port")} <= names


@pytest.mark.parametrize(("verb", "name", "value"), BAD_VALUES)
def test_a_value_that_an_option_does_not_take(verb: str, name: str, value: str) -> None:
    for words in ((name, value), (f"{name}={value}" if len(name) > 2 else f"{name}{value}",)):
        code, out, err = _call(verb, "a", *words)
        found = FORM.fullmatch(err)
        assert (code, out) == (2, "")
        assert found is not None, err
        assert f"`{name}`" in found["what"]
        assert f"`{value}`" in found["what"]
        assert "nput should" not in err
        assert "nvalid" not in err


def test_choices_are_listed_and_the_closest_is_named() -> None:
    _, _, err = _call("export", "run", "--to", "x", "--format", "jsonlines")
    assert "did you mean `jsonl`?" in err
    _, _, err = _call("export", "run", "--to", "x", "--format", "tokens")
    assert "did you mean" not in err
    for choice in ("parquet", "jsonl", "csv", "tfrecord"):
        assert f"`{choice}`" in err


@pytest.mark.parametrize(
    ("command", "what", "hint"),
    [
        ("shwo small", "there is no verb `shwo`", "did you mean `show`?"),
        ("zzzz", "there is no verb `zzzz`", "`tilth --help` lists the verbs"),
        ("show", "`tilth show` needs RUN", "`tilth show --help` has examples"),
        ("diff a", "`tilth diff` needs B", "`tilth diff --help` has examples"),
        ("run a --lmit 3", "`tilth run` has no option `--lmit`", "did you mean `--limit`?"),
        (
            "run a --zzz",
            "`tilth run` has no option `--zzz`",
            "`tilth run --help` lists its options",
        ),
        ("--nope", "`tilth` has no option `--nope`", "`tilth --help` lists its options"),
        ("run a --limit", "`--limit` needs a value", "`tilth run --help` has examples"),
        ("run a --json=1", "`--json` takes no value", "`tilth run --help` has examples"),
        ("check a b", "`tilth check` takes no further argument `b`", "`tilth check --help`"),
    ],
)
def test_what_else_cannot_be_read(command: str, what: str, hint: str) -> None:
    code, out, err = _call(*command.split())
    found = FORM.fullmatch(err)
    assert (code, out) == (2, "")
    assert found is not None, err
    assert found["what"] == what
    assert hint in found["hint"]


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("run a --only b --only c", "--only"),
        ("show a b -n 3 -n5", "-n"),
        ("show a b --rule=x --rule y", "--rule"),
        ("classify a --file x -f y", "-f"),
    ],
)
def test_an_option_of_one_value_is_given_once(command: str, name: str) -> None:
    for more in ([], ["--json"]):
        code, out, err = _call(*command.split(), *more)
        assert (code, bool(out)) == (2, bool(more))
        found = FORM.fullmatch(err)
        assert found is not None, err
        assert found["what"] == f"`{name}` is given twice"


def test_what_may_stand_more_than_once() -> None:
    for command in (
        "show a --augmented --sample 0 --sample 1",
        "run a --json --json",
        "show a b --rule --rule",  # a rule that is called so
        "generate a -- --seed --seed",
    ):
        _, _, err = _call(*command.split())
        assert "twice" not in err


def test_it_is_a_document_too() -> None:
    code, out, _ = _call("show", "small", "-n", "0", "--json")
    assert code == 2
    assert json.loads(out)["error"]["code"] == "usage"


def test_help_is_no_error() -> None:
    assert _call("--help")[0] == 0
    code, _, err = _call()
    assert code == 2
    assert "Commands:" in err
    assert "error" not in err


def test_the_parsers_own_errors_are_all_known() -> None:
    # Should Typer's tree of errors change, the table of verbs would no longer see them.
    assert issubclass(typer.BadParameter, Exception)
    assert typer.BadParameter.__bases__[0].__name__ == "UsageError"
