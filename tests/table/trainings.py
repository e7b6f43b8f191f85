"""Trainings that take a tenth of a second, by the section of a recipe that asks for them.

A test that is about a setting of training says `learn(path, value)`: what the section of that path
gives, with the setting so. To hold the settings of another section to their word, add its runner to
`RUNNERS` and its blocks to `OPTIMIZERS`, `LOOPS`, `DATA` and `OBJECTIVES`: every entry then covers
it.
"""

from __future__ import annotations

import copy
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_file
from torch import Tensor

from tests.augment.sounds import RATE
from tests.tasks.speech.speech_samples import speech_rows
from tests.training.samples import image_rows, text_rows, write_dataset
from tilth.context import Context, Progress, silent
from tilth.pretrain.fit import fit
from tilth.pretrain.result import PretrainResult
from tilth.pretrain.settings import Planned, Settings
from tilth.schema import sample_id

OPTIMIZERS = ("pretrain.optimizer",)
LOOPS = ("pretrain.loop",)
# Those of a training that stands by itself; the cells of a comparison have all the same length.
FREE_LOOPS = ("pretrain.loop",)
DATA = ("pretrain.data",)
OBJECTIVES = ("pretrain.objective",)

Row = dict[str, Any]
Tree = dict[str, Any]
# Where a setting keeps the value that the base has.
AS_IT_IS: Any = object()


class Trained(NamedTuple):
    """What a training came to."""

    result: PretrainResult
    weights: Mapping[str, Tensor]
    folder: Path

    def figure(self, name: str, split: str = "test") -> float:
        """A figure of a split; it is there and a number."""
        value = self.result.of(split)[name]
        assert isinstance(value, float)
        return value


_GPT = {"kind": "gpt", "layers": 1, "width": 16, "heads": 2, "context": 16}
_SEQ = {"encoder_layers": 1, "decoder_layers": 1, "width": 16, "heads": 2, "hidden": 16}
# The least that each task can be asked with; a test gives what it changes.
BASES: Mapping[str, Tree] = {
    "image-classification": {"model": {"kind": "mlp", "hidden": [8], "dropout": 0}},
    "image-rotation": {"model": {"kind": "mlp", "hidden": [8], "dropout": 0}},
    "image-contrastive": {"model": {"kind": "mlp", "hidden": [8], "dropout": 0}},
    "text-generation": {"model": _GPT, "data": {"vocabulary": 300}},
    "text-classification": {"model": _GPT, "data": {"vocabulary": 300, "max_length": 12}},
    "translation": {
        "model": {"kind": "seq2seq", **_SEQ, "dropout": 0, "attention_dropout": 0},
        "data": {"vocabulary": 300, "max_length": 12},
    },
    "speech-recognition": {
        "model": {"kind": "ctc", "layers": 1, "hidden": 8, "channels": 8, "dropout": 0},
        "data": {"sample_rate": RATE, "mels": 12},
    },
}
_SHARED: Tree = {
    "data": {"validation_share": 0.2},
    "optimizer": {"learning_rate": 0.01},
    "loop": {"max_steps": 4, "batch_size": 8, "precision": "fp32"},
}


def image_samples() -> list[Row]:
    """Grey pictures of 6 x 6 of three classes from two sources: 48 to train on, 12 to test on."""
    return image_rows(60)


def text_samples() -> list[Row]:
    """Short sentences of two classes with a translation, from two sources."""
    rows = []
    for number, row in enumerate(text_rows(60)):
        kind = number // 2 % 2  # and the source is `number % 2`
        text = f"{('bad', 'good')[kind]} {' '.join(row['text'].split()[:6])}"
        label, said = "ab"[kind], " ".join(reversed(text.split()))
        rows.append({**row, "text": text, "label": label, "target": said})
    return rows


def rows_of(task: str) -> list[Row]:
    """The samples that the task is tried with."""
    if task.startswith("image"):
        return image_samples()
    return speech_rows(40) if task == "speech-recognition" else text_samples()


@cache
def _root() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="table")


@cache
def _written(rows: str) -> Path:
    """A data set of these rows, which stand as they print."""
    return write_dataset(Path(tempfile.mkdtemp(dir=_root().name)) / "data", _KEPT[rows])


_KEPT: dict[str, Sequence[Row]] = {}


def dataset_of(rows: Sequence[Row]) -> Path:
    """A data set on disk; of equal rows the same one."""
    key = repr(rows)
    _KEPT[key] = rows
    return _written(key)


def merged(tree: Tree, changes: Tree) -> Tree:
    """The tree with what is given changed, wherever in it; None takes a setting away."""
    tree = copy.deepcopy(tree)
    for key, value in changes.items():
        inner = tree.get(key)
        if value is None and key in tree:
            del tree[key]
        elif isinstance(value, dict) and isinstance(inner, dict) and "kind" not in value:
            tree[key] = merged(inner, value)
        else:
            tree[key] = value
    return tree


def settings_of(task: str, **changes: Any) -> Tree:
    """The settings of a stage for a task, as a recipe gives them."""
    return merged(merged({"task": task, **_SHARED}, BASES[task]), changes)


_DONE: dict[str, Trained] = {}


def pretrain(
    task: str = "image-classification",
    *,
    rows: Sequence[Row] | None = None,
    augment: Sequence[Tree] = (),
    seed: int = 0,
    progress: Progress = silent,
    **changes: Any,
) -> Trained:
    """The stage on the task's samples, or on others; what it has done before it gives at once."""
    if task == "image-contrastive":
        augment = augment or ({"shift": {"max_x": 1, "max_y": 1}},)
    dataset = dataset_of(rows_of(task) if rows is None else rows)
    given = settings_of(task, **changes)
    key = json.dumps([str(dataset), given, list(augment), seed], sort_keys=True)
    if key not in _DONE or progress is not silent:
        folder = Path(tempfile.mkdtemp(dir=_root().name))
        for name in ("out", "work"):
            (folder / name).mkdir()
        result = fit(
            {"data": dataset},
            Settings.model_validate(given),
            folder / "out",
            Context(work=folder / "work", seed=seed, progress=progress),
            Planned(augment=tuple(augment)),
        )
        _DONE[key] = Trained(
            result, load_file(folder / "out" / "model.safetensors"), folder / "out"
        )
    return _DONE[key]


Runner = Callable[..., Trained]
# The sections whose settings of training are tried, and what runs each with settings changed.
RUNNERS: Mapping[str, Runner] = {"pretrain": pretrain}


def learn(
    path: str, value: Any = AS_IT_IS, task: str = "image-classification", **beside: Any
) -> Trained:
    """What the section of a setting gives, with the setting so.

    Args:
        path: `pretrain.loop.ema`.
        value: Of the setting.
        task: What is learnt.
        **beside: Further settings of the section, by block; and what its runner takes.
    """
    section, block, name = path.rsplit(".", 2)
    if value is not AS_IT_IS:
        beside[block] = {**beside.get(block, {}), name: value}
    return RUNNERS[section](task, **beside)


def differ(one: Trained, other: Trained) -> bool:
    """Whether two trainings ended with other weights."""
    same_names = one.weights.keys() == other.weights.keys()
    return not same_names or any(
        not torch.equal(one.weights[name], other.weights[name]) for name in one.weights
    )


def pair_id(number: int) -> str:
    """An id for a sample made in a test."""
    return sample_id("table", str(number))
