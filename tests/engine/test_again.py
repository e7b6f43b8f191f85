"""Files that are as they were are not read again, and nothing in the data set tells of it."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from tests.engine.inline import inline
from tilth.collect.idx import encode_png
from tilth.engine import again
from tilth.engine.books import Books
from tilth.engine.read import WasRead, read_source
from tilth.engine.resolve import Resolver
from tilth.engine.run import RunOptions, run_plan
from tilth.engine.tasks import ReadSource
from tilth.errors import DataError
from tilth.formats import streams
from tilth.reading import members
from tilth.recipe.load import parse_recipe
from tilth.recipe.plan import Plan, build_plan
from tilth.store import Dataset
from tilth.store.manifest import Manifest, write_manifest
from tilth.store.shard import ledger

__all__ = ["inline"]


def plan_of(source: str, folder: Path | str, **given: Any) -> Plan:
    settings = json.dumps({"path": str(folder), **given})
    return build_plan(
        parse_recipe(f"tilth: 1\nname: a\ncollect: {{docs: {{{source}: {settings}}}}}")
    )


def read(plan: Plan, folder: Path, before: Path | None = None) -> WasRead:
    """Read into a folder, to its manifest."""
    (step,) = plan.steps
    task = ReadSource(
        step="docs",
        op=step.operation.name,
        settings=step.settings.model_dump(mode="json"),
        folder=folder,
        source="docs",
        work=folder / "work",
        seed=0,
        limit=None,
        shard_rows=7,
        shard_bytes=1 << 20,
        before=before,
    )
    found = read_source(task, step.operation.module, step.settings, "docs", lambda *_: None)
    shards = tuple(ledger(folder).values())
    counts = Books.of(shards).counts(sum(found.passed.by_reason.values()))
    write_manifest(
        folder, Manifest(step="docs", shards=shards, counts=counts, passed_over=found.passed)
    )
    return found


def bytes_in(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that were opened, in order."""
    names: list[str] = []
    plain = streams.open_raw

    def spying(file: streams.SourceFile) -> Any:
        names.append(file.name)
        return plain(file)

    for module in ("formats.streams", "reading.inputs", "reading.items", "collect.web_archive"):
        monkeypatch.setattr(f"tilth.{module}.open_raw", spying, raising=False)
    whole = members.read_whole

    def reading(path: Path, max_bytes: int) -> bytes:
        names.append(path.name)
        return whole(path, max_bytes)

    monkeypatch.setattr(members, "read_whole", reading)
    return names


