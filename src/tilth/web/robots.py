"""What a site asks of crawlers: robots.txt (RFC 9309), and the opt-outs of a single page.

The file is read as the RFC has it and its authors' own parser reads it, where that is stricter
(github.com/google/robotstxt): lines of other kinds end no group, so that `User-agent: *` with
nothing but a Crawl-delay shares the rules that follow for the next crawler.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from tilth.decode.text import MARKS, decode_loosely, utf16_of
from tilth.formats.http_answer import AnswerError, decode
from tilth.web.patterns import Patterns
from tilth.web.usage import is_reserved, read_tdmrep, reserved_use

# RFC 9309 section 2.5: at least 500 KiB of the file are read; nothing needs more.
MAX_ROBOTS_BYTES = 512 << 10
# A pause of more than a day between two pages is a slip or a trap, and is read as none.
MAX_DELAY_S = 86_400

# What a line may begin with, its hyphens, blanks and case aside; slips as Google's parser forgives
# them.
_FIELDS: Final = {
    "useragent": "agent",
    "allow": "allow",
    **dict.fromkeys(("disallow", "dissallow", "dissalow", "disalow", "diasllow"), "disallow"),
    "disallaw": "disallow",
    "sitemap": "sitemap",
    "crawldelay": "delay",
    "requestrate": "rate",
    "contentusage": "usage",
    "contentsignal": "usage",
}
# Marks that editors leave at the begin of a file, or of a line that was pasted: nobody sees them,
# and no rule has them.
_UNSEEN: Final = dict.fromkeys(map(ord, "\ufeff\u200b\u200c\u200d\u2060"))
# The longest name, written with a blank or a hyphen.
_MAX_FIELD = 24
_NUMBER: Final = re.compile(r"\d{1,30}(?:\.\d{0,30})?(?:e[+-]?\d{1,3})?|\.\d{1,30}", re.A | re.I)
_RATE: Final = re.compile(r"(\d++)\s*+/\s*+(\d++)\s*+([smhd])?", re.A | re.I)
_MAX_DIGITS: Final = 15
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}

# The page's own words -> the rule under which it is dropped. "none" is noindex and nofollow.
_OPT_OUTS = ("noindex", "none", "noai", "noimageai")
# Of use and not of a crawler: heard even where they stand behind the name of another.
_OF_USE = frozenset(("noai", "noimageai"))
_ALL_OPT_OUTS = frozenset(_OPT_OUTS)
_UNTIL: Final = "unavailable_after"
# Directives of X-Robots-Tag that carry a value, and so are not the name of a crawler.
_VALUED = frozenset((_UNTIL, "max-snippet", "max-image-preview", "max-video-preview"))
# All that is a directive where a colon follows, and not the name of a crawler.
_DIRECTIVES = _VALUED | _ALL_OPT_OUTS
# Before a colon: whoever it is.
_EVERYONE = frozenset(("*", "all", "robots"))
_NO_IMAGES: Final = "noimageindex"
_SPELT: Final = {
    word.replace("_", ""): word for word in (*_OPT_OUTS, "nofollow", _NO_IMAGES, _UNTIL)
}
_WORD: Final = re.compile(r"[a-z0-9_-]++")
# What parts directives or binds them to a value, and what is put around them.
_MARKS: Final = str.maketrans({";": ",", "|": ",", "=": ":", '"': None, "'": None})


@dataclass
class _Group:
    """What a file says to one crawler."""

    rules: Patterns[bool] = field(default_factory=Patterns)
    usage: Patterns[str] = field(default_factory=Patterns)
    delays_s: list[float] = field(default_factory=list)
    unheard: list[str] = field(default_factory=list)

    def add(self, kind: str, value: str) -> None:
        if kind == "disallow" and value:
            path = value
            if value[:8].lower().startswith(("http://", "https://")):
                # Of a whole address the path is meant; a site alone may be another than this.
                path = "/".join(["", *value.split("/", 3)[3:]])
            if path == value or path.strip("/*$"):
                self.rules.add(path, False, is_stronger=False)
        elif kind == "allow" and value.startswith(("/", "*")):
            self.rules.add(value, True, is_stronger=True)
            folder, slash, name = value.rpartition("/")
            if slash and name == "index.html":
                # Google's parser: whoever allows the index allows the folder.
                self.rules.add(f"{folder}/$", True, is_stronger=True)
        elif kind == "usage":
            first, _, rest = value.partition(" ")
            path, words = (first, rest) if first.startswith("/") else ("/", value)
            if "=" in words or ":" in words:
                use = reserved_use(words)
                self.usage.add(path, use, is_stronger=bool(use))
        elif kind in ("delay", "rate"):
            self._slow(kind, value)

    def _slow(self, kind: str, value: str) -> None:
        if kind == "delay":
            found = _NUMBER.match(value)
            wish = float(found.group()) if found else 0.0
        else:
            rate = _RATE.match(value)
            if rate is None:
                return
            if len(rate[1]) > _MAX_DIGITS or not int(rate[1]):
                return
            wish = float("inf")
            if len(rate[2]) <= _MAX_DIGITS:
                wish = int(rate[2]) * _UNITS[(rate[3] or "s").lower()] / int(rate[1])
        if wish > MAX_DELAY_S:
            name = "crawl-delay" if kind == "delay" else "request-rate"
            self.unheard.append(f"{name} {value[:40]} is longer than a day, and is not kept")
        else:
            self.delays_s.append(wish)


class RobotsFile:
    """The rules of one origin.

    Args:
        text: The file; None where the site has none, which allows everything.
        agent: The crawler's name, as site owners would write it.
        tdmrep: The site's tdmrep.json, if it has one.

    Attributes:
        exists: The site has one.
        agent: The crawler's name.
        sitemaps: Addresses of the sitemaps that the file names.
    """

    def __init__(self, text: str | None, agent: str, tdmrep: bytes | None = None) -> None:
        self.exists = text is not None
        self.agent = agent
        self.sitemaps: list[str] = []
        self._reserved = read_tdmrep(tdmrep) if tdmrep else Patterns[str]()
        own, everyone = _Group(), _Group()
        is_named = is_own = is_everyone = False
        # Agents may follow one another; what is none of these and no rule ends no group.
        begins = True
        for line in _lines(text or ""):
            kind, value = _parts(line)
            if kind == "agent":
                if not begins:
                    is_own = is_everyone = False
                begins = True
                is_own |= _is_for(value, agent)
                is_everyone |= value == "*" or value.startswith(("* ", "*\t"))
                is_named |= is_own
            elif kind == "sitemap":
                if value:
                    self.sitemaps.append(value)
            elif kind:
                begins = begins and kind not in ("allow", "disallow")
                for group in (own,) * is_own + (everyone,) * is_everyone:
                    group.add(kind, value)
        self._group = own if is_named else everyone

    def allows(self, url: str) -> bool:
        """Whether this crawler may fetch an address of the origin."""
        path = url[url.index("/", 8) :]
        if path == "/robots.txt":
            return True
        return self._group.rules.find(path) is not False

    @property
    def delay_s(self) -> float:
        """Seconds between two requests that the site asks for; 0 where it asks for none.

        A wish for more than a day is no wish: see `unheard`.
        """
        return max(self._group.delays_s, default=0.0)

    @property
    def unheard(self) -> tuple[str, ...]:
        """What the site asks for and is not kept to, in words."""
        return tuple(dict.fromkeys(self._group.unheard))

    def reserves(self, url: str) -> tuple[str, str] | None:
        """The rule by which the site keeps the use of an address for itself, and its word.

        From Content-Usage and Content-Signal in its robots.txt, or its tdmrep.json; None: it does
        not.
        """
        path = url[url.index("/", 8) :]
        if use := self._group.usage.find(path):
            return "robots-content-usage", use
        if use := self._reserved.find(path):
            return "tdm-reservation", f"tdmrep.json {use}"
        return None


def _lines(text: str) -> list[str]:
    # Those of RFC 9309 and no others: str.splitlines knows more, which an address may have in it.
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _parts(line: str) -> tuple[str, str]:
    """The kind of a line and its value; both empty where it is of none."""
    line = line.partition("#")[0].strip()
    name, colon, value = line.partition(":")
    if colon and (kind := _kind(name)):
        return kind, value.strip()
    # Without a colon, or with that of an address behind it.
    for num in (1, 2):
        words = line[: _MAX_FIELD * 2].split(None, num)
        if len(words) > num and (kind := _kind(" ".join(words[:num]))):
            return kind, line.split(None, num)[num].strip()
    return "", ""


def _kind(name: str) -> str:
    if len(name) > _MAX_FIELD:
        return ""
    return _FIELDS.get("".join(name.lower().replace("-", " ").replace("_", " ").split()), "")


def _is_for(value: str, agent: str) -> bool:
    """Whether a User-agent line means a crawler: by its name, a version and more behind it or not.

    RFC 9309 section 2.2.1: names are compared whole, without regard to case.
    """
    if value.startswith("*") and not value.strip("* \t"):
        return False
    name = value.replace("*", "").partition("/")[0].split(None, 1)
    return bool(name) and name[0].lower() == agent.lower()


def decode_robots(body: bytes) -> str:
    """The text of a robots.txt: UTF-8, or as some editors write it; never failing.

    UTF-16 and UTF-32 are told by their marks, UTF-16 by its zeros too, and a file that was stored
    as gzip is undone. Cut at the size that must be read, at the end of a line.
    """
    if body.startswith(b"\x1f\x8b"):
        with suppress(AnswerError):
            is_cut = len(body) > MAX_ROBOTS_BYTES
            body = bytes(decode(body, "gzip", MAX_ROBOTS_BYTES + 1, is_cut=is_cut, cuts=True))
    head = body[:MAX_ROBOTS_BYTES]
    marked = ((name, mark) for mark, name in MARKS if head.startswith(mark))
    encoding, mark = next(marked, None) or utf16_of(head)
    text = decode_loosely(head[len(mark) :], encoding or "utf-8").translate(_UNSEEN)
    if len(body) > len(head):
        # Half a rule is another one.
        text = text[: max(text.rfind("\n"), text.rfind("\r")) + 1]
    # A null byte ends no line in the wild but breaks parsers that work on C strings.
    return text.replace("\0", "")


@dataclass(frozen=True)
class Wishes:
    """What a page asks for itself.

    Attributes:
        header: Directives of its X-Robots-Tag headers that address this crawler.
        meta: Directives of its robots meta elements.
        reserved: The page reserves text and data mining rights (W3C TDM Reservation Protocol).
        usage: The word by which its Content-Usage or Content-Signal forbids training, or none.
        expired: It was to be had until a day that is past.
        site: What its site says of it, as `RobotsFile.reserves` has it.
    """

    header: tuple[str, ...] = ()
    meta: tuple[str, ...] = ()
    reserved: bool = False
    usage: str = ""
    expired: str = ""
    site: tuple[str, str] | None = None

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
        if self.expired:
            return f"robots-{_UNTIL}"
        if self.reserved:
            return "tdm-reservation"
        if self.usage:
            return "content-usage"
        return self.site[0] if self.site else None

    @property
    def refuses_images(self) -> str:
        """The rule by which the pictures of the page are not to be taken; empty: they may be."""
        for place, words in (("robots-header", self.header), ("robots-meta", self.meta)):
            if _NO_IMAGES in words:
                return f"{place}-{_NO_IMAGES}"
        return ""

    @property
    def words(self) -> str:
        """The directives as one line."""
        site = self.site[1] if self.site else ""
        words = (*self.header, *self.meta, self.expired, self.usage, site)
        return ", ".join(dict.fromkeys(filter(None, words))) or "1"

    def of_site(self, robots: RobotsFile, url: str) -> Wishes:
        """With what the site says of the page."""
        return replace(self, site=robots.reserves(url))

    def consent(self, robots: RobotsFile) -> str:
        """The evidence as one line, kept with the page."""
        parts = ["robots.txt: allowed" if robots.exists else "robots.txt: none"]
        parts += [f"robots.txt: {said}" for said in robots.unheard]
        if self.site:
            parts.append(self.site[1])
        if self.header:
            parts.append(f"x-robots-tag: {', '.join(self.header)}")
        if self.meta:
            parts.append(f"meta robots: {', '.join(self.meta)}")
        if self.expired:
            parts.append(self.expired)
        if self.reserved:
            parts.append("tdm-reservation: 1")
        if self.usage:
            parts.append(f"content-usage: {self.usage}")
        return "; ".join(parts)


def read_wishes(
    headers: Iterable[tuple[str, str]],
    meta: Iterable[tuple[str, str]],
    agent: str,
    now: datetime | None = None,
) -> Wishes:
    """What a page asks for itself, in its headers and its markup.

    Args:
        headers: Names and values of the response, as received.
        meta: Names (or `http-equiv`) and contents of its meta elements, in lower case.
        agent: The crawler's name; what is addressed to another crawler is passed over.
        now: By which `unavailable_after` is past; default: now.
    """
    now, name_of_us = now or datetime.now(UTC), agent.lower()
    in_header: list[str] = []
    in_meta: list[str] = []
    said: dict[str, list[str]] = {"tdm-reservation": [], "usage": []}

    def note(name: str, value: str) -> None:
        if name == "tdm-reservation":
            said[name].append(value)
        elif name in ("content-usage", "content-signal"):
            said["usage"].append(value)

    for name, value in headers:
        if name.lower() == "x-robots-tag":
            in_header += _addressed(value.lower(), name_of_us)
        else:
            note(name.lower(), value)
    for name, value in meta:
        if name in ("robots", name_of_us, "x-robots-tag"):
            # A header's words may be for another crawler; for whom those of an element are says
            # its name.
            in_meta += _addressed(value, name_of_us if name == "x-robots-tag" else None)
        else:
            note(name, value)
    ends = [word for word in in_header + in_meta if word.startswith(_UNTIL)]
    return Wishes(
        tuple(dict.fromkeys(word for word in in_header if not word.startswith(_UNTIL))),
        tuple(dict.fromkeys(word for word in in_meta if not word.startswith(_UNTIL))),
        any(map(is_reserved, said["tdm-reservation"])),
        reserved_use(",".join(said["usage"])),
        next((end for end in ends if _is_past(end.partition(":")[2], now)), ""),
    )


def _addressed(value: str, agent: str | None) -> list[str]:
    """The directives of one X-Robots-Tag header that are for everyone or for this crawler.

    Args:
        value: The header, in lower case.
        agent: The crawler; None: there is no name in it.
    """
    words: list[str] = []
    for_us = True
    parts = [part.strip() for part in value.translate(_MARKS).split(",")]
    at = 0
    while at < len(parts):
        part = parts[at]
        at += 1
        name, colon, rest = part.partition(":")
        name = _word(name.strip())
        is_named = agent is not None and bool(colon) and name not in _DIRECTIVES
        if is_named:
            for_us = name in _EVERYONE or name.partition("/")[0] == agent
            part = rest.strip()
            name, colon, rest = part.partition(":")
            name = _word(name.strip())
        if colon and name == _UNTIL:
            # A date may have a comma in it: `Wed, 25 Jun 2030 15:00:00 GMT`.
            if _date_of(rest) is None and at < len(parts) and _date_of(f"{rest}, {parts[at]}"):
                rest = f"{rest}, {parts[at]}"
                at += 1
            part = f"{_UNTIL}: {rest.strip()}"
        if for_us and colon and name in _VALUED:
            # Of a preview `none` is a size, and no wish for the page.
            behind = rest.split() if name == _UNTIL else rest.split()[1:]
            words += (part, *_ALL_OPT_OUTS.intersection(map(_word, behind)))
            continue
        found = map(_word, _WORD.findall(part))
        # Where headers were joined, it cannot be told whose the words behind are.
        words += found if for_us else () if is_named else _OF_USE.intersection(found)
    return words


def _word(written: str) -> str:
    """A directive in its one spelling; other words as they are."""
    plain = written.replace("-", "").replace("_", "")
    return _SPELT.get(plain, written)


def _date_of(text: str) -> datetime | None:
    """A date as RFC 822, RFC 850 or ISO 8601 write it, of UTC where it has no zone."""
    text = text.strip()[:60].replace("/", "-")
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        for written in (text.upper(), f"{text.upper()} 00:00:00"):
            try:
                date = read(written)
            except (ValueError, TypeError, IndexError, OverflowError):
                continue
            return date if date.tzinfo else date.replace(tzinfo=UTC)
    return None


def _is_past(text: str, now: datetime) -> bool:
    date = _date_of(text)
    try:
        return date is not None and date < now
    except OverflowError:
        return False
