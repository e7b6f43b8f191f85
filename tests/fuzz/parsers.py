"""Every parser of outside bytes, with sound inputs to begin from.

A module of a room that meets bytes of strangers is tried by a parser here, or stands in
`TAKES_NONE` with the reason: a test holds that list complete.
"""

from __future__ import annotations

import gzip
import io
import json
import shutil
import sqlite3
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from resiliparse.parse.html import HTMLTree

from tests.collect import archives, corpora
from tests.decode.sounds import FILES as SOUNDS
from tests.formats import documents, web_archives
from tilth.annotate.incoming import read_delivery
from tilth.clean import extract
from tilth.clean.page import MAX_DEPTH, is_deeper
from tilth.collect.join_tables import Joining
from tilth.context import Context
from tilth.decode.containers import SoundError
from tilth.decode.encodings import all_labels, decode, name_of
from tilth.decode.look import read_text
from tilth.decode.marked import in_utf8_from
from tilth.decode.objects import parse_json
from tilth.decode.page import read_page
from tilth.decode.picture import PictureError, TooManyPixelsError, decode_picture
from tilth.decode.sound import check_sound, decode_sound
from tilth.decode.stream import Undecided
from tilth.decode.stretches import Stretch, cut_sound
from tilth.decode.text import UndecodableError
from tilth.formats import front_matter, http_answer, hub_card, kaldi, subtitles
from tilth.formats.http_answer import AnswerError
from tilth.formats.hub_card import CardError
from tilth.formats.json_path import ALL, NotJsonError, cut_records
from tilth.recipe.load import parse_recipe
from tilth.recipe.operations import operations
from tilth.records import sealed, unsealed
from tilth.web.cookies import Cookies
from tilth.web.links import read_markup
from tilth.web.listing import read_listing
from tilth.web.robots import RobotsFile, decode_robots, read_wishes
from tilth.web.urls import join, normalize
from tilth.web.usage import read_tdmrep

# A parser is given bytes, and an empty folder of its own.
Parse = Callable[[bytes, Path], object]
Seeds = Callable[[], Sequence[bytes]]


@dataclass(frozen=True)
class Parser:
    """What takes outside bytes.

    Attributes:
        name: Of it.
        covers: The modules that it tries.
        parse: Takes bytes.
        seeds: Sound inputs.
        raises: What it says that it raises; every `TilthError` may be raised besides.
        cap: Bytes that its bounds allow an input to come to.
    """

    name: str
    covers: tuple[str, ...]
    parse: Parse
    seeds: Seeds
    raises: tuple[type[Exception], ...] = ()
    cap: int = 8 << 20


def _drained(stream: Any) -> int:
    return sum(len(part) for part in iter(lambda: stream.read(1 << 16), b""))


def _source(name: str, path: Path, **settings: Any) -> int:
    """Read a source to its end; how many rows it gave."""
    module = import_module(f"tilth.collect.{name}")
    given = module.Settings.model_validate({"path": str(path), **settings})
    return sum(batch.num_rows for batch in module.read(given, "s", Context(path.parent / "work")))


def _of_source(name: str, file: str, **settings: Any) -> Parse:
    def parse(data: bytes, folder: Path) -> object:
        (folder / file).write_bytes(data)
        return _source(name, folder / file, **settings)

    return parse


def _of_folder(name: str, files: Mapping[str, bytes], changed: str, **settings: Any) -> Parse:
    """A source of several files, of which one is changed."""

    def parse(data: bytes, folder: Path) -> object:
        place = folder / "all"
        for path, content in {**files, changed: data}.items():
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_bytes(content)
        try:
            return _source(name, place, **settings)
        finally:
            shutil.rmtree(place)

    return parse


def _pictures() -> list[bytes]:
    pixels = np.random.default_rng(1).integers(0, 256, (9, 7, 3)).astype(np.uint8)
    found = []
    for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "AVIF"):
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, kind)
        found.append(out.getvalue())
    heic = Path(__file__).parents[1] / "decode" / "heic"
    return [*found, *(path.read_bytes() for path in sorted(heic.glob("*.heic")))]


def _sounds() -> list[bytes]:
    return list(SOUNDS.values())


