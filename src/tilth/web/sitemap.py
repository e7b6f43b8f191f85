"""Addresses out of the sitemaps of sites, and of those that they name."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol

from tilth.web.bounds import CUTS
from tilth.web.client import Answer, Client, FetchError, TimedOutError, describe
from tilth.web.forms import without_session
from tilth.web.frontier import Outcome
from tilth.web.hosts import ForbiddenError
from tilth.web.listing import MAX_LISTING_BYTES, PageError, read_listing
from tilth.web.retry import TRANSIENT_STATUSES
from tilth.web.secrets import Secrets
from tilth.web.urls import host_of

# Those that robots.txt files and indexes name, together.
MAX_SITEMAPS = 200
# Of a host in a row that run into time-outs, each after all its tries; then it is asked for none.
_MAX_HANGS = 3


@dataclass
class Found:
    """What a sitemap gave.

    Attributes:
        urls: Normalised addresses that are wanted, in the order found, each once.
        failed: Sitemaps that could not be read, or are too many.
        url: Its own address; empty where it is of none.
        kind: What it turned out to be; empty where it could not be read.
        num_left: How many are known and not read yet.
        is_lost: It could not be had, and may be another time.
    """

    urls: dict[str, None] = field(default_factory=dict)
    failed: list[Outcome] = field(default_factory=list)
    url: str = ""
    kind: str = ""
    num_left: int = 0
    is_lost: bool = False


def sitemaps_of(place: str, listed: Iterable[str], secrets: Secrets) -> tuple[list[str], list[str]]:
    """The sitemaps of an origin: those that its robots.txt names, and where one often is.

    Args:
        place: The origin.
        listed: As its robots.txt has them.
        secrets: Of the crawl.

    Returns:
        The named ones, as far as they are addresses in a normal form; where none is named, the
        address to guess.
    """
    named = [secrets.target(f"{place}/", url) or secrets.named(url) for url in listed]
    return named, [] if named else [f"{place}/sitemap.xml"]


class Asks(Protocol):
    """Who asks for sitemaps, as politely as for pages."""

    @property
    def client(self) -> Client:
        """The HTTP client, with what it knows of secrets."""

    async def get_through(self, url: str, max_bytes: int) -> Answer:
        """The answer at an address, with redirects followed."""


async def collect_sitemaps(
    client: Asks,
    named: Iterable[str],
    guessed: Iterable[str],
    wanted: Callable[[str], bool],
) -> AsyncGenerator[Found, None]:
    """Read sitemaps, and those that they name.

    Args:
        client: Fetches them.
        named: Addresses that a robots.txt names; one that cannot be read is a failure.
        guessed: Addresses where one often is; nothing is said if it is not.
        wanted: Whether an address belongs to the crawl.

    Yields:
        What each of them gave, so that only one of them is held at a time.
    """
    named = list(dict.fromkeys(named))
    if len(named) > MAX_SITEMAPS:
        yield Found(failed=_too_many(named[MAX_SITEMAPS:]))
    promised = named[:MAX_SITEMAPS]
    queue = deque([*promised, *(url for url in guessed if url not in named)])
    seen, sure = set(queue), set(promised)
    hangs: Counter[str] = Counter()
    while queue:
        url = queue.popleft()
        found = Found(url=url, num_left=len(queue))
        try:
            if hangs[host_of(url)] >= _MAX_HANGS:
                raise FetchError(
                    f"not asked for: of {host_of(url)} {_MAX_HANGS} in a row were not answered in "
                    "time",
                    transient=True,
                )
            answer = await client.get_through(url, MAX_LISTING_BYTES)
            if answer.status != 200:
                is_transient = answer.status in TRANSIENT_STATUSES
                raise FetchError(f"HTTP status {answer.status}", transient=is_transient)
            hangs[host_of(url)] = 0
            listing = read_listing(answer.body)
            if listing.kind == "text" and not listing.addresses:
                raise FetchError("it is no list of addresses", transient=False)
        except PageError as error:
            if url in sure and url not in promised and wanted(url):
                # What an index calls a sitemap by mistake is a page all the same.
                found.urls[url] = None
            elif url in sure:
                found.failed.append(Outcome(url, error=f"the sitemap cannot be read: {error}"))
            yield found
            continue
        except Exception as error:
            # Whatever a sitemap does to its reader, it costs one row.
            hangs[host_of(url)] += isinstance(error, TimedOutError)
            found.is_lost = isinstance(error, FetchError) and error.transient
            if isinstance(error, ForbiddenError):
                found.is_lost = error.outcome.rule in CUTS
            if url in sure and isinstance(error, ForbiddenError) and error.outcome.rule:
                found.failed.append(replace(error.outcome, url=url))
            elif url in sure:
                cause = f"the sitemap cannot be read: {describe(error)}"
                found.failed.append(Outcome(url, error=cause))
            yield found
            continue
        found.kind = listing.kind
        leads = client.client.secrets.target
        targets = dict.fromkeys(
            without_session(target) for text in listing.addresses if (target := leads(url, text))
        )
        if listing.num_left:
            found.failed.append(Outcome(url, "max-sitemap-addresses", listing.share))
        if listing.kind == "index":
            fresh = [target for target in targets if target not in seen]
            room = max(MAX_SITEMAPS - len(seen), 0)
            # Of those that are too many nothing is remembered: an index names tens of thousands.
            seen.update(fresh[:room])
            sure.update(fresh[:room])
            queue.extend(fresh[:room])
            found.failed += _too_many(fresh[room:])
            found.num_left = len(queue)
        else:
            found.urls.update(dict.fromkeys(filter(wanted, targets)))
        yield found


def _too_many(urls: Iterable[str]) -> list[Outcome]:
    return [Outcome(url, "max-sitemaps", str(MAX_SITEMAPS)) for url in urls]
