"""The gate on data sets: it finds copies, and looks once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.transfer.samples import text_rows, write_dataset
from tilth.tasks.prepare import prepare
from tilth.tasks.settings import DataSettings
from tilth.training.examples import Examples, Ragged
from tilth.value import gate


def test_looks_once_per_pair_of_data_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = text_rows("a", 20, style=1)
    test = next(row for row in rows if row["split"] == "test")
    rows.append({**test, "id": "e" * 32, "split": "train", "text": test["text"] + " more."})
    data = write_dataset(tmp_path / "d", rows)
    splits = prepare(data, "text-generation", DataSettings(vocabulary=300), tmp_path).splits
    given = splits["test"], data, splits["train"], data, tmp_path
    ids, example = gate.leaking_ids(*given, "text")
    assert [f"{int(i):016x}" for i in ids] == ["e" * 16]
    assert test["id"] in example
    monkeypatch.setattr(gate, "text_leaks", lambda *_: pytest.fail("looked twice"))
    again, _ = gate.leaking_ids(*given, "text")
    assert again.tolist() == ids.tolist()


def test_what_samples_are_decides_how_they_are_compared_and_not_their_numbers(
    tmp_path: Path,
) -> None:
    """Sound of 16 bits without a sign looks as the tokens of a text do."""
    data = write_dataset(tmp_path / "d", text_rows("a", 3, style=1))

    def sounds(*rows: list[int]) -> Examples:
        count = len(rows)
        inputs = Ragged.of([np.array(row) for row in rows], np.uint16)
        targets = np.zeros(count, np.int64)
        ids = np.arange(count, dtype=np.uint64)
        return Examples(inputs, targets, ids, np.ones(count, np.float32))

    held_out, training = sounds([1, 2, 3]), sounds([1, 2], [1, 2, 3])
    ids, example = gate.leaking_ids(held_out, data, training, data, tmp_path, "audio")
    assert ids.tolist() == [1]
    assert "holds 100%" in example
