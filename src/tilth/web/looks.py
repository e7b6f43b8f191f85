"""What a page looks like: its words, its pictures, and its numbers but those of dates."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import Final

from lxml import etree

from tilth.web.forms import pattern

# Possessive and closed or not, so that the search is linear in any input.
_HIDDEN: Final = re.compile(
    rb"<!--(?:[^-]++|-(?!->))*+(?:-->|\Z)"
    rb"|<(script|style|template|noscript)\b(?:[^<]++|<(?!/\1\b))*+(?:</\1[^>]*+>?+|\Z)",
    re.I,
)
_TAG: Final = re.compile(rb"<[^<>]*+>?+")
# Begins with a digit and nothing else, so that the search passes over all between at once.
_NUMBER: Final = re.compile(rb"[0-9]++(?:[.,:/-][0-9]++)*+")
_PART: Final = re.compile(rb"[.,:/-]")
_SHOWN: Final = ("img", "audio", "video", "source", "embed", "iframe")


def look_of(url: str, root: etree._Element, body: bytes) -> bytes | None:
    """What a page looks like within its pattern of addresses; None where it has none, or shows
    nothing.

    Its words are what is left without the markup, which is found faster than by the tree.

    Args:
        url: Its address.
        root: Of its markup.
        body: The same in UTF-8.
    """
    if (found := pattern(url)) is None:
        return None
    shown = [element.get("src") or "" for element in root.iter(*_SHOWN)]
    words = _NUMBER.sub(_undated, _TAG.sub(b" ", _HIDDEN.sub(b" ", body))).split()
    if not (words or shown):
        return None
    said = "\0".join((found, *shown)).encode("utf-8", "replace") + b"\0" + b" ".join(words)
    return hashlib.sha1(said, usedforsecurity=False).digest()[:12]


def _undated(match: re.Match[bytes]) -> bytes:
    word = match.group()
    return b" " if _is_date(word) else word


@lru_cache(maxsize=1 << 12)
def _is_date(word: bytes) -> bool:
    """Whether it may be a number of a date or a time: 7, 24, 2026, 24.12.2026, 9:30."""
    parts = _PART.split(word)
    if len(parts) == 2 and word[len(parts[0])] in b".,":
        # A number with a fraction.
        return False
    return all(len(part) <= 2 or (len(part) == 4 and part[:2] in (b"19", b"20")) for part in parts)
