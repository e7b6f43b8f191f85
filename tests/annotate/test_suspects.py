"""Labels that are likely to be wrong go to people, and what these say stands in their place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.annotate.places import tasks_of, write_answers
from tests.label.test_label_errors import WORDS, WRONG, rows_of
from tests.table.whole import read, rows, run
from tilth.annotate.order import order
from tilth.annotate.source import Source
from tilth.annotate.take import take
from tilth.api import Run
from tilth.errors import DataError, RecipeError

NAMES = sorted(WORDS)


def truth(text: str) -> str:
    return next(name for name, words in WORDS.items() if text.split()[0] in words)


def tree_of(folder: Path, **annotate: Any) -> dict[str, Any]:
    path = folder / "texts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows_of()))
    asked = {"question": "What is it?", "classes": NAMES, "ledger": str(folder / "ledger")}
    return {
        "name": "mine",
        "collect": {"texts": {"jsonl": {"path": str(path), "fields": {"label": "label"}}}},
        "label": [
            "label_errors",
            {"annotations": {"ledger": str(folder / "ledger"), "relabel": True}},
            {"consensus": {"method": "majority"}},
        ],
        "annotate": {
            **asked,
            "step": "label.label_errors",
            "choose": "suspect",
            "annotators": 1,
            "accept": {"min_gold_answers": 1},
            **annotate,
        },
    }


def labels_of(run: Run) -> dict[str, tuple[str, str | None]]:
    return {
        row["text"]: (row["label"], row["label_origin"]) for row in rows(run, "label.consensus")
    }


def test_from_a_wrong_label_to_a_right_one(tmp_path: Path) -> None:
    tree = tree_of(tmp_path, gold=3)
    first = labels_of(run(tree, tmp_path))
    given = {row["text"]: row["label"] for row in rows_of()}
    assert {text: label for text, (label, _) in first.items()} == given
    source = Source(read(tree), tmp_path / "runs")
    made = order(source, to=tmp_path / "out")
    assert (made.items, made.gold) == (len(WRONG), 3)
    answers = [(task["item"], "ann", truth(task["text"])) for task in tasks_of(made)]
    take(source, [write_answers(tmp_path / "back.csv", answers)])
    with pytest.raises(DataError, match="no label that is taken to be wrong is left"):
        order(source, to=tmp_path / "again")
    found = labels_of(run(tree, tmp_path))
    assert {text: label for text, (label, _) in found.items()} == {t: truth(t) for t in given}
    texts = [row["text"] for row in rows_of()]
    assert {t for t, (_, origin) in found.items() if origin == "consensus:majority"} == {
        texts[n] for n in WRONG
    }


def test_the_worst_go_first_and_none_is_gold(tmp_path: Path) -> None:
    tree = tree_of(tmp_path, gold=20)
    run(tree, tmp_path)
    source = Source(read(tree), tmp_path / "runs")
    (data,) = source.datasets
    judged = [row for batch in data.batches() for row in batch.to_pylist()]
    wrong = {row["text"] for row in judged if row["signal.label_error"] == 1}
    judged.sort(key=lambda row: row["signal.label_quality"])
    for items, first in ((2, 0), (None, 2)):
        made = order(source, items=items, to=tmp_path / f"out-{first}")
        suspect = {task["text"] for task in tasks_of(made)} & wrong
        assert suspect == {row["text"] for row in judged[first : first + made.items]}
        assert made.gold == 20


def test_without_a_judge_nothing_is_suspect(tmp_path: Path) -> None:
    tree = tree_of(tmp_path, gold=1)
    tree["annotate"]["step"] = None
    with pytest.raises(RecipeError, match="has a label that was judged"):
        read(tree)
