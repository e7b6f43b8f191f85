"""The answers of a ledger that a recipe takes: one file in the ledger's folder, whole or not there.

It is made of the ledger's events (rounds, imports, decisions), each a file of its own, and names
those that it was made of: one that was not brought up to date after a stop is never taken for the
whole.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from tilth.errors import DataError
from tilth.records import DAMAGED
from tilth.store.digests import watched
from tilth.store.files import atomic_file

FILE = "accepted.jsonl"
# The folders of a ledger's events.
EVENTS = ("rounds", "imports", "decisions")
_FORMAT = 1

Standing = Literal["accepted", "held"]


class Accepted(NamedTuple):
    """One answer: to which sample, by whom (a pseudonym), what, and how it stands."""

    sample: str
    annotator: str
    label: str
    standing: Standing


def events_of(folder: Path) -> list[str]:
    """The names of a ledger's events, in order: `rounds/0001.json`."""
    return [
        f"{kind}/{entry.name}"
        for kind in EVENTS
        if (folder / kind).is_dir()
        for entry in sorted(os.scandir(folder / kind), key=lambda entry: entry.name)
        if entry.name.endswith(".json") and not entry.name.startswith(".")
    ]


def write_accepted(folder: Path, answers: Iterable[Accepted], terms: str) -> bool:
    """Put the answers in the place of those that were there.

    Args:
        folder: Of the ledger.
        answers: In any order.
        terms: By what they were accepted.

    Returns:
        Whether anything of them is another than before.

    Raises:
        StorageError: The disk is full or the folder cannot be written.
    """
    rows = "".join(json.dumps(answer) + "\n" for answer in sorted(answers)).encode()
    head = {"format": _FORMAT, "events": events_of(folder), "terms": terms}
    digest = hashlib.sha256(rows).hexdigest()
    data = json.dumps({**head, "digest": digest}).encode() + b"\n" + rows
    path = folder / FILE
    before = path.read_bytes() if path.is_file() else b""
    if before != data:
        with atomic_file(path) as file:
            file.write(data)
    return before.partition(b"\n")[2] != data.partition(b"\n")[2]


def terms_of(folder: Path) -> str | None:
    """By what the answers were accepted; None: there are none, or they are not up to date."""
    path = folder / FILE
    if not path.is_file():
        return None
    with path.open("rb") as file:
        try:
            head = json.loads(file.readline())
        except ValueError:
            return None
    is_whole = isinstance(head, dict) and head.get("events") == events_of(folder)
    return str(head.get("terms")) if is_whole else None


def read_accepted(folder: Path, *, held: bool) -> Iterator[Accepted]:
    """The answers that were accepted; where there is no ledger yet, none.

    Args:
        folder: Of the ledger.
        held: Those that are held, too.

    Raises:
        DataError: They are damaged, or are not those of the ledger as it stands.
    """
    path = folder / FILE
    if not path.is_file():
        if events_of(folder):
            raise _behind(path)
        return
    with watched(path).open("rb") as file:
        head = _parsed(file.readline(), path)
        if not isinstance(head, dict) or head.get("format") != _FORMAT:
            raise _damaged(path, "it does not begin as one")
        if head.get("events") != events_of(folder):
            raise _behind(path)
        digest = hashlib.sha256()
        for line in file:
            digest.update(line)
            given = _parsed(line, path)
            if not isinstance(given, list) or len(given) != len(Accepted._fields):
                raise _damaged(path, "a line is no answer")
            answer = Accepted(*given)
            if held or answer.standing == "accepted":
                yield answer
        if head.get("digest") != digest.hexdigest():
            raise _damaged(path, "its digest is that of other answers")


def digest_of_accepted(folder: Path, *, held: bool) -> str:
    """A digest of the answers, the same for the same answers.

    Raises:
        DataError: As of `read_accepted`.
    """
    digest = hashlib.sha256()
    for answer in read_accepted(folder, held=held):
        digest.update(json.dumps(answer[:3]).encode())
    return digest.hexdigest()


def _parsed(line: bytes, path: Path) -> object:
    try:
        return json.loads(line)
    except ValueError as error:
        raise _damaged(path, str(error)) from None


def _damaged(path: Path, why: str) -> DataError:
    return DataError(
        f"the answers of the ledger cannot be read: {why}",
        where=str(path),
        hint="remove the file; `tilth annotate RECIPE --settle` makes it again from the ledger",
        code=DAMAGED,
    )


def _behind(path: Path) -> DataError:
    return DataError(
        "the answers of the ledger are not those of its imports: it was stopped while it wrote",
        where=str(path),
        hint="`tilth annotate RECIPE --settle` brings them up to date",
        code="ledger-behind",
    )
