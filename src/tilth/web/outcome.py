"""How one address of a crawl ended, and how that is stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tilth.web.media import Shown
from tilth.web.warc_store import Place

# How an answer is stored, in the order of an outcome's fields.
ANSWER = (
    "rule TEXT, value TEXT, error TEXT, content_type TEXT, consent TEXT, fetched_at TEXT,"
    " canonical TEXT, leads TEXT, file INTEGER, start INTEGER, length INTEGER, size INTEGER,"
    " sha1 BLOB, look BLOB"
)
_FIELDS = ", ".join(column.split()[0] for column in ANSWER.split(", "))
_MARKS = ", ".join("?" for _ in _FIELDS.split(", "))


@dataclass(frozen=True)
class Outcome:
    """How one address ended: a page, dropped by a rule, or failed with an error.

    Attributes:
        url: The normalised address.
        rule: Why it is dropped, or None.
        value: What decided: a status, a redirect's target, a directive.
        error: What failed, or None.
        content_type: The Content-Type header.
        consent: Evidence of what the site allows.
        fetched_at: UTC time of the answer, ISO 8601.
        canonical: The address that the page names as its own, where it is another one.
        leads: Addresses that an answer leads to which is not in the archive; one a line.
        place: Where the page stands in the archive, or None.
        digest: Of the body that stands there and nowhere before, SHA-1; it is not read back.
        size: Of the body of a page, in bytes.
        sha1: Of that.
        look: What the page looks like within its pattern of addresses.
        shows: Pictures and sounds of a page, where such are looked for; see `Mentions`.
        told: What a page was rendered without; in its records in the archive, and read from there.
    """

    url: str
    rule: str | None = None
    value: str | None = None
    error: str | None = None
    content_type: str | None = None
    consent: str | None = None
    fetched_at: str | None = None
    canonical: str | None = None
    leads: str | None = None
    place: Place | None = None
    digest: bytes | None = None
    size: int | None = None
    sha1: bytes | None = None
    look: bytes | None = None
    shows: Shown | None = None
    told: tuple[str, ...] = ()


def with_fields(query: str) -> str:
    """A statement with the columns of an answer for FIELDS, and a mark for each for MARKS."""
    return query.replace("FIELDS", _FIELDS).replace("MARKS", _MARKS)


def stored(outcome: Outcome) -> tuple[object, ...]:
    """The fields of an outcome as they are stored."""
    told = (outcome.rule, outcome.value, outcome.error, outcome.content_type, outcome.consent)
    place = (None, None, None) if outcome.place is None else outcome.place
    rest = (outcome.fetched_at, outcome.canonical, outcome.leads)
    return (*map(storable, told), *rest, *place, outcome.size, outcome.sha1, outcome.look)


def outcome_of(row: tuple[Any, ...]) -> Outcome:
    *fields, file, start, length, size, sha1, look = row
    place = None if file is None else Place(file, start, length)
    return Outcome(*(*fields, place, None, size, sha1, look))


def storable(text: str | None) -> str | None:
    """Foreign words as SQLite can store them: half a surrogate pair becomes a question mark."""
    return text and text.encode("utf-8", "replace").decode()