def lines(*records: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


CELLS = ("1", " 2", "0.5", "0.50", "x", "", "1e400", "007", "9007199254740993", "-0")

CONTENTS: list[tuple[str, Callable[[random.Random], bytes]]] = [
    ("txt", lambda rng: f"text {rng.random()}".encode()),
    ("txt", lambda rng: b""),
    ("md", lambda rng: f"---\nauthor: me\nyear: {rng.randint(1, 9)}\n---\ntext".encode()),
    ("md", lambda rng: f"---\nyear: soon\nmeta.year: {rng.randint(1, 9)}\n---\ntext".encode()),
    ("html", lambda rng: f"<html><p>{rng.random()}</p></html>".encode()),
    ("csv", lambda rng: f"text,year\nhello,{rng.randint(1, 9)}\n".encode()),
    (
        "csv",
        lambda rng: (
            f"text,year\nhello,{rng.choice(['1', ' 2', '0.5', '0.50', 'x', ''])}\n".encode()
        ),
    ),
    (
        "csv",
        lambda rng: f'text,part\nhello,"{rng.choice(["1", "-2", "0,5", "10,75"])}"\n'.encode(),
    ),
    ("csv", lambda rng: f"text,tag,b\na,{rng.choice(['true', 'TRUE', '7'])},1\nb,,\n".encode()),
    ("jsonl", lambda rng: lines(*({"text": f"{n}", "tag": "x"} for n in range(9)))),
    ("jsonl", lambda rng: lines({"text": "a", "year": 1.5}, {"text": "b", "b": [1]}, {"x": 1})),
    ("jsonl", lambda rng: lines({"text": "a", "b": [2], "tag": "y"}, {"text": "b", "late": 2**60})),
    ("jsonl", lambda rng: lines({"text": "a", "year": 3}, {"text": "b", "year": 0.5})),
    ("exe", lambda rng: b"MZ\0\1\2"),
]


def change(folder: Path, rng: random.Random) -> None:
    """Some files come, go, and are written to."""
    for _ in range(rng.randint(1, 6)):
        ending, content = rng.choice(CONTENTS)
        path = folder / rng.choice(("", "in/")) / f"{rng.randint(0, 30):02d}.{ending}"
        path.parent.mkdir(exist_ok=True)
        if path.exists() and rng.random() < 0.5:
            path.unlink()
        else:
            path.write_bytes(content(rng))


@pytest.mark.parametrize(
    ("source", "seed", "given"),
    [
        ("files", 0, {}),
        ("files", 1, {}),
        ("files", 2, {}),
        ("csv", 0, {}),
        ("csv", 1, {"decimal": ","}),
    ],
)
def test_a_changed_folder_gives_what_reading_all_gives(
    source: str, seed: int, given: dict[str, Any], tmp_path: Path
) -> None:
    rng, docs = random.Random(seed), tmp_path / "docs"
    docs.mkdir()
    for _ in range(4):
        change(docs, rng)
    (docs / "stays.txt").write_text("stays")
    (docs / "stays.csv").write_text("text,year,b\nstays,5,1.5\n")
    plan, before = plan_of(source, docs, **given), tmp_path / "0"
    read(plan, before)
    for number in range(1, 4):
        change(docs, rng)
        read(plan, tmp_path / f"{number}", before)
        read(plan, tmp_path / "anew")
        assert bytes_in(tmp_path / f"{number}") == bytes_in(tmp_path / "anew")
        shutil.rmtree(tmp_path / "anew")
        before = tmp_path / f"{number}"


def page(text: str) -> bytes:
    body = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>%b" % text.encode()
    return warc_record("response", body, f"X-Number: {len(text)}\r\n", text)


def warc_record(kind: str, body: bytes, more: str = "", text: str = "x") -> bytes:
    address = text.strip().replace(" ", "-")
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:{kind}:{address}>\r\n"
        f"WARC-Date: 2026-11-29T12:00:00Z\r\nWARC-Target-URI: https://example.org/{address}\r\n"
        f"{more}Content-Type: application/http; msgtype=response\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body + b"\r\n\r\n"


def write(folder: Path, source: str, number: int) -> None:
    folder.mkdir(exist_ok=True)
    texts = [f"text {number} {row}\n" for row in range(5)]
    if source == "text_file":
        (folder / f"{number}.txt").write_text("".join(texts))
    elif source == "csv":
        rows = "".join(f'"{one}",{row},{row % 2 or ""}\n' for row, one in enumerate(texts))
        (folder / f"{number}.csv").write_text(f"text,n,m\n{rows}")
    elif source == "image_folder":
        (folder / "a").mkdir(exist_ok=True)
        picture = encode_png(np.full((2, 3), number, np.uint8))
        (folder / "a" / f"{number}.png").write_bytes(picture)
    elif source == "audio":
        soundfile.write(folder / f"{number}.wav", np.full(800, number / 10), 8000)
    elif source == "web_archive":
        (folder / f"{number}.warc").write_bytes(b"".join(map(page, texts)))
    elif source == "jsonl":
        (folder / f"{number}.jsonl").write_bytes(lines(*({"text": one, "n": 1} for one in texts)))
    else:
        pq.write_table(pa.table({"text": texts, "n": [None] * 5}), folder / f"{number}.parquet")


@pytest.mark.parametrize(
    "source",
    ["text_file", "jsonl", "parquet", "csv", "image_folder", "audio", "web_archive"],
)
def test_only_what_is_new_is_opened(source: str, tmp_path: Path, opened: list[str]) -> None:
    for number in range(4):
        write(tmp_path / "docs", source, number)
    plan = plan_of(source, tmp_path / "docs")
    read(plan, tmp_path / "one")
    write(tmp_path / "docs", source, 9)
    next((tmp_path / "docs").rglob("0.*")).unlink()
    opened.clear()
    read(plan, tmp_path / "two", tmp_path / "one")
    assert {name.partition(".")[0] for name in opened} == {"9"}
    read(plan, tmp_path / "anew")
    assert bytes_in(tmp_path / "two") == bytes_in(tmp_path / "anew")


def test_a_page_that_is_met_again_is_read_again_and_those_that_are_not_are_known(
    tmp_path: Path, opened: list[str]
) -> None:
    docs, plan = tmp_path / "docs", plan_of("web_archive", tmp_path / "docs", meta=["x-number"])
    docs.mkdir()
    refers = "WARC-Refers-To: <urn:response:first>\r\nX-Other: 1\r\n"
    (docs / "a.warc").write_bytes(page("first"))
    (docs / "b.warc").write_bytes(warc_record("revisit", b"", refers, "again") + page("second"))
    (docs / "c.warc").write_bytes(page("third"))
    read(plan, tmp_path / "one")
    (docs / "b2.warc").write_bytes(page("fourth"))
    opened.clear()
    read(plan, tmp_path / "two", tmp_path / "one")
    assert list(dict.fromkeys(opened))[:2] == ["b.warc", "b2.warc"]
    read(plan, tmp_path / "anew")
    assert bytes_in(tmp_path / "two") == bytes_in(tmp_path / "anew")
    assert len(Dataset(tmp_path / "two").to_arrow()) == 5


def test_what_a_class_folder_lacks_is_found_of_known_pictures_too(tmp_path: Path) -> None:
    docs, plan = tmp_path / "docs", plan_of("image_folder", tmp_path / "docs")
    write(docs, "image_folder", 1)
    read(plan, tmp_path / "one")
    (docs / "b").mkdir()
    (docs / "b" / "x.psd").write_bytes(b"x")
    with pytest.raises(DataError, match="stands beside the classes"):
        read(plan, tmp_path / "two", tmp_path / "one")


def test_damage_is_not_taken_over(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    for number in range(4):
        write(docs, "jsonl", number)
    plan = plan_of("jsonl", docs)
    read(plan, tmp_path / "one")
    read(plan, tmp_path / "sound")
    index = tmp_path / "one" / "files.index"
    shard = tmp_path / "one" / "kept" / "00000.parquet"
    for path in (shard, index):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        read(plan, tmp_path / path.stem, tmp_path / "one")
        assert bytes_in(tmp_path / path.stem) == bytes_in(tmp_path / "sound")


def test_a_file_with_a_bad_row_or_another_type_is_read_again(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.jsonl").write_bytes(lines({"text": "a"}, {"no": 1}))
    (docs / "b.jsonl").write_bytes(lines({"text": "a", "year": 1}))
    (docs / "c.jsonl").write_bytes(lines({"text": "a", "year": 0.5}))
    (docs / "d.jsonl").write_bytes(lines({"text": "a", "tag": "t"}))
    read(plan_of("jsonl", docs), tmp_path / "one")
    known = again.Before.of(tmp_path / "one")
    assert known is not None
    assert len(known.files) == 2, "those of c and d"
    (docs / "c.jsonl").unlink()
    read(plan_of("jsonl", docs), tmp_path / "two", tmp_path / "one")
    assert str(Dataset(tmp_path / "two").schema.field("meta.year").type) == "int64"


@pytest.mark.usefixtures("inline")
def test_a_source_with_a_join_is_read_whole(tmp_path: Path) -> None:
    """What is joined to a file that is as it was may be another now."""
    docs, table = tmp_path / "docs", tmp_path / "t.csv"
    docs.mkdir()
    join = {"path": str(table), "key": "file", "fields": {"label": "kind"}}
    for names in ("a", "ab"):
        (docs / f"{names[-1]}.txt").write_text(f"text {names}")
        table.write_text("file,kind\n" + "".join(f"{one}.txt,{names}\n" for one in names))
        plan = plan_of("files", docs, join=join)
        run_plan(plan, tmp_path / "run", RunOptions())
        folders = sorted((tmp_path / "run" / "data").iterdir(), key=lambda one: one.stat().st_mtime)
        assert Dataset(folders[-1]).to_arrow()["label"].to_pylist() == [names] * len(names)


@pytest.mark.usefixtures("inline")
def test_a_plan_says_why_all_files_are_read_again(tmp_path: Path) -> None:
    docs, said = tmp_path / "docs", tmp_path / "said.tsv"
    for number in (1, 2):
        write(docs, "audio", number)
    said.write_text("1\tone\n2\ttwo\n3\tthree\n")
    table = tmp_path / "t.csv"
    table.write_text("file,kind\n1.wav,a\n2.wav,b\n")
    join = {"path": str(table), "key": "file", "fields": {"label": "kind"}}
    cases: list[tuple[dict[str, Any], str]] = [
        ({"transcripts": str(said)}, "`transcripts` may say something else of each"),
        ({"join": join}, "what is joined may say something else of each"),
        ({}, ""),
    ]
    for number, (given, why) in enumerate(cases):
        write(docs, "audio", 3) if number == 1 else (docs / "3.wav").unlink(missing_ok=True)
        plan, run = plan_of("audio", docs, **given), tmp_path / f"run{number}"
        run_plan(plan, run, RunOptions(num_workers=1))
        write(docs, "audio", 3) if number != 1 else (docs / "3.wav").unlink()
        (state,) = Resolver(plan, run).states()
        assert state.why.endswith(f"; reads all files anew: {why}" if why else "as they were")


def test_folders_that_are_classes_are_looked_at_together(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    (docs / "a").mkdir(parents=True)
    (docs / "a" / "one.txt").write_text("text")
    read(plan_of("files", docs), tmp_path / "plain")
    read(plan_of("files", docs, labels="folder"), tmp_path / "labelled")
    assert again.Before.of(tmp_path / "plain") is not None
    assert again.Before.of(tmp_path / "labelled") is None


def test_fields_of_known_files_count_where_a_name_is_met_again(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "b.jsonl").write_bytes(lines({"text": "a", "x": 1}))
    (docs / "c.jsonl").write_bytes(lines({"text": "a", "y": None}))
    plan = plan_of("jsonl", docs)
    read(plan, tmp_path / "one")
    # Both would be `meta.x`: before the file that is known, and behind it.
    (docs / "a.jsonl").write_bytes(lines({"text": "a", "meta.x": 1, "meta.y": 2}))
    (docs / "d.jsonl").write_bytes(lines({"text": "a", "meta.x": 1}))
    read(plan, tmp_path / "two", tmp_path / "one")
    read(plan, tmp_path / "anew")
    assert bytes_in(tmp_path / "two") == bytes_in(tmp_path / "anew")
    assert "meta.x (2)" in Dataset(tmp_path / "two").schema.names


@pytest.mark.usefixtures("inline")
def test_a_run_says_how_many_files_it_reads_and_gives_the_same(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    for number in range(5):
        write(docs, "jsonl", number)
    plan, options = plan_of("jsonl", docs), RunOptions(num_workers=1)
    run_plan(plan, tmp_path / "run", options)
    write(docs, "jsonl", 7)
    (state,) = Resolver(plan, tmp_path / "run").states()
    assert state.why.endswith("reads 1 of 6 files, the others are as they were")
    run_plan(plan, tmp_path / "run", options)
    run_plan(plan, tmp_path / "anew", options)
    name = state.step.folder_name
    first, second = (Dataset(tmp_path / run / "data" / name) for run in ("run", "anew"))
    assert first.manifest == second.manifest
    (trial,) = Resolver(build_plan(plan.recipe, limit=3), tmp_path / "run").states()
    assert "as they were" not in trial.why
