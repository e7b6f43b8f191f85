"""One small source of every kind, from files here or from a site, and what it reads."""

from __future__ import annotations

import copy
import io
import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pyarrow as pa
import pyarrow.parquet as pq

from tests.collect.archives import tar
from tests.collect.tabular import read_with
from tests.collect.test_audio import wav
from tests.formats.web_archives import page, record
from tilth.recipe.operations import operation

Tree = dict[str, Any]

# The files of each source: place inside its settings -> name. Of most it is the source itself.
FILES: Mapping[str, Mapping[str, str]] = {
    "audio": {"": "a.tar"},
    "csv": {"": "a.csv"},
    "files": {"": "a.txt"},
    "idx": {"files.images": "x", "files.labels": "y"},
    "image_folder": {"": "a.tar"},
    "jsonl": {"": "a.jsonl"},
    "moses": {"": "a.tar"},
    "label_studio": {"": "a.json"},
    "parallel": {"files.source": "a.de", "files.target": "a.en"},
    "parquet": {"": "a.parquet"},
    "speech_corpus": {"": "a.tar"},
    "text_file": {"": "a.txt"},
    "tmx": {"": "a.tmx"},
    "web_archive": {"": "a.warc.gz"},
    "webdataset": {"": "a.tar"},
}
# What a source must be told besides.
BESIDES: Mapping[str, Tree] = {
    "moses": {"source": "de", "target": "en"},
    "speech_corpus": {"layout": "ljspeech"},
    "tmx": {"source": "de", "target": "en"},
}


def png(shade: int = 0, side: int = 4) -> bytes:
    """A picture of one shade of grey."""
    out = io.BytesIO()
    PIL.Image.fromarray(np.full((side, side), shade, np.uint8)).save(out, "PNG")
    return out.getvalue()


def data_of(source: str, name: str, word: str = "heron") -> bytes:
    """What stands in a file of the source; another word gives another file of the same size."""
    shade = sum(word.encode()) % 256
    if source == "audio":
        return tar([("a/1_ann.wav", wav(3200 + shade % 4))])
    if source == "speech_corpus":
        sound = wav(3200 + shade % 4)
        return tar([("a/metadata.csv", b"1|ann\n"), ("a/wavs/1.wav", sound)])
    if source == "image_folder":
        return tar([("cat/1.png", png(shade))])
    if source == "idx":
        head = struct.pack(">IIII", 0x803, 1, 2, 2) if name == "x" else struct.pack(">II", 0x801, 1)
        return head + bytes([shade] * 4 if name == "x" else [shade % 10])
    if source == "parquet":
        out = io.BytesIO()
        pq.write_table(pa.table({"text": [f"a {word}"]}), out)
        return out.getvalue()
    if source == "label_studio":
        return json.dumps([{"id": 1, "data": {"text": f"a {word}"}, "annotations": []}]).encode()
    if source == "moses":
        return tar([("a.de", b"ein Vogel\n"), ("a.en", f"a {word}\n".encode())])
    if source == "tmx":
        sides = (f'<tuv xml:lang="{one}"><seg>a {word}</seg></tuv>' for one in ("de", "en"))
        return f"<tmx><body><tu>{''.join(sides)}</tu></body></tmx>".encode()
    if source == "webdataset":
        return tar([("a.txt", f"a {word}".encode()), ("a.json", b'{"n": 1}')])
    if source == "web_archive":
        return record("http://e.org/", page(word))
    if source == "jsonl":
        return json.dumps({"text": f"a {word}"}).encode() + b"\n"
    return f"text\na {word}\n".encode() if source == "csv" else f"a {word}\n".encode()


def fill(source: str, folder: Path, word: str = "heron") -> Path:
    """The files of a source in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES[source].values():
        (folder / name).write_bytes(data_of(source, name, word))
    return folder


def settings(source: str, base: str, how: str = "path", **given: Any) -> Tree:
    """Settings of the source for files in the folder, or at the site, `base`."""
    if source in ("idx", "parallel"):
        pair: Tree = {
            place.rpartition(".")[2]: {how: f"{base}/{name}"}
            for place, name in FILES[source].items()
        }
        return {"files": [{"split": "train", **pair}], **given}
    return {how: f"{base}/{FILES[source]['']}", **BESIDES.get(source, {}), **given}


def part_of(path: str) -> tuple[str, str, str]:
    """`collect.idx.files.images.sha256`: the source, the place of the file, and the setting."""
    _, source, *inner, name = path.split(".")
    return source, ".".join(inner), name


def with_part(tree: Tree, place: str, **given: Any) -> Tree:
    """The settings with more said of the file at a place."""
    tree = copy.deepcopy(tree)
    at = tree["files"][0][place.rpartition(".")[2]] if place else tree
    at.update(given)
    return tree


def read(source: str, work: Path, tree: Tree, limit: int | None = None) -> list[dict[str, Any]]:
    """The rows, after the fingerprint that a plan takes."""
    return read_with(operation(source).module, work, limit, **tree)


def payload(rows: list[dict[str, Any]]) -> list[Any]:
    """What each row holds."""
    kinds = ("html", "text", "target", "image", "audio", "label")
    return [tuple(row.get(kind) for kind in kinds) for row in rows]
