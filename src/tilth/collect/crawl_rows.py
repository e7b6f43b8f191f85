"""What comes out of a crawl: a row for each address, what has changed since an earlier one, and
what of the recipe fits none of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from tilth.context import Context, Note
from tilth.errors import DataError
from tilth.reading.named import no_such_name
from tilth.schema import DROP_RULE, DROP_VALUE, ERROR, SCHEMA, VERDICT, Row, sample_id
from tilth.spell import plural
from tilth.web.bounds import CUTS
from tilth.web.frontier import EXCLUDED, Frontier, Outcome
from tilth.web.patterns import Choice
from tilth.web.secrets import masked
from tilth.web.urls import Scope
from tilth.web.warc_store import read_page

_BATCH_ROWS = 256
_BATCH_BYTES = 32 << 20
_COLUMNS = ("id", "source", "uri", "html", "content_type", "license", "consent", "fetched_at")
_UNASKED = frozenset((EXCLUDED, *CUTS))
_VERDICTS = (DROP_RULE, DROP_VALUE, ERROR)
_CHANGES = {
    "new": Note("page that is new since the crawl before"),
    "changed": Note("page that has changed since the crawl before"),
    "gone": Note("page of the crawl before that is gone (HTTP status 404 or 410)"),
    "left": Note("page of the crawl before that is none any more, or not linked"),
    "failed": Note("page that could not be asked for again, and is as in the crawl before"),
}


def note_changes(frontier: Frontier, context: Context) -> None:
    """Tell of each address that a refresh found otherwise than the crawl before."""
    for url, change in frontier.changes():
        context.passes_over(masked(url), _CHANGES[change])


def told_changes(frontier: Frontier) -> str:
    """The same in a sentence."""
    counts = Counter(change for _, change in frontier.changes())
    same = frontier.count_pages() - counts["new"] - counts["changed"] - counts["failed"]
    return (
        f"asked again: {plural(same, 'page')} as before, {counts['changed']:,} changed, "
        f"{counts['new']:,} new, {counts['gone']:,} gone, {counts['left']:,} no page any more or "
        f"not linked, {counts['failed']:,} that could not be had and stay as before"
    )


def batches(
    frontier: Frontier, source: str, archive: Path, limit: int | None
) -> Iterator[pa.RecordBatch]:
    """A row for every address of a finished crawl, in their order.

    Args:
        frontier: How they ended.
        source: The source's name in the recipe.
        archive: The folder of the pages.
        limit: Rows at most; None: all.
    """
    schema = pa.schema(
        [(name, SCHEMA[name]) for name in _COLUMNS] + [(name, VERDICT[name]) for name in _VERDICTS]
    )
    held: list[Row] = []
    size = 0
    for row in _rows(frontier, source, archive, limit):
        length = len(row["html"] or b"")
        if held and (len(held) >= _BATCH_ROWS or size + length > _BATCH_BYTES):
            yield pa.RecordBatch.from_pylist(held, schema)
            held, size = [], 0
        held.append(row)
        size += length
    if held:
        yield pa.RecordBatch.from_pylist(held, schema)


def _rows(frontier: Frontier, source: str, archive: Path, limit: int | None) -> Iterator[Row]:
    count = 0
    for end in frontier.outcomes():
        if limit is not None and (count >= limit or end.rule in _UNASKED):
            # A limit is for trying things out; what lies behind it is not reported, and what was
            # not wanted takes no one's place.
            continue
        count += 1
        yield _row(end, source, archive)


def num_rows(frontier: Frontier) -> int:
    """Under a limit: addresses that are reported, before the limit cuts them."""
    return sum(end.rule not in _UNASKED for end in frontier.outcomes())


def _row(end: Outcome, source: str, archive: Path) -> Row:
    body, failed = None, end.error
    if end.place is not None:
        try:
            body = read_page(archive, end.place)
        except DataError as error:
            failed = error.what
    return {
        "id": sample_id(source, end.url, body or b""),
        "source": source,
        # What a stranger's address gives away is not handed on.
        "uri": masked(end.url),
        "html": body,
        "content_type": end.content_type,
        "license": None,
        "consent": end.consent,
        # The day only: the same site crawled twice on one day is the same data, byte for byte.
        # The second stands in the archive.
        "fetched_at": end.fetched_at and end.fetched_at[:10],
        DROP_RULE: end.rule,
        DROP_VALUE: end.value and masked(end.value),
        ERROR: failed and masked(failed),
    }


def check_scope(scope: Iterable[str], start: Sequence[str], frontier: Frontier) -> None:
    """Refuse a part of the scope in which nothing was found, unless the crawl was cut short.

    Args:
        scope: Its parts, as the recipe has them.
        start: The first pages.
        frontier: How the addresses of a finished crawl ended.

    Raises:
        DataError: There is one.
    """
    missing = {prefix: Scope([prefix]) for prefix in scope}
    for end in frontier.outcomes() if missing else ():
        if end.rule in CUTS:
            return
        missing = {prefix: part for prefix, part in missing.items() if not part.contains(end.url)}
    for prefix in missing:
        near = [f"{url.partition('?')[0].rpartition('/')[0]}/" for url in start]
        raise no_such_name("scope", prefix, "addresses", near, ", ".join(map(masked, start)))


def note_patterns(choice: Choice, frontier: Frontier, context: Context) -> None:
    """Tell of patterns that fit nothing that was found, unless the crawl was cut short."""
    unmet = [("include", one) for one in choice.include]
    unmet += [("exclude", one) for one in choice.exclude]
    for end in frontier.outcomes() if unmet else ():
        if end.rule in CUTS:
            return
        unmet = [(setting, one) for setting, one in unmet if not one.fits(end.url)]
    for setting, one in unmet:
        context.passes_over(one.text, Note(f"pattern of `{setting}` that fits no address found"))
