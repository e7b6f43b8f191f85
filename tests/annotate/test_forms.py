"""Each form goes out as its platform takes it, and what that gives is read."""

from __future__ import annotations

import csv
import gzip
import html
import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.annotate.places import source_of, write_answers
from tests.table.whole import read, run
from tilth.annotate import incoming
from tilth.annotate.forms import FORMS, Asked
from tilth.annotate.incoming import Incoming, read_delivery
from tilth.annotate.order import order
from tilth.annotate.source import Source
from tilth.annotate.take import take
from tilth.errors import DataError, TilthError

TASKS = [
    {"item": "a1", "text": 'one, "two"\nthree <b> ${x}'},
    {"item": "b2", "text": "=1+1 Blätter & Äste"},
]
ASKED = Asked('Is it "A" & B?', ("a & <b>", 'say "c"'), ("text",), 3)
FREE = Asked("What?", (), ("text",), 1)


def written(folder: Path, form: str, asked: Asked = ASKED, tasks: Any = TASKS) -> Path:
    folder.mkdir(exist_ok=True)
    FORMS[form](folder, iter(tasks), asked)
    return folder


def rows_of(path: Path) -> list[tuple[str, str, str | None, float | None]]:
    found = read_delivery(path, lambda _: None)
    return [(one.item, one.annotator, one.label, one.seconds) for one in found.rows if not one.why]


def whys_of(path: Path) -> list[str]:
    return [one.why for one in read_delivery(path, lambda _: None).rows if one.why]


def test_tables_hold_the_tasks_as_they_are(tmp_path: Path) -> None:
    with open(written(tmp_path / "csv", "csv") / "tasks.csv", newline="") as file:
        assert list(csv.DictReader(file)) == TASKS
    lines = (written(tmp_path / "jsonl", "jsonl") / "tasks.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == TASKS


def test_label_studio_has_tasks_and_an_interface(tmp_path: Path) -> None:
    folder = written(tmp_path / "ls", "label_studio")
    assert json.loads((folder / "tasks.json").read_text()) == [{"data": task} for task in TASKS]
    view = ET.fromstring((folder / "config.xml").read_text())
    assert [one.get("value") for one in view.iter("Choice")] == [*ASKED.classes]
    (header,), (text,), (choices,) = (view.findall(name) for name in ("Header", "Text", "Choices"))
    assert header.get("value") == ASKED.question
    assert (text.get("name"), text.get("value")) == ("text", "$text")
    assert (choices.get("toName"), choices.get("choice")) == ("text", "single")
    free = ET.fromstring((written(folder, "label_studio", FREE) / "config.xml").read_text())
    assert free.find("TextArea") is not None
    assert free.find("Choices") is None


def test_ground_truth_has_a_manifest_and_categories(tmp_path: Path) -> None:
    folder = written(tmp_path / "gt", "ground_truth")
    lines = [json.loads(line) for line in (folder / "tasks.manifest").read_text().splitlines()]
    assert lines == [{"source": task["text"], "item": task["item"]} for task in TASKS]
    labels = json.loads((folder / "classes.json").read_text())["labels"]
    assert labels == [{"label": name} for name in ASKED.classes]
    seen = Asked("?", ("a", "b"), ("text", "image"), 1)
    tasks = [{"item": "a", "text": "t", "image": "media/a.png"}]
    written(folder, "ground_truth", seen, tasks)
    (line,) = (folder / "tasks.manifest").read_text().splitlines()
    assert json.loads(line) == {"source-ref": "media/a.png", "item": "a", "text": "t"}


def test_mturk_has_a_table_and_a_page(tmp_path: Path) -> None:
    folder = written(tmp_path / "mt", "mturk")
    with open(folder / "tasks.csv", newline="") as file:
        assert list(csv.DictReader(file)) == TASKS
    page = (folder / "question.html").read_text()
    (choices,) = (part.partition('"')[0] for part in page.split('categories="')[1:])
    assert json.loads(html.unescape(choices)) == [*ASKED.classes]
    assert "${text}" in page
    assert html.escape(ASKED.question) in page
    assert "crowd-text-area" in (written(folder, "mturk", FREE) / "question.html").read_text()


def task_back(item: str, *answers: dict[str, Any]) -> dict[str, Any]:
    return {"id": 1, "data": {"item": item, "text": "t"}, "annotations": [*answers]}


def said(who: Any, label: str, **more: Any) -> dict[str, Any]:
    result = {"from_name": "label", "type": "choices", "value": {"choices": [label]}}
    return {"completed_by": who, "result": [result], **more}


def test_label_studio_is_read(tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    text = {"type": "textarea", "value": {"text": ["as it was said"]}}
    tasks = [
        task_back(
            "a1",
            said({"email": "x@y.se", "id": 3}, "cat", lead_time=2.5),
            said(7, "dog", was_cancelled=True),
            {"completed_by": 8, "result": [text]},
        ),
        task_back("b2", said(7, "dog"), {"result": []}),
        {"data": {"text": "not ours"}, "annotations": [said(7, "dog")]},
        {"data": {"item": "c3"}},
    ]
    path.write_text(json.dumps(tasks, indent=1))
    assert read_delivery(path, lambda _: None).form == "label_studio"
    assert rows_of(path) == [
        ("a1", "x@y.se", "cat", 2.5),
        ("a1", "8", "as it was said", None),
        ("b2", "7", "dog", None),
    ]
    whys = whys_of(path)
    assert whys[0] == incoming.SKIPPED
    assert "does not say who" in whys[1]
    assert "has no `item`" in whys[2]
    assert "no list of `annotations`" in whys[3]
    two = said(1, "cat")
    two["result"] += said(1, "dog")["result"]
    path.write_text(json.dumps([task_back("a", said(2, "cat"), two)]))
    assert whys_of(path) == ["one annotator gave 2 answers to one item"]


def test_an_output_manifest_is_read(tmp_path: Path) -> None:
    path = tmp_path / "output.manifest"
    about = {"class-name": "cat", "human-annotated": "yes", "job-name": "labeling-job/pets"}
    lines: list[dict[str, Any]] = [
        {"source": "t", "item": "a1", "pets": 0, "pets-metadata": about},
        {"source": "t", "item": "b2", "pets-metadata": {"failure-reason": "it is too large"}},
        {
            "source": "t",
            "item": "c3",
            "pets": 1,
            "pets-metadata": {**about, "human-annotated": "no"},
        },
        {"source": "t", "pets": 1, "pets-metadata": about},
        {"item": "d4", "pets": 1, "pets-metadata": about, "other-metadata": about},
    ]
    path.write_text("\n".join(map(json.dumps, lines)) + "\n")
    assert read_delivery(path, lambda _: None).form == "ground_truth"
    assert rows_of(path) == [("a1", "labeling-job/pets", "cat", None)]
    whys = whys_of(path)
    assert "it is too large" in whys[0]
    assert whys[1] == incoming.BY_MACHINE
    assert "no `item`" in whys[2]
    assert "several labels" in whys[3]


@pytest.mark.parametrize("column", ["Answer.label", "Answer.label.label", "Answer.category"])
def test_results_of_mturk_are_read(tmp_path: Path, column: str) -> None:
    path = tmp_path / "Batch_1_results.csv"
    names = ["HITId", "AssignmentStatus", "WorkerId", "WorkTimeInSeconds", "Input.item"]
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*names, "Input.text", column, "Approve"])
        writer.writerow(["h", "Submitted", "A1", "12", "a1", 'a "q"\nline', "cat", ""])
        writer.writerow(["h", "Rejected", "A2", "2", "a1", "t", "dog", ""])
    assert read_delivery(path, lambda _: None).form == "mturk"
    assert rows_of(path) == [("a1", "A1", "cat", 12.0)]
    assert whys_of(path) == [incoming.REJECTED]


