"""A data set as PyTorch's `DataLoader` takes it: samples by their place, tensors, a length."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset, default_collate

from tilth.loaders.samples import RAGGED, Sample, Samples
from tilth.records import Json
from tilth.tasks.text.tokenize import Tokenizer
from tilth.training.examples import Examples
from tilth.training.order import Ids, Index

IGNORED = -100  # the target of a token that is not predicted: `cross_entropy` leaves it out

Collate = Callable[[Sequence[Sample]], Sample]


class Ordered(Protocol):
    """What a loader with an order of its own draws from."""

    ids: Ids
    weights: npt.NDArray[np.float32]

    def __len__(self) -> int: ...

    def tells(self, name: str) -> bool:
        """Whether a batch has a value of this name."""

    def batch(self, rows: Index) -> Sample:
        """Some samples as one batch."""

    def made(self) -> Json:
        """What decides what a sample is, by the names of the settings, as JSON can say it."""


class TorchSamples(Dataset[Sample]):
    """Samples by their place, each a dict: any `DataLoader` shuffles, batches and splits them.

    Images are uint8 [channels, height, width], sound float32 [samples] between -1 and 1, tokens
    int64 [tokens], labels int, text str; no value is None. A batch of sound or tokens, whose
    samples differ in length, needs `collate_fn=samples.collate`.

    Args:
        samples: What is decoded.
    """

    def __init__(self, samples: Samples) -> None:
        self._samples = samples

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, place: int) -> Sample:
        return _tensors(self._samples.sample(place))

    def __getitems__(self, places: list[int]) -> list[Sample]:
        """Some samples: what a `DataLoader` asks for where it is there."""
        return [_tensors(one) for one in self._samples.samples(places)]

    def __iter__(self) -> Iterator[Sample]:
        return (self[place] for place in range(len(self)))

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels in the order of their numbers, the same for all splits."""
        return self._samples.classes

    @property
    def ids(self) -> Ids:
        """The first 64 bits of the samples' ids, uint64 [n]."""
        return self._samples.ids

    @property
    def labels(self) -> Tensor:
        """The number of each sample's label, int64 [n]; -100 without one."""
        return torch.from_numpy(self._samples.labels)

    @property
    def weights(self) -> npt.NDArray[np.float32]:
        """Times that each sample is to be seen an epoch, float32 [n]."""
        return self._samples.weights

    @property
    def image_shape(self) -> tuple[int, int, int] | None:
        """Channels, height and width of all images; None without images."""
        return self._samples.image_shape

    @property
    def sample_rate(self) -> int | None:
        """Samples a second of all sound; None without sound."""
        return self._samples.sample_rate

    @property
    def num_bytes(self) -> int:
        """Disk that the copies of shards take by now, which make any sample cheap to reach."""
        return self._samples.num_bytes

    @property
    def collate(self) -> Collate:
        """For `DataLoader(..., collate_fn=samples.collate)`: what differs in length is filled up.

        `audio` is float32 [n, longest] with `audio_lengths` int64 [n], and so `tokens` int64 with
        `tokens_lengths`; behind the end of a sample stand zeros. The rest is as PyTorch's own
        `default_collate` has it.
        """
        return partial(
            collate, ragged=tuple(name for name in RAGGED if name in self._samples.kinds)
        )

    def made(self) -> Json:
        """What decides what a sample is, by the names of the settings, as JSON can say it."""
        return self._samples.made()

    def tells(self, name: str) -> bool:
        """Whether samples have a value of this name."""
        return name in self._samples.kinds

    def batch(self, rows: Index) -> Sample:
        """Some samples as one batch, as `collate` makes it, but images between 0 and 1: float32
        [n, channels, height, width].
        """
        found = self._samples.samples(rows)
        batch: Sample = {}
        for name in found[0]:
            values = [one[name] for one in found]
            if self._samples.kinds[name] == "image":
                batch[name] = torch.from_numpy(_in_unit(values))
            else:
                batch |= _together(name, values, is_ragged=name in RAGGED)
        return batch


