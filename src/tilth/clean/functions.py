"""A user's plain functions of one record, found by name: the shortest way to a signal of one's own.

    # my_signals.py
    def shouting(text: str) -> float:
        return sum(map(str.isupper, text)) / max(1, len(text))

is named `my_signals.py:shouting` in a recipe. Parameters are columns of a sample by name; the
result's type is the annotation, float where there is none.
"""

from __future__ import annotations

import hashlib
import inspect
import math
import numbers
import re
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa

from tilth.errors import OWN_MODULES, MissingError, UsageError, words_of
from tilth.hints import did_you_mean
from tilth.own import read_code
from tilth.schema import SCHEMA

_ARROW_TYPES: Mapping[type, pa.DataType] = {
    float: pa.float64(),
    int: pa.int64(),
    bool: pa.bool_(),
    str: pa.string(),
}
# What a function may give for what it promises: Arrow would make 2 of 2.5 and 1 of True.
_KEPT: Mapping[pa.DataType, tuple[str, tuple[type, ...]]] = {
    pa.float64(): ("float", (numbers.Real,)),
    pa.int64(): ("int", (numbers.Integral,)),
    pa.bool_(): ("bool", (bool, np.bool_)),
    pa.string(): ("str", (str,)),
}

_SPACE = re.compile(OWN_MODULES + r"[0-9a-f]{16}\.?")


@dataclass(frozen=True)
class UserFunction:
    """A user's plain function: the signal's name, the columns that it reads, its type."""

    name: str
    columns: tuple[str, ...]
    type: pa.DataType
    call: Callable[..., Any]

    def result(self, *values: Any) -> Any:
        """What the function says of one record's columns; None says that there is nothing to say.

        Raises:
            TypeError: It is not of the type that the function promises.
        """
        found: Any = self.call(*values)
        if found is None:
            return None
        promised, kept = _KEPT[self.type]
        is_kept = isinstance(found, kept)
        if not is_kept or isinstance(found, bool | np.bool_) != (promised == "bool"):
            raise TypeError(f"`{self.name}` promises {promised} and gives {found!r:.60}")
        if promised == "float" and not math.isfinite(found):
            # To a rule it would be unknown, and every row passes what is unknown.
            raise TypeError(
                f"`{self.name}` gives {found}, which is no number; None says that there is none"
            )
        return found


def digest_of(spec: str) -> str:
    """A digest of what a function is: its file's code and all of the user's own that it imports.

    Raises:
        MissingError, UsageError: As `load_function`, so that a plan finds the mistake.
    """
    load_function(spec)
    return read_code(spec.rpartition(":")[0]).digest


def digest_of_file(path: str) -> str:
    """A digest of what a file holds.

    Raises:
        MissingError: It is not there, or cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError as error:
        raise MissingError(
            f"a file that functions read cannot be read: {error.strerror or error}",
            where=path,
            hint="the path is relative to where you run",
        ) from None


def load_function(spec: str) -> UserFunction:
    """Import a user's function and read its columns and type off its signature.

    Raises:
        MissingError: No such file or module.
        UsageError: No such function in it, or a signature that says nothing.
    """
    place, _, name = spec.rpartition(":")
    if place.endswith(".py") and not Path(place).is_file():
        raise MissingError(
            f"no file `{place}`", where=spec, hint="the path is relative to where you run"
        )
    try:
        module = read_code(place).load()
    except ModuleNotFoundError as error:
        raise MissingError(f"`{place}` cannot be imported: {_said(error)}", where=spec) from error
    except (Exception, SystemExit) as error:
        raise UsageError(
            f"`{place}` cannot be imported: {type(error).__name__}: {_said(error)}", where=spec
        ) from error
    return _function(module, place, name)


def _said(error: BaseException) -> str:
    """With modules as the user calls them."""
    return _SPACE.sub("", words_of(error))


@lru_cache(maxsize=64)
def _function(module: ModuleType, place: str, name: str) -> UserFunction:
    where = f"{place}:{name}"
    call = getattr(module, name, None)
    if not callable(call):
        callables = [one for one, value in vars(module).items() if callable(value)]
        raise UsageError(
            f"no function `{name}` in `{place}`",
            where=where,
            hint=did_you_mean(name, callables),
        )
    try:
        columns = tuple(inspect.signature(call).parameters)
        returns = typing.get_type_hints(call).get("return", float)
    except Exception as error:  # of a builtin, and of names that nobody knows
        raise UsageError(
            f"the signature of `{name}` cannot be read: {type(error).__name__}: {error}",
            where=where,
            hint=f"def {name}(text: str) -> float:",
        ) from None
    if not columns or not set(columns) <= set(SCHEMA):
        raise UsageError(
            f"`{name}` must take columns of a sample by name, such as `text`",
            where=where,
            hint=f"def {name}(text: str) -> float:",
        )
    if returns not in _ARROW_TYPES:
        raise UsageError(
            f"`{name}` must return float, int, bool or str, not {returns!r}",
            where=where,
            hint=f"def {name}({', '.join(columns)}) -> float:",
        )
    return UserFunction(name, columns, _ARROW_TYPES[returns], call)
