"""The recipes of the guide on labels from elsewhere run, and give what it says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

from tests.collect.joined import pictures, rows_of, run
from tests.engine.inline import inline, place, plan_of, run_inline
from tilth.store import Dataset

__all__ = ["inline"]

pytestmark = pytest.mark.usefixtures("inline")


GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "labels.md"


def _guide(name: str) -> str:
    blocks = re.findall(r"^```yaml\n(.*?)^```", GUIDE.read_text("utf-8"), re.M | re.S)
    (found,) = (str(block) for block in blocks if f"name: {name}\n" in block)
    return found


def test_the_guide_joins_by_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pictures(tmp_path, "cats/01.jpg", "dogs/02.jpg")
    Path("labels.csv").write_text("file,class,set\ncats/01.jpg,cat,train\n02.jpg,dog,test\n")
    rows = rows_of(run(tmp_path, _guide("by-path").replace("pictures:", "a:", 1)))
    assert [(row["label"], row["split"]) for row in rows.values()] == [
        ("cat", "train"),
        ("dog", "test"),
    ]


def test_the_guide_joins_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("questions.jsonl").write_text('{"id": "q", "text": "?"}\n')
    Path("answers.csv").write_text("item,worker,said\nq,a,yes\nq,b,yes\nq,c,no\n")
    Path("gold.csv").write_text("item,label\nq,no\n")
    text = _guide("answers")
    run_inline(text, tmp_path / "run")
    (row,) = (
        Dataset(place(tmp_path / "run", plan_of(text), "label.consensus")).to_arrow().to_pylist()
    )
    assert (row["label"], row["meta.gold"]) == ("yes", "no")


def test_the_guide_joins_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pictures(tmp_path, "x/01.png")
    result = {"from_name": "c", "value": {"choices": ["cat"]}}
    answers = [{"completed_by": who, "result": [result]} for who in (1, 2)]
    task = {"id": 1, "data": {"image": "/data/upload/1/01.png"}, "annotations": answers}
    Path("export.json").write_text(json.dumps([task]))
    text = _guide("tasks")
    run_inline(text, tmp_path / "run")
    (row,) = (
        Dataset(place(tmp_path / "run", plan_of(text), "label.consensus")).to_arrow().to_pylist()
    )
    assert row["label"] == "cat"


def test_the_guide_joins_metadata(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Image.new("L", (4, 4)).save(pictures(tmp_path, "a.png").rename("folder") / "b.png")
    Path("folder/metadata.csv").write_text("file_name,label,text\na.png,x,one\nb.png,y,two\n")
    rows = rows_of(run(tmp_path, _guide("metadata").replace("pictures:", "a:", 1)))
    assert [(row["label"], row["target"]) for row in rows.values()] == [("x", "one"), ("y", "two")]


def _rows(tmp_path: Path, name: str, step: str) -> list[dict[str, Any]]:
    text = _guide(name)
    run_inline(text, tmp_path / "run")
    found: list[dict[str, Any]] = (
        Dataset(place(tmp_path / "run", plan_of(text), step)).to_arrow().to_pylist()
    )
    return found


def test_the_guides_gold_judges_people_and_goes_to_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared_data: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("answers", "gold"):
        file = "labels" if name == "answers" else name
        lines = (shared_data / "crowd-rte" / f"{file}.csv").read_text().splitlines()
        last = 120 if name == "answers" else 20
        kept = [line for line in lines[1:] if int(line.split(",")[0]) <= last]
        Path(f"{name}.csv").write_text("\n".join([lines[0], *kept]))
    Path("questions.jsonl").write_text(
        "".join(json.dumps({"id": str(n), "text": f"pair {n}"}) + "\n" for n in range(1, 121))
    )
    rows = _rows(tmp_path, "gold", "label.consensus")
    assert len(rows) == 120
    test = {row["text"] for row in rows if row["split"] == "test"}
    assert test == {f"pair {n}" for n in range(1, 21)}
    assert {row["label_origin"] for row in rows if row["split"] == "test"} == {"given"}
    lines = (shared_data / "crowd-rte" / "gold.csv").read_text().splitlines()[1:]
    truth = {f"pair {n}": label for n, label in (line.split(",") for line in lines)}
    made = [row for row in rows if row["split"] == "train"]
    assert sum(row["label"] == truth[row["text"]] for row in made) >= 0.9 * len(made)
    assert max(row["label_confidence"] for row in made) < 0.995


def test_the_guides_transcripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("sounds").mkdir()
    soundfile.write("sounds/1.wav", np.zeros(800), 8000)
    said = ["a,good morning all", "b,good morning", "c,good morning"]
    Path("heard.csv").write_text("\n".join(["file,worker,heard", *(f"1.wav,{s}" for s in said)]))
    (row,) = _rows(tmp_path, "transcripts", "label.free_text")
    assert row["target"] == "good morning"
