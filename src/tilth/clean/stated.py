"""What a web page states of itself: title, author, date, language and licence.

Only what it states is taken: in its `meta` elements by the names that publishers use (Open Graph,
Dublin Core, Highwire Press, Parse.ly), as JSON-LD of schema.org, as microdata, or by a link of the
relation `license`. Nothing is guessed off its text or its address.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from resiliparse.parse.html import HTMLTree

from tilth.decode.objects import is_text
from tilth.formats.licenses import ADDRESS, license_of

_Any = TypeVar("_Any")
# Characters of JSON-LD that are read; what goes beyond states nothing.
MAX_CHARS: Final = 1 << 18
_MAX_VALUE: Final = 1000
_MAX_AUTHORS: Final = 20
_FIRST_YEAR: Final = 1000
# Of `meta`, the surest first.
_TITLES: Final = (
    *("og:title", "citation_title", "dc.title", "dcterms.title", "parsely-title", "headline"),
    *("twitter:title", "sailthru.title", "title"),
)
_AUTHORS: Final = (
    *("author", "article:author", "citation_author", "dc.creator", "dcterms.creator"),
    *("parsely-author", "sailthru.author", "byl", "creator"),
)
_PUBLISHED: Final = (
    *("article:published_time", "datepublished", "citation_publication_date", "citation_date"),
    *("dc.date.issued", "dcterms.issued", "dcterms.created", "dc.date", "dcterms.date"),
    *("parsely-pub-date", "sailthru.date", "og:published_time", "pubdate", "publish-date", "date"),
)
_LANGUAGES: Final = ("content-language", "dc.language", "dcterms.language", "og:locale")
_OF_META: Final = ("property", "name", "itemprop", "http-equiv")
_LICENSE_LINKS: Final = 'a[rel~="license"], link[rel~="license"]'
_JSON_LD: Final = 'script[type="application/ld+json"]'
_MICRODATA: Final = '[itemprop~="datePublished"]'
_DAY: Final = re.compile(r"\s*(\d{4})([-/.]?)(\d\d)\2(\d\d)(?!\d)", re.A)
# RFC 5646, or the underscore that many write.
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8}){0,4}")


@dataclass(frozen=True)
class Stated:
    """What is stated; None: it is not.

    Attributes:
        title: Of the page.
        author: One, or several parted by `; `.
        date: Of its first publication.
        language: As RFC 5646 has it, such as `en` or `pt-BR`.
        license: A licence of Creative Commons by its name in SPDX, such as `CC-BY-SA-4.0`, another
            by its address. None where two are named, for one may be that of a picture.
    """

    title: str | None = None
    author: str | None = None
    date: datetime.date | None = None
    language: str | None = None
    license: str | None = None


def stated(page: str) -> Stated:
    """What a decoded page states of itself; time linear in the page."""
    tree = HTMLTree.parse(page)
    if tree.document is None:
        return Stated()
    root, title = tree.document.query_selector("html"), tree.title or ""
    said: dict[str, list[str]] = {}
    for element in _all(tree.head, "meta[content]"):
        content = element.getattr("content", "").strip()
        for attribute in _OF_META if content else ():
            said.setdefault(element.getattr(attribute, "").lower(), []).append(content)
    for element in _all(tree.body, _MICRODATA)[:1]:
        when = element.getattr("content", "") or element.getattr("datetime", "")
        said.setdefault("datepublished", []).append(when)
    language = "" if root is None else str(root.getattr("lang", ""))
    if language.strip():
        said["content-language"] = [language]
    linked = _linked([one.text for one in _all(tree.document, _JSON_LD)])
    licenses = {license_of(one.getattr("href", "")) for one in _all(tree.document, _LICENSE_LINKS)}
    return Stated(
        _text([*_of(said, _TITLES)[:1], *linked.titles[:1], title]),
        _authors([*linked.authors, *_of(said, _AUTHORS)]),
        _first(_date(when) for when in (*_of(said, _PUBLISHED), *linked.dates)),
        _first(map(_language, _of(said, _LANGUAGES))),
        _text([*licenses]) if len(licenses) == 1 else None,
    )


def _all(node: Any, css: str) -> Sequence[Any]:
    found: Sequence[Any] = () if node is None else node.query_selector_all(css)[:]
    return found


def _of(said: Mapping[str, Sequence[str]], names: Sequence[str]) -> list[str]:
    """What stands by the first of the names that has anything, then by the second, ..."""
    return [value for name in names for value in said.get(name, ())]


@dataclass(frozen=True)
class _Linked:
    """What JSON-LD says of articles."""

    titles: Sequence[str]
    authors: Sequence[str]
    dates: Sequence[str]


def _linked(scripts: Sequence[str]) -> _Linked:
    items, left = list[Mapping[str, Any]](), MAX_CHARS
    for script in scripts:
        left -= len(script)
        if left >= 0:
            items += _items(script)
    names = {item.get("@id"): item.get("name") for item in items if is_text(item.get("@id"))}
    articles = [item for item in items if _is_article(item)]
    return _Linked(
        [one["headline"] for one in articles if is_text(one.get("headline"))],
        [name for one in articles for name in _names(one.get("author"), names)],
        [one["datePublished"] for one in articles if is_text(one.get("datePublished"))],
    )


def _items(script: str) -> Iterator[Mapping[str, Any]]:
    """The objects of a document of JSON-LD and of its graph; none where it cannot be read."""
    try:
        # Line breaks within texts, which JSON forbids, are common.
        found = json.loads(script, strict=False)
    except (ValueError, RecursionError):
        return
    for item in found if isinstance(found, list) else [found]:
        if isinstance(item, dict):
            graph = item.get("@graph")
            yield item
            inner = graph if isinstance(graph, list) else []
            yield from (one for one in inner if isinstance(one, dict))


def _is_article(item: Mapping[str, Any]) -> bool:
    kinds = item.get("@type")
    named = kinds if isinstance(kinds, list) else [kinds]
    return "headline" in item or any(
        isinstance(kind, str) and kind.endswith(("Article", "Posting", "WebPage")) for kind in named
    )


def _names(author: Any, names: Mapping[Any, Any]) -> Iterator[str]:
    for one in author if isinstance(author, list) else [author]:
        name = one
        if isinstance(one, dict):
            name = one.get("name") or names.get(one.get("@id") if is_text(one.get("@id")) else "")
        yield from (part for part in (name if isinstance(name, list) else [name]) if is_text(part))


def _text(candidates: Sequence[str]) -> str | None:
    """The first that says something, in one line."""
    return _first(" ".join(one.split())[:_MAX_VALUE] for one in candidates)


def _authors(candidates: Sequence[str]) -> str | None:
    """Those named, each once; the address of a profile is no name."""
    found = dict[str, str]()
    for one in candidates:
        name = _text([one.strip().removeprefix("By ").removeprefix("by ")])
        if name and not ADDRESS.fullmatch(name) and len(found) < _MAX_AUTHORS:
            found.setdefault(name.lower(), name)
    return "; ".join(found.values())[:_MAX_VALUE] or None


def _date(when: str) -> datetime.date | None:
    """The day that a text begins with: 2024-05-01, 2024/05/01 or 20240501, with any time."""
    match = _DAY.match(when)
    # Some programs write the year 1 where they know none.
    if match is None or int(match[1]) < _FIRST_YEAR:
        return None
    try:
        return datetime.date(*(int(match[part]) for part in (1, 3, 4)))
    except ValueError:
        return None


def _language(text: str) -> str | None:
    return text.strip().replace("_", "-") if _LANGUAGE.fullmatch(text.strip()) else None


def _first(candidates: Iterable[_Any | None]) -> _Any | None:
    return next((one for one in candidates if one), None)
