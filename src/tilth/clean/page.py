"""A web page as a tree: how deep it is, and its text as a reader would see it."""

from __future__ import annotations

from typing import Final

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree, Node, NodeType

from tilth.clean import ordered
from tilth.formats.kept import Kept, absent_letter

# resiliparse takes time quadratic in the nesting: 4 s at 20,000 elements.
MAX_DEPTH: Final = 2000
# What stands in two hundred others.
_AT_LEAST: Final = ">".join("*" * 201)
# Their contents are their rows', cells' and items'; alone they would be taken for something else.
_CONTENTS: Final = frozenset({"td", "th", "li", "dd", "dt", "caption", "body", "html"})
_OF_TABLES: Final = frozenset({"tr", "tbody", "thead", "tfoot"})
# What a reader sees of these is no text of a page to the extraction, and is text where it is asked.
_CONTROLS: Final = frozenset({"title", "option", "select", "button", "textarea", "text", "legend"})


def page_text(page: str, *, main_content: bool) -> str:
    """The text of a page line by line, without scripts and styles; list items with bullets, or the
    numbers that they have.

    Args:
        page: A decoded page, or a part of one.
        main_content: Leave out menus, headers and footers.

    Raises:
        ValueError: Elements are nested deeper than `MAX_DEPTH`.
    """
    # There are no more elements than signs that could begin one.
    if page.count("<") > MAX_DEPTH and is_deeper(HTMLTree.parse(page), MAX_DEPTH):
        raise ValueError(f"elements are nested deeper than {MAX_DEPTH}")
    letter = absent_letter(page) if ordered.has_own_numbers(page) else ""
    text = str(
        extract_plain_text(
            ordered.marked(page, letter) if letter else page,
            main_content=main_content,
            alt_texts=False,
            preserve_formatting=True,
            list_bullets=True,
        )
    )
    return ordered.numbered(text, letter) if letter else text


def element_text(tag: str, outer: str, inner: str) -> str:
    """The text of one element, read as the same element within its page is; exponents, formulas
    and code as `extract` has them.

    Args:
        tag: Its name.
        outer: Its HTML.
        inner: The HTML of what is in it.

    Raises:
        ValueError: As of `page_text`.
    """
    html = inner if tag in _CONTENTS else outer
    if tag in _OF_TABLES:
        html = f"<table>{html}</table>"
    elif tag in _CONTROLS:
        html = f"<div>{inner.replace('<option', '<div').replace('</option', '</div')}</div>"
    kept = Kept(html)
    return kept.restored(page_text(kept.page, main_content=False)).strip()


def is_deeper(tree: HTMLTree, levels: int) -> bool:
    """Whether an element stands in more than so many others; time linear in the page."""
    # Quick of most pages; of deep ones a selector would look at all ancestors of each element.
    if tree.document is None or tree.document.query_selector(_AT_LEAST) is None:
        return False
    node: Node | None = tree.document
    depth = 0
    while node is not None:
        if depth > levels and node.type == NodeType.ELEMENT:
            return True
        inner = node.first_child
        if inner is not None:
            node, depth = inner, depth + 1
            continue
        while node is not None and node.next is None:
            node, depth = node.parent, depth - 1
        node = None if node is None else node.next
    return False
