"""One spelling for each page's address, and which addresses belong to a crawl.

Normalisation is what RFC 3986 section 6.2 calls safe: case, default port, percent-encoding, dot
segments. The order and content of a query are kept, since only the site knows what they mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import urljoin, urlsplit

from tilth.decode.slashes import with_slashes
from tilth.decode.text import UndecodableError, decode_text
from tilth.web.address import canonical_host

_PORTS = {"http": 80, "https": 443}
# Nothing in it can be matched in two ways, so that the time is linear: a label's first letter is
# found by passing over what is none.
_CLEAN = re.compile(
    r"https?://[a-z][a-z0-9-]*+(?:\.[0-9-]*+[a-z][a-z0-9-]*+)*+/[A-Za-z0-9_~/-]*+"
    r"(?:\.[A-Za-z0-9_~-]++)*+"
)
_ESCAPES = re.compile(r"%[0-9A-Fa-f]{2}|[^A-Za-z0-9\-._~!$&'()*+,;=:@/?%\[\]]|%")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
# A link that leads to the same place from any page of a folder: it has a path of its own, and its
# path alone. (Of `?a` or `http:?a` the path is that of the page, and tabs are left out.)
_OF_FOLDER = re.compile(r"(?:[\w.%~-]|/(?!/))[^:\\\x00-\x20]*+", re.A)
# Characters of a page's address and a link in it, of which is kept where that leads.
_MAX_KEPT = 500
_IGNORED = str.maketrans("", "", "\t\r\n")


def normalize(url: str) -> str:
    """The one spelling of an http or https address, without its fragment.

    Raises:
        ValueError: Not such an address, or one that carries a user name.
    """
    return url if _CLEAN.fullmatch(url) else _normalized(url)


def _normalized(url: str) -> str:
    parts = urlsplit(url.strip().translate(_IGNORED))
    scheme = parts.scheme.lower()
    if scheme not in _PORTS:
        raise ValueError(f"not an http or https address: {url[:100]!r}")
    if parts.username is not None or parts.password is not None:
        raise ValueError("an address with a user name in it is not followed")
    host = canonical_host(parts.hostname or "")
    if ":" in host:
        host = f"[{host}]"
    port = parts.port
    if port is not None and port != _PORTS[scheme]:
        host = f"{host}:{port}"
    path = _without_dots(escaped(parts.path)) or "/"
    query = f"?{escaped(parts.query)}" if parts.query else ""
    return f"{scheme}://{host}{path}{query}"


def join(base: str, href: str) -> str | None:
    """The normalised target of a link, or None where it leads to no web page.

    The pages of a folder have most of their links in common, written the same way: where one leads
    is kept by the folder and the link.
    """
    if _CLEAN.fullmatch(href):
        return href
    end = base.partition("?")[0].rfind("/", 8) + 1
    if not end or len(base) + len(href) > _MAX_KEPT or not _OF_FOLDER.fullmatch(href):
        return _joined(base, href)
    return joined_in_folder(base[:end], href)


def _joined(base: str, href: str) -> str | None:
    head, _, _ = with_slashes(href.strip()).partition("#")
    if not head:
        return None
    try:
        return normalize(urljoin(base, head))
    except ValueError:
        return None


# Of short ones, so that what is kept is bounded.
joined_in_folder = lru_cache(maxsize=1 << 15)(_joined)


def as_sent(address: str) -> str:
    """An address in a header, of which the bytes were taken for Latin-1, as it is meant: in UTF-8,
    or else byte by byte."""
    if address.isascii():
        return address
    try:
        return decode_text(_bytes_of(address))
    except UndecodableError:
        return in_ascii(address)


def in_ascii(address: str) -> str:
    """The same, its bytes beyond ASCII escaped."""
    return "".join(chr(byte) if byte < 0x80 else f"%{byte:02X}" for byte in _bytes_of(address))


def _bytes_of(address: str) -> bytes:
    return address.encode("latin-1", "xmlcharrefreplace")


def origin(url: str) -> str:
    """Scheme, host and port of a normalised address: what a robots.txt holds for."""
    return url[: url.index("/", 8)]


def host_of(url: str) -> str:
    """The host of an address or an origin, without its port; empty where there is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


class Scope:
    """The addresses of a crawl: those under one of its prefixes, by http or https.

    Args:
        prefixes: Addresses; everything that begins with one belongs to the crawl.
    """

    def __init__(self, prefixes: Iterable[str]) -> None:
        self.prefixes = tuple(_schemeless(normalize(prefix)) for prefix in prefixes)

    @classmethod
    def of(cls, start: Iterable[str]) -> Scope:
        """The folders in which the start pages lie."""
        return cls(url[: url.partition("?")[0].rindex("/") + 1] for url in map(normalize, start))

    def contains(self, url: str) -> bool:
        """Whether a normalised address belongs to the crawl."""
        return _schemeless(url).startswith(self.prefixes)


def escaped(text: str) -> str:
    """A path or a query with each of its characters in its one spelling (RFC 3986, 6.2.2)."""
    return _ESCAPES.sub(_escape, text)


def _schemeless(url: str) -> str:
    return url.partition("://")[2]


def _escape(match: re.Match[str]) -> str:
    found = match.group()
    if len(found) == 3:
        char = chr(int(found[1:], 16))
        return char if char in _UNRESERVED else found.upper()
    return "".join(f"%{byte:02X}" for byte in found.encode("utf-8", "replace"))


def _without_dots(path: str) -> str:
    """The path without ``.`` and ``..`` segments (RFC 3986 section 5.2.4)."""
    if "/." not in path:
        return path
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)
