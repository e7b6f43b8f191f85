"""Write the archive of a crawl as a WACZ, which archives and their tools read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tilth.errors import MissingError, UsageError
from tilth.export.wacz import Page, write_wacz
from tilth.formats.http_answer import HTML_TYPES
from tilth.query.export import Progress, committed, here, require_free
from tilth.query.runs import RunStep, RunView
from tilth.spell import plural
from tilth.web.frontier import Frontier
from tilth.web.stores import scheme_of

_CRAWL = "crawl"
_TELLING = (
    "{}: of addresses that hold what may be a password or a token of others; look before you hand "
    "it on"
)
_NAME = re.compile(r"[^\w.-]")


@dataclass(frozen=True)
class ExportedArchive:
    """What was written where.

    Attributes:
        run, step: Whose archive.
        format: Of the file.
        folder, file: That it is in, and its name.
        archives: WARC files in it.
        records: Responses and revisits that its index has.
        pages: That its list of pages has.
        notes: What there is to say.
    """

    run: str
    step: str
    format: str
    folder: str
    file: str
    archives: int
    records: int
    pages: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class PlannedArchive:
    """What would be written where.

    Attributes:
        run, step: Whose archive.
        format: Of the file.
        folder, file: That it would be in, and its name.
        archives: WARC files in it.
        num_bytes: That those have.
        pages: That its list of pages would have.
    """

    run: str
    step: str
    format: str
    folder: str
    file: str
    archives: int
    num_bytes: int
    pages: int


def plan_archive(run: RunView, to: str | Path, *, step: str | None = None) -> PlannedArchive:
    """What `export_archive` would write.

    Raises:
        UsageError, MissingError: As `export_archive`.
    """
    crawl = _crawl_of(run, step)
    with _opened(crawl) as frontier:
        files, pages = _files(crawl, frontier), sum(1 for _ in _pages(frontier))
    if scheme_of(str(to)) in (None, "file"):
        require_free(here(to))
    return PlannedArchive(
        *(run.name, crawl.name, "wacz", str(to), _name_of(crawl)),
        *(len(files), sum(files.values()), pages),
    )


def export_archive(
    run: RunView,
    to: str | Path,
    *,
    step: str | None = None,
    progress: Progress | None = None,
) -> ExportedArchive:
    """Write what a crawl fetched as one WACZ file, in a new folder.

    Args:
        run: Whose crawl.
        to: A folder, here or in a store.
        step: The crawl, where the run has several.
        progress: Of bytes that are put to a store.

    Raises:
        UsageError: The step is no crawl, there is none or several, or the folder is not empty.
        MissingError: The crawl is not done, or its archive is not there any more.
        DataError: A record of the archive is damaged.
        StorageError: The disk is full or the folder cannot be written.
    """
    crawl = _crawl_of(run, step)
    name = _name_of(crawl)
    done: list[ExportedArchive] = []

    def write(aside: Path) -> None:
        with _opened(crawl) as frontier:
            files, title = _files(crawl, frontier), f"{run.name}, {crawl.name}"
            written = write_wacz(aside / name, files, _pages(frontier), title, datetime.now(UTC))
        told = (_TELLING.format(plural(written.telling, "record")),) if written.telling else ()
        done.append(
            ExportedArchive(
                *(run.name, crawl.name, "wacz", str(to), name),
                *(written.files, written.records, written.pages, told),
            )
        )

    committed(to, write, progress, lasts=False)
    return done[0]


def _crawl_of(run: RunView, step: str | None) -> RunStep:
    crawls = [one for one in run.steps if one.op == _CRAWL]
    names = ", ".join(one.name for one in crawls)
    if step is not None:
        found = run.step(step)
        if found.op != _CRAWL:
            raise UsageError(
                f"`{found.name}` is no crawl, and has no archive",
                hint=f"one of {names}" if crawls else "a source `crawl` has one",
                code="no-archive",
            )
        return found
    if not crawls:
        raise UsageError(
            f"`{run.name}` has no crawl, and so no archive",
            hint="a source `crawl` has one; samples go out as parquet, jsonl, webdataset, ...",
            code="no-archive",
        )
    if len(crawls) > 1:
        raise UsageError(
            f"`{run.name}` has {len(crawls)} crawls",
            hint=f"name one of {names}",
            code="no-step",
        )
    return crawls[0]


def _folder_of(crawl: RunStep) -> Path:
    return crawl.folder / "work" / "crawl"


def _name_of(crawl: RunStep) -> str:
    return f"{_NAME.sub('-', crawl.name.rpartition('.')[2])}.wacz"


@contextmanager
def _opened(crawl: RunStep) -> Iterator[Frontier]:
    """What a finished crawl knows of its addresses.

    Raises:
        MissingError: It is not there, or the crawl is not done.
    """
    folder = _folder_of(crawl)
    path = folder / "frontier.sqlite"
    if not path.is_file():
        raise MissingError(
            f"the archive of `{crawl.name}` is not there any more",
            where=str(folder),
            hint="a crawl with other settings took its pages over, or it was removed",
            code="no-archive",
        )
    with closing(Frontier(path)) as frontier:
        if frontier.fact("complete") is None:
            raise MissingError(
                f"the crawl `{crawl.name}` is not done",
                where=str(folder),
                hint="run the recipe again: it goes on",
                code="not-reached",
            )
        yield frontier


def _files(crawl: RunStep, frontier: Frontier) -> Mapping[Path, int]:
    """The files of the archive, and how much of each was committed."""
    folder = _folder_of(crawl) / "warc"
    number, _, size = (frontier.fact("archive") or "").partition(":")
    found = {}
    for path in sorted(folder.glob("crawl-[0-9][0-9][0-9][0-9][0-9].warc.gz")):
        at = int(path.name.split("-")[1].split(".")[0])
        if at <= int(number or 0):
            found[path] = int(size or 0) if at == int(number or 0) else path.stat().st_size
    return found


def _pages(frontier: Frontier) -> Iterator[Page]:
    """The pages that the crawl kept, in the order of addresses.

    Pictures and sounds are in the archive and its index, and no pages to begin with.
    """
    for end in frontier.outcomes():
        kind = (end.content_type or "").partition(";")[0].strip().lower()
        if end.place is not None and end.rule is None and kind in HTML_TYPES:
            yield Page(end.url, end.fetched_at or "")
