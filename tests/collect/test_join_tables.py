"""Tables from elsewhere, joined to sources: what a recipe gives, and what is told."""

from __future__ import annotations

import gzip
import itertools
import json
import tarfile
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from tests.collect.joined import pictures, rows_of, run
from tests.engine.inline import inline, place, plan_of, run_inline
from tilth.engine.run import RunOptions, run_plan, step_states
from tilth.errors import DataError, RecipeError, TilthError
from tilth.reading.joined import Table
from tilth.recipe.load import parse_recipe
from tilth.recipe.plan import build_plan, data_folder
from tilth.store import Dataset

__all__ = ["inline"]

pytestmark = pytest.mark.usefixtures("inline")

ROWS = [
    {"file": "0/p0.png", "class": "cat", "shade": 3, "set": "train"},
    {"file": "0/p1.png", "class": "dog", "shade": 4, "set": "test"},
    {"file": "1/p2.png", "class": "cat", "shade": 5, "set": ""},
]
FIELDS = {"label": "class", "split": "set"}


def _csv(path: Path, rows: list[dict[str, Any]] = ROWS, delimiter: str = ",") -> Path:
    lines = [delimiter.join(rows[0])]
    lines += [delimiter.join(map(str, row.values())) for row in rows]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def _recipe(source: dict[str, Any], **rest: Any) -> str:
    return yaml.safe_dump(
        {"tilth": 1, "name": "joined", "error_budget": 1, "collect": {"a": source}, **rest}
    )


def _of_pictures(photos: Path, join: Any, **settings: Any) -> str:
    given = {"path": str(photos), "labels": "none", "join": join, **settings}
    return _recipe({"image_folder": given})


def _passed(dataset: Dataset) -> dict[str, str]:
    path = dataset.path / "passed_over.parquet"
    rows = pq.read_table(path).to_pylist() if path.exists() else []
    return {row["place"].rpartition("/")[2]: row["reason"] for row in rows}


def _bad(dataset: Dataset) -> list[str]:
    paths = sorted((dataset.path / "quarantine").glob("*.parquet"))
    return [error for path in paths for error in pq.read_table(path)["error"].to_pylist()]


def _told(folder: Path) -> list[str]:
    events = [json.loads(x) for x in (folder / "run/events.jsonl").read_text().splitlines()]
    return [event["message"] for event in events if event["event"] == "Warned"]


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    """A table of the type that its name says."""
    kind = path.suffixes[0]
    if kind in (".csv", ".tsv"):
        _csv(path, rows, {".csv": ",", ".tsv": "\t"}[kind])
    elif kind == ".json":
        path.write_text(json.dumps(rows))
    elif kind == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(path.read_bytes()))


@pytest.mark.parametrize(
    "name",
    ["t.csv", "t.tsv", "t.jsonl", "t.json", "t.parquet", "t.csv.gz", "without-an-ending"],
)
def test_a_table_of_any_type(tmp_path: Path, name: str) -> None:
    _write(tmp_path / name if "." in name else tmp_path / "x.jsonl", ROWS)
    if "." not in name:
        (tmp_path / "x.jsonl").rename(tmp_path / name)
    join = {"path": str(tmp_path / name), "key": "file", "fields": FIELDS}
    dataset = run(tmp_path, _of_pictures(pictures(tmp_path), join))
    rows = rows_of(dataset)
    assert {name: row.get("label") for name, row in rows.items()} == {
        "p0.png": "cat",
        "p1.png": "dog",
        "p2.png": "cat",
        "p3.png": None,
    }
    assert [row.get("split") for row in rows.values()] == ["train", "test", None, None]
    assert {row.get("label_origin") for row in rows.values()} == {"given", None}
    # A number is one in whatever file it stands, and the key is in no column of its own.
    assert [row.get("meta.shade") for row in rows.values()] == [3, 4, 5, None]
    assert "meta.file" not in rows["p0.png"]
    (told,) = _told(tmp_path)
    assert told.startswith(f"no row in {tmp_path / name} for 1 of 4 samples, left as found, such")


