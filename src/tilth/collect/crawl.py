"""Source operation `crawl`: the pages of web sites.

The crawl's state is in the work folder: ``frontier.sqlite`` (every address, see `frontier`) and
``warc/`` (every page, see `warc_store`). Killed at any moment and run again, it goes on; a crawl
that is complete is only read.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from tilth.collect.crawl_media import columns_of, gathering_of, note_passed
from tilth.collect.crawl_rows import (
    Crawled,
    batches,
    check_scope,
    note_changes,
    note_patterns,
    num_rows,
    told_changes,
    told_ends,
    unusable,
)
from tilth.collect.crawl_settings import PATTERNS
from tilth.collect.crawl_settings import Settings as Settings
from tilth.context import Context
from tilth.errors import DataError, TilthError
from tilth.reading.fetching import run_to_end
from tilth.records import PlainObject
from tilth.settings import acting
from tilth.store.files import remove
from tilth.store.refreshed import fetched as note_fetched
from tilth.store.refreshed import forget as forget_refresh
from tilth.web.address import Served, allowed_places, served_hosts
from tilth.web.bounds import Bounds
from tilth.web.contact import contact_warning
from tilth.web.fates import COLUMNS, describe_fates
from tilth.web.fates import FIGURES as FIGURES
from tilth.web.frontier import HELD, Frontier
from tilth.web.patience import (
    FURTHER,
    PATIENCE,
    asks_again,
    note_patience,
    patience,
    why_further,
)
from tilth.web.patterns import Choice
from tilth.web.previewed import CrawlPreview
from tilth.web.proxy import Proxy
from tilth.web.rendering import BrowserSettings, Rendering, find_browser, fits
from tilth.web.robots import RobotsFile
from tilth.web.secrets import Secrets, masked
from tilth.web.urls import Scope, host_of
from tilth.web.warc_store import Place, WarcStore, is_whole

if TYPE_CHECKING:
    from tilth.web.client import Client

# Every address that was found is described, whatever became of it.
DESCRIBES_DROPPED, DESCRIBES_QUARANTINE, DESCRIBES_BY = True, True, COLUMNS


def warns(settings: Settings) -> str:
    """What should be known of the settings before a run; empty: nothing."""
    scope = settings.scope or settings.start
    said = contact_warning(settings.user_agent, (*settings.start, *scope))
    try:
        _rendering(settings)
    except TilthError as error:
        # No mistake of the recipe: what is rendered already needs no browser.
        said = "; ".join(filter(None, (said, f"{error.what} ({error.hint})")))
    return said


def fingerprint(_: Settings) -> str:
    """Nothing beyond the settings: what a site holds is known only by crawling it."""
    return ""


def fills(settings: Settings) -> tuple[str, ...]:
    """The columns that a row may have, as far as the settings tell."""
    html = ("html",) if "pages" in settings.gather else ()
    more = columns_of(settings.gather)
    stated = ("license",) if more else ()
    return (*html, "content_type", "consent", "fetched_at", *stated, *more)


def fetched(settings: Settings, limit: int | None) -> str:
    """What the crawl in a work folder is of: all that decides which pages are fetched.

    Nothing of how fast and how politely, nor of how they are read: a site is not asked again for
    what it gave. What it is shown is in it, the name of the crawler and the headers: robots.txt is
    about the one, and either may decide what it answers.

    Args:
        settings: What to crawl.
        limit: Pages to fetch at most.
    """
    said = {**acting(settings), "max_pages": _budget(settings, limit)}
    return json.dumps(said, sort_keys=True)


def read(settings: Settings, source: str, context: Context) -> Iterator[pa.RecordBatch]:
    """Crawl, where that is not complete, then yield a row for every address, in their order.

    Args:
        settings: What to crawl.
        source: The source's name in the recipe.
        context: Its work folder holds the crawl; its limit bounds the pages.

    Yields:
        Batches with id, source, uri, html (bytes as sent, decompressed), content_type, license
        (null), consent, fetched_at (UTC date), and the verdict columns: addresses that are no page
        or may not be taken are marked dropped, those that failed have an error.

    Raises:
        MissingError: A site is down; run again to go on.
        UsageError: The start is at an address that is not allowed.
        DataError: There is no page at all, none in a part of the scope, or the archive is damaged.
        StorageError: The work folder cannot be written.
    """
    budget = _budget(settings, context.limit)
    folder = context.work / "crawl"
    try:
        with closing(_open(folder, settings, context)) as frontier:
            _complete(settings, budget, frontier, folder, context)
            note_changes(frontier, context)
            note_passed(frontier, context)
            for origin, robots in sorted(frontier.robots().items()):
                for said in RobotsFile(robots, _agent(settings)).unheard:
                    context.passes_over(f"{masked(origin)}/robots.txt", said)
            if frontier.count_pages() == 0:
                raise _no_page(settings, frontier, folder)
            # A limit that is no less than the budget leaves out nothing that was not asked for.
            limit = context.limit if budget < settings.max_pages else None
            if limit is None or num_rows(frontier) < limit:
                check_scope("scope", settings.scope, settings.start, frontier)
                check_scope("media_scope", settings.media_scope, settings.start, frontier)
                patterns = {name: getattr(settings, name) for name in PATTERNS}
                note_patterns(patterns, frontier, context)
            gather, most = settings.gather, settings.max_pixels
            crawled = Crawled(frontier, source, folder / "warc", gather, most, context)
            yield from batches(crawled, limit)
    except (OSError, sqlite3.Error) as error:
        raise unusable(folder, error) from error


def refresh(settings: Settings, context: Context) -> str:
    """Ask the site again for all of a finished crawl, as `read` will give it; or go on with that.

    A page is asked for by the validators of its archived answer, and stays where it is the same.
    Which pages there are is found anew. A page that cannot be had stays as it was.

    Args:
        settings: What to crawl.
        context: Its work folder holds the crawl.

    Returns:
        What has changed, in words.

    Raises:
        MissingError: A site is down; what there was is there still, and run again it goes on.
        DataError: There is no page at all any more; what there was is there still.
        StorageError: The work folder cannot be written.
    """
    folder = context.work / "crawl"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with closing(Frontier(folder / "frontier.sqlite")) as frontier:
            if frontier.fact("complete") is not None:
                frontier.begin_refresh()
        with closing(_open(folder, settings, context)) as frontier:
            _complete(settings, _budget(settings, context.limit), frontier, folder, context)
            if not frontier.was_refreshed:
                return "the crawl before was not finished, and went on; nothing was asked again"
            return told_changes(frontier)
    except (OSError, sqlite3.Error) as error:
        raise unusable(folder, error) from error


def _complete(
    settings: Settings, budget: int, frontier: Frontier, folder: Path, context: Context
) -> None:
    """Crawl to the end, where that is not reached."""
    if frontier.fact("complete") is not None:
        return
    _crawl(settings, budget, frontier, folder / "warc", context)
    if frontier.is_refresh and frontier.count_pages() == 0:
        reasons = told_ends(settings.start, frontier)
        frontier.undo_refresh()
        forget_refresh(context.work)
        raise DataError(
            "the site has no page any more, so all is left as it was",
            where=reasons,
            hint="without `--refresh` the pages of the crawl before are used",
            code="empty-refresh",
        )
    if frontier.is_refresh or frontier.fact(FURTHER) is not None:
        # First, so that the data set is never taken for one of these pages.
        note_fetched(context.work)
        context.begins_anew()
    frontier.end()


def describe(batches: Iterator[pa.RecordBatch], settings: Settings) -> PlainObject:
    """How the addresses ended, by host and in all. See `FIGURES`."""
    del settings
    return describe_fates(batches)


def _budget(settings: Settings, limit: int | None) -> int:
    return settings.max_pages if limit is None else min(settings.max_pages, limit)


def _agent(settings: Settings) -> str:
    """The name by which a robots.txt may address this crawl."""
    return settings.user_agent.partition("/")[0].split()[0]


def asks_further(settings: Settings, work: Path) -> str:
    """Why what was fetched, and read, is not all that these settings would fetch; empty: it is."""
    path = work / "crawl" / "frontier.sqlite"
    return why_further(path, patience(settings)) if path.is_file() else ""


def serves(settings: Settings, work: Path) -> bool:
    """Whether what was fetched for other settings, in another work folder, is of use for these."""
    path = work / "crawl" / "frontier.sqlite"
    if not path.is_file():
        return False
    with closing(Frontier(path)) as frontier:
        return frontier.fact("shown") == _shown(settings)


def _shown(settings: Settings) -> str:
    """What decides how a site answers, and which of its answers may be kept."""
    secret = [url for url in settings.start if "${" in url]
    said = [settings.user_agent, sorted(settings.headers.items()), settings.opt_outs, secret]
    said += ["cookies"] * settings.cookies
    return json.dumps(said)


def _open(folder: Path, settings: Settings, context: Context) -> Frontier:
    """The frontier of this crawl; of one that was finished, with what failed open again where it is
    asked for more patiently.

    Where settings only say which pages belong to it, what was fetched for others stays, and is not
    asked for again; of a crawl that showed itself otherwise nothing does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    identity, shown = fetched(settings, context.limit), _shown(settings)
    frontier = Frontier(folder / "frontier.sqlite")
    known, tried = frontier.fact("identity"), patience(settings)
    is_same = known == identity
    if is_same and not asks_again(frontier, tried):
        note_patience(frontier, tried)
        return frontier
    if not is_same:
        context.begins_anew()
    if known is not None and frontier.fact("shown") != shown:
        held = frontier.facts(HELD)
        frontier.close()
        _begin_anew(folder, held)
        return _open(folder, settings, context)
    # At a host that was allowed, and is no more, nothing is taken as asked.
    left = set(json.loads(frontier.fact("hosts") or "[]")) - set(settings.allow_hosts)
    gone = {host_of(f"http://{place}") or place for place in left}
    said = json.loads(known) if known else {}
    was_rendered = tuple(said.get("render", ()))

    def is_other(url: str) -> bool:
        """Whether what an address answered is of no use now."""
        return host_of(url) in gone or fits(was_rendered, url) != fits(settings.render, url)

    frontier.begin_again(
        is_other,
        {
            "shown": shown,
            "hosts": json.dumps(settings.allow_hosts),
            "identity": identity,
            PATIENCE: tried,
            # The data set that was made of it stays until that is done.
            **({FURTHER: "yes"} if is_same else {}),
        },
        has_less_room=settings.max_bytes < said.get("max_bytes", 0),
        takes_more=not set(settings.gather) <= set(said.get("gather", ("pages",))),
    )
    return frontier