_TEXTS = (
    "Ein Text, zwölf Wörter, дважды.".encode(),
    "\ufeffmit Marke\r\nund Zeilen".encode("utf-16"),
    "жили-были старик со старухой у самого синего моря".encode("koi8-r"),
    "こんにちは世界".encode("iso2022_jp"),
    "春はあけぼの".encode("shift_jis") + "昔".encode("euc_jp"),
)
_PAGE = (
    b'<html><head><meta charset="utf-8"><base href="/a/"><link rel=canonical href="x?y=1#z">'
    b'<meta name="robots" content="noindex, nofollow"><meta http-equiv=refresh content="5; url=b">'
    b'</head><body><a href="//e.org/%41?q=\xc3\xa4">l</a><img src=a.png srcset="b.png 2x, c.png 3x"'
    b' alt="a"><picture><source srcset="d.webp 100w"></picture><audio src=e.mp3><track src=f.vtt>'
    b"</audio><table><tr><td>1<td>2</table><math><mi>x</mi></math><p>A heron stands in shallow"
    b" water and waits for fish to come near.</p><pre>  code\n  more</pre></body></html>"
)


def _table() -> pa.Table:
    return pa.table(
        {
            "text": ["one", "two", None, "four"],
            "label": pa.array(["a", "b", "a", None]).dictionary_encode(),
            "number": [1, 2, None, 4],
            "tags": [["x"], [], None, ["y", "z"]],
            "at": pa.array([0, 1, None, 3], pa.timestamp("ms")),
        }
    )