@pytest.mark.parametrize(
    ("keys", "by"),
    [
        (["0/p0.png", "p1.png", "photos/1/p2.png"], "path"),
        (["./0/p0.png", "0\\p1.png", "/1//p2.png"], "path"),
        (["x/p0.png", "p1.png", "/home/me/p2.png"], "name"),
        (["p0", "y/p1.jpg", "p2.JPEG"], "stem"),
    ],
)
def test_how_files_are_compared(tmp_path: Path, keys: list[str], by: str) -> None:
    rows = [{**row, "file": key} for row, key in zip(ROWS, keys, strict=True)]
    join = {
        "path": str(_csv(tmp_path / "t.csv", rows)),
        "key": "file",
        "by": by,
        "fields": {"label": "class", "meta": "none"},
    }
    found = rows_of(run(tmp_path, _of_pictures(pictures(tmp_path), join)))
    assert [row.get("label") for row in found.values()] == ["cat", "dog", "cat", None]


@pytest.mark.parametrize("where", ["{}", "{}/*", "{}/**"])
@pytest.mark.parametrize("kind", ["image_folder", "files"])
def test_a_table_among_the_files_is_no_sample_and_not_passed_over(
    tmp_path: Path, kind: str, where: str
) -> None:
    photos = pictures(tmp_path, "p0.png", "p1.png", "p2.png")
    rows = [{**row, "file": str(row["file"])[2:]} for row in ROWS]
    # Named in another way than the source names its files.
    table = _csv(photos / "labels.csv", rows).parent / ".." / "photos" / "labels.csv"
    join = {"path": str(table), "key": "file", "fields": FIELDS}
    given = {"path": where.format(photos), "join": join}
    given |= {"labels": "none"} if kind == "image_folder" else {}
    read = run(tmp_path, _recipe({kind: given}))
    labels = [row["label"] for row in rows_of(read).values()]
    assert (labels, _bad(read), _passed(read)) == (["cat", "dog", "cat"], [], {})


def test_names_with_accents_are_compared_as_they_are_read(tmp_path: Path) -> None:
    photos = pictures(tmp_path, "cafe\u0301.png", "b.png")
    join = {
        "path": str(_csv(tmp_path / "t.csv", [{"file": "caf\u00e9.png", "class": "x"}])),
        "key": "file",
        "fields": {"label": "class"},
    }
    found = rows_of(run(tmp_path, _of_pictures(photos, join)))
    assert found["cafe\u0301.png"]["label"] == "x"


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("0/P0.png", "upper and lower case"),
        ("y/p0.png", "`by: name` leaves the folders out"),
        ("y/p0.jpg", "`by: stem` leaves folders and endings out"),
        ("y/P0.JPG", "case, folders or ending"),
        ("other", "`by` and `key` say what is compared"),
    ],
)
def test_a_table_of_which_nothing_fits(tmp_path: Path, key: str, hint: str) -> None:
    table = _csv(tmp_path / "t.csv", [{"file": key, "class": "x"}])
    join = {"path": str(table), "key": "file", "fields": {"label": "class"}}
    with pytest.raises(DataError, match="not one of 1 rows fits a sample by `path`") as caught:
        run(tmp_path, _of_pictures(pictures(tmp_path), join))
    assert hint in caught.value.hint
    assert key in caught.value.hint


def test_a_key_that_is_there_twice(tmp_path: Path) -> None:
    rows = [*ROWS, {**ROWS[0], "file": "./0/p0.png"}]
    join = {"path": str(_csv(tmp_path / "t.csv", rows)), "key": "file", "fields": FIELDS}
    with pytest.raises(DataError, match=r"there twice: .*t\.csv:2 and .*t\.csv:5") as caught:
        run(tmp_path, _of_pictures(pictures(tmp_path), join))
    assert "answers" in caught.value.hint


def test_a_key_that_is_the_end_of_two_files(tmp_path: Path) -> None:
    table = _csv(tmp_path / "t.csv", [{"file": "a.png", "class": "x"}])
    join = {"path": str(table), "key": "file", "fields": {"label": "class"}}
    photos = pictures(tmp_path, "0/a.png", "1/a.png")
    with pytest.raises(DataError, match="fits two files") as caught:
        run(tmp_path, _of_pictures(photos, join))
    assert "by: name" in caught.value.hint
    found = run(tmp_path, _of_pictures(photos, {**join, "by": "name"}))
    assert found.to_arrow()["label"].to_pylist() == ["x", "x"]
    assert any("that another sample has too" in one for one in _told(tmp_path))


