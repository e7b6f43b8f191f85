"""Replace personal data by placeholders: `[EMAIL]`, `[IBAN]`, `[CARD]`, `[IP]`, `[PHONE]`.

What was found is counted (`signal.redacted_email` ...) and never shown, logged or stored. Names of
people are not looked for: without a model that is guesswork. Fields that travel beside the text are
looked in where they are text or lists of text; inside of JSON its texts and numbers are. A column
of numbers is left as it is.
"""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, StringConstraints, field_validator

from tilth.clean.addresses import Span
from tilth.clean.letters import plain
from tilth.clean.personal import FINDERS, Kind
from tilth.decode.objects import parse_json
from tilth.figures import Definition
from tilth.meta.arrow import dumped
from tilth.meta.named import field_of
from tilth.schema import ANY_META, META, SIGNAL_PREFIX, column, with_columns
from tilth.settings import AnyOrder, BaseSettings

# Nothing is found in a text with neither an at sign, nor two colons, nor four digits near together.
# (RE2, whose `\d` knows ASCII alone.)
_ANYTHING: Final = r"[@\x{FF20}]|:[0-9A-Fa-f]*:|\p{Nd}(?:[^\p{Nd}\n]{0,3}\p{Nd}){3}"

FIGURES = tuple(
    Definition(
        f"{SIGNAL_PREFIX}redacted_{kind}",
        f"redacted {kind}",
        f"How often `[{kind.upper()}]` took the place of what was found.",
        "the columns of one sample that are looked in",
        reference="what was planted",
        test="tests/clean/test_redact.py::test_what_is_planted_is_counted",
    )
    for kind in FINDERS
)


OfField = Annotated[str, StringConstraints(pattern=r"^meta\..+")]


class Settings(BaseSettings):
    """Replace e-mail, IP, bank account, card and telephone numbers by placeholders, in the text and
    in the fields beside it."""

    kinds: Annotated[tuple[Kind, ...], AnyOrder()] = Field(
        ("email", "iban", "card", "ip", "phone"), min_length=1, description="What to look for"
    )
    columns: Annotated[tuple[Literal["text", "target"] | OfField, ...], AnyOrder()] = Field(
        ("text", ANY_META),
        min_length=1,
        description="Columns to look in: text, target, meta.NAME; meta.* is all fields",
    )

    @field_validator("columns")
    @classmethod
    def _each_once(cls, columns: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(columns))


def reads(settings: Settings) -> tuple[str, ...]:
    """The columns that it looks in, of those that are named."""
    return tuple(name for name in settings.columns if name != ANY_META)


def fills(settings: Settings) -> tuple[str, ...]:
    """A signal for each kind that it looks for."""
    return tuple(f"{SIGNAL_PREFIX}redacted_{kind}" for kind in settings.kinds)


def redact(text: str, kinds: tuple[Kind, ...]) -> tuple[str, dict[Kind, int]]:
    """The text with placeholders, and how many of each kind it had."""
    counts: dict[Kind, int] = {}
    # The finders read what is meant, of the same length; what is left stands as it was.
    meant = plain(text)
    for kind, find in FINDERS.items():
        if kind not in kinds:
            continue
        spans: list[Span] = []
        for start, end in find(meant):
            if not spans or start >= spans[-1][1]:
                spans.append((start, end))
        counts[kind] = len(spans)
        if spans:
            same = meant is text
            text = _replaced(text, spans, kind)
            meant = text if same else _replaced(meant, spans, kind)
    return text, counts


def _replaced(text: str, spans: list[Span], kind: Kind) -> str:
    parts, last = [], 0
    for start, end in spans:
        parts += [text[last:start], f"[{kind.upper()}]"]
        last = end
    return "".join([*parts, text[last:]])


def redact_field(text: str, kinds: tuple[Kind, ...]) -> tuple[str, dict[Kind, int]]:
    """As `redact`, of a field: what is JSON stays JSON, with text for a number that was found.

    What has a name twice is taken for text: as JSON it would lose one of them.
    """
    try:
        value = parse_json(text) if text[:1] in "{[" else None
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict | list):
        return redact(text, kinds)
    counts: Counter[Kind] = Counter()
    clean = _inside(value, kinds, counts)
    return (dumped(clean) or "") if counts.total() else text, dict(counts)


def _inside(value: Any, kinds: tuple[Kind, ...], counts: Counter[Kind]) -> Any:
    if isinstance(value, dict):
        return {
            _inside(key, kinds, counts): _inside(one, kinds, counts) for key, one in value.items()
        }
    if isinstance(value, list):
        return [_inside(one, kinds, counts) for one in value]
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return value
    clean, found = redact(str(value), kinds)
    counts.update(found)
    return clean if sum(found.values()) else value


def _named(batch: pa.RecordBatch, settings: Settings) -> list[str]:
    """The columns of a batch that are looked in: those of text among the ones that are named.

    Raises:
        UsageError: No record has a field that is named.
    """
    fields = [name for name in batch.schema.names if name.startswith(META)]
    named = [one for name in settings.columns for one in (fields if name == ANY_META else [name])]
    for name in settings.columns:
        if name.startswith(META) and name != ANY_META:
            field_of(batch, name)
    kinds = {field.name: field.type for field in batch.schema}
    return [name for name in dict.fromkeys(named) if name in kinds and _is_text(kinds[name])]


def _is_text(kind: pa.DataType) -> bool:
    inner = kind.value_type if pa.types.is_list(kind) else kind
    return bool(pa.types.is_string(inner) or pa.types.is_large_string(inner))


def _listed(original: pa.Array, parts: pa.Array) -> pa.Array:
    """Lists as they were, of other parts."""
    ends = np.cumsum(pc.fill_null(pc.list_value_length(original), 0).to_numpy())
    starts = pa.array([0, *ends.tolist()], pa.int32())
    valid = pa.array([*original.is_valid().to_pylist(), True])
    offsets = pc.if_else(valid, starts, pa.scalar(None, pa.int32()))
    return pa.ListArray.from_arrays(offsets, parts)


def apply(batch: pa.RecordBatch, settings: Settings) -> pa.RecordBatch:
    """Rewrite the columns and count what was replaced in all of them; nothing is dropped."""
    totals: dict[Kind, list[int]] = {
        kind: [0] * batch.num_rows for kind in FINDERS if kind in settings.kinds
    }
    columns: dict[str, pa.Array] = {}
    for name in _named(batch, settings):
        original = column(batch, name)
        parts, rows_of = original, range(batch.num_rows)
        if pa.types.is_list(original.type):
            parts, rows_of = pc.list_flatten(original), pc.list_parent_indices(original).to_pylist()
        suspects = pc.fill_null(pc.match_substring_regex(parts, _ANYTHING), False)
        found = pc.indices_nonzero(suspects).to_pylist()
        if not found:
            continue
        texts, look = parts.to_pylist(), redact_field if name.startswith(META) else redact
        for part in found:
            texts[part], counts = look(texts[part], settings.kinds)
            for kind, count in counts.items():
                totals[kind][rows_of[part]] += count
        clean = pa.array(texts, parts.type)
        columns[name] = _listed(original, clean) if parts is not original else clean
    for kind, rows in totals.items():
        columns[f"{SIGNAL_PREFIX}redacted_{kind}"] = pa.array(rows, pa.int64())
    return with_columns(batch, columns)
