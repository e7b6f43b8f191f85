"""One rule for what a label is, and it holds whatever source a label comes from."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.collect.joined import run
from tests.collect.test_audio import wav
from tests.engine.inline import inline
from tests.formats.documents import xlsx
from tilth import schema
from tilth.errors import DataError
from tilth.labels import as_label
from tilth.reading.labels import Labels

__all__ = ["inline"]

Tree = dict[str, Any]


def batch_of(labels: list[str | None], answers: list[Any] | None = None) -> pa.RecordBatch:
    columns = {
        "label": labels,
        "label_origin": [label and "given" for label in labels],
        "annotations": answers or [None] * len(labels),
    }
    return pa.RecordBatch.from_arrays(
        [pa.array(values, schema.SCHEMA[name]) for name, values in columns.items()],
        names=list(columns),
    )


LABELS = st.none() | st.sampled_from(["1", "1.0", " 1", "a", " ", "A", "é", "e\u0301"])
ANSWERS = st.none() | st.lists(
    st.none() | st.fixed_dictionaries({"annotator": st.none() | st.just("p"), "label": LABELS})
)


@given(st.lists(st.tuples(LABELS, ANSWERS), max_size=8), st.integers(0, 4))
def test_labels_of_batches_come_to_one_spelling(rows: list[tuple[Any, Any]], cut: int) -> None:
    batch = batch_of([label for label, _ in rows], [answers for _, answers in rows]).slice(cut)
    found = Labels().fit(batch).to_pylist()
    for (label, answers), row in zip(rows[cut:], found, strict=True):
        expected = label and as_label(label)
        assert row["label"] == (expected or None)
        assert row["label_origin"] == (expected and "given")
        if answers is None:
            assert row["annotations"] is None
            continue
        for answer, said in zip(answers, row["annotations"], strict=True):
            assert (said or {}).get("annotator") == (answer or {}).get("annotator")
            given_label = (answer or {}).get("label")
            assert (said or {}).get("label") == (given_label and as_label(given_label))


def test_labels_that_are_likely_one_are_told_of() -> None:
    labels = Labels()
    labels.fit(batch_of(["pos", "Pos ", "neg"], [None, None, [{"annotator": "p", "label": "NaN"}]]))
    labels.fit(batch_of(["pos", None, "1.0"]))
    assert labels.told() == [
        "`Pos` and `pos` differ only in case: 1 and 2 samples; did you mean one class?",
        "`NaN` is the label of 1 answer; is it that of a missing one? An empty cell is",
    ]
    missing = Labels()
    missing.fit(batch_of(["None", "none", "NA", "na", "<NA>", "NULL", "nano"]))
    told = [one.partition(" is the label")[0] for one in missing.told() if "missing one" in one]
    assert told == ["`<NA>`", "`NA`", "`NULL`", "`None`"]
    open_ones = Labels()
    answers = [{"annotator": "p", "label": None}, {"annotator": None, "label": "a"}]
    open_ones.fit(batch_of([None, None], [answers, answers[:1]]))
    left_out = "`consensus` leaves out such an answer, and takes the others of its sample"
    assert open_ones.told() == [
        f"2 answers without a label; {left_out}",
        f"1 answer without an annotator; {left_out}",
    ]
    many = Labels()
    many.fit(batch_of([case(f"text {n}") for n in range(5001) for case in (str.upper, str.lower)]))
    assert many.told() == []


TEXTS = ["1", "1.0", " 1 ", "01", "", " "]
EXPECTED = ["1", "1", "1", "01", None, None]


def jsonl(folder: Path) -> Tree:
    values = [*TEXTS, 1, 1.0, 1e0, None, True, "true"]
    lines = [{"text": f"text {n}", "y": value} for n, value in enumerate(values)]
    lines.append({"text": "none at all"})
    (folder / "a.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    return {"jsonl": {"path": str(folder / "a.jsonl"), "fields": {"label": "y"}}}


def csv(folder: Path) -> Tree:
    lines = [f"text {n},{text}" for n, text in enumerate(TEXTS)]
    (folder / "a.csv").write_text("\n".join(["text,y", *lines, ""]))
    return {"csv": {"path": str(folder / "a.csv"), "fields": {"label": "y"}}}


def csv_that_says_what_labels_mean(folder: Path) -> Tree:
    given = csv(folder)
    given["csv"]["labels"] = {"1.0": "one", "01": "zero one"}
    return given


def parquet(folder: Path) -> Tree:
    values = pa.array([1.0, 1.0, float("nan"), None, 2.5], pa.float64())
    texts = pa.array([f"text {n}" for n in range(5)])
    pq.write_table(pa.table({"text": texts, "y": values}), folder / "a.parquet")
    return {"parquet": {"path": str(folder / "a.parquet"), "fields": {"label": "y"}}}


def truths(folder: Path) -> Tree:
    values = pa.array([True, False, None])
    texts = pa.array([f"text {n}" for n in range(3)])
    pq.write_table(pa.table({"text": texts, "y": values}), folder / "a.parquet")
    return {"parquet": {"path": str(folder / "a.parquet"), "fields": {"label": "y"}}}


def sheet(folder: Path) -> Tree:
    cells: list[list[str | float | None]] = [
        ["text", "y"],
        ["a", 1],
        ["b", 1.0],
        ["c", " 1 "],
        ["d", "01"],
        ["e", None],
        ["f", ""],
    ]
    (folder / "a.xlsx").write_bytes(xlsx({"A": cells}))
    return {"files": {"path": str(folder / "a.xlsx"), "fields": {"label": "y"}}}


def png(number: int) -> bytes:
    out = io.BytesIO()
    Image.new("L", (3, 3), number).save(out, "PNG")
    return out.getvalue()


def image_folder(folder: Path) -> Tree:
    for number, name in enumerate(["1.0", "01", " pos"]):
        (folder / "photos" / name).mkdir(parents=True)
        (folder / "photos" / name / "a.png").write_bytes(png(number))
    return {"image_folder": {"path": str(folder / "photos")}}


def texts_in_folders(folder: Path) -> Tree:
    for name in ("1.0", "01", " pos"):
        (folder / "texts" / name).mkdir(parents=True)
        (folder / "texts" / name / "a.txt").write_text(name)
    return {"files": {"path": str(folder / "texts"), "labels": "folder"}}


def audio(folder: Path) -> Tree:
    (folder / "sounds").mkdir()
    for number, name in enumerate(["1.0", "1", "01"]):
        (folder / "sounds" / f"{name}_{number}.wav").write_bytes(wav(100 + number))
    return {"audio": {"path": str(folder / "sounds"), "name": r"(?P<label>.*)_\d\.wav"}}


def webdataset(folder: Path) -> Tree:
    with tarfile.open(folder / "a.tar", "w") as file:
        for number, text in enumerate(["1", "1.0", " 1 ", "01", " "]):
            for ending, data in (("png", png(number)), ("cls", text.encode())):
                entry = tarfile.TarInfo(f"{number}.{ending}")
                entry.size = len(data)
                file.addfile(entry, io.BytesIO(data))
    return {"webdataset": {"path": str(folder / "a.tar")}}


def label_studio(folder: Path) -> Tree:
    tasks = []
    for number, text in enumerate(["1", "1.0", " 1 ", "01"]):
        result = [{"from_name": "y", "type": "choices", "value": {"choices": [text]}}]
        answer = {"completed_by": 7, "ground_truth": True, "result": result}
        tasks.append({"id": number, "data": {"text": f"text {number}"}, "annotations": [answer]})
    (folder / "a.json").write_text(json.dumps(tasks))
    return {"label_studio": {"path": str(folder / "a.json"), "text": "text"}}


def joined(folder: Path) -> Tree:
    given = jsonl(folder)
    lines = [f"{number},{text}" for number, text in enumerate(TEXTS, start=1)]
    (folder / "t.csv").write_text("\n".join(["row,y", *lines, ""]))
    texts = [{"text": f"text {n}", "row": n} for n in range(1, len(TEXTS) + 1)]
    (folder / "a.jsonl").write_text("".join(json.dumps(one) + "\n" for one in texts))
    join = {"path": str(folder / "t.csv"), "by": "meta.row", "key": "row", "fields": {"label": "y"}}
    return {"jsonl": {"path": given["jsonl"]["path"], "join": join}}


@pytest.mark.usefixtures("inline")
@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (jsonl, [*EXPECTED, "1", "1", "1", None, "true", "true", None]),
        (csv, EXPECTED),
        (csv_that_says_what_labels_mean, ["one"] * 3 + ["zero one", None, None]),
        (parquet, ["1", "1", None, None, "2.5"]),
        (truths, ["true", "false", None]),
        (sheet, EXPECTED),
        (image_folder, ["01", "1", "pos"]),
        (texts_in_folders, ["01", "1", "pos"]),
        (audio, ["01", "1", "1"]),
        (webdataset, ["1", "1", "1", "01", None]),
        (label_studio, ["1", "1", "1", "01"]),
        (joined, EXPECTED),
    ],
)
def test_every_source_gives_labels_by_one_rule(
    source: Callable[[Path], Tree], expected: list[str | None], tmp_path: Path
) -> None:
    text = yaml.safe_dump({"tilth": 1, "name": "labels", "collect": {"a": source(tmp_path)}})
    found = run(tmp_path, text).to_arrow().to_pylist()
    by_folder = source in (image_folder, texts_in_folders, audio)
    labels = [row["label"] for row in found]
    assert (sorted(labels) if by_folder else labels) == expected
    assert all((row["label"] is None) == (row["label_origin"] is None) for row in found)


@pytest.mark.usefixtures("inline")
@pytest.mark.parametrize("source", [image_folder, texts_in_folders])
def test_two_folders_of_one_label_are_an_error(
    source: Callable[[Path], Tree], tmp_path: Path
) -> None:
    given_source = source(tmp_path)
    (other,) = {one.parent for one in tmp_path.rglob("a.*") if one.parent.name == "1.0"}
    other.with_name("1").mkdir()
    (file,) = other.iterdir()
    (other.with_name("1") / file.name).write_bytes(file.read_bytes())
    text = yaml.safe_dump({"tilth": 1, "name": "labels", "collect": {"a": given_source}})
    with pytest.raises(DataError, match="would be one class"):
        run(tmp_path, text)
