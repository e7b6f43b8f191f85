"""Corpora in the Moses format: files of one name, from folders and from archives of OPUS."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.collect.archives import FORMATS, pack, zip_
from tilth.collect import moses
from tilth.context import Context
from tilth.errors import DataError

Passed = list[tuple[str, str]]
FILES = {
    "Books.de-en.de": b"eins\nzwei\n\nvier\n",
    "Books.de-en.en": b"one\ntwo\nthree\nfour\n",
    "Books.de-en.ids": b"a.xml\tb.xml\t1\t1\na.xml\tb.xml\t2\t2\n\nx\n",
    "README": b"how it was made",
    "LICENSE": b"free",
}


def read(
    path: Path, limit: int | None = None, passed: Passed | None = None, **given: Any
) -> list[dict[str, Any]]:
    settings = moses.Settings.model_validate(
        {"path": str(path), "source": "de", "target": "en", **given}
    )
    moses.fingerprint(settings)
    noted: Passed = [] if passed is None else passed
    context = Context(path.parent, limit=limit, passes_over=lambda *one: noted.append(one))
    return [row for batch in moses.read(settings, "s", context) for row in batch.to_pylist()]


def fill(folder: Path, files: dict[str, bytes] = FILES) -> Path:
    folder.mkdir(exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.mark.parametrize("ending", ["", *FORMATS])
def test_a_corpus_with_its_ids(ending: str, tmp_path: Path) -> None:
    path = fill(tmp_path / "all") if not ending else pack(tmp_path, ending, list(FILES.items()))
    passed: Passed = []
    rows = read(path, passed=passed, split="train", license="CC0")
    assert [(row["text"], row["target"]) for row in rows] == [
        ("eins", "one"),
        ("zwei", "two"),
        (None, None),
        ("vier", "four"),
    ]
    assert "the source line is empty" in rows[2]["error"]
    assert [row["meta.ids"] for row in rows] == [
        "a.xml\tb.xml\t1\t1",
        "a.xml\tb.xml\t2\t2",
        None,
        "x",
    ]
    assert (rows[0]["split"], rows[0]["license"]) == ("train", "CC0")
    mark = "/" if not ending else ":"
    assert rows[1]["uri"] == f"{path}{mark}Books.de-en.de:2"
    assert [place for place, _ in passed] == [
        f"{path}{mark}{one}" for one in ("README", "LICENSE")
    ][:: 1 if ending else -1]


def test_packed_sides_and_several_corpora(tmp_path: Path) -> None:
    fill(
        tmp_path, {"b.de": b"b\n", "b.en": b"b\n", "a.de.gz": gzip.compress(b"a\n"), "a.en": b"a\n"}
    )
    assert [row["text"] for row in read(tmp_path)] == ["a", "b"]
    assert [row["text"] for row in read(tmp_path, limit=1)] == ["a"]
    (tmp_path / "a.de").write_bytes(b"a\n")
    with pytest.raises(DataError, match="two files are the side `de`"):
        read(tmp_path)
    (tmp_path / "a.de").unlink()
    fill(tmp_path, {"a.ids": b"1\n", "a.ids.gz": gzip.compress(b"2\n")})
    with pytest.raises(DataError, match=r"two files are the `\.ids` of one corpus") as caught:
        read(tmp_path)
    assert "a.ids, " in caught.value.where
    assert caught.value.code == "two-files"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Books.de-en.en": b"one\n"}, "4 lines on one side but 1 on the other"),
        ({"Books.de-en.ids": b"x\n"}, "4 lines on one side but 1 on the other"),
        ({"Books.de-en.en": b""}, "4 lines on one side but 0 on the other"),
        ({"More.de-en.en": b"x\n"}, "`More.de-en` has no file that ends in .de"),
    ],
)
def test_what_does_not_fit_is_refused(
    change: dict[str, bytes], message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        read(fill(tmp_path / "all", FILES | change))
    (tmp_path / "a.zip").write_bytes(zip_(list((FILES | change).items())))
    with pytest.raises(DataError, match=message):
        read(tmp_path / "a.zip")


def test_nothing_and_damage(tmp_path: Path) -> None:
    passed: Passed = []
    with pytest.raises(DataError, match="empty"):
        read(fill(tmp_path / "all", {"a.ids": b"x\n", "a.fr": b"x\n"}), passed=passed)
    assert [reason for _, reason in passed] == [
        "of a type that this source does not read (.fr)",
        "an `.ids` without its corpus",
    ]
    data = zip_(list(FILES.items()), method=0)
    at = data.index(b"eins")
    (tmp_path / "a.zip").write_bytes(data[:at] + b"EINS" + data[at + 4 :])
    with pytest.raises(DataError, match="a side cannot be read: damaged"):
        read(tmp_path / "a.zip")
    for given in ({"source": "en"}, {"source": "../x"}, {"target": "ids"}):
        with pytest.raises(ValidationError):
            moses.Settings.model_validate({"path": "x", "source": "de", "target": "en", **given})


def test_multi30k(shared_data: Path) -> None:
    rows = read(shared_data / "multi30k" / "test_2016_flickr.*.gz")
    assert len(rows) == 1000
    assert rows[0]["text"].startswith("Ein Mann mit einem orangefarbenen Hut")
    assert rows[0]["target"].startswith("A man in an orange hat")
