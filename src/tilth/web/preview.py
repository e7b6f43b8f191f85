"""What the sites of a crawl say before it goes: their rules, their sitemaps, how long it takes.

A handful of requests to each start site, politely: robots.txt first, then tdmrep.json and some
sitemaps where that allows them, in the lanes of a crawl. No page is asked for.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import aclosing
from dataclasses import replace
from itertools import chain, islice
from math import inf

from tilth.web.bounds import Bounds
from tilth.web.client import Client, FetchError
from tilth.web.frontier import Frontier
from tilth.web.hosts import Hosts
from tilth.web.lanes import Lanes, PoliteClient
from tilth.web.previewed import CrawlPreview, SitemapPreview, SitePreview
from tilth.web.secrets import masked
from tilth.web.sitemap import collect_sitemaps, sitemaps_of
from tilth.web.urls import host_of, origin
from tilth.web.usage import TDMREP_PATH

# Start sites that are asked, and sitemaps of each that are read.
MAX_SITES, MAX_LOOKED = 20, 5
# A pause before a request that is not sat out for a preview.
MAX_WAIT_S = 20.0
_MAX_FORBIDDEN = 5


class _TooLongError(FetchError):
    """A pause that is not sat out for a preview."""


async def _short(pause_s: float) -> None:
    if pause_s > MAX_WAIT_S:
        raise _TooLongError(
            f"the site wants a pause of {pause_s:,.0f} s, which a preview does not wait for",
            transient=False,
        )
    await asyncio.sleep(pause_s)


class Preview:
    """A look at the sites of a crawl.

    Args:
        start: Normalised addresses of the first pages.
        wanted: Whether an address that a sitemap lists belongs to the crawl.
        bounds: How far and how fast the crawl goes.
        client: The HTTP client.
        frontier: An empty one.
        sitemaps: Whether sitemaps are read.
    """

    def __init__(
        self,
        start: Collection[str],
        wanted: Callable[[str], bool],
        bounds: Bounds,
        client: Client,
        frontier: Frontier,
        *,
        sitemaps: bool,
    ) -> None:
        self._start = tuple(dict.fromkeys(start))
        self._wanted = wanted
        self._bounds = bounds
        self._secrets = client.secrets
        self._reads_sitemaps = sitemaps
        self._frontier = frontier
        self._lanes = Lanes(
            bounds.delay_s, bounds.connections_per_host, bounds.concurrency, sleep=_short
        )
        # One further try: who does not answer twice is told as that.
        polite = PoliteClient(
            client, self._lanes, min(bounds.retries, 1), bounds.retry_s, lambda *_: None
        )
        self._hosts = Hosts(polite, frontier, bounds.agent)
        self._listed: dict[str, None] = {}

    async def look(self) -> CrawlPreview:
        """Ask the start sites, and count."""
        starts: defaultdict[str, list[str]] = defaultdict(list)
        for url in self._start:
            starts[origin(url)].append(url)
        asked = dict(islice(starts.items(), MAX_SITES))
        looks = (self._look_at(place, urls) for place, urls in asked.items())
        seen = dict(zip(asked, await asyncio.gather(*looks), strict=True))
        known = self._allowed(seen)
        # In the order in which a crawl admits them: its start, then by address.
        taken = Counter(map(origin, islice(self._fitting(known), self._bounds.max_pages)))
        whole = Counter(map(origin, known))
        sites = tuple(
            replace(
                site,
                listed=whole[place],
                pages=taken[place],
                seconds=taken[place] * site.delay_s,
            )
            for place, site in seen.items()
        )
        of_hosts: defaultdict[str, float] = defaultdict(float)
        for place, count in taken.items():
            of_hosts[host_of(place)] += count * self._lanes[place].pace_s
        side_by_side = sum(of_hosts.values()) / self._bounds.concurrency
        slowest = max((site.delay_s for site in sites if not site.error), default=0.0)
        return CrawlPreview(
            sites=sites,
            sites_left=len(starts) - len(asked),
            max_pages=self._bounds.max_pages,
            listed=len(known),
            elsewhere=sum(count for place, count in whole.items() if place not in seen),
            pages=taken.total(),
            seconds=max(side_by_side, *of_hosts.values(), 0.0),
            most_seconds=min(
                slowest * self._bounds.max_pages, (self._bounds.max_hours or inf) * 3600
            ),
        )

    def _fitting(self, urls: Iterable[str]) -> Iterator[str]:
        """Those of the addresses that `max_pages_per_host` leaves."""
        of_hosts: Counter[str] = Counter()
        for url in urls:
            host = host_of(url)
            of_hosts[host] += 1
            if of_hosts[host] <= (self._bounds.max_pages_per_host or inf):
                yield url

    def _allowed(self, seen: Collection[str]) -> list[str]:
        """The addresses that are known, as far as the sites that were asked allow them."""
        known = chain(self._start, sorted(set(self._listed) - set(self._start)))
        return [url for url in known if origin(url) not in seen or self._why_not(url) is None]

    def _why_not(self, url: str) -> str | None:
        """Why an address may not be asked for or taken; None: it may."""
        host = self._hosts[origin(url)]
        found = host.verdict(url) or (host.reserved(url) if self._bounds.drop_opt_outs else None)
        if found is None:
            return None
        return found.error or f"{found.rule}: {found.value}"

    async def _look_at(self, place: str, starts: Collection[str]) -> SitePreview:
        await self._hosts.meet([place])
        host = self._hosts[place]
        lane = self._lanes[place]
        site = SitePreview(masked(place), starts=len(starts), delay_s=lane.pace_s)
        if host.refused:
            allow = f'`allow_hosts: ["{host.refused_place}"]` if the address is meant'
            return replace(site, error=masked(host.refusal), hint=allow)
        if host.unreachable:
            hint = "is the site up? without an answer to /robots.txt nothing of it is asked for"
            return replace(site, error=masked(host.unreachable), hint=hint)
        forbidden = [f"{url}: {why}" for url in starts if (why := self._why_not(url)) is not None]
        notes = list(host.robots.unheard)
        if (whole := host.robots.reserves(f"{place}/")) is not None:
            kept = "" if self._bounds.drop_opt_outs else ", and `opt_outs: record` takes them"
            notes.append(f"the site keeps the use of its pages for itself ({whole[1]}){kept}")
        is_known = self._frontier.fact(f"tdmrep {place}") is not None
        if not is_known and host.robots.allows(f"{place}{TDMREP_PATH}"):
            why = self._too_long(place) or "it gave no answer"
            notes.append(f"what {TDMREP_PATH} says is not known: {why}")
        site = replace(
            site,
            has_robots=host.robots.exists,
            asked_delay_s=host.robots.delay_s,
            forbidden=tuple(masked(one) for one in forbidden[:_MAX_FORBIDDEN]),
            num_forbidden=len(forbidden),
        )
        if self._reads_sitemaps:
            sitemaps, left, more = await self._read_sitemaps(place)
            site = replace(site, sitemaps=tuple(sitemaps), sitemaps_left=left)
            notes += more
        return replace(site, notes=tuple(map(masked, notes)))

    def _too_long(self, place: str) -> str:
        """Why a preview asks no more of a site; empty where it does."""
        wait_s = self._lanes[place].wait_s
        return f"the site wants a pause of {wait_s:,.0f} s" * (wait_s > MAX_WAIT_S)

    async def _read_sitemaps(self, place: str) -> tuple[list[SitemapPreview], int, Iterable[str]]:
        """Some of the sitemaps of a site, how many more there are, and what else is to be said."""
        named, guessed = sitemaps_of(place, self._hosts[place].robots.sitemaps, self._secrets)
        known = len(named) or len(guessed)
        if why := self._too_long(place):
            return [], known, [f"sitemaps are not asked for: {why}"]
        seen: list[SitemapPreview] = []
        left = num_asked = 0
        async with aclosing(collect_sitemaps(self._hosts, named, guessed, self._wanted)) as found:
            async for one in found:
                if not one.url:
                    continue
                left, num_asked = one.num_left, num_asked + 1
                errors = [end for end in one.failed if end.url == one.url]
                error = next((end.error or f"{end.rule}: {end.value}" for end in errors), "")
                if one.kind or error:
                    self._listed.update(one.urls)
                    seen.append(SitemapPreview(masked(one.url), len(one.urls), masked(error)))
                # What is called a sitemap by mistake was asked for too.
                if num_asked >= MAX_LOOKED:
                    break
        return seen, left, ()
