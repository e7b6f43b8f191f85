"""What a long task may know of where it runs: a folder, a seed, threads, and whom to tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

Progress = Callable[[float, float | None, str], None]

# A training's note with the step that it begins at, before it has a loss to tell.
FIRST_STEPS = "first steps"


Check = Callable[[], None]
_check: ContextVar[Check | None] = ContextVar("tilth_settled", default=None)


@contextmanager
def checking(check: Check) -> Iterator[None]:
    """What is read outside of Tilth inside the block is looked at by `require_settled`.

    Args:
        check: Raises where some of it was written to since it was planned with.
    """
    token = _check.set(check)
    try:
        yield
    finally:
        _check.reset(token)


def require_settled() -> None:
    """Called before something is committed that was made of what lies outside.

    Raises:
        DataError: That was written to meanwhile, even if all was undone.
    """
    check = _check.get()
    if check is not None:
        check()


Held = Callable[[], int]
_gatherers: ContextVar[list[Held] | None] = ContextVar("tilth_gatherers", default=None)


def gathers(num_held: Held) -> None:
    """Whoever gathers rows says here how to ask how many it holds, so that none is forgotten."""
    known = _gatherers.get()
    if known is not None:
        known.append(num_held)


@contextmanager
def gathering() -> Iterator[Held]:
    """Gives how many rows are held by what was made to gather them inside the block."""
    known: list[Held] = []
    token = _gatherers.set(known)
    try:
        yield lambda: sum(num_held() for num_held in known)
    finally:
        # A generator that nobody asks any more may be closed from anywhere.
        with suppress(ValueError):
            _gatherers.reset(token)


def nothing_kept() -> None:
    """Forget what was read before, where there is nothing."""


PassesOver = Callable[[str, str], None]


class Note(str):
    """Said in place of a reason: the place was read, and this is what was guessed or changed.

    It goes the way of what is passed over, and is counted and listed apart.
    """

    __slots__ = ()


def unsaid(place: str, reason: str) -> None:
    """Keep no list of what is passed over."""


def silent(done: float, total: float | None, note: str) -> None:
    """Report progress to nobody."""


@dataclass(frozen=True)
class FileRead:
    """What a file gave when the source was read before.

    Attributes:
        num_rows: Its rows.
        batches: Gives them.
        passed: Gives places and reasons of what of it was passed over.
        fields: Names of the fields that its records have besides, in their order.
        named: Which of the fields that the recipe names it has.
    """

    num_rows: int
    batches: Callable[[], Iterator[pa.RecordBatch]]
    passed: Callable[[], Iterator[tuple[str, str]]]
    fields: tuple[str, ...] = ()
    named: tuple[str, ...] = ()


class Files(Protocol):
    """Whom a source tells of its files, if each gives the same whatever the others hold."""

    def begin(self, name: str, uri: str, num_rows: int) -> FileRead | None:
        """A file begins, after so many rows of others; what it gave, where that is known."""

    def knows(self, name: str, uri: str) -> bool:
        """Whether what a file gave is likely known, so that nobody need fetch it ahead."""

    def took(self) -> None:
        """What the file gave is taken, and it is not read."""

    def read(self, fields: tuple[str, ...], named: tuple[str, ...], *, is_alone: bool) -> None:
        """The file was read; what it has beside rows, and whether all of it is its own."""


@dataclass(frozen=True)
class Context:
    """Given to sources, fits and grid cells; record operations never see it.

    Attributes:
        work: Durable folder of this step; after a kill the same folder is given again.
        seed: The recipe's seed.
        threads: Threads the task may use; part of a fit's identity.
        progress: Called with (done, total or None, a short text such as a rate or a loss).
        limit: Samples to read at most, or None.
        begins_anew: Called by a source before its first sample where what it fetched for an earlier
            run, which was killed, is not what it reads now: nothing of that run is kept.
        passes_over: Called by a source with the place and the reason of what it was pointed at and
            does not read: a file, a member, a page, a column. Places that share a reason are
            counted together, so it holds no name or number of a single one. A `Note` in place of
            the reason says that it was read, with a guess or a change.
        spreads: Whether a source is to spread a limit over all of itself though its records say
            nothing of splits and classes: a table that is joined to them may.
        files: Told of each file, and gives what is known of it from before; None: nobody asks.
    """

    work: Path
    seed: int = 0
    threads: int = 1
    progress: Progress = silent
    limit: int | None = None
    begins_anew: Callable[[], None] = nothing_kept
    passes_over: PassesOver = unsaid
    spreads: bool = False
    files: Files | None = None
