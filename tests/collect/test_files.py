"""Mixed folders and archives: every file in the books, and read as the plain library reads it."""

from __future__ import annotations

import bz2
import csv as standard
import gzip
import io
import json
import lzma
import os
import random
import tracemalloc
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.collect.archives import encrypted, pack, tar, zip_, zstd
from tests.formats import documents
from tests.formats.test_signatures import picture, sound
from tilth.collect import files, item_rows
from tilth.context import Context
from tilth.errors import DataError

pytest.importorskip("pypdfium2")
pytest.importorskip("mammoth")
pytest.importorskip("python_calamine")


class Read(NamedTuple):
    """What came of a source."""

    rows: list[dict[str, Any]]
    passed: dict[str, str]

    def of(self, name: str) -> list[dict[str, Any]]:
        return [row for row in self.rows if name in row["uri"]]

    @property
    def payloads(self) -> dict[str, Any]:
        kinds = ("text", "image", "audio", "html")
        return {
            row["uri"]: next((row[kind] for kind in kinds if row.get(kind) is not None), None)
            for row in self.rows
        }


def read(path: Path, limit: int | None = None, **given: Any) -> Read:
    passed: list[tuple[str, str]] = []
    context = Context(
        path.parent, limit=limit, passes_over=lambda place, reason: passed.append((place, reason))
    )
    settings = files.Settings.model_validate({"path": str(path), **given})
    rows = [row for batch in files.read(settings, "s", context) for row in batch.to_pylist()]
    base = f"{path}/" if path.is_dir() else f"{path}:"
    for row in rows:
        row["uri"] = row["uri"].removeprefix(base)
    told = [(place.removeprefix(base), reason) for place, reason in passed]
    assert not [one for one, n in Counter(place for place, _ in told).items() if n > 1]
    return Read(rows, dict(told))


def table(*texts: str) -> pa.Table:
    columns = {"text": pa.array(texts, pa.string()), "n": pa.array(range(len(texts)), pa.int64())}
    return pa.table(columns)


def parquet(*texts: str) -> bytes:
    out = io.BytesIO()
    pq.write_table(table(*texts), out)
    return out.getvalue()


def arrow(*texts: str, stream: bool = False) -> bytes:
    out = io.BytesIO()
    with (pa.ipc.new_stream if stream else pa.ipc.new_file)(out, table(*texts).schema) as writer:
        writer.write_table(table(*texts))
    return out.getvalue()


def delimited(delimiter: str, *texts: str) -> bytes:
    out = io.StringIO()
    writer = standard.writer(out, delimiter=delimiter)
    writer.writerows([["text", "n"], *([text, n] for n, text in enumerate(texts))])
    return out.getvalue().encode()


# Of each type: a file of the number, and the payloads that a plain library finds in it.
Made = tuple[bytes, list[Any]]


def made(kind: str, n: int) -> Made:
    text, other = f"a text, number {n}", f"another of {n}"
    both = [text, other]
    whole: Mapping[str, Callable[[], Made]] = {
        "txt": lambda: (text.encode(), [text]),
        "log": lambda: (text.encode("utf-16"), [text]),
        "md": lambda: (f"---\ntitle: {n}\n---\n# Of {n}\n".encode(), [f"# Of {n}\n"]),
        "html": lambda: _page(f"<!doctype html><p>{text}</p>"),
        "xhtml": lambda: _page(f'<?xml version="1.0"?><html xmlns="x"><p>{text}</p></html>'),
        "pdf": lambda: (documents.pdf([[text], [other]]), [f"{text}\n\n{other}"]),
        "docx": lambda: (documents.docx(both), [f"{text}\n\n{other}"]),
        "epub": lambda: (documents.epub([f"<p>{one}</p>" for one in both]), [f"{text}\n\n{other}"]),
        "json": lambda: (json.dumps([{"text": one} for one in both]).encode(), both),
        "jsonl": lambda: (b"".join(json.dumps({"text": t}).encode() + b"\n" for t in both), both),
        "csv": lambda: (delimited(",", *both), both),
        "tsv": lambda: (delimited("\t", *both), both),
        "parquet": lambda: (parquet(*both), both),
        "arrow": lambda: (arrow(*both), both),
        "arrows": lambda: (arrow(*both, stream=True), both),
        "xlsx": lambda: (documents.xlsx({"A": [["text", "n"], *_rows(both)]}), both),
        "ods": lambda: (documents.ods({"A": [["text", "n"], *_rows(both)]}), both),
        "png": lambda: _same(picture("PNG")),
        "jpg": lambda: _same(picture("JPEG")),
        "webp": lambda: _same(picture("WEBP")),
        "gif": lambda: _same(picture("GIF")),
        "bmp": lambda: _same(picture("BMP")),
        "tif": lambda: _same(picture("TIFF")),
        "wav": lambda: _same(sound("WAV")),
        "flac": lambda: _same(sound("FLAC")),
        "mp3": lambda: _same(sound("MP3")),
        "ogg": lambda: _same(sound("OGG")),
    }
    return whole[kind]()


