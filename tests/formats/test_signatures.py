"""What a file is, by what is in it: made by the libraries that write such files."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import tarfile
import time
from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.collect.archives import tar, zip_, zstd
from tilth.formats.signatures import HEAD_BYTES, KINDS, kind_of, package_of


def picture(kind: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (5, 4), (200, 30, 7)).save(out, kind)
    return out.getvalue()


def sound(kind: str, subtype: str | None = None) -> bytes:
    soundfile = pytest.importorskip("soundfile")
    out = io.BytesIO()
    soundfile.write(out, np.sin(np.arange(4000) / 9) / 2, 8000, format=kind, subtype=subtype)
    return out.getvalue()


def table() -> pa.Table:
    return pa.table({"text": ["a", "b"]})


def parquet() -> bytes:
    out = io.BytesIO()
    pq.write_table(table(), out)
    return out.getvalue()


def arrow(make: Callable[..., pa.RecordBatchFileWriter]) -> bytes:
    out = io.BytesIO()
    with make(out, table().schema) as writer:
        writer.write_table(table())
    return out.getvalue()


def old_tar() -> bytes:
    """As of Unix 7: without a signature."""
    data = bytearray(tar([("a.txt", b"hello")]))
    data[257:265] = bytes(8)
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert archive.getnames() == ["a.txt"]
    return bytes(data)


BINARY: Mapping[str, Callable[[], bytes]] = {
    "png": lambda: picture("PNG"),
    "jpeg": lambda: picture("JPEG"),
    "webp": lambda: picture("WEBP"),
    "gif": lambda: picture("GIF"),
    "bmp": lambda: picture("BMP"),
    "tiff": lambda: picture("TIFF"),
    "wav": lambda: sound("WAV"),
    "flac": lambda: sound("FLAC"),
    "ogg": lambda: sound("OGG"),
    "mp3": lambda: sound("MP3"),
    "parquet": parquet,
    "arrow": lambda: arrow(pa.ipc.new_file),
    "tar": lambda: tar([("a.txt", b"hello")]),
    "zip": lambda: zip_([("a.txt", b"hello")]),
    "gzip": lambda: gzip.compress(b"hello"),
    "bzip2": lambda: bz2.compress(b"hello"),
    "xz": lambda: lzma.compress(b"hello"),
    "zstd": lambda: zstd(b"hello"),
    "pdf": lambda: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    "empty": lambda: b"",
    "unknown": lambda: b"\x00\x01\x02\x03 some bytes",
    "office": lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500),
}


@pytest.mark.parametrize("kind", BINARY)
def test_the_content_tells_whatever_the_name(kind: str) -> None:
    data = BINARY[kind]()
    for name in ("a", "a.txt", "a.html", "a.jpg", "a.json"):
        assert kind_of(data[:HEAD_BYTES], name, is_whole=True).name == kind


def test_older_and_rarer_ways_to_write_the_same() -> None:
    assert kind_of(old_tar(), "a", is_whole=True).name == "tar"
    assert kind_of(arrow(pa.ipc.new_stream), "a", is_whole=True).name == "arrow"
    assert kind_of(b"\n\n" + BINARY["pdf"](), "a", is_whole=True).name == "pdf"
    assert kind_of(b"ID3\x04" + bytes(60), "a", is_whole=True).name == "mp3"
    assert kind_of("ÿþ".encode("utf-16"), "a.txt", is_whole=True).name == "text"


@pytest.mark.parametrize(
    ("text", "name", "kind"),
    [
        ("<!doctype html><p>hello", "a.txt", "html"),
        ("\n <!-- saved -->\n<!-- twice --> <HTML lang=de>", "a", "html"),
        ('<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC "x"><html>', "a.xml", "html"),
        ("<p>a fragment", "a.html", "html"),
        ("<div>a fragment", "page", "html"),
        ('<div align="center">a heading</div>\n# Name', "README.md", "markdown"),
        ("<!DOCTYPE html><html>", "README.md", "html"),
        ("a < b, says <p> she", "a.txt", "text"),
        ('<?xml version="1.0"?><rss></rss>', "feed", "xml"),
        ('<svg xmlns="http://www.w3.org/2000/svg"/>', "a", "svg"),
        ("# Name\n\nText", "a.md", "markdown"),
        ("# Name\n\nText", "a.txt", "text"),
        ('{"text": "a"}\n{"text": "b"}\n', "a.txt", "jsonl"),
        ('{"text": "a"}\n', "a", "jsonl"),
        ('{"text": "a"}\n', "a.json", "json"),
        ('{"text": "a"}\n{"text": "b"}\n', "a.json", "jsonl"),
        ('{\n  "text": "a"\n}\n', "a.jsonl", "json"),
        ('[{"text": "a"}]', "a", "json"),
        ("[link](http://a) and more", "a.txt", "text"),
        ("[link](http://a) and more", "a.md", "markdown"),
        ("{not json}", "a.txt", "text"),
        ("text,label\n", "a.csv", "csv"),
        ("text\tlabel\n", "a.tsv", "tsv"),
        ('id,text,label\n1,a,x\n2,"b, c",y\n', "table", "csv"),
        ("text\tlabel\na\tx\nb\ty\n", "table.txt", "tsv"),
        ("Once, there was a man, and he\nwas old.\nAnd so, on.\n", "a.txt", "text"),
        ("import os\n", "a.py", "code"),
        ('{"a": 1}', "settings.yaml", "code"),
        ("plain", "a.rst", "text"),
        ("plain", "LICENSE", "text"),
        ("\ufeffplain", "a", "text"),
        ("WARC/1.0\r\n", "a", "warc"),
    ],
)
def test_a_text_is_known_by_how_it_begins_and_then_by_its_name(
    text: str, name: str, kind: str
) -> None:
    assert kind_of(text.encode(), name, is_whole=True).name == kind


def test_of_a_long_text_the_beginning_is_enough() -> None:
    lines = "".join(json.dumps({"n": n}) + "\n" for n in range(20_000)).encode()
    assert kind_of(lines[:HEAD_BYTES], "a", is_whole=False).name == "jsonl"
    array = json.dumps([{"n": n} for n in range(20_000)], indent=1).encode()
    assert kind_of(array[:HEAD_BYTES], "a", is_whole=False).name == "json"
    cells = "a,b,c\n" + "".join(f"{n},{n},{n}\n" for n in range(20_000))
    assert kind_of(cells.encode()[:HEAD_BYTES], "a", is_whole=False).name == "csv"


@pytest.mark.parametrize(
    ("kind", "members"),
    [
        ("docx", [("[Content_Types].xml", b""), ("word/document.xml", b"")]),
        ("xlsx", [("[Content_Types].xml", b""), ("xl/workbook.xml", b"")]),
        ("pptx", [("[Content_Types].xml", b""), ("ppt/presentation.xml", b"")]),
        ("epub", [("mimetype", b"application/epub+zip"), ("word/document.xml", b"")]),
        ("epub", [("META-INF/container.xml", b""), ("a.opf", b"")]),
        ("ods", [("mimetype", b"application/vnd.oasis.opendocument.spreadsheet")]),
        ("zip", [("mimetype", b"text/plain"), ("a.txt", b"")]),
        ("zip", [("in/word/document.xml", b"")]),
        ("zip", [("word/document.xml", b""), ("xl/workbook.xml", b"")]),
    ],
)
def test_a_zip_is_what_its_members_say(kind: str, members: list[tuple[str, bytes]]) -> None:
    data = zip_(members)
    assert kind_of(data, "a.docx", is_whole=True).name == "zip"
    assert package_of(io.BytesIO(data)).name == kind


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=300), name=st.text(max_size=12), is_whole=st.booleans())
def test_any_bytes_are_something(data: bytes, name: str, is_whole: bool) -> None:
    assert kind_of(data, name, is_whole=is_whole).name in KINDS
    assert package_of(io.BytesIO(b"PK\x03\x04" + data)).name == "zip"


@pytest.mark.parametrize(
    "text",
    [
        "<!---->" * 9000,
        "<!-- >" * 9000,
        "<!x>" * 16_000,
        "<?xml " * 10_000,
        "[" * 65_000,
        '{"a":' * 13_000,
        " " * 65_000,
        ('"' + "," * 100 + "\n") * 600,
    ],
)
def test_no_text_takes_long(text: str) -> None:
    start = time.process_time()
    kind_of(text.encode()[:HEAD_BYTES], "a", is_whole=False)
    assert time.process_time() - start < 0.5
