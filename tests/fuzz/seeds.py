"""Sound inputs of every kind, small and of our own making: what changed ones are made of."""

from __future__ import annotations

import gzip
import io
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from tests.collect import archives
from tests.decode.sounds import FILES as SOUNDS
from tests.formats import documents, web_archives


def some_pictures() -> list[bytes]:
    pixels = np.random.default_rng(1).integers(0, 256, (9, 7, 3)).astype(np.uint8)
    found = []
    for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "AVIF"):
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, kind)
        found.append(out.getvalue())
    heic = Path(__file__).parents[1] / "decode" / "heic"
    return [*found, *(path.read_bytes() for path in sorted(heic.glob("*.heic")))]


def some_sounds() -> list[bytes]:
    return list(SOUNDS.values())


TEXTS = (
    "Ein Text, zwölf Wörter, дважды.".encode(),
    "\ufeffmit Marke\r\nund Zeilen".encode("utf-16"),
    "жили-были старик со старухой у самого синего моря".encode("koi8-r"),
    "こんにちは世界".encode("iso2022_jp"),
    "春はあけぼの".encode("shift_jis") + "昔".encode("euc_jp"),
)
PAGE = (
    b'<html><head><meta charset="utf-8"><base href="/a/"><link rel=canonical href="x?y=1#z">'
    b'<meta name="robots" content="noindex, nofollow"><meta http-equiv=refresh content="5; url=b">'
    b'</head><body><a href="//e.org/%41?q=\xc3\xa4">l</a><img src=a.png srcset="b.png 2x, c.png 3x"'
    b' alt="a"><picture><source srcset="d.webp 100w"></picture><audio src=e.mp3><track src=f.vtt>'
    b"</audio><table><tr><td>1<td>2</table><math><mi>x</mi></math><p>A heron stands in shallow"
    b" water and waits for fish to come near.</p><pre>  code\n  more</pre></body></html>"
)


def some_table() -> pa.Table:
    return pa.table(
        {
            "text": ["one", "two", None, "four"],
            "label": pa.array(["a", "b", "a", None]).dictionary_encode(),
            "number": [1, 2, None, 4],
            "tags": [["x"], [], None, ["y", "z"]],
            "at": pa.array([0, 1, None, 3], pa.timestamp("ms")),
        }
    )


