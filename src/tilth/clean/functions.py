"""A user's plain functions of one record, found by name: the shortest way to a signal of one's own.

    # my_signals.py
    def shouting(text: str) -> float:
        return sum(map(str.isupper, text)) / max(1, len(text))

is named `my_signals.py:shouting` in a recipe. Parameters are columns of a sample by name; the
result's type is the annotation, float where there is none.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import math
import numbers
import sys
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa

from tilth.errors import MissingError, UsageError
from tilth.hints import did_you_mean
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


@dataclass(frozen=True)
class UserFunction:
    """A user's plain function: the signal's name, the columns it reads, its type, its file."""

    name: str
    columns: tuple[str, ...]
    type: pa.DataType
    call: Callable[..., Any]
    file: str = ""

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


def digest_of_sources(specs: Sequence[str]) -> str:
    """A digest of the files that hold the functions.

    Raises:
        MissingError, UsageError: As `load_function`, so that a plan finds the mistake.
    """
    digest = hashlib.blake2b(digest_size=16)
    for spec in specs:
        file = load_function(spec).file
        digest.update(Path(file).read_bytes() if file else b"")
    return digest.hexdigest()


def load_function(spec: str) -> UserFunction:
    """Import a user's function and read its columns and type off its signature.

    Raises:
        MissingError: No such file or module.
        UsageError: No such function in it, or a signature that says nothing.
    """
    place, _, name = spec.rpartition(":")
    stamp = 0
    if place.endswith(".py"):
        path = Path(place)
        if not path.is_file():
            raise MissingError(
                f"no file `{place}`", where=spec, hint="the path is relative to where you run"
            )
        stamp = path.stat().st_mtime_ns
    return _load(place, name, stamp)


@lru_cache(maxsize=64)
def _load(place: str, name: str, stamp: int) -> UserFunction:
    where = f"{place}:{name}"
    try:
        module = _import_file(place, stamp) if place.endswith(".py") else import_module(place)
    except ModuleNotFoundError as error:
        raise MissingError(f"`{place}` cannot be imported: {error}", where=where) from error
    except (Exception, SystemExit) as error:
        raise UsageError(
            f"`{place}` cannot be imported: {type(error).__name__}: {error}", where=where
        ) from error
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
    file = getattr(module, "__file__", None) or ""
    return UserFunction(name, columns, _ARROW_TYPES[returns], call, file)


def _import_file(place: str, stamp: int) -> ModuleType:
    # A name of its own, so that a user's `json.py` does not stand in for another module.
    name = f"tilth_user_{hashlib.blake2b(f'{place}{stamp}'.encode()).hexdigest()[:16]}"
    found = importlib.util.spec_from_file_location(name, place)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module
    found.loader.exec_module(module)
    return module