def _begin_anew(folder: Path, held: list[tuple[str, str]]) -> None:
    """Forget a crawl, but not which hosts asked to be left alone: that does not end with it."""
    remove(folder)
    if held:
        folder.mkdir(parents=True)
        with closing(Frontier(folder / "frontier.sqlite")) as frontier:
            for host, until in held:
                frontier.set_fact(f"{HELD}{host}", until)


def _archive_of(frontier: Frontier, folder: Path, settings: Settings) -> WarcStore:
    """The archive, as far as it was written before a kill or a loss of power."""
    end, hardened = frontier.fact("archive") or "", frontier.fact("hardened")
    if hardened is not None:
        number, _, size = hardened.partition(":")

        at = Place(int(number), int(size), 0)
        lost = frontier.forget_lost(lambda place: is_whole(folder, place), at)
        if lost is not None:
            end = f"{lost.file}:{lost.start}"
            frontier.set_fact("archive", end)
    about = {"robots": "obey", "http-header-user-agent": settings.user_agent}
    return WarcStore(folder, end, about=about)


def _bounds(settings: Settings, budget: int) -> Bounds:
    same = {
        field.name: getattr(settings, field.name)
        for field in fields(Bounds)
        if field.name in Settings.model_fields
    }
    return Bounds(
        **{**same, "max_pages": budget},
        agent=_agent(settings),
        drop_opt_outs=settings.opt_outs == "drop",
        follow_canonical=settings.canonical == "drop",
    )


