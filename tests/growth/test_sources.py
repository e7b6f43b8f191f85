"""Every source of the registry, over files ten times as large in each way that a file can be.

A new source fails here until it says in `FEEDS` what it is fed.
"""

from __future__ import annotations

import gzip
import importlib
import io
import json
import struct
import tarfile
import wave
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.formats.web_archives import answer, plain_record
from tests.growth.measure import assert_linear
from tests.growth.shapes import TEXTS
from tilth.context import Context
from tilth.errors import DataError
from tilth.recipe.operations import operations
from tilth.web.links import read_markup
from tilth.web.robots import RobotsFile, decode_robots
from tilth.web.urls import join, joined_in_folder, normalize

# Once it is loaded sources are read by blocks as well, however small they are.
importlib.import_module("tilth.kernels.digests")

# Writes a file or folder of a size below a folder; gives the source's settings.
Feed = Callable[[Path, int], dict[str, Any]]


def _file(name: str, make: Callable[[int], str | bytes], **settings: Any) -> Feed:
    def feed(folder: Path, n: int) -> dict[str, Any]:
        data = make(n)
        (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)
        return {"path": str(folder / name), **settings}

    return feed


def _files(write: Callable[[Path, int], object], **settings: Any) -> Feed:
    def feed(folder: Path, n: int) -> dict[str, Any]:
        (folder / "all").mkdir()
        write(folder / "all", n)
        return {"path": str(folder / "all"), **settings}

    return feed


def _line(text: str) -> str:
    return json.dumps({"text": text}) + "\n"


def _table(columns: int, rows: int) -> bytes:
    out = io.BytesIO()
    table = pa.table({name: ["some words"] * rows for name in ["text", *map(str, range(columns))]})
    pq.write_table(table, out)
    return out.getvalue()


def _tasks(num: int, answers: int, text: str = "x") -> str:
    answer = {"from_name": "label", "type": "choices", "value": {"choices": ["a"]}}
    tasks = [
        {
            "id": i,
            "data": {"text": text},
            "annotations": [
                {"id": j, "completed_by": j, "result": [answer]} for j in range(answers)
            ],
        }
        for i in range(num)
    ]
    return json.dumps(tasks)


def _picture() -> bytes:
    out = io.BytesIO()
    PIL.Image.new("L", (4, 4)).save(out, "png")
    return out.getvalue()


def _pictures(folder: Path, n: int, per_class: int) -> None:
    for i in range(n):
        inside = folder / f"class{i // per_class}"
        inside.mkdir(exist_ok=True)
        (inside / f"{i}.png").write_bytes(_picture())


def _tar(members: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def _sound(samples: int) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(2 * samples))
    return out.getvalue()


def _corpus(layout: str, make: Callable[[int], Mapping[str, bytes]], **settings: Any) -> Feed:
    return _file("a.tar", lambda n: _tar(make(n)), layout=layout, **settings)


_ONE: Mapping[str, bytes] = {"wavs/a.wav": _sound(10), "wavs/x.wav": _sound(800)}


def _words(n: int) -> Mapping[str, bytes]:
    names = [f"yes/{i}_nohash_0.wav" for i in range(n)]
    lists = {"validation_list.txt": b"", "testing_list.txt": "\n".join(names[::3]).encode()}
    return {**lists, **dict.fromkeys(names, _sound(800))}


def _transcripts(n: int) -> Mapping[str, bytes]:
    lines = "".join(f"1-2-{i} A\n" for i in range(n)).encode()
    return {"1/2/1-2.trans.txt": lines} | {f"1/2/1-2-{i}.wav": _sound(800) for i in range(n)}


def _clips(rows: int, columns: int) -> Mapping[str, bytes]:
    more = "".join(f"\tc{i}" for i in range(columns))
    lines = [f"path\tsentence{more}", *(f"{i}.wav\ta{more}" for i in range(rows))]
    clips = {f"clips/{i}.wav": _sound(800) for i in range(rows)}
    return {"train.tsv": "\n".join(lines).encode(), **clips}


