"""A draft for what lies at a path: it runs as it stands, and says what its guesses rest on."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from tests.collect.archives import tar, zip_
from tests.collect.test_audio import wav
from tests.engine.inline import _png as png
from tests.engine.inline import inline, run_inline
from tests.formats import documents
from tilth.errors import DataError, MissingError, TilthError, UsageError
from tilth.query import seen as seeing
from tilth.query.draft import Draft, draft
from tilth.recipe.load import parse_recipe
from tilth.recipe.plan import build_plan
from tilth.store.dataset import Dataset

pytestmark = pytest.mark.usefixtures("inline")
__all__ = ["inline"]

WORDS = ("river", "mountain", "library", "garden", "window", "letter", "market", "harbour")


def sentence(number: int) -> str:
    """A text of its own, in English."""
    words = [WORDS[(number * step + step) % len(WORDS)] for step in range(1, 9)]
    return f"In the year {number} the {' and the '.join(words)} were seen by all of us."


def write(path: Path, data: bytes | str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())


def picture(number: int) -> bytes:
    pixels = np.random.default_rng(number).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    return png(pixels)


def sound(number: int) -> bytes:
    return wav(3200 + number)


def records(num: int, **fixed: Any) -> list[dict[str, Any]]:
    return [
        {
            "ref": f"r{n}",
            "title": f"Of {WORDS[n % 8]}",
            "body": f"{sentence(n)} {sentence(n + 1)}",
            "category": WORDS[n % 3],
            **fixed,
        }
        for n in range(num)
    ]


def lines(found: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(one) + "\n" for one in found)


def delimited(found: list[dict[str, Any]], delimiter: str = ",") -> str:
    rows = [list(found[0]), *([str(value) for value in one.values()] for one in found)]
    return "".join(delimiter.join(row) + "\n" for row in rows)


def task(number: int) -> dict[str, Any]:
    def answer(who: int) -> dict[str, Any]:
        value = {"choices": [WORDS[number % 2]]}
        result = {"from_name": "kind", "to_name": "text", "type": "choices", "value": value}
        return {"completed_by": who, "result": [result]}

    return {"id": number, "data": {"text": sentence(number)}, "annotations": [answer(1), answer(2)]}


def _class_folders(at: Path) -> None:
    for split, num in (("train", 6), ("val", 2), ("test", 2)):
        for label in ("cat", "dog"):
            for n in range(num):
                write(at / split / label / f"{n}.png", picture(hash((split, label, n)) % 10_000))


def _archive_of_classes(at: Path) -> None:
    members = {
        f"{split}/{label}/{n}.png": picture(100 * at_split + 10 * (label == "cat") + n)
        for at_split, split in enumerate(("train", "test"))
        for label in ("cat", "dog")
        for n in range(4)
    }
    write(at / "all.tar.gz", gzip.compress(tar([*members.items()])))


def _loose_pictures(at: Path) -> None:
    for n in range(30):
        write(at / f"{n}.png", picture(n))


def _labels_beside(at: Path) -> None:
    _loose_pictures(at)
    write(
        at / "labels.csv", delimited([{"file": f"{n}.png", "kind": "ab"[n % 2]} for n in range(30)])
    )


def _metadata_beside(at: Path) -> None:
    _loose_pictures(at)
    rows = [{"file_name": f"{n}.png", "class": "ab"[n % 2], "width": n} for n in range(30)]
    write(at / "metadata.csv", delimited(rows))


def _labels_by_stem(at: Path) -> None:
    for n in range(30):
        write(at / "clips" / f"clip-{n}.wav", sound(n))
    rows = [{"clip": f"clip-{n}", "label": "ab"[n % 2], "by": "xy"[n % 2]} for n in range(30)]
    write(at / "labels.csv", delimited(rows))


def _labels_in_doubt(at: Path) -> None:
    _loose_pictures(at)
    rows = [{"file": f"{n}.png", "kind": "ab"[n % 2], "by": "xy"[n % 2]} for n in range(30)]
    write(at / "labels.csv", delimited(rows))


def _same_names_below(at: Path) -> None:
    for parent in ("greek", "latin"):
        for label in ("alpha", "beta"):
            for n in range(4):
                write(at / parent / label / f"{n}.png", picture(len(parent + label) * 100 + n))


def _notes_beside_classes(at: Path) -> None:
    for label in ("cat", "dog"):
        for n in range(6):
            write(at / label / f"{n}.png", picture(10 * len(label) + n + ord(label[0])))
    write(at / "notes" / "how.txt", sentence(1))


def _transcripts(at: Path) -> None:
    for n in range(30):
        write(at / "clips" / f"{n}.wav", sound(n))
    write(at / "said.tsv", "file\ttext\n" + "".join(f"{n}.wav\tone {n}\n" for n in range(30)))


def _sound_classes(at: Path) -> None:
    for label in ("yes", "no"):
        for n in range(20):
            write(at / label / f"{n}.wav", sound(n + 50 * (label == "no")))


def _jsonl(at: Path) -> None:
    write(at / "all.jsonl", lines(records(60)))
    write(at / "README.md", "# About")


def _splits_by_file(at: Path) -> None:
    write(at / "train.csv", delimited(records(40)))
    write(at / "test.csv", delimited([{**one, "body": f"{one['body']}!"} for one in records(10)]))


def _splits_by_field(at: Path) -> None:
    found = records(60)
    for n, one in enumerate(found):
        one["split"] = ("train", "dev", "test")[n % 3]
    write(at / "all.jsonl", lines(found))


def _parquet(at: Path) -> None:
    at.mkdir()
    pq.write_table(pa.Table.from_pylist(records(50)), at / "a.parquet")
    pq.write_table(pa.Table.from_pylist(records(90)[50:]), at / "b.parquet")


def _pictures_in_parquet(at: Path) -> None:
    at.mkdir()
    rows = [{"image": {"bytes": picture(n), "path": ""}, "label": n % 2} for n in range(30)]
    pq.write_table(pa.Table.from_pylist(rows), at / "a.parquet")


def _json_inside(at: Path) -> None:
    write(at / "all.json", json.dumps({"version": 1, "data": {"train": records(30)}}))


def _html(at: Path) -> None:
    for n in range(30):
        text = "".join(f"<p>{sentence(40 * n + m)}</p>" for m in range(6))
        write(at / f"{n}.html", f"<!doctype html><title>{n}</title><article>{text}</article>")


def _mixed(at: Path) -> None:
    for n in range(12):
        write(at / f"{n}.txt", f"{sentence(n)} {sentence(n + 20)}")
        write(at / f"{n}.md", f"---\ntitle: {n}\n---\n{sentence(n + 50)}")
        write(at / f"{n}.html", f"<!doctype html><article><p>{sentence(n + 90) * 3}</p></article>")
    for n in range(4):
        write(at / f"{n}.docx", documents.docx([sentence(n + 200)]))
        write(at / "more" / f"{n}.png", picture(n))
    write(at / "records.jsonl", lines(records(5)))
    write(at / "other.csv", delimited([{"question": sentence(n + 400), "no": n} for n in range(8)]))
    write(at / "numbers.csv", delimited([{"a": n, "b": n + 1} for n in range(8)]))


def _tasks(at: Path) -> None:
    write(at / "export.json", json.dumps([task(n) for n in range(40)]))


def _pairs(at: Path) -> None:
    for split, num in (("train", 40), ("test", 10)):
        write(at / f"{split}.en", "".join(f"{sentence(n)}\n" for n in range(num)))
        write(at / f"{split}.de", "".join(f"Das ist {n}.\n" for n in range(num)))


def _header_less(at: Path) -> None:
    write(at / "all.tsv", "".join(f"{n % 2}\t{sentence(n)}\n" for n in range(40)))


def _two_languages(at: Path) -> None:
    german = "Gestern sind wir mit dem Zug nach Berlin gefahren und haben das Museum besucht"
    write(
        at / "a.jsonl",
        lines(
            [{"text": f"{german}, Tag {n}."} for n in range(20)]
            + [{"text": sentence(n)} for n in range(20)]
        ),
    )


Fill = Callable[[Path], None]
# What fills a folder, the operations that the draft names, and what is among its settings.
CASES: dict[str, tuple[Fill, list[str], dict[str, Any]]] = {
    "class folders": (_class_folders, ["image_folder"], {"labels": "folder"}),
    "an archive of classes": (_archive_of_classes, ["image_folder"], {"labels": "folder"}),
    "loose pictures": (_loose_pictures, ["image_folder"], {"labels": "none"}),
    "labels beside": (
        _labels_beside,
        ["image_folder"],
        {
            "labels": "none",
            "join": {"path": "data/labels.csv", "key": "file", "fields": {"label": "kind"}},
        },
    ),
    "metadata beside": (
        _metadata_beside,
        ["image_folder"],
        {"labels": "none", "join": {"fields": {"label": "class"}}},
    ),
    "labels by stem": (
        _labels_by_stem,
        ["audio"],
        {
            "join": {
                "path": "data/labels.csv",
                "by": "stem",
                "key": "clip",
                "fields": {"label": "label"},
            }
        },
    ),
    "same names below": (_same_names_below, ["image_folder"], {"labels": "path"}),
    "notes beside classes": (_notes_beside_classes, ["image_folder"], {"labels": "folder"}),
    "transcripts": (_transcripts, ["audio"], {"transcripts": "data/said.tsv"}),
    "sound classes": (_sound_classes, ["files"], {"types": ["sounds"], "labels": "folder"}),
    "jsonl": (_jsonl, ["jsonl"], {"fields": {"text": "body", "label": "category"}}),
    "splits by file": (_splits_by_file, ["csv", "csv"], {"split": "test"}),
    "splits by field": (
        _splits_by_field,
        ["jsonl"],
        {"fields": {"text": "body", "split": "split", "label": "category"}},
    ),
    "parquet": (_parquet, ["parquet"], {"path": "data"}),
    "pictures in parquet": (
        _pictures_in_parquet,
        ["parquet"],
        {"image": "image", "fields": {"label": "label"}},
    ),
    "json inside": (_json_inside, ["jsonl"], {"records": "data.train[*]"}),
    "html": (_html, ["files"], {"path": "data"}),
    "mixed": (_mixed, ["files", "jsonl"], {"fields": {"text": "question"}}),
    "tasks": (_tasks, ["label_studio"], {"path": "data/export.json"}),
    "pairs": (_pairs, ["parallel"], {}),
    "no header": (_header_less, ["csv"], {"header": False, "columns": ["column1", "column2"]}),
    "two languages": (_two_languages, ["jsonl"], {"fields": {"text": "text"}}),
}


@pytest.mark.parametrize("case", CASES)
def test_a_draft_runs_as_it_stands(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is checked, planned and run; every row is read, and there is something held out."""
    fill, ops, settings = CASES[case]
    monkeypatch.chdir(tmp_path)
    fill(tmp_path / "data")
    found = draft("data", "mine")
    recipe = parse_recipe(found.text)
    assert [step.operation.name for step in recipe.sources] == ops
    given = next(iter(yaml.safe_load(found.text)["collect"].values()))[ops[0]]
    assert settings.items() <= given.items()
    assert build_plan(recipe).steps
    outcome = run_inline(found.text, tmp_path / "run")
    splits = set()
    for step in recipe.sources:
        (folder,) = (tmp_path / "run" / "data").glob(f"{step.name}-*")
        counts = Dataset(folder).manifest.counts
        assert counts is not None
        assert counts.kept > 0
        assert counts.quarantined == 0
    last = recipe.records[-1].name
    (folder,) = (tmp_path / "run" / "data").glob(f"{last}-*")
    splits = set(Dataset(folder).to_arrow()["split"].to_pylist())
    assert "test" in splits or "validation" in splits
    assert outcome is not None


