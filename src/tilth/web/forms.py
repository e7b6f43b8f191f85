"""Addresses that may be one page: session ids, names of index files, and patterns without an end.

Only what stands for nothing but a session is taken off an address before it is asked for. Of all
else two addresses are one page where they give the same bytes, and a pattern of addresses is left
off where one after the other of them gives what is there already.
"""

from __future__ import annotations

import re
from typing import Final

# Names that servers give to sessions, and nobody to anything else (Java, PHP, ASP).
_SESSION: Final = r"(?:jsessionid|phpsessid|aspsessionid[a-z]{8})"
_IN_PATH: Final = re.compile(rf";{_SESSION}=[^/;?]*+", re.I | re.A)
# ASP.NET without cookies: a segment of its own.
_ASP_SEGMENT: Final = re.compile(r"/\(S\([a-z0-9]{24}\)\)(?=/)", re.I | re.A)
_IN_QUERY: Final = re.compile(rf"{_SESSION}=.*", re.I | re.A)
# Names that may also stand for something else, where the value looks drawn by lot.
_MAYBE: Final = re.compile(
    r"(?:sid|s|sess|sessid|session|session_?id|zenid|oscsid|cfid|cftoken|phpsession)="
    r"[A-Za-z0-9,_~-]{8,128}",
    re.I | re.A,
)
_INDEX: Final = re.compile(
    r"(?:index\.(?:x?html?|php|asp|aspx|jsp|cgi)|default\.(?:html?|asp|aspx))", re.I | re.A
)
_DIGITS: Final = re.compile(r"[0-9]++")
# Segments of a path of which the repetition is found.
_MAX_PERIOD: Final = 4


def without_session(url: str) -> str:
    """A normalised address without the ids that servers give to sessions."""
    if "sess" not in url.lower() and "/(" not in url:
        return url
    head, mark, query = url.partition("?")
    head = _ASP_SEGMENT.sub("", _IN_PATH.sub("", head))
    kept = [part for part in query.split("&") if not _IN_QUERY.fullmatch(part)]
    return f"{head}{mark if any(kept) else ''}{'&'.join(kept)}"


def form(url: str) -> str:
    """The address that stands for all that may be the same page, if they give the same bytes."""
    head, mark, query = without_session(url).partition("?")
    folder, slash, name = head.rpartition("/")
    if _INDEX.fullmatch(name):
        head = folder + slash
    kept = [part for part in query.split("&") if part and not _MAYBE.fullmatch(part)]
    return f"{head}{mark if kept else ''}{'&'.join(kept)}"


def pattern(url: str) -> str | None:
    """The pattern of addresses that an address is one of; None where it is one of a kind.

    Numbers, the last value of a query and those with a number in them may be any; so may the number
    of times that segments of the path or a name in the query are repeated.
    """
    head, mark, query = url.partition("?")
    scheme, _, rest = head.partition("://")
    host, _, path = rest.partition("/")
    path = _DIGITS.sub("#", "/".join(_unrepeated(path.split("/"))))
    found = f"{scheme}://{host}/{path}"
    if mark:
        parts = [part.partition("=") for part in query.split("&")]
        values: dict[str, str] = {}
        for number, (name, _, value) in enumerate(parts):
            is_open = name in values or number == len(parts) - 1 or _DIGITS.search(value)
            values[_DIGITS.sub("#", name)] = "*" if is_open else value
        found += "?" + "&".join(f"{name}={value}" for name, value in values.items())
    return None if found == url else found


def _unrepeated(segments: list[str]) -> list[str]:
    """A path of which each repetition of up to `_MAX_PERIOD` segments stands once."""
    kept: list[str] = []
    for segment in segments:
        kept.append(segment)
        for period in range(1, _MAX_PERIOD + 1):
            if len(kept) >= 2 * period and kept[-period:] == kept[-2 * period : -period]:
                del kept[-period:]
                break
    return kept
