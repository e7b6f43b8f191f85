"""Entries of the table: tests that are tied to the settings which they hold to their word.

    @effect("clean.normalize.nfc")                     one thing changed, a named output changes
    def test_nfc(path): ...                            so, in every place where it is accepted
    @effect(*under(LOOPS, "batch_size"))               one test for all places of a setting
    @refused("pretrain.freeze")                        where it cannot act, and with which message
    @name("clean.language.keep")                       an unknown name is refused, the nearest told
    @extreme("pretrain.loop.max_steps")                0, 1, the largest: done, or refused
    @idle("pretrain.loop.checkpoint_every")            marked so: what is made is the same bytes
    @unordered("pretrain.freeze")                      marked so: turned round, the same bytes
    @ordered("value.arms")                             a mapping not marked so: other bytes

A test that takes `path` is run once for each of its paths; markers such as `slow` go above.
`test_complete.py` says which entries are missing.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import pytest

Kind = Literal["effect", "refused", "name", "extreme", "idle", "unordered", "ordered"]
Test = TypeVar("Test", bound=Callable[..., Any])


@dataclass(frozen=True)
class Entry:
    """One test and the settings and options that it is about."""

    kind: Kind
    paths: tuple[str, ...]
    test: str


ENTRIES: list[Entry] = []


def effect(*paths: str) -> Callable[[Test], Test]:
    """The setting does what it says: the test fails when it is not read."""
    return _entry("effect", paths)


def refused(*paths: str) -> Callable[[Test], Test]:
    """The setting is refused where it cannot act, before the run."""
    return _entry("refused", paths)


def name(*paths: str) -> Callable[[Test], Test]:
    """A name that is not there is refused, and the nearest that is there is told."""
    return _entry("name", paths)


def extreme(*paths: str) -> Callable[[Test], Test]:
    """The ends of the range do what they say, or are refused."""
    return _entry("extreme", paths)


def idle(*paths: str) -> Callable[[Test], Test]:
    """What the setting is marked not to act on is the same, byte for byte, with another value."""
    return _entry("idle", paths)


def unordered(*paths: str) -> Callable[[Test], Test]:
    """The keys or items in another order give the same bytes."""
    return _entry("unordered", paths)


def ordered(*paths: str) -> Callable[[Test], Test]:
    """The keys in another order give other bytes."""
    return _entry("ordered", paths)


def under(sections: Iterable[str], *names: str) -> list[str]:
    """`a.loop` and `b.loop` with `ema`: `a.loop.ema`, `b.loop.ema`."""
    return [f"{section}.{one}" for section in sections for one in names]


def _entry(kind: Kind, paths: tuple[str, ...]) -> Callable[[Test], Test]:
    assert paths

    def add(test: Test) -> Test:
        ENTRIES.append(Entry(kind, paths, f"{test.__module__}::{test.__name__}"))
        # Of two entries that are one test the paths are the same, and it runs once for each.
        before = _paths_of(test)
        assert before in (None, paths), "a test with `path` is about the same paths throughout"
        if "path" in inspect.signature(test).parameters and before is None:
            marked: Test = pytest.mark.parametrize("path", paths)(test)
            return marked
        return test

    return add


def _paths_of(test: Callable[..., Any]) -> tuple[str, ...] | None:
    marks = getattr(test, "pytestmark", [])
    return next((mark.args[1] for mark in marks if mark.args and mark.args[0] == "path"), None)
