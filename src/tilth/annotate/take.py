"""Take what comes back into the ledger: a file once, all its rows, or nothing of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from tilth.annotate.incoming import NO_TIME, SKIPPED, Delivery, Incoming, read_delivery
from tilth.annotate.ledger import (
    Decision,
    Import,
    Ledger,
    Verdict,
    add,
    next_number,
    now,
    open_ledger,
    writing,
)
from tilth.annotate.people import People
from tilth.annotate.settle import settle
from tilth.annotate.source import Source
from tilth.annotate.standing import BEFORE, CHANGED, NO_ANSWER, Told
from tilth.errors import UsageError
from tilth.hints import did_you_mean
from tilth.store.files import sha256_file

# What is to be known of rows that are answers, or are none by their annotator's own will.
_NO_LOSS: Final = (CHANGED, BEFORE, NO_TIME, NO_ANSWER, SKIPPED)


@dataclass(frozen=True)
class Row:
    """A row that is to be told of."""

    place: str
    why: str


@dataclass(frozen=True)
class Taken:
    """What became of one file.

    Attributes:
        file: Its name.
        number: Of the import; of a file that was taken before, of that one.
        before: Whether it was: then nothing changed.
        form: What it is.
        rows: In it.
        answers: Of these, answers that the ledger had not.
        repeated: That it had already.
        told: Rows that are none, or not as they stand, each with its reason.
        lost: How many of these say something that could not be taken; they are kept as they are.
    """

    file: str
    number: int
    before: bool
    form: str
    rows: int
    answers: int
    repeated: int
    told: tuple[Row, ...] = ()
    lost: int = 0
    notes: tuple[str, ...] = ()


def take(source: Source, files: Sequence[Path]) -> list[Taken]:
    """Take files into the ledger, one after the other.

    Each is an event of its own: a kill leaves it taken or not, and to take it again is safe.
    If one cannot be read, none is taken.

    Raises:
        UsageError: Nothing was ordered yet.
        MissingError: A file is not there.
        DataError: One cannot be read, or the ledger is damaged.
        StorageError: The ledger cannot be written.
    """
    rule = source.asked.accept
    with writing(source.ledger):
        ledger = open_ledger(source.ledger)
        if not ledger.rounds:
            raise UsageError(
                "nothing was ordered yet, so that no answer can be of it",
                where=str(source.ledger),
                hint=f"`tilth annotate {source.name}` orders a round; answers without one are "
                "joined to a source (docs/guides/labels.md)",
                code="no-round",
            )
        # All are read before one is taken: a file that cannot be read stops nothing half-way.
        read = [_read(ledger, file) for file in files]
        found = []
        for one in read:
            ledger, made, before = _add(ledger, one)
            found.append((made, before, one.notes))
        settled = settle(ledger, rule)
    told: dict[int, list[Told]] = {}
    for row in settled.standing.told:
        told.setdefault(row.number, []).append(row)
    return [
        _taken(one, before, told.get(one.number, []), settled.standing.repeated, notes)
        for one, before, notes in found
    ]


@dataclass(frozen=True)
class _Read:
    """A file: its name, its digest, what it holds unless that was taken before, and notes."""

    name: str
    digest: str
    delivery: Delivery | None
    notes: tuple[str, ...] = ()


def _read(ledger: Ledger, file: Path) -> _Read:
    notes: list[str] = []
    # Whether there is such a file is for its reader to say.
    digest = sha256_file(file) if file.is_file() else ""
    if any(one.digest == digest for one in ledger.imports):
        return _Read(file.name, digest, None)
    return _Read(file.name, digest, read_delivery(file, notes.append), tuple(notes))


def _add(ledger: Ledger, file: _Read) -> tuple[Ledger, Import, bool]:
    """The ledger with a file, its import, and whether it was there before."""
    known = next((one for one in ledger.imports if one.digest == file.digest), None)
    if known is not None or file.delivery is None:
        assert known is not None
        return ledger, known, True
    rows = file.delivery.rows
    people = ledger.people.with_names({row.annotator for row in rows if row.annotator})
    made = _import(next_number(ledger.imports), file.name, file.digest, file.delivery, people)
    # Names first: a kill leaves names without answers, and never answers of nobody.
    if people != ledger.people:
        people.write(ledger.folder)
    add(ledger.folder, made)
    return replace(ledger, imports=(*ledger.imports, made), people=people), made, False


def _import(number: int, name: str, digest: str, delivery: Delivery, people: People) -> Import:
    sound = [row for row in delivery.rows if not row.why]
    return Import(
        number=number,
        imported_at=now(),
        file=name,
        digest=digest,
        form=delivery.form,
        items=[row.item for row in sound],
        annotators=[_called(row, people) for row in sound],
        labels=[row.label for row in sound],
        seconds=[row.seconds for row in sound],
        places=[row.place for row in sound],
        unread=[(row.place, row.why, row.beginning) for row in delivery.rows if row.why],
        notes=[(row.place, row.note) for row in sound if row.note],
    )


def _called(row: Incoming, people: People) -> str:
    return people.pseudonym(row.annotator) if row.annotator else ""


def _taken(
    one: Import,
    before: bool,
    told: Sequence[Told],
    repeated: dict[int, int],
    notes: tuple[str, ...],
) -> Taken:
    rows = len(one.items) + len(one.unread)
    if before:
        return Taken(one.file, one.number, True, one.form, rows, 0, 0)
    none = sum(not row.why.startswith((CHANGED, NO_TIME)) for row in told)
    again = repeated.get(one.number, 0)
    lost = sum(not row.why.startswith(_NO_LOSS) for row in told)
    shown = tuple(Row(row.place, row.why) for row in told)
    return Taken(
        one.file, one.number, False, one.form, rows, rows - none - again, again, shown, lost, notes
    )


def reasons(rows: Sequence[Row]) -> list[tuple[str, int, str]]:
    """Why rows are told of, how often, and the first place of each; the most frequent first."""
    counts = Counter(row.why.partition(":")[0] for row in rows)
    first: dict[str, Row] = {}
    for row in rows:
        first.setdefault(row.why.partition(":")[0], row)
    return [
        (first[why].why if num == 1 else why, num, first[why].place)
        for why, num in counts.most_common()
    ]


def decide(
    source: Source,
    verdict: Verdict | Literal["close"],
    *,
    annotator: str = "",
    round: int | None = None,
) -> Decision:
    """Write down what somebody decided by hand; it holds whatever the figures say.

    Args:
        source: The recipe.
        verdict: accept, hold or return; close: of a round, what did not come back is not waited
            for.
        annotator: A pseudonym.
        round: Which round; None: all, those to come among them.

    Raises:
        UsageError: There is no such annotator or round.
        StorageError: The ledger cannot be written.
    """
    ledger = open_ledger(source.ledger)
    if round is not None:
        ledger.round(round)
    known = {name for one in ledger.imports for name in one.annotators if name}
    if verdict != "close" and annotator not in known:
        raise UsageError(
            f"there is no annotator `{annotator}` in the ledger",
            where=str(source.ledger),
            hint=did_you_mean(annotator, sorted(known), f"tilth annotate {source.name} --status"),
            code="no-annotator",
        )
    with writing(source.ledger):
        ledger = open_ledger(source.ledger)
        made = Decision(
            number=next_number(ledger.decisions),
            decided_at=now(),
            annotator=annotator,
            round=round,
            verdict=verdict,
        )
        add(source.ledger, made)
        settle(open_ledger(source.ledger), source.asked.accept)
    return made


def settle_anew(source: Source) -> bool:
    """Apply the recipe's rule as it stands to all that came back.

    Returns:
        Whether anything is accepted, held or returned that was not.

    Raises:
        UsageError: Nothing was ordered yet.
        StorageError: The ledger cannot be written.
    """
    open_ledger(source.ledger).round(1)
    with writing(source.ledger):
        return settle(open_ledger(source.ledger), source.asked.accept).changed