def drafted(fill: Fill, at: Path) -> Draft:
    fill(at)
    return draft(str(at), "mine")


def test_every_guess_says_what_was_seen(tmp_path: Path) -> None:
    text = drafted(_jsonl, tmp_path / "data").text
    assert "`body` is the longest text field, in all of the first 60 records" in plain(text)
    assert "`category` has 3 values, in all of the first 60 records" in plain(text)
    assert "`title` is text, too: `text: title`" in plain(text)
    assert "passed over: 1 Markdown" in text


def plain(text: str) -> str:
    """Comments without their line breaks."""
    return re.sub(r"\n *#   *", " ", text)


def test_classes_and_splits_are_counted(tmp_path: Path) -> None:
    text = plain(drafted(_class_folders, tmp_path / "data").text)
    assert "20 PNG of 20 files" in text
    assert "the pictures lie in 2 class folders" in text
    assert "train 12, validation 4, test 4" in text
    assert "hold_out" not in text


def test_a_table_beside_pictures_of_which_the_class_is_in_doubt_is_named(tmp_path: Path) -> None:
    text = drafted(_labels_in_doubt, tmp_path / "data").text
    assert (
        "labels.csv names files in `file` (30 of its first 30 rows), and says of them `kind`, "
        "`by`: `join: {path: labels.csv, key: file}` reads it, with `fields` or `answers`"
    ) in plain(text)
    assert "in another case" not in text
    assert "join" not in yaml.safe_load(text)["collect"]["pictures"]["image_folder"]


