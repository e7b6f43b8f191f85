"""One way to write the same text: Unicode form, line ends, control characters, white space.

All over Arrow's own kernels (RE2: linear time). Indentation is kept: in code it has meaning.
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from tilth.kernels.folding import order_marks
from tilth.schema import column, mark_dropped, with_columns
from tilth.settings import BaseSettings

_LINE_ENDS: Final = r"\r\n|[\r\x0b\x0c\x{85}\x{2028}\x{2029}]"
# C0 and C1 controls but tab and line feed, soft hyphen, and the byte order mark.
_INVISIBLE: Final = r"[\x00-\x08\x0e-\x1f\x7f-\x{84}\x{86}-\x{9f}\x{ad}\x{feff}]"
# Arrow puts combining characters into their order by exchanging neighbours, in time quadratic in
# their number; the halfwidth sound marks become such under NFKC.
_MARKS_IN_A_ROW: Final = r"[\p{M}\x{ff9e}\x{ff9f}]{16}"


class Settings(BaseSettings):
    """Bring text to one Unicode form, one line end, and no control characters or stray blanks."""

    form: Literal["NFC", "NFKC", "none"] = Field(
        "NFC", description="Unicode normal form; NFKC also folds ligatures and full-width letters"
    )
    # RE2 repeats nothing more than a thousand times.
    max_blank_lines: int = Field(1, ge=0, le=999, description="Blank lines in a row that are kept")
    collapse_spaces: bool = Field(
        False, description="Make one space of several; loses the indentation of code"
    )


def reads(_: Settings) -> tuple[str, ...]:
    """The column that it rewrites."""
    return ("text",)


def fills(_: Settings) -> tuple[str, ...]:
    """None that was empty."""
    return ()


def apply(batch: pa.RecordBatch, settings: Settings) -> pa.RecordBatch:
    """Rewrite `text`; a text of which nothing is left is dropped by the rule `no-text`."""
    original = column(batch, "text")
    text = original.cast(pa.large_string())
    # First: what they kept apart may have to be composed.
    text = pc.replace_substring_regex(text, _INVISIBLE, "")
    if settings.form != "none":
        text = pc.utf8_normalize(_with_marks_ordered(text, settings.form), settings.form)
    text = pc.replace_substring_regex(text, _LINE_ENDS, "\n")
    text = pc.replace_substring_regex(text, r"\p{Zs}", " ")
    if settings.collapse_spaces:
        text = pc.replace_substring_regex(text, r"[ \t]+", " ")
    text = pc.replace_substring_regex(text, r"[ \t]+\n", "\n")
    most = settings.max_blank_lines + 1
    text = pc.replace_substring_regex(text, rf"\n{{{most},}}", "\n" * most)
    text = pc.replace_substring_regex(text, r"^\n+|[ \t\n]+$", "")
    batch = with_columns(batch, {"text": text})
    empty = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(text), ""), False)
    return mark_dropped(batch, np.asarray(empty), "no-text", ["0 characters"] * batch.num_rows)


def _with_marks_ordered(text: pa.Array, form: str) -> pa.Array:
    """The texts with long runs of combining characters in canonical order (UAX #15, D109)."""
    crowded = pc.fill_null(pc.match_substring_regex(text, _MARKS_IN_A_ROW), False)
    rows = pc.indices_nonzero(crowded).to_pylist()
    if not rows:
        return text
    texts = text.to_pylist()
    for row in rows:
        texts[row] = order_marks(texts[row], "NFKD" if form == "NFKC" else "NFD")
    return pa.array(texts, text.type)
