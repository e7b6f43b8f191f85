"""A few samples of a target task, a start, a budget; train, and measure unit by unit.

What transfer and value have in common. All of it is paired by seed: the same seed chooses the same
samples, the smaller subset inside the larger, and the same order and fresh weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from tilth.augment.chain import from_recipe
from tilth.errors import DataError
from tilth.pretrain.evaluate import Evaluation, evaluate
from tilth.pretrain.examples import Documents, Examples
from tilth.pretrain.loop import TrainResult, train
from tilth.pretrain.models import Sizes, build_model
from tilth.pretrain.order import hashed
from tilth.pretrain.prepare import Prepared, prepare
from tilth.pretrain.settings import DataSettings, LoopSettings, ModelSettings, OptimizerSettings
from tilth.pretrain.tasks import Task, build_task
from tilth.pretrain.tokenize import Tokenizer
from tilth.store.files import folder_lock

# Number among the uses of a sample's hash (see `pretrain.order.hashed`): which samples are chosen.
_CHOICE = 6
# Preparing a large data set takes minutes; the other cells wait for the one that does it.
_PREPARE_TIMEOUT_S = 24 * 3600.0


@dataclass(frozen=True)
class Carried:
    """A trained model in the form in which it is carried to a target.

    Attributes:
        model: The architecture.
        weights: Its tensors by name; None for a model of which only the architecture is taken.
        tokenizer: Of text; every method reads the target through it, so that bits per byte
            compare.
        classes: Of images.
        mean, std: Normalisation of images.
    """

    model: ModelSettings
    weights: Mapping[str, Tensor] | None
    tokenizer: Tokenizer | None
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class Learnt:
    """What a training gave.

    Attributes:
        evaluation: On the test rows, if there were any.
        result: Of the training loop.
        rows: Unique rows (windows, images) that were trained on.
        epochs: How often each was seen.
    """

    evaluation: Evaluation | None
    result: TrainResult
    rows: int

    @property
    def epochs(self) -> float:
        """Passes over the rows."""
        return self.result.examples / self.rows


def prepare_once(
    dataset: Path,
    task: str,
    data: DataSettings,
    work: Path,
    *,
    tokenizer: Tokenizer | None = None,
    classes: Sequence[str] | None = None,
) -> Prepared:
    """`prepare` for cells that run side by side: one of them does it, the others find it done."""
    with folder_lock(work / "preparing", timeout_s=_PREPARE_TIMEOUT_S):
        return prepare(dataset, task, data, work, tokenizer=tokenizer, classes=classes)


def choose(data: Documents | Examples, size: int | None, seed: int) -> Documents | Examples:
    """`size` samples of a split, chosen by hash(seed, id), in their own order.

    Of one seed the smaller choice lies inside the larger.

    Raises:
        DataError: There are fewer.
    """
    if size is None or size == len(data):
        return data
    if size > len(data):
        raise DataError(
            f"{size:,} samples are asked for and there are {len(data):,}",
            hint="ask for fewer (`sizes`, `size`, `test_size`), or collect more",
            code="too-few-samples",
        )
    ranks = np.argsort(hashed(data.ids, seed, _CHOICE), kind="stable")
    return data.select(np.sort(ranks[:size]).astype(np.int64))


def rows_of(data: Documents | Examples, model: ModelSettings) -> Examples:
    """Samples as rows of a model: text is packed to its context."""
    if isinstance(data, Documents):
        if model.kind != "gpt":
            raise DataError(f"a {model.kind} cannot be trained on text")
        return data.pack(model.context)
    return data


def split_of(prepared: Prepared, split: str, what: str) -> Documents | Examples:
    """A split that must be there.

    Raises:
        DataError: It is empty.
    """
    data = prepared.splits.get(split)
    if data is None or not len(data):
        raise DataError(
            f"{what} has no {split} samples",
            hint="`deduplicate.hold_out` makes the splits; `data.sources` and `data.labels` "
            "choose among the samples",
            code="no-samples",
        )
    return data


def start(carried: Carried, sizes: Sizes, classes: Sequence[str], seed: int) -> nn.Module:
    """A model for the target: fresh, then the carried weights where there are any.

    A head over other classes than the target's stays fresh, and is the same for every method of
    a seed.

    Raises:
        DataError: The carried model reads images of another shape.
    """
    model = build_model(carried.model, sizes, seed=seed)
    if carried.weights is None:
        return model
    own = model.state_dict()
    new_head = tuple(classes) != carried.classes
    for name, tensor in own.items():
        given = carried.weights.get(name)
        if new_head and name.startswith("head."):
            continue
        if given is None or given.shape != tensor.shape:
            raise DataError(
                f"the pretrained model does not fit the target: {name} is "
                f"{None if given is None else list(given.shape)}, not {list(tensor.shape)}",
                hint="give the target the same data.image_size and data.channels",
                code="checkpoint-shape",
            )
        tensor.copy_(given)
    return model


def frozen_for_probe(model: ModelSettings) -> tuple[tuple[str, ...], str]:
    """Prefixes of the parameters that a probe leaves alone, and what it is in words."""
    if model.kind == "gpt":
        frozen = ("tokens.", *(f"blocks.{i}." for i in range(model.layers - 1)))
        words = (
            "the pretrained weights, frozen but for the last of "
            f"{model.layers} blocks and the final norm; embeddings and output stay as they are"
        )
        return frozen, words
    return ("body.",), "the pretrained weights, frozen but for the classes' linear layer"


def learn(
    model: nn.Module,
    task: Task,
    data: Examples,
    test: Examples | None,
    optimizer: OptimizerSettings,
    loop: LoopSettings,
    *,
    seed: int,
    threads: int,
    frozen: Sequence[str] = (),
) -> Learnt:
    """Train in place on some rows, and measure on the test rows, if any."""
    result = train(
        model, task, data, None, optimizer, loop, seed=seed, threads=threads, frozen=frozen
    )
    evaluation = None
    if test is not None:
        evaluation = evaluate(model, task, test, batch_size=loop.evaluation_batch_size)
    return Learnt(evaluation, result, len(data))


def task_for(
    name: str, mean: Sequence[float], std: Sequence[float], augment: Sequence[Mapping[str, Any]]
) -> Task:
    """The task, with the normalisation and transforms that images need.

    What an image's transforms draw depends on (seed, epoch, id) alone, so arms of one seed that
    share an image augment it alike.

    Args:
        name: Of the task.
        mean, std: Of the pixels a channel.
        augment: The recipe's on-the-fly transforms, each {op: settings}.
    """
    if name != "image-classification":
        return build_task(name)
    return build_task(name, mean=mean, std=std, augment=from_recipe(augment))


def paired_loop(loop: LoopSettings) -> LoopSettings:
    """The loop without what would make two cells of a comparison differ in length or arithmetic.

    Time limits and patience depend on the machine and on the data; `auto` precision times a few
    steps to decide.
    """
    changes: dict[str, Any] = {"max_seconds": None, "patience": 0}
    if loop.precision == "auto":
        changes["precision"] = "fp32"
    if loop.max_steps is None and loop.epochs is None and loop.max_tokens is None:
        changes["epochs"] = 10.0
    return loop.model_copy(update=changes)
