"""A few samples of a target task, a start, a budget; train, and measure unit by unit.

What transfer and value have in common. All of it is paired by seed: the same seed chooses the same
samples, the smaller subset inside the larger, and the same order and fresh weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from torch import Tensor, nn

from tilth.errors import DataError, UsageError
from tilth.models.build import build_model
from tilth.models.facts import Facts
from tilth.models.settings import ModelSettings
from tilth.randomness import hashed
from tilth.store.files import folder_lock
from tilth.tasks.base import Answering, only_class
from tilth.tasks.prepare import Prepared, prepare
from tilth.tasks.registry import declaration
from tilth.tasks.settings import DataSettings, TargetDataSettings, TaskName
from tilth.tasks.text.tokenize import Tokenizer
from tilth.training.evaluate import Evaluation, evaluate
from tilth.training.examples import Documents, Examples, Ragged
from tilth.training.loop import TrainResult, train
from tilth.training.settings import OptimizerSettings, StepSettings, loop_of

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
        facts: What its training data said: names of the outputs, normalisation of images.
    """

    model: ModelSettings
    weights: Mapping[str, Tensor] | None
    tokenizer: Tokenizer | None
    facts: Facts


@dataclass(frozen=True)
class Learnt:
    """What a training gave.

    Attributes:
        evaluation: On the test rows, if there were any.
        result: Of the training loop.
        rows: Unique rows (windows, images) that were trained on.
        late: On the test rows, where the last tenth of the steps began, if that was asked for.
        epochs: How often each was seen.
    """

    evaluation: Evaluation | None
    result: TrainResult
    rows: int
    late: Evaluation | None = None

    @property
    def epochs(self) -> float:
        """Passes over the rows."""
        return self.result.examples / self.rows


def prepare_once(
    dataset: Path,
    task: TaskName,
    data: DataSettings,
    work: Path,
    *,
    tokenizer: Tokenizer | None = None,
    classes: Sequence[str] | None = None,
    model: Facts | None = None,
    window: int = 0,
) -> Prepared:
    """`prepare` for cells that run side by side: one of them does it, the others find it done."""
    with folder_lock(work / "preparing", timeout_s=_PREPARE_TIMEOUT_S):
        return prepare(
            dataset,
            task,
            data,
            work,
            tokenizer=tokenizer,
            classes=classes,
            model=model,
            window=window,
        )


def prepare_target(
    dataset: Path,
    task: TaskName,
    data: TargetDataSettings,
    work: Path,
    tokenizer: Tokenizer | None,
    model: Facts,
    window: int,
) -> Prepared:
    """The target as numbers, read as the carried model's own samples were.

    A mixture's weights are of pretraining: here each chosen sample is seen once an epoch.

    Raises:
        UsageError: `data` says otherwise than the model how samples are read.
    """
    found = prepare_once(
        dataset, task, data.whole, work, tokenizer=tokenizer, model=model, window=window
    )
    return replace(
        found,
        facts=found.facts.normalised_as(model),
        splits={name: _seen_once(rows) for name, rows in found.splits.items()},
    )


def _seen_once(data: Documents | Examples) -> Documents | Examples:
    return replace(data, weights=np.ones(len(data), np.float32))


def choose(
    data: Documents | Examples, size: int | None, seed: int, *, per_class: bool = False
) -> Documents | Examples:
    """`size` samples of a split, chosen by hash(seed, id), in their own order.

    Of one seed the smaller choice lies inside the larger.

    Args:
        data: To choose from.
        size: How many; None: all.
        seed: Another choice each.
        per_class: `size` samples of every class.

    Raises:
        DataError: There are fewer.
    """
    if size is None or (size == len(data) and not per_class):
        return data
    ranks = np.argsort(hashed(data.ids, seed, _CHOICE), kind="stable").astype(np.int64)
    groups, what = [ranks], "samples"
    if per_class:
        if isinstance(data, Documents) or isinstance(data.targets, Ragged):
            raise UsageError("samples a class are asked for of data that has no classes")
        labels = data.targets[ranks]
        groups, what = [ranks[labels == c] for c in np.unique(labels)], "samples of a class"
    fewest = min(len(group) for group in groups)
    if size > fewest:
        raise DataError(
            f"{size:,} {what} are asked for and there are {fewest:,}",
            hint="ask for fewer (`sizes`, `size`, `test_size`), or collect more",
            code="too-few-samples",
        )
    return data.select(np.sort(np.concatenate([group[:size] for group in groups])))


def rows_of(data: Documents | Examples, model: ModelSettings) -> Examples:
    """Samples as rows of a model: text is packed to its context."""
    if isinstance(data, Documents):
        if not model.window:
            raise DataError(f"a {model.kind} cannot be trained on text")
        return data.pack(model.window)
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