def _data_folder(recordings: int, segments: int) -> Mapping[str, bytes]:
    found = {f"{i}.wav": _sound(800) for i in range(recordings)}
    names = [(f"u{i}-{j}", i) for i in range(recordings) for j in range(segments)]
    return found | {
        "wav.scp": "".join(f"{i} {i}.wav\n" for i in range(recordings)).encode(),
        "segments": "".join(f"{name} {i} 0 0.05\n" for name, i in names).encode(),
        "text": "".join(f"{name} a\n" for name, _ in names).encode(),
    }


def _subtitles(cues: int, text: str, samples: int = 800) -> Mapping[str, bytes]:
    cue = f"00:00.000 --> 00:00.050\n{text}\n\n"
    return {"a.wav": _sound(samples), "a.vtt": f"WEBVTT\n\n{cue * cues}".encode()}


def _pair(num_lines: int, chars: int) -> Feed:
    def feed(folder: Path, n: int) -> dict[str, Any]:
        for side in ("de", "en"):
            (folder / side).write_text(("a " * (chars or n) + "\n") * (num_lines or n))
        sides = {key: {"path": str(folder / s)} for key, s in (("source", "de"), ("target", "en"))}
        return {"files": [sides], "max_record_bytes": 1 << 24}

    return feed


def _idx(folder: Path, n: int) -> dict[str, Any]:
    images = struct.pack(">IIII", 0x803, n, 8, 8) + np.zeros((n, 8, 8), np.uint8).tobytes()
    (folder / "images").write_bytes(images)
    (folder / "labels").write_bytes(struct.pack(">II", 0x801, n) + bytes(n))
    files = {key: {"path": str(folder / key)} for key in ("images", "labels")}
    return {"files": [{"split": "train", **files}]}


def _packed(make: Callable[[int], bytes], **given: Any) -> Feed:
    def feed(folder: Path, n: int) -> dict[str, Any]:
        (folder / "a.warc").write_bytes(make(n))
        return {"path": str(folder / "a.warc"), **given}

    return feed


_BIG = {"max_record_bytes": 1 << 26}
_SIDES = {"source": "de", "target": "en"}


def _dataset(make: Callable[[int], Mapping[str, bytes]]) -> Feed:
    """A data set in the hub's layout."""

    def feed(folder: Path, n: int) -> dict[str, Any]:
        for name, data in make(n).items():
            (folder / "ds" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "ds" / name).write_bytes(data)
        return {"path": str(folder / "ds"), **_BIG}

    return feed


def _classes(rows: int) -> bytes:
    features = {"label": {"names": [str(i) for i in range(rows)], "_type": "ClassLabel"}}
    table = pa.table({"text": ["some words"] * rows, "label": range(rows)})
    out = io.BytesIO()
    said = json.dumps({"info": {"features": features}})
    pq.write_table(table.replace_schema_metadata({"huggingface": said}), out)
    return out.getvalue()


def _unit(text: str) -> str:
    sides = (f"<tuv xml:lang='{one}'><seg>{text}</seg></tuv>" for one in ("de", "en"))
    return f"<tu>{''.join(sides)}</tu>\n"


def _tmx(make: Callable[[int], str]) -> Feed:
    return _file(
        "a.tmx", lambda n: f"<tmx><body>{make(n)}</body></tmx>".replace("`", "'"), **_SIDES, **_BIG
    )