TYPES = (
    *("txt", "log", "md", "html", "xhtml", "pdf", "docx", "epub", "json", "jsonl", "csv", "tsv"),
    *("parquet", "arrow", "arrows", "xlsx", "ods", "png", "jpg", "webp", "gif", "bmp", "tif"),
    *("wav", "flac", "mp3", "ogg"),
)


def _rows(texts: list[str]) -> list[list[str | float | None]]:
    return [[text, 1] for text in texts]


def _page(text: str) -> Made:
    return text.encode(), [text.encode()]


def _same(data: bytes) -> Made:
    return data, [data]


PACKERS: Mapping[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstd,
}


def lay_out(folder: Path, num: int) -> dict[str, list[Any]]:
    """Files of every type in turn, each in one of the ways that a file may lie; what each holds."""
    expected: dict[str, list[Any]] = {}
    members: dict[str, list[tuple[str, bytes]]] = {}
    for n in range(num):
        kind = TYPES[n % len(TYPES)]
        data, payloads = made(kind, n)
        way = n // len(TYPES) % 8
        name = f"d{n % 7}/{n}.{kind}"
        if way == 1:
            name = f"d{n % 7}/{n}"  # Without an ending, its content says what it is.
            if kind in ("md",):
                name += ".markdown"
            elif kind in ("csv", "tsv"):
                name += f".{kind}"
        if way < 3:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            expected[name] = payloads
        elif way == 3:
            ending = list(PACKERS)[n % 4]
            path = folder / f"{name}{ending}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(PACKERS[ending](data))
            expected[f"{name}{ending}"] = payloads
        else:
            archive = f"packed{(n // 3) % 6}"
            if way == 7:
                name, data = f"{name}.gz", gzip.compress(data)
            members.setdefault(archive, []).append((name, data))
            expected[f"{archive}:{name}"] = payloads
    endings = (".tar", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst", ".zip")
    renamed = {}
    for archive, inside in members.items():
        ending = endings[int(archive.removeprefix("packed"))]
        data = zip_(inside) if ending == ".zip" else tar(inside)
        packer = PACKERS.get(f".{ending.rpartition('.')[2]}", bytes)
        (folder / f"{archive}{ending}").write_bytes(packer(data))
        renamed[archive] = f"{archive}{ending}"
    return {
        name.replace(name.partition(":")[0], renamed.get(name.partition(":")[0], ""), 1)
        if ":" in name
        else name: payloads
        for name, payloads in expected.items()
    }


def odd_files(folder: Path) -> dict[str, str]:
    """Files that are not read, and a word of the reason."""
    odd = {
        ".hidden.txt": (b"x", "hidden"),
        "empty.txt": (b"", "empty"),
        "blank.txt": (b" \n\n", "empty"),
        "a.bin": (b"\0\1\2", "unknown type"),
        "a.xml": (b"<?xml version='1.0'?><a/>", "(XML)"),
        "a.py": (b"x = 1", "`types` names `code`"),
        "a.7z": (b"7z\xbc\xaf\x27\x1c" + bytes(40), "(a 7z archive)"),
        "locked.pdf": (documents.pdf([["x"]], password="x"), "locked"),
        "scan.pdf": (documents.pdf([[], []]), "without text"),
        "none.csv": (b"text,n\n", "not one record"),
        "none.json": (b"[]", "not one record"),
        "none.parquet": (parquet(), "not one record"),
        "none.zip": (zip_([]), "not one record"),
        "again.txt.gz": (gzip.compress(gzip.compress(b"x")), "packed twice"),
    }
    for name, (data, _) in odd.items():
        (folder / name).write_bytes(data)
    inner = [
        ("in.zip", zip_([("a.txt", b"x")])),
        ("in.tar.gz", gzip.compress(tar([("a.txt", b"x")]))),
        ("__MACOSX/._a.txt", b"x"),
        ("locked.txt", b"x"),
    ]
    (folder / "odd.zip").write_bytes(encrypted(zip_(inner), "locked.txt"))
    reasons = {name: reason for name, (_, reason) in odd.items()}
    reasons |= {f"odd.zip:{name}": "an archive in an archive" for name in ("in.zip", "in.tar.gz")}
    reasons |= {"odd.zip:__MACOSX/._a.txt": "hidden", "odd.zip:locked.txt": "locked"}
    return reasons


def broken_files(folder: Path) -> set[str]:
    """Files that belong to the source and cannot be read."""
    broken = {
        "cut.pdf": documents.pdf([["x"]])[:150],
        "cut.parquet": parquet("a")[:60],
        "cut.jsonl.gz": gzip.compress(b'{"text": "a"}\n' * 99)[:30],
        "cut.tar": tar([("a.txt", b"x" * 2000)])[:1500],
        "broken.txt": "naïveté, déjà vu".encode() + b"\xff",
        "cut.arrow": arrow("a")[:120],
        "doctype.docx": documents.docx(["x"], doctype="<!DOCTYPE x>"),
        "other.csv": b"body,n\na,1\n",
        "cut.flac": sound("FLAC")[:20],
        "out.zip": zip_([("../out.txt", b"x"), ("/abs.txt", b"x")]),
    }
    for name, data in broken.items():
        (folder / name).write_bytes(data)
    return set(broken)


def check_mixed(folder: Path, num: int) -> None:
    folder.mkdir()
    expected = lay_out(folder, num)
    reasons = odd_files(folder)
    broken = broken_files(folder)
    found = read(folder)
    by_file: dict[str, list[Any]] = {}
    errors = set()
    for row in found.rows:
        name = next(
            (
                one
                for one in (
                    row["uri"],
                    row["uri"].rpartition(":")[0],
                    row["uri"].rpartition("#")[0],
                )
                if one in expected
            ),
            None,
        )
        if row["error"] is not None:
            errors.add(row["uri"].partition(":")[0])
        else:
            assert name is not None, row["uri"]
            kinds = ("text", "image", "audio", "html")
            (payload,) = [row[kind] for kind in kinds if row[kind] is not None]
            by_file.setdefault(name, []).append(payload)
    assert by_file == expected
    assert errors == broken
    assert found.passed.keys() == reasons.keys()
    assert not {
        place: reason for place, reason in found.passed.items() if reasons[place] not in reason
    }
    ids = [row["id"] for row in found.rows]
    assert len(set(ids)) == len(ids)
    assert [row["id"] for row in read(folder).rows] == ids


def test_every_file_is_in_the_books(tmp_path: Path) -> None:
    check_mixed(tmp_path / "in", 8 * len(TYPES))


@pytest.mark.slow
def test_every_one_of_a_thousand_files_is_in_the_books(tmp_path: Path) -> None:
    check_mixed(tmp_path / "in", 1000)


def test_a_mixed_batch_has_nulls_where_a_sample_has_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.txt").write_text("a")
    (folder / "b.png").write_bytes(picture("PNG"))
    settings = files.Settings(path=str(folder))
    (batch,) = files.read(settings, "s", Context(tmp_path))
    assert set(batch.schema.names) >= {"text", "image", "audio", "html"}
    assert set(batch.schema.names) - {"id", "source", "uri", "key", "error"} == {
        *files.fills(settings)
    } - {"meta.*"}
    assert batch.column("text").to_pylist() == ["a", None]
    assert batch.column("image").null_count == 1
    only = files.Settings(path=str(folder), types=("images",))
    (batch,) = files.read(only, "s", Context(tmp_path))
    assert "text" not in batch.schema.names


@pytest.mark.parametrize("package", ["pypdfium2", "mammoth", "python_calamine"])
def test_a_type_whose_extra_is_missing_is_passed_over_with_its_name(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.txt").write_text("a")
    for kind in ("pdf", "docx", "xlsx", "ods"):
        (folder / f"a.{kind}").write_bytes(made(kind, 1)[0])
    monkeypatch.setattr(item_rows, "is_here", lambda name: name != package)
    extra = {"pypdfium2": "pdf", "mammoth": "docx", "python_calamine": "sheets"}[package]
    passed = read(folder).passed
    assert passed
    assert all(f"pip install 'tilth[{extra}]'" in reason for reason in passed.values())


def test_links_and_what_is_no_file_are_told(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "a.txt").write_text("a")
    (folder / "again").symlink_to(folder / "sub")
    (folder / "b.txt").symlink_to(folder / "sub" / "a.txt")
    (folder / ".git").mkdir()
    (folder / ".git" / "c.txt").write_text("c")
    os.mkfifo(folder / "pipe")
    found = read(folder)
    assert [row["uri"] for row in found.rows] == ["b.txt", "sub/a.txt"]
    assert found.passed == {
        "again": "a link to a folder, which is not followed",
        ".git": "hidden: its name begins with a point",
        "pipe": "a pipe or a device, not a file",
    }


def test_properties_of_a_document_are_fields(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.pdf").write_bytes(documents.pdf([["x"]], {"Author": "ann", "Subject": "birds"}))
    (folder / "b.md").write_text("---\nauthor: bob\nsubject: tea\n---\ny")
    (folder / "c.jsonl").write_text('{"text": "z", "author": "cat", "subject": "rain"}\n')
    rows = read(folder, fields={"subject": "author", "label": "subject"}).rows
    assert [(row["text"], row["subject"], row["label"]) for row in rows] == [
        ("x", "ann", "birds"),
        ("y", "bob", "tea"),
        ("z", "cat", "rain"),
    ]


def test_a_limit_has_its_share_of_every_class(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    for name, num in (("cat", 30), ("dog", 10)):
        (folder / name).mkdir(parents=True)
        for n in range(num):
            (folder / name / f"{n}.txt").write_text(f"{name} {n}")
    rows = read(folder, 8, labels="folder").rows
    assert Counter(row["label"] for row in rows) == {"cat": 6, "dog": 2}
    assert len(read(folder, 3).rows) == 3


def test_the_fingerprint_is_of_what_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.txt", "b.pdf", ".hidden"):
        (folder / name).write_text("x")
    settings = files.Settings(path=str(folder), exclude=("*.pdf",))
    before = files.fingerprint(settings)
    assert before.count("\n") == 2  # what is hidden is in the books by its name
    (folder / "b.pdf").write_text("other")
    assert files.fingerprint(settings) == before
    (folder / "a.txt").write_text("other")
    assert files.fingerprint(settings) != before


def test_an_archive_alone_names_its_members_by_their_paths(tmp_path: Path) -> None:
    members = [("x/a.txt", b"a"), ("b.jsonl", b'{"text": "b"}\n{"text": "c"}\n')]
    rows = read(pack(tmp_path, ".tar.zst", members)).rows
    again = read(pack(tmp_path, ".zip", members)).rows
    assert [row["uri"] for row in rows] == ["x/a.txt", "b.jsonl:1", "b.jsonl:2"]
    assert [row["id"] for row in rows] == [row["id"] for row in again]


def test_large_members_are_not_held(tmp_path: Path) -> None:
    lines = b'{"text": "some words of a line"}\n' * 300_000
    path = pack(tmp_path, ".tar.gz", [("a.jsonl", lines)])
    settings, num = files.Settings(path=str(path)), 0
    tracemalloc.start()
    for batch in files.read(settings, "s", Context(tmp_path, limit=5_000)):
        num += batch.num_rows
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert num == 5_000
    assert peak < len(lines) / 2


def test_what_is_read_from_its_end_is_found_in_an_archive_however_large(tmp_path: Path) -> None:
    texts = [os.urandom(500).hex() for _ in range(12_000)]
    path = pack(tmp_path, ".tar.gz", [("a.parquet", parquet(*texts)), ("b.txt", b"behind")])
    settings = files.Settings(path=str(path))
    context = Context(tmp_path / "not" / "there")
    found = [text for batch in files.read(settings, "s", context) for text in batch["text"]]
    assert [one.as_py() for one in found] == [*texts, "behind"]


def test_a_name_may_be_any_bytes(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in (b"\xff.txt", "ü.txt".encode(), b"a\nb.txt", b"c .bin"):
        (folder / os.fsdecode(name)).write_bytes(b"\0" if name.endswith(b"bin") else b"text")
    found = read(folder)
    assert [row["text"] for row in found.rows] == ["text"] * 3
    assert list(found.passed) == ["c .bin"]


def test_of_any_damaged_file_something_is_said(tmp_path: Path) -> None:
    draw = random.Random(16)
    folder = tmp_path / "in"
    folder.mkdir()
    packed: Mapping[str, Callable[[Any], bytes]] = {"tar": tar, "zip": zip_}
    for ending in (*TYPES, *packed):
        data = packed[ending]([("a.txt", b"x" * 900)]) if ending in packed else made(ending, 3)[0]
        for number in range(6):
            broken = bytearray(data)
            for _ in range(draw.randint(1, 6)):
                broken[draw.randrange(len(broken))] = draw.randrange(256)
            size = draw.choice([len(broken), draw.randrange(1, len(broken))])
            (folder / f"{number}.{ending}").write_bytes(broken[:size])
    found = read(folder)
    said = {*(row["uri"] for row in found.rows), *found.passed}
    assert {one.partition(":")[0].partition("#")[0] for one in said} == {
        path.name for path in folder.iterdir()
    }
    assert 20 < sum(row["error"] is not None for row in found.rows) < len(found.rows)


def test_two_folders_of_a_name_are_no_class(tmp_path: Path) -> None:
    for number, name in enumerate(("a/one", "b/one", "train/a/two", "test/a/two")):
        (tmp_path / "in" / name).mkdir(parents=True)
        (tmp_path / "in" / name / f"{number}.txt").write_text("text")
    settings = files.Settings(path=str(tmp_path / "in"), labels="folder")
    with pytest.raises(DataError, match="two folders of the name `one`"):
        list(files.read(settings, "s", Context(tmp_path)))
    only = settings.model_copy(update={"exclude": ("b/*",)})
    found = [row for batch in files.read(only, "s", Context(tmp_path)) for row in batch.to_pylist()]
    assert [row["label"] for row in found] == ["one", "two", "two"]


def test_a_web_archive_is_named_by_the_source_that_reads_it(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("text")
    (tmp_path / "in" / "b").write_bytes(b"WARC/1.0\r\nWARC-Type: warcinfo\r\n\r\n")
    assert "which `web_archive` reads" in read(tmp_path / "in").passed["b"]


def lines(*texts: str) -> bytes:
    return b"".join(json.dumps({"text": text}).encode() + b"\n" for text in texts)


LONG = "word " * 20_000


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.json", "a"])
def test_a_first_line_longer_than_the_head_costs_nothing(
    tmp_path: Path, name: str, mark: bytes, packed: bool
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    data = mark + lines(LONG, "b", "c")
    (folder / (f"{name}.gz" if packed else name)).write_bytes(
        gzip.compress(data) if packed else data
    )
    found = read(folder)
    assert [row["text"] for row in found.rows] == [LONG, "b", "c"]
    assert not found.passed


BAD = (b'{"text": "cut', b"[1,2]", b'{"text": "' + b"x" * 200_000 + b'"}')


@pytest.mark.parametrize(
    ("name", "first"),
    [
        *((name, first) for name in ("a.jsonl", "a.json", "a") for first in BAD),
        ("a.jsonl", b"x" * 70_000),
        ("a.jsonl", b'{"text": "\0"}'),
        ("a.json", b"x" * 70),
    ],
)
def test_a_bad_first_line_costs_one_record(tmp_path: Path, name: str, first: bytes) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / name).write_bytes(first + b"\n" + lines("b", "c", "d"))
    rows = read(folder, max_record_bytes=100_000).rows
    assert rows[0]["error"]
    assert [row["text"] for row in rows[1:]] == ["b", "c", "d"]


def test_a_document_with_a_long_first_line_is_one_record(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    record = {"text": LONG, "n": 1}
    (folder / "one.json").write_text(json.dumps(record))
    (folder / "two.json").write_text(json.dumps(record).replace(', "n"', ',\n"n"'))
    (folder / "three").write_text(json.dumps(record).replace(', "n"', ',\n"n"'))
    (folder / "marked.json").write_bytes(b"\xef\xbb\xbf" + json.dumps([record, record]).encode())
    found = read(folder)
    assert {row["text"] for row in found.rows} == {LONG}
    assert not found.passed
    assert sorted(row["uri"] for row in found.rows) == [
        *("marked.json:1", "marked.json:2", "one.json", "three", "two.json")
    ]


def test_texts_that_begin_like_json_or_another_format_are_texts(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    texts = {
        "a.log": "[2020-01-01] started\n" * 9000,
        "references": "[1] Smith, J. (2001)\n" * 9000,
        "links.md": '[["a"]] goes on\n' * 9000,
        "gif.txt": "GIF89a is how a picture begins.",
        "pdf.md": "A file begins with %PDF-1.7.",
        "svg.txt": "<svg> is an element.",
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    found = read(folder)
    assert found.payloads == texts
    assert not found.passed


def test_a_zero_in_a_text_or_table_costs_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "f"
    folder.mkdir()
    (folder / "a.txt").write_bytes(b"one line\nand one that\0stops\n")
    (folder / "b.csv").write_bytes(b"text,n\none,1\nt\0wo,2\n")
    (folder / "c.bin").write_bytes(b"one line\nand one that\0stops\n")
    found = read(folder)
    assert {row["text"] for row in found.rows} == {
        "one line\nand one that\0stops\n",
        "one",
        "t\0wo",
    }
    assert list(found.passed) == ["c.bin"]


def test_front_matter_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.md").write_text("---\ntitle: Bread: a history\n---\n# Bread\n")
    (folder / "b.md").write_text('+++\ntitle = "Salt"\n+++\n# Salt\n')
    (folder / "c.md").write_text("---\ntitle: Oil\n---\n# Oil\n")
    (folder / "d.md").write_text("---\ndate: 2024-99-99\n---\n")
    (folder / "e.md").write_text("---\n\nA line across.\n\n---\n")
    found = read(folder)
    assert found.payloads == {
        "a.md": "# Bread\n",
        "b.md": "# Salt\n",
        "c.md": "# Oil\n",
        "e.md": "---\n\nA line across.\n\n---\n",
    }
    told = "front matter that cannot be read"
    assert found.passed == dict.fromkeys(("a.md", "b.md", "d.md"), told)
