"""A batch of web pages gone through, each decoded and read by itself: one way for all who do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from tilth.clean.stated import Stated, stated
from tilth.decode.page import read_page
from tilth.decode.text import UndecodableError
from tilth.figures import Definition
from tilth.meta.arrow import alike
from tilth.meta.kinds import TEXT
from tilth.records import PlainObject
from tilth.schema import (
    GUESSED_ENCODING,
    META,
    column,
    mark_dropped,
    mark_error,
    with_columns,
    without_columns,
)
from tilth.settings import BaseSettings

_FIELDS: Final = {
    "title": TEXT,
    "author": TEXT,
    "date": pa.date32(),
    "language": TEXT,
}
_PAGES: Final = "pages that the step decoded, and kept or dropped"
_TEST: Final = "tests/clean/test_pages.py::test_guessed_encodings_are_counted"
FIGURES: Final = (
    Definition(
        "guessed_pages",
        "pages of a guessed encoding",
        "Pages that state no encoding, have no byte order mark and are no UTF-8, so that they were "
        "read in what they look like; `guessed_encoding` of each says in which.",
        _PAGES,
        better="lower",
        reference="pages of known encodings",
        test=_TEST,
    ),
    Definition(
        "guessed_encodings",
        "guessed encodings",
        "How many pages were read in which encoding by a guess.",
        _PAGES,
        reference="pages of known encodings",
        test=_TEST,
    ),
)


class PageSettings(BaseSettings):
    """Which pages are read."""

    max_bytes: int = Field(
        5_000_000, ge=1000, description="Larger pages are dropped unread (bytes of HTML)"
    )
    max_undecodable: float = Field(
        0.001, ge=0, le=1, description="Share of undecodable characters that is still replaced"
    )
    meta: Literal["all", "none"] = Field(
        "all",
        description="What a page states of itself is `meta.title`, `meta.author`, `meta.date`, "
        "`meta.language` and `license`, where its row has none; or none of it",
    )


def page_columns(settings: PageSettings) -> tuple[str, ...]:
    """The columns that a page fills with what it states of itself, and with what it does not."""
    stated_too = settings.meta == "all"
    fields = ("license", *(META + name for name in _FIELDS)) if stated_too else ()
    return (GUESSED_ENCODING, *fields)


class DropError(Exception):
    """A page that is sound and not kept.

    Attributes:
        rule: By which.
        value: The number or word that decided.
    """

    def __init__(self, rule: str, value: str) -> None:
        super().__init__(f"{rule}: {value}")
        self.rule, self.value = rule, value


def read_pages(
    batch: pa.RecordBatch,
    settings: PageSettings,
    read: Callable[[int, str], None],
    failed: Callable[[Exception], str],
    leaves: Collection[str] = (),
) -> pa.RecordBatch:
    """The rows less the column `html`, marked, with what pages state of themselves, and in
    `guessed_encoding` the encoding of those that state none; rows without `html` are as they were.

    A page above `max_bytes` is dropped by that rule, one that cannot be decoded is quarantined.

    Args:
        batch: The rows.
        settings: Of the step.
        read: Takes the number of a row and its decoded page; raises `DropError` for one that is not
            kept, and may fail in any other way.
        failed: What to say of such a page.
        leaves: Columns that are not filled with what a page states of itself.
    """
    types = column(batch, "content_type").to_pylist()
    said: list[Stated | None] = [None] * batch.num_rows
    guessed: list[str | None] = [None] * batch.num_rows
    rules: list[str | None] = [None] * batch.num_rows
    values: list[str | None] = [None] * batch.num_rows
    errors: list[str | None] = [None] * batch.num_rows
    for row, html in enumerate(column(batch, "html")):
        if not html.is_valid:
            continue
        size = len(html.as_buffer())
        try:
            if size > settings.max_bytes:
                raise DropError(f"html_bytes <= {settings.max_bytes}", f"html_bytes={size}")
            decoded = read_page(html.as_py(), types[row], settings.max_undecodable)
            if decoded.how == "guess":
                guessed[row] = decoded.encoding
            page = decoded.text
            read(row, page)
            if settings.meta == "all" and not is_plain(types[row]):
                said[row] = stated(page)
        except DropError as drop:
            rules[row], values[row] = drop.rule, drop.value
        except UndecodableError as error:
            errors[row] = str(error)
        except Exception as error:
            # Whatever a page does to a parser costs that page alone.
            errors[row] = failed(error)[:300]
    rows = without_columns(batch, ["html"])
    names = pc.coalesce(pa.array(guessed, pa.string()), column(rows, GUESSED_ENCODING))
    rows = with_columns(rows, {GUESSED_ENCODING: names})
    if settings.meta == "all":
        rows = _with_stated(rows, said, leaves)
    if any(errors):
        rows = mark_error(rows, errors)
    drops = pa.array([rule is not None for rule in rules], pa.bool_())
    return mark_dropped(rows, drops.to_numpy(zero_copy_only=False), rules, values)


def describe_pages(batches: Iterator[pa.RecordBatch]) -> PlainObject:
    """How many pages were decoded by a guess, and in which encodings. See `FIGURES`."""
    found = Counter[str]()
    for batch in batches:
        found.update(column(batch, GUESSED_ENCODING).drop_null().to_pylist())
    return {"guessed_pages": found.total(), "guessed_encodings": dict(sorted(found.items()))}


def is_plain(content_type: str | None) -> bool:
    """Whether what came as a page is text without markup."""
    return (content_type or "").lstrip().lower().startswith("text/plain")


def _with_stated(
    rows: pa.RecordBatch, said: Sequence[Stated | None], leaves: Collection[str]
) -> pa.RecordBatch:
    """The rows with what pages state where they have nothing of the kind yet."""
    licenses = pa.array([None if one is None else one.license for one in said], pa.string())
    columns = {"license": pc.coalesce(column(rows, "license").cast(pa.string()), licenses)}
    for name, kind in _FIELDS.items():
        if META + name in leaves:
            continue
        found = pa.array([None if one is None else getattr(one, name) for one in said], kind)
        at = rows.schema.get_field_index(META + name)
        columns[META + name] = found if at < 0 else pc.coalesce(*alike([rows.column(at), found]))
    return with_columns(rows, columns)
