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

from resiliparse.parse.html import HTMLTree

from tests.collect import corpora
from tests.decode.sounds import FILES as SOUNDS
from tests.fuzz import seeds
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
from tilth.decode.picture import MOST_PIXELS, PictureError, TooManyPixelsError, decode_picture
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
        "text",
        ("decode.look", "decode.text"),
        _parse_text,
        _just(*seeds.TEXTS),
        (UndecodableError,),
    ),
    Parser("encodings", ("decode.encodings",), _parse_encoding, _just(*seeds.TEXTS)),
    Parser(
        "text-in-pieces",
        ("decode.marked", "decode.stream"),
        _parse_pieces,
        _just(*seeds.TEXTS),
        (UndecodableError,),
    ),
    Parser(
        "json",
        ("decode.objects",),
        lambda data, _: parse_json(data.decode("utf-8", "replace")),
        _just(seeds.TASKS, *filter(None, seeds.JSONL.splitlines())),
        (ValueError, RecursionError),
    ),
    Parser(
        "json-path",
        ("formats.json_path",),
        lambda data, _: list(cut_records(io.BytesIO(data), (ALL,), 1 << 16)),
        _just(seeds.TASKS, b'[{"a": [1, 2]}, "b\\"]", 3]'),
        (NotJsonError,),
    ),
    Parser(
        "page",
        (
            *("decode.page", "decode.prescan", "decode.slashes", "web.links", "web.media_markup"),
            *("web.looks", "formats.kept", "formats.licenses"),
        ),
        _parse_page,
        _just(seeds.PAGE),
    ),
    Parser(
        "picture",
        ("decode.picture",),
        lambda data, _: decode_picture(data).image.size,
        seeds.some_pictures,
        (PictureError, TooManyPixelsError),
        4 * MOST_PIXELS,
    ),
    Parser(
        "sound",
        ("decode.sound", "decode.containers", "decode.stretches"),
        _parse_sound,
        seeds.some_sounds,
        (SoundError,),
    ),
    Parser(
        "http-answer", ("formats.http_answer",), _parse_answer, seeds.some_answers, (AnswerError,)
    ),
    Parser("http-head", ("web.cookies", "web.usage"), _parse_head, _just(seeds.HEAD)),
    Parser(
        "address",
        ("web.urls", "web.forms"),
        _parse_address,
        _just(b"http://E.org:80/%7ea/../b;c?d=%zz#e", b"//[::1]:8/\\x", b"?q=\xc3\xa4", b"../x y"),
    ),
    Parser("robots", ("web.robots", "web.patterns"), _parse_robots, _just(seeds.ROBOTS)),
    Parser(
        "lists-of-addresses",
        ("web.listing", "web.sitemap"),
        _parse_lists,
        _just(
            seeds.SITEMAP,
            seeds.FEED,
            b"http://e.org/1\n",
            b'[{"location": "/", "tdm-reservation": 1}]',
        ),
    ),
    Parser(
        "hub-card",
        ("formats.hub_card", "formats.front_matter"),
        _parse_card,
        _just(seeds.CARD),
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
        _just(seeds.SRT, seeds.VTT),
    ),
    Parser(
        "web-archive",
        (
            *("collect.web_archive", "formats.warc", "formats.arc", "formats.wacz"),
            "formats.window",
        ),
        _of_source("web_archive", "a.warc.gz"),
        seeds.some_web_archives,
    ),
    Parser(
        "archive",
        ("formats.archive", "formats.streams", *_TABLES),
        _of_source("files", "a.tar"),
        seeds.some_archives,
    ),
    Parser(
        "webdataset",
        ("collect.webdataset",),
        _of_source("webdataset", "a.tar"),
        lambda: seeds.some_archives()[:3],
    ),
    Parser("document", _DOCUMENTS, _of_source("files", "a"), seeds.some_documents),
    Parser(
        "arrow",
        _TABLES,
        _of_source("files", "a.arrow"),
        lambda: [seeds.some_arrow(stream=True), seeds.some_arrow(stream=False)],
    ),
    Parser(
        "parquet",
        ("collect.parquet",),
        _of_source("parquet", "a.parquet"),
        lambda: [
            seeds.some_parquet(),
            seeds.some_parquet(compression="zstd", version="1.0", use_dictionary=False),
        ],
    ),
    Parser("jsonl", ("collect.jsonl",), _of_source("jsonl", "a.jsonl"), _just(seeds.JSONL)),
    Parser("csv", ("collect.csv",), _of_source("csv", "a.csv"), _just(seeds.CSV)),
    Parser(
        "text-file",
        ("collect.text_file",),
        _of_source("text_file", "a.txt", record="paragraph"),
        _just(*seeds.TEXTS),
    ),
    Parser(
        "tmx",
        ("collect.tmx", "formats.tmx"),
        _of_source("tmx", "a.tmx", source="en", target="de"),
        _just(seeds.TMX),
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
        _just(seeds.TASKS),
    ),
    Parser(
        "annotations",
        ("annotate.incoming",),
        _parse_delivery,
        _just(seeds.TASKS, seeds.MANIFEST, seeds.RESULTS),
    ),
    Parser("idx", ("collect.idx",), _parse_idx, seeds.some_idx),
    Parser(
        "image-folder",
        ("collect.image_folder",),
        _of_folder("image_folder", {"b/b.png": seeds.some_pictures()[0]}, "a/a.png"),
        lambda: seeds.some_pictures()[:2],
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
        _of_folder("hub", {"data/train.parquet": seeds.some_parquet()}, "README.md"),
        _just(seeds.CARD.replace(b"x/*", b"data/*")),
    ),
    Parser(
        "join",
        ("collect.joins", "collect.join_tables"),
        _parse_joined,
        _just(b"name,label\na.png,x\n", b'name,label,split\r\n"a.png","y, z",dev\r\n'),
    ),
    Parser("recipe", ("recipe.load",), _parse_recipe, _just(seeds.RECIPE)),
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
    "decode.thumbnail": "draws what `decode.picture` has read",
    "formats.packing": "packs what Tilth made",
    "web.address": "looks at addresses that a name has, and at a table of ours",
    "web.admission": _KEEPS,
    "web.answers": _ASKS,
    "web.bounds": "settings",
    "web.browser": "what the browser itself says",
    "web.cdx": "lines of an index, tried with a server of its own",
    "web.chat": "answers of the server that a recipe names, tried with one of its own",
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
    "web.patience": "settings",
    "web.preview": _ASKS,
    "web.previewed": "records",
    "web.proxy": "settings",
    "web.quota": "counts",
    "web.render": "what the browser itself says",
    "web.rendering": "what the browser itself says",
    "web.resolver": "addresses that a name has",
    "web.retry": _ASKS,
    "web.secrets": "settings",
    "web.stores": _ASKS,
    "web.telling": "counts",
    "web.warc_store": "reads its own archive",
    "collect.common_crawl": "answers, which `http-answer` and `web-archive` try",
    "collect.crawl": _ASKS,
    "collect.crawl_media": "pictures and sounds, which `picture` and `sound` try",
    "collect.crawl_rows": _KEEPS,
    "collect.crawl_settings": "settings",
    "collect.demo_digits": "writes what it reads",
}
