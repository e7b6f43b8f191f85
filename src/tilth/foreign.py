"""Foreign text made safe to print: what strangers wrote, on a terminal or a page."""

from __future__ import annotations

import re

# What would steer a terminal, or reorder, hide or corrupt the line it stands in: C0 and C1 controls
# (tab and newline are text), the explicit bidirectional controls of UAX #9, line and paragraph
# separators, the byte-order mark, interlinear annotation, surrogates without their partner,
# non-characters, and tag characters, which spell words that nobody sees.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\U000e0000-\U000e007f]"
)

# What Markdown or an HTML-passing renderer would act on.
_ACTIVE = re.compile(r"([\\`*_{}\[\]<>#|~!&])")


def visible(text: str) -> str:
    """The text with every invisible or reordering character written out, as `[U+202E]`."""
    return _UNSAFE.sub(lambda match: f"[U+{ord(match[0]):04X}]", text.replace("\r\n", "\n"))


def unmarked(text: str) -> str:
    """Foreign text that stays text in Markdown: one line, nothing in it is markup."""
    return _ACTIVE.sub(r"\\\1", " ".join(text.split()))


def shorten(text: str, limit: int) -> str:
    """The first `limit` characters, with an ellipsis where something was cut."""
    return text if len(text) <= limit else text[: max(limit - 1, 0)].rstrip() + "\u2026"
