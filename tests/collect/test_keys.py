"""Whatever a source is: a sample is known by the same key wherever its file lies, and the source
says which columns it fills."""

from __future__ import annotations

import json
import struct
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tilth.context import Context
from tilth.recipe.operations import operations

TEXTS = [f"text number {n}" for n in range(5)]


def _lines(path: Path, texts: list[str]) -> Path:
    path.write_text("".join(f"{text}\n" for text in texts), "utf-8")
    return path


def _csv(path: Path, texts: list[str]) -> dict[str, Any]:
    return {"path": str(_lines(path.with_suffix(".csv"), ["text", *texts]))}


def _jsonl(path: Path, texts: list[str]) -> dict[str, Any]:
    lines = [json.dumps({"text": text}) for text in texts]
    return {"path": str(_lines(path.with_suffix(".jsonl"), lines)), "license": "CC0"}


def _text_file(path: Path, texts: list[str]) -> dict[str, Any]:
    return {"path": str(_lines(path.with_suffix(".txt"), texts)), "record": "line"}


def _parquet(path: Path, texts: list[str]) -> dict[str, Any]:
    pq.write_table(pa.table({"text": texts}), path.with_suffix(".parquet"))
    return {"path": str(path.with_suffix(".parquet")), "split": "train"}


def _parallel(path: Path, texts: list[str]) -> dict[str, Any]:
    side = {"path": str(_lines(path.with_suffix(".txt"), texts))}
    return {"files": [{"source": side, "target": side, "split": "train"}]}


def _label_studio(path: Path, texts: list[str]) -> dict[str, Any]:
    choice = {"type": "choices", "from_name": "c", "to_name": "t", "value": {"choices": ["a"]}}
    answers = [{"completed_by": 1, "result": [choice]}]
    tasks = [
        {"id": n, "data": {"text": text}, "annotations": answers} for n, text in enumerate(texts)
    ]
    path.with_suffix(".json").write_text(json.dumps(tasks), "utf-8")
    return {"path": str(path.with_suffix(".json"))}


def _image_folder(path: Path, texts: list[str]) -> dict[str, Any]:
    (path / "cat").mkdir(parents=True)
    for n, text in enumerate(texts):
        image = Image.new("L", (4, 4), sum(map(ord, text)) % 256)
        image.save(path / "cat" / f"{path.name}{n}.png")
    return {"path": str(path)}


def _audio(path: Path, texts: list[str]) -> dict[str, Any]:
    path.mkdir()
    for n, text in enumerate(texts):
        with wave.open(str(path / f"{path.name}{n}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(struct.pack("<99h", *[sum(map(ord, text)) + i for i in range(99)]))
    return {"path": str(path), "license": "CC0"}


Make = Callable[[Path, list[str]], dict[str, Any]]


def _rows(source: str, given: dict[str, Any], work: Path) -> list[dict[str, Any]]:
    work.mkdir(exist_ok=True)
    op = operations()[source]
    settings = op.settings.model_validate(given)
    context = Context(work, 0, 1, lambda done, total, note: None, None)
    rows = [row for b in op.module.read(settings, "s", context) for row in b.to_pylist()]
    assert not [row["error"] for row in rows if row["error"]]
    filled = {name for row in rows for name, value in row.items() if value not in (None, [])}
    assert filled <= {"id", "source", "uri", "key", *op.module.fills(settings)}
    return rows


@pytest.mark.parametrize(
    "make",
    [_csv, _jsonl, _text_file, _parquet, _parallel, _label_studio, _image_folder, _audio],
)
def test_a_key_hangs_on_the_content_and_not_on_the_place(make: Make, tmp_path: Path) -> None:
    source = make.__name__.removeprefix("_")
    first = _rows(source, make(tmp_path / "a", TEXTS), tmp_path / "work")
    more = _rows(source, make(tmp_path / "moved", ["on top", *TEXTS]), tmp_path / "work")
    keys = {row["key"] for row in first}
    assert len(keys) == len(TEXTS)
    assert len(keys & {row["key"] for row in more}) == len(TEXTS)
    assert {row["id"] for row in first}.isdisjoint(row["id"] for row in more)


def test_digits_have_keys_of_their_own(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    rows = _rows("demo_digits", {}, tmp_path / "work")
    assert len({row["key"] for row in rows}) == len(rows)