def test_a_table_that_names_files_in_another_case_is_told(tmp_path: Path) -> None:
    """`labels.csv` says a.jpg where the camera wrote A.JPG: it was passed over in silence."""

    def make(folder: Path) -> None:
        _labels_in_doubt(folder)
        table = folder / "labels.csv"
        table.write_text(table.read_text("utf-8").replace(".png", ".PNG"), "utf-8")

    text = plain(drafted(make, tmp_path / "data").text)
    assert "`join: {path: labels.csv, key: file}` reads it" in text
    assert "30 in another case than the files have" in text


def test_a_table_that_says_the_classes_says_why(tmp_path: Path) -> None:
    text = plain(drafted(_labels_beside, tmp_path / "data").text)
    assert "labels.csv names files in `file`, and `kind` is what has few values" in text


def test_no_value_of_a_field_is_quoted(tmp_path: Path) -> None:
    """A name, an address or a disease stays where it is: names of fields only are told."""
    found = records(40, patient="Erika Mustermann", disease="measles")
    for at, one in enumerate(found):
        one["split"] = "secret-split" if at % 2 else "other-split"
    write(tmp_path / "data" / "a.jsonl", lines(found) + "{broken Mustermann\n")
    text = draft(str(tmp_path / "data"), "mine").text
    for value in ("Mustermann", "measles", "secret-split", *WORDS):
        assert value not in text
    assert "`patient` may say whose data it is" in text
    assert "`split` may be the split" in text


