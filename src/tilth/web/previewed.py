"""What was seen of a crawl's sites before it goes: records of `tilth.web.preview`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SitemapPreview:
    """A sitemap that was read.

    Attributes:
        url: Its address.
        addresses: How many it lists that belong to the crawl.
        error: Why it could not be read; empty if it could.
    """

    url: str
    addresses: int
    error: str = ""


@dataclass(frozen=True)
class SitePreview:
    """What an origin at which a crawl starts says.

    Attributes:
        site: Scheme, host and port.
        error: Why nothing of it would be asked for; empty where it would.
        hint: What to do about that.
        has_robots: It has a robots.txt.
        asked_delay_s: Seconds between two requests that its robots.txt asks for; 0: it does not.
        delay_s: Seconds between two requests that are kept to.
        starts: Addresses of the crawl's start here.
        forbidden: Those of them that may not be asked for or taken, and why; five at most.
        num_forbidden: How many these are in all.
        sitemaps: Those that were read.
        sitemaps_left: More that are known and were not read.
        notes: What else is to be known of it.
        listed: Addresses of the crawl that its rules allow: of its start and of all sitemaps.
        pages: How many of them the bound of pages leaves.
        seconds: What these take at this pace, at least.
    """

    site: str
    error: str = ""
    hint: str = ""
    has_robots: bool = False
    asked_delay_s: float = 0.0
    delay_s: float = 0.0
    starts: int = 0
    forbidden: tuple[str, ...] = ()
    num_forbidden: int = 0
    sitemaps: tuple[SitemapPreview, ...] = ()
    sitemaps_left: int = 0
    notes: tuple[str, ...] = ()
    listed: int = 0
    pages: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class CrawlPreview:
    """What the sites of a crawl say before it goes.

    Attributes:
        sites: Those at which it starts, 20 at most.
        sites_left: How many more there are.
        max_pages: Addresses that the crawl asks for at most.
        listed: Addresses that are known before it goes; links lead to more.
        elsewhere: Those of them that are on other sites, which were not asked.
        pages: How many of all of them the bound of pages leaves.
        seconds: What these take at this pace, at least: hosts are asked side by side.
        most_seconds: What `max_pages` would take if all were on the slowest host; no more than
            `max_hours`.
    """

    sites: tuple[SitePreview, ...]
    sites_left: int
    max_pages: int
    listed: int
    elsewhere: int
    pages: int
    seconds: float
    most_seconds: float
