"""Delimited text taken apart by the kernel against the standard library's parser."""

from __future__ import annotations

import csv
import io
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.kernels.cells import OddError, Records, plain_cells, scan, texts

CELL = st.text(st.sampled_from('ab"\n, \u00e9\u4e00\t'), max_size=6)
ROWS = st.lists(st.tuples(CELL.map("x".__add__), CELL, CELL), min_size=1, max_size=6)


def cells(data: bytes, found: Records, quote: str) -> list[list[str]]:
    columns = []
    for column in range(len(found.starts)):
        part, offsets = texts(data, found, column, quote)
        ends = itertools.pairwise(offsets)
        columns.append([part[start:end].tobytes().decode() for start, end in ends])
    return [list(row) for row in zip(*columns, strict=True)]


@given(ROWS, st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]), st.sampled_from(",\t"))
def test_kernel_equals_plain_twin(rows: list[tuple[str, ...]], how: int, delimiter: str) -> None:
    file = io.StringIO(newline="")
    csv.writer(file, lineterminator="\n", quoting=how, delimiter=delimiter).writerows(rows)  # type: ignore[arg-type]
    data = file.getvalue().encode()
    end = 0
    for count in range(1, len(rows) + 1):
        found = scan(data, delimiter, '"', 3, count)
        assert found is not None
        assert cells(data, found, '"') == plain_cells(data.decode(), delimiter, '"', count)
        rest = data[found.end :]
        assert rest.count(b"\n") == data.count(b"\n") - found.num_lines
        assert scan(data[: found.end - 1], delimiter, '"', 3, count) is None
        before = data[: found.end - 1 - int(found.sizes[-1])]
        assert before.count(b"\n") == found.lines[-1]
        end = found.end
    assert end == len(data)


def test_empty_lines_are_none_where_there_are_two_columns() -> None:
    found = scan(b"\n\na,b\n\nc,d\n", ",", '"', 2, 2)
    assert found is not None
    assert (found.lines.tolist(), found.num_lines, found.end) == ([2, 4], 5, 11)
    with pytest.raises(OddError):
        scan(b"\na\n", ",", '"', 1, 1)


@pytest.mark.parametrize("line", ["a", "a,b,c", '"a"b,c', 'a,"b"c', '"a" ,b', " "])
def test_what_is_not_regular(line: str) -> None:
    with pytest.raises(OddError):
        scan(f"x,y\n{line}\nx,y\n".encode(), ",", '"', 2, 3)


@pytest.mark.parametrize("data", ["", "a", "a,", "a,b", 'a,"b', 'a,"b"', 'a,"b""', "\n"])
def test_what_has_fewer_records(data: str) -> None:
    assert scan(data.encode(), ",", '"', 2, 1) is None
