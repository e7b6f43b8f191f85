"""Every figure that a training is measured by has its n and interval, whatever the task."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.tasks.speech.speech_samples import speech_dataset
from tests.tasks.text.texts import labelled_dataset
from tests.tasks.translation.test_task import pairs
from tests.training.samples import image_rows, text_rows, write_dataset
from tilth.context import Context
from tilth.errors import DataError
from tilth.pretrain.fit import fit
from tilth.pretrain.groups import groups_of
from tilth.pretrain.quoted import sentence
from tilth.pretrain.result import Intervals, PretrainResult
from tilth.pretrain.settings import Planned, Settings
from tilth.randomness import ids_to_u64
from tilth.records import parse
from tilth.schema import sample_id
from tilth.tasks.declare import Data
from tilth.tasks.images import PIXELS
from tilth.tasks.registry import declaration, task_names
from tilth.tasks.settings import TaskName
from tilth.tasks.speech import UTTERANCES
from tilth.tasks.text import DOCUMENTS, LABELLED
from tilth.tasks.translation import PAIRS

GPT = {"kind": "gpt", "layers": 1, "width": 16, "heads": 2, "context": 32}
# How a task's data are made, and the least model of it: a new task of a known kind needs nothing.
MODELS: Mapping[str, dict[str, Any]] = {
    "gpt": GPT,
    "mlp": {"kind": "mlp", "hidden": [16]},
    "ctc": {"kind": "ctc", "layers": 1, "hidden": 8, "channels": 8},
    "seq2seq": {
        "kind": "seq2seq", "encoder_layers": 1, "decoder_layers": 1, "width": 16, "heads": 2,
        "hidden": 16,
    },
}  # fmt: skip


def _pairs(folder: Path) -> Path:
    rows = [
        {
            "id": sample_id("pairs", str(number)),
            "source": "a",
            "text": source,
            "target": target,
            "split": "test" if number % 5 == 0 else "train",
        }
        for number, (source, target) in enumerate(pairs(40))
    ]
    return write_dataset(folder, rows)


DATA: Mapping[Data, Callable[[Path], Path]] = {
    DOCUMENTS: lambda folder: write_dataset(folder, text_rows(60)),
    LABELLED: labelled_dataset,
    PAIRS: _pairs,
    PIXELS: lambda folder: write_dataset(folder, image_rows(120, classes=12, size=12)),
    UTTERANCES: speech_dataset,
}


def _fit(folder: Path, dataset: Path, task: TaskName, **given: Any) -> PretrainResult:
    settings: dict[str, Any] = {
        "task": task,
        "model": next(MODELS[kind] for kind in declaration(task).models if kind in MODELS),
        "data": {"validation_share": 0.1},
        "loop": {"max_steps": 3, "batch_size": 8},
        **given,
    }
    if task == "speech-recognition":
        settings["objective"] = {"lexicon": "words"}
    if declaration(task).data.payload == "text":
        settings["data"] = {"vocabulary": 300, **settings["data"]}
    images = "images" in declaration(task).transforms
    planned = Planned(augment=({"shift": {"max_x": 1, "max_y": 1}},) if images else ())
    for name in ("out", "work"):
        (folder / name).mkdir(parents=True)
    context = Context(work=folder / "work")
    inputs = {"data": dataset}
    result = fit(inputs, Settings.model_validate(settings), folder / "out", context, planned)
    kept = json.dumps(result.as_json(), allow_nan=False).encode()
    assert parse(PretrainResult, kept, "what was kept") == result
    return result


def _check(figures: Mapping[str, float | str], intervals: Intervals, n: int) -> None:
    numbers = {name: value for name, value in figures.items() if not isinstance(value, str)}
    assert numbers
    assert intervals.keys() == numbers.keys()
    for name, value in numbers.items():
        low, high = intervals[name].low, intervals[name].high
        if name == "macro_f1" and low is None:
            # Of a class with one sample it has none.
            continue
        assert low is not None, name
        assert high is not None, name
        assert low <= value <= high, name
        assert low < high, name
        assert intervals[name].n == n
        assert intervals[name].item


@pytest.mark.parametrize("task", task_names())
def test_every_test_figure_of_every_task(task: TaskName, tmp_path: Path) -> None:
    dataset = DATA[declaration(task).data](tmp_path / "data")
    result = _fit(tmp_path / "1", dataset, task)
    for split in ("validation", "test"):
        _check(result.of(split), result.bounds(split), result.samples[split])
    methods = {name: one.method for name, one in result.bounds().items()}
    shares = {"accuracy", "top5", "exact", "exact_greedy"}
    exact = "Clopper-Pearson"
    assert all((method == exact) == (name in shares) for name, method in methods.items())
    assert f"{result.samples['test']} " in sentence(result)
    assert "[" in sentence(result)
    again = _fit(tmp_path / "2", dataset, task)
    assert again.intervals == result.intervals


def test_several_seeds_and_folds_have_theirs_and_their_means_too(tmp_path: Path) -> None:
    rows = [{**row, "subject": "abc"[(i // 3) % 3]} for i, row in enumerate(image_rows(90))]
    dataset = write_dataset(tmp_path / "data", rows)
    seeds = _fit(tmp_path / "1", dataset, "image-classification", seeds=[0, 1, 2])
    assert len(seeds.seeds) == 3
    for one in seeds.seeds:
        _check(one.test, one.bounds(), 18)
    assert seeds.mean is not None
    _check(seeds.mean.figures, seeds.mean.intervals, 18)
    assert sentence(seeds).endswith("% on test, mean of 3 seeds, 18 images")
    folds = _fit(
        tmp_path / "2", dataset, "image-classification", seeds=[0, 1], cross_validate="subject"
    )
    assert len(folds.folds) == 6
    for one in folds.folds:
        _check(one.test, one.bounds(), 30)
    assert folds.mean is not None
    _check(folds.mean.figures, folds.mean.intervals, 90)
    assert folds.mean.intervals["loss"].groups == 3


def test_subjects_count_where_the_training_has_not_seen_them(tmp_path: Path) -> None:
    # Four images a test subject; subject t0's are seen in training, or are not.
    rows = []
    for number, row in enumerate(image_rows(100)):
        tested = number % 5 == 0
        subject = f"t{number // 5 % 5}" if tested else f"s{number % 7}"
        rows.append({**row, "split": "test" if tested else "train", "subject": subject})
    dataset = write_dataset(tmp_path / "new", rows)
    new = _fit(tmp_path / "1", dataset, "image-classification").bounds()
    assert {(one.n, one.groups) for one in new.values()} == {(20, 5)}
    rows[1]["subject"] = "t0"
    seen = write_dataset(tmp_path / "seen", rows)
    found = _fit(tmp_path / "2", seen, "image-classification").bounds()
    assert {one.groups for one in found.values()} == {None}
    asked = _fit(tmp_path / "3", seen, "image-classification", group="subject")
    assert {one.groups for one in asked.bounds().values()} == {5}
    assert sentence(asked).endswith("on test, 20 images of 5 groups")


def test_samples_without_a_group_are_one_each_and_a_missing_column_is_told(tmp_path: Path) -> None:
    rows = [{**row, "subject": "a" if i < 4 else None} for i, row in enumerate(image_rows(10))]
    dataset = write_dataset(tmp_path / "data", rows)
    ids = ids_to_u64([row["id"] for row in rows])
    found = groups_of(dataset, ids[2:7], ids[7:])
    assert found is not None
    assert len(np.unique(found)) == 4
    assert found[0] == found[1]
    assert groups_of(dataset, ids[:1], ids[7:]) is None
    one = groups_of(dataset, ids[:3], ids[7:])
    assert one is not None
    assert one.tolist() == [0, 0, 0]
    assert groups_of(dataset, ids[:3], ids[3:]) is None
    assert groups_of(dataset, ids[2:7], ids[:2]) is None
    with pytest.raises(DataError, match="no column `site`"):
        groups_of(dataset, ids, ids[:0], "site")


def test_one_subject_says_that_it_is_one(tmp_path: Path) -> None:
    """A test split of one new speaker, a validation split of two, and who asks for groups."""
    rows = []
    for number, row in enumerate(image_rows(90)):
        split = {0: "test", 1: "validation"}.get(number % 5, "train")
        subject = {"test": "t", "validation": f"v{number % 2}"}.get(split, "s")
        rows.append({**row, "split": split, "subject": subject})
    dataset = write_dataset(tmp_path / "data", rows)
    plain = _fit(tmp_path / "1", dataset, "image-classification", seeds=[0, 1])
    assert plain.mean is not None
    for found in (*plain.seeds, plain):
        _check(found.test, found.bounds(), 18)
        assert {one.groups for one in found.bounds().values()} == {1}
        assert {one.groups for one in found.bounds("validation").values()} == {2}
    assert {one.groups for one in plain.mean.intervals.values()} == {1}
    assert sentence(plain).endswith("on test, mean of 2 seeds, 18 images of 1 group")
    assert [note for note in plain.notes if "test split is of one subject" in note]
    assert not [note for note in plain.notes if "validation split is of one" in note]
    asked = _fit(tmp_path / "2", dataset, "image-classification", group="subject", seeds=[0, 1])
    assert asked.mean is not None
    assert {(one.low, one.groups) for one in asked.mean.intervals.values()} == {(None, 1)}
    assert sentence(asked).endswith("mean of 2 seeds, 18 images of 1 group: no interval")


def test_one_document_has_its_n_and_no_interval(tmp_path: Path) -> None:
    rows = text_rows(30)
    for row in rows:
        row["split"] = "train"
    rows[-1]["split"] = "test"
    dataset = write_dataset(tmp_path / "data", rows)
    result = _fit(tmp_path / "1", dataset, "text-generation", seeds=[0, 1])
    assert result.mean is not None
    for intervals in (result.bounds(), result.mean.intervals):
        one = intervals["bits_per_byte"]
        assert (one.low, one.high, one.n) == (None, None, 1)
    said = "bits/byte on test, mean of 2 seeds, 1 document: no interval"
    assert sentence(result).endswith(said)