def test_what_cannot_be_read_widens_the_budget_and_is_told(tmp_path: Path) -> None:
    write(tmp_path / "data" / "a.jsonl", lines(records(45)) + "{broken\n" * 5)
    text = draft(str(tmp_path / "data"), "mine").text
    assert "5 of them could not be" in plain(text)
    assert yaml.safe_load(text)["error_budget"] == 0.2
    run_inline(text, tmp_path / "run")


def test_several_languages_are_measured_and_one_is_not(tmp_path: Path) -> None:
    both = drafted(_two_languages, tmp_path / "both").text
    assert "\n  - language\n" in both
    assert "# - language: {keep: [" in both
    one = drafted(_jsonl, tmp_path / "one").text
    assert "\n  - language\n" not in one
    assert "# - language: {keep: [en, unknown]}" in one


@pytest.mark.parametrize("case", ["class folders", "transcripts", "pairs", "jsonl", "html"])
def test_the_training_is_one_that_fits(case: str, tmp_path: Path) -> None:
    """With its sign of a comment taken away it is a recipe, too."""
    text = drafted(CASES[case][0], tmp_path / "data").text
    start = text.index("# pretrain:")
    with_training = text[:start] + text[start:].replace("# ", "", 5).replace("\n# ", "\n")
    assert parse_recipe(with_training).pretrain is not None


def test_one_file_is_drafted_for_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "all.txt", "\n\n".join(sentence(n) for n in range(40)))
    found = yaml.safe_load(draft("all.txt", "mine").text)["collect"]
    assert found == {"text": {"text_file": {"path": "all.txt", "record": "paragraph"}}}
    write(tmp_path / "all.json", json.dumps(records(30)))
    found = yaml.safe_load(draft("all.json", "mine").text)["collect"]["all"]["jsonl"]
    assert found["records"] == "[*]"
    write(tmp_path / "all.csv.gz", gzip.compress(delimited(records(30), ";").encode()))
    found = yaml.safe_load(draft("all.csv.gz", "mine").text)["collect"]["all"]["csv"]
    assert found["delimiter"] == ";"
    assert draft("all.*", "mine").sources


