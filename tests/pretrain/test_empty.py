"""Every task is trained where a split, or everything, is missing: a model, or one clear error."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.augment.sounds import RATE
from tests.tasks.speech.speech_samples import speech_rows
from tests.training.samples import image_rows, text_rows
from tilth.context import Context
from tilth.errors import DataError
from tilth.pretrain.fit import fit
from tilth.pretrain.result import PretrainResult
from tilth.pretrain.settings import Planned, Settings
from tilth.schema import SCHEMA
from tilth.store.manifest import Counts, Manifest, write_manifest
from tilth.store.shard import ShardWriter
from tilth.tasks.declare import Data
from tilth.tasks.images import PIXELS
from tilth.tasks.registry import declaration, task_names
from tilth.tasks.speech import UTTERANCES
from tilth.tasks.text import DOCUMENTS, LABELLED
from tilth.tasks.translation import PAIRS

Row = dict[str, Any]

_TEXT = {"vocabulary": 300, "validation_share": 0.0}
_MODELS: Mapping[str, Mapping[str, Any]] = {
    "gpt": {"layers": 1, "width": 16, "heads": 2, "context": 16},
    "seq2seq": {"encoder_layers": 1, "decoder_layers": 1, "width": 16, "heads": 2},
    "mlp": {"hidden": [8]},
    "ctc": {"layers": 1, "hidden": 8, "channels": 8},
}
_DATA: Mapping[Data, Mapping[str, Any]] = {
    DOCUMENTS: _TEXT,
    LABELLED: {**_TEXT, "max_length": 10},
    PAIRS: {**_TEXT, "max_length": 10},
    PIXELS: {"validation_share": 0.0},
    UTTERANCES: {"validation_share": 0.0, "sample_rate": RATE, "mels": 12},
}


def _texts() -> list[Row]:
    rows = text_rows(20)
    return [
        row | {"label": "ab"[i % 2], "target": " ".join(row["text"].split()[:3])}
        for i, row in enumerate(rows)
    ]


_ROWS: Mapping[Data, Callable[[], list[Row]]] = {
    DOCUMENTS: _texts,
    LABELLED: _texts,
    PAIRS: _texts,
    PIXELS: lambda: image_rows(20),
    UTTERANCES: lambda: speech_rows(20),
}


def _write(folder: Path, shards: Sequence[Sequence[Row]], names: Sequence[str]) -> Path:
    """A finished data set; a shard of None never held anything, one of no rows lost them all."""
    entries = []
    for index, rows in enumerate(shards):
        writer = ShardWriter(folder, index)
        if index % 2 or rows:
            arrays = [pa.array([row[n] for row in rows], SCHEMA[n]) for n in names]
            writer.add(pa.RecordBatch.from_arrays(arrays, names=list(names)))
        entries.append(writer.commit())
    kept = sum(len(rows) for rows in shards)
    counts = Counts(num_in=kept, kept=kept, dropped=0, quarantined=0)
    write_manifest(folder, Manifest(step="mix", counts=counts, shards=tuple(entries)))
    return folder


def _train(task: str, folder: Path, shards: Sequence[Sequence[Row]]) -> PretrainResult:
    kind = declaration(task)
    model = next(name for name in kind.models if name in _MODELS)
    names = list(_ROWS[kind.data]()[0])
    dataset = _write(folder / "data", shards, names)
    settings = Settings.model_validate(
        {
            "task": task,
            "model": {"kind": model, **_MODELS[model]},
            "data": _DATA[kind.data],
            "objective": {"beam": 1} if kind.data is PAIRS else {},
            "loop": {"max_steps": 2, "batch_size": 4, "precision": "fp32"},
        }
    )
    (folder / "out").mkdir()
    (folder / "work").mkdir()
    planned = Planned(augment=({"shift": {}},) if task == "image-contrastive" else ())
    return fit({"data": dataset}, settings, folder / "out", Context(work=folder / "work"), planned)


def _splits(task: str) -> dict[str, list[Row]]:
    rows = _ROWS[declaration(task).data]()
    tested = [row for row in rows if row["split"] == "test"]
    trained = [row for row in rows if row["split"] == "train"]
    held = [row | {"split": "validation"} for row in trained[:4]]
    return {"train": trained[4:], "validation": held, "test": tested}


@pytest.mark.parametrize("task", task_names())
def test_empty_shards_change_nothing(task: str, tmp_path: Path) -> None:
    splits = list(_splits(task).values())
    one = _train(task, tmp_path / "1", splits)
    two = _train(task, tmp_path / "2", [[], [], splits[0], [], splits[1], splits[2], [], []])
    assert one.test == two.test
    assert one.validation == two.validation
    assert one.samples == two.samples
    assert one.steps == two.steps


@pytest.mark.parametrize("missing", ["train", "validation", "test", "validation and test", "all"])
@pytest.mark.parametrize("task", task_names())
def test_a_split_that_is_not_there(task: str, missing: str, tmp_path: Path) -> None:
    splits = _splits(task)
    shards = [[] if name in missing or missing == "all" else splits[name] for name in splits]
    if missing in ("train", "all"):
        with pytest.raises(DataError, match="nothing to train on") as caught:
            _train(task, tmp_path, shards)
        assert caught.value.hint
        return
    found = _train(task, tmp_path, shards)
    for name in ("validation", "test"):
        assert bool(found.of(name)) == (name not in missing)


@pytest.mark.parametrize("task", task_names())
def test_samples_of_which_nothing_is_left_to_learn(task: str, tmp_path: Path) -> None:
    """Their payload is there, and there is nothing in it."""
    payload = declaration(task).data.payload
    nothing = "" if payload == "text" else b""
    shards = [[row | {payload: nothing} for row in rows] for rows in _splits(task).values()]
    with contextlib.suppress(DataError):
        assert _train(task, tmp_path, shards).steps > 0
