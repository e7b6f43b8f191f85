"""Which pages of a crawl show which pictures and play which sounds, and how they call them.

It stands in the frontier's file and is committed with the page. Whether an address is shown counts
by the pages of the levels before its own, which have all ended when it is asked for: so what
becomes of it never hangs on which answer came first.
"""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import attrgetter

from tilth.web.media import Mention, Shown
from tilth.web.urls import normalize

TABLES = """
CREATE TABLE IF NOT EXISTS mentions (
    page TEXT, url TEXT, place INTEGER, kind TEXT, alt TEXT, title TEXT, caption TEXT, license TEXT,
    page_license TEXT, refused TEXT, PRIMARY KEY (page, url)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS mentions_by_url ON mentions (url, page);
CREATE TABLE IF NOT EXISTS passed (
    page TEXT, reason TEXT, PRIMARY KEY (page, reason)
) WITHOUT ROWID;
"""
# What an address is to the one to which it redirects.
_REDIRECT = "redirect"
# Redirects of a picture that are followed, as of a site's own files.
MAX_HOPS = 5
# Of the other texts by which a picture is called, so many are kept.
MAX_OTHERS = 10
# By pages of the levels before that of the address itself.
_BEFORE = (
    "FROM mentions AS m JOIN pages AS p ON p.url = m.page WHERE m.url = ?1"
    " AND p.depth < (SELECT depth FROM pages WHERE url = ?1)"
)


@dataclass(frozen=True)
class Told:
    """What the pages of a crawl say of one picture or sound.

    Attributes:
        mention: The first, by the page's distance from the start, its address, and place in it.
        page: Its page.
        page_license: What that page states, where it is one licence alone.
        consent: What is known of that page's wishes.
        num_pages: Pages that show it.
        other_alts: The first of the other words by which pages call it, each once.
        kinds: What it is to them.
        refused: The rule by which all of them forbid that it be taken; empty: they do not.
    """

    mention: Mention
    page: str
    page_license: str | None
    consent: str | None
    num_pages: int
    other_alts: tuple[str, ...]
    kinds: frozenset[str]
    refused: str


@dataclass(frozen=True)
class _Found:
    order: tuple[int, str, int]
    mention: Mention
    page_license: str | None
    consent: str | None
    refused: str


