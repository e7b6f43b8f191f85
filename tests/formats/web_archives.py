"""Web archives for tests: sound ones by `warcio`, which is independent, others byte by byte."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any

from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

DATE = "2024-05-18T01:58:10Z"


def page(word: str = "heron") -> bytes:
    """A page that `extract` finds text in."""
    text = f"A {word} stands in the shallow water and waits for fish to come near. " * 5
    return f"<html><body><article><p>{text}</p></article></body></html>".encode()


def record(
    uri: str,
    body: bytes,
    kind: str = "response",
    *,
    packed: bool = True,
    status: str = "200 OK",
    content_type: str = "text/html; charset=utf-8",
    header: Iterable[tuple[str, str]] = (),
    fields: Mapping[str, str] | None = None,
) -> bytes:
    """One record as `warcio` writes it.

    Args:
        uri: Its address.
        body: What stands below its heads.
        kind: Its `WARC-Type`.
        packed: Whether it is a gzip member.
        status: Of an answer.
        content_type: Of an answer, or of the record where it is none.
        header: Further fields of an answer.
        fields: Further ones of the record.
    """
    out = io.BytesIO()
    writer = WARCWriter(out, gzip=packed)
    http = None
    if kind in ("response", "revisit"):
        given = [("Content-Type", content_type), *header]
        http = StatusAndHeaders(status, given, protocol="HTTP/1.1")
    elif kind == "request":
        http = StatusAndHeaders("GET / HTTP/1.1", [("Host", "e.org")])
    writer.write_record(
        writer.create_warc_record(
            uri,
            kind,
            payload=io.BytesIO(body),
            length=len(body),
            http_headers=http,
            warc_content_type="" if http else content_type,
            warc_headers_dict={
                "WARC-Record-ID": f"<urn:uuid:{hashlib.md5(uri.encode()).hexdigest()}>",
                "WARC-Date": DATE,
                **(fields or {}),
            },
        )
    )
    return out.getvalue()


def plain_record(block: bytes, **fields: str) -> bytes:
    """A record byte by byte: `type`, `target_uri` and the like; `content_length` may be a lie."""
    given = {"type": "response", "target_uri": "http://e.org/", "date": DATE}
    given |= {"record_id": f"<urn:uuid:{hashlib.md5(block).hexdigest()}>"}
    length = fields.pop("content_length", str(len(block)))
    given |= fields
    named = "".join(
        f"WARC-{name.replace('_', '-').title()}: {value}\r\n" for name, value in given.items()
    )
    kind = "application/http; msgtype=response"
    head = f"WARC/1.0\r\n{named}Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
    return head.encode() + block + b"\r\n\r\n"


def answer(body: bytes, *header: str, status: str = "200 OK", kind: str = "text/html") -> bytes:
    """An HTTP answer byte by byte."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", *header]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def arc(pages: Mapping[str, bytes], *, packed: bool = False) -> bytes:
    """An ARC file of version 1 with a page at each address."""
    described = b"1 0 Tests\nURL IP-address Archive-date Content-type Archive-length\n"
    blocks = {"filedesc://a.arc": ("text/plain", described)}
    blocks |= {uri: ("text/html", answer(body)) for uri, body in pages.items()}
    records = [
        f"{uri} 127.0.0.1 20140216050221 {kind} {len(block)}\n".encode() + block + b"\n"
        for uri, (kind, block) in blocks.items()
    ]
    return b"".join(gzip.compress(one, mtime=0) if packed else one for one in records)


def wacz(archives: Mapping[str, bytes], **described: Mapping[str, Any]) -> bytes:
    """A WACZ; `described` changes what is said of a member, by its name less folder and ending."""
    pages = b'{"format": "json-pages-1.0", "id": "pages", "title": "All"}\n'
    members = {f"archive/{name}": data for name, data in archives.items()}
    members |= {"indexes/index.cdx": b"", "pages/pages.jsonl": pages}
    resources = [
        {
            "name": name.rpartition("/")[2],
            "path": name,
            "hash": f"sha256:{hashlib.sha256(data).hexdigest()}",
            "bytes": len(data),
            **described.get(name.rpartition("/")[2].partition(".")[0], {}),
        }
        for name, data in members.items()
    ]
    package = {"profile": "data-package", "wacz_version": "1.1.1", "resources": resources}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as file:
        for name, data in {**members, "datapackage.json": json.dumps(package).encode()}.items():
            file.writestr(name, data)
    return out.getvalue()