def some_parquet(**how: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(some_table(), out, **how)
    return out.getvalue()


def some_arrow(*, stream: bool) -> bytes:
    out = io.BytesIO()
    table = some_table()
    kind = pa.ipc.new_stream if stream else pa.ipc.new_file
    with kind(out, table.schema) as writer:
        writer.write_table(table)
    return out.getvalue()


JSONL = (
    b'{"text": "one", "meta": {"lang": "en", "n": 1.5e3}, "tags": ["a", null]}\n'
    b'{"text": "tw\\u00f6 \\ud83d\\ude00", "label": 7, "answers": [{"annotator": 1, "label": "x"}]}'
    b"\n\n[1]\n"
)
CSV = b'y,text,n\r\n1,"a ""b"", c\r\nd",2\r\n2,plain,"3,5"\r\n'
SRT = b"1\n00:00:00,500 --> 00:00:02,000\n<i>Hello</i> there\n\n2\n00:00:02.5 --> 00:00:03,1\nx\n"
VTT = (
    b"WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:10.000\n\nNOTE x\n\nc1\n"
    b"00:01.000 --> 00:02.500 align:left\n<v Ann>Go <c.x>on</c></v> &amp; on\n"
)
TMX = (
    b'<?xml version="1.0"?>\n<!DOCTYPE tmx SYSTEM "tmx14.dtd">\n<tmx version="1.4"><header '
    b'srclang="en"/><body><tu tuid="1" creationdate="20200101T000000Z"><prop type="x">y</prop>'
    b'<tuv xml:lang="en"><seg>one <bpt i="1">b</bpt></seg></tuv><tuv xml:lang="de"><seg>eins</seg>'
    b"</tuv></tu></body></tmx>"
)
TASKS = json.dumps(
    [
        {
            "id": 1,
            "data": {"text": "one", "item": "a", "image": "data:image/png;base64,iVBORw0KGgo="},
            "annotations": [
                {
                    "completed_by": 3,
                    "lead_time": 1.5,
                    "result": [
                        {"from_name": "kind", "type": "choices", "value": {"choices": ["good"]}}
                    ],
                }
            ],
        }
    ]
).encode()
MANIFEST = (
    b'{"source": "one", "item": "a", "label": 1, "label-metadata": {"class-name": "x", '
    b'"human-annotated": "yes", "type": "groundtruth/text-classification"}}\n'
)
RESULTS = b'HITId,WorkerId,Input.item,Answer.label,WorkTimeInSeconds\nh,w,a,"good",12\n'
ROBOTS = (
    b"\xef\xbb\xbfUser-agent: *\nUser-agent: tilth\nDisallow: /a*/b$\nAllow: /%7Ea/\n"
    b"Crawl-delay: 2.5\nContent-Signal: ai-train=no\nSitemap: http://e.org/s.xml\n\n"
    b"User-agent: other\nDisallow:\n"
)
SITEMAP = (
    b'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"><url>'
    b"<loc>http://e.org/a?b&amp;c</loc><lastmod>2020-01-01</lastmod></url></urlset>"
)
FEED = b'<rss version="2.0"><channel><item><link>http://e.org/1</link></item></channel></rss>'
RECIPE = (
    b"tilth: 1\nname: it\nabout: a try\nseed: 3\nerror_budget: 0.1\ncollect:\n  docs:\n    jsonl:\n"
    b"      path: in/*.jsonl\n      fields: {text: [title, body], label: stars}\nclean:\n"
    b'  - normalize\n  - signals\n  - rules: {where: ["5 <= word_count < 1e9"]}\n'
    b"  - redact: {kinds: [email]}\ndeduplicate: [exact, {minhash: {threshold: 0.8}}]\n"
    b"pretrain:\n  task: text-generation\n  model: {kind: gpt}\n"
)
HEAD = (
    b"Content-Type: text/html; charset=utf-8\r\nSet-Cookie: a=b; Path=/x; Expires=Wed, 21 Oct 2037 "
    b"07:28:00 GMT; Secure\r\nX-Robots-Tag: tilth: noai, unavailable_after: 25 Jun 2030 "
    b"15:00:00 PST\r\ntdm-reservation: 1"
)
CARD = (
    b"---\nlicense: mit\ndataset_info:\n- config_name: a\n  features:\n  - name: label\n"
    b"    dtype:\n      class_label:\n        names: {'0': 'no', '1': 'yes'}\n"
    b"  splits: [{name: train, num_examples: 2}]\nconfigs:\n- config_name: a\n"
    b"  data_files: [{split: train, path: 'x/*.parquet'}]\n---\n# It\n"
)


def some_web_archives() -> list[bytes]:
    page = web_archives.page()
    whole = b"".join(
        web_archives.record(f"http://e.org/{n}", page, packed=packed)
        for packed in (True,)
        for n in range(2)
    )
    plain = web_archives.record("http://e.org/1", page, packed=False)
    return [
        whole,
        plain,
        web_archives.arc({"http://e.org/": page}),
        web_archives.wacz({"a.warc.gz": whole}),
    ]


def some_answers() -> list[bytes]:
    body = b"<p>Some page</p>" * 20
    chunks = b"10\r\n" + body[:16] + b"\r\n0;x=y\r\nTrailer: a\r\n\r\n"
    return [
        web_archives.answer(body),
        web_archives.answer(chunks, "Transfer-Encoding: chunked"),
        web_archives.answer(gzip.compress(body, mtime=0), "Content-Encoding: gzip"),
        web_archives.answer(archives.zstd(body), "Content-Encoding: zstd"),
        web_archives.answer(body, "Content-Encoding: br", " folded"),
    ]


def some_archives() -> list[bytes]:
    members = [
        ("a/one.txt", b"one"),
        ("a/two.json", b'{"text": "2"}'),
        ("b.png", some_pictures()[0]),
    ]
    plain = archives.tar(members)
    return [plain, gzip.compress(plain, mtime=0), archives.zstd(plain), archives.zip_(members)]


def some_documents() -> list[bytes]:
    rows: documents.Cells = [["text", "n"], ["one", 1], [None, 2.5]]
    return [
        documents.pdf([["Some lines", "of text"], ["more"]], {"Title": "T"}),
        documents.docx(["One.", "Two."], "T"),
        documents.epub(["<h1>A</h1><p>One.</p>", "<p>Two.</p>"]),
        documents.xlsx({"a": rows, "b": rows}, hidden=["b"]),
        documents.ods({"a": rows}),
    ]


def some_idx() -> list[bytes]:
    pixels = np.arange(2 * 3 * 4, dtype=np.uint8)
    plain = struct.pack(">IIII", 0x803, 2, 3, 4) + pixels.tobytes()
    return [plain, gzip.compress(plain, mtime=0)]
