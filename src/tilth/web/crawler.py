"""The crawl itself: level by level, each host at its own pace, every address to an end.

An address ends as a page, dropped by a rule, or failed with an error after its last try. Failures
that look like the whole site being down (several at once, and robots.txt fails too) do not end
anything: the crawl stops with an error, and run again it goes on where it was.
"""

from __future__ import annotations

import asyncio
import heapq
import sqlite3
import time
from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain

from tilth.context import Progress
from tilth.errors import MissingError, TilthError, UsageError
from tilth.formats.http_answer import FEED_TYPES, HTML_TYPES, XML_TYPES
from tilth.web.address import AddressRefusedError
from tilth.web.client import (
    REDIRECTS,
    Answer,
    Client,
    FetchError,
    TooLargeError,
    describe,
)
from tilth.web.frontier import Frontier, Outcome
from tilth.web.hosts import Host, Hosts
from tilth.web.links import read_markup
from tilth.web.listing import is_feed, read_listing
from tilth.web.retry import TRANSIENT_STATUSES, PatientClient
from tilth.web.robots import read_wishes
from tilth.web.sitemap import collect_sitemaps
from tilth.web.urls import Scope, origin
from tilth.web.warc_store import WarcStore

# A commit costs two syncs of the disk; what is not committed is fetched again after a kill.
_BATCH_PAGES = 50
_BATCH_S = 0.5
# Failed pages after which the site itself is asked whether it is still there.
_SUSPICIOUS = 8
_MAX_KNOWN = 1 << 20


@dataclass(frozen=True)
class Bounds:
    """How far and how fast a crawl goes; each means what the setting of its name means."""

    max_pages: int
    max_depth: int
    max_bytes: int
    max_url_length: int
    concurrency: int
    delay_s: float
    retries: int
    retry_s: float
    agent: str
    drop_opt_outs: bool
    follow_canonical: bool


