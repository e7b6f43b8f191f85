"""Decide over signals: a rule is an expression that says *keep*, such as `word_count >= 50`.

The first rule that fails gives the verdict (`drop.rule` is the expression, printed in one way
however it was written, `drop.value` the numbers that decided, with as many digits as it takes to
decide the same by them); `signal.failed_rules` keeps all that fail, so that "why?" has a full
answer.

A null decides nothing: where a signal is missing (an image has no `word_count`) the rule is unknown
and the row passes it. Write `known(language) and language == 'en'` to insist.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import lru_cache
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from tilth.clean.expression import evaluate, names, names_needed, normal, parse
from tilth.clean.signals import SIGNALS
from tilth.errors import MissingError, TilthError, UsageError
from tilth.foreign import shorten
from tilth.hints import did_you_mean
from tilth.meta.named import field_of
from tilth.schema import (
    FAILED_RULES,
    META,
    SCHEMA,
    SIGNAL_PREFIX,
    column,
    mark_dropped,
    with_columns,
)
from tilth.settings import BaseSettings
from tilth.store.digests import watched

# How near an unknown name must be to a shipped signal to be taken for a slip of the pen.
_SLIP = 0.85
# Of a number that decided: so many significant digits, and more where by these it would decide
# otherwise. 17 tell any two floats apart.
_LEAST_DIGITS, _ALL_DIGITS = 4, 17
_MAX_WORD = 80


class Rule(BaseSettings):
    """One rule of a file."""

    keep: str = Field(description="Expression over signals that is true of what is kept")
    because: str = Field("", description="Why, for whoever reads the file")


class RuleSet(BaseSettings):
    """A file of rules with its origin."""

    about: str = Field(description="What the rules are for")
    source: str = Field("", description="Paper, table, repository")
    rules: tuple[Rule, ...] = Field(min_length=1, description="The rules, in order")


class Settings(BaseSettings):
    """Drop what breaks a rule over signals; changing a threshold re-measures nothing."""

    files: tuple[str, ...] = Field(
        (),
        description="Rule sets: gopher-quality, gopher-repetition, c4, fineweb, or the path of "
        "your own YAML file",
    )
    where: tuple[str, ...] = Field(
        (), description="Expressions that say what is kept, such as `word_count >= 50`"
    )

    @field_validator("files")
    @classmethod
    def _can_be_read(cls, files: tuple[str, ...]) -> tuple[str, ...]:
        for name in files:
            try:
                load_rule_set(name)
            except TilthError as error:
                raise ValueError(_sentence(error)) from error
        return files

    @field_validator("where")
    @classmethod
    def _can_be_parsed(cls, where: tuple[str, ...]) -> tuple[str, ...]:
        for text in where:
            try:
                parse(text)
            except TilthError as error:
                raise ValueError(_sentence(error)) from error
            for name in names(text):
                near = get_close_matches(name, SIGNALS, 1, _SLIP)
                if name not in {*SIGNALS, *SCHEMA} and not name.startswith(META) and near:
                    raise ValueError(f"no signal `{name}` in `{text}`; did you mean `{near[0]}`?")
        return where

    @model_validator(mode="after")
    def _has_rules(self) -> Settings:
        if not self.files and not self.where:
            raise ValueError("no rule is given: name `files`, or expressions in `where`")
        return self

    def normal(self) -> Settings:
        """The expressions of `where` as they are printed; what files hold is in the fingerprint."""
        return self.model_copy(update={"files": (), "where": _each_once(self.where)})


def reads(settings: Settings) -> tuple[str, ...]:
    """The columns without which a rule decides nothing, and all of its signals."""
    found = set[str]()
    for text in expressions(settings):
        found.update(name for name in names_needed(text) if _is_column(name))
        found.update(SIGNAL_PREFIX + name for name in names(text) if not _is_column(name))
    return tuple(sorted(found))


def _is_column(name: str) -> bool:
    return name in SCHEMA or name.startswith(META)


def fills(_: Settings) -> tuple[str, ...]:
    """The signal that tells of all rules that fail."""
    return (FAILED_RULES,)


def shipped_rule_sets() -> tuple[str, ...]:
    """Names of the rule sets in the package."""
    folder = package_files("tilth.clean") / "rule_sets"
    return tuple(sorted(f.name.removesuffix(".yaml") for f in folder.iterdir()))


def load_rule_set(name: str) -> RuleSet:
    """A shipped rule set by name, or a user's by path.

    Raises:
        MissingError: Neither a shipped name nor a file.
        UsageError: The file is no rule set; names the first mistake.
    """
    return _parse_rule_set(name, _rule_set_text(name))


def _rule_set_text(name: str) -> str:
    if name in shipped_rule_sets():
        return (package_files("tilth.clean") / "rule_sets" / f"{name}.yaml").read_text("utf-8")
    path = Path(name)
    if not path.is_file():
        hint = f"tried {path.absolute()}; {did_you_mean(name, shipped_rule_sets())}"
        raise MissingError(f"no rule set or file `{name}`", hint=hint)
    return watched(path).read_text("utf-8")


@lru_cache(maxsize=64)
def _parse_rule_set(name: str, text: str) -> RuleSet:
    try:
        rule_set = RuleSet.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise UsageError("the rule set is not YAML", where=name + line) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            f"the rule set is wrong: {first['msg']}",
            where=f"{name} {place}".strip(),
            hint="a rule set has about, source and rules: [{keep: EXPRESSION, because: TEXT}]",
        ) from error
    for rule in rule_set.rules:
        parse(rule.keep)
    return rule_set


def expressions(settings: Settings) -> tuple[str, ...]:
    """All rules of a step as they are printed, in order: files first, then `where`; each once."""
    return _each_once([*_of_files(settings), *settings.where])


def _of_files(settings: Settings) -> list[str]:
    return [rule.keep for name in settings.files for rule in load_rule_set(name).rules]


def _each_once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(normal, texts)))


def fingerprint(settings: Settings) -> str:
    """The rules of the files: the step runs anew when one was changed, not for a comment."""
    return "\0".join(_each_once(_of_files(settings)))


def apply(batch: pa.RecordBatch, settings: Settings) -> pa.RecordBatch:
    """Mark the rows that break a rule.

    Raises:
        UsageError: A rule reads a signal that no earlier step has measured.
    """
    num_rows = batch.num_rows
    first: list[str | None] = [None] * num_rows
    value: list[str | None] = [None] * num_rows
    failed: list[list[str]] = [[] for _ in range(num_rows)]
    for text in expressions(settings):
        true, unknown = evaluate(text, lambda name: find_column(batch, name), num_rows)
        rows = np.flatnonzero(~true & ~unknown)
        for row, deciding in zip(rows.tolist(), _values(batch, text, rows), strict=True):
            if first[row] is None:
                first[row], value[row] = text, deciding
            failed[row].append(f"{text} [{deciding}]")
    drops = np.array([rule is not None for rule in first], bool)
    earlier = column(batch, FAILED_RULES).to_pylist()
    reasons = [
        "; ".join(([old] if old else []) + new) or None
        for old, new in zip(earlier, failed, strict=True)
    ]
    batch = with_columns(batch, {FAILED_RULES: pa.array(reasons, pa.string())})
    return mark_dropped(batch, drops, first, value)


def find_column(batch: pa.RecordBatch, name: str) -> pa.Array:
    """The signal of that name, else the sample's own column.

    Raises:
        UsageError: There is neither.
    """
    if SIGNAL_PREFIX + name in batch.schema.names:
        return batch.column(SIGNAL_PREFIX + name)
    if name in SCHEMA and not pa.types.is_nested(SCHEMA[name]):
        return column(batch, name)
    if name.startswith(META):
        return field_of(batch, name)
    measured = [n.removeprefix(SIGNAL_PREFIX) for n in batch.schema.names if "signal." in n]
    near = get_close_matches(name, [*measured, *SIGNALS], 1)
    if name in SIGNALS:
        hint = "put the step `signals` before `rules`"
    elif near:
        hint = f"did you mean `{near[0]}`?"
    else:
        hint = f"measured are {', '.join(measured) or 'none: put the step `signals` before this'}"
    raise UsageError(f"no signal `{name}`", hint=hint, code="unknown-signal")


def _values(batch: pa.RecordBatch, text: str, rows: npt.NDArray[np.int64]) -> list[str]:
    """For each of the rows, what the rule read: `word_count=12, digit_ratio=0.31`."""
    columns = {name: find_column(batch, name).take(pa.array(rows)) for name in names(text)}
    values = {name: column.to_pylist() for name, column in columns.items()}
    digits = _digits(text, columns, values, len(rows))
    return [
        ", ".join(f"{name}={_shown(column[row], many)}" for name, column in values.items())
        for row, many in enumerate(digits)
    ]


def _digits(
    text: str, columns: Mapping[str, pa.Array], values: Mapping[str, list[Any]], num_rows: int
) -> list[int]:
    """Significant digits of each row, so many that what is printed breaks the rule as well."""
    floats = [name for name, column in columns.items() if pa.types.is_floating(column.type)]
    digits = np.full(num_rows, _LEAST_DIGITS)
    open_rows = np.arange(num_rows if floats else 0)
    while len(open_rows):
        printed = {name: column.take(pa.array(open_rows)) for name, column in columns.items()}
        for name in floats:
            read = [
                None if values[name][row] is None else float(_shown(values[name][row], many))
                for row, many in zip(open_rows.tolist(), digits[open_rows].tolist(), strict=True)
            ]
            printed[name] = pa.array(read, pa.float64())
        true, unknown = evaluate(text, printed.__getitem__, len(open_rows))
        open_rows = open_rows[(true | unknown) & (digits[open_rows] < _ALL_DIGITS)]
        digits[open_rows] += 1
    return digits.tolist()


def _shown(value: Any, digits: int) -> str:
    if value is None:
        return "unknown"
    return f"{value:.{digits}g}" if isinstance(value, float) else shorten(str(value), _MAX_WORD)


def _sentence(error: TilthError) -> str:
    return "; ".join(part for part in (error.what, error.where, error.hint) if part)