def _client(settings: Settings, served: Served, frontier: Frontier) -> Client:
    # Here, since checking a recipe reads the settings and need not load an HTTP client.
    from tilth.web.client import Client

    return Client(
        settings.user_agent,
        settings.timeout_s,
        allowed_places(
            settings.allow_hosts, (*settings.start, *settings.scope, *settings.media_scope)
        ),
        served,
        settings.concurrency * settings.connections_per_host,
        Secrets(settings.headers, settings.start),
        frontier.cookies if settings.cookies else None,
        Proxy(settings.proxy) if settings.proxy else None,
    )


def _rendering(settings: Settings) -> Rendering | None:
    if not settings.render:
        return None
    path = find_browser(without_sandbox=settings.render_without_sandbox)
    browser = BrowserSettings(path, settings.render_without_sandbox, settings.user_agent)
    return Rendering(settings.render, browser, settings.render_timeout_s)


def _scope(settings: Settings) -> Scope:
    return Scope(settings.scope) if settings.scope else Scope.of(settings.start)


def preview(settings: Settings, limit: int | None = None) -> CrawlPreview:
    """What the start sites say before the crawl goes, with a handful of requests to each.

    Args:
        settings: What to crawl.
        limit: Pages to fetch at most.

    Raises:
        MissingError: A secret that the settings name is not there.
    """
    from tilth.web.preview import Preview

    scope, bounds = _scope(settings), _bounds(settings, _budget(settings, limit))
    choice = Choice(settings.include, settings.exclude)
    found: list[CrawlPreview] = []

    def wanted(url: str) -> bool:
        return (
            settings.max_depth > 0
            and len(url) <= settings.max_url_length
            and scope.contains(url)
            and choice.left_out(url) is None
        )

    async def look(served: Served, frontier: Frontier) -> None:
        async with _client(settings, served, frontier) as client:
            sites = Preview(
                settings.start, wanted, bounds, client, frontier, sitemaps=settings.sitemaps
            )
            found.append(await sites.look())

    with closing(Frontier(Path(":memory:"))) as frontier, _serving(settings) as served:
        run_to_end(look(served, frontier))
    return found[0]


