"""Every count is the rows on disk: kept, dropped by rule, quarantined, by source, by split."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.figures.lines import Shown, Tree
from tilth.schema import DROP_RULE

KINDS = {"kept": "kept", "dropped": "dropped", "quarantined": "quarantine"}


def rows(folder: Path, kind: str, *columns: str) -> list[dict[str, Any]]:
    """Rows of a step's files, read with pyarrow alone."""
    found: list[dict[str, Any]] = []
    for path in sorted((folder / kind).glob("*.parquet")):
        file = pq.ParquetFile(path)
        table = file.read(columns=[one for one in columns if one in file.schema_arrow.names])
        assert isinstance(table, pa.Table)
        # A column of which no sample has a value may be absent.
        found += [dict.fromkeys(columns) | row for row in table.to_pylist()]
    return found


def test_books_are_the_rows_on_disk(line: Shown) -> None:
    lost: Counter[str] = Counter()
    before: list[str] = []
    for step in line.run.line():
        at = f"books.{step.name}"
        there = {name: rows(step.folder, kind, "id") for name, kind in KINDS.items()}
        for name, found in there.items():
            assert line.figures[f"{at}.{name}"]["value"] == len(found)
        ids = [row["id"] for found in there.values() for row in found]
        assert line.figures[f"{at}.in"]["value"] == len(ids) == len(set(ids))
        kept = [row["id"] for row in there["kept"]]
        if step.kind == "source":
            before += kept
        else:
            assert sorted(before) == sorted(ids), "what came in is what the step before kept"
            before = kept
        for name in ("dropped", "quarantined"):
            lost[name] += len(there[name])
        rules = Counter(row[DROP_RULE] for row in rows(step.folder, "dropped", DROP_RULE))
        assert rules == _table(line, f"{at}.by_rule")
        assert sum(rules.values()) == len(there["dropped"])
        sources = Counter(row["source"] for row in rows(step.folder, "kept", "source"))
        assert sources == _table(line, f"{at}.sources")
        assert line.figures[f"{at}.kept_share"]["value"] == len(kept) / len(ids)
    total = {name: line.figures[f"books.total.{name}"]["value"] for name in ("in", *KINDS)}
    assert total["kept"] == len(before)
    assert (total["dropped"], total["quarantined"]) == (lost["dropped"], lost["quarantined"])
    assert total["in"] == total["kept"] + total["dropped"] + total["quarantined"]


def _table(line: Shown, path: str) -> dict[str, int]:
    """Figures of one table by row."""
    return {
        at.removeprefix(f"{path}[").removesuffix("]"): one["value"]
        for at, one in line.figures.items()
        if at.startswith(f"{path}[")
    }


def test_what_training_used_are_the_rows_of_its_splits(line: Shown) -> None:
    last = line.run.line()[-1]
    splits = Counter(row["split"] for row in rows(last.folder, "kept", "split"))
    used = {at: line.figures.get(f"pretrain.samples.{at}", {"value": 0})["value"]
            for at in ("train", "validation", "test")}  # fmt: skip
    folds = line.document["pretrain"]["folds"]
    if folds:
        # The first fold is that of the samples that stand there, each tested once in all.
        assert sum(used.values()) == sum(splits.values())
        tested = [one["intervals"]["test"]["accuracy"]["n"] for one in folds]
        assert sum(tested) == sum(splits.values())
        sites = Counter(row["subject"] for row in rows(last.folder, "kept", "subject"))
        assert dict(zip((one["fold"] for one in folds), tested, strict=True)) == sites
    else:
        assert used["test"] == splits["test"]
        # Without a validation split, a share of the training split is held out.
        assert used["train"] + used["validation"] == splits["train"] + splits["validation"]
    test = line.document["pretrain"]["intervals"]["test"]
    assert {one["n"] for one in test.values()} == {used["test"]}


def confusion_rows(figures: Tree) -> list[list[float]]:
    """What is estimated of each annotator: a row a true class, of shares of the answers."""
    found = figures["confusion_true_by_answered"]
    return [list(row.values()) for matrix in found.values() for row in matrix.values()]


def test_shares_of_one_whole_add_up_to_it(line: Shown) -> None:
    """Of a mixture its sources, labels and splits; of an annotator's answers the classes."""
    seen = 0
    for step in line.run.line():
        found: dict[str, list[float]] = {}
        for one in line.figures.values():
            is_part = "share_of" in one["name"] and "[" in one["path"]
            if one["step"] == step.name and is_part:
                found.setdefault(one["name"], []).append(one["value"])
        for name, shares in found.items():
            assert sum(shares) == pytest.approx(1, abs=1e-9), f"{step.name}: {name}"
            seen += 1
        if step.op == "consensus":
            for row in confusion_rows(step.manifest.figures):
                assert sum(row) == pytest.approx(1, abs=1e-6)
                seen += 1
    assert seen
