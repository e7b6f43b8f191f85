"""What a page's markup tells a crawler: its links, its canonical address, its wishes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lxml import etree

from tilth.decode.encodings import in_query
from tilth.decode.page import read_page
from tilth.decode.text import UndecodableError, decode_loosely
from tilth.web.urls import join

# The parser compares each attribute of a tag with all those before it, so a tag may have as much
# outside of quotation marks as it takes a few milliseconds to compare.
_MAX_TAG_BYTES = 8 << 10
# Possessive and closed or not, so that the search is linear in any input.
_QUOTED = rb"\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z)"
_TAG = re.compile(rb"<[A-Za-z](?:[^>\"']++|" + _QUOTED + rb")*+")
_QUOTATION = re.compile(_QUOTED)


@dataclass(frozen=True)
class Markup:
    """What stands in a page's markup.

    Attributes:
        links: Normalised http and https addresses, in the page's order, each once.
        canonical: The address that the page names as its own, or None.
        meta: Name, or ``http-equiv``, and content of each ``<meta>``, both in lower case.
    """

    links: tuple[str, ...] = ()
    canonical: str | None = None
    meta: tuple[tuple[str, str], ...] = ()


def read_markup(
    body: bytes,
    url: str,
    content_type: str | None,
    leads: Callable[[str, str], str | None] = join,
) -> Markup:
    """Parse an HTML page.

    Args:
        body: The page, decoded from its transfer, not from its character set.
        url: Its address, against which links are resolved; against the page's first `base`, where
            it has one with an address.
        content_type: The header's value, if any: what a page is decoded as for its links is what it
            is decoded as for its text. What a link asks for is in the page's encoding, all else of
            it in UTF-8 (URL Standard, 4.4).
        leads: Where an address in a page at another leads, as `join` does.
    """
    try:
        page = read_page(body, content_type, max_undecodable=1)
        text, encoding = page.text, page.encoding
    except UndecodableError:
        # Whether it is a page is decided where its text is taken.
        text, encoding = decode_loosely(body, "windows-1252").replace("\0", ""), "utf-8"
    parser = etree.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True)
    try:
        root = etree.fromstring(_without_endless_tags(text.encode()), parser)
    except (etree.LxmlError, ValueError):
        root = None
    if root is None:
        return Markup()
    base, canonical, meta = None, None, []

    def target(href: str) -> str | None:
        head, mark, query = href.partition("#")[0].partition("?")
        return leads(base or url, f"{head}{mark}{in_query(query, encoding)}")

    for element in root.iter("base", "link", "meta"):
        href = element.get("href")
        if element.tag == "meta":
            content = element.get("content")
            for name in (element.get("name"), element.get("http-equiv")):
                if name is not None and content is not None:
                    meta.append((name.lower().strip(), content.lower()))
        elif href is None:
            continue
        elif element.tag == "base":
            # All but the first are ignored (HTML, 4.2.3).
            base = base or target(href) or url
        elif "canonical" in element.get("rel", "").lower().split():
            canonical = target(href)
    targets = (target(href) for href in dict.fromkeys(_hrefs(root)))
    links = tuple(dict.fromkeys(target for target in targets if target))
    return Markup(links, canonical, tuple(meta))


def _hrefs(root: etree._Element) -> Iterator[str]:
    """Where a page's links lead, in its order.

    Walked and not asked for as a union in XPath, which compares each link with all others.
    """
    for element in root.iter("a", "area"):
        href = element.get("href")
        # A link marked "nofollow" is one that the site asks crawlers not to take.
        if href is not None and not (element.tag == "a" and "nofollow" in element.get("rel", "")):
            yield href


def _without_endless_tags(body: bytes) -> bytes:
    """The page with every tag closed before it has more attributes than any page needs."""
    if all(len(tag.group()) <= _MAX_TAG_BYTES for tag in _TAG.finditer(body)):
        return body
    return _TAG.sub(_closed, body)


def _closed(match: re.Match[bytes]) -> bytes:
    tag = match.group()
    if len(tag) <= _MAX_TAG_BYTES or len(_QUOTATION.sub(b"", tag)) <= _MAX_TAG_BYTES:
        return tag
    return tag[:_MAX_TAG_BYTES] + b">"
