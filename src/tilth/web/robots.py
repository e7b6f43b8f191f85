"""What a site asks of crawlers: robots.txt (RFC 9309), and the opt-outs of a single page."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from protego import Protego

from tilth.decode.text import decode_loosely

# RFC 9309 section 2.5: at least 500 KiB of the file are read; nothing needs more.
MAX_ROBOTS_BYTES = 512 << 10
# A pause of more than a day between two pages is a slip or a trap, and is read as none.
MAX_DELAY_S = 86_400

_AGENT_LINE = re.compile(r"\s*+user[- ]?agent(?:\s*+:|\s)([^#]*+)", re.I)

# The page's own words -> the rule under which it is dropped. "none" is noindex and nofollow.
_OPT_OUTS = ("noindex", "none", "noai")
# Directives of X-Robots-Tag that carry a value, and so are not the name of a crawler.
_VALUED = frozenset(("unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"))


class RobotsFile:
    """The rules of one origin.

    Args:
        text: The file; None where the site has none, which allows everything.
        agent: The crawler's name, as site owners would write it.
    """

    def __init__(self, text: str | None, agent: str) -> None:
        self.exists = text is not None
        self.agent = agent
        self._rules = Protego.parse(_without_others(text or "", agent.lower()))

    def allows(self, url: str) -> bool:
        """Whether this crawler may fetch an address of the origin."""
        return not self.exists or bool(self._rules.can_fetch(url, self.agent))

    @property
    def delay_s(self) -> float:
        """Seconds between two requests that the site asks for; 0 where it asks for none.

        A wish for more than a day is no wish.
        """
        wishes = [self._rules.crawl_delay(self.agent) or 0.0]
        if rate := self._rules.request_rate(self.agent):
            # In whole numbers: those of a file may be larger than a float can be.
            is_sane = rate.seconds <= MAX_DELAY_S * rate.requests
            wishes.append(rate.seconds / rate.requests if is_sane else 0.0)
        return max(wish for wish in (0.0, *wishes) if wish <= MAX_DELAY_S)

    @property
    def sitemaps(self) -> list[str]:
        """Addresses of the sitemaps that the file names."""
        return list(self._rules.sitemaps)


def _without_others(text: str, agent: str) -> str:
    """The file with one name for all crawlers that are not meant here.

    The parser gives every crawler that a group names its own copy of the group's rules, which for
    a file of nothing but names and rules takes a time that is their product.
    """
    other = f"{agent}-other"
    lines: list[str] = []
    for line in text.splitlines():
        if found := _AGENT_LINE.match(line):
            given = found.group(1).strip().lower()
            # The parser takes an asterisk beside other characters for nothing.
            name = given if given == "*" else given.replace("*", "")
            if given not in ("", "*") and (not name or name not in agent):
                name = other
            line = f"User-agent: {name}"
            if lines and lines[-1] == line:
                continue
        lines.append(line)
    return "\n".join(lines)


def decode_robots(body: bytes) -> str:
    """The text of a robots.txt: UTF-8, cut at the size that must be read, never failing."""
    text = decode_loosely(body[:MAX_ROBOTS_BYTES], "utf-8-sig")
    # A null byte ends no line in the wild but breaks parsers that work on C strings.
    return text.replace("\0", "")


@dataclass(frozen=True)
class Wishes:
    """What a page asks for itself.

    Attributes:
        header: Directives of its X-Robots-Tag headers that address this crawler.
        meta: Directives of its robots meta elements.
        reserved: The page reserves text and data mining rights (W3C TDM Reservation Protocol).
    """

    header: tuple[str, ...] = ()
    meta: tuple[str, ...] = ()
    reserved: bool = False

    @property
    def follow(self) -> bool:
        """Whether the page's links may be taken."""
        return not {"nofollow", "none"}.intersection(self.header + self.meta)

    @property
    def rule(self) -> str | None:
        """The rule by which the page opts out of collection, or None."""
        for place, words in (("robots-header", self.header), ("robots-meta", self.meta)):
            for word in _OPT_OUTS:
                if word in words:
                    return f"{place}-{word}"
        return "tdm-reservation" if self.reserved else None

    @property
    def words(self) -> str:
        """The directives as one line."""
        return ", ".join(dict.fromkeys(self.header + self.meta)) or "1"

    def consent(self, robots: RobotsFile) -> str:
        """The evidence as one line, kept with the page."""
        parts = ["robots.txt: allowed" if robots.exists else "robots.txt: none"]
        if self.header:
            parts.append(f"x-robots-tag: {', '.join(self.header)}")
        if self.meta:
            parts.append(f"meta robots: {', '.join(self.meta)}")
        if self.reserved:
            parts.append("tdm-reservation: 1")
        return "; ".join(parts)


def read_wishes(
    headers: Iterable[tuple[str, str]], meta: Iterable[tuple[str, str]], agent: str
) -> Wishes:
    """What a page asks for itself, in its headers and its markup.

    Args:
        headers: Names and values of the response, as received.
        meta: Names and contents of its meta elements, in lower case.
        agent: The crawler's name; what is addressed to another crawler is passed over.
    """
    in_header: list[str] = []
    in_meta: list[str] = []
    reserved = False
    for name, value in headers:
        if name.lower() == "x-robots-tag":
            in_header += _addressed(value.lower(), agent.lower())
        elif name.lower() == "tdm-reservation":
            reserved |= value.strip() == "1"
    for name, value in meta:
        if name in ("robots", agent.lower()):
            in_meta += _words(value)
        elif name == "tdm-reservation":
            reserved |= value.strip() == "1"
    return Wishes(tuple(dict.fromkeys(in_header)), tuple(dict.fromkeys(in_meta)), reserved)


def _addressed(value: str, agent: str) -> list[str]:
    """The directives of one X-Robots-Tag header that are for everyone or for this crawler."""
    words = []
    for_us = True
    for part in _words(value):
        name, colon, rest = part.partition(":")
        if colon and name.strip() not in _VALUED:
            for_us = name.strip() == agent
            part = rest.strip()
        if for_us and part:
            words.append(part)
    return words


def _words(value: str) -> list[str]:
    return [word for part in value.split(",") if (word := part.strip())]
