"""The page on files: its table is what reading each of them gives."""

from __future__ import annotations

import pytest

from tests.sources_page import MARK, PAGE, table


@pytest.mark.slow
def test_the_table_is_what_is_read() -> None:
    """`make reference` writes it anew; no cell is blank."""
    made = table()
    assert PAGE.read_text("utf-8").partition(MARK)[2] == "\n" + made
    cells = [cell.strip() for line in made.splitlines() for cell in line.strip("|").split("|")]
    assert all(cells)
