"""What an operation says of what a step kept is kept as it may be shared."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.engine.inline import sample
from tilth.engine import tasks
from tilth.engine.describe import describe
from tilth.errors import StepError
from tilth.schema import ERROR, mark_dropped, mark_error
from tilth.settings import BaseSettings
from tilth.store.shard import ShardWriter


def _task(folder: Path, **given: Any) -> tasks.Describe:
    """Of a shard with three samples kept and two dropped."""
    batch = pa.RecordBatch.from_pylist([sample("a", number) for number in range(5)])
    writer = ShardWriter(folder, 0)
    writer.add(mark_dropped(batch, np.arange(5) >= 3, "last"))
    writer.commit()
    return tasks.Describe(
        step="s", op="o", settings={}, folder=folder, shards=(writer.name,), **given
    )


def _describes(found: object) -> ModuleType:
    module = ModuleType("describes")

    def counted(batches: Iterator[pa.RecordBatch], _: BaseSettings) -> object:
        rows = sum(batch.num_rows for batch in batches)
        return {"rows": rows, **found} if isinstance(found, dict) else found

    vars(module)["describe"] = counted
    return module


def test_what_was_kept_is_described_and_nothing_personal_is_said(tmp_path: Path) -> None:
    module = _describes({"of": "jane.doe@mail.org"})
    found = describe(_task(tmp_path), module, BaseSettings(), "s")
    assert found["rows"] == 3
    assert "jane" not in str(found)


def test_the_batches_may_be_gone_through_several_times(tmp_path: Path) -> None:
    module = ModuleType("describes")
    vars(module)["describe"] = lambda batches, _: {
        "rows": [sum(batch.num_rows for batch in batches) for _ in range(3)]
    }
    assert describe(_task(tmp_path), module, BaseSettings(), "s") == {"rows": [3, 3, 3]}


def test_what_was_dropped_is_described_where_it_is_asked_for(tmp_path: Path) -> None:
    task = _task(tmp_path)
    task = task.model_copy(update={"dropped": task.shards})
    assert describe(task, _describes({}), BaseSettings(), "s") == {"rows": 5}


def test_figures_that_cannot_be_kept_are_an_error_of_the_step(tmp_path: Path) -> None:
    with pytest.raises(StepError, match="not a dict") as caught:
        describe(_task(tmp_path), _describes([1]), BaseSettings(), "clean.own")
    assert caught.value.where == "clean.own"


def test_what_was_set_aside_is_described_where_it_is_asked_for_by_some_columns(
    tmp_path: Path,
) -> None:
    batch = pa.RecordBatch.from_pylist([sample("a", number) for number in range(5)])
    writer = ShardWriter(tmp_path, 0)
    writer.add(mark_error(batch, [None] * 4 + ["broken"]))
    writer.commit()
    shards = (writer.name,)
    task = tasks.Describe(
        step="s", op="o", settings={}, folder=tmp_path, shards=shards, quarantine=shards
    )
    module = ModuleType("describes")
    vars(module)["DESCRIBES_BY"] = ("uri", ERROR)
    vars(module)["describe"] = lambda batches, _: {
        "rows": [row for batch in batches for row in batch.to_pylist()]
    }
    rows = describe(task, module, BaseSettings(), "s")["rows"]
    assert isinstance(rows, list)
    assert len(rows) == 5
    assert {key for row in rows if isinstance(row, dict) for key in row} == {"uri", ERROR}
    assert [row[ERROR] for row in rows if isinstance(row, dict)] == [None] * 4 + ["broken"]