def require_measurable(task: TaskName, facts: Facts, held_out: Documents | Examples) -> None:
    """Refuse test samples of which a figure says nothing.

    Raises:
        DataError: They are all of one class, or too few to be compared with each other.
    """
    if isinstance(held_out, Documents):
        return
    only = only_class(task, facts.classes, held_out)
    fewest = declaration(task).at_once
    if only is not None:
        raise DataError(
            f"all {len(held_out)} test samples are of the class `{only}`: to name it every time is "
            "enough, and a figure says nothing",
            hint="hold out samples of every class",
            code="one-class",
        )
    if len(held_out) < fewest:
        raise DataError(
            f"{task} compares samples with each other, and there are {len(held_out)} to test on",
            hint=f"hold out {fewest} or more",
            code="too-few-samples",
        )


def start(carried: Carried, target: Facts, seed: int) -> nn.Module:
    """A model for the target: fresh, then the carried weights where there are any.

    A head over other outputs than the target's stays fresh, and is the same for every method of
    a seed.

    Raises:
        DataError: The carried model reads samples of another shape.
    """
    model = build_model(carried.model, target.sizes, seed=seed)
    if carried.weights is None:
        return model
    own = model.state_dict()
    new_head = target.classes != carried.facts.classes
    for name, tensor in own.items():
        given = carried.weights.get(name)
        if new_head and name.startswith("head."):
            continue
        if given is None or given.shape != tensor.shape:
            raise DataError(
                f"the pretrained model does not fit the target: {name} is "
                f"{None if given is None else list(given.shape)}, not {list(tensor.shape)}",
                hint="carry it over to samples of the shape that it was trained on",
                code="checkpoint-shape",
            )
        tensor.copy_(given)
    return model


def frozen_for_probe(model: nn.Module) -> tuple[tuple[str, ...], str]:
    """Names of the parameters that a probe leaves alone, and what it is in words.

    Raises:
        UsageError: The network has neither a head nor blocks in a row.
    """
    names = [name for name, _ in model.named_parameters()]
    blocks = [int(name.split(".")[1]) for name in names if name.startswith("blocks.")]
    has_head = any(name.startswith("head.") for name in names)
    if not has_head and not blocks:
        raise UsageError(
            "a probe trains the last layer alone, and this network has none that stands alone",
            where="transfer.methods",
            hint="leave `probe` out; `lora` trains little too",
        )
    if not has_head:
        # The output layer is the embedding: there is no head to train alone.
        last = max(blocks)
        kept: tuple[str, ...] = (f"blocks.{last}.", "norm.")
        words = (
            "the pretrained weights, frozen but for the last of "
            f"{last + 1} blocks and the final norm; embeddings and output stay as they are"
        )
    else:
        kept, words = ("head.",), "the pretrained weights, frozen but for the last linear layer"
    return tuple(name for name in names if not name.startswith(kept)), words


def learn(
    model: nn.Module,
    task: Answering,
    data: Examples,
    test: Examples | None,
    optimizer: OptimizerSettings,
    budget: StepSettings,
    *,
    seed: int,
    threads: int,
    frozen: Sequence[str] = (),
    unfreeze: Mapping[str, float] | None = None,
    figures: bool = False,
    late: bool = False,
    late_figures: bool = False,
) -> Learnt:
    """Train in place on some rows, and measure on the test rows, if any.

    Args:
        model: Its weights are the start.
        task: Gives batches, their loss and what is measured.
        data: Rows to learn from.
        test: Rows to measure on; None: nothing is measured.
        optimizer: The update rule and its schedule.
        budget: Steps, batch, precision.
        seed: Fixes order, dropout and augmentation.
        threads: Torch's threads.
        frozen: Prefixes of parameter names that are not trained.
        unfreeze: Prefix -> the share of the run after which such parameters are trained.
        figures: Measure also what takes decoding.
        late: Measure also where the last tenth of the steps begins, which changes no weight.
        late_figures: Of that measurement, what takes decoding as well.
    """
    loop = loop_of(budget)
    before: list[Evaluation] = []

    def measure_late() -> None:
        if test is not None:
            batch = loop.evaluation_batch_size
            before.append(
                evaluate(
                    model,
                    task,
                    test,
                    batch_size=batch,
                    figures=late_figures,
                    precision=loop.precision,
                )
            )

    result = train(
        model,
        task,
        data,
        None,
        optimizer,
        loop,
        seed=seed,
        threads=threads,
        frozen=frozen,
        unfreeze=unfreeze,
        late=measure_late if late else None,
    )
    evaluation = None
    if test is not None:
        evaluation = evaluate(
            model,
            task,
            test,
            batch_size=loop.evaluation_batch_size,
            figures=figures,
            precision=loop.precision,
        )
    return Learnt(evaluation, result, len(data), before[0] if before else None)
