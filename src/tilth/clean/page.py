"""A web page as a tree: how deep it is, and its text line by line."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

# resiliparse takes time quadratic in the nesting: 4 s at 20,000 elements.
MAX_DEPTH: Final = 2000


def page_text(page: str, *, main_content: bool) -> str:
    """The text of a page line by line, without scripts and styles; list items with bullets.

    Args:
        page: A decoded page, or a part of one.
        main_content: Leave out menus, headers and footers.

    Raises:
        ValueError: Elements are nested deeper than `MAX_DEPTH`.
    """
    # There are no more elements than signs that could begin one.
    if page.count("<") > MAX_DEPTH and is_deeper(HTMLTree.parse(page), MAX_DEPTH):
        raise ValueError(f"elements are nested deeper than {MAX_DEPTH}")
    return str(
        extract_plain_text(
            page,
            main_content=main_content,
            alt_texts=False,
            preserve_formatting=True,
            list_bullets=True,
        )
    )


def is_deeper(tree: HTMLTree, levels: int) -> bool:
    """Whether an element stands in more than so many others; time linear in the page."""
    return tree.document is not None and tree.document.query_selector(_below(levels)) is not None


@lru_cache(maxsize=8)
def _below(levels: int) -> str:
    """A selector of what has so many ancestors."""
    return ">".join("*" * (levels + 1))
