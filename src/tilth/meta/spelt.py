"""Cells of a table without types, such as CSV: what a whole column of them spells.

A column is numbers or true and false where all its cells are, however long the source; else it is
text as it stands. What reads as a number and is more is text: `007`, `+49`, versions such as 1.9
and 1.10 side by side, more digits than a float holds. A comma parts a number's fraction (`1,5`)
where the source says so, and thousands nowhere: `1.234,5` is text.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from tilth.meta.kinds import NOTHING, TEXT, Kind, kind_of

# On the field of a column whose text is cells as they stand; its type is known at the end only.
SPELT = {b"tilth": b"spelt"}
# Likewise, where a comma stands before a fraction.
COMMAS = {b"tilth": b"spelt with commas"}
CELLS = (SPELT, COMMAS)
# On that of a column that is text since values of several types were in one batch.
MIXED = {b"tilth": b"mixed"}

_WHOLE = r"^(0|-?[1-9][0-9]{0,17})$"
_NUMBER = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$"
_WITH_COMMA = r"^-?(0|[1-9][0-9]*)(,[0-9]+)?$"
_BOOLEAN = r"^(?i:true|false)$"
_MAX_DIGITS = 17


@dataclass
class Spelling:
    """What the cells of a column have been so far.

    Attributes:
        kinds: Of whole numbers, fractions, true and false: those that all cells are.
        num: Cells that say something.
        is_wide: Whether a whole number is not exact as a float.
        ends_in_zero: Whether a fraction does.
        decimals: How many digits fractions have after the point.
        takes_commas: Whether a comma is a point, where all cells are numbers so.
        commas: What the cells are with a point for each comma, once one is no whole number.
    """

    is_whole: bool = True
    is_number: bool = True
    is_boolean: bool = True
    num: int = 0
    is_wide: bool = False
    ends_in_zero: bool = False
    decimals: frozenset[int] = frozenset()
    takes_commas: bool = False
    commas: Spelling | None = None

    def saw(self, cells: pa.Array, *, takes_commas: bool = False) -> None:
        """Take in more of the column, text."""
        self.takes_commas = self.takes_commas or takes_commas
        before = replace(self)
        self._saw(cells)
        if before.is_whole and not self.is_whole:
            # Whole numbers are the same in both.
            self.commas = before
        if self.commas is not None and self.commas.is_number:
            found = pc.utf8_trim_whitespace(cells.drop_null())
            self.commas.is_number = not len(found) or _all(found, _WITH_COMMA)
            if self.commas.is_number:
                self.commas._saw(pc.replace_substring(found, ",", "."))

    def _saw(self, cells: pa.Array) -> None:
        if not (self.is_number or self.is_boolean):
            return
        found = pc.utf8_trim_whitespace(cells.drop_null())
        if not len(found):
            return
        self.num += len(found)
        self.is_boolean = self.is_boolean and _all(found, _BOOLEAN)
        self.is_whole = self.is_whole and _all(found, _WHOLE)
        self.is_number = self.is_number and (self.is_whole or _all(found, _NUMBER))
        if not self.is_number:
            return
        wholes = found if self.is_whole else found.filter(pc.match_substring_regex(found, _WHOLE))
        self.is_wide = self.is_wide or kind_of(wholes.cast(pa.int64())).is_wide
        if self.is_whole:
            return
        digits = pc.replace_substring_regex(found, r"[eE].*|[^0-9]|^-?0\.0*", "")
        finite = pc.is_finite(found.cast(pa.float64()))
        long = pc.max(pc.binary_length(digits)).as_py() > _MAX_DIGITS
        if long or not pc.all(finite).as_py():
            self.is_number = False
            return
        points = found.filter(pc.match_substring(found, "."))
        zeros = pc.match_substring_regex(points, r"\.[0-9]*0([eE]|$)")
        self.ends_in_zero = self.ends_in_zero or bool(pc.any(zeros, min_count=0).as_py())
        after = pc.replace_substring_regex(points, r"^[^.]*\.|[eE].*$", "")
        self.decimals |= frozenset(pc.binary_length(after).unique().to_pylist())

    @property
    def kind(self) -> Kind:
        """What the column is, if it ends here."""
        return self.with_commas if self.takes_commas and self.with_commas else self._kind

    @property
    def with_commas(self) -> Kind | None:
        """What the column is where a comma is a point; None: nothing else than where it is none."""
        if self.commas is None or not self.commas.is_number or self._kind.type != TEXT:
            return None
        return None if self.commas._kind.type == TEXT else self.commas._kind

    @property
    def _kind(self) -> Kind:
        if not self.num:
            return Kind(NOTHING)
        if self.is_boolean:
            return Kind(pa.bool_())
        if self.is_whole:
            return Kind(pa.int64(), self.is_wide)
        # A zero at the end means something where others have fewer or more digits.
        is_said = self.ends_in_zero and len(self.decimals) > 1
        if self.is_number and not self.is_wide and not is_said:
            return Kind(pa.float64())
        return Kind(TEXT)


def read_cells(cells: pa.Array, kind: pa.DataType) -> pa.Array:
    """Cells as the type that all of the column spell; see `Spelling.kind`."""
    if kind == TEXT:
        return cells
    if pa.types.is_null(kind):
        return pa.nulls(len(cells))
    trimmed = pc.utf8_trim_whitespace(cells)
    if pa.types.is_boolean(kind):
        return pc.equal(pc.utf8_lower(trimmed), "true")
    # There is one only where it is a point.
    return pc.replace_substring(trimmed, ",", ".").cast(kind)


def kinds_told(cells: pa.Array) -> frozenset[str]:
    """The types, as Arrow spells them, of which each value tells how its cell is spelt.

    `5` is a whole number's only spelling; `0.50` and `TRUE` are not the only ones of their values.
    """
    return frozenset(str(kind) for kind in _KINDS if _is_told(cells, kind))


_KINDS = (pa.bool_(), pa.int64(), pa.float64())


def _is_told(cells: pa.Array, kind: pa.DataType) -> bool:
    try:
        return bool(cells_of(read_cells(cells, kind)).equals(cells))
    except pa.ArrowInvalid:
        return False


def cells_of(array: pa.Array) -> pa.Array:
    """The cells that values were, where they tell."""
    return array.cast(pa.string()).cast(TEXT)


def _all(cells: pa.Array, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(cells, pattern)).as_py())
