"""Small inputs that ask for much: what each takes, of memory and time, in a process of its own."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from tests.collect.archives import tar, zip_, zstd
from tests.decode.sounds import encode
from tests.formats import documents, web_archives
from tests.fuzz.parsers import Parser
from tests.fuzz.trial import Found, tried

MIB = 1 << 20


@dataclass(frozen=True)
class Bomb:
    """An input.

    Attributes:
        parser: The name of what it is for.
        make: Its bytes.
        cap: Bytes that the bounds of the parser allow: a record, or the pixels of a picture.
    """

    parser: str
    make: Callable[[], bytes]
    cap: int = 8 * MIB


def _deflated(data: bytes) -> bytes:
    return zlib.compress(data, 9)


def _packed_tar(pack: Callable[[bytes], bytes], size: int = 600 * MIB) -> bytes:
    return pack(tar([("a.txt", bytes(size))]))


def _long_names() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for number in range(400):
            info = tarfile.TarInfo(f"{number}" + "n" * (1 << 20))
            archive.addfile(info)
    return gzip.compress(out.getvalue(), mtime=0)


def _many_members() -> bytes:
    return zip_([(f"{n}.txt", b"") for n in range(60_000)], zipfile.ZIP_STORED)


def _png(side: int, mode: str) -> bytes:
    depth = np.zeros((side, side), np.uint16 if mode == "I;16" else np.uint8)
    out = io.BytesIO()
    image = Image.fromarray(depth) if mode != "RGB" else Image.new("RGB", (side, side))
    image.save(out, "PNG")
    return out.getvalue()


def _claims(width: int, height: int) -> bytes:
    """A PNG whose header promises more than is in it."""
    data = bytearray(_png(8, "L"))
    data[16:24] = struct.pack(">II", width, height)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    return bytes(data)


def _gif(frames: int) -> bytes:
    images = [Image.new("L", (500, 500), n % 256) for n in range(frames)]
    out = io.BytesIO()
    images[0].save(out, "GIF", save_all=True, append_images=images[1:])
    return out.getvalue()


def _parquet(table: pa.Table, **how: object) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, compression="zstd", **how)
    return out.getvalue()


def _one_long_value() -> bytes:
    value = pa.DictionaryArray.from_arrays(pa.array(np.zeros(20_000, np.int32)), ["x" * (8 << 20)])
    return _parquet(pa.table({"text": value}))


def _nulls() -> bytes:
    return _parquet(pa.table({"text": pa.nulls(20_000_000, pa.string())}))


def _many_columns() -> bytes:
    return _parquet(pa.table({f"c{n}": ["x"] for n in range(20_000)}))


def _nested(open_: bytes, close: bytes, levels: int, inside: bytes = b"1") -> bytes:
    return open_ * levels + inside + close * levels


def _page(inside: bytes) -> bytes:
    return b"<html><body>" + inside + b"</body></html>"


def _attributes(number: int) -> bytes:
    return b"<p " + b" ".join(b"a%d=1" % n for n in range(number)) + b">x</p>"


def _entities(name: str = "x") -> str:
    made = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    return f'<!DOCTYPE {name} [<!ENTITY e0 "aaaaaaaaaa">{made}]>'


def _answer(coding: str, data: bytes) -> bytes:
    return web_archives.answer(data, f"Content-Encoding: {coding}")


def _pdf_of_pages() -> bytes:
    return documents.pdf([[]] * 20_000)


def _wav_of_zeros() -> bytes:
    return encode("FLAC", np.zeros(48_000 * 3600, np.int16), 48_000)


def _recipe(rules: int) -> bytes:
    return b"tilth: 1\nname: it\ncollect: {a: {jsonl: {path: x}}}\nclean:\n" + b"".join(
        b"  - normalise%d\n" % n for n in range(rules)
    )


_ZEROS = bytes(256 * MIB)
BOMBS: Mapping[str, Bomb] = {
    "gzip answer": Bomb("http-answer", lambda: _answer("gzip", gzip.compress(_ZEROS)), MIB),
    "deflate answer": Bomb("http-answer", lambda: _answer("deflate", _deflated(_ZEROS)), MIB),
    "br answer": Bomb(
        "http-answer", lambda: _answer("br", pa.compress(_ZEROS, codec="brotli", asbytes=True)), MIB
    ),
    "zstd answer": Bomb("http-answer", lambda: _answer("zstd", zstd(_ZEROS)), MIB),
    "gzip in gzip": Bomb("jsonl", lambda: gzip.compress(gzip.compress(_ZEROS))),
    "one line of gzip": Bomb("jsonl", lambda: gzip.compress(_ZEROS)),
    "one line of bzip2": Bomb("text-file", lambda: bz2.compress(_ZEROS)),
    "one line of xz": Bomb("text-file", lambda: lzma.compress(_ZEROS)),
    "one line of zstd": Bomb("csv", lambda: zstd(_ZEROS)),
    "tar.gz": Bomb("archive", partial(_packed_tar, gzip.compress)),
    "tar.zst": Bomb("archive", partial(_packed_tar, zstd)),
    "zip": Bomb("archive", lambda: zip_([("a.txt", bytes(600 * MIB))])),
    "zip in zip": Bomb("archive", lambda: zip_([("a.zip", zip_([("b.txt", _ZEROS)]))])),
    "tar of long names": Bomb("archive", _long_names),
    "webdataset of long names": Bomb("webdataset", _long_names),
    "zip of many members": Bomb("archive", _many_members),
    "warc.gz": Bomb(
        "web-archive", lambda: gzip.compress(web_archives.plain_record(bytes(200 * MIB)))
    ),
    "page of gzip in a warc": Bomb(
        "web-archive",
        lambda: gzip.compress(web_archives.plain_record(_answer("gzip", gzip.compress(_ZEROS)))),
    ),
    "16-bit PNG": Bomb("picture", partial(_png, 8_000, "I;16"), 4 * 64_000_000),
    "PNG in colours": Bomb("picture", partial(_png, 8_000, "RGB"), 4 * 64_000_000),
    "PNG that promises": Bomb("picture", partial(_claims, 60_000, 60_000)),
    "GIF of many frames": Bomb("picture", partial(_gif, 200)),
    "idx of large pictures": Bomb(
        "idx", lambda: gzip.compress(struct.pack(">IIII", 0x803, 2, 1 << 14, 1 << 14) + _ZEROS)
    ),
    "an hour of FLAC": Bomb("sound", _wav_of_zeros, 4 * 48_000 * 3600),
    "Parquet of one long value": Bomb("parquet", _one_long_value),
    "Parquet of nulls": Bomb("parquet", _nulls),
    "Parquet of columns": Bomb("parquet", _many_columns),
    "JSON deep": Bomb("jsonl", partial(_nested, b"[", b"]", 1_000_000)),
    "JSON wide": Bomb(
        "jsonl", lambda: json.dumps({f"k{n}": n for n in range(200_000)}).encode() + b"\n"
    ),
    "a JSON number": Bomb("json", lambda: b"9" * 5_000_000),
    "JSON document deep": Bomb("json-path", partial(_nested, b"[", b"]", 1_000_000)),
    "tasks deep": Bomb("label-studio", partial(_nested, b'[{"data":', b"}]", 200_000)),
    "page deep": Bomb("page", lambda: _page(_nested(b"<div>", b"</div>", 100_000, b"x"))),
    "page of paragraphs": Bomb("page", lambda: _page(b"<p>" * 60_000)),
    "page of links": Bomb(
        "page", lambda: _page(b"".join(b"<a href=/%d>x</a>" % n for n in range(60_000)))
    ),
    "page of pictures": Bomb(
        "page", lambda: _page(b"".join(b"<img src=/%d alt=x>" % n for n in range(60_000)))
    ),
    "element of attributes": Bomb("page", lambda: _page(_attributes(60_000))),
    "select of options": Bomb(
        "page", lambda: _page(b"<select>" + b"<option>x" * 70_000 + b"</select>")
    ),
    "page of tables": Bomb("page", lambda: _page(b"<table><tr><td>" * 5_000)),
    "page of formulas": Bomb(
        "page", lambda: _page(_nested(b"<math><msup>", b"</msup></math>", 20_000))
    ),
    "page never closed": Bomb("page", lambda: _page(b"<a href='" * 300_000)),
    "sitemap of entities": Bomb(
        "lists-of-addresses", lambda: f"{_entities('urlset')}<urlset><loc>&e11;".encode()
    ),
    "robots of groups": Bomb(
        "robots",
        lambda: b"".join(b"User-agent: a%d\nDisallow: /*a*b*%d\n" % (n, n) for n in range(60_000)),
    ),
    "robots of stars": Bomb(
        "robots", lambda: b"User-agent: *\nDisallow: /" + b"*a" * 100_000 + b"$\n"
    ),
    "subtitles of arrows": Bomb("subtitles", lambda: b"00:00:00,000 --> 00:00:01,000\n" * 200_000),
    "subtitles of tags": Bomb(
        "subtitles", lambda: b"1\n00:00:00,000 --> 00:00:01,000\n" + b"<v a" * 500_000
    ),
    "TMX of entities": Bomb(
        "tmx", lambda: f'{_entities("tmx")}<tmx version="1.4"><body>&e11;</body></tmx>'.encode()
    ),
    "TMX deep": Bomb("tmx", lambda: b'<tmx version="1.4"><body>' + b"<tu>" * 500_000),
    "PDF of pages": Bomb("document", _pdf_of_pages),
    "DOCX of entities": Bomb(
        "document", lambda: documents.docx(["&e11;"], doctype=_entities("w:document"))
    ),
    "DOCX of paragraphs": Bomb("document", lambda: documents.docx([], body="<w:p/>" * 2_000_000)),
    "EPUB of one chapter": Bomb("document", lambda: documents.epub(["<p>x" * 5_000_000])),
    "EPUB of entities": Bomb(
        "document", lambda: documents.epub(["x"], doctype=_entities("package"))
    ),
    "XLSX of cells": Bomb(
        "document",
        lambda: documents.xlsx({"a": [["text"]]}, inside="<row><c><v>1</v></c></row>" * 900_000),
    ),
    "XLSX far away": Bomb(
        "document",
        lambda: documents.xlsx(
            {"a": [["text"]]}, inside='<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
        ),
    ),
    "CSV of quotes": Bomb("csv", lambda: b'a,b\n"' + b'""' * 4_000_000),
    "CSV of columns": Bomb(
        "csv", lambda: b",".join(b"c%d" % n for n in range(500_000)) + b"\n" + b"," * 499_999
    ),
    "text of marks": Bomb("text", lambda: "a\u0301\u0316".encode() * 100_000),
    "cookies": Bomb("http-head", lambda: b"Set-Cookie: " + b"a=b;" * 200_000),
    "card of aliases": Bomb(
        "hub-card",
        lambda: (
            b"---\na: &a [x, x]\n"
            + b"".join(b"b%d: &b%d [*a, *a, *a]\n" % (n, n) for n in range(2000))
            + b"---\n"
        ),
    ),
    "recipe of misspelt names": Bomb("recipe", partial(_recipe, 1000)),
    "recipe deep": Bomb("recipe", lambda: b"name: " + b"[" * 1000),
    "recipe of minus signs": Bomb(
        "recipe",
        lambda: (
            b"tilth: 1\nname: it\ncollect: {a: {jsonl: {path: x}}}\nclean: [{rules: {where: ['"
            + b"-" * 100_000
            + b"1 > 0']}}]\n"
        ),
    ),
}


def exploded(bomb: Bomb, parsers: Mapping[str, Parser]) -> Found:
    """What a parser does with a bomb: the second input of its process, behind a sound one."""
    parser = parsers[bomb.parser]
    inputs = [*parser.seeds(), bomb.make()]
    alone = replace(parser, seeds=lambda: inputs, cap=bomb.cap)
    return tried(alone, range(len(inputs)), 0, as_they_are=True)
