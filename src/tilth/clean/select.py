"""From a page to the samples on it: one for each element that a CSS selector finds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final
from urllib.parse import urljoin

import pyarrow as pa
from pydantic import Field, field_validator
from resiliparse.parse.html import HTMLTree, NodeType

from tilth.clean import pages
from tilth.clean.page import element_text, is_deeper
from tilth.clean.pages import (
    DropError,
    PageSettings,
    describe_pages,
    page_columns,
    read_pages,
)
from tilth.decode.slashes import with_slashes
from tilth.records import PlainObject
from tilth.schema import PART_NAME, PART_ROW, SCHEMA, column, mark_dropped, mark_error

# A page that is dropped was decoded too, and one that is parted.
FIGURES, DESCRIBES_DROPPED = pages.FIGURES, True

# A selector may look at all that an element stands in: time is that of elements times depth.
MAX_DEPTH: Final = 5000
# Of elements within one another each is a sample, and what is in many of them is read many times.
MAX_REPEATED: Final = 10
NOTHING_FOUND: Final = "nothing found"
# Columns that a field may fill; any other field is a column of its own.
FILLED: Final = ("target", "label", "license", "fetched_at")
_OWN: Final = "meta."
_FIELD_NAME: Final = re.compile(r"[^\W\d][\w-]*")
# What of an element a field is: its text, the text that is in no element of it, or an attribute.
_OF: Final = re.compile(r"(.*?)\s*(?:::(text)|::attr\(\s*([\w:.-]+)\s*\))?", re.S)
_ADDRESSES: Final = frozenset(
    {"href", "src", "action", "cite", "data", "formaction", "poster", "background", "longdesc"}
)
# An id that can stand in an address as it is, and is not such a name as elements without one get.
_OWN_NAME: Final = re.compile(r"(?!select-\d+$)[\w:.-]{1,200}")


@dataclass(frozen=True)
class Wanted:
    """What of an element is asked for.

    Attributes:
        css: Of the element; empty: the one that is looked at itself.
        own: Only the text that is in no element of it.
        attribute: This one instead of the text; empty: the text.
    """

    css: str
    own: bool
    attribute: str


def wanted(written: str) -> Wanted:
    """What `h1`, `span.price::text`, `a::attr(href)` or `::attr(id)` asks for.

    Raises:
        ValueError: It is no selector.
    """
    match = _OF.fullmatch(written.strip())
    assert match is not None  # every text is a selector and nothing after it
    css, text, attribute = match.groups()
    if css:
        require_selector(css)
    elif not (text or attribute):
        raise ValueError("the selector is empty")
    return Wanted(css, bool(text), attribute or "")


def require_selector(css: str) -> str:
    """The selector, if it is one.

    Raises:
        ValueError: It is none; says where.
    """
    try:
        _query(HTMLTree.parse("<p></p>").document, css)
    except ValueError as error:
        why = str(error).splitlines()[0].removeprefix("CSS parser error: ")
        raise ValueError(f"`{css}` is no CSS selector: {why}") from None
    return css


class Settings(PageSettings):
    """Make a sample of each element of a page that a CSS selector finds; the page is dropped."""

    SHORT: ClassVar[str] = "css"

    css: str = Field(
        description="Which elements, as in `div.data-item`. `select: div.data-item` is short for it"
    )
    text: str = Field(
        "",
        description="What of the element is the text of the sample, written as a field is; empty: "
        "all of it",
    )
    fields: tuple[tuple[str, str], ...] = Field(
        (),
        description="Further columns by name: `title: h1` (the whole text of the first such "
        "element within), `price: span.price::text` (less what stands in elements of it), `link: "
        "a::attr(href)` (an attribute; an address is made whole), `::attr(id)` (of the element "
        "itself). `target`, `label`, `license` and `fetched_at` are those columns, any other KEY "
        "is `meta.KEY`",
    )
    max_elements: int = Field(
        10_000, ge=1, description="Pages on which more elements are found are dropped"
    )

    @field_validator("css")
    @classmethod
    def _is_selector(cls, css: str) -> str:
        return require_selector(css.strip())

    @field_validator("text")
    @classmethod
    def _is_text(cls, text: str) -> str:
        if text:
            wanted(text)
        return text

    @field_validator("fields", mode="before")
    @classmethod
    def _pairs(cls, given: Any) -> Any:
        return tuple(given.items()) if isinstance(given, Mapping) else given

    @field_validator("fields")
    @classmethod
    def _are_fields(cls, fields: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        for name, written in fields:
            plain = name.removeprefix(_OWN)
            if not _FIELD_NAME.fullmatch(plain):
                raise ValueError(f"`{name}` is no name of a field: letters, digits, _ and -")
            if name == "text":
                raise ValueError("the text of a sample is the setting `text`, beside `fields`")
            if name in SCHEMA and name not in FILLED:
                raise ValueError(
                    f"`{name}` is a column that no field fills; `{_OWN}{name}` is one of its own, "
                    f"and {', '.join(FILLED)} are those that fields fill"
                )
            wanted(written)
        return fields


def column_of(field: str) -> str:
    """The column that a field fills."""
    return field if field in FILLED else _OWN + field.removeprefix(_OWN)


def reads(_: Settings) -> tuple[str, ...]:
    """The column that it takes apart."""
    return ("html",)


def finds(settings: Settings) -> Mapping[str, str]:
    """Columns that a selector alone fills, with what is to be told where it found nothing."""
    return {
        column_of(name): f"`{name}: {written}` finds nothing in any element"
        for name, written in settings.fields
    }


def fills(settings: Settings) -> tuple[str, ...]:
    """The columns that it writes."""
    own = ("text", *(column_of(name) for name, _ in settings.fields))
    return tuple(dict.fromkeys((*own, *page_columns(settings))))


@dataclass(frozen=True)
class _Part:
    """A sample that was found: its name, its text and fields, or what was wrong with it."""

    name: str
    text: str
    fields: tuple[str | None, ...]
    error: str | None


def part(batch: pa.RecordBatch, settings: Settings) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """The elements of the pages; the column `html` goes, rows without it stay as they are.

    A page on which nothing is found is dropped as `nothing found`, one that is too large or holds
    too many by `max_bytes` or `max_elements`; one that cannot be decoded, that is nested deeper
    than `MAX_DEPTH`, or whose elements lie in one another too often, is quarantined. An element
    without a text is born and dropped as `no-text`.
    """
    uris = column(batch, "uri").to_pylist()
    found: list[tuple[int, _Part]] = []

    def read(row: int, page: str) -> None:
        parts = select(page, uris[row] or "", settings)
        if not parts:
            raise DropError(NOTHING_FOUND, settings.css)
        found.extend((row, one) for one in parts)

    # A field of an element is of the element alone, where it has none as well.
    own = [column_of(name) for name, _ in settings.fields if column_of(name) not in FILLED]
    rows = read_pages(batch, settings, read, _unsearched, own)
    return rows, _samples(found, rows, settings)


def describe(batches: Iterator[pa.RecordBatch], settings: Settings) -> PlainObject:
    """How many pages were decoded by a guess. See `FIGURES`."""
    del settings
    return describe_pages(batches)


def _unsearched(error: Exception) -> str:
    return f"the page cannot be searched: {error}"


def _samples(
    found: Sequence[tuple[int, _Part]], rows: pa.RecordBatch, settings: Settings
) -> pa.RecordBatch:
    """The parts as a batch; what of a column of the schema an element lacks, its page has."""
    parents = [row for row, _ in found]
    parts = [one for _, one in found]
    columns: dict[str, pa.Array] = {
        PART_ROW: pa.array(parents, pa.int64()),
        PART_NAME: pa.array([one.name for one in parts], pa.string()),
        "text": pa.array([one.text for one in parts], pa.large_string()),
    }
    for number, (field, _) in enumerate(settings.fields):
        name = column_of(field)
        values = [one.fields[number] for one in parts]
        if name in FILLED:
            of_pages = column(rows, name).to_pylist()
            pairs = zip(values, parents, strict=True)
            values = [of_pages[row] if value is None else value for value, row in pairs]
        columns[name] = pa.array(values, pa.string())
    born = pa.RecordBatch.from_pydict(columns)
    empty = pa.array([one.error is None and not one.text for one in parts], pa.bool_())
    born = mark_dropped(born, empty.to_numpy(zero_copy_only=False), "no-text")
    errors = [one.error for one in parts]
    return mark_error(born, errors) if any(errors) else born


def select(page: str, uri: str, settings: Settings) -> list[_Part]:
    """The elements of a decoded page, in its order.

    Args:
        page: The page.
        uri: Its address, for those in it.
        settings: Of the step.

    Raises:
        ValueError: It is too deep, or the elements lie in one another too often.
        DropError: There are too many.
    """
    tree = HTMLTree.parse(page)
    if tree.document is None:
        return []
    # There are no more elements than signs that could begin one.
    if is_deeper(tree, MAX_DEPTH):
        raise ValueError(f"its elements are nested deeper than {MAX_DEPTH}")
    elements = _all(tree.document, settings.css)
    if len(elements) > settings.max_elements:
        raise DropError(f"elements <= {settings.max_elements}", f"elements={len(elements)}")
    left = MAX_REPEATED * len(page) + 100_000
    base = _base(tree.document, uri)
    fields = [wanted(written) for _, written in settings.fields]
    text = wanted(settings.text) if settings.text else None
    parts = []
    for name, element in zip(_names(elements), elements, strict=True):
        outer = element.outer_html
        left -= len(outer)
        if left < 0:
            raise ValueError(f"elements of `{settings.css}` lie in one another too often")
        try:
            if text is None:
                said = element_text(element.tag, outer, element.inner_html)
            else:
                said = _value(element, text, base, lines=True) or ""
            values = tuple(_value(element, one, base) for one in fields)
        except ValueError as error:
            parts.append(_Part(name, "", (None,) * len(fields), str(error)[:300]))
        else:
            parts.append(_Part(name, said, values, None))
    return parts


def _query(node: Any, css: str) -> Any:
    return node.query_selector(css)


def _all(document: Any, css: str) -> list[Any]:
    """Each element once, in the order of the page."""
    # To go through the collection itself makes it anew for each that is in it.
    return list(document.query_selector_all(css)[:])


def _names(elements: Sequence[Any]) -> list[str]:
    """What each is called: its own id where no other has it, else its number."""
    ids = [element.id or "" for element in elements]
    times = Counter(ids)
    return [
        name if times[name] == 1 and _OWN_NAME.fullmatch(name) else f"select-{number}"
        for number, name in enumerate(ids, 1)
    ]


def _base(document: Any, uri: str) -> str:
    """What addresses in the page are relative to: its first `base`, else its own address."""
    base = _query(document, "base[href]")
    return uri if base is None else _whole(uri, base.getattr("href", ""))


def _whole(base: str, address: str) -> str:
    """An address made whole; one that cannot be is left as it is."""
    address = with_slashes(address.strip(" \t\n\r\f"))
    try:
        return urljoin(base, address)
    except ValueError:
        return address


def _value(element: Any, one: Wanted, base: str, *, lines: bool = False) -> str | None:
    """What a field asks for; None where there is no such element or attribute.

    Args:
        element: In which it is looked for, itself among them.
        one: What is asked for.
        base: What addresses are relative to.
        lines: Leave a text in its lines; else it is one.
    """
    found = element
    if one.css and not element.matches(one.css):
        found = _query(element, one.css)
    if found is None:
        return None
    if one.attribute:
        value = found.getattr(one.attribute, None)
        if value is not None and one.attribute.lower() in _ADDRESSES:
            return _whole(base, value)
        return None if value is None else str(value)
    if one.own:
        nodes = found.child_nodes[:]
        text = "".join(node.text for node in nodes if node.type == NodeType.TEXT)
    else:
        text = element_text(found.tag, found.outer_html, found.inner_html)
    return text if lines and not one.own else " ".join(text.split())
