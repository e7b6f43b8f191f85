"""Before a step begins it is looked for what it needs: told, or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.table.whole import changed, rows, run
from tilth.api import Run
from tilth.errors import DataError, UsageError
from tilth.query.document import report_document

RECORDS = [{"text": f"text {n} of many", "label": "xy"[n % 2], "who": None} for n in range(20)]


@pytest.fixture
def tree(tmp_path: Path) -> dict[str, Any]:
    file = tmp_path / "a.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in RECORDS), "utf-8")
    source = {"path": str(file), "fields": {"label": "label", "annotations": "who"}}
    return {
        "collect": {"a": {"jsonl": source}},
        "clean": [{"rules": {"where": ["label_confidence >= 0.5"]}}],
        "label": [{"consensus": {"min_confidence": 0.9}}],
        "mix": [{"weights": {"labels": {"x": 2}}}],
    }


def warnings(found: Run, step: str) -> tuple[str, ...]:
    document = report_document(found.view)
    return next(one.warnings for one in document.steps if one.name == step)


def test_a_column_that_is_empty_in_every_sample_is_told(
    tree: dict[str, Any], tmp_path: Path
) -> None:
    tree = {**tree, "clean": [], "label": ["consensus"]}
    found = run(tree, tmp_path)
    told = "no sample has a value in `annotations`, which `consensus` reads"
    assert warnings(found, "label.consensus") == (told,)
    assert warnings(found, "mix.weights") == ()
    assert warnings(run(tree, tmp_path), "label.consensus") == (told,)


def test_samples_without_what_is_compared_are_counted(tmp_path: Path) -> None:
    """Pictures beside texts once passed for samples of which there are no copies."""
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a", "b", "c"):
        (folder / f"{name}.txt").write_text("the same text in each", "utf-8")
    for name in ("d", "e"):
        Image.new("L", (2, 2)).save(folder / f"{name}.png")
    tree: dict[str, Any] = {
        "collect": {"a": {"files": {"path": str(folder)}}},
        "deduplicate": ["exact", "minhash"],
    }
    found = run(tree, tmp_path)
    told = "{} without `{}`, which `{}` reads"
    assert warnings(found, "deduplicate.exact") == (told.format("2 samples", "text", "exact"),)
    assert told.format("2 samples", "text", "minhash") in warnings(found, "deduplicate.minhash")
    found = run({**tree, "deduplicate": [{"exact": {"of": "image"}}]}, tmp_path)
    assert warnings(found, "deduplicate.exact") == (told.format("3 samples", "image", "exact"),)


def test_test_labels_that_nobody_verified_are_told_of_in_the_run(tmp_path: Path) -> None:
    said = [{"annotator": who, "label": label} for who, label in zip("abc", "xxy", strict=True)]
    rows_ = [{"text": f"text {n}", "said": said, "split": ("test", "train")[n % 2]} for n in (0, 1)]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows_), "utf-8")
    fields = {"split": "split", "annotations": "said"}
    tree: dict[str, Any] = {
        "collect": {"a": {"jsonl": {"path": str(path), "fields": fields}}},
        "label": [{"consensus": {"method": "majority"}}],
    }
    (told,) = warnings(run(tree, tmp_path), "label.consensus")
    assert told.startswith("1 sample of the test split has a label that people's answers made and")
    assert "by their confidence 33.3% of these are wrong" in told


def test_what_passes_for_boilerplate_is_told_with_its_numbers(tmp_path: Path) -> None:
    """One test item in two more test texts, and whole in two of three training texts."""
    item = "to be or not to be that is the question"
    texts = {
        "test": [item, f"one {item}", f"two {item}"],
        "train": [f"and {item} again", f"so {item}", "a text that has nothing of it"],
    }
    rows_ = [{"text": text, "split": split} for split in texts for text in texts[split]]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows_), "utf-8")
    source = {"path": str(path), "fields": {"split": "split"}}
    decontaminate = {"ngram_words": 3, "max_document_frequency": 1}
    tree: dict[str, Any] = {
        "collect": {"a": {"jsonl": source}},
        "deduplicate": [{"decontaminate": decontaminate}],
    }
    found = run(tree, tmp_path)
    assert len(rows(found, "deduplicate.decontaminate")) == 6
    (told,) = warnings(found, "deduplicate.decontaminate")
    assert told.startswith("2 training texts kept with more than half of a held-out text, of 3 ")
    more = changed(tree, "deduplicate/0/decontaminate/max_document_frequency", 3)
    found = run(more, tmp_path)
    assert len(rows(found, "deduplicate.decontaminate")) == 4
    assert warnings(found, "deduplicate.decontaminate") == ()


def test_a_label_that_is_not_there_stops_the_run_and_a_part_of_the_data_does_not(
    tree: dict[str, Any], tmp_path: Path
) -> None:
    tree = {**tree, "clean": [], "label": []}
    unknown = changed(tree, "mix/0/weights/labels", {"x": 2, "z": 3})
    with pytest.raises(DataError, match="no sample has the label `z`"):
        run(unknown, tmp_path)
    found = run(unknown, tmp_path, limit=4)
    assert len(rows(found, "mix.weights")) == 4
    (told,) = warnings(found, "mix.weights")
    assert told.startswith("no sample has the label `z`, which `weights` names; choose from")


def test_a_rule_that_does_not_fit_its_field_names_the_step_and_its_line(
    tree: dict[str, Any], tmp_path: Path
) -> None:
    """A field that is text since one record has it as a word, of a source and of a recipe."""
    records = [{**record, "year": n or "n.d."} for n, record in enumerate(RECORDS)]
    text = "".join(json.dumps(record) + "\n" for record in records)
    (tmp_path / "a.jsonl").write_text(text, "utf-8")
    tree = {**tree, "clean": [{"rules": {"where": ["meta.year > 3"]}}], "label": [], "mix": []}
    with pytest.raises(UsageError, match=r"as `n\.d\.` of .*a\.jsonl:1") as error:
        run(tree, tmp_path)
    assert "clean[0].rules, clean.rules: meta.year > 3" in error.value.where
    assert "`meta.year > '3'`" in error.value.hint
