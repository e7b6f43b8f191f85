"""What a crawl knows of every address: found, to be fetched, or settled, durably.

A crawl goes level by level (links from the start). A level's addresses are *found* by the level
before, *admitted* all at once (robots.txt and the page budget decide, in the order of addresses),
then *settled* in any order. So which pages belong to the crawl depends on the site alone and never
on which answer came first. What is in flight is not written down: an admitted address that is not
settled when the file is opened again is simply fetched again.

Beside them stand *answers* to addresses that no level has admitted yet: of a host that went ahead
while others were still at their level, and of a crawl with other bounds. They count for nothing
until a level admits the address, which is then not asked for again.

While a crawl is refreshed, *earlier* has the pages of the crawl before. Each is asked for again
where a level admits it, and is compared with what that gives.

One SQLite file in WAL mode, one writer. What is settled outlives a kill at once, and a loss of
power once `harden` has returned.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from tilth.web.bounds import CUTS
from tilth.web.cookies import Cookies
from tilth.web.mentions import Mentions
from tilth.web.outcome import ANSWER, outcome_of, storable, stored, with_fields
from tilth.web.outcome import Outcome as Outcome
from tilth.web.urls import host_of
from tilth.web.warc_store import Place

_FOUND, _ADMITTED, _SETTLED = 0, 1, 2
_CHUNK = 2000
# The rule of what was found, and lies behind the budget of pages.
BEHIND = "max-pages"
# And of what the recipe leaves out by its address.
EXCLUDED = "excluded"
# How the name of a fact begins that says until when a host asked to be left alone.
HELD = "held "
# And that of one that says until when a host is left alone after the last request to it.
RESTS = "rests "
# And that of one that says when an origin was asked for its robots.txt.
ASKED = "asked "
# The fact that says, of a finished crawl, how many requests failed that may be answered yet.
FAILED = "failed"
# And that of the sitemaps: whether they were read, with one that could not be had among them.
SITEMAPS, LOST = "sitemaps", "lost"
# The fact that says whether the crawl is one that refreshes another, and is done.
_REFRESH = "refresh"

# What is told of pages, and goes with them.
_OF_PAGES = ("looks", "seen", "copies")

_KEPT = (
    "SELECT url, sha1, canonical FROM pages WHERE file NOT NULL AND rule IS NULL AND sha1 NOT NULL"
)
# What has not ended has an index of its own. A query has to say `state < 2`, too: SQLite does not
# look at a number that is given to it, and would read all that is known instead.
_TABLES = f"""
CREATE TABLE IF NOT EXISTS pages (
    url TEXT PRIMARY KEY, depth INTEGER NOT NULL, state INTEGER NOT NULL, {ANSWER}
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS open_pages ON pages (state, depth, url) WHERE state < 2;
CREATE TABLE IF NOT EXISTS answers (url TEXT PRIMARY KEY, {ANSWER}) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS earlier (
    url TEXT PRIMARY KEY, {ANSWER}, depth INTEGER, failed TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS robots (origin TEXT PRIMARY KEY, text TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS bodies (
    digest BLOB PRIMARY KEY, file INTEGER, start INTEGER, length INTEGER
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS looks (
    depth INTEGER, url TEXT, look BLOB, PRIMARY KEY (depth, url)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seen (look BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS copies (url TEXT PRIMARY KEY, first TEXT) WITHOUT ROWID;
"""


class Frontier:
    """The state of one crawl in one file.

    Args:
        path: The SQLite file; made if it is not there.

    Attributes:
        mentions: Which pages show which pictures, and play which sounds.
        cookies: What its sites have set, where cookies are kept.
    """

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        # NORMAL: a commit is the system's when it returns, and so outlives this process.
        self._db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;" + _TABLES)
        for table in ("pages", "answers", "earlier"):
            known = {row[1] for row in self._db.execute(f"PRAGMA table_info({table})")}
            # Of a crawl of a version before.
            for column in (one for one in ANSWER.split(", ") if one.split()[0] not in known):
                self._db.execute(f"ALTER TABLE {table} ADD COLUMN {column}")
        self.mentions = Mentions(self._db)
        self.cookies = Cookies(self._db)
        self._count()

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

    def robots_of(self, origin: str) -> tuple[bool, str | None]:
        """Whether an origin was asked for its robots.txt, and that; None where there is none."""
        query = "SELECT text FROM robots WHERE origin = ?"
        row = self._db.execute(query, (origin,)).fetchone()
        return row is not None, row and row[0]

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
            query = "SELECT min(depth) FROM pages WHERE state < 2 AND state = ?"
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
            "SELECT url FROM pages WHERE state < 2 AND state = ? AND depth = ? AND url > ?"
            " AND url < ? ORDER BY url LIMIT 256",
            # "0" is the character after "/": the end of what begins with the origin.
            (_ADMITTED, depth, max(after, origin), f"{origin}0"),
        )
        return [url for (url,) in rows]

    def admit(
        self,
        depth: int,
        decide: Callable[[str], Outcome | None],
        budget: int,
        per_host: int | None = None,
    ) -> None:
        """Admit or settle the found addresses of a level, in order, in one transaction.

        Args:
            depth: The level.
            decide: The outcome of an address that is not to be fetched, None for the others.
            budget: Pages that the crawl may fetch in all.
            per_host: And of each host; None: any number.
        """
        with self._transaction():
            count = int(self.fact("admitted") or 0)
            of_hosts: dict[str, int] = {}
            for url in self._open(_FOUND, depth, ""):
                outcome = decide(url)
                if outcome is None and per_host is not None:
                    host = host_of(url)
                    if host not in of_hosts:
                        of_hosts[host] = int(self.fact(f"admitted {host}") or 0)
                    if of_hosts[host] >= per_host:
                        outcome = Outcome(url, "max-pages-per-host", str(per_host))
                if outcome is None and count >= budget:
                    outcome = Outcome(url, BEHIND, str(budget))
                if outcome is not None:
                    self._settle(outcome)
                    continue
                count += 1
                if per_host is not None:
                    of_hosts[host] += 1
                self._db.execute("UPDATE pages SET state = 1 WHERE url = ?", (url,))
            self.set_fact("admitted", str(count))
            for host, number in of_hosts.items():
                self.set_fact(f"admitted {host}", str(number))

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
                # What a bound leaves out may be wanted with another one.
                if self._num_answers and outcome.rule not in CUTS:
                    query = "DELETE FROM answers WHERE url = ?"
                    self._num_answers -= self._db.execute(query, (outcome.url,)).rowcount
            self.set_fact("archive", archive_end)

    def harden(self, archive_end: str) -> None:
        """Bring everything onto the disk; the archive is there up to this end."""
        self._db.execute("PRAGMA synchronous = FULL")
        self.set_fact("hardened", archive_end)
        self._db.execute("PRAGMA synchronous = NORMAL")

    def keep_answer(self, answer: Outcome, archive_end: str) -> None:
        """Keep the answer to an address that no level has admitted."""
        values = (answer.url, *stored(answer))
        with self._transaction():
            gone = self._db.execute("DELETE FROM answers WHERE url = ?", (answer.url,)).rowcount
            self._db.execute(
                with_fields("INSERT INTO answers (url, FIELDS) VALUES (?, MARKS)"), values
            )
            self._note_body(answer)
            self.set_fact("archive", archive_end)
        self._num_answers += 1 - gone

    def answer(self, url: str) -> Outcome | None:
        """The answer to an address that is kept from before, or None."""
        if not self._num_answers:
            return None
        query = with_fields("SELECT url, FIELDS FROM answers WHERE url = ?")
        row = self._db.execute(query, (url,)).fetchone()
        return row and outcome_of(row)

    def place_of(self, digest: bytes) -> Place | None:
        """Where a body stands in the archive, by its digest; None where it does not."""
        query = "SELECT file, start, length FROM bodies WHERE digest = ?"
        row = self._db.execute(query, (digest,)).fetchone()
        return row and Place(*row)

    def is_decided(self, url: str) -> bool:
        """Whether an address is admitted or settled already."""
        query = "SELECT 1 FROM pages WHERE url = ? AND state > 0"
        return self._db.execute(query, (url,)).fetchone() is not None

    @property
    def is_refresh(self) -> bool:
        """Whether the crawl refreshes an earlier one, and is not done."""
        return self.fact(_REFRESH) == "begun"

    @property
    def was_refreshed(self) -> bool:
        """Whether the crawl has refreshed an earlier one, and is done."""
        return self.fact(_REFRESH) == "done"

    def begin_refresh(self) -> None:
        """Forget which addresses there are, and ask all of them again; all of it or nothing.

        Rules of sites are asked for again too, and count until then.
        """
        with self._transaction():
            self._db.execute("DELETE FROM earlier")
            self._db.execute(
                with_fields(
                    "INSERT INTO earlier (url, FIELDS, depth) SELECT url, FIELDS, depth"
                    " FROM pages WHERE file IS NOT NULL"
                )
            )
            self._db.execute(
                with_fields(
                    "INSERT OR IGNORE INTO earlier (url, FIELDS) SELECT url, FIELDS"
                    " FROM answers WHERE file IS NOT NULL"
                )
            )
            self._forget_crawl()
            self._db.execute("DELETE FROM answers")
            self._db.execute("DELETE FROM facts WHERE name LIKE 'asked %'")
            self._db.execute("DELETE FROM cookies")
            self.set_fact(_REFRESH, "begun")
        self._count()

    def end(self) -> None:
        """All addresses of the crawl have ended."""
        with self._transaction():
            if self.is_refresh:
                self.set_fact(_REFRESH, "done")
            self.set_fact(FAILED, str(self.count_failed()))
            self.set_fact("complete", "yes")

    def undo_refresh(self) -> None:
        """Take what a refresh asked for as not asked, and the earlier pages as what there is."""
        with self._transaction():
            self._forget_crawl()
            self._db.execute("DELETE FROM answers")
            self._db.execute(
                with_fields("INSERT INTO answers (url, FIELDS) SELECT url, FIELDS FROM earlier")
            )
            self._db.execute("UPDATE answers SET leads = NULL")
            self._db.execute("DELETE FROM earlier")
            self._db.execute("DELETE FROM facts WHERE name = ?", (_REFRESH,))
        self._count()

    def earlier(self, url: str) -> Outcome | None:
        """The page of the crawl that is refreshed, or None."""
        query = with_fields("SELECT url, FIELDS FROM earlier WHERE url = ?")
        row = self._db.execute(query, (url,)).fetchone()
        return row and outcome_of(row)

    def earlier_pages(self) -> Iterator[tuple[str, int]]:
        """Address and level of each page of the crawl that is refreshed."""
        yield from self._db.execute("SELECT url, depth FROM earlier WHERE depth IS NOT NULL")

    def note_failed(self, url: str, cause: str) -> None:
        """An earlier page was asked for again in vain."""
        query = "UPDATE earlier SET failed = ? WHERE url = ?"
        self._db.execute(query, (storable(cause), url))

    def changes(self) -> Iterator[tuple[str, str]]:
        """What the last refresh found, an address each: `new`, `changed`, `gone` (404 or 410),
        `left` (no page of the crawl any more) or `failed` (as it was, for it could not be had)."""
        if not self.was_refreshed:
            return
        yield from self._db.execute(
            "SELECT p.url, CASE WHEN e.failed IS NOT NULL THEN 'failed'"
            " WHEN e.depth IS NULL THEN 'new' ELSE 'changed' END"
            " FROM pages AS p LEFT JOIN earlier AS e ON e.url = p.url"
            " WHERE p.file IS NOT NULL AND (e.failed IS NOT NULL OR e.depth IS NULL"
            " OR (p.file, p.start) != (e.file, e.start)) ORDER BY p.url"
        )
        yield from self._db.execute(
            "SELECT e.url, iif(p.rule = 'http-status' AND p.value IN ('404', '410'), 'gone',"
            " 'left') FROM earlier AS e LEFT JOIN pages AS p ON p.url = e.url"
            " WHERE e.depth IS NOT NULL AND p.file IS NULL ORDER BY e.url"
        )

    def _forget_crawl(self) -> None:
        """Forget which addresses there are, and what was told of them."""
        for table in ("pages", *_OF_PAGES):
            self._db.execute(f"DELETE FROM {table}")  # noqa: S608 (names of our own)
        self.mentions.forget()
        self._db.execute(
            "DELETE FROM facts WHERE NOT (name IN ('archive', 'hardened', 'identity', 'shown',"
            " 'hosts', 'patience') OR name LIKE 'held %' OR name LIKE 'asked %'"
            " OR name LIKE 'tdmrep %')"
        )

    def begin_again(
        self,
        but: Callable[[str], bool] = lambda _: False,
        facts: Mapping[str, str] | None = None,
        *,
        has_less_room: bool = False,
        takes_more: bool = False,
    ) -> None:
        """Forget which addresses there are, and keep what they answered; all of it or nothing.

        Args:
            but: Of which addresses the answers and robots.txt are forgotten too.
            facts: What holds from now on.
            has_less_room: Bodies are to be smaller than before. Of one that is not in the archive
                nobody knows how large it was, so its answer is forgotten.
            takes_more: Other kinds of content are taken than before, so what was of another kind
                is asked for again.
        """
        is_refresh = self.is_refresh
        with self._transaction():
            # What it leads to is read from the archive, by what is asked for now.
            self._db.execute("UPDATE answers SET leads = NULL WHERE file IS NOT NULL")
            self._db.execute(
                with_fields(
                    "INSERT OR REPLACE INTO answers (url, FIELDS) SELECT url, FIELDS FROM pages"
                    " WHERE fetched_at IS NOT NULL AND error IS NULL"
                )
            )
            for table in ("pages", *_OF_PAGES):
                self._db.execute(f"DELETE FROM {table}")  # noqa: S608 (names of our own)
            self.mentions.forget()
            if takes_more:
                self._db.execute("DELETE FROM answers WHERE rule = 'content-type'")
            if has_less_room:
                self._db.execute(
                    "DELETE FROM answers WHERE file IS NULL AND content_type IS NOT NULL"
                )
            urls = self._db.execute("SELECT url FROM answers")
            gone = [(url,) for (url,) in urls if but(url)]
            self._db.executemany("DELETE FROM answers WHERE url = ?", gone)
            gone = [(origin,) for origin in self.robots() if but(origin)]
            self._db.executemany("DELETE FROM robots WHERE origin = ?", gone)
            self._db.execute(
                "DELETE FROM facts WHERE NOT (name IN ('archive', 'hardened')"
                " OR name LIKE 'held %' OR name LIKE 'asked %' OR name LIKE 'tdmrep %')"
            )
            if is_refresh:
                # It goes on with other bounds.
                self.set_fact(_REFRESH, "begun")
            else:
                self._db.execute("DELETE FROM earlier")
            reserved = [(f"tdmrep {origin}",) for (origin,) in gone]
            self._db.executemany("DELETE FROM facts WHERE name = ?", reserved)
            for name, value in (facts or {}).items():
                self.set_fact(name, value)
        self._count()

    def forget_lost(self, is_whole: Callable[[Place], bool], after: Place) -> Place | None:
        """Open again the addresses whose pages a loss of power took out of the archive.

        Args:
            is_whole: Whether a record is there.
            after: What stands before this was brought onto the disk.

        Returns:
            Where the first lost record began, with all behind it; None if none is lost.
        """
        rows = self._db.execute(
            "SELECT file, start, length FROM pages WHERE (file, start) >= (?1, ?2)"
            " UNION SELECT file, start, length FROM answers WHERE (file, start) >= (?1, ?2)"
            " ORDER BY 1, 2",
            (after.file, after.start),
        )
        lost = next((place for place in map(Place._make, rows) if not is_whole(place)), None)
        if lost is not None:
            with self._transaction():
                self._db.execute(
                    "UPDATE pages SET state = 1, rule = NULL, value = NULL, error = NULL,"
                    " content_type = NULL, consent = NULL, fetched_at = NULL, canonical = NULL,"
                    " leads = NULL, file = NULL, start = NULL, length = NULL, size = NULL,"
                    " sha1 = NULL, look = NULL"
                    " WHERE (file, start) >= (?, ?)",
                    lost[:2],
                )
                self._db.execute("DELETE FROM answers WHERE (file, start) >= (?, ?)", lost[:2])
                self._db.execute("DELETE FROM bodies WHERE (file, start) >= (?, ?)", lost[:2])
            self._count()
        return lost

    def facts(self, beginning: str) -> list[tuple[str, str]]:
        """The stored facts whose names begin so; the rest of the name, and the value."""
        rows = self._db.execute("SELECT name, value FROM facts").fetchall()
        return [(n.removeprefix(beginning), v) for n, v in rows if n.startswith(beginning)]

    def counts(self) -> tuple[int, int]:
        """Settled addresses, and all that are known."""
        return self._num_settled, self._num_known

    def count_pages(self) -> int:
        """Pages in the archive."""
        query = "SELECT count(*) FROM pages WHERE file IS NOT NULL"
        return int(self._db.execute(query).fetchone()[0])

    def count_failed(self) -> int:
        """Addresses that were not answered, and one where a sitemap was not that none names."""
        query = "SELECT count(*) FROM pages WHERE error IS NOT NULL AND fetched_at IS NULL"
        return int(self._db.execute(query).fetchone()[0]) + (self.fact(SITEMAPS) == LOST)

    def sizes(self) -> Iterator[tuple[str, int]]:
        """Address and bytes of each page in the archive."""
        yield from self._db.execute("SELECT url, size FROM pages WHERE size IS NOT NULL")

    def take_looks(self, depth: int, note: Callable[[str, bool], None]) -> None:
        """Tell of each page before a level, in order and once, whether another before it looks the
        same; in one transaction."""
        query = "SELECT depth, url, look FROM looks WHERE depth < ? ORDER BY 1, 2 LIMIT ?"
        with self._transaction():
            while rows := self._db.execute(query, (depth, _CHUNK)).fetchall():
                for _, url, look in rows:
                    fresh = self._db.execute("INSERT OR IGNORE INTO seen VALUES (?)", (look,))
                    note(url, not fresh.rowcount)
                gone = "DELETE FROM looks WHERE (depth, url) <= (?, ?)"
                self._db.execute(gone, rows[-1][:2])

    def bodies(self) -> Iterator[tuple[str, bytes, str | None]]:
        """Address, SHA-1 and canonical address of each page that no rule drops, in order."""
        yield from self._db.execute(f"{_KEPT} ORDER BY url")

    def body(self, url: str) -> tuple[str, bytes, str | None] | None:
        """The same of one address; None where it is no such page."""
        row: tuple[str, bytes, str | None] | None = self._db.execute(
            f"{_KEPT} AND url = ?", (url,)
        ).fetchone()
        return row

    def set_copies(self, pairs: Iterable[tuple[str, str]]) -> None:
        """These pages are copies: address, and that of which it is one."""
        with self._transaction():
            self._db.executemany("INSERT OR REPLACE INTO copies VALUES (?, ?)", pairs)

    def outcomes(self) -> Iterator[Outcome]:
        """How every address ended, in the order of addresses.

        A page that names another page as canonical is dropped where that other page is kept:
        where it was fetched, is not dropped, and does not itself point elsewhere. One that is a
        copy (`set_copies`) is dropped too.
        """
        query = """
            SELECT p.url,
                iif(q.url IS NOT NULL, 'canonical', iif(c.url IS NOT NULL, 'duplicate', p.rule)),
                coalesce(q.url, c.first, p.value), p.error, p.content_type, p.consent,
                p.fetched_at, p.canonical, NULL, p.file, p.start, p.length, p.size, NULL, NULL
            FROM pages AS p LEFT JOIN copies AS c ON c.url = p.url LEFT JOIN pages AS q
            ON q.url = p.canonical AND p.file IS NOT NULL AND p.rule IS NULL
                AND q.file IS NOT NULL AND q.rule IS NULL AND q.canonical IS NULL
                AND q.url NOT IN (SELECT url FROM copies)
            WHERE p.state = 2 AND p.url > ? ORDER BY p.url LIMIT ?
        """
        last = ""
        while rows := self._db.execute(query, (last, _CHUNK)).fetchall():
            last = rows[-1][0]
            yield from map(outcome_of, rows)

    def _open(self, state: int, depth: int, after: str) -> Iterator[str]:
        query = (
            "SELECT url FROM pages WHERE state < 2 AND state = ? AND depth = ? AND url > ?"
            " ORDER BY url LIMIT ?"
        )
        while rows := self._db.execute(query, (state, depth, after, _CHUNK)).fetchall():
            after = rows[-1][0]
            yield from (url for (url,) in rows)

    def _add(self, found: Iterable[tuple[str, int]]) -> None:
        query = "INSERT OR IGNORE INTO pages (url, depth, state) VALUES (?, ?, 0)"
        self._num_known += max(self._db.executemany(query, found).rowcount, 0)

    def _settle(self, outcome: Outcome) -> None:
        settled = self._db.execute(
            "UPDATE pages SET state = 2, rule = ?, value = ?, error = ?, content_type = ?,"
            " consent = ?, fetched_at = ?, canonical = ?, leads = ?, file = ?, start = ?,"
            " length = ?, size = ?, sha1 = ?, look = ? WHERE url = ? AND state < 2",
            (*stored(outcome), outcome.url),
        )
        # Two indexes may name the same sitemap as one too many.
        self._num_settled += settled.rowcount
        if outcome.look is not None and outcome.rule is None:
            self._db.execute(
                "INSERT OR REPLACE INTO looks SELECT depth, url, look FROM pages WHERE url = ?",
                (outcome.url,),
            )
        self._note_body(outcome)
        if outcome.shows is not None:
            self._num_known += self.mentions.note(outcome.url, outcome.shows)
        elif outcome.rule == "redirect":
            self._num_known += self.mentions.note_redirect(outcome.url, outcome.value)
        if outcome.told:
            self.mentions.note_passed(outcome.url, outcome.told)

    def _note_body(self, outcome: Outcome) -> None:
        if outcome.digest is not None and outcome.place is not None:
            self._db.execute(
                "INSERT OR REPLACE INTO bodies VALUES (?, ?, ?, ?)",
                (outcome.digest, *outcome.place),
            )

    def _count(self) -> None:
        """Counted once and kept up, since counting reads whole tables."""
        self._num_settled, self._num_known, self._num_answers = self._db.execute(
            "SELECT count(*) FILTER (WHERE state = 2), count(*),"
            " (SELECT count(*) FROM answers) FROM pages"
        ).fetchone()
        self.mentions.count()

    def _transaction(self) -> sqlite3.Connection:
        self._db.execute("BEGIN IMMEDIATE")
        # As a context manager a connection commits, or rolls back on an exception.
        return self._db
