"""Tables in `files`: however they are written, and those that do not fit the recipe."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.collect.test_files import read
from tilth.errors import DataError


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
