"""Batches in Tilth's own order: a function of seed and epoch, whoever reads them and how many.

What a loader must remember to go on is the epoch and how many samples of it were given: nothing of
workers, of what they read ahead, or of a generator. So a training may be stopped anywhere and go
on with another number of workers or of ranks, and its batches are the same, byte for byte.
"""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from tilth.augment.chain import Transform
from tilth.augment.sounds import Waves
from tilth.errors import DataError, UsageError
from tilth.foreign import shorten, visible
from tilth.hints import whole_number
from tilth.loaders.augment import Augment
from tilth.loaders.samples import Sample
from tilth.loaders.torch_samples import Ordered, TorchSamples
from tilth.randomness import MAX_SEED, keys_for
from tilth.records import Json
from tilth.training.examples import Ragged
from tilth.training.order import Index, Order
from tilth.training.ranks import Ranks

# What acts on a sample as it lies here; spectra are made by whoever trains, and tokens by them too.
_APPLIED: Final = {"images": "image", "audio": "audio"}
_VERSION: Final = 2
_MAX_EPOCH: Final = 2**31 - 1
# Of which a state has a digest alone.
_DIGESTS: Final = ("tokenizer", "classes", "augment")


class TorchLoader:
    """Batches of one epoch after another; each `for` over it gives what is left of an epoch.

    Args:
        data: Samples or windows.
        batch_size: Samples of a batch, of all ranks together.
        seed: Of order and transforms.
        epoch: To begin with.
        augment: Transforms of what is given; None: none.
        ranks: Which part of each batch is this process's.
        num_workers: Processes that read ahead; the batches are the same for any number.
        drop_last: Leave out a last batch that is not full.
        pin_memory: As of `torch.utils.data.DataLoader`.
        start_method: Of the workers: `fork`, `spawn`, `forkserver`; None: the system's.
        digest: Of the data set, by which a saved state is known.

    Raises:
        UsageError: A number is none that can be, or the ranks cannot share a batch equally.
        DataError: There is no sample, or none is ever seen.
    """

    def __init__(
        self,
        data: Ordered,
        *,
        batch_size: int,
        seed: int,
        epoch: int,
        augment: Augment | None,
        ranks: Ranks,
        num_workers: int,
        drop_last: bool,
        pin_memory: bool,
        start_method: str | None,
        digest: str,
    ) -> None:
        batch_size = whole_number("batch_size", batch_size, 1)
        if batch_size % ranks.world:
            raise UsageError(
                f"a batch of {batch_size} cannot be shared by {ranks.world} "
                f"rank{'s' if ranks.world > 1 else ''} equally",
                hint="batch_size is of all ranks together, a multiple of their number",
            )
        self.batch_size = batch_size
        self.epoch = whole_number("epoch", epoch, 0, _MAX_EPOCH)
        self._seed = seed = whole_number("seed", seed, 0, MAX_SEED)
        self._given = 0
        self._turn = 0
        self._ranks = ranks
        self._order = Order(data.ids, data.weights, seed)
        self._drop_last = drop_last
        if drop_last and not len(self):
            raise UsageError(
                f"`drop_last` would leave nothing: an epoch has {self._order.length(self.epoch):,} "
                f"samples, and a batch {batch_size:,}"
            )
        self._digest = digest
        # As it is read back from a file: a tuple is a list there.
        made = {**data.made(), "augment": augment.digest if augment is not None else None}
        self._made: Json = json.loads(json.dumps(made))
        self._batches = _Batches(data, augment, seed)
        self._num_workers = whole_number("num_workers", num_workers, 0)
        self._pin_memory = pin_memory
        self._start_method = start_method

    def __len__(self) -> int:
        """Batches of the epoch that is under way, those that were given with them."""
        samples = self._order.length(self.epoch)
        return samples // self.batch_size if self._drop_last else -(-samples // self.batch_size)

    def __iter__(self) -> Iterator[Sample]:
        if self._is_done:
            # Whoever took the last batch need not have asked for one more, as `zip` does not.
            self._go_to(self.epoch + 1, 0)
        parts = _Parts(
            self._order.epoch(self.epoch),
            self.epoch,
            self._given // self.batch_size,
            len(self),
            self.batch_size,
            self._ranks,
        )
        turn = self._turn
        loader: DataLoader[Any] = DataLoader(
            self._batches,
            sampler=parts,
            batch_size=None,
            collate_fn=_as_it_is,
            num_workers=self._num_workers,
            pin_memory=self._pin_memory,
            multiprocessing_context=self._start_method if self._num_workers else None,
        )
        for batch in loader:
            self._given += self.batch_size
            yield batch
            if self._turn != turn:
                raise UsageError(
                    "the loader was set to another epoch or state while it was gone through",
                    hint="begin a new `for` after `set_epoch` and `load_state_dict`",
                )
        self._go_to(self.epoch + 1, 0)

    def set_epoch(self, epoch: int) -> None:
        """Go to the beginning of an epoch.

        Raises:
            UsageError: It is below 0.
        """
        self._go_to(whole_number("epoch", epoch, 0, _MAX_EPOCH), 0)

    def state_dict(self) -> Json:
        """Where it is, after the batch that was given last, and what decides what batches hold:
        numbers, words and lists of them, for any file.
        """
        return {
            "version": _VERSION,
            "epoch": self.epoch + self._is_done,
            "samples": 0 if self._is_done else self._given,
            "digest": self._digest,
            **self._settings(),
        }

    def _settings(self) -> Json:
        """What another value of would make other batches."""
        settings = {
            "seed": self._seed,
            "batch_size": self.batch_size,
            "drop_last": self._drop_last,
            **self._made,
        }
        return copy.deepcopy(settings)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on behind the batch that was given last when the state was saved.

        The number of workers and of ranks may be another one. What a function that was given as
        `tokenizer` does is not known; it goes by its name.

        Raises:
            UsageError: It is of a loader with another setting, of those that batches depend on.
            DataError: It is no such state, or of other data.
        """
        if not isinstance(state, Mapping) or state.get("version") != _VERSION:
            raise _no_state("it is no mapping, or of another version of Tilth")
        own = self._settings()
        lacking = [name for name in ("epoch", "samples", "digest", *own) if name not in state]
        if lacking and state.get("digest") == self._digest:
            raise _no_state(f"`{lacking[0]}` is not in it")
        if state.get("digest") != self._digest:
            raise DataError(
                "the state is of a loader of other data, or of another form of it",
                hint="its order would be another: begin anew, or with the data that it had",
                code="other-data",
            )
        for name, value in own.items():
            # As texts: `True` is 1 to Python.
            if json.dumps(state[name], default=repr) != json.dumps(value):
                raise _other_state(name, state[name], value)
        try:
            epoch = whole_number("epoch", state["epoch"], 0, _MAX_EPOCH)
            samples = whole_number("samples", state["samples"], 0)
        except UsageError as error:
            raise _no_state(error.what) from None
        length = self._order.length(epoch)
        if samples % self.batch_size or samples >= max(length, 1):
            raise _no_state(
                f"`samples` is {samples:,}, which is no end of a batch of an epoch of {length:,}"
            )
        self._go_to(epoch, samples)

    @property
    def _is_done(self) -> bool:
        """Whether the last batch of the epoch was given."""
        return 0 < self._given >= len(self) * self.batch_size

    def _go_to(self, epoch: int, given: int) -> None:
        self.epoch, self._given = epoch, given
        self._turn += 1


class _Parts(Sampler[tuple[int, Index]]):
    """This rank's part of each batch that is left of an epoch: the epoch, and places of samples."""

    def __init__(
        self, order: Index, epoch: int, first: int, end: int, batch_size: int, ranks: Ranks
    ) -> None:
        self._order = order
        self._epoch = epoch
        self._first = first
        self._end = end
        self._batch_size = batch_size
        self._ranks = ranks

    def __len__(self) -> int:
        return max(self._end - self._first, 0)

    def __iter__(self) -> Iterator[tuple[int, Index]]:
        for number in range(self._first, self._end):
            start = number * self._batch_size
            rows = self._order[start : start + self._batch_size]
            part = np.array_split(rows, self._ranks.world)[self._ranks.rank]
            # Every rank has a batch, or the others would wait for its gradient for ever.
            yield self._epoch, part if len(part) else rows[-1:]


