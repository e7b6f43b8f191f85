"""The gate on data sets: it finds copies, and looks once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.transfer.samples import text_rows, write_dataset
from tilth.tasks.prepare import prepare
from tilth.tasks.settings import DataSettings
from tilth.value import gate


def test_looks_once_per_pair_of_data_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = text_rows("a", 20, style=1)
    test = next(row for row in rows if row["split"] == "test")
    rows.append({**test, "id": "e" * 32, "split": "train", "text": test["text"] + " more."})
    data = write_dataset(tmp_path / "d", rows)
    splits = prepare(data, "text-generation", DataSettings(vocabulary=300), tmp_path).splits
    ids, example = gate.leaking_ids(splits["test"], data, splits["train"], data, tmp_path)
    assert [f"{int(i):016x}" for i in ids] == ["e" * 16]
    assert test["id"] in example
    monkeypatch.setattr(gate, "_find", lambda *_: pytest.fail("looked twice"))
    again, _ = gate.leaking_ids(splits["test"], data, splits["train"], data, tmp_path)
    assert again.tolist() == ids.tolist()