_ARCHIVES: Mapping[str, Feed] = {
    "records": _packed(lambda n: plain_record(answer(b"some words")) * n),
    "members": _packed(lambda n: gzip.compress(plain_record(answer(b"some words"))) * n),
    "one member": _packed(lambda n: gzip.compress(plain_record(answer(b"words")) * n)),
    "a long record": _packed(lambda n: plain_record(answer(b"word " * n)), **_BIG),
    "lies": _packed(lambda n: plain_record(b"", content_length="5000") * n),
    "heads without an end": _packed(lambda n: b"WARC/1.0\r\nA: b\r\n" * n),
    "fields": _packed(lambda n: plain_record(b"", **{f"n{i}": "x" for i in range(n)})),
    "what could be members": _packed(lambda n: b"\x1f\x8b\x08" * n),
    "small members": _packed(lambda n: gzip.compress(b"x") * n),
    "chunks": _packed(
        lambda n: plain_record(
            answer(b"1\r\nx\r\n" * n + b"0\r\n\r\n", "Transfer-Encoding: chunked")
        )
    ),
    "pages met again": _packed(
        lambda n: (
            plain_record(answer(b"x")) + plain_record(b"", type="revisit", refers_to="<urn:x>") * n
        )
    ),
    "lines of ARC": _packed(lambda n: b"filedesc://a 1.1.1.1 20140216050221 text/plain -1\n" * n),
}
FEEDS: Mapping[str, Mapping[str, Feed]] = {
    "jsonl": {
        "records": _file("a.jsonl", lambda n: _line("some words") * n),
        "a long record": _file("a.jsonl", lambda n: _line("word " * n), **_BIG),
        "depth": _file("a.jsonl", lambda n: "[" * n + "]" * n, **_BIG),
        "strings": _file("a.jsonl", lambda n: '["' + '\\"' * n + '"', **_BIG),
        "keys": _file("a.jsonl", lambda n: json.dumps(dict.fromkeys(map(str, range(n)), 1))),
        "blank lines": _file("a.jsonl", lambda n: "\n" * n + _line("x")),
        "files": _files(
            lambda at, n: [(at / f"{i}.jsonl").write_text(_line("x")) for i in range(n)]
        ),
    },
    "csv": {
        "records": _file("a.csv", lambda n: "text,y\n" + "some words,1\n" * n),
        "a long record": _file("a.csv", lambda n: 'text,y\n"' + "a\n" * n + '",1\n', **_BIG),
        "open quotation marks": _file("a.csv", lambda n: "text,y\n" + 'x","y\n' * n),
        "one open quotation mark": _file("a.csv", lambda n: 'text,y\n"' + "x,y\n" * n),
        "doubled quotation marks": _file("a.csv", lambda n: 'text\n"' + '""' * n + '"\n', **_BIG),
        "open above the bound": _file(
            "a.csv", lambda n: "text,y\n" + 'x","y\n' * n, max_record_bytes=1000
        ),
        "columns": _file(
            "a.csv", lambda n: ",".join(["text", *map(str, range(n))]) + "\n" + "x" + ",1" * n
        ),
        "short records": _file("a.csv", lambda n: "text,y\n" + "x\n" * n),
    },
    "files": {
        "a long file": _file("a.txt", lambda n: "word " * n, **_BIG),
        "files": _files(lambda at, n: [(at / f"{i}.txt").write_text("x") for i in range(n)]),
        "records": _file("a", lambda n: _line("some words") * n),
        "an array": _file("a", lambda n: json.dumps([{"text": "x"}] * n)),
        "members": _file("a.tar", lambda n: _tar({f"{i}.txt": b"x" for i in range(n)})),
        "comments": _file("a", lambda n: "<!---->" * n, **_BIG),
        "cells": _file("a", lambda n: "text,b,c\n" + "x,1,2\n" * n),
        "front matter": _file("a.md", lambda n: "---\n" + "a: b\n" * n + "---\nx", **_BIG),
    },
    "parquet": {
        "records": _file("a.parquet", lambda n: _table(1, n)),
        "columns": _file("a.parquet", lambda n: _table(n, 1)),
        "a column of many": _file(
            "a.parquet", lambda n: _table(n, 1), fields={"text": "0", "label": "1"}
        ),
    },
    "parallel": {"records": _pair(0, 5), "a long record": _pair(1, 0)},
    "idx": {"records": _idx},
    "image_folder": {
        "records": _files(lambda at, n: _pictures(at, n, 50)),
        "classes": _files(lambda at, n: _pictures(at, n, 1)),
        "members": _file("a.tar", lambda n: _tar({f"c/{i}.png": _picture() for i in range(n)})),
    },
    "text_file": {
        "a long file": _file("a.txt", lambda n: "word " * n, **_BIG),
        "files": _files(lambda at, n: [(at / f"{i}.txt").write_text("x") for i in range(n)]),
        "lines": _file("a.txt", lambda n: "x\n" * n, record="line"),
        "paragraphs": _file("a.txt", lambda n: "x\ny\n\n" * n, record="paragraph"),
        "a long paragraph": _file("a.txt", lambda n: "x\n" * n, record="paragraph", **_BIG),
        "above the bound": _file("a.txt", lambda n: "x\n" * n, record="paragraph"),
        "parts": _file("a.txt", lambda n: "x\n" * n, split={"train": 0.9, "test": 0.1}, **_BIG),
    },
    "audio": {
        "records": _files(
            lambda at, n: [(at / f"{i}.wav").write_bytes(_sound(10)) for i in range(n)]
        ),
        "a long record": _file("a.wav", lambda n: _sound(20 * n), **_BIG),
        "members": _file("a.tar", lambda n: _tar({f"{i}.wav": _sound(10) for i in range(n)})),
    },
    "speech_corpus": {
        "words": _corpus("speech_commands", lambda n: _words(n)),
        "transcripts": _corpus("librispeech", lambda n: _transcripts(n)),
        "tables": _corpus("common_voice", lambda n: _clips(n, 1)),
        "columns": _corpus("common_voice", lambda n: _clips(1, n)),
        "lines": _corpus("ljspeech", lambda n: {"metadata.csv": b"x|y|z\n" * n, **_ONE}),
        "a long line": _corpus("ljspeech", lambda n: {"metadata.csv": b"x|" + b"y " * n, **_ONE}),
        "recordings": _corpus("kaldi", lambda n: _data_folder(n, 1)),
        "segments": _corpus("kaldi", lambda n: _data_folder(1, n)),
        "cues": _corpus("subtitles", lambda n: _subtitles(n, "x")),
        "a long cue": _corpus("subtitles", lambda n: _subtitles(1, "<v a>&amp;" * n)),
        "a long recording": _corpus("subtitles", lambda n: _subtitles(1, "x", 20 * n), **_BIG),
    },
    "hub": {
        "records": _dataset(lambda n: {"train.parquet": _table(1, n)}),
        "classes": _dataset(lambda n: {"train.parquet": _classes(n)}),
        "columns": _dataset(lambda n: {"train.parquet": _table(n, 1)}),
        "files": _dataset(
            lambda n: {f"data/train-{i:05d}-of-{n:05d}.parquet": _table(1, 1) for i in range(n)}
        ),
        "patterns": _dataset(
            lambda n: {
                "a.csv": b"text\nx\n",
                "README.md": b"---\nconfigs:\n  data_files: '" + b"**/" * n + b"a*.csv'\n---\n",
            }
        ),
        "lines": _dataset(lambda n: {"train.jsonl": (_line("some words") * n).encode()}),
    },
    "webdataset": {
        "samples": _file(
            "a.tar", lambda n: _tar({f"{i}.{e}": b"1" for i in range(n) for e in ("txt", "cls")})
        ),
        "one sample": _file("a.tar", lambda n: _tar({f"a.{i}.txt": b"1" for i in range(n)})),
        "keys": _file(
            "a.tar",
            lambda n: _tar(
                {
                    "a.json": json.dumps(
                        {"text": "x"} | dict.fromkeys(map(str, range(n)), 1)
                    ).encode()
                }
            ),
        ),
        "a long member": _file("a.tar", lambda n: _tar({"a.txt": b"word " * n}), **_BIG),
    },
    "moses": {
        "lines": _file(
            "a.tar",
            lambda n: _tar({f"a.{e}": b"some words\n" * n for e in ("de", "en", "ids")}),
            **_SIDES,
        ),
        "a long line": _file(
            "a.tar",
            lambda n: _tar({f"a.{e}": b"word " * n for e in ("de", "en")}),
            **_SIDES,
            **_BIG,
        ),
    },
    "tmx": {
        "units": _tmx(lambda n: _unit("some words") * n),
        "a long unit": _tmx(lambda n: _unit("word " * n)),
        "languages": _tmx(lambda n: f"<tu>{'<tuv xml:lang=`en`><seg>a</seg></tuv>' * n}</tu>"),
        "properties": _tmx(
            lambda n: "<tu>" + "".join(f"<prop type='p{i}'>x</prop>" for i in range(n)) + "</tu>"
        ),
        "one property": _tmx(lambda n: "<tu>" + "<prop type='p'>x</prop>" * n + "</tu>"),
        "tags": _tmx(lambda n: _unit("<hi>a</hi>" * n)),
        "depth": _tmx(lambda n: "<a>" * n),
        "a long tag": _tmx(lambda n: f"<tu a='{'x' * n}'/>"),
        "a tag without an end": _tmx(lambda n: "<tu a='" + "x" * 1000 * n),
    },
    "web_archive": _ARCHIVES,
    "label_studio": {
        "records": _file("a.json", lambda n: _tasks(n, 2)),
        "answers": _file("a.json", lambda n: _tasks(1, n)),
        "a long record": _file("a.json", lambda n: _tasks(1, 1, "x" * 10 * n), **_BIG),
        "depth": _file("a.json", lambda n: "[" + "[" * n + "]" * n + "]", **_BIG),
        "quotation marks": _file("a.json", lambda n: _tasks(1, 1, '"\\' * n), **_BIG),
    },
}
# `crawl` is fed by a server; its parts that read a page are tried below. So is `common_crawl`,
# which reads records as `web_archive` does. `demo_digits` takes no input: it makes as many as
# scikit-learn ships.
NOT_FED = {"crawl", "common_crawl", "demo_digits"}
# A folder of thousands of files is slow to make.
OF_FILES = {
    *((name, "files") for name in ("files", "jsonl", "text_file")),
    ("files", "members"),
    *(("image_folder", form) for form in ("records", "classes")),
    *(("audio", form) for form in ("records", "members")),
    ("hub", "files"),
}
_MOST_FILES = 200
# A record of more lines than are taken for regular at once goes another way, as linear and slower:
# the smaller one goes it as well. Keys are compared where the clock says something and all of them
# fit into a processor's cache: beyond some 40,000 a dictionary, and nothing else, takes twice as
# long for each.
_FROM = {("csv", "a long record"): 6000, ("jsonl", "keys"): 3000}

