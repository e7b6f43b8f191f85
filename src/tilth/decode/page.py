"""From the bytes of a web page to its characters, in the order of the WHATWG HTML Standard.

A byte order mark, the HTTP header, the page's own `meta` element or XML declaration; where none
says, UTF-8, or what the bytes look like.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from tilth.decode.encodings import decode
from tilth.decode.look import guess
from tilth.decode.prescan import declared_in
from tilth.decode.text import (
    MARKS,
    Decoded,
    How,
    UndecodableError,
    decode_loosely,
    is_rather_utf8,
    named,
)

# RFC 9110, 8.3.1: the parameter of a media type.
_HEADER: Final = re.compile(
    r";[^\S\n]{0,20}charset\s{0,5}=\s{0,5}(?:\"([^\"]{0,40})\"|'?([\w:.+-]{1,40}))", re.I
)

# Possessive, so that the search is linear in any input.
_END: Final = re.compile(r"</(?:body|html)\s*+>", re.I)


@dataclass(frozen=True)
class _Candidate:
    encoding: str
    how: How


def without_end(page: str) -> str:
    """A page without the tags that end it, for libxml2, which reads nothing of what stands behind.

    To the standard that is a part of the body (HTML, 13.2.6.4.19 and 22), and browsers show it.
    """
    return _END.sub("", page)


def decode_html(data: bytes, content_type: str | None, max_undecodable: float) -> str:
    """The characters of a page; as `read_page`."""
    return read_page(data, content_type, max_undecodable).text


def read_page(data: bytes, content_type: str | None, max_undecodable: float) -> Decoded:
    """Decode a page as a browser does.

    A page that is not in the encoding that it names, and is UTF-8, is read as that. Zeros are left
    out, as the standard has it (HTML, 13.2.5.1).

    Args:
        data: The page.
        content_type: The HTTP header's value, if it came over HTTP.
        max_undecodable: Share of characters that may be replaced by U+FFFD, or be zero, in a page
            that breaks its own declaration in places.

    Returns:
        The page's characters without byte order mark, and their encoding.

    Raises:
        UndecodableError: More than that share cannot be decoded, or the bytes are binary.
    """
    for mark, name in MARKS:
        if data.startswith(mark):
            return _loosely(data[len(mark) :], _Candidate(name, "mark"), max_undecodable)
    stated = stated_encoding(content_type)
    if stated:
        # As good as always right, and then what the page says of it is not looked for.
        with suppress(UnicodeDecodeError):
            told = _Candidate(stated, "told")
            return _checked(decode(data, stated), told, max_undecodable)
    names = dict.fromkeys(filter(None, (stated, declared_in(data))))
    declared = [_Candidate(name, "told") for name in names]
    # Both are valid UTF-8 in what is not: UTF-16 has zeros, ISO-2022 escapes.
    is_plain = b"\0" not in data and b"\x1b" not in data
    tried = declared[1:] if stated else declared
    for one in (*tried, *([_Candidate("utf-8", "utf-8")] if is_plain or declared else ())):
        try:
            return _checked(decode(data, one.encoding), one, max_undecodable)
        except UnicodeDecodeError:
            continue
    if declared:
        return _loosely(data, declared[0], max_undecodable)
    if is_rather_utf8(data):
        return _loosely(data, _Candidate("utf-8", "utf-8"), max_undecodable)
    name = guess(data)
    return _loosely(
        data, _Candidate(name, "utf-8" if name == "utf-8" else "guess"), max_undecodable
    )


def stated_encoding(content_type: str | None) -> str:
    """The encoding that a media type states, by its name on the web; empty: none that is known."""
    said = _HEADER.search(f";{content_type or ''}")
    return named(said[1] or said[2] or "", on_web=True) if said else ""


def _loosely(data: bytes, how: _Candidate, max_undecodable: float) -> Decoded:
    return _checked(decode_loosely(data, how.encoding), how, max_undecodable)


def _checked(text: str, how: _Candidate, max_undecodable: float) -> Decoded:
    bad, zeros = text.count("\ufffd"), text.count("\0")
    if bad > max_undecodable * len(text):
        raise UndecodableError(
            f"{bad} of {len(text)} characters cannot be decoded as {how.encoding}"
        )
    if zeros > max_undecodable * len(text):
        raise UndecodableError(
            f"the bytes are binary, not HTML: {zeros} of {len(text)} characters are NUL"
        )
    return Decoded(text.replace("\0", "") if zeros else text, how.encoding, how.how)
