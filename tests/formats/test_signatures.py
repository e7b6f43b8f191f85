"""What a file is, by what is in it: made by the libraries that write such files."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import tarfile
from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.collect.archives import tar, zip_, zstd
from tests.growth.measure import least_s
from tilth.formats.signatures import HEAD_BYTES, KINDS, _may_be_json, kind_of, package_of


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
        ("id,text,label\n1,a,x\n2,b,y\n", "a.txt", "csv"),
        ("id, text, label\n1, a, x\n2, b,y\n", "a.txt", "csv"),
        ("Red, green, blue.\nOne, two, three.\nYou, me, them.\n", "a.txt", "text"),
        ("id, text, label\n1, a, x\n2, b, y\n", "table", "csv"),
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
    head = text.encode()[:HEAD_BYTES]
    assert least_s(lambda: kind_of(head, "a", is_whole=False), 0.5) < 0.5


WORDS = (
    *("GIF89a", "GIF87a", "ID3", "fLaC", "OggS", "PAR1", "MThd", "RIFFabcdWAVE", "FORMabcdAIFF"),
    *(
        "WARC/1.0",
        "%!PS",
        "{\\rtf1",
        "<?xml",
        "<svg",
        "%PDF-",
        "%PDF-1.7",
        "BZh91AY&SY",
        "The ftyp",
    ),
)


@settings(max_examples=150, deadline=None)
@given(
    word=st.sampled_from(WORDS),
    behind=st.text("is a word, äé!.\n", max_size=90),
    ending=st.sampled_from((".txt", ".md", ".log", ".rst")),
    encoding=st.sampled_from(("utf-8", "utf-8-sig", "latin-1")),
)
def test_a_text_may_begin_with_the_word_of_a_format(
    word: str, behind: str, ending: str, encoding: str
) -> None:
    text = f"{word} {behind}".encode(encoding)
    kind = "markdown" if ending == ".md" else "text"
    assert kind_of(text, f"a{ending}", is_whole=True).name == kind


@pytest.mark.parametrize("word", WORDS)
def test_a_word_alone_makes_no_format_without_a_name(word: str) -> None:
    text = f"{word} is how such a file begins.\n".encode()
    assert kind_of(text, "notes", is_whole=True).name == "text"


@pytest.mark.parametrize(
    ("text", "name", "kind"),
    [
        ('{"text": "a header: %PDF-1.7"}\n{"text": "b"}\n', "a.jsonl", "jsonl"),
        ("# PDF\n\n%PDF-1.4\n1 0 obj\n", "a.md", "markdown"),
        ("<!doctype html><pre>%PDF-1.4</pre>", "a.html", "html"),
        ("a,b,c\n%PDF-1.4,2,3\n4,5,6\n", "a", "csv"),
        ("Für %PDF-1.4", "a.txt", "text"),
        ('<?xml version="1.0"?><rss/>', "a.txt", "text"),
        ('<?xml version="1.0"?><rss/>', "a", "xml"),
        ("WARC/1.0\r\nWARC-Type: warcinfo\r\n", "a.txt", "text"),
        ("WARC/1.0\r\nWARC-Type: warcinfo\r\n", "a.wet", "warc"),
        ("{\\rtf1\\ansi Hello}", "a.rtf", "rtf"),
        ("%!PS-Adobe-3.0\n", "a.ps", "postscript"),
        ("x" * 257 + "ustar is the magic of tar", "a", "text"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_where_a_format_is_only_spoken_of(text: str, name: str, kind: str, encoding: str) -> None:
    assert kind_of(text.encode(encoding), name, is_whole=True).name == kind


@pytest.mark.parametrize("name", ["a", "a.txt", "a.md", "a.jsonl", "a.pdf"])
def test_a_pdf_behind_what_is_no_text_is_one(name: str) -> None:
    for before in (b"\xef\xbb\xbf", b"\r\n \t", b"\0" * 128, b"\x01\x02junk", b"Header: x\r\n\r\n"):
        data = before + b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n" + bytes(range(256))
        assert kind_of(data, name, is_whole=True).name == "pdf"


def long(text: str) -> bytes:
    return (text * (HEAD_BYTES // len(text) + 2)).encode()[:HEAD_BYTES]


@pytest.mark.parametrize(
    ("text", "name", "kind"),
    [
        ('{"text": "' + "x" * HEAD_BYTES, "a.jsonl", "jsonl"),
        ('{"text": "' + "x" * HEAD_BYTES, "a.ndjson", "jsonl"),
        ('{"text": "' + "x" * HEAD_BYTES, "a", "jsonl"),
        ('{"text": "' + "x" * HEAD_BYTES, "a.json", "json"),
        ('[{"text": "' + "x" * HEAD_BYTES, "a", "json"),
        ("[2020-01-01 00:00:00] started\n", "a.log", "text"),
        ("[2020-01-01 00:00:00] started\n", "a", "text"),
        ("[1] Smith, J. (2001).\n", "a.txt", "text"),
        ("[1] Smith, J. (2001).\n", "references", "text"),
        ('[["a link"]] and so on\n', "a", "text"),
        ('[["a", 1],\n', "a.txt", "text"),
        ('{"text": "a"\n' + '{"text": "b"}\n' * 9999, "a", "jsonl"),
        ('{"text": "a"\n' + '{"text": "b"}\n' * 9999, "a.json", "jsonl"),
        ("broken\n" + '{"text": "b"}\n' * 9999, "a.json", "jsonl"),
        ("[1,2]\n" + '{"text": "b"}\n' * 9999, "a.jsonl", "jsonl"),
        ("[1,2]\n" + '{"text": "b"}\n' * 9999, "a", "jsonl"),
        ('{"a": 1}\n' + "and plain lines\n" * 9999, "a.log", "text"),
        ('{"text": "a\0"}\n' + '{"text": "b"}\n' * 9999, "a.jsonl", "jsonl"),
    ],
)
def test_of_a_long_text_that_begins_like_json(text: str, name: str, kind: str) -> None:
    assert kind_of(long(text), name, is_whole=False).name == kind


@pytest.mark.parametrize(
    ("text", "name", "kind"),
    [
        ('{"text": "a"\n{"text": "b"}\n', "a.jsonl", "jsonl"),
        ('[1,2]\n{"text": "b"}\n', "a.jsonl", "jsonl"),
        ('[1,2]\n{"text": "b"}\n', "a", "jsonl"),
        ('{"text": "a"\n' + '{"b": {}}\n' * 3000, "a", "jsonl"),
        ("[1]", "a.txt", "text"),
        ('[{"text": "a"}]', "a.txt", "json"),
    ],
)
def test_a_broken_first_line_costs_itself(text: str, name: str, kind: str) -> None:
    assert kind_of(text.encode(), name, is_whole=True).name == kind


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (b"two lines, and where it\nstopped\0\n", "a.log", "text"),
        (b"a heading\n\n\x01and a text\n", "a.md", "markdown"),
        (b"text,label\nfo\0o,x\n", "a.csv", "csv"),
        (b"<!doctype html><p>a\0b</p>", "a.html", "html"),
        (b"two lines, and where it\nstopped\0\n", "a", "unknown"),
        (b"a line\0\nand\0 so\n", "a.txt", "unknown"),
        (b"caf\xe9\0", "a.txt", "unknown"),
        (b"a line\n" * 999 + b"\0\1\2\3", "a.txt", "text"),
        (b"a line\n" * 99 + b"\0\1\2\3", "a.txt", "unknown"),
    ],
)
def test_a_stray_byte_that_texts_have_not(data: bytes, name: str, kind: str) -> None:
    assert kind_of(data, name, is_whole=True).name == kind


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@settings(max_examples=80, deadline=None)
@given(value=st.lists(JSON), indent=st.none() | st.integers(0, 2), data=st.data())
def test_the_beginning_of_a_document_may_be_one(
    value: object, indent: int | None, data: st.DataObject
) -> None:
    text = json.dumps(value, indent=indent).encode()
    at = data.draw(st.integers(1, len(text)))
    assert _may_be_json(text[:at])
    assert not _may_be_json(text + b" x")


@settings(max_examples=150, deadline=None)
@given(text=st.text('[]{},:"1a \n-', max_size=12))
def test_what_json_reads_may_be_json(text: str) -> None:
    try:
        json.loads(text)
    except ValueError:
        return
    assert _may_be_json(text.encode())


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=400) | st.text("ab", max_size=3000).map(str.encode))
def test_what_is_packed_is_never_taken_for_text(data: bytes) -> None:
    for pack, kind in ((bz2.compress, "bzip2"), (gzip.compress, "gzip"), (lzma.compress, "xz")):
        for name in ("a", "a.txt", "a.jsonl"):
            assert kind_of(pack(data), name, is_whole=True).name == kind


@settings(max_examples=60, deadline=None)
@given(size=st.tuples(st.integers(1, 700), st.integers(1, 700)), colour=st.integers(0, 255))
def test_a_picture_of_any_size_is_never_taken_for_text(size: tuple[int, int], colour: int) -> None:
    for kind in ("gif", "bmp", "webp"):
        out = io.BytesIO()
        Image.new("P", size, colour).convert("RGB").save(out, kind)
        assert kind_of(out.getvalue()[:HEAD_BYTES], "a.txt", is_whole=False).name == kind
