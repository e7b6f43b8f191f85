"""Files of any type: which of them are read, and what their folders and texts say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.collect.archives import tar
from tests.formats.documents import docx, xlsx
from tests.table.entries import effect, extreme, name
from tests.table.sources import png, read
from tests.table.whole import said


def tree(folder: Path, **files: bytes | str) -> Path:
    for path, content in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def names(folder: Path, **given: Any) -> list[str]:
    rows = read("files", folder.parent, {"path": str(folder), **given})
    return [row["uri"].removeprefix(f"{folder}/") for row in rows]


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    inner = tar([("train/x.txt", b"in train"), ("x.html", b"<html><p>x</p></html>")])
    files = {"a.txt": b"a", "deep/b.txt": b"b", "c.png": png(), "d.py": b"d = 1", "e.tar": inner}
    return tree(tmp_path / "in", **files)


ALL = ["a.txt", "c.png", "deep/b.txt", "e.tar:train/x.txt", "e.tar:x.html"]


@effect("collect.files.include")
def test_only_what_fits_is_read(mixed: Path) -> None:
    assert names(mixed) == ALL
    assert names(mixed, include=["*.txt", "*.tar"]) == ["a.txt", "deep/b.txt", "e.tar:train/x.txt"]
    assert names(mixed, include=["deep/*"]) == ["deep/b.txt"]


@effect("collect.files.exclude")
def test_what_fits_is_left_out(mixed: Path) -> None:
    assert names(mixed, exclude=["*.txt"]) == ["c.png", "e.tar:x.html"]
    assert names(mixed, exclude=["train/*", "?.png"]) == ["a.txt", "deep/b.txt", "e.tar:x.html"]


@effect("collect.files.types")
@name("collect.files.types")
def test_only_the_types_asked_for(mixed: Path) -> None:
    assert names(mixed, types=["html"]) == ["e.tar:x.html"]
    assert names(mixed, types=["images", "code"]) == ["c.png", "d.py"]
    (row,) = read("files", mixed.parent, {"path": str(mixed), "types": ["png"]})
    assert not row.keys() & {"text", "html", "audio"}
    assert "did you mean `pdf`" in said(
        {"collect": {"a": {"files": {"path": "x", "types": ["pfd"]}}}}
    )


@effect("collect.files.labels")
def test_the_folder_is_the_label(tmp_path: Path) -> None:
    folder = tree(tmp_path / "in", **{"cat/a.txt": "a", "train/dog/b.txt": "b", "c.txt": "c"})
    rows = read("files", tmp_path, {"path": str(folder), "labels": "folder"})
    assert [row.get("label") for row in rows] == [None, "cat", "dog"]
    assert rows[0]["error"].endswith("its folder names no class")
    assert "label" not in read("files", tmp_path, {"path": str(folder)})[0]


@effect("collect.files.split")
def test_the_split_is_said_or_the_folders(tmp_path: Path) -> None:
    folder = tree(tmp_path / "in", **{"Val/a/x.txt": "a", "b.txt": "b"})
    for split, expected in (("folder", ["validation", None]), ("test", ["test", "test"])):
        rows = read("files", tmp_path, {"path": str(folder), "split": split})
        assert sorted(row["split"] or "" for row in rows) == sorted(one or "" for one in expected)


@effect("collect.files.encoding")
def test_another_encoding_reads_other_letters(tmp_path: Path) -> None:
    folder = tree(
        tmp_path / "in",
        **{"a.txt": "naïve".encode("latin-1"), "b.csv": "text\nna\xefve\n".encode("latin-1")},
    )
    rows = read("files", tmp_path, {"path": str(folder), "encoding": "latin-1"})
    assert [row["text"] for row in rows] == ["naïve"] * 2
    rows = read("files", tmp_path, {"path": str(folder), "encoding": "utf-8"})
    assert all("invalid UTF-8" in row["error"] for row in rows)
    marked = tree(tmp_path / "b", **{"a.txt": "naïve".encode("utf-16")})
    assert read("files", tmp_path, {"path": str(marked)})[0]["text"] == "naïve"


@effect("collect.files.max_file_bytes")
@extreme("collect.files.max_file_bytes")
def test_a_longer_document_is_quarantined(tmp_path: Path) -> None:
    sheet = xlsx({"A": [["text"], ["a"]]})
    folder = tree(tmp_path / "in", **{"a.docx": docx(["a"]), "b.xlsx": sheet})
    for most, bad in ((1024, 2), (2 << 30, 0)):
        rows = read("files", tmp_path, {"path": str(folder), "max_file_bytes": most})
        assert sum(row["error"] is not None for row in rows) == bad
    for bad_value in (1023, (2 << 30) + 1):
        tree_of = {"path": "x", "max_file_bytes": bad_value}
        assert "max_file_bytes" in said({"collect": {"a": {"files": tree_of}}})


@name("collect.files.include", "collect.files.exclude")
def test_a_pattern_that_nothing_fits_leaves_nothing(path: str, mixed: Path) -> None:
    setting = path.rpartition(".")[2]
    given = {"include": ["*.tx"]} if setting == "include" else {"exclude": ["*"]}
    with pytest.raises(Exception, match="not one record"):
        names(mixed, **given)