SOURCES = [name for name, op in operations().items() if op.kind == "source"]


def test_every_source_is_fed() -> None:
    assert set(SOURCES) == {*FEEDS, *NOT_FED}


@pytest.mark.parametrize(
    ("name", "form"), [(name, form) for name, forms in FEEDS.items() for form in forms]
)
def test_a_source_of_more(name: str, form: str, tmp_path: Path) -> None:
    op = operations()[name]

    def make(n: int) -> Callable[[], object]:
        folder = tmp_path / str(n)
        folder.mkdir(exist_ok=True)
        if not (folder / "settings.json").exists():
            (folder / "settings.json").write_text(json.dumps(FEEDS[name][form](folder, n)))
        settings = op.settings.model_validate_json((folder / "settings.json").read_bytes())

        def run() -> object:
            try:
                return [*op.module.read(settings, "s", Context(folder / "work"))]
            except DataError:
                return None  # an empty or refused file is said, and measured all the same

        return run

    start = _FROM.get((name, form), 50)
    assert_linear(make, start, _MOST_FILES if (name, form) in OF_FILES else max(start, 3000))


LINKS: Mapping[str, Callable[[int], str]] = {
    "labels": lambda n: "http://" + ".".join(["ab"] * n) + "/%",
    "letters": lambda n: "http://" + "a" * n + "/%",
    "letters of another script": lambda n: "http://" + "ü" * n + "/",
    "digits": lambda n: "http://" + "1" * n + "/%",
    "full stops": lambda n: "http://a" + "." * n + "/%",
    "hyphens": lambda n: "http://a" + "-" * n + "/%",
    "segments": lambda n: "http://a" + "/b.c" * n + "%",
    "dots": lambda n: "http://a" + "/.." * n,
    "escapes": lambda n: "http://a/" + "%41" * n,
    "slashes": lambda n: "http://a" + "/" * n + "%",
    "query": lambda n: "http://a/?" + "&" * n,
    "blanks": lambda n: "http://a/" + " " * n + "b",
    "colons": lambda n: "http://" + ":" * n,
    "brackets": lambda n: "http://" + "[" * n,
}


