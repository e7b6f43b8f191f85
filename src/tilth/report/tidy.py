"""Make a report strict JSON: what a reader in any language can load, with nothing lost unsaid."""

from __future__ import annotations

import datetime
import math
import os
from collections.abc import Mapping
from typing import Any

MAX_DEPTH = 24
MAX_EXCERPT = 600

# Where documents' text may stand; the engine excerpts, this bounds what one caller forgot.
_EXCERPTS = frozenset({"text"})


def tidy(report: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of the report that `json.dumps(..., allow_nan=False)` accepts.

    A number that is not finite becomes null, a surrogate without its partner U+FFFD, an excerpt is
    cut at 600 characters; what became of which field is listed under `report_notes`.

    Args:
        report: Nested mappings, sequences and scalars; numpy scalars, paths and dates are allowed.
    """
    notes: list[str] = []
    document = {str(key): _tidy(value, str(key), 1, notes) for key, value in report.items()}
    if notes:
        document["report_notes"] = [*document.get("report_notes", []), *_summary(notes)]
    return document


def _summary(notes: list[str]) -> list[str]:
    shown = notes[:20]
    return [*shown, f"... and {len(notes) - 20} more"] if len(notes) > 20 else shown


def _tidy(value: Any, where: str, depth: int, notes: list[str]) -> Any:
    if depth > MAX_DEPTH:
        notes.append(f"{where}: nested deeper than {MAX_DEPTH}, left out")
        return None
    if isinstance(value, Mapping):
        return {
            (name := _text(str(key))): _tidy(item, f"{where}.{name}", depth + 1, notes)
            for key, item in value.items()
        }
    if isinstance(value, str):
        return _text(_excerpt(value, where, notes))
    if isinstance(value, bytes):
        return _excerpt(value.decode("utf-8", "replace"), where, notes)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        notes.append(f"{where} was {value}, which JSON cannot say; it is null here")
        return None
    if isinstance(value, set | frozenset):
        return [_tidy(item, where, depth + 1, notes) for item in sorted(value, key=str)]
    if isinstance(value, list | tuple):
        return [
            _tidy(item, f"{where}[{position}]", depth + 1, notes)
            for position, item in enumerate(value)
        ]
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, os.PathLike):
        return _text(str(value))
    # numpy's scalars and arrays, recognised by what they can do: no import for it here.
    for name in ("tolist", "item"):
        if callable(convert := getattr(value, name, None)):
            return _tidy(convert(), where, depth + 1, notes)
    return _text(str(value))


def _text(text: str) -> str:
    """The text with pairs of surrogates joined, and others replaced: JSON and HTML have none."""
    try:
        text.encode()  # fast, and only where a surrogate is does the rest matter
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def _excerpt(text: str, where: str, notes: list[str]) -> str:
    if where.rsplit(".", 1)[-1] not in _EXCERPTS or len(text) <= MAX_EXCERPT:
        return text
    notes.append(f"{where}: the first {MAX_EXCERPT} of {len(text):,} characters")
    return text[:MAX_EXCERPT]
