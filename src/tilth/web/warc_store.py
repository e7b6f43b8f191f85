"""The pages of a crawl, in WARC files (ISO 28500): one gzip member a record.

A record stands at a known place, so that it is read back without reading what is before it. The
frontier stores how long the archive was at its last commit; opening the archive cuts off what a
kill left behind that.
"""

from __future__ import annotations

import io
import os
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple
from urllib.parse import quote

from fastwarc.warc import ArchiveIterator
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from tilth.errors import DataError
from tilth.store.files import remove

if TYPE_CHECKING:
    # Only named here: reading an archive, or a recipe, needs no HTTP client.
    from tilth.web.client import Answer

MAX_FILE_BYTES = 1 << 30

# What may stand in a status line; `warcio` takes nothing else there.
_PRINTABLE = "".join(map(chr, range(32, 127)))

# These describe the transfer, which is over: the record holds the body as decoded. They are kept
# under the names that Common Crawl gives them.
_TRANSFER = frozenset({"content-encoding", "transfer-encoding", "content-length"})


class Place(NamedTuple):
    """Where a record stands: file number, first byte, bytes."""

    file: int
    start: int
    length: int


class WarcStore:
    """The WARC files ``crawl-00000.warc.gz``, ... of one folder; appended to and read by place.

    Args:
        folder: The folder; made if it is not there.
        end: Where the archive ended at the last commit, as `end` gave it; an empty string for a
            new archive. What stands behind is cut off.
        max_file_bytes: Size at which the next file is begun.

    Raises:
        DataError: The archive is shorter than it was at the last commit.
    """

    def __init__(self, folder: Path, end: str = "", max_file_bytes: int = MAX_FILE_BYTES) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._max_file_bytes = max_file_bytes
        number, _, size = (end or "0:0").partition(":")
        self._number, self._size = int(number), int(size)
        for path in sorted(folder.glob("crawl-*.warc.gz")):
            if path.name > self._path(self._number).name:
                remove(path)
        path = self._path(self._number)
        there = path.stat().st_size if path.exists() else 0
        if there < self._size:
            raise DataError(
                f"the crawl's archive is damaged: {there:,} bytes, {self._size:,} were written",
                where=str(path),
                hint=f"delete {folder.parent} to crawl anew",
            )
        self._file: BinaryIO = open(path, "ab")  # noqa: SIM115 (closed by `close`)
        self._file.truncate(self._size)
        # `warcio` forms the records; compressing them here gives a choice of level: its own is 9,
        # which takes 2.5 times as long for 3 % less.
        self._records = io.BytesIO()
        self._writer = WARCWriter(self._records, gzip=False)

    @property
    def end(self) -> str:
        """Where the archive ends, for the frontier."""
        return f"{self._number}:{self._size}"

    def append(self, url: str, answer: Answer, fetched_at: str) -> Place:
        """Write a response record; durable after the next `sync`."""
        if self._size >= self._max_file_bytes:
            self.sync()
            self._file.close()
            self._number, self._size = self._number + 1, 0
            self._file = open(self._path(self._number), "wb")  # noqa: SIM115
        headers = [
            (f"X-Crawler-{name}" if name.lower() in _TRANSFER else name, value)
            for name, value in answer.headers
        ]
        headers.append(("Content-Length", str(len(answer.body))))
        reason = quote(answer.reason, safe=_PRINTABLE, errors="surrogateescape")
        status = StatusAndHeaders(f"{answer.status} {reason}", headers, protocol="HTTP/1.1")
        record = self._writer.create_warc_record(
            url,
            "response",
            payload=io.BytesIO(answer.body),
            length=len(answer.body),
            http_headers=status,
            warc_headers_dict={"WARC-Date": fetched_at},
        )
        self._records.seek(0)
        self._records.truncate()
        self._writer.write_record(record)
        packer = zlib.compressobj(6, zlib.DEFLATED, 31)
        data = packer.compress(self._records.getbuffer()) + packer.flush()
        self._file.write(data)
        place = Place(self._number, self._size, len(data))
        self._size += len(data)
        return place

    def flush(self) -> None:
        """Give the system everything appended so far, so that it outlives this process."""
        self._file.flush()

    def sync(self) -> None:
        """Bring everything appended so far onto the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the files."""
        self._file.close()

    def _path(self, number: int) -> Path:
        return self._folder / f"crawl-{number:05d}.warc.gz"


def read_page(folder: Path, place: Place) -> bytes:
    """The body of the page whose record stands at a place.

    Raises:
        DataError: There is no such record.
    """
    return _read(folder, place)[1]


def read_answer(folder: Path, place: Place) -> Answer:
    """The answer whose record stands at a place, its body as decoded.

    Raises:
        DataError: There is no such record.
    """
    from tilth.web.client import Answer

    headers, body = _read(folder, place)
    return Answer(200, "", headers, body)


def _read(folder: Path, place: Place) -> tuple[tuple[tuple[str, str], ...], bytes]:
    """A record's HTTP headers and body."""
    path = folder / f"crawl-{place.file:05d}.warc.gz"
    try:
        with open(path, "rb") as file:
            file.seek(place.start)
            data = file.read(place.length)
        for record in ArchiveIterator(io.BytesIO(data), parse_http=True):
            headers = tuple(record.http_headers or ())
            return headers, bytes(record.reader.read())
    except (OSError, ValueError, RuntimeError) as error:
        raise DataError(f"the crawl's archive cannot be read: {error}", where=str(path)) from error
    raise DataError(f"the crawl's archive holds no record at byte {place.start}", where=str(path))
