"""What the sites of crawls say before they go, as `tilth plan --preview` prints it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tilth.cli.output import line, paragraph, plural

if TYPE_CHECKING:
    from tilth.web.previewed import CrawlPreview, SitePreview

_WIDTH = 14


def print_previews(previews: Mapping[str, CrawlPreview]) -> None:
    """The sites of each crawl, and what they come to together."""
    for name, crawl in previews.items():
        line(f"\n{name}".lstrip())
        for site in crawl.sites:
            _print_site(site)
        if crawl.sites_left:
            line(f"  and {plural(crawl.sites_left, 'other site')}, not asked for a preview")
        _print_whole(crawl)


def is_sound(previews: Mapping[str, CrawlPreview]) -> bool:
    """Whether every address of a start may be asked for."""
    sites = [site for crawl in previews.values() for site in crawl.sites]
    return not any(site.error or site.num_forbidden for site in sites)


def _print_site(site: SitePreview) -> None:
    line(f"  {site.site}")
    if site.error:
        _tell("cannot be asked", site.error)
        _tell("hint", site.hint)
        return
    _tell("robots.txt", _robots(site))
    for one in site.forbidden:
        _tell("not allowed", one)
    if site.num_forbidden > len(site.forbidden):
        _tell("", f"{len(site.forbidden)} of {site.num_forbidden:,} shown")
    for one in site.notes:
        _tell("note", one)
    for seen in site.sitemaps:
        _tell("sitemap", f"{seen.url}: {seen.error or plural(seen.addresses, 'page')}")
    if site.sitemaps_left:
        _tell("", f"{plural(site.sitemaps_left, 'more sitemap')}, not read for a preview")
    _tell("pages", _pages(site))


def _robots(site: SitePreview) -> str:
    if not site.has_robots:
        told = "none, so all is allowed"
    else:
        allowed = site.starts - site.num_forbidden
        told = f"allows {allowed:,} of {plural(site.starts, 'start page')}"
    asks = f"it asks for {site.asked_delay_s:g} s, " if site.asked_delay_s else ""
    return f"{told}; {asks}{site.delay_s:g} s between requests are kept"


def _pages(site: SitePreview) -> str:
    from tilth.query.lines import spell_seconds

    more = f" of {site.listed:,} that are known" if site.listed > site.pages else ""
    return f"{site.pages:,}{more}, with pauses of {spell_seconds(site.seconds)}"


def _print_whole(crawl: CrawlPreview) -> None:
    from tilth.query.lines import spell_seconds

    elsewhere = f", {crawl.elsewhere:,} of them on sites that were not asked"
    told = (
        f"{plural(crawl.listed, 'page')} known before it goes"
        f"{elsewhere * bool(crawl.elsewhere)}; links may lead to more, {crawl.max_pages:,} are "
        f"asked for at most. The pauses of {plural(crawl.pages, 'page')} take "
        f"{spell_seconds(crawl.seconds)}"
    )
    if crawl.most_seconds > crawl.seconds:
        told += f", those of {crawl.max_pages:,} on the slowest host "
        told += spell_seconds(crawl.most_seconds)
    paragraph(told, indent="  ")


def _tell(heading: str, text: str) -> None:
    paragraph(text, indent=" " * (_WIDTH + 6), first=f"    {heading:<{_WIDTH + 2}}")
