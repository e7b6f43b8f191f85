"""How deep a page is, and what its elements say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from resiliparse.parse.html import HTMLTree

from tilth.clean.page import is_deeper

_PARTS = ["<div>", "</div>", "<p>", "<b>x", "</b>", "<li>", "<table>", "<td>", "<!--c-->"]


@given(st.lists(st.sampled_from(_PARTS), max_size=90), st.integers(200, 260))
def test_depth_is_what_a_selector_of_so_many_ancestors_finds(parts: list[str], levels: int) -> None:
    tree = HTMLTree.parse("<div>" * 190 + "".join(parts))
    assert tree.document is not None
    found = tree.document.query_selector(">".join("*" * (levels + 1))) is not None
    assert is_deeper(tree, levels) == found


def test_deep_and_flat_pages() -> None:
    assert is_deeper(HTMLTree.parse("<div>" * 5001 + "x"), 5000)
    assert not is_deeper(HTMLTree.parse("<div>" * 4000 + "x"), 5000)
    assert not is_deeper(HTMLTree.parse("<p>a</p>" * 5001), 5000)