class Crawler:
    """One crawl, over a frontier and an archive that may hold a part of it already.

    Args:
        start: Normalised addresses of the first pages.
        scope: What belongs to the crawl.
        bounds: How far and how fast.
        client: The HTTP client.
        frontier: What is known of each address.
        store: The archive of pages.
        progress: Called with (settled addresses, known addresses, rate).
    """

    def __init__(
        self,
        start: Collection[str],
        scope: Scope,
        bounds: Bounds,
        client: Client,
        frontier: Frontier,
        store: WarcStore,
        progress: Progress,
    ) -> None:
        self._start = tuple(start)
        self._scope = scope
        self._bounds = bounds
        self._secrets = client.secrets
        self._client = PatientClient(client, bounds.retries, bounds.retry_s)
        self._hosts = Hosts(self._client, frontier, bounds.agent, bounds.delay_s)
        self._frontier = frontier
        self._store = store
        self._progress = progress
        self._outcomes: list[Outcome] = []
        self._links: list[tuple[str, int]] = []
        # Addresses that are in the frontier already: a shortcut, and so bounded.
        self._known: set[str] = set()
        # When the next page of a host may be asked for, on whatever level.
        self._ready: dict[str, float] = {}
        self._committed_at = time.monotonic()
        self._rate = 0.0

    async def run(self, *, sitemaps: bool) -> None:
        """Crawl until every address in scope has ended.

        Args:
            sitemaps: Take addresses from the sites' sitemaps too.

        Raises:
            MissingError: A site is down; what was fetched is kept, and run again it goes on.
            UsageError: The start pages are at addresses that are not allowed.
        """
        self._frontier.add(self._start, 0)
        await self._hosts.meet(map(origin, self._start))
        self._check_start()
        if sitemaps and self._frontier.fact("sitemaps") is None:
            await self._read_sitemaps()
        while (level := self._frontier.next_level()) is not None:
            depth, is_admitted = level
            if not is_admitted:
                await self._admit(depth)
            await self._fetch_level(depth)
            if down := self._hosts.down:
                done, known = self._frontier.counts()
                raise MissingError(
                    f"{', '.join(down)} stopped answering",
                    where=f"{done:,} of {known:,} addresses are done and kept",
                    hint="run again to go on when the site is up",
                    code="site-down",
                )

    def _check_start(self) -> None:
        hosts = {url: self._hosts[origin(url)] for url in self._start}
        if all(host.refused for host in hosts.values()):
            url, host = next(iter(hosts.items()))
            raise UsageError(
                f"{url} may not be asked: {host.refusal}",
                hint=f'`allow_hosts: ["{host.refused_place}"]` if the address is meant',
                code="address",
            )
        if all(host.unreachable or host.refused for host in hosts.values()):
            url, host = next((url, host) for url, host in hosts.items() if host.unreachable)
            raise MissingError(
                f"{origin(url)} does not answer: {host.unreachable}",
                where=", ".join(self._start),
                hint=f"is the site up? `curl -I {url}` shows; run again to go on",
                code="site-down",
            )

    async def _read_sitemaps(self) -> None:
        """Find the addresses in the start sites' sitemaps, one level from the start."""
        named, guessed = [], []
        for place in sorted({origin(url) for url in self._start}):
            listed = self._hosts[place].robots.sitemaps
            leads, told = self._secrets.target, self._secrets.named
            named += [leads(f"{place}/", url) or told(url) for url in listed]
            if not listed:
                guessed.append(f"{place}/sitemap.xml")
        found = await collect_sitemaps(self._client, named, guessed, self._scope.contains)
        # A start page that a robots.txt calls a sitemap is a page all the same.
        failed = [outcome for outcome in found.failed if outcome.url not in self._start]
        # In one transaction: an address that cannot even be spelled is never left to be fetched.
        addresses = chain((outcome.url for outcome in failed), found.urls)
        self._frontier.settle(failed, ((url, 1) for url in addresses), self._store.end)
        self._frontier.set_fact("sitemaps", "read")

    async def _admit(self, depth: int) -> None:
        """Decide which of a level's addresses are fetched."""
        bounds = self._bounds

        def decide(url: str) -> Outcome | None:
            if depth > bounds.max_depth:
                return Outcome(url, "max-depth", str(depth))
            if len(url) > bounds.max_url_length:
                return Outcome(url, "url-length", str(len(url)))
            try:
                host = self._hosts[origin(url)]
                return host.verdict(url) or (host.reserved(url) if bounds.drop_opt_outs else None)
            except Exception as error:
                return Outcome(url, error=f"its robots.txt cannot be read: {describe(error)}")

        if depth <= bounds.max_depth:
            await self._hosts.meet(map(origin, self._frontier.found(depth)))
        self._frontier.admit(depth, decide, bounds.max_pages)

    async def _fetch_level(self, depth: int) -> None:
        """Fetch the admitted addresses of a level, the hosts in turn, each at its pace."""
        origins = sorted({origin(url) for url in self._frontier.admitted(depth)})
        await self._hosts.meet(origins)
        slots = asyncio.Semaphore(self._bounds.concurrency)
        queues = {place: deque[str]() for place in origins}
        last = dict.fromkeys(origins, "")
        # (earliest time, turn, origin): the heap gives the host whose time has come.
        turns = [(self._ready.get(place, 0.0), turn, place) for turn, place in enumerate(origins)]
        heapq.heapify(turns)
        turn = len(turns)
        async with asyncio.TaskGroup() as tasks:
            while turns:
                ready, _, place = heapq.heappop(turns)
                queue, host = queues[place], self._hosts[place]
                if not queue:
                    queue.extend(self._frontier.next_admitted(depth, place, last[place]))
                if not queue or host.down:
                    continue
                if (pause := ready - time.monotonic()) > 0:
                    await asyncio.sleep(pause)
                await slots.acquire()
                url = last[place] = queue.popleft()
                tasks.create_task(self._fetch(url, depth, host, slots))
                turn += 1
                following = time.monotonic() + host.pace_s if host.pace_s else 0.0
                heapq.heappush(turns, (following, turn, place))
                self._ready[place] = following
        for place in origins:
            await self._settle_failing(place)
        self._commit()

    async def _fetch(self, url: str, depth: int, host: Host, slots: asyncio.Semaphore) -> None:
        """Fetch one address, note how it ended, and give the slot back."""
        try:
            if host.down:
                return
            outcome = await self._end(url, depth, host)
            if outcome is not None:
                self._settle(outcome)
            elif len(host.failing) >= _SUSPICIOUS:
                await self._settle_failing(origin(url))
        finally:
            slots.release()

    async def _end(self, url: str, depth: int, host: Host) -> Outcome | None:
        """As `_try`; whatever an answer does to its readers, it costs one address."""
        try:
            return await self._try(url, depth, host)
        except (OSError, sqlite3.Error, TilthError):
            # The disk, the frontier or the settings, not the answer.
            raise
        except Exception as error:
            return Outcome(url, error=f"the answer cannot be read: {describe(error)}")

    async def _try(self, url: str, depth: int, host: Host) -> Outcome | None:
        """How an address ended; None where it failed as it would if the site were down."""
        try:
            answer = await self._client.get(url, self._bounds.max_bytes, html_only=True)
        except AddressRefusedError as error:
            return Outcome(url, "address", error.address)
        except TooLargeError as error:
            return Outcome(url, "max-bytes", str(error))
        except FetchError as error:
            failed = Outcome(url, error=str(error))
            if not error.transient:
                return failed
        else:
            if answer.status not in TRANSIENT_STATUSES:
                return self._outcome(url, depth, host, answer)
            failed = Outcome(url, error=f"HTTP status {answer.status}")
        host.failing.append(failed)
        return None

    async def _settle_failing(self, place: str) -> None:
        """Write failed pages down as failed, unless the site as a whole is down."""
        host = self._hosts[place]
        failing, host.failing = host.failing, []
        if not failing or host.down:
            return
        if await self._hosts.answers(place):
            for outcome in failing:
                self._settle(outcome)
        else:
            # The pages stay admitted in the frontier, and are fetched when the crawl goes on.
            host.down = True

    def _outcome(self, url: str, depth: int, host: Host, answer: Answer) -> Outcome:
        """What became of an address that was answered; its page goes to the archive."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        kind = answer.header("content-type")[:200]
        if answer.status in REDIRECTS:
            target, location = answer.target, answer.header("location")
            # One level further, like a link: the level of a page must not depend on which of two
            # answers came first.
            self._follow([target] if target else [], depth)
            return Outcome(url, "redirect", (target or location)[:2000], fetched_at=now)
        if answer.status != 200:
            return Outcome(url, "http-status", str(answer.status), fetched_at=now)
        if answer.content_type in (*FEED_TYPES, *XML_TYPES) and is_feed(answer.body):
            listing = read_listing(answer.body)
            leads = (self._secrets.target(url, address) for address in listing.addresses)
            self._follow(filter(None, leads), depth)
            return Outcome(url, "feed", str(len(listing.addresses)), None, kind, fetched_at=now)
        if answer.content_type not in HTML_TYPES:
            return Outcome(url, "content-type", answer.content_type[:100], fetched_at=now)
        try:
            markup = read_markup(answer.body, url, kind, self._secrets.target)
        except Exception as error:
            # A page that its parser cannot take costs one page.
            cause = f"the page cannot be parsed: {describe(error)}"
            return Outcome(url, error=cause, fetched_at=now)
        wishes = read_wishes(answer.headers, markup.meta, self._bounds.agent)
        wishes = wishes.of_site(host.robots, url)
        consent = wishes.consent(host.robots)
        if wishes.follow:
            self._follow(markup.links, depth)
        if self._bounds.drop_opt_outs and (rule := wishes.rule) is not None:
            # The page asks not to be collected, so not even the archive has it.
            return Outcome(url, rule, wishes.words, None, kind, consent, now)
        canonical = None
        if self._bounds.follow_canonical and markup.canonical not in (None, url):
            canonical = markup.canonical
            self._follow([canonical] if canonical else [], depth)
        place = self._store.append(url, answer, now)
        return Outcome(url, None, None, None, kind, consent, now, canonical, place)

    def _follow(self, targets: Iterable[str], depth: int) -> None:
        """Note the targets in scope as found, one level further on."""
        if len(self._known) > _MAX_KNOWN:
            self._known.clear()
        for target in targets:
            if target not in self._known and self._scope.contains(target):
                self._known.add(target)
                self._links.append((target, depth + 1))

    def _settle(self, outcome: Outcome) -> None:
        self._outcomes.append(outcome)
        waited_s = time.monotonic() - self._committed_at
        if len(self._outcomes) >= _BATCH_PAGES or waited_s >= _BATCH_S:
            self._commit()

    def _commit(self) -> None:
        """Make the batch durable: first the pages, then what is known of them."""
        if not self._outcomes:
            return
        self._store.sync()
        self._frontier.settle(self._outcomes, self._links, self._store.end)
        now = time.monotonic()
        rate = len(self._outcomes) / max(now - self._committed_at, 1e-6)
        # A moving average over some ten commits.
        self._rate = 0.9 * self._rate + 0.1 * rate if self._rate else rate
        self._outcomes, self._links, self._committed_at = [], [], now
        done, known = self._frontier.counts()
        self._progress(done, known, f"{self._rate:,.0f} pages/s")
