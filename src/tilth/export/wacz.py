"""The archive of a crawl as one file: WACZ 1.1.1 (Web Archive Collection Zipped).

Source: specs.webrecorder.net/wacz/1.1.1: the WARC files as they are, stored and not packed; an
index of them in CDXJ, sorted, in blocks of gzip with an index of the blocks (ZipNum); the pages of
the crawl as JSON lines; a description with the SHA-256 of each, and the description's own.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import sqlite3
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import count, islice
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple
from urllib.parse import urlsplit

from tilth.errors import DataError
from tilth.formats.http_answer import AnswerError, fields_of, read_answer
from tilth.formats.wacz import ARCHIVES, DESCRIPTION
from tilth.web.secrets import masked

_VERSION: Final = "1.1.1"
_CHUNK: Final = 1 << 20
# As many lines as other writers of such an index put into a block.
_BLOCK_LINES: Final = 300
_INDEX: Final = "index.cdx.gz"
_WWW: Final = re.compile(r"www\d*\.")
_SLASHES: Final = re.compile("/{2,}")
_PORTS: Final = {"http": 80, "https": 443}
# Of what is indexed; a record that says how it was asked is found by the one that it is of.
_INDEXED: Final = ("response", "revisit")
# When a zip's times begin: the bytes hang on what is in it, and not on when it was written.
_NO_TIME: Final = (1980, 1, 1, 0, 0, 0)


class Page(NamedTuple):
    """A page of the crawl: its address, and when it was had, in UTC, ISO 8601."""

    url: str
    fetched_at: str


class Written(NamedTuple):
    """What a WACZ holds.

    Attributes:
        files: WARC files.
        records: That the index has.
        pages: That are listed.
        telling: Records of addresses that hold what may be a password or a token.
    """

    files: int
    records: int
    pages: int
    telling: int


def write_wacz(
    to: Path, archive: Mapping[Path, int], pages: Iterable[Page], title: str, created: datetime
) -> Written:
    """Write the WARC files of a crawl as a WACZ.

    Args:
        to: The file.
        archive: The WARC files, of one gzip member a record, and how many bytes of each count.
        pages: What of it are pages, in the order in which they are listed.
        title: Of the collection.
        created: When it was made.

    Raises:
        DataError: A record of the archive is damaged.
    """
    with zipfile.ZipFile(to, "w", allowZip64=True) as zipped, closing(sqlite3.connect("")) as lines:
        resources: list[Mapping[str, str | int]] = []

        def put(name: str, pieces: Iterable[bytes]) -> None:
            resources.append(_put(zipped, name, pieces))

        for path, size in archive.items():
            put(ARCHIVES + path.name, _pieces(path, size))
        # Sorted on the disk, by bytes: of a million records the lines alone have 300 MB.
        lines.execute("CREATE TABLE lines (line TEXT)")
        telling = 0
        for path, size in archive.items():
            for url, line in _index_lines(path, size):
                lines.execute("INSERT INTO lines VALUES (?)", (line,))
                telling += masked(url) != url
        (records,) = lines.execute("SELECT count(*) FROM lines").fetchone()
        blocks: list[bytes] = []
        put(f"indexes/{_INDEX}", _index(lines, blocks))
        put("indexes/index.idx", blocks)
        num = count()
        put("pages/pages.jsonl", _list(pages, num))
        described = {
            "profile": "data-package",
            "title": title,
            "wacz_version": _VERSION,
            "software": f"tilth {version('tilth')}",
            "created": created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "resources": resources,
        }
        told = _put(zipped, DESCRIPTION, [json.dumps(described, indent=2).encode()])
        digest = {"path": DESCRIPTION, "hash": told["hash"]}
        _put(zipped, "datapackage-digest.json", [json.dumps(digest, indent=2).encode()])
    return Written(len(archive), records, next(num), telling)


def _list(pages: Iterable[Page], num: Iterator[int]) -> Iterator[bytes]:
    """The lines of the list of pages, each counted."""
    yield _json({"format": "json-pages-1.0", "id": "pages", "title": "Pages"})
    for page, number in zip(pages, num, strict=False):
        yield _json({"id": str(number), "url": page.url, "ts": page.fetched_at})


def _json(value: object) -> bytes:
    return json.dumps(value).encode() + b"\n"


def _put(zipped: zipfile.ZipFile, name: str, pieces: Iterable[bytes]) -> Mapping[str, str | int]:
    """Store a file; what the description says of it."""
    digest, size = hashlib.sha256(), 0
    with zipped.open(zipfile.ZipInfo(name, _NO_TIME), "w", force_zip64=True) as file:
        for piece in pieces:
            file.write(piece)
            digest.update(piece)
            size += len(piece)
    named = {"name": name.rpartition("/")[2].lower(), "path": name}
    return {**named, "hash": f"sha256:{digest.hexdigest()}", "bytes": size}


def _pieces(path: Path, size: int) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while size and (piece := file.read(min(size, _CHUNK))):
            size -= len(piece)
            yield piece
    if size:
        raise DataError(f"the crawl's archive ends {size:,} bytes too soon", where=str(path))


def _index(lines: sqlite3.Connection, blocks: list[bytes]) -> Iterator[bytes]:
    """The index in blocks; what tells of each goes into `blocks`."""
    blocks.append(
        f"!meta 0 {json.dumps({'format': 'cdxj-gzip-1.0', 'filename': _INDEX})}\n".encode()
    )
    offset = 0
    rows = (line for (line,) in lines.execute("SELECT line FROM lines ORDER BY line"))
    while block := list(islice(rows, _BLOCK_LINES)):
        packed = gzip.compress("".join(block).encode(), mtime=0)
        key = block[0].partition("{")[0]
        blocks.append(key.encode() + _json({"offset": offset, "length": len(packed)}))
        offset += len(packed)
        yield packed


def _index_lines(path: Path, size: int) -> Iterator[tuple[str, str]]:
    """Address and line of CDXJ of each response and revisit of a WARC file."""
    with open(path, "rb") as file:
        for start, length, record in _members(file, size, path):
            head, _, block = record.partition(b"\r\n\r\n")
            fields = fields_of(str(head.partition(b"\r\n")[2], "utf-8", "replace"))
            kind = fields.get("warc-type", "")
            if kind not in _INDEXED:
                continue
            try:
                answer = read_answer(block)
            except AnswerError as error:
                raise _damaged(path, start, str(error)) from error
            url = fields.get("warc-target-uri", "")
            told = {
                "url": url,
                "mime": "warc/revisit" if kind == "revisit" else answer.media_type,
                "status": str(answer.status),
                "digest": fields.get("warc-payload-digest", ""),
                "length": str(length),
                "offset": str(start),
                "filename": path.name,
            }
            date = re.sub(r"\D", "", fields.get("warc-date", ""))[:14]
            yield url, f"{sort_key(url)} {date} {json.dumps(told)}\n"


def _members(file: BinaryIO, size: int, path: Path) -> Iterator[tuple[int, int, bytes]]:
    """First byte, bytes and content of each gzip member.

    Raises:
        DataError: One is damaged or cut short.
    """
    start, left = 0, b""
    while start < size:
        packer, content, length = zlib.decompressobj(31), [], 0
        while not packer.eof:
            piece = left or file.read(_CHUNK)
            if not piece:
                raise _damaged(path, start, "it ends before its end")
            try:
                content.append(packer.decompress(piece))
            except zlib.error as error:
                raise _damaged(path, start, str(error)) from error
            left = packer.unused_data
            length += len(piece) - len(left)
        yield start, length, b"".join(content)
        start += length


def _damaged(path: Path, start: int, cause: str) -> DataError:
    return DataError(
        f"a record of the crawl's archive is damaged: {cause}",
        where=f"{path}:{start}",
        hint="`web_archive: {path: ...}` reads the other records",
        code="archive",
    )


def sort_key(url: str) -> str:
    """An address as an index of CDXJ sorts it (SURT): ``http://www.a.org/B?c`` -> ``org,a)/b?c``.

    Source: github.com/internetarchive/surt, whose rules for addresses that are normal already are
    these, but for session ids, which stay.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if (www := _WWW.match(host)) is not None:
        host = host[www.end() :]
    port = "" if parts.port in (None, _PORTS.get(parts.scheme)) else f":{parts.port}"
    path = _SLASHES.sub("/", parts.path.lower()) or "/"
    if len(path) > 1:
        path = path.removesuffix("/")
    asked = sorted(one.split("=", 1) for one in parts.query.lower().split("&"))
    query = "&".join(map("=".join, asked))
    return f"{','.join(reversed(host.split('.')))}{port}){path}" + (f"?{query}" if query else "")
