"""Source operation `common_crawl`: pages out of Common Crawl, or any archive with such an index.

The index says in which file each capture stands; only its bytes are fetched, one capture after
another. What was fetched is kept in the work folder: ``captures.json``, ``captures.warc.gz``, and
``fetched.txt``, where each ends. Killed at any moment and run again, it goes on.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import pyarrow as pa
from pydantic import Field, field_validator, model_validator

from tilth.collect.web_archive import (
    COLUMNS,
    Pages,
    PassedOverError,
    Statuses,
    Truncated,
    other_type,
)
from tilth.context import Context
from tilth.errors import MissingError, StorageError, UsageError
from tilth.formats.http_answer import HTML_TYPES, AnswerError, read_answer
from tilth.formats.warc import ArchiveRecord, agrees, read_warc
from tilth.reading import records
from tilth.reading.fetching import KnownHosts, License, run_to_end
from tilth.reading.fields import Meta, carried
from tilth.reading.inputs import MAX_RECORD_BYTES, empty_source
from tilth.records import Record, read_file, read_if_whole
from tilth.schema import Row
from tilth.settings import ActsOn, AnyOrder, BaseSettings
from tilth.store.files import read_json, remove, write_json, write_record
from tilth.web.address import AddressRefusedError, allowed_places, check_url
from tilth.web.contact import contact_warning
from tilth.web.secrets import HEADERS, Secrets

if TYPE_CHECKING:
    # Only named here: reading a recipe needs no HTTP client.
    from tilth.web.cdx import Capture
    from tilth.web.client import Answer
    from tilth.web.retry import PatientClient

_MAX_COUNT = 1_000_000
# What decides which captures are fetched, beside how many.
_FETCHED = (
    *("index", "url", "statuses", "index_server", "data_server", "headers"),
    "max_record_bytes",
)
# RFC 9110: not found, gone, and no such part.
_GONE = frozenset({404, 410, 416})


class Settings(BaseSettings):
    """Take pages out of Common Crawl by their addresses, as a crawl would give them.

    Its index is asked where they are, and nothing but their records is fetched.
    """

    index: str = Field(
        description="name of the crawl, such as CC-MAIN-2024-22",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$",
    )
    url: str = Field(
        min_length=1,
        max_length=2000,
        description="addresses: `*.example.org/*` for a domain and all below it, "
        "`example.org/a/*` for a folder, or one address",
    )
    max_pages: int = Field(1000, ge=1, le=_MAX_COUNT, description="take at most this many captures")
    statuses: Statuses = (200,)
    truncated: Truncated = "read"
    index_server: str = Field(
        "https://index.commoncrawl.org",
        description="address that the index is below, as NAME-index",
    )
    data_server: str = Field(
        "https://data.commoncrawl.org", description="address that the files are below"
    )
    headers: Annotated[dict[str, str], AnyOrder()] = Field(
        {}, description=HEADERS.replace("address", "two servers")
    )
    allow_hosts: KnownHosts = ()
    timeout_s: Annotated[float, ActsOn("politeness")] = Field(
        60.0, gt=0, le=86_400, description="seconds for one request with its answer"
    )
    delay_s: Annotated[float, ActsOn("politeness")] = Field(
        0.2, ge=0, le=86_400, description="seconds from one request to the next"
    )
    retries: Annotated[int, ActsOn("politeness")] = Field(
        5, ge=0, le=10, description="further tries of a request that fails"
    )
    retry_s: Annotated[float, ActsOn("politeness")] = Field(
        2.0,
        ge=0,
        le=120,
        description="pause before the first further try; doubled for each one, up to two minutes",
    )
    user_agent: Annotated[str, ActsOn("politeness")] = Field(
        "tilth/0.1 (pretraining data)",
        min_length=1,
        pattern=r"^[!-.0-~][\x20-\x7e]*$",
        description="User-Agent header; say whom to write to",
    )
    max_record_bytes: int = Field(
        8 << 20,
        description="bytes that one record may have; a longer one is quarantined",
        ge=64,
        le=MAX_RECORD_BYTES,
    )
    license: License = Field(None, description="licence of the rows")
    meta: Meta = "all"

    @property
    def check_digests(self) -> bool:
        """What the index says of a page is compared instead."""
        return False

    @field_validator("index_server", "data_server")
    @classmethod
    def _plain(cls, address: str) -> str:
        return address.rstrip("/")

    @model_validator(mode="after")
    def _may_be_asked(self) -> Settings:
        for address in (self.index_server, self.data_server):
            try:
                check_url(address, allowed_places(self.allow_hosts, [address]))
            except AddressRefusedError as error:
                raise ValueError(f"{error}; list it in `allow_hosts` if it is meant") from None
        return self


def warns(settings: Settings) -> str:
    """What should be known of the settings before a run; empty: nothing."""
    return contact_warning(settings.user_agent, (settings.index_server, settings.data_server))


def fingerprint(_: Settings) -> str:
    """Nothing beyond the settings: a crawl that is in the index changes no more."""
    return ""


def fills(settings: Settings) -> tuple[str, ...]:
    """The columns that a row may have, as far as the settings tell."""
    license_ = ["license"] if settings.license is not None else []
    return (*COLUMNS, *license_, *carried(settings.meta))


def read(settings: Settings, source: str, context: Context) -> Iterator[pa.RecordBatch]:
    """Fetch what is not fetched yet, then yield the pages as rows, in the order of the index.

    Raises:
        MissingError: A server does not answer, or not as one; run again to go on.
        UsageError: A server is at an address that is not allowed.
        DataError: The index has nothing of the kind, or no page.
        StorageError: The work folder cannot be written.
    """
    budget = settings.max_pages if context.limit is None else min(settings.max_pages, context.limit)
    kept = _Kept(context.work / "common_crawl")
    said = {name: getattr(settings, name) for name in _FETCHED} | {"max_pages": budget}
    try:
        if kept.opens(json.dumps(said, sort_keys=True)):
            context.begins_anew()
        run_to_end(_fetch(settings, budget, kept, context))
        batcher = records.Batcher(source, COLUMNS, {"license": settings.license}, context.limit)
        pages = Pages(settings, context)
        for place, reason in kept.passed():
            context.passes_over(place, reason)
        for capture, data in kept.read():
            try:
                row = _row(settings, pages, capture, data)
            except PassedOverError as passed:
                context.passes_over(capture.place, str(passed))
            except (AnswerError, records.RecordError) as error:
                yield from batcher.add_error(str(error), capture.place)
            else:
                yield from batcher.add(row, capture.place, len(data))
        pages.check(f"{settings.index} {settings.url}")
        yield from batcher.flush()
    except AddressRefusedError as error:
        raise UsageError(
            f"the archive may not be asked: {error}",
            hint="list the host in `allow_hosts` if the address is meant",
            code="address",
        ) from error
    except OSError as error:
        raise StorageError(
            f"the folder of what is fetched cannot be used: {error}",
            where=str(kept.folder),
            hint="free space or give rights, then run again: what was fetched is kept",
        ) from error
    if batcher.num_rows == 0:
        raise empty_source(f"{settings.index} {settings.url}")


def _row(settings: Settings, pages: Pages, capture: Capture, data: bytes) -> Row:
    """A capture as a row.

    Raises:
        PassedOverError, AnswerError, RecordError: As `Pages.row`; or it is not what the index says.
    """
    if not data:
        raise records.RecordError("the data server does not have it")
    most = settings.max_record_bytes
    found = list(read_warc(io.BytesIO(data), len(data), most, lambda kind, _: kind != "revisit"))
    record = found[0] if len(found) == 1 else None
    if not isinstance(record, ArchiveRecord):
        raise records.RecordError("no whole record stands where the index says")
    if record.kind == "revisit":
        raise PassedOverError("a revisit of what is not in these files")
    row = pages.row(record, record.fields, capture.place, capture.place)
    if capture.digest and record.kind == "response" and record.is_whole:
        body = read_answer(record.block).body
        if not agrees(f"sha1:{capture.digest}", body):
            raise records.RecordError("the page is not the one that the index has the digest of")
    return row


class _Captures(Record):
    """What the index had: captures by their fields, and of the rest place and reason."""

    captures: tuple[Mapping[str, Any], ...]
    passed: tuple[tuple[str, str], ...]


@dataclass
class _Kept:
    """What was fetched, in a folder.

    Attributes:
        folder: It.
    """

    folder: Path

    def opens(self, identity: str) -> bool:
        """Keep what is of these settings; whether there was nothing of them.

        Args:
            identity: Of all that decides what is fetched.
        """
        said = self.folder / "settings.json"
        # One that is damaged is another.
        with suppress(OSError, ValueError):
            if read_json(said) == identity:
                return False
        remove(self.folder)
        self.folder.mkdir(parents=True)
        write_json(said, identity)
        return True

    @property
    def has_captures(self) -> bool:
        """Whether the index was asked, to the end."""
        return read_if_whole(_Captures, self.folder / "captures.json") is not None

    def captures(self) -> list[Capture]:
        """What the index had that may be a page."""
        from tilth.web.cdx import Capture

        known = read_file(_Captures, self.folder / "captures.json")
        return [Capture(**one) for one in known.captures]

    def passed(self) -> list[tuple[str, str]]:
        """Place and reason of what else it had."""
        return [*read_file(_Captures, self.folder / "captures.json").passed]

    def keep_captures(self, asked: tuple[list[Capture], list[tuple[str, str]]]) -> None:
        """Keep what the index has, at once."""
        found, passed = asked
        said = _Captures(captures=tuple(asdict(one) for one in found), passed=tuple(passed))
        write_record(self.folder / "captures.json", said)

    def ends(self) -> list[int]:
        """Where the record of each capture ends that is fetched; what is behind is cut off."""
        data, told = self.folder / "captures.warc.gz", self.folder / "fetched.txt"
        size = data.stat().st_size if data.is_file() else 0
        whole = told.read_bytes().rpartition(b"\n")[0] if told.is_file() else b""
        ends = [int(line) for line in whole.split()]
        while ends and ends[-1] > size:
            ends.pop()
        for path, length in (
            (data, ends[-1] if ends else 0),
            (told, sum(len(str(end)) + 1 for end in ends)),
        ):
            with open(path, "ab") as file:
                file.truncate(length)
        return ends

    def append(self, data: bytes, end: int) -> None:
        """Keep one more record; it is counted once it is on the disk."""
        for name, part in (("captures.warc.gz", data), ("fetched.txt", b"%d\n" % end)):
            with open(self.folder / name, "ab") as file:
                file.write(part)
                file.flush()
                os.fsync(file.fileno())

    def read(self) -> Iterator[tuple[Capture, bytes]]:
        """Every capture with its bytes."""
        start = 0
        if not (self.folder / "captures.warc.gz").is_file():
            return
        with open(self.folder / "captures.warc.gz", "rb") as file:
            for capture, end in zip(self.captures(), self.ends(), strict=True):
                yield capture, file.read(end - start)
                start = end


async def _fetch(settings: Settings, budget: int, kept: _Kept, context: Context) -> None:
    """Ask the index, then fetch one capture after another."""
    from tilth.web.client import Client
    from tilth.web.retry import PatientClient

    plain = Client(
        settings.user_agent,
        settings.timeout_s,
        allowed_places(settings.allow_hosts, [settings.index_server, settings.data_server]),
        connections=1,
        secrets=Secrets(settings.headers, [settings.index_server, settings.data_server]),
    )
    async with plain:
        client = PatientClient(plain, settings.retries, settings.retry_s)
        if not kept.has_captures:
            kept.keep_captures(await _ask(settings, budget, client))
        found, ends = kept.captures(), kept.ends()
        began, first = time.monotonic(), len(ends)
        for capture in found[len(ends) :]:
            if len(ends) > first:
                await asyncio.sleep(settings.delay_s)
            data = await _record(settings, client, capture)
            ends.append((ends[-1] if ends else 0) + len(data))
            kept.append(data, ends[-1])
            rate = (len(ends) - first) / max(time.monotonic() - began, 1e-3)
            context.progress(len(ends), len(found), f"{rate:.1f} pages/s")


async def _ask(
    settings: Settings, budget: int, client: PatientClient
) -> tuple[list[Capture], list[tuple[str, str]]]:
    """The captures that may be pages, up to the budget; and place and reason of those before."""
    from tilth.web.cdx import captures
    from tilth.web.client import FetchError, TooLargeError

    statuses = "|".join(map(str, settings.statuses))
    wanted = f"=status:{statuses}" if len(settings.statuses) == 1 else f"~status:{statuses}"
    address = f"{settings.index_server}/{settings.index}-index"
    found: list[Capture] = []
    passed: list[tuple[str, str]] = []
    try:
        lines = captures(client, address, settings.url, [wanted], settings.delay_s)
        async for one in lines:
            if isinstance(one, str):
                passed.append((f"{address} {one}", "a line of the index that names no capture"))
            elif one.media_type not in (*HTML_TYPES, "unk", ""):
                passed.append((one.place, other_type(one.media_type)))
            elif one.length > settings.max_record_bytes:
                passed.append((one.place, "longer than `max_record_bytes`"))
            else:
                found.append(one)
                if len(found) == budget:
                    break
    except (FetchError, TooLargeError) as error:
        raise _down(address, str(error)) from error
    return found, passed


async def _record(settings: Settings, client: PatientClient, capture: Capture) -> bytes:
    """The bytes of one capture; none where the server has none of it any more.

    Raises:
        MissingError: They are not to be had.
    """
    from tilth.web.client import FetchError, TooLargeError

    address = f"{settings.data_server}/{capture.filename}"
    try:
        part = (capture.offset, capture.length)
        answer: Answer = await client.get(address, capture.length, part=part)
    except (FetchError, TooLargeError) as error:
        raise _down(address, str(error)) from error
    if answer.status in _GONE:
        return b""
    if answer.status != 206:
        raise _down(address, f"HTTP status {answer.status} where a part was asked for")
    if len(answer.body) != capture.length:
        raise _down(address, f"{len(answer.body):,} bytes of {capture.length:,}")
    return answer.body


def _down(address: str, cause: str) -> MissingError:
    return MissingError(
        f"the archive cannot be read: {cause}",
        where=address,
        hint="run again later: what was fetched is kept",
        code="archive",
    )