def test_rows_that_fit_nothing_or_cannot_be_read(tmp_path: Path) -> None:
    table = _csv(tmp_path / "t.csv", [*ROWS, {**ROWS[0], "file": "none.png"}])
    with table.open("a") as file:
        file.write("1/p3.png,a,b,c,d,e,f\n,cat,1,train\n1/p3.png,cat,1,weekday\n")
    join = {"path": str(table), "key": "file", "fields": FIELDS}
    dataset = run(tmp_path, _of_pictures(pictures(tmp_path), join))
    assert _passed(dataset) == {"t.csv:5": "a row of a joined table that fits no sample"}
    bad = _bad(dataset)
    assert ["7 columns" in bad[0], "no key" in bad[1], "`weekday` is none of" in bad[2]] == [
        True
    ] * 3
    counts = dataset.manifest.counts
    assert counts is not None
    assert (counts.num_in, counts.kept, counts.quarantined) == (7, 4, 3)


def test_samples_without_a_row_are_dropped_where_that_is_said(tmp_path: Path) -> None:
    table = _csv(tmp_path / "t.csv")
    join = {"path": str(table), "key": "file", "fields": FIELDS, "missing": "drop"}
    dataset = run(tmp_path, _of_pictures(pictures(tmp_path), join))
    assert sorted(rows_of(dataset)) == ["p0.png", "p1.png", "p2.png"]
    (path,) = (dataset.path / "dropped").glob("*.parquet")
    (row,) = pq.read_table(path).to_pylist()
    assert (row["drop.rule"], row["drop.value"]) == ("join.missing", f"no row in {table}")


@pytest.mark.parametrize(
    ("prefer", "labels", "origins"),
    [
        (None, ["cat", None], ["given", None]),
        ("source", ["cat", "dog"], ["given", "given"]),
        ("table", ["cat", "bird"], ["given", "given"]),
    ],
)
def test_what_both_state(
    tmp_path: Path, prefer: str | None, labels: list[str | None], origins: list[str | None]
) -> None:
    records = [
        {"id": 1, "text": "one", "split": "train"},
        {"id": 2, "text": "two", "split": "test"},
    ]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in records))
    table = _csv(tmp_path / "t.csv", [{"n": 1, "s": "train"}, {"n": 2, "s": "validation"}])
    join = {"path": str(table), "by": "id", "key": "n", "fields": {"split": "s"}}
    if prefer:
        join["prefer"] = prefer
    fields = {"id": "id", "split": "split"}
    given = {"path": str(tmp_path / "a.jsonl"), "fields": fields, "join": join}
    dataset = run(tmp_path, _recipe({"jsonl": given}))
    splits = dataset.to_arrow()["split"].to_pylist()
    assert (
        splits
        == {None: ["train"], "source": ["train", "test"], "table": ["train", "validation"]}[prefer]
    )
    bad = _bad(dataset)
    assert len(bad) == (prefer is None)
    if bad:
        assert "`split` is `test` in the source and `validation` at" in bad[0]


def test_what_both_state_is_known_before_it_runs() -> None:
    join = {"path": "t.csv", "key": "file", "fields": {"label": "class"}}
    text = _recipe({"image_folder": {"path": "photos", "join": join}})
    with pytest.raises(RecipeError, match="states `label`, and so does its `join`") as caught:
        parse_recipe(text)
    assert "labels: none" in caught.value.problems[0].hint
    parse_recipe(_recipe({"image_folder": {"path": "p", "join": {**join, "prefer": "table"}}}))


