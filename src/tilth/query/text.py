"""Foreign text made short and safe to print: excerpts, differences."""

from __future__ import annotations

import re
from typing import Any

from tilth.decode.page import decode_html
from tilth.decode.text import UndecodableError, decode_loosely
from tilth.foreign import shorten, visible
from tilth.query.changes import changed_ranges
from tilth.spell import distinct

# An element that nothing closes reaches to the end, as in browsers; possessive, so that the search
# is linear in any input.
_MARKUP = re.compile(
    r"<(script|style)\b[^<]*+(?:<(?!/\1\b)[^<]*+)*+(?:</\1\s*>)?|<!--(?:(?!-->).)*+(?:-->)?|<[^<>]*+>",
    re.DOTALL | re.IGNORECASE,
)
_SEGMENT = re.compile(r"[^\n]*?(?:[.!?]\s+|\n+|\Z)", re.DOTALL)
MAX_DIFF_CHARS = 200_000
MAX_DIFF_LINES = 40
_WIDTH = 160


def excerpt(text: str, limit: int = 600) -> str:
    """The opening of a text, safe to print; white space runs count as one blank."""
    # Cut before the costly part: a document may have megabytes.
    return shorten(visible(" ".join(text[: limit * 4].split())), limit)


def markup_text(html: bytes) -> str:
    """What the opening of a page says, its tags left out (by pattern: for display only).

    It is decoded as its own declaration, or its bytes, say; what cannot be is U+FFFD.
    """
    opening = html[:50_000]
    try:
        said = decode_html(opening, None, 1.0)
    except UndecodableError:  # binary
        said = decode_loosely(opening)
    return _MARKUP.sub(" ", said)


def markup_excerpt(html: bytes, limit: int = 600) -> str:
    """The opening of what a page says, safe to print."""
    return excerpt(markup_text(html), limit)


def shown(value: Any, limit: int = 120) -> str:
    """Any value of a column on one line."""
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    if isinstance(value, float):
        return distinct(value, (0.0, 1.0), 6)
    return excerpt(str(value), limit)


def text_changes(before: str, after: str) -> tuple[str, ...]:
    """What was edited, sentence by sentence: lines that open with `-` or `+`.

    Lines longer than the display are cut to a window around their first difference. Texts above
    200,000 characters are compared by their opening.
    """
    old, new = (_segments(t[:MAX_DIFF_CHARS]) for t in (before, after))
    lines: list[str] = []
    for i, j, k, m in changed_ranges(old, new):
        pairs = max(j - i, m - k)
        for n in range(pairs):
            left = old[i + n] if i + n < j else None
            right = new[k + n] if k + n < m else None
            start = _window(left, right)
            lines += [f"- {_cut(left, start)}"] if left is not None else []
            lines += [f"+ {_cut(right, start)}"] if right is not None else []
            if len(lines) > MAX_DIFF_LINES:
                return (*lines[:MAX_DIFF_LINES], "… and more")
    return tuple(lines)


def _segments(text: str) -> list[str]:
    return [part for part in _SEGMENT.findall(text) if part]


def _window(left: str | None, right: str | None) -> int:
    if left is None or right is None:
        return 0
    same = next(
        (i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b),
        min(len(left), len(right)),
    )
    return max(0, same - 40) if max(len(left), len(right)) > _WIDTH else 0


def _cut(text: str, start: int) -> str:
    # White space is what was edited as often as not, so it is written out.
    part = text[start : start + _WIDTH].replace("\n", "⏎").replace("\t", "⇥")
    return ("…" if start else "") + visible(part) + ("…" if start + _WIDTH < len(text) else "")
