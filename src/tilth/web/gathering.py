"""What a crawl takes beside pages: the pictures and sounds that its pages show and link."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from tilth.web.media import VAGUE_TYPES, Kind, kind_of_type
from tilth.web.mentions import MAX_HOPS, Mentions
from tilth.web.urls import Scope, origin


@dataclass(frozen=True)
class Gathering:
    """Which addresses belong to a crawl though they are no pages of it, and what they may be.

    Attributes:
        kinds: `image`, `audio`; none: pages alone.
        scope: Where they are asked for; None: there are none.
        mentions: What the pages found so far show.
        pages: Whether an address may be that of a page.
    """

    kinds: frozenset[str] = frozenset()
    scope: Scope | None = None
    mentions: Mentions | None = None
    pages: Callable[[str], bool] = lambda _: True

    def is_shown(self, url: str) -> bool:
        """Whether a page of a level before that of an address shows it."""
        return self.mentions is not None and self.mentions.shows(url)

    def further(self, url: str) -> int:
        """How much farther than a page an address may be: a page's pictures are of the page, and
        so is what they redirect to."""
        return 1 + MAX_HOPS if self.is_shown(url) else 0

    def is_page(self, url: str) -> bool:
        """Whether a page that an address gives is one of the crawl."""
        return not self.kinds or self.pages(url)

    def left_out(self, url: str) -> tuple[str, str] | None:
        """The rule by which an address is not asked for that pages show, and its word; or None."""
        if self.mentions is None or not self.is_shown(url):
            return None
        if (refused := self.mentions.refused(url)) is not None:
            return refused
        is_within = self.scope is not None and self.scope.contains(url)
        return None if is_within else ("media-scope", origin(url))

    def kind_of(self, url: str, content_type: str) -> Kind | None:
        """What an answer is taken as that is neither a page nor a feed; None: it is not taken.

        Args:
            url: The address that was asked.
            content_type: The media type in lower case, without parameters.
        """
        if not self.kinds:
            return None
        if content_type in VAGUE_TYPES:
            shown = self.mentions.kinds(url) & self.kinds if self.mentions is not None else ()
            return as_kind(shown)
        found = kind_of_type(content_type)
        return found if found in self.kinds else None


def as_kind(kinds: Collection[str]) -> Kind | None:
    """Of what an address is to its pages, what it is taken as: a picture before a sound."""
    if "image" in kinds:
        return "image"
    return "audio" if "audio" in kinds else None
