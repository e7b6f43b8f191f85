"""Which addresses belong to a crawl: by the recipe, the rules of the sites, and the budget.

Decided level by level, in the order of addresses, so that it is a function of the site alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from tilth.web.bounds import CUTS, Bounds
from tilth.web.client import describe
from tilth.web.copies import Copies
from tilth.web.frontier import EXCLUDED, Frontier, Outcome
from tilth.web.gathering import Gathering
from tilth.web.hosts import Hosts
from tilth.web.patterns import Choice
from tilth.web.quota import ByteQuota
from tilth.web.urls import Scope, origin


class Admission:
    """Decides of each address of a level whether it is fetched.

    Args:
        start: The first pages, which always are.
        scope: What belongs to the crawl.
        choice: Which of it is asked for.
        bounds: How far.
        frontier: What is known of each address.
        hosts: The sites and their rules.
        gathering: What is taken beside pages.
        quota: Of bytes.

    Attributes:
        depth: The level whose addresses are fetched.
        gathering: As given, told which addresses may be those of pages.
        copies: Pages that look like others.
    """

    def __init__(
        self,
        start: Collection[str],
        scope: Scope,
        choice: Choice,
        bounds: Bounds,
        frontier: Frontier,
        hosts: Hosts,
        gathering: Gathering,
        quota: ByteQuota,
    ) -> None:
        self.depth = 0
        self.gathering = replace(gathering, pages=self._is_page)
        self.copies = Copies(bounds.max_copies, frontier)
        self._firsts = frozenset(start)
        self._scope = scope
        self._choice = choice
        self._bounds = bounds
        self._frontier = frontier
        self._hosts = hosts
        self._quota = quota

    async def admit(self, depth: int, was_there: Callable[[str], bool]) -> None:
        """Decide which of a level's addresses are fetched.

        Args:
            depth: The level.
            was_there: Whether an address had a page before a refresh.
        """
        self.copies.catch_up(depth)

        def decide(url: str) -> Outcome | None:
            if (unwanted := self._unwanted(url, depth)) is not None:
                return unwanted
            try:
                verdict = self.verdict(url)
                if is_failed(verdict) and was_there(url):
                    # Its level ends it, with the page as it was.
                    return None
                return verdict
            except Exception as error:
                return Outcome(url, error=f"its robots.txt cannot be read: {describe(error)}")

        found = self._frontier.found(depth)
        # A host of which nothing is wanted is not even asked for its rules.
        await self._hosts.meet(origin(url) for url in found if self._unwanted(url, depth) is None)
        most, most_per_host = self._bounds.max_pages, self._bounds.max_pages_per_host
        self._frontier.admit(depth, decide, most, most_per_host)

    def left_out(self, url: str) -> str | None:
        """Why the recipe leaves an address out, or None."""
        if url in self._firsts:
            return None
        return self._choice.left_out(url, is_page=not self.gathering.is_shown(url))

    def verdict(self, url: str) -> Outcome | None:
        """The outcome of an address that its site forbids or keeps for itself, or None."""
        host = self._hosts[origin(url)]
        return host.verdict(url) or (host.reserved(url) if self._bounds.drop_opt_outs else None)

    def _unwanted(self, url: str, depth: int) -> Outcome | None:
        """The outcome of an address that is beyond what the recipe asks for, or None."""
        if (rule := self.gathering.left_out(url)) is not None:
            return Outcome(url, *rule)
        if (why := self.left_out(url)) is not None:
            return Outcome(url, EXCLUDED, why)
        if depth > self._bounds.max_depth + self.gathering.further(url):
            return Outcome(url, "max-depth", str(depth))
        if len(url) > self._bounds.max_url_length:
            return Outcome(url, "url-length", str(len(url)))
        return self.copies.left(url) or self._quota.full(url)

    def _is_page(self, url: str) -> bool:
        """Whether an address of the level may be that of a page, whatever shows it."""
        if self.depth > self._bounds.max_depth or not self._scope.contains(url):
            return False
        return url in self._firsts or self._choice.left_out(url) is None


def is_failed(outcome: Outcome | None) -> bool:
    """Whether an address ended for lack of an answer, or of the time for one."""
    return outcome is not None and (outcome.error is not None or outcome.rule in CUTS)
