"""What goes out of a run's folder: foreign text without personal data, addresses without secrets.

Whatever step a text comes from: one that was dropped before `redact` never met it, and a recipe
need not have it at all.
"""

from __future__ import annotations

import re
from typing import Any, overload

from tilth.clean.personal import FINDERS
from tilth.clean.redact import redact
from tilth.collect.secrets import masked
from tilth.query.rows import Row
from tilth.query.samples import payload_excerpt
from tilth.query.text import excerpt, markup_text

# Longer than what the finders know: an e-mail address has up to 64 characters before its sign.
_MARGIN = 400
# Two numbers side by side are neither of them to the finders, which must not take what is nobody's.
# In an excerpt nothing is lost by being strict: a payment card has at least 12 digits.
_NUMBERS = re.compile(r"\d{3,}+(?:[ -]\d{2,}+)*+")
_MIN_DIGITS = 12


@overload
def shareable(text: str) -> str: ...
@overload
def shareable(text: None) -> None: ...
@overload
def shareable(text: Any) -> Any: ...
def shareable(text: Any) -> Any:
    """A text with placeholders for personal data, and masks for secrets in its addresses."""
    if not isinstance(text, str):
        return text
    return redact(masked(text), tuple(FINDERS))[0]


def shareable_opening(text: str, limit: int) -> str:
    """The opening of a text, as `excerpt`, without personal data."""
    read = text[: 4 * limit + _MARGIN]
    clean = _NUMBERS.sub(_hidden, shareable(read))
    # What was cut in two at the end of what was read is not recognised, so it is not shown.
    return excerpt(clean if len(read) == len(text) else clean[:-_MARGIN], limit)


def shareable_excerpt(row: Row, limit: int) -> str:
    """The opening of a row's payload, as `payload_excerpt`, without personal data."""
    if row.get("text") is not None:
        return shareable_opening(row["text"], limit)
    if row.get("html") is not None:
        return shareable_opening(markup_text(row["html"]), limit)
    if row.get("target") and row.get("image") is None and row.get("audio") is None:
        return shareable_opening(row["target"], limit)
    return payload_excerpt(row, limit)


def _hidden(match: re.Match[str]) -> str:
    num_digits = sum(char.isdecimal() for char in match.group())
    return "[NUMBER]" if num_digits >= _MIN_DIGITS else match.group()
