"""What a page shows and plays: the pictures and sounds of its markup, and how it calls them.

A picture is named by `img`, by `picture`, as `og:image`, or by a link to a file of that ending; a
sound by `audio`, as `og:audio`, or by a link. Of the forms of one picture (`srcset`, the sources of
a `picture`) the largest is taken, and of the codings of one sound the first that can be read. Not
taken are pictures that stand in the page itself (`data:`, `svg`), those of a style sheet, icons,
posters of films, and those that are one pixel wide or high.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final

from lxml import etree

from tilth.formats.licenses import license_of
from tilth.web.media import IN_PAGE, NOWHERE, ONE_PIXEL, UNREAD, Kind, Mention, Shown, kind_of_type

# Endings of the paths of files; which of them is what it says, its bytes say.
IMAGE_SUFFIXES: Final = (
    *(".png", ".jpg", ".jpeg", ".jfif", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif"),
    *(".heic", ".heif"),
)
AUDIO_SUFFIXES: Final = (".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".m4a")
# Characters of a text about a picture that are kept, and elements of a caption that are read.
MAX_TEXT: Final = 2000
_MAX_PARTS: Final = 500
_SOURCES: Final = ("data-src", "data-original", "data-lazy-src", "src")
_SETS: Final = ("data-srcset", "data-lazy-srcset", "srcset")
_TAGS: Final = (
    *("a", "area", "audio", "figcaption", "figure", "img", "link", "meta", "picture", "source"),
    "video",
)
_OPEN_GRAPH: Final[Mapping[str, Kind]] = {
    **dict.fromkeys(("og:image", "og:image:url", "og:image:secure_url"), "image"),
    **dict.fromkeys(("og:audio", "og:audio:url", "og:audio:secure_url"), "audio"),
}
_BLANKS: Final = " \t\n\f\r"
_ADDRESS: Final = re.compile(rf"[{_BLANKS},]*+([^{_BLANKS}]++)")
_DESCRIPTORS: Final = re.compile(r"[^,(]*+(?:\([^)]*+\)?+[^,(]*+)*+")
_SIZE: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)([wx])", re.A)
_NUMBER: Final = re.compile(rf"[{_BLANKS}]*+(\d++)", re.A)

Target = Callable[[str], str | None]


def read_media(root: etree._Element, target: Target, kinds: frozenset[str]) -> Shown:
    """What a parsed page shows and plays; time linear in the page.

    Args:
        root: The page.
        target: The normalised address to which one in the page leads; None: to no web page.
        kinds: What is looked for.
    """
    return _Walk(target, kinds).through(root)


@dataclass
class _Figure:
    """A figure that is open: what is in it so far."""

    found: list[int] = field(default_factory=list)
    caption: str | None = None
    licenses: set[str] = field(default_factory=set)


@dataclass
class _Holder:
    """A `picture`, `audio` or `video` that is open: what its sources are."""

    tag: str
    element: etree._Element
    sources: list[str] = field(default_factory=list)
    is_used: bool = False
    # Of `audio`: there were sources of which none is read.
    unread: bool = False


class _Walk:
    """One walk through a page."""

    def __init__(self, target: Target, kinds: frozenset[str]) -> None:
        self._target = target
        self._kinds = kinds
        self._found: list[Mention] = []
        self._at: dict[str, int] = {}
        self._passed: dict[str, None] = {}
        self._licenses: set[str] = set()
        self._figures: list[_Figure] = []
        self._holders: list[_Holder] = []
        self._captions = 0
        # A link to a file, until the picture in it was met or it ends.
        self._link: tuple[etree._Element, str, Kind] | None = None
        self._link_alt: str | None = None

    def through(self, root: etree._Element) -> Shown:
        for event, element in etree.iterwalk(root, events=("start", "end"), tag=_TAGS):
            if event == "start":
                self._begin(str(element.tag), element)
            else:
                self._end(str(element.tag), element)
        (license_,) = self._licenses if len(self._licenses) == 1 else (None,)
        return Shown(tuple(self._found), license_, tuple(self._passed))

    def _begin(self, tag: str, element: etree._Element) -> None:
        if tag in ("a", "area", "link"):
            self._refer(tag, element)
        elif tag == "img":
            self._image(element)
        elif tag == "source":
            self._source(element)
        elif tag in ("picture", "audio", "video"):
            self._holders.append(_Holder(tag, element))
        elif tag == "figure":
            self._figures.append(_Figure())
        elif tag == "figcaption":
            if self._figures and not self._captions and self._figures[-1].caption is None:
                self._figures[-1].caption = text_of(element)
            self._captions += 1
        elif tag == "meta":
            kind = _OPEN_GRAPH.get((element.get("property") or element.get("name") or "").lower())
            if kind is not None:
                self._add(kind, element.get("content"))
            elif (element.get("property") or "").lower() in ("og:image:alt", "og:audio:alt"):
                self._name_last(element.get("content"))

    def _end(self, tag: str, element: etree._Element) -> None:
        if tag in ("picture", "audio", "video"):
            holder = self._holders.pop()
            if tag == "picture" and not holder.is_used:
                self._add("image", *holder.sources[:1])
            elif tag == "audio":
                self._sound(holder)
        elif tag == "figure":
            self._close(self._figures.pop())
        elif tag == "figcaption":
            self._captions -= 1
        elif self._link is not None and self._link[0] is element:
            _, href, kind = self._link
            title = element.get("title") or text_of(element) or None
            self._add(kind, href, alt=self._link_alt, title=title)
            self._link, self._link_alt = None, None

    def _refer(self, tag: str, element: etree._Element) -> None:
        href = element.get("href")
        relations = (element.get("rel") or "").lower().replace(",", " ").split()
        if href is None:
            return
        if "license" in relations:
            if named := license_of(href):
                self._licenses.add(named)
                for figure in self._figures[-1:]:
                    figure.licenses.add(named)
            return
        kind = _kind_of_path(href)
        if kind is None or tag == "link" or "nofollow" in relations:
            return
        if tag == "area" or self._link is not None:
            self._add(kind, href, alt=element.get("alt"), title=element.get("title"))
        else:
            self._link = (element, href, kind)

    def _image(self, element: etree._Element) -> None:
        alt = element.get("alt")
        if self._link is not None and self._link_alt is None:
            self._link_alt = alt
        picture = self._holders[-1] if self._holders else None
        if picture is not None and picture.tag != "picture":
            picture = None
        if picture is not None:
            picture.is_used = True
        if any(_is_tiny(element.get(side)) for side in ("width", "height")):
            self._pass("image", ONE_PIXEL)
            return
        own = next(filter(None, map(element.get, _SOURCES)), None)
        several = next(filter(None, map(element.get, _SETS)), "")
        others = picture.sources if picture is not None else []
        self._add("image", largest(several, own), *others, alt=alt, title=element.get("title"))

    def _source(self, element: etree._Element) -> None:
        if not self._holders:
            return
        holder = self._holders[-1]
        stated = (element.get("type") or "").partition(";")[0].strip().lower()
        is_read = not stated or kind_of_type(stated) is not None
        if holder.tag == "picture" and is_read:
            several = next(filter(None, map(element.get, _SETS)), "")
            if found := largest(several, None):
                holder.sources.append(found)
        elif holder.tag == "audio" and (src := element.get("src") or element.get("data-src")):
            if is_read:
                holder.sources.append(src)
            else:
                holder.unread = True

    def _sound(self, holder: _Holder) -> None:
        element = holder.element
        own = element.get("src") or element.get("data-src")
        sources = [own] if own else sorted(holder.sources, key=_is_no_sound)[:1]
        if not sources and holder.unread:
            self._pass("audio", UNREAD)
        title = element.get("title") or element.get("aria-label")
        self._add("audio", *sources, title=title)

    def _add(
        self, kind: Kind, *addresses: str | None, alt: str | None = None, title: str | None = None
    ) -> None:
        """Note the first of the addresses that leads somewhere."""
        if kind not in self._kinds:
            return
        given = [one.strip() for one in addresses if one and one.strip()]
        elsewhere = [one for one in given if one[:5].lower() != "data:"]
        if given and not elsewhere:
            self._pass(kind, IN_PAGE)
        for address in elsewhere:
            if (url := self._target(address)) is not None:
                break
        else:
            if elsewhere:
                self._pass(kind, NOWHERE)
            return
        at = self._at.get(url)
        if at is None:
            at = self._at[url] = len(self._found)
            self._found.append(Mention(url, kind, _shortened(alt), _shortened(title)))
        else:
            # Said first of a placeholder or of `og:image`, and in words where it is shown.
            known = self._found[at]
            self._found[at] = replace(
                known,
                alt=known.alt or _shortened(alt) or known.alt,
                title=known.title or _shortened(title),
            )
        for figure in self._figures[-1:]:
            figure.found.append(at)

    def _name_last(self, alt: str | None) -> None:
        if self._found and self._found[-1].alt is None:
            self._found[-1] = replace(self._found[-1], alt=_shortened(alt))

    def _close(self, figure: _Figure) -> None:
        (license_,) = figure.licenses if len(figure.licenses) == 1 else (None,)
        for at in figure.found:
            one = self._found[at]
            self._found[at] = replace(
                one, caption=one.caption or figure.caption, license=one.license or license_
            )

    def _pass(self, kind: Kind, reason: str) -> None:
        if kind in self._kinds:
            self._passed[reason] = None


def largest(several: str, own: str | None) -> str | None:
    """Of the addresses of one picture the one that is most pixels wide, by what is said of each.

    Args:
        several: A `srcset` (HTML, 4.8.4.3.1).
        own: The `src`, of density 1.
    """
    widest = densest = None
    width = density = 0.0
    for address, size, unit in _candidates(several):
        if address[:5].lower() == "data:":
            continue
        if unit == "w" and size > width:
            widest, width = address, size
        elif unit == "x" and size > density:
            densest, density = address, size
    if widest is not None:
        return widest
    is_real = own is not None and own.strip()[:5].lower() != "data:"
    return own if own is not None and is_real and density <= 1 else densest or own


def _candidates(several: str) -> Iterator[tuple[str, float, str]]:
    """Address, size and its unit (w: pixels wide, x: density) of each of a `srcset`."""
    at = 0
    while (found := _ADDRESS.match(several, at)) is not None:
        address, at = found[1], found.end()
        if address.endswith(","):
            yield address.rstrip(","), 1.0, "x"
            continue
        said = _DESCRIPTORS.match(several, at)
        assert said is not None
        at = said.end()
        size = _SIZE.search(said.group())
        yield (address, float(size[1]), size[2]) if size else (address, 1.0, "x")


def text_of(element: etree._Element) -> str:
    """The words in an element, on one line, as far as they are kept."""
    parts: list[str] = []
    for text in islice(element.itertext("*"), _MAX_PARTS):
        parts.append(text[: 4 * MAX_TEXT])
    return " ".join("".join(parts).split())[:MAX_TEXT]


def _shortened(text: str | None) -> str | None:
    return None if text is None else " ".join(text[: 4 * MAX_TEXT].split())[:MAX_TEXT]


def _kind_of_path(href: str) -> Kind | None:
    path = href.partition("#")[0].partition("?")[0].rstrip().lower()
    if path.endswith(IMAGE_SUFFIXES):
        return "image"
    return "audio" if path.endswith(AUDIO_SUFFIXES) else None


def _is_no_sound(address: str) -> bool:
    return _kind_of_path(address) != "audio"


def _is_tiny(side: str | None) -> bool:
    found = _NUMBER.match(side or "")
    return (
        found is not None and len(found[1]) < 10 and int(found[1]) <= 1 and "%" not in (side or "")
    )
