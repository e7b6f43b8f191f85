from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Literal

import pyarrow.parquet as pq
import pytest

from tilth.errors import UsageError
from tilth.query.export import export_step
from tilth.query.runs import RunView


@pytest.mark.parametrize("format", ["parquet", "jsonl", "csv"])
def test_every_format_holds_every_sample(
    small: RunView, tmp_path: Path, format: Literal["parquet", "jsonl", "csv"]
) -> None:
    done = export_step(small, "minhash", tmp_path / "out", format=format)
    kept = small.end_of_line().kept
    assert done.rows == kept
    (path,) = (tmp_path / "out").iterdir()
    if format == "parquet":
        rows = pq.read_table(path).to_pylist()
    elif format == "jsonl":
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    else:
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    assert len(rows) == kept
    assert rows[0]["text"]
    assert int(rows[0]["signal.word_count"]) >= 12
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]


def test_splits_add_up(small: RunView, tmp_path: Path) -> None:
    sizes = [
        export_step(small, "minhash", tmp_path / split, split=split).rows
        for split in ("train", "validation", "test")
    ]
    assert all(sizes)
    assert sum(sizes) == small.end_of_line().kept


def test_other_kinds(small: RunView, tmp_path: Path) -> None:
    dropped = export_step(small, "rules", tmp_path / "d", kind="dropped", format="jsonl")
    assert dropped.rows == small.step("rules").dropped
    nothing = export_step(small, "rules", tmp_path / "q", kind="quarantine")
    assert nothing.rows == 0
    assert (tmp_path / "q").is_dir()


def test_nothing_is_overwritten(small: RunView, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("x", "utf-8")
    with pytest.raises(UsageError, match="overwritten"):
        export_step(small, "rules", tmp_path / "mine")
    (tmp_path / "empty").mkdir()
    assert export_step(small, "rules", tmp_path / "empty").rows
