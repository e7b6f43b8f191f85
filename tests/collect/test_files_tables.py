"""Tables in `files`: however they are written, and those that do not fit the recipe."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

from tests.collect.test_files import read
from tests.formats.documents import epub
from tilth.collect import csv, jsonl, text_file
from tilth.context import Context, Note
from tilth.errors import DataError
from tilth.reading.kinds import LOCK


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("tab.csv", b"text\tn\nhello\t1\nworld\t2\n"),
        ("pipe.csv", b"text|n\nhello|1\nworld|2\n"),
        ("excel.csv", b"sep=;\r\ntext;n\r\nhello;1\r\nworld;2\r\n"),
        ("old.csv", b"text,n\rhello,1\rworld,2\r"),
        ("wide.csv", "text,n\nhello,1\nworld,2\n".encode("utf-16")),
        ("wide.tsv", b"\xfe\xff" + "text\tn\nhello\t1\nworld\t2\n".encode("utf-16-be")),
        ("wide.json", '[{"text": "hello", "n": 1}, {"text": "world", "n": 2}]'.encode("utf-16")),
        ("wide.jsonl", '{"text": "hello", "n": 1}\n{"text": "world", "n": 2}'.encode("utf-16")),
    ],
)
def test_tables_however_they_are_written(name: str, data: bytes, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(data)
    found = read(tmp_path / "in")
    assert [(row["text"], str(row["meta.n"])) for row in found.rows] == [
        ("hello", "1"),
        ("world", "2"),
    ]
    if name == "excel.csv":
        assert [row["uri"].rpartition(":")[2] for row in found.rows] == ["3", "4"]


def test_one_document_of_json_in_utf_16(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.json").write_bytes('{\n"text": "hello"}'.encode("utf-16"))
    assert [row["text"] for row in read(tmp_path / "in").rows] == ["hello"]
    (row,) = read(tmp_path / "in", max_record_bytes=64).rows
    assert row["text"] == "hello"
    (tmp_path / "in" / "a.json").write_bytes(('{\n"text": "' + "x" * 99 + '"}').encode("utf-16"))
    (row,) = read(tmp_path / "in", max_record_bytes=64).rows
    assert "above `max_record_bytes` of 64 bytes" in row["error"]


def test_tables_of_which_none_fits_the_recipe_are_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.txt").write_text("a text")
    (folder / "b.csv").write_text("body,n\n" + "a,1\n" * 99)
    with pytest.raises(DataError, match="no column `text`; there are body, n") as caught:
        read(folder)
    assert str(folder / "b.csv") in str(caught.value.where)
    assert "exclude" in (caught.value.hint or "")
    assert [row["text"] for row in read(folder, exclude=["*.csv"]).rows] == ["a text"]
    # Beside one that fits it is an odd one, and costs itself.
    (folder / "c.csv").write_text("text\nb\n")
    rows = read(folder).rows
    assert [row["text"] for row in rows] == ["a text", None, "b"]
    assert rows[1]["error"].endswith("there are body, n; none of its rows is read")


WORDS = ["Übermäßig große Bäume stehen für gewöhnlich über den Dächern", "plain words"] * 9
GUESS = "text that states no encoding, read as windows-1252: a guess"


@pytest.mark.parametrize("name", ["a.jsonl", "list.json", "one.json", "a.csv", "a.txt"])
@pytest.mark.parametrize("named", ["", "windows-1252"])
def test_one_encoding_is_that_of_the_whole_file(name: str, named: str, tmp_path: Path) -> None:
    """Lines of ASCII and others; told where it was guessed, and not where it is named."""
    records = [json.dumps({"text": text}, ensure_ascii=False) for text in WORDS]
    whole = {
        "a.jsonl": "\n".join(records),
        "list.json": f"[{','.join(records)}]",
        "one.json": json.dumps({"text": " ".join(WORDS)}, ensure_ascii=False),
        "a.csv": "\n".join(["text", *WORDS]),
        "a.txt": " ".join(WORDS),
    }
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(whole[name].encode("cp1252"))
    found = read(tmp_path / "in", encoding=named or "auto")
    expected = [" ".join(WORDS)] if name in ("one.json", "a.txt") else WORDS
    assert [row["text"] for row in found.rows] == expected
    assert found.passed == ({} if named else {name: GUESS})


@pytest.mark.parametrize("op", [jsonl, csv, text_file])
@pytest.mark.parametrize("limit", [None, 3])
def test_every_reader_of_text_takes_the_encoding_that_it_looks_like(
    op: ModuleType, limit: int | None, tmp_path: Path
) -> None:
    given: dict[str, str]
    name, given = {
        jsonl: ("a.jsonl", {}),
        csv: ("a.csv", {}),
        text_file: ("a.txt", {"record": "line"}),
    }[op]
    rows = [json.dumps({"text": text}, ensure_ascii=False) for text in WORDS]
    rows = {jsonl: rows, csv: ["text", *WORDS], text_file: WORDS}[op]
    (tmp_path / name).write_bytes("\n".join(rows).encode("cp1252"))
    told: list[tuple[str, str]] = []
    context = Context(tmp_path, limit=limit, passes_over=lambda *one: told.append(one))
    settings = op.Settings.model_validate({"path": str(tmp_path / name), **given})
    batches = list(op.read(settings, "s", context))
    texts = [text for batch in batches for text in batch.column("text").to_pylist()]
    assert texts == WORDS[:limit]
    assert told == [(str(tmp_path / name), GUESS)]
    assert isinstance(told[0][1], Note)
    strict = op.Settings.model_validate(
        {"path": str(tmp_path / name), **given, "encoding": "utf-8"}
    )
    (first, *_) = op.read(strict, "s", Context(tmp_path))
    assert "invalid UTF-8" in first.column("error")[0].as_py()


def test_a_book_tells_of_a_page_that_states_no_encoding(tmp_path: Path) -> None:
    words = "Übermäßig große Bäume stehen für gewöhnlich über den Dächern, sagen die Leute dort."
    (tmp_path / "in").mkdir()
    with (
        zipfile.ZipFile(io.BytesIO(epub(["<p>plain</p>", f"<p>{words}</p>"]))) as given,
        zipfile.ZipFile(tmp_path / "in" / "a.epub", "w") as book,
    ):
        for name in given.namelist():
            page = given.read(name).decode().replace(' encoding="utf-8"', "")
            book.writestr(name, page.encode("cp1252"))
    found = read(tmp_path / "in")
    assert [row["text"] for row in found.rows] == [f"plain\n\n{words}"]
    assert found.passed == {"a.epub#OEBPS/text/c 1.xhtml": GUESS}
    assert isinstance(found.passed["a.epub#OEBPS/text/c 1.xhtml"], Note)


def test_a_lock_file_is_told_as_what_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.txt").write_text("a text")
    # As Word leaves it: who has the document open, twice, in 162 bytes.
    lock = b"\x05Anna " + bytes(48) + "\x05Anna ".encode("utf-16-le") + bytes(92)
    (folder / "~$report.docx").write_bytes(lock)
    (folder / "~$notes.txt").write_text("a text whose name begins so")
    found = read(folder)
    assert [row["text"] for row in found.rows] == ["a text", "a text whose name begins so"]
    assert found.passed == {"~$report.docx": LOCK}
    told: list[tuple[str, str]] = []
    context = Context(tmp_path, passes_over=lambda *one: told.append(one))
    list(text_file.read(text_file.Settings(path=str(folder)), "s", context))
    assert told == [(f"{folder}/~$report.docx", LOCK)]
