"""Parallel text: line n is paired with line n, or nothing is read at all."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from tilth.collect import parallel
from tilth.context import Context
from tilth.errors import DataError, MissingError


def settings_for(folder: Path, **given: Any) -> parallel.Settings:
    pair = {
        "split": "train",
        "source": {"path": str(folder / "a.de")},
        "target": {"path": str(folder / "a.en")},
        **given.pop("pair", {}),
    }
    return parallel.Settings.model_validate({"files": [pair], **given})


def read(settings: parallel.Settings, work: Path, limit: int | None = None) -> list[dict[str, Any]]:
    found = parallel.read(settings, "s", Context(work, limit=limit))
    rows: list[dict[str, Any]] = pa.Table.from_batches(list(found)).to_pylist()
    return rows


def write(folder: Path, source: str | bytes, target: str | bytes) -> Path:
    for name, data in (("a.de", source), ("a.en", target)):
        (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)
    return folder


def test_line_by_line_plain_and_gzip(tmp_path: Path) -> None:
    # A form feed and a line separator are no line breaks; the last line may lack one.
    write(tmp_path, "eins \r\nzwei\x0cdrei\u2028vier\nfünf", gzip.compress(b"one\ntwo\nfive\n"))
    rows = read(settings_for(tmp_path, license="CC0"), tmp_path)
    assert [(row["text"], row["target"]) for row in rows] == [
        ("eins", "one"),
        ("zwei\x0cdrei\u2028vier", "two"),
        ("fünf", "five"),
    ]
    assert {row["split"] for row in rows} == {"train"}
    assert {row["license"] for row in rows} == {"CC0"}
    assert rows[2]["uri"] == f"{tmp_path / 'a.de'}:3"
    assert len({row["id"] for row in rows}) == 3


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_what_begins_with_a_mark_is_read_as_that_says(encoding: str, tmp_path: Path) -> None:
    # The first has the byte of a line break in it.
    write(tmp_path, "\u0a0a eins\nzwölf\n".encode(encoding), "one\ntwelve\n".encode(encoding))
    rows = read(settings_for(tmp_path), tmp_path)
    assert [(row["text"], row["target"]) for row in rows] == [
        ("\u0a0a eins", "one"),
        ("zwölf", "twelve"),
    ]


def test_a_carriage_return_inside_parts_no_line(tmp_path: Path) -> None:
    rows = read(settings_for(write(tmp_path, b"eins\rzwei\r\ndrei\n", "one\ntwo\n")), tmp_path)
    assert [(row["text"], row["target"]) for row in rows] == [
        ("eins\rzwei", "one"),
        ("drei", "two"),
    ]


def test_another_translation_is_another_sample(tmp_path: Path) -> None:
    first = read(settings_for(write(tmp_path, "eins\n", "one\n")), tmp_path)
    second = read(settings_for(write(tmp_path, "eins\n", "One.\n")), tmp_path)
    assert first[0]["id"] != second[0]["id"]


@pytest.mark.parametrize(("target", "found"), [("one\n", 1), ("one\ntwo\nthree\n", 3)])
def test_files_of_different_length_are_refused(tmp_path: Path, target: str, found: int) -> None:
    write(tmp_path, "eins\nzwei\n", target)
    with pytest.raises(DataError, match=f"2 lines on one side but {found} on the other") as caught:
        read(settings_for(tmp_path), tmp_path)
    assert caught.value.code == "unequal-length"
    assert caught.value.where is not None
    assert "a.en" in caught.value.where


def test_a_bad_line_costs_its_pair(tmp_path: Path) -> None:
    source = "ein größerer Bär\n \n".encode() + b"zw\xff\n" + b"x" * 99 + b"\nf\n"
    write(tmp_path, source, "one\ntwo\nthree\nfour\n\n")
    rows = read(settings_for(tmp_path, max_record_bytes=64), tmp_path)
    place = tmp_path / "a.de"
    assert [row["error"] for row in rows] == [
        None,
        f"{place}:2: the source line is empty",
        f"{place}:3: source line: invalid UTF-8 at byte 2 (0xff)",
        f"{place}:4: source line: 99 bytes, above `max_record_bytes` of 64",
        f"{place}:5: the target line is empty",
    ]


def test_some_lines(tmp_path: Path) -> None:
    write(tmp_path, "1\n2\n3\n4\n", "a\nb\nc\nd\n")
    rows = read(settings_for(tmp_path, pair={"lines": (2, 3)}), tmp_path)
    assert [row["target"] for row in rows] == ["b", "c"]
    assert rows[0]["uri"].endswith(":2")
    with pytest.raises(DataError, match="line 5 is asked for, but there are 4"):
        read(settings_for(tmp_path, pair={"lines": (2, 5)}), tmp_path)
    with pytest.raises(ValidationError, match="counted from 1"):
        settings_for(tmp_path, pair={"lines": (3, 2)})


def test_a_limit_is_shared_out(tmp_path: Path) -> None:
    write(tmp_path, "1\n2\n3\n4\n", "a\nb\nc\nd\n")
    pair = {"source": {"path": str(tmp_path / "a.de")}, "target": {"path": str(tmp_path / "a.en")}}
    files = [{"split": "train", **pair}, {"split": "test", **pair, "lines": [1, 2]}]
    rows = read(parallel.Settings.model_validate({"files": files}), tmp_path, limit=3)
    assert [row["split"] for row in rows] == ["train", "train", "test"]


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(MissingError):
        parallel.fingerprint(settings_for(tmp_path))
    write(tmp_path, "", "")
    with pytest.raises(DataError, match="empty"):
        read(settings_for(tmp_path), tmp_path)
    with pytest.raises(ValidationError, match="either `path` or `url`"):
        settings_for(tmp_path, pair={"source": {}})


def test_by_address_from_a_mirror(tmp_path: Path) -> None:
    write(tmp_path, "eins\n", "one\n")
    sides = {
        side: {
            "url": f"https://example.org/{name}",
            "sha256": hashlib.sha256((tmp_path / name).read_bytes()).hexdigest(),
            "size": (tmp_path / name).stat().st_size,
        }
        for side, name in (("source", "a.de"), ("target", "a.en"))
    }
    settings = settings_for(tmp_path, pair=sides, mirror=str(tmp_path))
    assert read(settings, tmp_path / "work")[0]["target"] == "one"
    assert "https://example.org/a.de" in parallel.fingerprint(settings)


def test_a_change_while_reading_is_noticed(tmp_path: Path) -> None:
    lines = "".join(f"{number}\n" for number in range(3000))
    settings = settings_for(write(tmp_path, lines, lines))
    batches = parallel.read(settings, "s", Context(tmp_path))
    next(batches)
    (tmp_path / "a.de").write_text(lines + "more\n")
    with pytest.raises(DataError, match="changed while it was read"):
        list(batches)


def test_multi30k(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "multi30k"
    pair = {
        "split": "test",
        "source": {"path": str(folder / "test_2016_flickr.de.gz")},
        "target": {"path": str(folder / "test_2016_flickr.en.gz")},
    }
    rows = read(parallel.Settings.model_validate({"files": [pair]}), tmp_path)
    assert len(rows) == 1000
    assert rows[0]["text"].startswith("Ein Mann mit einem orangefarbenen Hut")
    assert rows[0]["target"].startswith("A man in an orange hat")
