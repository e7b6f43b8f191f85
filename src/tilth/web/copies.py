"""Addresses that give what is there already: copies, and patterns that go on for ever.

A calendar, a session in each link, filters upon filters: their pages are new addresses and no new
words. Where so many pages of a pattern in a row, by distance and address, look like one that is
there, links of that pattern are followed no further. It is decided between two levels, and so by
the site alone.
"""

from __future__ import annotations

from typing import Final

from tilth.web.forms import form, pattern
from tilth.web.frontier import Frontier, Outcome

MAX_COPIES: Final = "max-copies"
_RUN: Final = "copies "


class Copies:
    """The patterns of a crawl, and how many copies in a row each of them gave.

    Args:
        max_copies: Copies in a row after which a pattern is left; None: never.
        frontier: Keeps them.
    """

    def __init__(self, max_copies: int | None, frontier: Frontier) -> None:
        self._max_copies = max_copies
        self._frontier = frontier

    def catch_up(self, depth: int) -> None:
        """Count the pages of the levels before one."""
        if self._max_copies is not None:
            self._frontier.take_looks(depth, self._count)

    def left(self, url: str) -> Outcome | None:
        """How an address ends whose pattern is left; None where it is not."""
        if self._max_copies is None or (found := pattern(url)) is None:
            return None
        if self._run(found) < self._max_copies:
            return None
        return Outcome(url, MAX_COPIES, found)

    def _count(self, url: str, is_copy: bool) -> None:
        found = pattern(url) or ""
        run = self._run(found)
        # What is left once stays so.
        if run < (self._max_copies or 0) and (is_copy or run):
            self._frontier.set_fact(f"{_RUN}{found}", str(run + 1 if is_copy else 0))

    def _run(self, found: str) -> int:
        return int(self._frontier.fact(f"{_RUN}{found}") or 0)


def mark_copies(frontier: Frontier) -> None:
    """Drop all but the first of the pages that are of one form and have the same bytes.

    The first is the one whose address is the form, else the shortest. Pages that name different
    canonical addresses are none of each other.
    """
    groups: dict[tuple[str, bytes, str | None], list[str]] = {}
    for url, sha1, canonical in frontier.bodies():
        if (known := form(url)) != url:
            groups.setdefault((known, sha1, canonical), []).append(url)
    copies = []
    for one, urls in groups.items():
        is_there = frontier.body(one[0]) == one
        first = one[0] if is_there else min(urls, key=lambda url: (len(url), url))
        copies += [(url, first) for url in urls if url != first]
    frontier.set_copies(copies)