def test_the_payload_of_tasks_is_found_by_its_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture by what its values are called, a text by its length; of controls the first."""
    monkeypatch.chdir(tmp_path)
    tasks = [task(n) for n in range(12)]
    for n, one in enumerate(tasks):
        one["data"] = {"photo": f"{n}.png", "ref": n}
        one["annotations"][0]["result"].append({"from_name": "other", "type": "choices"})
        write(tmp_path / f"{n}.png", picture(n))
    write(tmp_path / "export.json", json.dumps(tasks))
    found = yaml.safe_load(draft("export.json", "mine").text)["collect"]["tasks"]["label_studio"]
    assert found == {"path": "export.json", "control": "kind", "image": "photo"}


def test_an_address_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="an address is not looked at"):
        draft("https://example.org/a.jsonl", "mine")
    with pytest.raises(MissingError):
        draft(str(tmp_path / "nothing"), "mine")


def test_what_nothing_reads_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="the folder has no file"):
        draft(str(tmp_path / "empty"), "mine")
    write(tmp_path / "odd" / "a.npy", b"\x93NUMPY\x01\0v\0{}")
    write(tmp_path / "odd" / "b.bin", b"\0\x01\x02\x03")
    with pytest.raises(DataError, match=r"1 of a type .*NumPy.*; 1 of an unknown type"):
        draft(str(tmp_path / "odd"), "mine")
    write(tmp_path / "numbers" / "a.csv", delimited([{"a": n, "b": n + 1} for n in range(9)]))
    with pytest.raises(DataError, match=r"no field of a\.csv may be the text") as error:
        draft(str(tmp_path / "numbers"), "mine")
    assert "there are `a`, `b`" in str(error.value)


def test_an_extra_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tilth.collect import item_rows

    monkeypatch.setattr(item_rows, "is_here", lambda package: package != "pypdfium2")
    write(tmp_path / "pdf" / "a.pdf", documents.pdf([[sentence(1)]]))
    with pytest.raises(DataError, match=r"pip install 'tilth\[pdf\]'"):
        draft(str(tmp_path / "pdf"), "mine")
    write(tmp_path / "pdf" / "a.txt", sentence(2))
    assert (
        "passed over: 1 PDF is read with the extra `pdf`" in draft(str(tmp_path / "pdf"), "m").text
    )


def test_a_look_is_bounded_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seeing, "MAX_OPENED", 10)
    _loose_pictures(tmp_path / "data")
    text = draft(str(tmp_path / "data"), "mine").text
    assert "10 of 30 files were opened; of the others the name's ending decides" in plain(text)
    assert "30 PNG of 30 files" in text
    monkeypatch.setattr(seeing, "MAX_NAMES", 20)
    with pytest.raises(UsageError, match="more than 20 files"):
        draft(str(tmp_path / "data"), "mine")


def test_names_that_break_lines_stay_in_their_comment(tmp_path: Path) -> None:
    """A field called like a line of YAML, and a folder with a line break, write no line."""
    hostile = "x\nlabel:\n  - vote\n"
    found = [{**one, hostile: sentence(n), "a: b": n} for n, one in enumerate(records(30))]
    write(tmp_path / "da\nta: {" / "a.jsonl", lines(found))
    text = draft(str(tmp_path / "da\nta: {"), "mine").text
    assert set(yaml.safe_load(text)) == {
        *("tilth", "name", "seed", "collect", "clean", "deduplicate", "mix")
    }
    run_inline(text, tmp_path / "run")


@pytest.mark.parametrize(
    "data",
    [b"", b"\x00", b"PAR1junk", b"PK\x03\x04junk", b"\x1f\x8bjunk", b'[{"a":', b"{}", b"a,b\n"],
)
@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.parquet", "a.zip", "a.json", "a.tar.gz"])
def test_a_damaged_file_is_an_error_or_a_draft(name: str, data: bytes, tmp_path: Path) -> None:
    write(tmp_path / "data" / name, data)
    with suppress(TilthError):
        parse_recipe(draft(str(tmp_path / "data"), "mine").text)


def test_zip_of_documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    members = {f"a/{n}.txt": sentence(n).encode() for n in range(40)}
    write(tmp_path / "all.zip", zip_([*members.items()]))
    text = draft("all.zip", "mine").text
    assert yaml.safe_load(text)["collect"] == {"files": {"files": {"path": "all.zip"}}}
    run_inline(text, tmp_path / "run")


@pytest.mark.parametrize(
    ("name", "ops"),
    [
        ("warc", ["web_archive"]),
        ("mnist", ["idx"]),
        ("banking77", ["csv", "csv"]),
        ("multi30k", ["parallel"]),
        ("sms-spam", ["csv"]),
        ("imagenet-sample", ["image_folder"]),
    ],
)
def test_public_data_sets(name: str, ops: list[str], shared_data: Path) -> None:
    found = draft(str(shared_data / name), "mine")
    assert [*found.sources.values()] == ops
    parse_recipe(found.text)


def test_web_archives_run(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    for name in ("whirlwind.warc.gz", "whirlwind.warc.wet.gz"):
        shutil.copy(shared_data / "warc" / name, tmp_path / "data")
    text = draft("data", "mine").text
    assert "\n  - extract\n" in text
    run_inline(text, tmp_path / "run")


def test_the_page_shows_what_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example of the guide, as it stands there."""
    page = (Path(__file__).parents[2] / "docs" / "guides" / "own-data.md").read_text("utf-8")
    (block,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    for split, num in (("train", 80), ("test", 20)):
        found = [
            {"title": f"Review of {WORDS[n % 8]}", "review": sentence(n)[:53], "stars": n % 5 + 1}
            for n in range(num)
        ]
        write(tmp_path / "reviews" / f"{split}.jsonl", lines(found))
    text = draft("reviews", "my").text
    assert text[text.index("collect:") :].startswith(block)
    run_inline(text, tmp_path / "run")