def _crawl(
    settings: Settings, budget: int, frontier: Frontier, archive: Path, context: Context
) -> None:
    from tilth.web.crawler import Crawler

    scope, bounds = _scope(settings), _bounds(settings, budget)

    rendering = _rendering(settings)

    async def crawl(served: Served, store: WarcStore) -> None:
        async with _client(settings, served, frontier) as client:
            crawler = Crawler(
                settings.start,
                scope,
                Choice(settings.include, settings.exclude),
                bounds,
                client,
                frontier,
                store,
                archive,
                context.progress,
                gathering_of(settings.gather, settings.media_scope, scope, frontier),
                rendering,
            )
            await crawler.run(sitemaps=settings.sitemaps)

    with (
        closing(_archive_of(frontier, archive, settings)) as store,
        _serving(settings) as served,
    ):
        run_to_end(crawl(served, store))


@contextmanager
def _serving(settings: Settings) -> Iterator[Served]:
    if settings.serve is None:
        yield {}
        return
    from tilth.demo.site import serve

    with serve() as address:
        yield served_hosts(settings.allow_hosts, address)


def _no_page(settings: Settings, frontier: Frontier, folder: Path) -> TilthError:
    """The error of a crawl without a page; its state goes, so that the next run tries anew."""
    reasons = told_ends(settings.start, frontier)
    held = frontier.facts(HELD)
    frontier.close()
    _begin_anew(folder, held)
    return DataError(
        "the crawl found no page",
        where=reasons,
        hint="is `start` right? a redirect is followed only inside `scope`",
        code="empty-crawl",
    )
