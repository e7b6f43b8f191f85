"""What a page's markup and its headers tell a crawler: links, canonical address, wishes."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from lxml import etree

from tilth.decode.encodings import in_query
from tilth.decode.page import read_page, without_end
from tilth.decode.text import UndecodableError, decode_loosely
from tilth.formats.http_answer import FEED_TYPES
from tilth.web.looks import look_of
from tilth.web.media import TOO_DEEP, Shown
from tilth.web.media_markup import read_media
from tilth.web.urls import as_sent, join

# The parser compares each attribute of a tag with all those before it, so a tag may have as much
# outside of quotation marks as it takes a few milliseconds to compare.
_MAX_TAG_BYTES = 8 << 10
# Possessive and closed or not, so that the search is linear in any input.
_QUOTED = rb"\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z)"
_TAG = re.compile(rb"<[A-Za-z](?:[^>\"']++|" + _QUOTED + rb")*+")
_WORDS = re.compile(r"[\s,;]+")
_QUOTATION = re.compile(_QUOTED)
_ANY_TAG = re.compile(rb"</?+([A-Za-z][^\s/>]*+)(?:[^>\"']++|" + _QUOTED + rb")*+>?+")
_TELLING = frozenset((b"a", b"area", b"base", b"frame", b"iframe", b"img", b"link", b"meta"))
# A header of links (RFC 8288, 3): an address, and what is said of it.
_LINK = re.compile(r"<([^<>]*+)>((?:\s*+;(?:[^,;\"]++|\"[^\"]*+\"?+)*+)*+)")
_PARAMETER = re.compile(r";\s*+([A-Za-z*]++)\s*+(?:=\s*+(?:\"([^\"]*+)|([^\s;,\"]*+)))?+")
# Relations of one page to the others of a row of them; a site may have no other way to these.
_OF_ROW = frozenset(("next", "prev", "previous"))
_REFRESH = re.compile(r"\s*+[\d.]++(?:\s*+[;,]\s*+|\s++)(?:url\s*+=\s*+)?+(.+)", re.A | re.I | re.S)


@dataclass(frozen=True)
class Markup:
    """What stands in a page's markup.

    Attributes:
        links: Normalised http and https addresses, in the page's order, each once: of its links,
            frames, refreshes and feeds, and the pages before and after it in a row.
        canonical: The address that the page names as its own, or None.
        meta: Name, or ``http-equiv``, and content of each ``<meta>``, both in lower case.
        shows: Its pictures and sounds, where such are looked for.
        look: What the page looks like within its pattern of addresses, where that was asked for.
    """

    links: tuple[str, ...] = ()
    canonical: str | None = None
    meta: tuple[tuple[str, str], ...] = ()
    shows: Shown | None = None
    look: bytes | None = None


def read_markup(
    body: bytes,
    url: str,
    content_type: str | None,
    leads: Callable[[str, str], str | None] = join,
    kinds: frozenset[str] = frozenset(),
    *,
    looks: bool = False,
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
        kinds: Look for what it shows and plays too: `image`, `audio`.
        looks: Say what it looks like.
    """
    try:
        page = read_page(body, content_type, max_undecodable=1)
        text, encoding = page.text, page.encoding
    except UndecodableError:
        # Whether it is a page is decided where its text is taken.
        text, encoding = decode_loosely(body, "windows-1252").replace("\0", ""), "utf-8"
    found = _without_endless_tags(without_end(text).encode())
    root, is_whole = _parsed(found)
    if not is_whole:
        # Elements in elements, deeper than the parser goes: what says nothing here is left out.
        root, _ = _parsed(_ANY_TAG.sub(_telling, found))
    if root is None:
        return Markup()
    base, canonical, meta = None, None, []

    def target(href: str) -> str | None:
        head, mark, query = href.partition("#")[0].partition("?")
        if mark:
            head = f"{head}?{in_query(query, encoding)}"
        return leads(base or url, head)

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
    heads = dict.fromkeys(href.partition("#")[0] for href in _hrefs(root))
    targets = map(target, heads)
    links = tuple(dict.fromkeys(target for target in targets if target))
    shows = read_media(root, target, kinds) if kinds else None
    if shows is not None and not is_whole:
        shows = replace(shows, passed=(*shows.passed, TOO_DEEP))
    look = look_of(url, root, found) if looks and is_whole else None
    return Markup(links, canonical, tuple(meta), shows, look)


