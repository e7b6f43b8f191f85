"""Plain text: nothing is lost or added between the records, and one bad record costs one."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tilth.collect import text_file
from tilth.context import Context
from tilth.errors import DataError

TEXT = "First line\nsecond\n\n\nThird, alone\n  \nFourth é\nfifth\n"


def read(path: Path, limit: int | None = None, **given: Any) -> list[dict[str, Any]]:
    settings = text_file.Settings.model_validate({"path": str(path), **given})
    found = text_file.read(settings, "s", Context(path.parent, limit=limit))
    rows: list[dict[str, Any]] = pa.Table.from_batches(list(found)).to_pylist()
    return rows


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_text(TEXT)
    return tmp_path / "a.txt"


def test_a_file_is_one_record(path: Path) -> None:
    (row,) = read(path, license="mine")
    assert (row["text"], row["uri"], row["license"]) == (TEXT, f"{path}:1", "mine")


def test_a_line_or_a_paragraph_is_one_record(path: Path) -> None:
    lines = read(path, record="line", split="test")
    assert [row["text"] for row in lines] == [line for line in TEXT.split("\n") if line.strip()]
    assert {row["split"] for row in lines} == {"test"}
    blocks = read(path, record="paragraph")
    assert [row["text"] for row in blocks] == [
        "First line\nsecond",
        "Third, alone",
        "Fourth é\nfifth",
    ]
    assert [row["uri"] for row in blocks] == [f"{path}:{n}" for n in (1, 5, 7)]
    assert [row["text"] for row in read(path, record="paragraph", limit=2)] == [
        "First line\nsecond",
        "Third, alone",
    ]


def test_the_parts_of_a_split_file_make_the_file(path: Path) -> None:
    rows = read(path, split={"train": 0.5, "validation": 0.25, "test": 0.25})
    assert [row["split"] for row in rows] == ["train", "validation", "test"]
    assert "".join(row["text"] for row in rows) == TEXT
    assert len({row["id"] for row in rows}) == 3
    assert rows[1]["uri"] == f"{path}:5"


def test_paragraphs_are_split_by_their_share_of_the_characters(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("a" * 60 + "\n\n" + "b" * 30 + "\n\n" + "c" * 10 + "\n")
    rows = read(path, record="paragraph", split={"train": 0.6, "validation": 0.3, "test": 0.1})
    assert [row["split"] for row in rows] == ["train", "validation", "test"]
    rows = read(path, record="paragraph", split={"train": 0.95, "test": 0.05})
    assert [row["split"] for row in rows] == ["train", "train", "train"]


def test_one_bad_record_costs_one_record(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"good\n\nbad \xff here\nstill bad\n\n" + b"x" * 200 + b"\n\nlast")
    rows = read(path, record="paragraph", max_record_bytes=100, encoding="utf-8")
    assert [row["text"] for row in rows if not row["error"]] == ["good", "last"]
    errors = [row["error"] for row in rows if row["error"]]
    assert errors == [
        f"{path}:3: invalid UTF-8 at byte 4 (0xff)",
        f"{path}:6: 200 bytes, above `max_record_bytes` of 100",
    ]
    (row,) = read(path, max_record_bytes=100)
    assert "read it by line or paragraph" in row["error"]


def test_a_folder_a_packed_file_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_bytes("\ufeffdéjà".encode())
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"packed"))
    (tmp_path / "c.csv").write_text("no text file")
    assert [row["text"] for row in read(tmp_path)] == ["packed", "déjà"]
    (tmp_path / "b.txt").write_bytes("déjà".encode("latin-1"))
    assert read(tmp_path / "b.txt", encoding="latin-1")[0]["text"] == "déjà"


def test_a_file_without_text_is_an_empty_source(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(" \n\n")
    for record in ("file", "line", "paragraph"):
        with pytest.raises(DataError, match="the source is empty"):
            read(tmp_path / "a.txt", record=record)


def test_tiny_shakespeare(shared_data: Path) -> None:
    path = shared_data / "tinyshakespeare" / "input.txt"
    rows = read(path, split={"train": 0.9, "validation": 0.1})
    assert [len(row["text"]) for row in rows] == [1_003_854, 111_540]
    assert len(read(path, record="paragraph")) == 7_222


@pytest.mark.parametrize("record", ["file", "line", "paragraph"])
@pytest.mark.parametrize("begin", ["<!doctype html>", "\ufeff\n<!-- saved -->\n<HTML lang='en'>"])
def test_a_page_is_no_plain_text(record: str, begin: str, tmp_path: Path) -> None:
    """Nor a line of it: its markup would be kept as text."""
    for n, text in enumerate((f"{begin}\n<p>one</p>\n", "a <b> of plain text\n")):
        (tmp_path / f"{n}.txt").write_text(text)
    page, plain = read(tmp_path, record=record)
    assert "the source `files` reads it" in page["error"]
    assert plain["text"].startswith("a <b> of plain text")


@pytest.mark.parametrize("path", ["in", "in/*"])
def test_a_link_that_leads_nowhere_costs_itself(path: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("one")
    (tmp_path / "in" / "b.txt").symlink_to(tmp_path / "nowhere")
    passed: list[tuple[str, str]] = []
    context = Context(tmp_path, passes_over=lambda *one: passed.append(one))
    settings = text_file.Settings(path=f"{tmp_path}/{path}")
    batches = list(text_file.read(settings, "s", context))
    assert sum(batch.num_rows for batch in batches) == 1
    assert passed[:1] == [(f"{tmp_path}/in/b.txt", "a link to a file that is not there")] or (
        path == "in/*" and passed[:1] == [(f"{tmp_path}/in/b.txt", "not a file")]
    )


@pytest.mark.parametrize("record", ["file", "line", "paragraph"])
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16-le", "utf-16"])
def test_an_encoding_that_is_told_by_its_look(path: Path, record: str, encoding: str) -> None:
    text = "Die schöne Müllerin steht für gewöhnlich am Bach – und hört ihm zu."
    path.write_bytes(text.encode(encoding))
    (row,) = read(path, record=record, encoding="auto")
    assert row["text"] == text
    told: list[tuple[str, str]] = []
    given = {"path": str(path), "record": record, "encoding": "auto"}
    settings = text_file.Settings.model_validate(given)
    list(text_file.read(settings, "s", Context(path.parent, passes_over=lambda *a: told.append(a))))
    is_guess = encoding not in ("utf-8", "utf-16")
    assert len(told) == is_guess
    assert not is_guess or "states no encoding, read as" in told[0][1]


def test_no_encoding_of_that_name(path: Path) -> None:
    with pytest.raises(ValueError, match="no encoding `utf-7`"):
        read(path, encoding="utf-7")
