"""Patterns of addresses: those of a robots.txt, and those by which a recipe chooses.

A robots.txt writes beginnings of paths, with `*` for anything and `$` for the end. A recipe writes
all of a path, or of an address, with `*` for anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

from tilth.web.urls import escaped, normalize

_SCHEMES = {80: "http", 443: "https"}
_Said = TypeVar("_Said")


class Patterns(Generic[_Said]):
    """What is said of paths; of the patterns that fit the longest decides (RFC 9309, 2.2.2).

    Neither adding nor asking compares anything twice: a pattern costs its length, a path its own
    and, for each pattern with a `*` in it, at most its own again.
    """

    def __init__(self) -> None:
        self._plain: dict[str, tuple[bool, _Said]] = {}
        self._wild: dict[str, tuple[bool, _Said]] = {}
        self._lengths: list[int] | None = None
        self._parts: list[tuple[int, bool, list[str], bool, _Said]] = []

    def __bool__(self) -> bool:
        return bool(self._plain or self._wild)

    def add(self, pattern: str, said: _Said, *, is_stronger: bool) -> None:
        """Add what is said of the paths that fit a pattern.

        Args:
            pattern: As written; without a slash at its begin it has one, unless that is `*`.
            said: What is said of them.
            is_stronger: Of two alike this one counts.
        """
        is_end = pattern.endswith("$")
        body = escaped(pattern[:-1] if is_end else pattern).replace("$", "%24")
        if not body.startswith(("/", "*")):
            body = f"/{body}"
        kept, key = (self._wild, f"{body}$") if is_end else (self._plain, body)
        if "*" in body:
            kept = self._wild
        if key not in kept or is_stronger:
            kept[key] = (is_stronger, said)
        self._lengths = None

    def find(self, path: str) -> _Said | None:
        """What is said of a path, its query included; None: nothing."""
        if not self:
            return None
        if self._lengths is None:
            self._prepare()
        # In an address both are nothing but themselves.
        path = escaped(path).replace("*", "%2A").replace("$", "%24")
        best, is_stronger, found = -1, False, None
        for length in self._lengths or ():
            if length <= len(path) and (hit := self._plain.get(path[:length])) is not None:
                best, (is_stronger, found) = length, hit
                break
        for length, is_first, parts, is_end, said in self._parts:
            if length < best or (length == best and is_stronger):
                break
            if (length > best or is_first) and _fits(parts, path, is_end=is_end):
                return said
        return found

    def _prepare(self) -> None:
        self._lengths = sorted({len(pattern) for pattern in self._plain}, reverse=True)
        order = sorted(self._wild.items(), key=lambda one: (-len(one[0]), not one[1][0], one[0]))
        self._parts = []
        for pattern, (is_stronger, said) in order:
            is_end = pattern.endswith("$")
            parts = (pattern[:-1] if is_end else pattern).split("*")
            self._parts.append((len(pattern), is_stronger, parts, is_end, said))


class AddressPattern:
    """All of an address, by http or https, or all of its path and query, with `*` for anything.

    `/tags/*` and `*.pdf` are patterns of paths, `https://*.example.org/tags/*` one of addresses.
    Nothing but `*` stands for anything else, so `?` begins a query; a `*` that is meant itself is
    written `%2A`. It takes time that grows with the address.

    Args:
        text: As a recipe has it.

    Raises:
        ValueError: No address can fit it.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        scheme, is_address, rest = text.partition("://")
        self._host: list[str] | None = None
        path = text
        if is_address and "/" not in scheme:
            if scheme.lower() not in ("http", "https", "*"):
                raise ValueError(f"{text!r}: http and https addresses are crawled")
            host, slash, path = rest.partition("/")
            if not slash:
                raise ValueError(f"{text!r} names a host and no paths; `{text}/*` has all of them")
            self._host = _host(host, 443 if scheme.lower() == "https" else 80).split("*")
            path = f"/{path}"
        elif not text.startswith(("/", "*")):
            raise ValueError(
                f"{text!r} begins with none of `/`, `*`, `http://` and `https://`, so it fits no "
                "address"
            )
        if "#" in path:
            raise ValueError(f"{text!r}: what is behind a `#` is never asked for")
        self._path = escaped(path).split("*")

    def fits(self, url: str) -> bool:
        """Whether a normalised address fits."""
        _, _, rest = url.partition("://")
        host, _, path = rest.partition("/")
        if self._host is not None and not _fits(self._host, host, is_end=True):
            return False
        return _fits(self._path, f"/{path}".replace("*", "%2A"), is_end=True)


def _host(host: str, port: int) -> str:
    """A host and port as a normalised address has them; one with a `*` in it in lower case."""
    if "*" not in host:
        return normalize(f"{_SCHEMES[port]}://{host}/").partition("://")[2][:-1]
    if not host.isascii():
        raise ValueError(f"{host!r}: beside a `*`, other letters are written as in `xn--...`")
    return host.lower().removesuffix(f":{port}")


class Choice:
    """Which of the addresses in a crawl's scope are asked for.

    Args:
        include: One of these fits; none given: all do.
        exclude: None of these fits, whatever else does.
    """

    def __init__(self, include: Iterable[str], exclude: Iterable[str]) -> None:
        self.include = tuple(map(AddressPattern, include))
        self.exclude = tuple(map(AddressPattern, exclude))

    def left_out(self, url: str, *, is_page: bool = True) -> str | None:
        """Why a normalised address is left out: a pattern of `exclude`, or that none of `include`
        fits. None: it is not.

        Args:
            url: The address.
            is_page: It is no picture or sound of a page, which need fit no `include`.
        """
        for pattern in self.exclude:
            if pattern.fits(url):
                return pattern.text
        if not (is_page and self.include) or any(pattern.fits(url) for pattern in self.include):
            return None
        return "fits no `include`"


def _fits(parts: list[str], path: str, *, is_end: bool) -> bool:
    """Whether the parts stand in the path one behind the other, the first at its begin."""
    if not path.startswith(parts[0]):
        return False
    at = len(parts[0])
    if len(parts) == 1:
        return not is_end or at == len(path)
    for part in parts[1:-1]:
        at = path.find(part, at)
        if at < 0:
            return False
        at += len(part)
    last = parts[-1]
    if is_end:
        return len(path) - len(last) >= at and path.endswith(last)
    return path.find(last, at) >= 0