def test_results_of_which_the_answer_is_not_clear_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    path.write_text("WorkerId,Input.item,Answer.a,Answer.b\nA,i,1,2\n")
    with pytest.raises(DataError, match=r"not clear which column is the answer: Answer\.a, "):
        read_delivery(path, lambda _: None)


LONG: list[tuple[str, str, str, float | None]] = [("a1", "w", "cat", 3.0), ("b2", "w", "ö", None)]


def _long(path: Path, how: str) -> None:
    named = [dict(zip(("item", "annotator", "label", "seconds"), r, strict=True)) for r in LONG]
    if how == "jsonl":
        path.write_text("\n".join(map(json.dumps, named)) + "\n")
    elif how == "json":
        path.write_text(json.dumps(named))
    else:
        write_answers(path, [["" if cell is None else cell for cell in row] for row in LONG])
    if how in ("tsv", "semicolons"):
        path.write_text(path.read_text().replace(",", {"tsv": "\t", "semicolons": ";"}[how]))
    if how == "windows":
        path.write_bytes(b"\r\n".join(path.read_text().encode("cp1252").splitlines()))
    if how == "utf-16":
        path.write_bytes(path.read_text().encode("utf-16"))
    if how == "packed":
        path.write_bytes(gzip.compress(path.read_bytes()))


@pytest.mark.parametrize(
    "how", ["csv", "tsv", "semicolons", "jsonl", "json", "windows", "utf-16", "packed"]
)
def test_long_tables_are_read_however_they_are_written(tmp_path: Path, how: str) -> None:
    _long(tmp_path / "back", how)
    assert rows_of(tmp_path / "back") == LONG


