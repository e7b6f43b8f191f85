"""From the HTML of a page to its main text: what a reader came for, without menus and footers."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final, Literal

import pyarrow as pa
import pyarrow.compute as pc
from lxml import etree
from pydantic import Field, model_validator

from tilth.clean import pages
from tilth.clean.page import page_text
from tilth.clean.pages import (
    DropError,
    PageSettings,
    describe_pages,
    is_plain,
    page_columns,
    read_pages,
)
from tilth.decode.page import without_end
from tilth.formats.kept import Kept
from tilth.records import PlainObject
from tilth.schema import column, with_columns

# A page that is dropped was decoded too.
FIGURES, DESCRIBES_DROPPED = pages.FIGURES, True

# Above this share of a page's text in tables, they are its layout and not data.
_LAYOUT_SHARE: Final = 0.5
# Above this number of elements trafilatura does without its two rivals, of which justext takes time
# quadratic in the paragraphs: a page of 1 MB of small tables took 181 s.
MAX_COMPARED_ELEMENTS: Final = 5000
# libxml2 reads nothing that stands in 254 elements or more, nor what comes after, and is silent.
MAX_LXML_DEPTH: Final = 250
_is_too_deep = etree.XPath(f"boolean({'/*' * MAX_LXML_DEPTH})")

# It warns about every page that it finds empty; that verdict is in the books already.
logging.getLogger("trafilatura").setLevel(logging.CRITICAL)


class Settings(PageSettings):
    """Extract the main text of web pages, and what they state of themselves.

    Rows without `html` pass unchanged.
    """

    method: Literal["trafilatura", "resiliparse"] = Field(
        "trafilatura",
        description="trafilatura finds articles best (F1 0.96); resiliparse is six times as fast "
        "(F1 0.92) and keeps layout",
    )
    favor_recall: bool = Field(False, description="Rather take too much than too little")
    read_layout_tables: bool = Field(
        True,
        description="Read pages that are laid out with tables (old sites, pydoc) line by line with "
        "resiliparse, where trafilatura would print pipes",
    )

    @model_validator(mode="after")
    def _can_act(self) -> Settings:
        if self.method == "resiliparse" and not self.read_layout_tables:
            raise ValueError(
                "`read_layout_tables: false` is of trafilatura; resiliparse reads every page line "
                "by line"
            )
        return self


def reads(_: Settings) -> tuple[str, ...]:
    """The column that it takes apart."""
    return ("html",)


def fills(settings: Settings) -> tuple[str, ...]:
    """The columns that it writes."""
    return ("text", *page_columns(settings))


def apply(batch: pa.RecordBatch, settings: Settings) -> pa.RecordBatch:
    """Write `text` from `html` and drop the column `html`.

    Pages of which nothing is left are dropped by the rule `no-text`, too large ones by `max_bytes`;
    pages that cannot be decoded or parsed are quarantined with the cause.
    """
    texts = column(batch, "text").to_pylist()
    types = column(batch, "content_type").to_pylist()
    sizes = pc.binary_length(column(batch, "html")).to_pylist()

    def read(row: int, page: str) -> None:
        texts[row] = page if is_plain(types[row]) else extract(page, settings)
        if not texts[row].strip():
            raise DropError("no-text", f"html_bytes={sizes[row]}")

    rows = read_pages(batch, settings, read, _unparsed)
    return with_columns(rows, {"text": pa.array(texts, pa.large_string())})


def describe(batches: Iterator[pa.RecordBatch], settings: Settings) -> PlainObject:
    """How many pages were decoded by a guess. See `FIGURES`."""
    del settings
    return describe_pages(batches)


def _unparsed(error: Exception) -> str:
    return f"the page cannot be parsed: {type(error).__name__}: {error}"


def extract(page: str, settings: Settings) -> str:
    """The main text of a decoded page; empty where there is none.

    A page that is deeper than trafilatura reads is read line by line. Joiners are kept, exponents
    and indices of digits have Unicode's digits for them, and a formula in MathML is its source in
    TeX, or as it would be typed.

    Raises:
        ValueError: Elements are nested deeper than `MAX_DEPTH`.
    """
    kept = Kept(page)
    return kept.restored(_extracted(kept.page, settings))


def _extracted(page: str, settings: Settings) -> str:
    if settings.method == "trafilatura":
        # Takes a fifth of a second, which whoever reads or plans a recipe need not wait for.
        import trafilatura

        tree = trafilatura.load_html(without_end(page))
        by_lines = settings.read_layout_tables and tree is not None and _is_laid_out(tree)
        if tree is not None and not by_lines and not _is_too_deep(tree):
            text = trafilatura.extract(
                tree,
                include_comments=False,
                favor_recall=settings.favor_recall,
                fast=_has_more_elements(tree, MAX_COMPARED_ELEMENTS),
            )
            if text:
                return str(text)
    return page_text(page, main_content=not settings.favor_recall)


def _has_more_elements(tree: Any, most: int) -> bool:
    return next(islice(tree.iter(), most, None), None) is not None


def _is_laid_out(tree: Any) -> bool:
    """Whether most of the page's text stands in tables within tables or in tables of long cells."""
    body = tree.find(".//body")
    if body is None:
        return False
    inside = sum(
        _visible_chars(table) for table in body.iterfind(".//table") if not _in_table(table)
    )
    return inside > _LAYOUT_SHARE * _visible_chars(body)


def _in_table(element: Any) -> bool:
    return next(element.iterancestors("table"), None) is not None


def _visible_chars(element: Any) -> int:
    return sum(len(part.strip()) for part in element.itertext() if not part.isspace())
