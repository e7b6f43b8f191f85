"""Which uses an owner keeps for itself: the words of headers, of robots.txt and of tdmrep.json.

Tilth makes data to train with, so what counts is a no to training, or to all automated use.
"""

from __future__ import annotations

import re
from typing import Any

from tilth.decode.objects import parse_json
from tilth.decode.text import decode_loosely
from tilth.web.patterns import Patterns

# A file of an owner's wishes has as much; what a robots.txt must have (RFC 9309 section 2.5).
MAX_TDMREP_BYTES = 512 << 10
TDMREP_PATH = "/.well-known/tdmrep.json"
_MAX_RULES = 10_000

_APART = re.compile(r"[,;\s]++")
# Content-Usage (IETF AIPREF, draft-ietf-aipref-vocab) and Content-Signal (contentsignals.org).
_TRAINING = frozenset(("train-ai", "train-genai", "ai-train"))
# All automated processing, which a word on training overrides.
_ANY_USE = frozenset(("bots",))
_NO = frozenset(("n", "no", "?0", "0", "false"))
_YES = frozenset(("1", "?1", "true"))
# A blank begins at most once: from within it nothing is looked for.
_BINDS = re.compile(r"(?<!\s)\s*+[=:]\s*+")
_QUOTES = str.maketrans("", "", "\"'")


def reserved_use(value: str) -> str:
    """The word by which a Content-Usage or Content-Signal forbids training; empty: none does.

    Args:
        value: As `train-ai=n` or `search=yes, ai-train=no`.
    """
    said: dict[str, str] = {}
    for part in _APART.split(_BINDS.sub("=", value.lower().translate(_QUOTES))):
        name, found, answer = part.partition("=")
        # A no stays one, whatever follows.
        if found and name in _TRAINING | _ANY_USE and said.get(name) not in _NO:
            said[name] = answer
    for names in (_TRAINING, _ANY_USE):
        for name in sorted(said.keys() & names):
            if said[name] in _NO:
                return f"{name}={said[name]}"
        if said.keys() & names:
            break
    return ""


def is_reserved(value: str) -> bool:
    """Whether a `tdm-reservation` reserves: its value is 1, however it is written."""
    return not _YES.isdisjoint(_APART.split(value.lower().translate(_QUOTES)))


def read_tdmrep(body: bytes) -> Patterns[str]:
    """What a site's tdmrep.json reserves, by paths: `tdm-reservation: 1` or nothing.

    Of paths the longest that fits decides (W3C TDM Reservation Protocol, section 6.1, which takes
    the patterns of RFC 9309); of two alike the one that reserves.

    Args:
        body: The file. One that is none (a page that says "not found") reserves nothing.
    """
    patterns = Patterns[str]()
    try:
        found: Any = parse_json(decode_loosely(body[:MAX_TDMREP_BYTES], "utf-8-sig"))
    except (ValueError, RecursionError):
        return patterns
    rules = found if isinstance(found, list) else [found]
    for rule in rules[:_MAX_RULES]:
        if not isinstance(rule, dict):
            continue
        location, reserved = rule.get("location", "/"), rule.get("tdm-reservation")
        if isinstance(location, str) and reserved is not None:
            is_kept = is_reserved(str(reserved))
            patterns.add(location, "tdm-reservation: 1" * is_kept, is_stronger=is_kept)
    return patterns
