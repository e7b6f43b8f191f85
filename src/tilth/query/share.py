"""Excerpts of samples for what goes out of a run's folder, as `tilth.engine.share` has it."""

from __future__ import annotations

from tilth.engine.share import shareable_address
from tilth.query.samples import payload_excerpt
from tilth.query.text import excerpt, markup_text
from tilth.schema import Row

# Longer than what the finders know: an e-mail address has up to 64 characters before its sign.
_MARGIN = 400


def shareable_opening(text: str, limit: int) -> str:
    """The opening of a text, as `excerpt`, without personal data."""
    read = text[: 4 * limit + _MARGIN]
    clean = shareable_address(read)
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