class _Batches(Dataset[Sample]):
    """Batches by epoch and places: read, put together, transformed."""

    def __init__(self, data: Ordered, augment: Augment | None, seed: int) -> None:
        self._data = data
        self._augment = augment
        self._seed = seed
        self._built: dict[str, Transform | None] = {}

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_built": {}}

    def __getitem__(self, part: tuple[int, Index]) -> Sample:
        epoch, rows = part
        batch = self._data.batch(rows)
        keys = keys_for(self._seed, epoch, self._data.ids[rows])
        if "image" in batch and (change := self._transform("images")) is not None:
            batch["image"] = torch.from_numpy(change(batch["image"].numpy(), keys))
        if "audio" in batch and (change := self._transform("audio")) is not None:
            lengths = batch["audio_lengths"].tolist()
            rows_of = zip(batch["audio"].numpy(), lengths, strict=True)
            assert isinstance(self._data, TorchSamples)
            waves = Waves([row[:n].copy() for row, n in rows_of], self._data.sample_rate or 0)
            changed = Ragged.of(list(change(waves, keys).samples), np.float32)
            padded, counts = changed.padded(np.arange(len(lengths)))
            batch["audio"] = torch.from_numpy(padded)
            batch["audio_lengths"] = torch.from_numpy(counts)
        return batch

    def _transform(self, kind: str) -> Transform | None:
        if kind not in self._built:
            self._built[kind] = None if self._augment is None else self._augment.build(kind)
        return self._built[kind]


def tell_unapplied(data: Ordered, augment: Augment) -> None:
    """Warn of transforms that do not act on what is given."""
    left = [
        f"{name} ({kind})"
        for name, kind in augment.kinds().items()
        if not data.tells(_APPLIED.get(kind, ""))
    ]
    if left:
        warnings.warn(
            "transforms of the recipe that a loader does not apply, for they change what is made "
            f"of the samples later: {', '.join(left)}; `augment=False` applies none",
            stacklevel=3,
        )


def _no_state(why: str) -> DataError:
    return DataError(
        f"this is no state of a loader: {why}",
        hint="`load_state_dict` takes what `state_dict()` gave",
        code="no-state",
    )


def _other_state(name: str, given: Any, own: Any) -> UsageError:
    if name in _DIGESTS:
        return UsageError(
            f"the state is of a loader with another `{name}`",
            hint=f"give the same `{name}` as to the loader that was saved",
            code="other-state",
        )
    shown = [
        shorten(visible(repr(tuple(one) if name == "image_size" and one else one)), 200)
        for one in (given, own)
    ]
    return UsageError(
        f"the state is of a loader with `{name}` {shown[0]}, and this one has {shown[1]}",
        hint=f"to_torch_loader({name}={shown[0]})",
        code="other-state",
    )


def _as_it_is(batch: Any) -> Any:
    return batch