@pytest.mark.parametrize(
    ("join", "told"),
    [
        ({"path": "t.csv", "by": "meta.patient"}, "reads `meta.patient`"),
        ({"path": "t.csv", "by": "subject"}, "reads `subject`"),
        ({"path": "t.csv", "by": "file"}, "`file` is none of path, name, stem, id"),
        ({"path": "t.csv", "kye": "x"}, "`kye` is not a setting"),
        ({"path": "t.csv", "key": "a", "fields": {"label": "a"}}, "fills no other column"),
        ({"path": "t.csv", "fields": {"id": "a"}}, "what is compared is `key`"),
        ({"path": "t.csv", "answers": {"annotator": "a"}}, "label"),
        ({"by": "name"}, "without `path` the files beside are read"),
    ],
)
def test_recipes_that_are_refused(join: dict[str, Any], told: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(_recipe({"image_folder": {"path": "p", "labels": "none", "join": join}}))
    assert told in str([(one.what, one.hint) for one in caught.value.problems])


def test_by_a_field_of_the_record(tmp_path: Path) -> None:
    records = [{"text": "one", "who": 7}, {"text": "two", "who": 7}, {"text": "three", "who": "08"}]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in records))
    table = _csv(tmp_path / "t.csv", [{"who": "7", "sex": "f"}, {"who": "8", "sex": "m"}])
    join = {"path": str(table), "by": "meta.who", "key": "who"}
    dataset = run(tmp_path, _recipe({"jsonl": {"path": str(tmp_path / "a.jsonl"), "join": join}}))
    assert dataset.to_arrow()["meta.sex"].to_pylist() == ["f", "f", None]


def test_an_edit_of_the_table_alone_makes_the_source_again(tmp_path: Path) -> None:
    table = _csv(tmp_path / "t.csv")
    text = _of_pictures(pictures(tmp_path), {"path": str(table), "key": "file", "fields": FIELDS})
    run(tmp_path, text)
    (state,) = step_states(plan_of(text), tmp_path / "run")
    assert state.cached
    _csv(table, [{**ROWS[0], "class": "cow"}])
    (state,) = step_states(plan_of(text), tmp_path / "run")
    assert not state.cached
    assert "t.csv" in state.why or "written to" in state.why
    assert rows_of(run(tmp_path, text))["p0.png"]["label"] == "cow"


def test_a_table_that_changes_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = _csv(tmp_path / "t.csv")
    add = Table.add

    def adding(self: Table, *given: Any) -> None:
        table.touch()
        add(self, *given)

    monkeypatch.setattr(Table, "add", adding)
    join = {"path": str(table), "key": "file", "fields": FIELDS}
    with pytest.raises(DataError, match="chang"):
        run(tmp_path, _of_pictures(pictures(tmp_path), join))


def test_a_table_that_is_none(tmp_path: Path) -> None:
    photos = pictures(tmp_path)
    for name, data, told in (
        ("empty.csv", b"", "cannot be read"),
        ("header.csv", b"file_name,class\n", "empty"),
        ("t.png", (photos / "0/p0.png").read_bytes(), "cannot be read"),
        ("t.csv", b"name,class\n0/p0.png,x\n", "no column `file_name`"),
        ("t.jsonl", b'{"name": "0/p0.png"}\n', "file_name"),
        ("none.csv", None, "no such file"),
    ):
        if data is not None:
            (tmp_path / name).write_bytes(data)
        with pytest.raises(TilthError) as caught:
            run(tmp_path, _of_pictures(photos, {"path": str(tmp_path / name)}))
        assert told.lower() in f"{caught.value.what} {caught.value.where}".lower(), name


def test_a_table_that_is_too_large(tmp_path: Path) -> None:
    table = _csv(tmp_path / "t.csv", [{"file": f"{n}.png", "class": "x"} for n in range(99)])
    join = {"path": str(table), "key": "file", "max_table_bytes": 9_000}
    with pytest.raises(DataError, match="more than `max_table_bytes` of 9,000 in memory, after"):
        run(tmp_path, _of_pictures(pictures(tmp_path), join))


