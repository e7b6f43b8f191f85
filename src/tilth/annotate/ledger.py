"""The ledger of a recipe's annotation: a folder of events, each a file that appears whole.

`rounds/0001.json` is an order, `imports/0001.json` what came back in one file,
`decisions/0001.json` what somebody decided by hand. An event never changes, so that a kill at any
moment leaves the ledger as it was before or after it. All else is made of the events,
`accepted.jsonl` among it. Answers have pseudonyms; names of people stand in `annotators.json`, in
the lists of who is not to get what (`not-for-0002.csv`), and in rows of an import that were no
answers, which are kept as they were written. All of these are for their owner's eyes alone.
"""

from __future__ import annotations

import contextlib
import datetime
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import Field, model_validator

from tilth.annotate.people import People
from tilth.errors import DataError, UsageError
from tilth.records import Record, read_file
from tilth.store.files import elsewhere, folder_lock, sweep, write_record

Kind = Literal["item", "gold", "repeat"]
Verdict = Literal["accept", "hold", "return"]
Event = TypeVar("Event", bound=Record)

_BUSY = "another `tilth annotate` writes here: wait for it"
_ELSEWHERE = "`annotate: {ledger: DIR}` names another folder, which can be written"


class Round(Record):
    """An order: which samples went out under which names, and what was asked.

    Attributes:
        number: From 1 on.
        tasks, samples, kinds, known: Of each task its name, which says nothing; the sample; whether
            it is an item, a gold item or an item for the second time; and of gold the answer.
        annotators: Answers that each task is to get.
        classes: To choose from; none: free text.
        price: Of an answer, in decimal digits; empty: none is known.
    """

    format: int = 1
    number: int
    ordered_at: str
    step: str
    choose: str
    question: str
    classes: list[str]
    annotators: int
    price: str = ""
    currency: str = ""
    form: str
    to: str
    tasks: list[str] = Field(repr=False)
    samples: list[str] = Field(repr=False)
    kinds: list[Kind] = Field(repr=False)
    known: list[str | None] = Field(repr=False)

    @model_validator(mode="after")
    def _fits(self) -> Round:
        if len({len(self.tasks), len(self.samples), len(self.kinds), len(self.known)}) > 1:
            raise ValueError("tasks, samples, kinds and known differ in length")
        return self

    def count(self, kind: Kind) -> int:
        """How many tasks are of a kind."""
        return self.kinds.count(kind)


class Import(Record):
    """What came back in one file: all its rows, whatever they are worth.

    Attributes:
        digest: SHA-256 of the file.
        items, annotators, labels, seconds, places: Of each row, as it was written; annotators are
            pseudonyms, empty where the row names nobody.
        unread: Rows of which not so much could be read: place, why, and their beginning.
        notes: What is to be known of rows that were read: place and what.
    """

    format: int = 1
    number: int
    imported_at: str
    file: str
    digest: str
    form: str
    items: list[str] = Field(repr=False)
    annotators: list[str] = Field(repr=False)
    labels: list[str | None] = Field(repr=False)
    seconds: list[float | None] = Field(repr=False)
    places: list[str] = Field(repr=False)
    unread: list[tuple[str, str, str]] = Field(default_factory=list, repr=False)
    notes: list[tuple[str, str]] = Field(default_factory=list, repr=False)

    @model_validator(mode="after")
    def _fits(self) -> Import:
        columns = (self.items, self.annotators, self.labels, self.seconds, self.places)
        if len({len(column) for column in columns}) > 1:
            raise ValueError("items, annotators, labels, seconds and places differ in length")
        return self


class Decision(Record):
    """What somebody decided by hand.

    Attributes:
        annotator: Whose answers, a pseudonym; empty: of a round that is closed.
        round: Of which round; None: of all, those to come among them.
        verdict: What holds from now on, whatever the figures say; close: what did not come back of
            the round is not waited for.
    """

    format: int = 1
    number: int
    decided_at: str
    annotator: str = ""
    round: int | None = None
    verdict: Literal["accept", "hold", "return", "close"]


@dataclass(frozen=True)
class Ledger:
    """All events of a ledger, in order.

    Attributes:
        folder: Where it stands, or will stand.
    """

    folder: Path
    rounds: tuple[Round, ...] = ()
    imports: tuple[Import, ...] = ()
    decisions: tuple[Decision, ...] = ()
    people: People = field(default_factory=People, repr=False)

    @cached_property
    def closed(self) -> frozenset[int]:
        """The rounds that are closed."""
        found = (one.round for one in self.decisions if one.verdict == "close")
        return frozenset(number for number in found if number is not None)

    def round(self, number: int) -> Round:
        """The round of that number.

        Raises:
            UsageError: There is none.
        """
        found = next((one for one in self.rounds if one.number == number), None)
        if found is None:
            last = self.rounds[-1].number if self.rounds else 0
            raise UsageError(
                f"there is no round {number} in the ledger",
                where=str(self.folder),
                hint=f"the last is round {last}" if last else "none was ordered yet",
                code="no-round",
            )
        return found


def open_ledger(folder: Path) -> Ledger:
    """A ledger as it stands; one that is not there is empty.

    Raises:
        DataError: An event is damaged, or one is missing between others.
    """
    return Ledger(
        folder,
        tuple(_read(folder, "rounds", Round)),
        tuple(_read(folder, "imports", Import)),
        tuple(_read(folder, "decisions", Decision)),
        People.read(folder),
    )


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Hold the ledger's lock: there is one writer.

    Raises:
        StorageError: Another process holds it, or the folder cannot be written.
    """
    with elsewhere(_ELSEWHERE), folder_lock(folder, hint=_BUSY):
        sweep(folder)
        yield


def add(folder: Path, event: Round | Import | Decision) -> None:
    """Write an event down: from here on it is one.

    Raises:
        StorageError: The disk is full or the folder cannot be written.
    """
    kind = {Round: "rounds", Import: "imports", Decision: "decisions"}[type(event)]
    path = folder / kind / f"{event.number:04d}.json"
    write_record(path, event)
    os.chmod(path, 0o600)


def next_number(events: Sequence[Round] | Sequence[Import] | Sequence[Decision]) -> int:
    """Of the next event of a kind."""
    return events[-1].number + 1 if events else 1


def now() -> str:
    """The time of an event (UTC, to the second)."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _read(folder: Path, kind: str, of: type[Event]) -> Iterator[Event]:
    if not (folder / kind).is_dir():
        return
    found = [path for path in (folder / kind).glob("[0-9]*.json") if path.stem.isdecimal()]
    for place, path in enumerate(sorted(found, key=lambda path: int(path.stem)), 1):
        if int(path.stem) != place:
            raise DataError(
                f"{kind[:-1]} {place} of the ledger is missing",
                where=str(folder / kind),
                hint="put the file back from a copy: what was ordered and answered is in it alone",
                code="ledger-gap",
            )
        try:
            yield read_file(of, path, f"{kind[:-1]} {place} of the ledger")
        except DataError as error:
            error.hint = "put the file back from a copy: the ledger is the only place of it"
            raise
