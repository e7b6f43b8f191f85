"""Lists count as their page says: from where, which way, in which signs."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.growth.measure import assert_linear
from tilth.clean.ordered import has_own_numbers, marked, numbered
from tilth.clean.page import page_text
from tilth.formats.kept import absent_letter

_TEXT = "<p>Some text of a page, so that the list is not alone on it.</p>"


def shown(html: str, *, main_content: bool = True) -> list[str]:
    page = f"<html><body><article>{_TEXT}{html}{_TEXT}</article></body></html>"
    return [one.strip() for one in page_text(page, main_content=main_content).splitlines()[1:-1]]


@pytest.mark.parametrize("main_content", [True, False])
@pytest.mark.parametrize(
    ("html", "lines"),
    [
        ("<ol start=5><li>five<li>six</ol>", ["5. five", "6. six"]),
        ("<OL START='0'><LI>none</LI></OL>", ["0. none"]),
        ("<ol reversed><li>c</li><li>b</li><li>a</li></ol>", ["3. c", "2. b", "1. a"]),
        ("<ol reversed start=9><li>i<li>h</ol>", ["9. i", "8. h"]),
        ("<ol type=a start=26><li>x<li>y</ol>", ["z. x", "aa. y"]),
        ("<ol type=I start=4><li>x</ol><ol type=i start=4000><li>y</ol>", ["IV. x", "4000. y"]),
        ("<ol><li>x<li value=10>y<li>z</ol>", ["1. x", "10. y", "11. z"]),
        ("<ol start=2><li>x<ol><li>in</ol><li>y</ol>", ["2. x", "1. in", "3. y"]),
        ("<ol start=2><li>x<ul><li>in</ul><li>y</ol>", ["2. x", "• in", "3. y"]),
        ("<ol data-start=7 class=start><li>x</ol>", ["1. x"]),
        ("<ol start=seven type=disc><li>x</ol>", ["1. x"]),
        ("<ol start=3><li><b>3. bold</b> x</ol>", ["3. 3. bold x"]),
        ("</ol><li value=3>x</ul></li>", ["• x"]),
    ],
)
def test_a_list_has_the_numbers_of_its_page(
    html: str, lines: list[str], *, main_content: bool
) -> None:
    assert [one for one in shown(html, main_content=main_content) if one] == lines


def test_a_list_that_counts_as_any_is_not_touched() -> None:
    assert not has_own_numbers("<ol class='start'><li>x</ol><p start=7>")
    page = "<ol type=1 start=1><li>x</ol>"
    assert marked(page, "\U00010080") == page


@given(st.text(st.sampled_from("<>/olui start=3'\"value reversed typeaI1-"), max_size=120))
def test_any_page_comes_back(page: str) -> None:
    """Less the marks it is the page, and no mark is left in a text."""
    letter = absent_letter(page)
    with_marks = marked(page, letter)
    assert re.sub(f"{letter}[^{letter}]*{letter}", "", with_marks) == page
    assert letter not in numbered(with_marks, letter)


@pytest.mark.parametrize("part", ["<ol start=2>", "<ol start=2><li>", "<li value=3>", "<ol x "])
def test_its_time_is_linear(part: str) -> None:
    letter = "\U00010080"

    def make(size: int) -> Callable[[], object]:
        page = part * size
        return lambda: numbered(marked(page, letter), letter)

    assert_linear(make, 100, 20_000)