def test_a_limit_reads_the_table_and_tells_nothing_of_its_rest(tmp_path: Path) -> None:
    table = _csv(tmp_path / "t.csv", [*ROWS, {**ROWS[0], "file": "none.png"}])
    join = {"path": str(table), "key": "file", "fields": FIELDS}
    text = _of_pictures(pictures(tmp_path), join)
    plan = plan_of(text)
    dataset = run(tmp_path, text)
    assert dataset.num_rows == 4
    limited = build_plan(plan.recipe, limit=2)
    run_plan(limited, tmp_path / "limited", RunOptions())
    (state,) = step_states(limited, tmp_path / "limited")
    assert state.manifest is not None
    assert state.manifest.counts is not None
    assert state.manifest.counts.num_in == 2
    assert state.manifest.passed_over.by_reason == {}


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet", "files"])
def test_a_limit_is_spread_over_what_a_table_sorts(tmp_path: Path, kind: str) -> None:
    rows = [{"id": str(n), "text": f"text {n}"} for n in range(20)]
    _write(tmp_path / f"a.{'jsonl' if kind == 'files' else kind}", rows)
    (path,) = tmp_path.glob("a.*")
    table = _csv(tmp_path / "t.csv", [{"n": n, "class": n // 10} for n in range(20)])
    join = {"path": str(table), "by": "id", "key": "n", "fields": {"label": "class"}}
    given = {"path": str(path), "fields": {"id": "id"}, "join": join}
    plan = build_plan(parse_recipe(_recipe({kind: given})), limit=4)
    run_plan(plan, tmp_path / "run", RunOptions())
    (state,) = step_states(plan, tmp_path / "run")
    found = Dataset(data_folder(tmp_path / "run", state.step)).to_arrow()
    assert found["label"].to_pylist() == ["0", "0", "1", "1"]


def test_answers_of_many_people(tmp_path: Path) -> None:
    answers = [("a", "x", "1"), ("b", "x", "2"), ("a", "y", "1"), ("a", "z", ""), ("b", "", "1")]
    table = _csv(tmp_path / "t.csv", [{"item": i, "who": w, "said": s} for i, w, s in answers])
    (tmp_path / "a.jsonl").write_text('{"id": "a", "text": "one"}\n{"id": "b", "text": "two"}\n')
    join = {
        "path": str(table),
        "by": "id",
        "key": "item",
        "answers": {"annotator": "who", "label": "said"},
    }
    given = {"path": str(tmp_path / "a.jsonl"), "fields": {"id": "id"}, "join": join}
    dataset = run(tmp_path, _recipe({"jsonl": given}))
    assert dataset.to_arrow()["annotations"].to_pylist() == [
        [{"annotator": "x", "label": "1"}, {"annotator": "y", "label": "1"}],
        [{"annotator": "x", "label": "2"}],
    ]
    assert _passed(dataset) == {"t.csv:5": "a row of a joined table without an answer"}
    assert "does not say who answered" in _bad(dataset)[0]


@pytest.mark.parametrize("num_more", [0, 5000])
@pytest.mark.parametrize("indent", [None, 1])
def test_one_object_of_keys_and_values(tmp_path: Path, num_more: int, indent: int | None) -> None:
    """Also longer than what a type is known by, and than a record may be."""
    pairs = {"0/p0.png": "cat", "0/p1.png": 7, **{f"more/{n}.png": "x" for n in range(num_more)}}
    (tmp_path / "t.json").write_text(json.dumps(pairs, indent=indent))
    fields = {"label": "value"}
    join = {"path": str(tmp_path / "t.json"), "fields": fields, "max_record_bytes": 1000}
    dataset = run(tmp_path, _of_pictures(pictures(tmp_path), join))
    rows = rows_of(dataset)
    assert [row.get("label") for row in rows.values()] == ["cat", "7", None, None]
    assert len(_passed(dataset)) == num_more


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"0/p0.png": "cat", "0/p0.png": "dog"}', "there twice"),
        ('{"0/p0.png": ["cat"]}', "no record with `file_name`"),
        ('{"images": [{"file_name": "0/p0.png"}]}', "no record with `file_name`"),
        ('{"0/p0.png": null}', "does not name a text or a number for each key"),
    ],
)
def test_one_object_that_is_no_table(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "t.json").write_text(text)
    join = {"path": str(tmp_path / "t.json"), "fields": {"label": "value"}}
    with pytest.raises(DataError) as caught:
        run(tmp_path, _of_pictures(pictures(tmp_path), join))
    assert told in caught.value.what
    assert "twice" in told or "{KEY: VALUE}" in caught.value.hint