class Mentions:
    """The mentions of one crawl.

    Args:
        db: The frontier's; in its transactions what is noted is committed.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        db.executescript(TABLES)
        self.count()

    def count(self) -> None:
        """See whether there are any: where none is, nothing is looked up."""
        found = self._db.execute("SELECT EXISTS (SELECT 1 FROM mentions)").fetchone()
        self._are_any = bool(found[0])

    def note(self, page: str, shown: Shown) -> int:
        """What a settled page shows, each address of which is found one level further.

        Returns:
            How many of the addresses were not known.
        """
        self._db.execute("DELETE FROM mentions WHERE page = ?", (page,))
        self._db.execute("DELETE FROM passed WHERE page = ?", (page,))
        self.note_passed(page, shown.passed)
        self._db.executemany(
            "INSERT OR IGNORE INTO mentions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    *(page, one.url, place, one.kind, one.alt, one.title),
                    *(one.caption, one.license, shown.license),
                    shown.refused,
                )
                for place, one in enumerate(shown.mentions)
            ),
        )
        self._are_any = self._are_any or bool(shown.mentions)
        return self._find(page, (one.url for one in shown.mentions))

    def note_passed(self, page: str, reasons: Iterable[str]) -> None:
        """What else of a page is not taken."""
        self._db.executemany(
            "INSERT OR REPLACE INTO passed VALUES (?, ?)", ((page, why) for why in reasons)
        )

    def note_redirect(self, url: str, target: str | None) -> int:
        """Where an address redirects that pages show; as `note`."""
        if not self.shows(url) or not _is_address(target):
            return 0
        self._db.execute(
            "INSERT OR IGNORE INTO mentions (page, url, place, kind, refused)"
            " VALUES (?, ?, 0, ?, '')",
            (url, target, _REDIRECT),
        )
        return self._find(url, (str(target),))

    def _find(self, page: str, urls: Iterator[str] | tuple[str, ...]) -> int:
        found = self._db.executemany(
            "INSERT OR IGNORE INTO pages (url, depth, state)"
            " SELECT ?, depth + 1, 0 FROM pages WHERE url = ?",
            ((url, page) for url in urls),
        )
        return max(found.rowcount, 0)

    def forget(self) -> None:
        """Forget all of it."""
        self._db.execute("DELETE FROM mentions")
        self._db.execute("DELETE FROM passed")
        self._are_any = False

    def shows(self, url: str) -> bool:
        """Whether a page of a level before that of an address shows it."""
        return self._are_any and bool(self._before("SELECT EXISTS (SELECT 1 {})", url)[0][0])

    def kinds(self, url: str) -> frozenset[str]:
        """What an address is to the pages of the levels before its own."""
        if not self._are_any:
            return frozenset()
        found = frozenset(kind for (kind,) in self._before("SELECT DISTINCT m.kind {}", url))
        # What it is to those that show the first address of a chain.
        return found if _REDIRECT not in found else frozenset(("image", "audio"))

    def refused(self, url: str) -> tuple[str, str] | None:
        """The rule by which all pages of the levels before forbid it, and the first of them."""
        if not self._are_any:
            return None
        query = "SELECT m.refused, m.page {} ORDER BY m.refused != '', p.depth, m.page LIMIT 1"
        found = self._before(query, url)
        return (found[0][0], found[0][1]) if found and found[0][0] else None

    def passed(self) -> Iterator[tuple[str, str]]:
        """Page and reason of what is not taken of it."""
        yield from self._db.execute("SELECT page, reason FROM passed ORDER BY page, reason")

    def told(self, url: str) -> Told | None:
        """What all pages of a finished crawl say of an address; None: nothing."""
        first: _Found | None = None
        alts: dict[str, None] = {}
        num_pages, kinds, allows = 0, set[str](), False
        for found in self._in_order(url, {url}):
            first = first or found
            num_pages += 1
            kinds.add(found.mention.kind)
            allows = allows or not found.refused
            if found.mention.alt and len(alts) <= MAX_OTHERS:
                alts[found.mention.alt] = None
        if first is None:
            return None
        alts.pop(first.mention.alt or "", None)
        return Told(
            first.mention,
            first.order[1],
            first.page_license,
            first.consent,
            num_pages,
            tuple(alts)[:MAX_OTHERS],
            frozenset(kinds),
            "" if allows else first.refused,
        )

    def _in_order(self, url: str, seen: set[str]) -> Iterator[_Found]:
        """The mentions of an address, and of those that lead to it, in the order of the crawl."""
        several = [self._direct(url)]
        if len(seen) <= MAX_HOPS:
            query = "SELECT page FROM mentions WHERE url = ? AND kind = ? ORDER BY page"
            for (page,) in self._db.execute(query, (url, _REDIRECT)).fetchall():
                if page not in seen:
                    several.append(self._in_order(page, seen | {page}))
        return heapq.merge(*several, key=attrgetter("order"))

    def _direct(self, url: str) -> Iterator[_Found]:
        rows = self._db.execute(
            "SELECT p.depth, m.page, m.place, m.kind, m.alt, m.title, m.caption, m.license,"
            " m.page_license, p.consent, m.refused FROM mentions AS m JOIN pages AS p"
            " ON p.url = m.page WHERE m.url = ? AND m.kind != ? ORDER BY p.depth, m.page, m.place",
            (url, _REDIRECT),
        )
        for depth, page, place, kind, alt, title, caption, license_, *rest in rows:
            mention = Mention(url, kind, alt, title, caption, license_)
            yield _Found((depth, page, place), mention, *rest)

    def _before(self, query: str, url: str) -> list[tuple[str, ...]]:
        return self._db.execute(query.format(_BEFORE), (url,)).fetchall()


def _is_address(text: str | None) -> bool:
    try:
        return text is not None and normalize(text) == text
    except ValueError:
        return False
