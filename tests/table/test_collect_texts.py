"""Plain and parallel text: what a record is, which lines are read, and of what split they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.table.entries import effect, extreme, name
from tests.table.sources import read
from tests.table.whole import said
from tilth.errors import DataError, MissingError

TEXT = "one\ntwo\n\nthree\n"
SHARES = [f"collect.text_file.split.{part}" for part in ("train", "validation", "test")]
SIDES = ("collect.parallel.files.source", "collect.parallel.files.target")


def text_file(folder: Path, text: str | bytes, limit: int | None = None, **given: Any) -> list[Any]:
    path = folder / "a.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read("text_file", folder, {"path": str(path), **given}, limit)


@effect("collect.text_file.record")
def test_a_record_is_a_file_a_line_or_a_paragraph(tmp_path: Path) -> None:
    found = {
        record: [row["text"] for row in text_file(tmp_path, TEXT, record=record)]
        for record in ("file", "line", "paragraph")
    }
    assert found["file"] == [TEXT]
    assert found["line"] == ["one", "two", "three"]
    assert found["paragraph"] == ["one\ntwo", "three"]


@effect("collect.text_file.encoding")
@pytest.mark.parametrize("record", ["file", "line", "paragraph"])
def test_another_encoding_reads_other_letters(record: str, tmp_path: Path) -> None:
    data = "naïve".encode("latin-1")
    (row,) = text_file(tmp_path, data, encoding="latin-1", record=record)
    assert row["text"] == "naïve"
    (row,) = text_file(tmp_path, data, encoding="utf-8", record=record)
    assert "invalid UTF-8" in row["error"]
    # Unless it is said, it is as it looks.
    text = "Übermäßig große Bäume stehen für gewöhnlich über den Dächern."
    (row,) = text_file(tmp_path, text.encode("latin-1"), record=record)
    assert row["text"] == text


@effect("collect.text_file.split", *SHARES)
@pytest.mark.parametrize("record", ["file", "line", "paragraph"])
def test_shares_of_the_characters_are_splits_in_order(record: str, tmp_path: Path) -> None:
    text = "word\n\n" * 20
    shares = {"train": 0.5, "validation": 0.2, "test": 0.3}
    long: dict[str, float] = dict.fromkeys(shares, 0)
    for row in text_file(tmp_path, text, record=record, split=shares):
        long[row["split"]] += len(row["text"])
    total = sum(long.values())
    assert {part: round(size / total, 1) for part, size in long.items()} == shares
    (_, *_, last) = text_file(tmp_path, text, record=record, split=shares)
    assert last["split"] == "test"
    few = text_file(tmp_path, text, 3, record=record, split=shares)
    assert [row["split"] for row in few] == list(shares)
    assert {row["split"] for row in text_file(tmp_path, text, split="test")} == {"test"}
    assert text_file(tmp_path, text)[0].get("split") is None


@extreme(*SHARES)
def test_a_share_is_between_nothing_and_all(path: str, tmp_path: Path) -> None:
    part = path.rpartition(".")[2]
    other = "test" if part != "test" else "train"
    for share, only in ((1, part), (0, other)):
        split = {part: share, other: 1 - share}
        rows = text_file(tmp_path, TEXT, record="line", split=split)
        assert {row["split"] for row in rows} == {only}
    for bad in ({part: -0.1, other: 1.1}, {part: float("nan"), other: 1}, {part: 0.5}):
        tree = {"path": "a.txt", "split": bad}
        assert "split" in said({"collect": {"a": {"text_file": tree}}})


def pair(folder: Path, word: str = "a", num: int = 3, **given: Any) -> dict[str, Any]:
    sides = {"source": folder / f"{word}.de", "target": folder / f"{word}.en"}
    for side, path in sides.items():
        path.write_text("".join(f"{word} {side} {n}\n" for n in range(1, num + 1)))
    return {**{side: {"path": str(path)} for side, path in sides.items()}, **given}


def parallel(folder: Path, *files: dict[str, Any], limit: int | None = None) -> list[Any]:
    return read("parallel", folder, {"files": list(files)}, limit)


@effect("collect.parallel.files")
def test_all_pairs_are_read_and_a_small_limit_has_some_of_each(tmp_path: Path) -> None:
    large, small = pair(tmp_path, "a", 30, split="train"), pair(tmp_path, "b", split="test")
    assert len(parallel(tmp_path, large, small)) == 33
    few = parallel(tmp_path, large, small, limit=5)
    assert sorted(row["split"] for row in few) == ["test", *["train"] * 4]
    assert "files" in said({"collect": {"a": {"parallel": {"files": []}}}})


@effect(*SIDES)
def test_each_side_is_a_column(path: str, tmp_path: Path) -> None:
    side = path.rpartition(".")[2]
    column, other = ("text", "target") if side == "source" else ("target", "text")
    first, second = pair(tmp_path), pair(tmp_path, "b")
    (was, *_) = parallel(tmp_path, first)
    (now, *_) = parallel(tmp_path, {**first, side: second[side]})
    assert (was[column], now[column]) == (f"a {side} 1", f"b {side} 1")
    assert was[other] == now[other]


@effect("collect.parallel.files.split")
def test_the_pairs_are_of_the_split(tmp_path: Path) -> None:
    assert {row["split"] for row in parallel(tmp_path, pair(tmp_path, split="test"))} == {"test"}
    assert {row["split"] for row in parallel(tmp_path, pair(tmp_path))} == {None}


@effect("collect.parallel.files.lines")
@extreme("collect.parallel.files.lines")
def test_only_the_lines_asked_for(tmp_path: Path) -> None:
    def numbers(first: int, last: int) -> list[str]:
        rows = parallel(tmp_path, pair(tmp_path, lines=[first, last]))
        return [row["text"].rpartition(" ")[2] for row in rows]

    assert numbers(2, 3) == ["2", "3"]
    assert numbers(1, 1) == ["1"]
    with pytest.raises(DataError, match="line 4 is asked for, but there are 3"):
        numbers(1, 4)
    for bad in ([0, 1], [3, 2], [-1, 2]):
        tree = {"files": [pair(tmp_path, lines=bad)]}
        assert "counted from 1" in said({"collect": {"a": {"parallel": tree}}})


@name("collect.text_file.path")
def test_a_folder_without_a_text_is_told_with_what_belongs(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.text.bak").write_text("x")
    with pytest.raises(DataError, match=r"no file ending in .txt"):
        read("text_file", tmp_path, {"path": str(tmp_path / "in")})
    with pytest.raises(MissingError, match="no such file, folder or glob"):
        read("text_file", tmp_path, {"path": str(tmp_path / "in" / "*.md")})