def header_links(headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, ...], str | None]:
    """What the headers of an answer lead to, as the elements of the same meaning do.

    Of `Link` (RFC 8288) the same relations are heard as of the element, and none that is said of
    another page (`anchor`).

    Args:
        headers: Names and values, as received: bytes beyond ASCII as those of Latin-1.

    Returns:
        The addresses of refreshes and links, and the canonical one (RFC 6596), as written: against
        the address of the page.
    """
    leads, canonical = list[str](), None
    for name, value in headers:
        if name.lower() == "refresh" and (target := _refreshed(value)) is not None:
            leads.append(as_sent(target))
        elif name.lower() == "link":
            for href, said in _LINK.findall(value):
                # Of a parameter that is there twice the first counts.
                told = {key.lower(): one or two for key, one, two in _PARAMETER.findall(said)[::-1]}
                relations = told.get("rel", "").lower().split()
                if "anchor" in told:
                    continue
                if "canonical" in relations:
                    canonical = canonical or as_sent(href)
                if _is_lead(relations, told.get("type", "")):
                    leads.append(as_sent(href))
    return tuple(leads), canonical


def _is_lead(relations: Collection[str], kind: str) -> bool:
    """Whether a link of a page, which no reader sees, is followed: to a page of its row, a feed."""
    if "nofollow" in relations:
        return False
    is_feed = "alternate" in relations and kind.strip().lower() in FEED_TYPES
    return is_feed or not _OF_ROW.isdisjoint(relations)


def _parsed(body: bytes) -> tuple[etree._Element | None, bool]:
    """A page as a tree, and whether all of it is in it."""
    parser = etree.HTMLParser(
        encoding="utf-8", no_network=True, remove_comments=True, huge_tree=True
    )
    try:
        root = etree.fromstring(body, parser)
    except (etree.LxmlError, ValueError):
        root = None
    return root, not any("depth" in entry.message for entry in parser.error_log)


def _telling(match: re.Match[bytes]) -> bytes:
    return match.group() if match[1].lower() in _TELLING else b" "


def _hrefs(root: etree._Element) -> Iterator[str]:
    """Where a page's links lead, in its order.

    Walked and not asked for as a union in XPath, which compares each link with all others.
    """
    for element in root.iter("a", "area", "frame", "iframe", "link", "meta"):
        tag, href = element.tag, element.get("href")
        if tag in ("a", "area"):
            # A link marked "nofollow" is one that the site asks crawlers not to take.
            if href is not None and not (element.get("rel") and "nofollow" in _relations(element)):
                yield href
            continue
        if tag in ("frame", "iframe"):
            href = element.get("src")
        elif tag == "meta":
            is_refresh = (element.get("http-equiv") or "").strip().lower() == "refresh"
            href = _refreshed(element.get("content") or "") if is_refresh else None
        elif tag == "link":
            href = href if _is_lead(_relations(element), element.get("type") or "") else None
        if href is not None:
            yield href


def _relations(element: etree._Element) -> list[str]:
    # They are parted by blanks (HTML, 4.6.7); many write commas.
    return _WORDS.split((element.get("rel") or "").lower())


def _refreshed(content: str) -> str | None:
    """Where a refresh leads (HTML, 4.2.5.3: seconds, then an address); None: to the page itself."""
    found = _REFRESH.match(content)
    if found is None:
        return None
    target = found[1]
    if target[:1] in ("'", '"'):
        target = target[1:].partition(target[0])[0]
    return target.strip() or None


def _without_endless_tags(body: bytes) -> bytes:
    """The page with every tag closed before it has more attributes than any page needs."""
    if max(map(len, _TAG.findall(body)), default=0) <= _MAX_TAG_BYTES:
        return body
    return _TAG.sub(_closed, body)


def _closed(match: re.Match[bytes]) -> bytes:
    tag = match.group()
    if len(tag) <= _MAX_TAG_BYTES or len(_QUOTATION.sub(b"", tag)) <= _MAX_TAG_BYTES:
        return tag
    return tag[:_MAX_TAG_BYTES] + b">"
