"""The pages of a crawl, in WARC/1.1 files (ISO 28500): one gzip member a record.

A page is a response with its request behind it, or a revisit where the archive has the same body
already; behind them, of a page that was rendered, a conversion has what its scripts made of it.
They stand at a known place, so that they are read back without reading what is before them. The
frontier stores how long the archive was at its last commit; opening the archive cuts off what a
kill left behind that. Each file, and what a crawl that was taken up again adds to one,
begins with a warcinfo record that says who wrote it and how.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import re
import zlib
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple
from urllib.parse import quote, urlsplit

from fastwarc.warc import ArchiveIterator, WarcRecord, WarcRecordType
from warcio.recordloader import ArcWarcRecord
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from tilth.errors import DataError
from tilth.formats.packing import packed
from tilth.store.files import remove
from tilth.web.urls import in_ascii

if TYPE_CHECKING:
    # Only named here: reading an archive, or a recipe, needs no HTTP client.
    from tilth.web.client import Answer

MAX_FILE_BYTES = 1 << 30

# What may stand in a status line; `warcio` takes nothing else there.
_PRINTABLE = "".join(map(chr, range(32, 127)))

# These describe the transfer, which is over: the record holds the body as decoded. They are kept
# under the names that Common Crawl gives them.
_TRANSFER = frozenset({"content-encoding", "transfer-encoding", "content-length"})
# What leads elsewhere is read again from the archive, so it stands there as it was sent.
_LEADING = frozenset({"link", "refresh"})
# Where the body of a revisit stands, for the archive's own reader; others go by date and address.
_BODY_AT: Final = "Tilth-Refers-To-Place"
# The record of what a page was rendered to, and what that was made without.
_MADE: Final = "Tilth-Rendered-As"
_WITHOUT: Final = "Tilth-Rendered-Without"
# Of a header that is read back: no bound that one which the client took could reach.
_MAX_HEADER: Final = 1 << 30
# SHA-1 of nothing.
_NO_BODY: Final = "sha1:3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ"
_PLACE: Final = re.compile(r"(\d{1,9}):(\d{1,18}):(\d{1,12})", re.A)


class Place(NamedTuple):
    """Where the records of a page stand: file number, first byte, bytes."""

    file: int
    start: int
    length: int


class Original(NamedTuple):
    """A page whose body another one has too.

    Attributes:
        place: Where it stands.
        record: The id of its record.
        url: Its address.
        fetched_at: When it was had.
    """

    place: Place
    record: str
    url: str
    fetched_at: str


class WarcStore:
    """The WARC files ``crawl-00000.warc.gz``, ... of one folder; appended to and read by place.

    Args:
        folder: The folder; made if it is not there.
        end: Where the archive ended at the last commit, as `end` gave it; an empty string for a
            new archive. What stands behind is cut off.
        max_file_bytes: Size at which the next file is begun.
        about: What a warcinfo record says of the crawl beside the software and the format.

    Raises:
        DataError: The archive is shorter than it was at the last commit.
    """

    def __init__(
        self,
        folder: Path,
        end: str = "",
        max_file_bytes: int = MAX_FILE_BYTES,
        about: Mapping[str, str] | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._max_file_bytes = max_file_bytes
        self._about = {
            "software": f"tilth/{version('tilth')}",
            "format": "WARC File Format 1.1",
            "conformsTo": "http://iipc.github.io/warc-specifications/specifications/warc-format/"
            "warc-1.1/",
            **(about or {}),
        }
        self._is_told = False
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
        # `warcio` forms the records; its own compression takes ten times as long as ours.
        self._records = io.BytesIO()
        self._writer = WARCWriter(self._records, gzip=False, warc_version="WARC/1.1")

    @property
    def end(self) -> str:
        """Where the archive ends, for the frontier."""
        return f"{self._number}:{self._size}"

    def append(
        self, url: str, answer: Answer, fetched_at: str, same: Original | None = None
    ) -> Place:
        """Write a page: a response record, or a revisit, its request, and what it was rendered to;
        durable after the next `sync`.

        Args:
            url: Its address, with the names of secrets.
            answer: It, rendered or as it was sent.
            fetched_at: When it came, in UTC, ISO 8601.
            same: The page in the archive of which the same body was sent.
        """
        sent = answer.sent or answer
        if self._size >= self._max_file_bytes:
            self.sync()
            self._file.close()
            self._number, self._size = self._number + 1, 0
            self._file = open(self._path(self._number), "wb")  # noqa: SIM115
            self._is_told = False
        fields = {"WARC-Date": fetched_at}
        if sent.address:
            fields["WARC-IP-Address"] = sent.address
        record = self._answered(url, sent, fields, same)
        fields["WARC-Concurrent-To"] = record.rec_headers.get_header("WARC-Record-ID")
        behind = [self._asked(url, sent, fields)] if sent.request else []
        if answer is not sent:
            behind.append(self._made(url, answer, fetched_at, record))
        if not self._is_told:
            self._tell()
        start = self._size
        self._write(record)
        for one in behind:
            self._write(one)
        return Place(self._number, start, self._size - start)

    def _tell(self) -> None:
        """Say who writes what follows; on the disk before it, since nothing else points there."""
        name = self._path(self._number).name
        self._write(self._writer.create_warcinfo_record(name, self._about))
        self.sync()
        self._is_told = True

    def _answered(
        self, url: str, answer: Answer, fields: Mapping[str, str], same: Original | None
    ) -> ArcWarcRecord:
        headers = [
            (
                f"X-Crawler-{name}" if name.lower() in _TRANSFER else name,
                # Else `warcio` would escape the bytes of a letter one by one, each as a letter.
                in_ascii(value) if name.lower() in _LEADING else value,
            )
            for name, value in answer.headers
        ]
        headers.append(("Content-Length", str(len(answer.body))))
        reason = quote(answer.reason, safe=_PRINTABLE, errors="surrogateescape")
        status = StatusAndHeaders(f"{answer.status} {reason}", headers, protocol="HTTP/1.1")
        digest = _stated(answer.digest)
        if same is None:
            return self._writer.create_warc_record(
                url,
                "response",
                payload=io.BytesIO(answer.body),
                length=len(answer.body),
                http_headers=status,
                warc_headers_dict={**fields, "WARC-Payload-Digest": digest},
            )
        place = same.place
        refers = {
            "WARC-Refers-To": same.record,
            _BODY_AT: f"{place.file}:{place.start}:{place.length}",
        }
        return self._writer.create_revisit_record(
            url, digest, same.url, same.fetched_at, status, {**fields, **refers}
        )

    def _asked(self, url: str, answer: Answer, fields: Mapping[str, str]) -> ArcWarcRecord:
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        line = StatusAndHeaders(
            f"{quote(target, safe=_PRINTABLE)} HTTP/1.1", list(answer.request), protocol="GET"
        )
        return self._writer.create_warc_record(
            url,
            "request",
            http_headers=line,
            warc_headers_dict={**fields, "WARC-Payload-Digest": _NO_BODY},
        )

    def _made(
        self, url: str, answer: Answer, fetched_at: str, sent: ArcWarcRecord
    ) -> ArcWarcRecord:
        """The record of a page as it was rendered (ISO 28500, 6.8), named in that of the answer: so
        no page is looked through for one in vain."""
        fields = {
            "WARC-Date": fetched_at,
            "WARC-Refers-To": sent.rec_headers.get_header("WARC-Record-ID"),
            "WARC-Payload-Digest": _stated(answer.digest),
        }
        if answer.told:
            fields[_WITHOUT] = ", ".join(answer.told)
        made = self._writer.create_warc_record(
            url,
            "conversion",
            payload=io.BytesIO(answer.body),
            length=len(answer.body),
            warc_content_type=answer.header("content-type"),
            warc_headers_dict=fields,
        )
        sent.rec_headers.add_header(_MADE, made.rec_headers.get_header("WARC-Record-ID"))
        return made

    def _write(self, record: ArcWarcRecord) -> None:
        self._records.seek(0)
        self._records.truncate()
        self._writer.write_record(record)
        record_bytes = self._records.getbuffer()
        data = packed(record_bytes)
        self._file.write(data)
        self._size += len(data)

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


def _stated(digest: bytes) -> str:
    """A SHA-1 as a record states it."""
    return "sha1:" + str(base64.b32encode(digest), "ascii")


def read_page(folder: Path, place: Place) -> bytes:
    """The body of the page whose records stand at a place, as it was rendered if it was.

    Raises:
        DataError: There is no such record.
    """
    return read_answer(folder, place).body


def read_answer(folder: Path, place: Place) -> Answer:
    """The answer whose records stand at a place, its body as decoded, or as it was rendered.

    Raises:
        DataError: There is no such record.
    """
    from tilth.web.client import Answer

    fields, headers, body = _read(folder, place)
    sent = Answer(200, "", headers, body)
    if _MADE not in fields:
        return sent
    path = str(_path(folder, place))
    for record in _records(folder, place, WarcRecordType.conversion):
        made = dict(record.headers)
        if made.get("WARC-Record-ID") != fields[_MADE]:
            continue
        rendered = bytes(record.reader.read())
        digest = hashlib.sha1(rendered, usedforsecurity=False).digest()
        if made.get("WARC-Payload-Digest") != _stated(digest):
            break
        kind = ("Content-Type", made.get("Content-Type", ""))
        rest = tuple(one for one in headers if one[0].lower() != "content-type")
        told = tuple(filter(None, made.get(_WITHOUT, "").split(", ")))
        return Answer(200, "", (kind, *rest), rendered, sent=sent, told=told)
    raise DataError("a page of the crawl's archive is not as it was rendered", where=path)


def read_original(folder: Path, place: Place, body: bytes) -> Original | None:
    """What a revisit of the page at a place says of it; None where its body is not this one."""
    try:
        record, kept = _response(folder, place)
    except DataError:
        return None
    fields = dict(record.headers)
    names = ("WARC-Record-ID", "WARC-Target-URI", "WARC-Date")
    if kept != body or not all(fields.get(name) for name in names):
        return None
    return Original(place, *(fields[name] for name in names))


def is_whole(folder: Path, place: Place) -> bool:
    """Whether all the records of a page are in the archive, as they were written."""
    path = _path(folder, place)
    try:
        with open(path, "rb") as file:
            file.seek(place.start)
            left = file.read(place.length)
        size = len(left)
        while left:
            packed = zlib.decompressobj(31)
            packed.decompress(left)
            if not packed.eof:
                return False
            left = packed.unused_data
    except (OSError, zlib.error):
        return False
    return 0 < size == place.length


def _path(folder: Path, place: Place) -> Path:
    return folder / f"crawl-{place.file:05d}.warc.gz"


def _read(
    folder: Path, place: Place
) -> tuple[Mapping[str, str], tuple[tuple[str, str], ...], bytes]:
    """What the record of a page says, its HTTP headers and its body."""
    record, body = _response(folder, place)
    headers = tuple(record.http_headers or ())
    fields = dict(record.headers)
    if fields.get("WARC-Type") != "revisit":
        return fields, headers, body
    path = str(_path(folder, place))
    at = _PLACE.fullmatch(fields.get(_BODY_AT, ""))
    if at is None:
        raise DataError("a page of the crawl's archive does not say where its body is", where=path)
    body = _response(folder, Place(*map(int, at.groups())))[1]
    digest = hashlib.sha1(body, usedforsecurity=False).digest()
    if fields.get("WARC-Payload-Digest") != _stated(digest):
        raise DataError("a page of the crawl's archive points to another body", where=path)
    return fields, headers, body


def _response(folder: Path, place: Place) -> tuple[WarcRecord, bytes]:
    """The first record at a place, and its body."""
    for record in _records(folder, place):
        return record, bytes(record.reader.read())
    path = str(_path(folder, place))
    raise DataError(f"the crawl's archive holds no record at byte {place.start}", where=path)


def _records(
    folder: Path, place: Place, kinds: WarcRecordType = WarcRecordType.any_type
) -> Iterator[WarcRecord]:
    path = _path(folder, place)
    try:
        with open(path, "rb") as file:
            file.seek(place.start)
            data = file.read(place.length)
        yield from ArchiveIterator(
            io.BytesIO(data), record_types=kinds, parse_http=True, max_header_len=_MAX_HEADER
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise DataError(f"the crawl's archive cannot be read: {error}", where=str(path)) from error
