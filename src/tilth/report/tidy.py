"""Make a report strict JSON: what a reader in any language can load, with nothing lost unsaid."""

from __future__ import annotations

from pydantic import JsonValue

from tilth.query.report import Report
from tilth.records import read_as

MAX_DEPTH = 24
MAX_EXCERPT = 600

# Where documents' text may stand; the engine excerpts, this bounds what one caller forgot.
_EXCERPTS = frozenset({"text"})


def tidy(report: Report) -> Report:
    """The report as JSON in any language can hold it.

    A surrogate without its partner becomes U+FFFD, an excerpt is cut at 600 characters, figures
    that are nested deeper than 24 are left out; what became of which field is listed under
    `report_notes`.
    """
    notes: list[str] = []
    document = {key: _tidy(value, key, 1, notes) for key, value in report.as_json().items()}
    clean = read_as(Report, document, report.name)
    told = (*clean.report_notes, *_summary(notes))
    return clean.model_copy(update={"report_notes": told})


def _summary(notes: list[str]) -> list[str]:
    shown = notes[:20]
    return [*shown, f"... and {len(notes) - 20} more"] if len(notes) > 20 else shown


def _tidy(value: JsonValue, where: str, depth: int, notes: list[str]) -> JsonValue:
    if depth > MAX_DEPTH:
        notes.append(f"{where}: nested deeper than {MAX_DEPTH}, left out")
        return None
    if isinstance(value, dict):
        return {
            (name := _text(key)): _tidy(item, f"{where}.{name}", depth + 1, notes)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [
            _tidy(item, f"{where}[{position}]", depth + 1, notes)
            for position, item in enumerate(value)
        ]
    return _text(_excerpt(value, where, notes)) if isinstance(value, str) else value


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
