"""A batch of web pages gone through, each decoded and read by itself: one way for all who do."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
from pydantic import Field

from tilth.decode.page import decode_html
from tilth.decode.text import UndecodableError
from tilth.schema import column, mark_dropped, mark_error, without_columns
from tilth.settings import BaseSettings


class PageSettings(BaseSettings):
    """Which pages are read."""

    max_bytes: int = Field(
        5_000_000, ge=1000, description="Larger pages are dropped unread (bytes of HTML)"
    )
    max_undecodable: float = Field(
        0.001, ge=0, le=1, description="Share of undecodable characters that is still replaced"
    )


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
) -> pa.RecordBatch:
    """The rows less the column `html`, marked; rows without `html` are as they were.

    A page above `max_bytes` is dropped by that rule, one that cannot be decoded is quarantined.

    Args:
        batch: The rows.
        settings: Of the step.
        read: Takes the number of a row and its decoded page; raises `DropError` for one that is not
            kept, and may fail in any other way.
        failed: What to say of such a page.
    """
    types = column(batch, "content_type").to_pylist()
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
            read(row, decode_html(html.as_py(), types[row], settings.max_undecodable))
        except DropError as drop:
            rules[row], values[row] = drop.rule, drop.value
        except UndecodableError as error:
            errors[row] = str(error)
        except Exception as error:
            # Whatever a page does to a parser costs that page alone.
            errors[row] = failed(error)[:300]
    rows = without_columns(batch, ["html"])
    if any(errors):
        rows = mark_error(rows, errors)
    drops = pa.array([rule is not None for rule in rules], pa.bool_())
    return mark_dropped(rows, drops.to_numpy(zero_copy_only=False), rules, values)
