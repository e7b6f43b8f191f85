"""Lists of addresses: sitemaps (sitemaps.org protocol), indexes of them, feeds (RSS, Atom), text.

Patterns instead of an XML parser: they cannot be made to expand entities, and a file that is cut
short still gives what it holds. Every part is possessive: no byte is looked at twice.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Final, Literal

from tilth.decode.text import decode_loosely, in_utf8
from tilth.web.client import FetchError, decompress

# The protocol's own bounds on one file.
MAX_LISTING_BYTES: Final = 50 << 20
MAX_LISTED: Final = 50_000

Kind = Literal["sitemap", "index", "feed", "text"]

_TEXT: Final = rb"\s*+(?:<!\[CDATA\[)?+([^<\]]++)(?:\]\]>)?+\s*+"
# RFC 3986 section 3.1: a scheme is known by its letters, whatever their case.
_LINE: Final = re.compile(rb"(?:\A|[\r\n])[^\S\r\n]*+(http[^\r\n]*+)", re.I)
# With the prefix of its name, of which these are no pages: pictures and films of a page.
_OF_OTHERS: Final = frozenset((b"image", b"video", b"news"))
_LOC: Final = re.compile(
    rb"<(?:(\w++):)?+loc(?:\s[^<>]*+)?+>" + _TEXT + rb"</(?:\w++:)?+loc\s*+>", re.I
)
_COMMENT: Final = re.compile(rb"<!--(?:[^-]++|-(?!->))*+(?:-->|\Z)")
# Of RSS the element's text, of Atom its attributes.
_LINK: Final = re.compile(rb"<(?:\w++:)?+link(?:>" + _TEXT + rb"</(?:\w++:)?+link>|\s([^<>]*+)>)")
_ATTRIBUTE: Final = re.compile(rb"(href|rel)\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)')", re.I)
_XML: Final = re.compile(rb"^\s*+<")
_ROOT: Final = re.compile(rb"<(?:\w++:)?+(urlset|sitemapindex|rss|rdf|feed)[\s>]", re.I)
# Packed that often at most, one upon the other.
_MAX_PACKED: Final = 3
_KINDS: Final[dict[bytes, Kind]] = {
    b"urlset": "sitemap",
    b"sitemapindex": "index",
    b"rss": "feed",
    b"rdf": "feed",
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

    @property
    def share(self) -> str:
        """How many there are, of how many where some are left out."""
        taken = len(self.addresses)
        return f"{taken} of {taken + self.num_left}" if self.num_left else str(taken)


def read_listing(body: bytes) -> Listing:
    """Read a list of addresses.

    Args:
        body: The file, in UTF-8 or UTF-16; gzip is undone, within the protocol's bound.

    Returns:
        What it lists; the kind "text" without an address is also that of what is no list at all.

    Raises:
        PageError: It is a page.
        FetchError: It is compressed and damaged.
        TooLargeError: It is above the bound once decompressed.
    """
    for _ in range(_MAX_PACKED):
        if body.startswith(b"\x1f\x8b"):
            body = decompress(body, "gzip", MAX_LISTING_BYTES)
    body = in_utf8(body)
    if not _XML.match(body):
        return _listing(
            "text", (decode_loosely(match[1]).strip() for match in _LINE.finditer(body))
        )
    body = _COMMENT.sub(b"", body)
    root = _ROOT.search(body)
    kind: Kind = "sitemap" if root is None else _KINDS[root[1].lower()]
    if kind == "feed":
        listing = _listing(kind, map(_of_feed, _LINK.finditer(body)))
    else:
        found = (match for match in _LOC.finditer(body) if match[1] not in _OF_OTHERS)
        listing = _listing(kind, (_plain(match[2]) for match in found))
    if not listing.addresses and b"<html" in body[:2000].lower():
        raise PageError
    return listing if listing.addresses or root is not None else Listing("text", ())


def is_feed(body: bytes) -> bool:
    """Whether a file of XML is a feed."""
    root = _ROOT.search(in_utf8(body[:4096]))
    return root is not None and _KINDS[root[1].lower()] == "feed"


def _listing(kind: Kind, found: Iterable[str]) -> Listing:
    # What is too much is counted and not held: a file of 50 MB has ten million of the shortest.
    addresses = filter(None, found)
    return Listing(kind, tuple(islice(addresses, MAX_LISTED)), sum(1 for _ in addresses))


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
