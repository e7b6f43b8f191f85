"""What a crawl knows of every address: found, to be fetched, or settled, durably.

A crawl goes level by level (links from the start). A level's addresses are *found* by the level
before, *admitted* all at once (robots.txt and the page budget decide, in the order of addresses),
then *settled* in any order. So which pages belong to the crawl depends on the site alone and never
on which answer came first. What is in flight is not written down: an admitted address that is not
settled when the file is opened again is simply fetched again.

One SQLite file in WAL mode, one writer.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import astuple, dataclass
from pathlib import Path

from tilth.web.warc_store import Place

_FOUND, _ADMITTED, _SETTLED = 0, 1, 2
_CHUNK = 2000
# The rule of what was found, and lies behind the budget of pages.
BEHIND = "max-pages"

_TABLES = """
CREATE TABLE IF NOT EXISTS pages (
    url TEXT PRIMARY KEY, depth INTEGER NOT NULL, state INTEGER NOT NULL,
    rule TEXT, value TEXT, error TEXT, content_type TEXT, consent TEXT, fetched_at TEXT,
    canonical TEXT, file INTEGER, start INTEGER, length INTEGER
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS open_pages ON pages (state, depth, url) WHERE state < 2;
CREATE TABLE IF NOT EXISTS robots (origin TEXT PRIMARY KEY, text TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
"""


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
        place: Where the page stands in the archive, or None.
    """

    url: str
    rule: str | None = None
    value: str | None = None
    error: str | None = None
    content_type: str | None = None
    consent: str | None = None
    fetched_at: str | None = None
    canonical: str | None = None
    place: Place | None = None


class Frontier:
    """The state of one crawl in one file.

    Args:
        path: The SQLite file; made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        # FULL: a commit is on the disk when it returns, as the archive's records are before it.
        self._db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;" + _TABLES)
        # Counted once and kept up, since counting reads the whole table.
        self._num_settled, self._num_known = self._db.execute(
            "SELECT count(*) FILTER (WHERE state = 2), count(*) FROM pages"
        ).fetchone()

    def close(self) -> None:
        """Close the file; what was committed stays."""
        self._db.close()

    def fact(self, name: str) -> str | None:
        """A stored fact about the crawl as a whole, or None."""
        row = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def set_fact(self, name: str, value: str) -> None:
        """Store a fact about the crawl as a whole."""
        self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def robots(self) -> dict[str, str | None]:
        """The robots.txt of each origin asked so far; None where there is none."""
        return dict(self._db.execute("SELECT origin, text FROM robots"))

    def set_robots(self, origin: str, text: str | None) -> None:
        """Keep a robots.txt, so that a crawl that is taken up again decides as it did."""
        self._db.execute("INSERT OR REPLACE INTO robots VALUES (?, ?)", (origin, text))

    def add(self, urls: Iterable[str], depth: int) -> None:
        """Note addresses as found; those known already keep what is known."""
        with self._transaction():
            self._add((url, depth) for url in urls)

    def next_level(self) -> tuple[int, bool] | None:
        """The level to work on and whether it is admitted already; None when all is settled."""
        for state in (_ADMITTED, _FOUND):
            query = "SELECT min(depth) FROM pages WHERE state = ?"
            (depth,) = self._db.execute(query, (state,)).fetchone()
            if depth is not None:
                return depth, state == _ADMITTED
        return None

    def found(self, depth: int) -> Iterator[str]:
        """The addresses of a level that are not admitted yet, in order."""
        return self._open(_FOUND, depth, "")

    def admitted(self, depth: int) -> Iterator[str]:
        """The addresses of a level that are admitted and not settled, in order."""
        return self._open(_ADMITTED, depth, "")

    def next_admitted(self, depth: int, origin: str, after: str) -> list[str]:
        """Some more of an origin's admitted addresses, in order, behind the address `after`."""
        rows = self._db.execute(
            "SELECT url FROM pages WHERE state = ? AND depth = ? AND url > ? AND url < ?"
            " ORDER BY url LIMIT 256",
            # "0" is the character after "/": the end of what begins with the origin.
            (_ADMITTED, depth, max(after, origin), f"{origin}0"),
        )
        return [url for (url,) in rows]

    def admit(self, depth: int, decide: Callable[[str], Outcome | None], budget: int) -> None:
        """Admit or settle the found addresses of a level, in order, in one transaction.

        Args:
            depth: The level.
            decide: The outcome of an address that is not to be fetched, None for the others.
            budget: Pages that the crawl may fetch in all.
        """
        query = "SELECT value FROM facts WHERE name = 'admitted'"
        with self._transaction():
            row = self._db.execute(query).fetchone()
            count = int(row[0]) if row else 0
            for url in self._open(_FOUND, depth, ""):
                outcome = decide(url)
                if outcome is None and count >= budget:
                    outcome = Outcome(url, BEHIND, str(budget))
                if outcome is not None:
                    self._settle(outcome)
                    continue
                count += 1
                self._db.execute("UPDATE pages SET state = 1 WHERE url = ?", (url,))
            self.set_fact("admitted", str(count))

    def settle(
        self, outcomes: Iterable[Outcome], found: Iterable[tuple[str, int]], archive_end: str
    ) -> None:
        """Commit a batch: how addresses ended, what their pages link, and how long the archive is.

        Args:
            outcomes: One for each address that ended; it is known already, or among `found`.
            found: Address and level of each link.
            archive_end: The archive's end, after the records of this batch reached the disk.
        """
        with self._transaction():
            self._add(found)
            for outcome in outcomes:
                self._settle(outcome)
            self.set_fact("archive", archive_end)

    def counts(self) -> tuple[int, int]:
        """Settled addresses, and all that are known."""
        return self._num_settled, self._num_known

    def count_pages(self) -> int:
        """Pages in the archive."""
        query = "SELECT count(*) FROM pages WHERE file IS NOT NULL"
        return int(self._db.execute(query).fetchone()[0])

    def outcomes(self) -> Iterator[Outcome]:
        """How every address ended, in the order of addresses.

        A page that names another page as canonical is dropped where that other page is kept:
        where it was fetched, is not dropped, and does not itself point elsewhere.
        """
        query = """
            SELECT p.url, iif(q.url IS NULL, p.rule, 'canonical'),
                iif(q.url IS NULL, p.value, q.url), p.error, p.content_type, p.consent,
                p.fetched_at, p.canonical, p.file, p.start, p.length
            FROM pages AS p LEFT JOIN pages AS q
            ON q.url = p.canonical AND p.file IS NOT NULL AND p.rule IS NULL
                AND q.file IS NOT NULL AND q.rule IS NULL AND q.canonical IS NULL
            WHERE p.state = 2 AND p.url > ? ORDER BY p.url LIMIT ?
        """
        last = ""
        while rows := self._db.execute(query, (last, _CHUNK)).fetchall():
            last = rows[-1][0]
            for *fields, file, start, length in rows:
                place = None if file is None else Place(file, start, length)
                yield Outcome(*(*fields, place))

    def _open(self, state: int, depth: int, after: str) -> Iterator[str]:
        query = (
            "SELECT url FROM pages WHERE state = ? AND depth = ? AND url > ? ORDER BY url LIMIT ?"
        )
        while rows := self._db.execute(query, (state, depth, after, _CHUNK)).fetchall():
            after = rows[-1][0]
            yield from (url for (url,) in rows)

    def _add(self, found: Iterable[tuple[str, int]]) -> None:
        query = "INSERT OR IGNORE INTO pages (url, depth, state) VALUES (?, ?, 0)"
        self._num_known += max(self._db.executemany(query, found).rowcount, 0)

    def _settle(self, outcome: Outcome) -> None:
        place = (None, None, None) if outcome.place is None else astuple(outcome.place)
        self._db.execute(
            "UPDATE pages SET state = 2, rule = ?, value = ?, error = ?, content_type = ?,"
            " consent = ?, fetched_at = ?, canonical = ?, file = ?, start = ?, length = ?"
            " WHERE url = ?",
            (
                *map(_storable, (outcome.rule, outcome.value, outcome.error)),
                *map(_storable, (outcome.content_type, outcome.consent)),
                *(outcome.fetched_at, outcome.canonical, *place, outcome.url),
            ),
        )
        self._num_settled += 1

    def _transaction(self) -> sqlite3.Connection:
        self._db.execute("BEGIN IMMEDIATE")
        # As a context manager a connection commits, or rolls back on an exception.
        return self._db


def _storable(text: str | None) -> str | None:
    """Foreign words as SQLite can store them: half a surrogate pair becomes a question mark."""
    return text and text.encode("utf-8", "replace").decode()