def test_answers_that_one_annotator_gives_again(tmp_path: Path) -> None:
    """As often as they differ: what is there twice is told, and counts once."""
    answers = ["1,u,x", "1,u,y", "1,v,x", "2,u,z", "2,u,z", "2,v,w", "2,w,z"]
    (tmp_path / "t.csv").write_text("\n".join(["item,who,said", *answers, ""]))
    (tmp_path / "a.jsonl").write_text('{"id": 1, "text": "one"}\n{"id": 2, "text": "two"}\n')
    join = {
        "path": str(tmp_path / "t.csv"),
        "by": "id",
        "key": "item",
        "answers": {"annotator": "who", "label": "said"},
    }
    given = {"path": str(tmp_path / "a.jsonl"), "fields": {"id": "id"}, "join": join}
    text = _recipe({"jsonl": given}, label=[{"consensus": {"method": "majority"}}])
    dataset = run(tmp_path, text)
    rows = Dataset(place(tmp_path / "run", plan_of(text), "label.consensus")).to_arrow().to_pylist()
    assert [(row["label"], row["label_confidence"]) for row in rows] == [
        ("x", 0.5),
        ("z", pytest.approx(2 / 3)),
    ]
    assert list(_passed(dataset)) == ["t.csv:5"]
    assert "its annotator gave more than once" in _passed(dataset)["t.csv:5"]
    assert any(
        one.startswith(f"1 item of {tmp_path / 't.csv'} with different answers")
        for one in _told(tmp_path)
    )


def test_real_answers_become_the_same_labels_as_from_their_own_file(
    tmp_path: Path, shared_data: Path
) -> None:
    """Of 108 pictures of bluebirds, as many votes and labels as were counted by hand."""
    folder = shared_data / "crowd-bluebird"
    lines = (folder / "labels.csv").read_text().split()[1:]
    items = sorted({int(line.split(",")[0]) for line in lines})
    (tmp_path / "a.jsonl").write_text(
        "".join(json.dumps({"id": n, "text": f"picture {n}"}) + "\n" for n in items)
    )
    joins = [
        {
            "path": str(folder / "labels.csv"),
            "by": "id",
            "key": "item",
            "answers": {"annotator": "worker", "label": "label"},
        },
        {"path": str(folder / "gold.csv"), "by": "id", "key": "item", "fields": {"gold": "label"}},
    ]
    given = {"path": str(tmp_path / "a.jsonl"), "fields": {"id": "id"}, "join": joins}
    text = _recipe({"jsonl": given}, label=[{"consensus": {"method": "majority"}}])
    run_inline(text, tmp_path / "run")
    rows = Dataset(place(tmp_path / "run", plan_of(text), "label.consensus")).to_arrow().to_pylist()
    assert len(rows) == 108
    assert sum(len(row["annotations"]) for row in rows) == 4212
    votes = {n: Counter(x.split(",")[2] for x in lines if x.split(",")[0] == str(n)) for n in items}
    for row in rows:
        number = int(row["text"].split()[1])
        assert votes[number][row["label"]] == max(votes[number].values())
    # The majority is right for 82 of 108, as the data's page says (75.93 %).
    assert sum(str(row["meta.gold"]) == row["label"] for row in rows) == 82


def test_an_export_of_label_studio(tmp_path: Path) -> None:
    def task(number: int, image: str, *said: str) -> dict[str, Any]:
        return {
            "id": number,
            "data": {"image": image, "batch": "one"},
            "annotations": [
                {
                    "completed_by": who,
                    "ground_truth": label.startswith("!"),
                    "result": [{"from_name": "c", "value": {"choices": [label.strip("!")]}}],
                }
                for who, label in enumerate(said)
            ],
        }

    tasks = [
        task(1, "/data/local-files/?d=photos/0/p0.png", "cat", "cat", "!dog"),
        task(2, "0/p1.png", "dog"),
        {"id": 3, "data": {}, "annotations": []},
        {"id": 4},
    ]
    (tmp_path / "export.json").write_text(json.dumps(tasks))
    join = {"path": str(tmp_path / "export.json"), "key": "image", "answers": "label_studio"}
    text = _of_pictures(pictures(tmp_path), join)
    dataset = run(tmp_path, text)
    rows = rows_of(dataset)
    assert [len(rows[name].get("annotations", [])) for name in rows] == [2, 1, 0, 0]
    assert rows["p0.png"]["label"] == "dog"
    assert rows["p0.png"]["label_origin"] == "expert"
    assert rows["p1.png"]["meta.batch"] == "one"
    assert ["no field `image`" in _bad(dataset)[0], "no `data`" in _bad(dataset)[1]] == [True, True]