@pytest.mark.parametrize("form", LINKS)
def test_a_longer_link(form: str) -> None:
    def make(n: int) -> Callable[[], object]:
        href = LINKS[form](n)

        def run() -> object:
            joined_in_folder.cache_clear()
            return [join("http://example.org/a/b", href), join("http://example.org/a/b", href[7:])]

        return run

    assert_linear(make, 500, 20_000)


def test_a_link_of_ten_times_the_labels() -> None:
    """The time doubled with each label: 26 of them, 90 bytes, took nine seconds."""

    def make(n: int) -> Callable[[], object]:
        url = LINKS["labels"](n)
        return lambda: [normalize(url) for _ in range(10)]

    # Two labels and twenty: from there on nobody could wait for the end.
    assert_linear(make, 2, 2)


PARTS: Mapping[str, str] = {
    "links": "<a href='/b/{}'>c</a>",
    "one link": "<a href=x>",
    "metadata": "<meta name=a content=b>",
    "bases": "<base href='/x'>",
    "depth": "<div>",
    "open tags": "<a ",
    "comments": "<!--",
}


@pytest.mark.parametrize("form", PARTS)
def test_the_links_of_a_longer_page(form: str) -> None:
    def make(n: int) -> Callable[[], object]:
        body = "".join(PARTS[form].format(i) for i in range(n)).encode()
        return lambda: read_markup(body, "http://example.org/", "text/html; charset=utf-8")

    assert_linear(make, 100, 3000)