def _parquet(**how: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(_table(), out, **how)
    return out.getvalue()


def _arrow(*, stream: bool) -> bytes:
    out = io.BytesIO()
    table = _table()
    kind = pa.ipc.new_stream if stream else pa.ipc.new_file
    with kind(out, table.schema) as writer:
        writer.write_table(table)
    return out.getvalue()


_JSONL = (
    b'{"text": "one", "meta": {"lang": "en", "n": 1.5e3}, "tags": ["a", null]}\n'
    b'{"text": "tw\\u00f6 \\ud83d\\ude00", "label": 7, "answers": [{"annotator": 1, "label": "x"}]}'
    b"\n\n[1]\n"
)
_CSV = b'y,text,n\r\n1,"a ""b"", c\r\nd",2\r\n2,plain,"3,5"\r\n'
_SRT = b"1\n00:00:00,500 --> 00:00:02,000\n<i>Hello</i> there\n\n2\n00:00:02.5 --> 00:00:03,1\nx\n"
_VTT = (
    b"WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:10.000\n\nNOTE x\n\nc1\n"
    b"00:01.000 --> 00:02.500 align:left\n<v Ann>Go <c.x>on</c></v> &amp; on\n"
)
_TMX = (
    b'<?xml version="1.0"?>\n<!DOCTYPE tmx SYSTEM "tmx14.dtd">\n<tmx version="1.4"><header '
    b'srclang="en"/><body><tu tuid="1" creationdate="20200101T000000Z"><prop type="x">y</prop>'
    b'<tuv xml:lang="en"><seg>one <bpt i="1">b</bpt></seg></tuv><tuv xml:lang="de"><seg>eins</seg>'
    b"</tuv></tu></body></tmx>"
)
_TASKS = json.dumps(
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
_MANIFEST = (
    b'{"source": "one", "item": "a", "label": 1, "label-metadata": {"class-name": "x", '
    b'"human-annotated": "yes", "type": "groundtruth/text-classification"}}\n'
)
_RESULTS = b'HITId,WorkerId,Input.item,Answer.label,WorkTimeInSeconds\nh,w,a,"good",12\n'
_ROBOTS = (
    b"\xef\xbb\xbfUser-agent: *\nUser-agent: tilth\nDisallow: /a*/b$\nAllow: /%7Ea/\n"
    b"Crawl-delay: 2.5\nContent-Signal: ai-train=no\nSitemap: http://e.org/s.xml\n\n"
    b"User-agent: other\nDisallow:\n"
)
_SITEMAP = (
    b'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"><url>'
    b"<loc>http://e.org/a?b&amp;c</loc><lastmod>2020-01-01</lastmod></url></urlset>"
)
_FEED = b'<rss version="2.0"><channel><item><link>http://e.org/1</link></item></channel></rss>'
_RECIPE = (
    b"tilth: 1\nname: it\nabout: a try\nseed: 3\nerror_budget: 0.1\ncollect:\n  docs:\n    jsonl:\n"
    b"      path: in/*.jsonl\n      fields: {text: [title, body], label: stars}\nclean:\n"
    b'  - normalize\n  - signals\n  - rules: {where: ["5 <= word_count < 1e9"]}\n'
    b"  - redact: {kinds: [email]}\ndeduplicate: [exact, {minhash: {threshold: 0.8}}]\n"
    b"pretrain:\n  task: text-generation\n  model: {kind: gpt}\n"
)
_HEAD = (
    b"Content-Type: text/html; charset=utf-8\r\nSet-Cookie: a=b; Path=/x; Expires=Wed, 21 Oct 2037 "
    b"07:28:00 GMT; Secure\r\nX-Robots-Tag: tilth: noai, unavailable_after: 25 Jun 2030 "
    b"15:00:00 PST\r\ntdm-reservation: 1"
)
_CARD = (
    b"---\nlicense: mit\ndataset_info:\n- config_name: a\n  features:\n  - name: label\n"
    b"    dtype:\n      class_label:\n        names: {'0': 'no', '1': 'yes'}\n"
    b"  splits: [{name: train, num_examples: 2}]\nconfigs:\n- config_name: a\n"
    b"  data_files: [{split: train, path: 'x/*.parquet'}]\n---\n# It\n"
)


def _web_archives() -> list[bytes]:
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


def _answers() -> list[bytes]:
    body = b"<p>Some page</p>" * 20
    chunks = b"10\r\n" + body[:16] + b"\r\n0;x=y\r\nTrailer: a\r\n\r\n"
    return [
        web_archives.answer(body),
        web_archives.answer(chunks, "Transfer-Encoding: chunked"),
        web_archives.answer(gzip.compress(body, mtime=0), "Content-Encoding: gzip"),
        web_archives.answer(archives.zstd(body), "Content-Encoding: zstd"),
        web_archives.answer(body, "Content-Encoding: br", " folded"),
    ]


def _archives() -> list[bytes]:
    members = [("a/one.txt", b"one"), ("a/two.json", b'{"text": "2"}'), ("b.png", _pictures()[0])]
    plain = archives.tar(members)
    return [plain, gzip.compress(plain, mtime=0), archives.zstd(plain), archives.zip_(members)]


def _documents() -> list[bytes]:
    rows = [["text", "n"], ["one", 1], [None, 2.5]]
    return [
        documents.pdf([["Some lines", "of text"], ["more"]], {"Title": "T"}),
        documents.docx(["One.", "Two."], "T"),
        documents.epub(["<h1>A</h1><p>One.</p>", "<p>Two.</p>"]),
        documents.xlsx({"a": rows, "b": rows}, hidden=["b"]),
        documents.ods({"a": rows}),
    ]


def _idx() -> list[bytes]:
    pixels = np.arange(2 * 3 * 4, dtype=np.uint8)
    plain = struct.pack(">IIII", 0x803, 2, 3, 4) + pixels.tobytes()
    return [plain, gzip.compress(plain, mtime=0)]


def _parse_idx(data: bytes, folder: Path) -> object:
    (folder / "x").write_bytes(data)
    (folder / "y").write_bytes(struct.pack(">II", 0x801, 2) + bytes(2))
    module = import_module("tilth.collect.idx")
    files = {"images": {"path": str(folder / "x")}, "labels": {"path": str(folder / "y")}}
    given = module.Settings.model_validate({"files": [{"split": "train", **files}]})
    return sum(one.num_rows for one in module.read(given, "s", Context(folder / "work")))


def _parse_parallel(data: bytes, folder: Path) -> object:
    (folder / "a.en").write_bytes(b"one\ntwo\n")
    (folder / "a.de").write_bytes(data)
    module = import_module("tilth.collect.parallel")
    files = {"source": {"path": str(folder / "a.en")}, "target": {"path": str(folder / "a.de")}}
    given = module.Settings.model_validate({"files": [{"split": "train", **files}]})
    return sum(one.num_rows for one in module.read(given, "s", Context(folder / "work")))


def _parse_text(data: bytes, _: Path) -> object:
    return read_text(data).text


def _parse_encoding(data: bytes, _: Path) -> object:
    # The first byte says which.
    names = sorted({name_of(label) for label in all_labels()} - {"replacement"})
    label = names[data[0] % len(names)] if data else "utf-8"
    loose = decode(data[1:], label, loosely=True)
    try:
        strict = decode(data[1:], label)
    except UnicodeDecodeError:
        return loose
    assert loose == strict
    return loose


def _parse_pieces(data: bytes, _: Path) -> object:
    marked, undecided = in_utf8_from(io.BytesIO(data)), Undecided(io.BytesIO(data), "auto")
    return _drained(marked), _drained(undecided)


def _parse_page(data: bytes, _: Path) -> object:
    found = read_markup(data, "http://e.org/x/", "text/html", kinds=frozenset({"image", "audio"}))
    try:
        text = read_page(data, "text/html", 0.1).text
    except UndecodableError:
        return found
    if is_deeper(HTMLTree.parse(text), MAX_DEPTH):
        return found
    return found, extract.extract(text, extract.Settings())


def _parse_sound(data: bytes, _: Path) -> object:
    check_sound(data)
    samples, _rate = decode_sound(data)
    return len(samples), list(cut_sound(data, [Stretch(0, min(100, len(samples)))]))


def _parse_answer(data: bytes, _: Path) -> object:
    return bytes(http_answer.body_of(http_answer.read_answer(data), 1 << 20))


def _parse_head(data: bytes, _: Path) -> object:
    fields = http_answer.fields_of(data.decode("latin-1"))
    now = datetime(2026, 1, 1, tzinfo=UTC)
    cookies = Cookies(sqlite3.connect(":memory:"), lambda: 0.0)
    cookies.take("http://e.org/", [fields.get("set-cookie", "")])
    return cookies.sent_to("http://e.org/x"), read_wishes(fields.items(), (), "tilth", now)


def _parse_address(data: bytes, _: Path) -> object:
    text = data.decode("utf-8", "surrogateescape")
    found = join("http://e.org/a/b?c", text)
    assert found is None or normalize(found) == found
    return found


def _parse_robots(data: bytes, _: Path) -> object:
    robots = RobotsFile(decode_robots(data), "tilth", data)
    url = "http://e.org/a/b?c=d"
    return robots.allows(url), robots.delay_s, robots.unheard, robots.reserves(url)


def _parse_lists(data: bytes, _: Path) -> object:
    return read_listing(data), read_tdmrep(data)


def _parse_card(data: bytes, _: Path) -> object:
    text = data.decode("utf-8", "replace")
    front_matter.split(text)
    return hub_card.read_card(text)


def _parse_infos(data: bytes, _: Path) -> object:
    with suppress(CardError):
        hub_card.features_of({b"huggingface": data})
    return hub_card.read_infos(data)


def _parse_delivery(data: bytes, folder: Path) -> object:
    (folder / "back").write_bytes(data)
    return sum(1 for _ in read_delivery(folder / "back", lambda _: None).rows)


def _parse_segments(data: bytes, _: Path) -> object:
    found = []
    for line in data.decode("utf-8", "replace").split("\n"):
        for read in (kaldi.as_path, kaldi.as_segment):
            try:
                found.append(read(line))
            except ValueError:
                continue
    return found


def _parse_joined(data: bytes, folder: Path) -> object:
    (folder / "rows.jsonl").write_bytes(b'{"text": "x", "name": "a.png"}\n')
    (folder / "table.csv").write_bytes(data)
    join = {"path": str(folder / "table.csv"), "by": "meta.name", "key": "name"}
    settings = operations()["jsonl"].settings.model_validate(
        {"path": str(folder / "rows.jsonl"), "join": [join]}
    )
    return len(list(Joining(settings, "s", Context(folder)).finish(whole=True)))


def _parse_recipe(data: bytes, _: Path) -> object:
    return parse_recipe(data.decode("utf-8", "replace"))


def _just(*seeds: bytes) -> Seeds:
    return lambda: seeds


# Of each layout the list that is changed, or a sound.
_LISTS = {
    "speech_commands": "sc/validation_list.txt",
    "librispeech": "LS/dev-clean/84/121/84-121.trans.txt",
    "common_voice": "cv/sr/train.tsv",
    "ljspeech": "LJ/metadata.csv",
}


def _corpora() -> Iterator[Parser]:
    for layout, name in _LISTS.items():
        files = corpora.CORPORA[layout]
        yield Parser(
            f"speech-corpus-{layout.replace('_', '-')}",
            ("collect.speech_corpus",),
            _of_folder("speech_corpus", files, name, layout=layout),
            _just(files[name]),
        )


_TABLES = ("collect.files", "collect.item_rows", "formats.signatures", "formats.cells")
_DOCUMENTS = (
    *("formats.apart", "formats.pdf", "formats.docx", "formats.epub", "formats.sheets"),
    *("formats.markup", "formats.office_math", "formats.package", "formats.reading_order"),
    "formats.directory",
)

PARSERS: tuple[Parser, ...] = (
    Parser(
        "text", ("decode.look", "decode.text"), _parse_text, _just(*_TEXTS), (UndecodableError,)
    ),
    Parser("encodings", ("decode.encodings",), _parse_encoding, _just(*_TEXTS)),
    Parser(
        "text-in-pieces",
        ("decode.marked", "decode.stream"),
        _parse_pieces,
        _just(*_TEXTS),
        (UndecodableError,),
    ),
    Parser(
        "json",
        ("decode.objects",),
        lambda data, _: parse_json(data.decode("utf-8", "replace")),
        _just(_TASKS, *filter(None, _JSONL.splitlines())),
        (ValueError, RecursionError),
    ),
    Parser(
        "json-path",
        ("formats.json_path",),
        lambda data, _: list(cut_records(io.BytesIO(data), (ALL,), 1 << 16)),
        _just(_TASKS, b'[{"a": [1, 2]}, "b\\"]", 3]'),
        (NotJsonError,),
    ),
    Parser(
        "page",
        (
            *("decode.page", "decode.prescan", "decode.slashes", "web.links", "web.media_markup"),
            *("web.looks", "formats.kept", "formats.licenses"),
        ),
        _parse_page,
        _just(_PAGE),
    ),
    Parser(
        "picture",
        ("decode.picture",),
        lambda data, _: decode_picture(data).image.size,
        _pictures,
        (PictureError, TooManyPixelsError),
    ),
    Parser(
        "sound",
        ("decode.sound", "decode.containers", "decode.stretches"),
        _parse_sound,
        _sounds,
        (SoundError,),
    ),
    Parser("http-answer", ("formats.http_answer",), _parse_answer, _answers, (AnswerError,)),
    Parser("http-head", ("web.cookies", "web.usage"), _parse_head, _just(_HEAD)),
    Parser(
        "address",
        ("web.urls", "web.forms"),
        _parse_address,
        _just(b"http://E.org:80/%7ea/../b;c?d=%zz#e", b"//[::1]:8/\\x", b"?q=\xc3\xa4", b"../x y"),
    ),
    Parser("robots", ("web.robots", "web.patterns"), _parse_robots, _just(_ROBOTS)),
    Parser(
        "lists-of-addresses",
        ("web.listing", "web.sitemap"),
        _parse_lists,
        _just(_SITEMAP, _FEED, b"http://e.org/1\n", b'[{"location": "/", "tdm-reservation": 1}]'),
    ),
    Parser(
        "hub-card",
        ("formats.hub_card", "formats.front_matter"),
        _parse_card,
        _just(_CARD),
        (CardError,),
    ),
    Parser(
        "hub-infos",
        ("formats.hub_card",),
        _parse_infos,
        _just(b'{"a": {"features": {"x": {"_type": "ClassLabel", "names": ["n"]}}}}'),
        (CardError,),
    ),
    Parser(
        "kaldi", ("formats.kaldi",), _parse_segments, _just(b"r1 0.5 2.25\nr2 0 -1 A\ncat x |\n")
    ),
    Parser(
        "subtitles",
        ("formats.subtitles",),
        lambda data, _: list(subtitles.read_cues(data)),
        _just(_SRT, _VTT),
    ),
    Parser(
        "web-archive",
        (
            *("collect.web_archive", "formats.warc", "formats.arc", "formats.wacz"),
            "formats.window",
        ),
        _of_source("web_archive", "a.warc.gz"),
        _web_archives,
    ),
    Parser(
        "archive",
        ("formats.archive", "formats.streams", *_TABLES),
        _of_source("files", "a.tar"),
        _archives,
    ),
    Parser(
        "webdataset",
        ("collect.webdataset",),
        _of_source("webdataset", "a.tar"),
        lambda: _archives()[:3],
    ),
    Parser("document", _DOCUMENTS, _of_source("files", "a"), _documents),
    Parser(
        "arrow",
        _TABLES,
        _of_source("files", "a.arrow"),
        lambda: [_arrow(stream=True), _arrow(stream=False)],
    ),
    Parser(
        "parquet",
        ("collect.parquet",),
        _of_source("parquet", "a.parquet"),
        lambda: [_parquet(), _parquet(compression="zstd", version="1.0", use_dictionary=False)],
    ),
    Parser("jsonl", ("collect.jsonl",), _of_source("jsonl", "a.jsonl"), _just(_JSONL)),
    Parser("csv", ("collect.csv",), _of_source("csv", "a.csv"), _just(_CSV)),
    Parser(
        "text-file",
        ("collect.text_file",),
        _of_source("text_file", "a.txt", record="paragraph"),
        _just(*_TEXTS),
    ),
    Parser(
        "tmx",
        ("collect.tmx", "formats.tmx"),
        _of_source("tmx", "a.tmx", source="en", target="de"),
        _just(_TMX),
    ),
    Parser(
        "moses",
        ("collect.moses",),
        _of_folder("moses", {"a.de": b"eins\nzwei\n"}, "a.en", source="de", target="en"),
        _just(b"one\ntwo\n", gzip.compress(b"one\ntwo\n", mtime=0)),
    ),
    Parser("parallel", ("collect.parallel",), _parse_parallel, _just(b"eins\nzwei\n")),
    Parser(
        "label-studio",
        ("collect.label_studio", "collect.task_images"),
        _of_source("label_studio", "a.json", text="text", control="kind"),
        _just(_TASKS),
    ),
    Parser(
        "annotations", ("annotate.incoming",), _parse_delivery, _just(_TASKS, _MANIFEST, _RESULTS)
    ),
    Parser("idx", ("collect.idx",), _parse_idx, _idx),
    Parser(
        "image-folder",
        ("collect.image_folder",),
        _of_folder("image_folder", {"b/b.png": _pictures()[0]}, "a/a.png"),
        lambda: _pictures()[:2],
    ),
    Parser(
        "audio",
        ("collect.audio",),
        _of_folder("audio", {"b.wav": SOUNDS["WAV"]}, "a.wav"),
        lambda: [SOUNDS["WAV"][:2000], SOUNDS["FLAC"]],
    ),
    *_corpora(),
    Parser(
        "hub",
        ("collect.hub", "collect.hub_rows", "formats.hub_layout"),
        _of_folder("hub", {"data/train.parquet": _parquet()}, "README.md"),
        _just(_CARD.replace(b"x/*", b"data/*")),
    ),
    Parser(
        "join",
        ("collect.joins", "collect.join_tables"),
        _parse_joined,
        _just(b"name,label\na.png,x\n", b'name,label,split\r\n"a.png","y, z",dev\r\n'),
    ),
    Parser("recipe", ("recipe.load",), _parse_recipe, _just(_RECIPE)),
    Parser(
        "kept-json",
        ("records",),
        lambda data, _: unsealed(data, "here"),
        _just(json.dumps(sealed({"a": [1, 2.5, None], "b": {"c": "d"}})).encode()),
    ),
)

# The rooms of which each module is tried, or stands below.
ROOMS = ("decode", "formats", "web", "collect")
_ASKS = "speaks with hosts, whose answers other modules read"
_KEEPS = "keeps what others have read"
TAKES_NONE: Mapping[str, str] = {
    "formats.packing": "packs what Tilth made",
    "web.address": "looks at addresses that a name has, and at a table of ours",
    "web.answers": _ASKS,
    "web.bounds": "settings",
    "web.cdx": "lines of an index, tried with a server of its own",
    "web.client": _ASKS,
    "web.contact": "settings",
    "web.copies": _KEEPS,
    "web.crawler": _ASKS,
    "web.earlier": "reads its own archive",
    "web.fates": _KEEPS,
    "web.fetch": _ASKS,
    "web.frontier": _KEEPS,
    "web.gathering": _KEEPS,
    "web.host_queue": _KEEPS,
    "web.hosts": _ASKS,
    "web.hub": _ASKS,
    "web.lanes": "clocks",
    "web.media": _KEEPS,
    "web.mentions": _KEEPS,
    "web.neighbours": "clocks",
    "web.objects": _ASKS,
    "web.outcome": _KEEPS,
    "web.page_reader": "decides of what `web.links` has read",
    "web.preview": _ASKS,
    "web.previewed": "records",
    "web.proxy": "settings",
    "web.quota": "counts",
    "web.retry": _ASKS,
    "web.secrets": "settings",
    "web.stores": _ASKS,
    "web.telling": "counts",
    "web.warc_store": "reads its own archive",
    "collect.common_crawl": "answers, which `http-answer` and `web-archive` try",
    "collect.crawl": _ASKS,
    "collect.crawl_media": "pictures and sounds, which `picture` and `sound` try",
    "collect.crawl_rows": _KEEPS,
    "collect.demo_digits": "writes what it reads",
}
