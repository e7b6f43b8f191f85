"""Replace personal data by placeholders: `[EMAIL]`, `[IBAN]`, `[CARD]`, `[IP]`, `[PHONE]`.

What was found is counted (`signal.redacted_email` ...) and never shown, logged or stored. Names of
people are not looked for: without a model that is guesswork.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator

from tilth.clean.personal import FINDERS, Kind
from tilth.figures import Definition
from tilth.schema import SIGNAL_PREFIX, column, with_columns
from tilth.settings import AnyOrder, BaseSettings

# Nothing is found in a text with neither an at sign, nor two colons, nor four digits near together.
_ANYTHING: Final = r"@|:[0-9A-Fa-f]*:|\d(?:[^\d\n]{0,3}\d){3}"

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


class Settings(BaseSettings):
    """Replace e-mail, IP, bank account, card and telephone numbers in the text by placeholders."""

    kinds: Annotated[tuple[Kind, ...], AnyOrder()] = Field(
        ("email", "iban", "card", "ip", "phone"), min_length=1, description="What to look for"
    )
    columns: Annotated[tuple[Literal["text", "target"], ...], AnyOrder()] = Field(
        ("text",), min_length=1, description="Columns to look in"
    )

    @field_validator("columns")
    @classmethod
    def _each_once(cls, columns: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(columns))


def reads(settings: Settings) -> tuple[str, ...]:
    """The columns that it looks in."""
    return settings.columns


def fills(settings: Settings) -> tuple[str, ...]:
    """A signal for each kind that it looks for."""
    return tuple(f"{SIGNAL_PREFIX}redacted_{kind}" for kind in settings.kinds)


def redact(text: str, kinds: tuple[Kind, ...]) -> tuple[str, dict[Kind, int]]:
    """The text with placeholders, and how many of each kind it had."""
    counts: dict[Kind, int] = {}
    for kind, find in FINDERS.items():
        if kind not in kinds:
            continue
        parts, last = [], 0
        counts[kind] = 0
        for start, end in find(text):
            if start < last:
                continue
            parts += [text[last:start], f"[{kind.upper()}]"]
            last = end
            counts[kind] += 1
        if counts[kind]:
            text = "".join([*parts, text[last:]])
    return text, counts


def apply(batch: pa.RecordBatch, settings: Settings) -> pa.RecordBatch:
    """Rewrite the columns and count what was replaced in all of them; nothing is dropped."""
    totals: dict[Kind, list[int]] = {
        kind: [0] * batch.num_rows for kind in FINDERS if kind in settings.kinds
    }
    columns: dict[str, pa.Array] = {}
    for name in settings.columns:
        if name not in batch.schema.names:
            continue
        original = column(batch, name)
        suspects = pc.fill_null(pc.match_substring_regex(original, _ANYTHING), False)
        texts = original.to_pylist()
        for row in pc.indices_nonzero(suspects).to_pylist():
            texts[row], counts = redact(texts[row], settings.kinds)
            for kind, count in counts.items():
                totals[kind][row] += count
        columns[name] = pa.array(texts, original.type)
    for kind, rows in totals.items():
        columns[f"{SIGNAL_PREFIX}redacted_{kind}"] = pa.array(rows, pa.int64())
    return with_columns(batch, columns)
