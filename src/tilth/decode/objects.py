"""JSON of strangers (RFC 8259), in which no object may have a name twice.

A parser keeps the last of two values of one name, and the first is lost without a word; so says
RFC 8259, section 4, of most of them.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any, Final, TypeGuard

from tilth.errors import RecordError
from tilth.foreign import shorten, visible

_MAX_SHOWN: Final = 40
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def parse_json(text: str) -> Any:
    """The value that a text of JSON is.

    Raises:
        RecordError: An object in it, at whatever depth, has a name twice.
        ValueError: It is no JSON.
        RecursionError: It is nested too deeply.
    """
    return _DECODER.decode(text)


def is_text(value: Any) -> TypeGuard[str]:
    """Whether a value is text that UTF-8 can write: JSON can spell half of a surrogate pair."""
    return isinstance(value, str) and _SURROGATE.search(value) is None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = next(name for name, count in counts.items() if count > 1)
        raise RecordError(f"field `{shorten(visible(twice), _MAX_SHOWN)}` is there twice")
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=_once)