def test_metadata_that_lies_among_the_pictures(tmp_path: Path) -> None:
    photos = pictures(tmp_path, "train/a.png", "train/b.png", "test/a.png", "test/x/c.png")
    (photos / "train/metadata.csv").write_text("file_name,label,caption\na.png,x,one\nno.png,x,\n")
    (photos / "test/metadata.jsonl").write_text(
        '{"file_name": "a.png", "label": "y"}\n{"file_name": "x/c.png", "label": "z"}\n'
        '{"file_name": "../train/b.png", "label": "z"}\n'
    )
    text = _of_pictures(photos, {"fields": {"label": "label"}})
    dataset = run(tmp_path, text)
    rows = dataset.to_arrow().to_pylist()
    found = {row["uri"].split("photos/")[1]: row["label"] for row in rows}
    assert found == {
        "test/a.png": "y",
        "test/x/c.png": "z",
        "train/a.png": "x",
        "train/b.png": None,
    }
    assert {row["split"] for row in rows} == {"train", "test"}
    assert _passed(dataset)["metadata.csv:3"] == "a row of a joined table that fits no sample"
    assert "leads out of the folder" in _bad(dataset)[0]

    with zipfile.ZipFile(tmp_path / "all.zip", "w") as file:
        for path in sorted(photos.rglob("*.*")):
            file.write(path, path.relative_to(photos))
    packed = _of_pictures(tmp_path / "all.zip", {"fields": {"label": "label"}})
    again = run(tmp_path, packed).to_arrow().to_pylist()
    assert {row["uri"].split(".zip:")[1]: row["label"] for row in again} == found
    plain = (
        _of_pictures(photos, []),
        "metadata of the files beside it, which `join: metadata` reads",
    )
    assert _passed(run(tmp_path, plain[0])) == {
        "metadata.csv": plain[1],
        "metadata.jsonl": plain[1],
    }
    of_files = {"path": str(photos), "join": {"fields": {"label": "label"}}}
    rows = run(tmp_path, _recipe({"files": of_files})).to_arrow().to_pylist()
    assert {row["uri"].split("photos/")[1]: row["label"] for row in rows} == found
    with pytest.raises(RecipeError):
        parse_recipe(_of_pictures(photos, "meta"))
    assert parse_recipe(_of_pictures(photos, "metadata")).sources[0].settings.join[0].path is None  # type: ignore[attr-defined]


def test_real_pictures_and_sounds_with_a_table_beside(tmp_path: Path, shared_data: Path) -> None:
    """What the names of real files say is said by a table instead, and comes out the same."""
    photos = sorted((shared_data / "imagenet-sample" / "images").rglob("*.*"))[:12]
    assert len(photos) == 12
    (tmp_path / "photos").mkdir()
    for path in photos:
        (tmp_path / "photos" / path.name).symlink_to(path)
    table = _csv(tmp_path / "t.csv", [{"n": p.stem, "class": p.stem.split("_")[0]} for p in photos])
    join = {"path": str(table), "by": "stem", "key": "n", "fields": {"label": "class"}}
    rows = rows_of(run(tmp_path, _of_pictures(tmp_path / "photos", join)))
    assert {name: row["label"] for name, row in rows.items()} == {
        path.name: path.stem.split("_")[0] for path in photos
    }

    with tarfile.open(shared_data / "free-spoken-digit-dataset" / "recordings.tar.xz") as archive:
        found = [m for m in itertools.islice(archive, 30) if m.name.endswith(".wav")][:8]
        sounds = {Path(m.name).name: archive.extractfile(m).read() for m in found}  # type: ignore[union-attr]
    (tmp_path / "sounds").mkdir()
    for name, data in sounds.items():
        (tmp_path / "sounds" / name).write_bytes(data)
    words = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    lines = [{"file_name": name, "transcription": words[int(name[0])]} for name in sounds]
    (tmp_path / "sounds/metadata.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines))
    given = {"path": str(tmp_path / "sounds"), "join": {"fields": {"target": "transcription"}}}
    heard = rows_of(run(tmp_path, _recipe({"audio": given})))
    assert {name: row["target"] for name, row in heard.items()} == {
        name: words[int(name[0])] for name in sounds
    }