RULES: Mapping[str, Callable[[int], str]] = {
    "rules": lambda n: "User-agent: *\n" + "".join(f"Disallow: /a{i}\n" for i in range(n)),
    "crawlers": lambda n: "".join(f"User-agent: a{i}\nDisallow: /\n" for i in range(n)),
    "stars": lambda n: "User-agent: *\nDisallow: /" + "*a" * n + "*b$\n",
    "escapes": lambda n: "User-agent: *\nDisallow: /" + "%41" * n + "\n",
    "newlines": lambda n: "\n" * n,
    "blanks": lambda n: " " * n,
    "colons": lambda n: ":" * n,
}


@pytest.mark.parametrize("form", RULES)
def test_a_longer_robots_file(form: str) -> None:
    def make(n: int) -> Callable[[], object]:
        text, url = RULES[form](n), "http://example.org/" + "a" * min(n, 2000)
        return lambda: RobotsFile(decode_robots(text.encode()), "tilth").allows(url)

    assert_linear(make, 100, 3000)


@pytest.mark.parametrize("shape", TEXTS)
def test_a_robots_file_of_any_text(shape: str) -> None:
    assert_linear(
        lambda n: lambda: RobotsFile(TEXTS[shape](n), "tilth").allows("http://a/b"), 1000, 20_000
    )