def test_people_and_labels_are_spelt_in_one_way(tmp_path: Path) -> None:
    path = tmp_path / "back.jsonl"
    rows = [{"item": "a", "annotator": f" {who} ", "label": 1.0} for who in ("w", 7)]
    path.write_text("\n".join(map(json.dumps, rows)))
    found = read_delivery(path, lambda _: None).rows
    assert [(one.annotator, one.label) for one in found] == [("w", "1"), ("7", "1")]


def test_a_quotation_mark_that_is_never_closed_costs_its_own_row(tmp_path: Path) -> None:
    path = tmp_path / "back.csv"
    path.write_text('item,annotator,label\na,"w,cat\nb,v,dog\n')
    assert rows_of(path) == [("b", "v", "dog", None)]
    assert whys_of(path) == ["a quotation mark is never closed"]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no column `item`"),
        (b"[", "no JSON list"),
        (b"{\n", "no row can"),
        (b'[{"a": 1}]', "no row can"),
        (b"item,annotator,label,label\n", "twice"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "no column `item`"),
        (gzip.compress(b"item,annotator,label\n" * 50)[:-9], "cut off|damaged|ended"),
    ],
)
def test_what_is_none_of_the_forms_is_one_error(tmp_path: Path, data: bytes, why: str) -> None:
    (tmp_path / "back").write_bytes(data)
    with pytest.raises(DataError, match=why):
        read_delivery(tmp_path / "back", lambda _: None)


_PIECE = st.sampled_from(
    [
        "item",
        "annotator",
        "label",
        ",",
        '"',
        "\n",
        "{",
        "}",
        "[",
        "]",
        ":",
        "a1",
        "\x00",
        "é",
        '{"item": "a", "annotator": 1, "label": null}\n',
        "item,annotator,label\n",
        '"data"',
        '{"data": {"item": "x"}, "annotations": [{"completed_by": 1, "result": [7]}]}',
    ]
)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(_PIECE, max_size=25).map("".join))
def test_whatever_comes_is_read_or_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "back").write_bytes(text.encode())
    try:
        found = read_delivery(tmp_path / "back", lambda _: None)
    except TilthError:
        return
    assert all(isinstance(one, Incoming) and one.place for one in found.rows)
    assert all(one.beginning for one in found.rows if one.why)


def _label_studio(tasks: list[dict[str, Any]], path: Path) -> None:
    made = [{**task, "annotations": [said(9, "cat", lead_time=4)]} for task in tasks]
    path.write_text(json.dumps(made))


def _ground_truth(tasks: list[dict[str, Any]], path: Path) -> None:
    about = {"class-name": "cat", "human-annotated": "yes", "job-name": "labeling-job/j"}
    lines = [json.dumps({**task, "j": 0, "j-metadata": about}) for task in tasks]
    path.write_text("\n".join(lines))


def _mturk(tasks: list[dict[str, Any]], path: Path) -> None:
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["WorkerId", "Input.item", "Input.text", "Answer.label"])
        writer.writerows(["A1", task["item"], task["text"], "cat"] for task in tasks)


def _table(tasks: list[dict[str, Any]], path: Path) -> None:
    write_answers(path, [(task["item"], "w", "cat") for task in tasks])


_BACK: dict[str, tuple[str, Callable[[list[dict[str, Any]], Path], None]]] = {
    "label_studio": ("tasks.json", _label_studio),
    "ground_truth": ("tasks.manifest", _ground_truth),
    "mturk": ("tasks.csv", _mturk),
    "csv": ("tasks.csv", _table),
    "jsonl": ("tasks.jsonl", _table),
}


@pytest.mark.parametrize("form", FORMS)
def test_what_went_out_comes_back(tmp_path: Path, form: str) -> None:
    source = source_of(tmp_path, num=8, labelled=0, annotators=1)
    order(source, to=tmp_path / "out", form=form)
    name, answer = _BACK[form]
    path = tmp_path / "out" / name
    if name.endswith(".csv"):
        with open(path, newline="") as file:
            tasks: list[dict[str, Any]] = list(csv.DictReader(file))
    elif name.endswith(".json"):
        tasks = json.loads(path.read_text())
    else:
        tasks = [json.loads(line) for line in path.read_text().splitlines()]
    answer(tasks, tmp_path / "back")
    (found,) = take(source, [tmp_path / "back"])
    assert (found.rows, found.answers, found.told) == (8, 8, ())


def test_several_shown_columns_have_each_a_field(tmp_path: Path) -> None:
    source = source_of(tmp_path, num=4, labelled=0)
    tree: Any = source.recipe.resolved()
    tree["annotate"]["show"] = ["text", "meta.kind"]
    run(tree, tmp_path)
    order(Source(read(tree), tmp_path / "runs"), to=tmp_path / "out", form="jsonl")
    lines = (tmp_path / "out" / "tasks.jsonl").read_text().splitlines()
    assert all({*json.loads(line)} == {"item", "text", "kind"} for line in lines)
