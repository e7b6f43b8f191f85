"""Addresses out of sitemaps (sitemaps.org protocol): XML, an index of others, or plain text."""

from __future__ import annotations

import html
import re
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tilth.decode.text import decode_loosely
from tilth.web.client import FetchError, decompress, describe
from tilth.web.frontier import Outcome
from tilth.web.retry import PatientClient

# The protocol's own bounds on one file.
MAX_SITEMAP_BYTES = 50 << 20
MAX_SITEMAP_URLS = 50_000
MAX_SITEMAPS = 200

# A pattern instead of an XML parser: it cannot be made to expand entities, and a file that is cut
# short still gives what it holds. Every part is possessive: no byte is looked at twice.
_LOC = re.compile(
    rb"<(?:\w++:)?+loc>\s*+(?:<!\[CDATA\[)?+([^<\]]++)(?:\]\]>)?+\s*+</(?:\w++:)?+loc>"
)
_INDEX = re.compile(rb"<(?:\w++:)?+sitemapindex[\s>]")
_XML = re.compile(rb"^(?:\xef\xbb\xbf)?+\s*+<")


@dataclass
class Found:
    """What the sitemaps gave.

    Attributes:
        urls: Normalised addresses that are wanted, in the order found, each once.
        failed: Sitemaps that could not be read, or are too many.
    """

    urls: dict[str, None] = field(default_factory=dict)
    failed: list[Outcome] = field(default_factory=list)


async def collect_sitemaps(
    client: PatientClient,
    named: Iterable[str],
    guessed: Iterable[str],
    wanted: Callable[[str], bool],
) -> Found:
    """Read sitemaps, and those that they name.

    Args:
        client: Fetches them.
        named: Addresses that a robots.txt names; one that cannot be read is a failure.
        guessed: Addresses where one often is; nothing is said if it is not.
        wanted: Whether an address belongs to the crawl.
    """
    promised = list(dict.fromkeys(named))
    queue = deque([*promised, *(url for url in guessed if url not in promised)])
    seen, sure = set(queue), set(promised)
    found = Found()
    while queue:
        url = queue.popleft()
        try:
            answer = await client.get_through(url, MAX_SITEMAP_BYTES)
            if answer.status != 200:
                raise FetchError(f"HTTP status {answer.status}", transient=False)
            addresses, is_index = read_sitemap(answer.body)
        except Exception as error:
            # Whatever a sitemap does to its reader, it costs one row.
            if url in sure:
                cause = f"the sitemap cannot be read: {describe(error)}"
                found.failed.append(Outcome(url, error=cause))
            continue
        leads = client.client.secrets.target
        targets = dict.fromkeys(target for text in addresses if (target := leads(url, text)))
        if is_index:
            fresh = [target for target in targets if target not in seen]
            room = max(MAX_SITEMAPS - len(seen), 0)
            seen.update(fresh)
            sure.update(fresh)
            queue.extend(fresh[:room])
            found.failed += [Outcome(t, "max-sitemaps", str(MAX_SITEMAPS)) for t in fresh[room:]]
        else:
            found.urls.update(dict.fromkeys(filter(wanted, targets)))
    return found


def read_sitemap(body: bytes) -> tuple[list[str], bool]:
    """The addresses of a sitemap and whether they are of further sitemaps.

    Args:
        body: The file; gzip is undone, within the protocol's bound.

    Raises:
        FetchError: It is compressed and damaged, or a page.
        TooLargeError: It is above the bound once decompressed.
    """
    if body.startswith(b"\x1f\x8b"):
        body = decompress(body, "gzip", MAX_SITEMAP_BYTES)
    if _XML.match(body):
        found = [_unescape(decode_loosely(loc).strip()) for loc in _LOC.findall(body)]
        found = [address for address in found if address]
        if not found and b"<html" in body[:2000].lower():
            raise FetchError("it is an HTML page and no sitemap", transient=False)
        return found[:MAX_SITEMAP_URLS], _INDEX.search(body) is not None
    lines = (line.strip() for line in decode_loosely(body, "utf-8-sig").splitlines())
    return [line for line in lines if line.startswith("http")][:MAX_SITEMAP_URLS], False


def _unescape(address: str) -> str:
    """The address with its character references undone, as it is where one is beyond numbers."""
    try:
        return html.unescape(address)
    except ValueError:
        return address