class TorchWindows(Dataset[Sample]):
    """Packed windows of text for a language model: `inputs` and `targets`, int64 [context] each.

    The target of a token is the one behind it; behind the end of the last text of a window it is
    -100, which `cross_entropy` leaves out. They are shifted already: a model that shifts them
    itself, as those of `transformers`, is given `inputs` as its labels.

    Args:
        rows: Packed.
        tokenizer: Of their tokens; `tokenizer.decode` makes text of what a model writes.

    Attributes:
        vocabulary: Tokens that the tokenizer has.
    """

    def __init__(self, rows: Examples, tokenizer: Tokenizer) -> None:
        self._rows = rows
        self.tokenizer = tokenizer
        self.vocabulary: int = tokenizer.get_vocab_size()
        self.ids: Ids = rows.ids
        self.weights: npt.NDArray[np.float32] = rows.weights

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, place: int) -> Sample:
        if not -len(self) <= place < len(self):
            raise IndexError(f"window {place} of {len(self)}")
        found = self.batch(np.array([place % len(self)]))
        return {name: value[0] for name, value in found.items()}

    def __getitems__(self, places: list[int]) -> list[Sample]:
        """Some windows: what a `DataLoader` asks for where it is there."""
        found = self.batch(np.array(places, np.int64))
        parts = zip(*(value.unbind(0) for value in found.values()), strict=True)
        return [dict(zip(found, part, strict=True)) for part in parts]

    def made(self) -> Json:
        """What decides what a window is, by the names of the settings, as JSON can say it."""
        digest = hashlib.sha256(self.tokenizer.to_str().encode()).hexdigest()
        return {"tokenizer": digest[:16]}

    def tells(self, name: str) -> bool:
        """Whether windows have a value of this name."""
        return name in ("inputs", "targets")

    def batch(self, rows: Index) -> Sample:
        """Some windows as one batch."""
        tokens = torch.from_numpy(self._rows.rows[rows].astype(np.int64))
        # Of a single row a slice is contiguous as it is: the inputs would get the marks too.
        inputs, targets = tokens[:, :-1].contiguous(), tokens[:, 1:].clone()
        counts = torch.from_numpy(np.asarray(self._rows.labels[rows]))
        if int(counts.min()) < targets.shape[1]:
            targets[torch.arange(targets.shape[1])[None] >= counts[:, None]] = IGNORED
        return {"inputs": inputs, "targets": targets}


def collate(samples: Sequence[Sample], ragged: Sequence[str]) -> Sample:
    """Samples as one batch; those values that differ in length filled up with zeros.

    Args:
        samples: One or more.
        ragged: Names of those values.
    """
    batch: Sample = {}
    for name in samples[0]:
        values = [sample[name] for sample in samples]
        batch |= _together(name, values, is_ragged=name in ragged)
    return batch


def _tensors(sample: Sample) -> Sample:
    return {
        name: torch.from_numpy(value) if isinstance(value, np.ndarray) else value
        for name, value in sample.items()
    }


def _together(name: str, values: Sequence[Any], *, is_ragged: bool) -> Sample:
    """One value of some samples as a batch has it."""
    if not is_ragged:
        return {name: default_collate(list(values))}
    lengths = [len(value) for value in values]
    rows = np.zeros((len(values), max(lengths)), np.asarray(values[0]).dtype)
    for row, value in zip(rows, values, strict=True):
        row[: len(value)] = value
    return {name: torch.from_numpy(rows), f"{name}_lengths": torch.tensor(lengths)}


def _in_unit(images: Sequence[npt.NDArray[np.uint8]]) -> npt.NDArray[np.float32]:
    """Pixels of one size, uint8, as float32 [n, channels, height, width] between 0 and 1."""
    batch = np.empty((len(images), *images[0].shape), np.float32)
    for row, image in zip(batch, images, strict=True):
        # At once to its place: a batch of floats is four times what there is, and is touched once.
        np.divide(image, np.float32(255), out=row)
    return batch
