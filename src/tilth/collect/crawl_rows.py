"""What comes out of a crawl: a row for each address, what has changed since an earlier one, and
what of the recipe fits none of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from tilth.collect.crawl_media import PAGES, Gathered, columns_of, fill, kind_of_end, kinds_of
from tilth.context import Context, Note
from tilth.errors import DataError, StorageError
from tilth.reading.named import no_such_name
from tilth.schema import DROP_RULE, DROP_VALUE, ERROR, SCHEMA, VERDICT, Row, sample_id
from tilth.spell import plural
from tilth.web.bounds import CUTS
from tilth.web.copies import MAX_COPIES
from tilth.web.frontier import EXCLUDED, Frontier, Outcome
from tilth.web.patterns import AddressPattern
from tilth.web.secrets import masked
from tilth.web.urls import Scope
from tilth.web.warc_store import read_page

_BATCH_ROWS = 256
_BATCH_BYTES = 32 << 20
_COLUMNS = ("id", "source", "uri", "html", "content_type", "license", "consent", "fetched_at")
_UNASKED = frozenset((EXCLUDED, MAX_COPIES, *CUTS))
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


@dataclass(frozen=True)
class Crawled:
    """A finished crawl, whose rows are made.

    Attributes:
        frontier: How its addresses ended.
        source: The source's name in the recipe.
        archive: The folder of the pages.
        gather: What is kept.
        max_pixels: Of a picture.
        context: Told of what is passed over.
    """

    frontier: Frontier
    source: str
    archive: Path
    gather: Gathered
    max_pixels: int
    context: Context


def unusable(folder: Path, error: Exception) -> StorageError:
    """The error of a crawl that cannot be written or read."""
    return StorageError(
        f"the crawl's folder cannot be used: {error}",
        where=str(folder),
        hint="free space or give rights, then run again: what was fetched is kept",
    )


def told_ends(start: Iterable[str], frontier: Frontier) -> str:
    """How the start pages ended, in words."""
    ends = {outcome.url: outcome for outcome in frontier.outcomes()}
    reasons = []
    for url in start:
        end = ends.get(url)
        reason = end and (end.error or f"{end.rule} {end.value or ''}".strip())
        reasons.append(masked(f"{url}: {reason or 'not reached'}"))
    return "; ".join(reasons)


def batches(crawled: Crawled, limit: int | None) -> Iterator[pa.RecordBatch]:
    """A row for every address of a finished crawl, in their order.

    Args:
        crawled: The crawl.
        limit: Rows at most; None: all.

    Raises:
        DataError: There is nothing in it of what is gathered beside pages.
    """
    more = columns_of(crawled.gather)
    schema = pa.schema(
        [*((name, SCHEMA[name]) for name in _COLUMNS), *more.items()]
        + [(name, VERDICT[name]) for name in _VERDICTS]
    )
    held: list[Row] = []
    size = num_found = 0
    for row in _rows(crawled, limit):
        kept = [row.get(name) for name in ("html", "image", "audio")]
        length = sum(len(one or b"") for one in kept)
        num_found += row[ERROR] is not None or any(one is not None for one in kept)
        if held and (len(held) >= _BATCH_ROWS or size + length > _BATCH_BYTES):
            yield pa.RecordBatch.from_pylist(held, schema)
            held, size = [], 0
        held.append(row)
        size += length
    if held:
        yield pa.RecordBatch.from_pylist(held, schema)
    if not num_found and limit is None:
        raise DataError(
            f"the crawl found none of `gather: [{', '.join(crawled.gather)}]`",
            where=f"{num_rows(crawled.frontier):,} addresses, each with its reason",
            hint="is `media_scope` where the pictures and sounds of the pages are?",
            code="empty-crawl",
        )


def _rows(crawled: Crawled, limit: int | None) -> Iterator[Row]:
    count = 0
    for end in crawled.frontier.outcomes():
        if limit is not None and (count >= limit or end.rule in _UNASKED):
            # A limit is for trying things out; what lies behind it is not reported, and what was
            # not wanted takes no one's place.
            continue
        count += 1
        yield _row(end, crawled)


def num_rows(frontier: Frontier) -> int:
    """Under a limit: addresses that are reported, before the limit cuts them."""
    return sum(end.rule not in _UNASKED for end in frontier.outcomes())


def _row(end: Outcome, crawled: Crawled) -> Row:
    body, failed, kind, told = None, end.error, None, None
    rule, value = end.rule, end.value
    if end.place is not None:
        kinds = kinds_of(crawled.gather)
        told = crawled.frontier.mentions.told(end.url) if kinds else None
        kind = kind_of_end(end, told, kinds)
        if kind is None and rule is None and PAGES not in crawled.gather:
            rule, value = "not-gathered", PAGES
        try:
            body = read_page(crawled.archive, end.place)
        except DataError as error:
            failed = error.what
    row: Row = {
        "id": sample_id(crawled.source, end.url, body or b""),
        "source": crawled.source,
        # What a stranger's address gives away is not handed on.
        "uri": masked(end.url),
        "html": body if kind is None and rule != "not-gathered" else None,
        "content_type": end.content_type,
        "license": None,
        "consent": end.consent,
        # The day only: the same site crawled twice on one day is the same data, byte for byte.
        # The second stands in the archive.
        "fetched_at": end.fetched_at and end.fetched_at[:10],
        DROP_RULE: rule,
        DROP_VALUE: value and masked(value),
        ERROR: failed and masked(failed),
    }
    if kind is not None and body is not None and rule is None:
        fill(row, kind, body, told, crawled.max_pixels, crawled.context)
    return row


def check_scope(
    setting: str, scope: Iterable[str], start: Sequence[str], frontier: Frontier
) -> None:
    """Refuse a part of the scope in which nothing was found, unless the crawl was cut short.

    Args:
        setting: Its name in the recipe.
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
        raise no_such_name(setting, prefix, "addresses", near, ", ".join(map(masked, start)))


def note_patterns(
    patterns: Mapping[str, Iterable[str]], frontier: Frontier, context: Context
) -> None:
    """Tell of patterns that fit nothing that was found, unless the crawl was cut short.

    Args:
        patterns: By the setting in which they stand.
        frontier: How the addresses of a finished crawl ended.
        context: Told of them.
    """
    unmet = [(name, AddressPattern(one)) for name, given in patterns.items() for one in given]
    for end in frontier.outcomes() if unmet else ():
        if end.rule in CUTS:
            return
        unmet = [(setting, one) for setting, one in unmet if not one.fits(end.url)]
    for setting, one in unmet:
        context.passes_over(one.text, Note(f"pattern of `{setting}` that fits no address found"))
