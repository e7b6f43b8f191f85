"""What a column of cells spells, beside what Python makes of each cell."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.meta.kinds import TEXT
from tilth.meta.spelt import Spelling, read_cells


def _read(
    cells: Sequence[str | None], parts: int = 1, *, takes_commas: bool = False
) -> tuple[pa.DataType, list[object]]:
    spelling = Spelling()
    size = max(len(cells) // parts, 1)
    for at in range(0, len(cells), size):
        spelling.saw(pa.array(cells[at : at + size], TEXT), takes_commas=takes_commas)
    kind = spelling.kind.type
    return kind, read_cells(pa.array(cells, TEXT), kind).to_pylist()


@pytest.mark.parametrize(
    ("cells", "kind", "values"),
    [
        (["1", None, "-20"], pa.int64(), [1, None, -20]),
        (["1", "2.5"], pa.float64(), [1.0, 2.5]),
        (["12.50", "3.90"], pa.float64(), [12.5, 3.9]),
        (["1e3", "-0.5E-2"], pa.float64(), [1000.0, -0.005]),
        ([" 1", "2 "], pa.int64(), [1, 2]),
        (["true", "False", "TRUE"], pa.bool_(), [True, False, True]),
        ([None, None], pa.null(), [None, None]),
        # Numbers that are more than numbers.
        (["007", "1"], TEXT, ["007", "1"]),
        (["+49", "1"], TEXT, ["+49", "1"]),
        (["1.9", "1.10"], TEXT, ["1.9", "1.10"]),
        (["0.1234567890123456789"], TEXT, ["0.1234567890123456789"]),
        (["1e999"], TEXT, ["1e999"]),
        (["9007199254740993", "0.5"], TEXT, ["9007199254740993", "0.5"]),
        (["12345678901234567890"], TEXT, ["12345678901234567890"]),
        (["1,000"], TEXT, ["1,000"]),
        (["nan", "1"], TEXT, ["nan", "1"]),
        (["-0"], pa.float64(), [0.0]),
        (["true", "1"], TEXT, ["true", "1"]),
        (["2019-03-07"], TEXT, ["2019-03-07"]),
        (["\u0661"], TEXT, ["\u0661"]),
    ],
)
def test_a_column_of_cells(
    cells: list[str | None], kind: pa.DataType, values: list[object]
) -> None:
    assert _read(cells) == (kind, values)
    assert _read(cells, parts=2) == (kind, values)


@pytest.mark.parametrize(
    ("cells", "kind", "values"),
    [
        (["1,5", None, "-20", "0,25"], pa.float64(), [1.5, None, -20.0, 0.25]),
        (["1", "2", " 3,5 "], pa.float64(), [1.0, 2.0, 3.5]),
        # It is the recipe that says what a comma is.
        (["1,000", "2,500"], pa.float64(), [1.0, 2.5]),
        (["1", "2"], pa.int64(), [1, 2]),
        (["1.5", "2"], pa.float64(), [1.5, 2.0]),
        (["true", "false"], pa.bool_(), [True, False]),
        # Thousands, several numbers, and what is more than a number.
        (["1.234,5", "2,5"], TEXT, ["1.234,5", "2,5"]),
        (["1,234,567"], TEXT, ["1,234,567"]),
        (["1,5", "1.5"], TEXT, ["1,5", "1.5"]),
        (["1,5", "one"], TEXT, ["1,5", "one"]),
        (["1,9", "1,10"], TEXT, ["1,9", "1,10"]),
        (["01,5"], TEXT, ["01,5"]),
        (["true", "1,5"], TEXT, ["true", "1,5"]),
        (["9007199254740993", "0,5"], TEXT, ["9007199254740993", "0,5"]),
    ],
)
@pytest.mark.parametrize("parts", [1, 2, 4])
def test_a_column_of_cells_with_commas(
    cells: list[str | None], kind: pa.DataType, values: list[object], parts: int
) -> None:
    assert _read(cells, parts, takes_commas=True) == (kind, values)
    if any("," in (cell or "") for cell in cells):
        assert _read(cells, parts) == (TEXT, cells)


_CELL = st.one_of(
    st.integers(-(1 << 60), 1 << 60).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.text("0123456789.-+eE truefalsn", max_size=8).filter(lambda cell: cell != ""),
    st.sampled_from(["true", "False", "1", "2.5", "0.10"]),
)


@settings(deadline=None)
@given(st.lists(_CELL, min_size=1, max_size=5), st.integers(1, 3))
def test_no_cell_loses_what_it_says(cells: list[str], parts: int) -> None:
    kind, values = _read(cells, parts)
    if kind == TEXT:
        assert values == cells
    elif kind == pa.bool_():
        assert values == [cell.strip().lower() == "true" for cell in cells]
    else:
        read = int if kind == pa.int64() else float
        assert values == [read(cell.strip()) for cell in cells]
        for cell, value in zip(cells, values, strict=True):
            assert isinstance(value, int | float)
            assert math.isfinite(value)
            assert not re.match(r"\s*-?0\d", cell)
