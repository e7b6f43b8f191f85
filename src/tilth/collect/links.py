"""What a page's markup tells a crawler: its links, its canonical address, its wishes."""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree

from tilth.collect.urls import join

# A link marked "nofollow" is one that the site asks crawlers not to take.
_LINKS = etree.XPath(
    "//a[not(contains(@rel, 'nofollow'))]/@href | //area/@href", smart_strings=False
)
_HEAD = etree.XPath("//meta[@name and @content] | //link[@rel and @href] | //base[@href]")


@dataclass(frozen=True)
class Markup:
    """What stands in a page's markup.

    Attributes:
        links: Normalised http and https addresses, in the page's order, each once.
        canonical: The address that the page names as its own, or None.
        meta: Name and content of each ``<meta>``, both in lower case.
    """

    links: tuple[str, ...] = ()
    canonical: str | None = None
    meta: tuple[tuple[str, str], ...] = ()


def read_markup(body: bytes, url: str, charset: str | None) -> Markup:
    """Parse an HTML page.

    Args:
        body: The page, decoded from its transfer, not from its character set.
        url: Its address, against which links are resolved.
        charset: Character set of the Content-Type header; None leaves it to the page.
    """
    try:
        parser = etree.HTMLParser(encoding=charset, no_network=True, remove_comments=True)
    except LookupError:
        parser = etree.HTMLParser(no_network=True, remove_comments=True)
    try:
        root = etree.fromstring(body, parser)
    except (etree.LxmlError, ValueError):
        root = None
    if root is None:
        return Markup()
    base, canonical, meta = url, None, []
    for element in _HEAD(root):
        if element.tag == "base":
            base = join(url, element.get("href")) or url
        elif element.tag == "link":
            if "canonical" in element.get("rel").lower().split():
                canonical = join(base, element.get("href"))
        else:
            meta.append((element.get("name").lower().strip(), element.get("content").lower()))
    targets = (join(base, href) for href in dict.fromkeys(_LINKS(root)))
    links = tuple(dict.fromkeys(target for target in targets if target))
    return Markup(links, canonical, tuple(meta))
