"""Lists of addresses: sitemaps (sitemaps.org protocol), indexes of them, feeds (RSS, Atom), text.

Patterns instead of an XML parser: they cannot be made to expand entities, and a file that is cut
short still gives what it holds. Every part is possessive: no byte is looked at twice.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import Final, Literal

from tilth.decode.text import decode_loosely, in_utf8
from tilth.web.client import FetchError, decompress

# The protocol's own bounds on one file.
MAX_LISTING_BYTES: Final = 50 << 20
MAX_LISTED: Final = 50_000

Kind = Literal["sitemap", "index", "feed", "text"]

_TEXT: Final = rb"\s*+(?:<!\[CDATA\[)?+([^<\]]++)(?:\]\]>)?+\s*+"
_LOC: Final = re.compile(rb"<(?:\w++:)?+loc>" + _TEXT + rb"</(?:\w++:)?+loc>")
# Of RSS the element's text, of Atom its attributes.
_LINK: Final = re.compile(rb"<(?:\w++:)?+link(?:>" + _TEXT + rb"</(?:\w++:)?+link>|\s([^<>]*+)>)")
_ATTRIBUTE: Final = re.compile(rb"(href|rel)\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)')", re.I)
_XML: Final = re.compile(rb"^\s*+<")
_ROOT: Final = re.compile(rb"<(?:\w++:)?+(urlset|sitemapindex|rss|RDF|feed)[\s>]")
_KINDS: Final[dict[bytes, Kind]] = {
    b"urlset": "sitemap",
    b"sitemapindex": "index",
    b"rss": "feed",
    b"RDF": "feed",
    b"feed": "feed",
}


class PageError(FetchError):
    """What was called a list of addresses is a page."""

    def __init__(self) -> None:
        super().__init__("it is an HTML page and no sitemap", transient=False)


@dataclass(frozen=True)
class Listing:
    """A list of addresses.

    Attributes:
        kind: What it is; an index is of further lists.
        addresses: As written, in their order, at most `MAX_LISTED`.
        num_left: How many more there are.
    """

    kind: Kind
    addresses: tuple[str, ...]
    num_left: int = 0


def read_listing(body: bytes) -> Listing:
    """Read a list of addresses.

    Args:
        body: The file, in UTF-8 or UTF-16; gzip is undone, within the protocol's bound.

    Raises:
        PageError: It is a page.
        FetchError: It is compressed and damaged.
        TooLargeError: It is above the bound once decompressed.
    """
    if body.startswith(b"\x1f\x8b"):
        body = decompress(body, "gzip", MAX_LISTING_BYTES)
    body = in_utf8(body)
    if not _XML.match(body):
        lines = map(str.strip, decode_loosely(body).splitlines())
        # RFC 3986 section 3.1: a scheme is known by its letters, whatever their case.
        return _listing("text", [line for line in lines if line[:4].lower() == "http"])
    root = _ROOT.search(body)
    kind: Kind = "sitemap" if root is None else _KINDS[root[1]]
    if kind == "feed":
        found = [address for match in _LINK.finditer(body) if (address := _of_feed(match))]
    else:
        found = [address for loc in _LOC.findall(body) if (address := _plain(loc))]
    if not found and b"<html" in body[:2000].lower():
        raise PageError
    return _listing(kind, found)


def is_feed(body: bytes) -> bool:
    """Whether a file of XML is a feed."""
    root = _ROOT.search(in_utf8(body[:4096]))
    return root is not None and _KINDS[root[1]] == "feed"


def _listing(kind: Kind, found: list[str]) -> Listing:
    return Listing(kind, tuple(found[:MAX_LISTED]), max(len(found) - MAX_LISTED, 0))


def _of_feed(match: re.Match[bytes]) -> str:
    """Where an item of a feed leads; empty where it is no link to a page."""
    if match[1] is not None:
        return _plain(match[1])
    said = {name.lower(): one or other for name, one, other in _ATTRIBUTE.findall(match[2])}
    # RFC 4287 section 4.2.7.2: without a relation it is an alternate.
    if said.get(b"rel", b"alternate").lower() != b"alternate":
        return ""
    return _plain(said.get(b"href", b""))


def _plain(found: bytes) -> str:
    """The address with its character references undone, as it is where one is beyond numbers."""
    address = decode_loosely(found).strip()
    try:
        return html.unescape(address).strip()
    except ValueError:
        return address
