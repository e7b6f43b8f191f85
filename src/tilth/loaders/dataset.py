"""A finished data set as loops and libraries take it."""

from __future__ import annotations

import hashlib
import importlib
import multiprocessing
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from tilth import store
from tilth.errors import StorageError, UsageError, missing_extra
from tilth.hints import require_choice, require_flag, whole_number
from tilth.loaders.augment import Augment
from tilth.randomness import MAX_SEED
from tilth.splits import SPLITS

if TYPE_CHECKING:
    import datasets
    import tensorflow as tf

    from tilth.loaders.samples import Samples
    from tilth.loaders.torch_loader import TorchLoader
    from tilth.loaders.torch_samples import TorchSamples, TorchWindows
    from tilth.tasks.text.tokenize import Tokenizer

# Text to numbers: a `tokenizer.json`, a `tokenizers.Tokenizer`, or a function of a text.
Tokens = str | Path | Callable[[str], Sequence[int]] | Any


class Dataset(store.Dataset):
    """One step's data set on disk, or a split of it, for reading and for training on.

    Args:
        path: Its folder, which holds `manifest.json`.
        split: Give only samples of this split (train, validation, test); a sample without one
            is a training sample.
        augment: The recipe's transforms, which `to_torch_loader` applies.

    Raises:
        MissingError: There is no finished data set.
        UsageError: There is no such split.
    """

    def __init__(
        self, path: Path | str, split: str | None = None, *, augment: Augment | None = None
    ) -> None:
        super().__init__(path, split)
        self._augment = augment

    def to_torch(
        self,
        columns: Sequence[str] | None = None,
        *,
        image_size: tuple[int, int] | None = None,
        channels: Literal[1, 3] | None = None,
        sample_rate: int | None = None,
        tokenizer: Tokens | None = None,
        max_length: int | None = None,
        classes: Sequence[str] | None = None,
        resample: int | None = None,
        folder: str | Path | None = None,
    ) -> TorchSamples:
        """A map-style PyTorch data set with a length (extra `train`), for any `DataLoader`.

        A sample is a dict: `id` str, `text` and `target` str ("" where there is none), `image`
        uint8 [channels, height, width], `audio` float32 [samples] between -1 and 1, `label` int,
        those that the data set has. `DataLoader(data, batch_size=32, shuffle=True)` takes it as it
        is, with workers too; of sound and tokens, which differ in length, with
        `collate_fn=data.collate`. Labels are numbered over all splits, `data.classes` names them;
        a sample without one has -100, and a warning says how many there are.

        Any sample is read at once from copies of the shards, uncompressed and memory-mapped, which
        are made as they are wanted and serve every later epoch and process: `data.num_bytes` says
        what they take. They lie in the data set's folder and go with it.

        Args:
            columns: Of each sample, as of `batches`, but for nested ones; None: those above. Other
                columns are numbers, or text; what is not there is NaN or "".
            image_size: Height and width that pictures are resized to; None: all must be of one
                size, that of the data set's first.
            channels: 1 or 3; None: those of the data set's first picture, and colour among grey
                ones is an error.
            sample_rate: Samples a second that sound is resampled to; None: all must be of one
                rate, that of the data set's first.
            tokenizer: Gives `tokens`, int64 [tokens], in the place of `text`: the path of a
                `tokenizer.json`, or of a folder with one; a `tokenizers.Tokenizer`; or a function
                from a text to numbers.
            max_length: Tokens that are kept of a text; None: all.
            classes: The labels in the order of their numbers, of a model say; None: whole numbers
                by value, before words by letter.
            resample: Draw the samples by their weights, as training does in an epoch with this
                seed; None: each once, and a warning where a mixture gives them weights.
            folder: Where to keep the copies, where the data set's folder cannot be written.

        Raises:
            MissingError: torch is not installed, or there is no tokenizer at a path.
            UsageError: There is no such column, one holds nested values, `classes` lacks a label,
                or what is given is no size or number, or of what the columns have not.
            StorageError: The folder of the copies cannot be written.
            DataError: Of a sample that is read: a picture or a sound is missing or damaged, or of
                another size or rate.
        """
        torch_samples = _needs("tilth.loaders.torch_samples", "train")
        samples = self._samples(
            columns,
            image_size=image_size,
            channels=channels,
            sample_rate=sample_rate,
            tokenizer=tokenizer,
            max_length=max_length,
            classes=classes,
            resample=resample,
            folder=folder,
        )
        from tilth.loaders.samples import tell_of

        tell_of(samples, weights=resample is None)
        found: TorchSamples = torch_samples.TorchSamples(samples)
        return found

    def to_torch_windows(
        self,
        window: int,
        tokenizer: Tokens | None = None,
        *,
        folder: str | Path | None = None,
    ) -> TorchWindows:
        """The texts packed for a language model, as a map-style data set (extra `train`).

        An item is a dict of `inputs` and `targets`, int64 [window]: every token is a target once.
        Texts follow each other, parted by the tokenizer's end token, as in pretraining; tokens are
        made once and memory-mapped.

        Args:
            window: Tokens that a model reads at once.
            tokenizer: The path of a `tokenizer.json`, or of a folder with one, or a
                `tokenizers.Tokenizer`; None: one is learnt from the training split, as in
                pretraining. `data.tokenizer` is the one in use.
            folder: As of `to_torch`.

        Raises:
            MissingError: torch is not installed, the split has no sample, or there is no
                tokenizer at a path.
            UsageError: `window` is no whole number from 1 on, the data set has no text, or the
                tokenizer is none that says where a text ends.
            DataError: There is no text to train on.
            StorageError: The folder of the tokens cannot be written.
        """
        _needs("tilth.loaders.torch_samples", "train")
        from tilth.loaders.samples import tell_of_weights

        found = self._windows(window, tokenizer, self._folder(folder))
        tell_of_weights(found.weights, "`to_torch_loader(window=...)` draws by them", 3)
        return found

    def to_torch_loader(
        self,
        batch_size: int,
        seed: int = 0,
        *,
        epoch: int = 0,
        columns: Sequence[str] | None = None,
        image_size: tuple[int, int] | None = None,
        channels: Literal[1, 3] | None = None,
        sample_rate: int | None = None,
        tokenizer: Tokens | None = None,
        max_length: int | None = None,
        window: int | None = None,
        classes: Sequence[str] | None = None,
        folder: str | Path | None = None,
        augment: bool | None = None,
        num_workers: int = 0,
        rank: int | None = None,
        world: int | None = None,
        drop_last: bool = False,
        pin_memory: bool = False,
        start_method: str | None = None,
    ) -> TorchLoader:
        """Batches in Tilth's own order, with the recipe's transforms, exact to resume (extra
        `train`).

        Each `for` over it gives an epoch, or what is left of one, shuffled by (seed, epoch, id);
        samples with a weight come as often as it says. Batches are dicts as `to_torch` and its
        `collate` give them, but for `image`, float32 [n, channels, height, width] between 0 and 1.
        They are the same for any number of workers, and the parts of all ranks are those of one.
        `state_dict()` says where it is, between any two batches, and `load_state_dict()` goes on
        there, with another number of workers or ranks too.

        Args:
            batch_size: Samples of a batch, of all ranks together.
            seed: Of order, draws by weight and transforms.
            epoch: To begin with; epochs that follow are counted on.
            columns, image_size, channels, sample_rate, tokenizer, max_length, classes, folder: As
                of `to_torch`.
            window: Batches of windows, as of `to_torch_windows`.
            augment: Whether to apply the recipe's transforms of images and of sound; None: of what
                is not held out. Those of tokens and spectra are not applied, and a warning says so.
            num_workers: Processes that read ahead.
            rank, world: Which part of each batch is given; None: as `torch.distributed` has it, or
                all. Where a last batch has fewer samples than there are ranks, those left without
                one are given its last.
            drop_last: Leave out a last batch that is not full.
            pin_memory, start_method: As of `DataLoader` (`multiprocessing_context`).

        Raises:
            MissingError, StorageError: As of `to_torch`.
            UsageError: As of `to_torch`, or the ranks cannot share a batch equally.
            DataError: There is no sample, or none is ever seen; of samples that are read, as of
                `to_torch`.
        """
        loading = _needs("tilth.loaders.torch_loader", "train")
        torch_samples = _needs("tilth.loaders.torch_samples", "train")
        from tilth.training.ranks import Ranks, current

        if (rank is None) != (world is None):
            raise UsageError("`rank` and `world` go together")
        ranks = current()
        if rank is not None:
            world = whole_number("world", world, 1)
            ranks = Ranks(whole_number("rank", rank, 0, world - 1), world)
        for name, flag in (("drop_last", drop_last), ("pin_memory", pin_memory)):
            require_flag(name, flag)
        if augment is not None:
            require_flag("augment", augment)
        if augment and (self._augment is None or not self._augment.specs):
            raise UsageError(
                "`augment` would do nothing: the data set comes with no transforms of a recipe",
                hint='`tilth.open_run(RUN).dataset("train")` has those of the recipe',
            )
        if start_method is not None:
            methods = multiprocessing.get_all_start_methods()
            require_choice("start_method", start_method, methods)
            if not num_workers:
                raise UsageError("`start_method` would do nothing without `num_workers`")
        if window is not None:
            others = (columns, image_size, channels, sample_rate, max_length, classes)
            if any(one is not None for one in others):
                raise UsageError("`window` goes with `tokenizer` and `folder` alone")
            data: Any = self._windows(window, tokenizer, self._folder(folder))
        else:
            samples = self._samples(
                columns,
                image_size=image_size,
                channels=channels,
                sample_rate=sample_rate,
                tokenizer=tokenizer,
                max_length=max_length,
                classes=classes,
                folder=folder,
            )
            from tilth.loaders.samples import tell_of

            tell_of(samples, weights=False)
            data = torch_samples.TorchSamples(samples)
        held_out = self.split not in (None, SPLITS[0])
        wanted = self._augment if (not held_out if augment is None else augment) else None
        if wanted is not None:
            loading.tell_unapplied(data, wanted)
        found: TorchLoader = loading.TorchLoader(
            data,
            batch_size=batch_size,
            seed=seed,
            epoch=epoch,
            augment=wanted,
            ranks=ranks,
            num_workers=num_workers,
            drop_last=drop_last,
            pin_memory=pin_memory,
            start_method=start_method,
            digest=f"{self.digest[:16]}-{self.split or 'all'}-{window or 'samples'}",
        )
        return found

    def to_tf(
        self,
        columns: Sequence[str] | None = None,
        *,
        image_size: tuple[int, int] | None = None,
        channels: Literal[1, 3] | None = None,
        sample_rate: int | None = None,
        tokenizer: Tokens | None = None,
        max_length: int | None = None,
        classes: Sequence[str] | None = None,
        resample: int | None = None,
        folder: str | Path | None = None,
    ) -> tf.data.Dataset:
        """A `tf.data.Dataset` of one dict a sample, decoded, with its cardinality (extra `tf`).

        Samples are those of `to_torch`, in the order of the data set; `image` is uint8 [height,
        width, channels], as TensorFlow has it. `padded_batch` takes sound and tokens.

        Args:
            columns, image_size, channels, sample_rate, tokenizer, max_length, classes, resample,
                folder: As of `to_torch`.

        Raises:
            MissingError: tensorflow is not installed, or what `to_torch` needs.
            UsageError, StorageError, DataError: As of `to_torch`.
        """
        try:
            import tensorflow as tf
        except ImportError:
            raise missing_extra("tensorflow", "tf") from None
        from tilth.loaders.samples import tell_of
        from tilth.loaders.tf_samples import to_tf

        samples = self._samples(
            columns,
            image_size=image_size,
            channels=channels,
            sample_rate=sample_rate,
            tokenizer=tokenizer,
            max_length=max_length,
            classes=classes,
            resample=resample,
            folder=folder,
        )
        tell_of(samples, weights=resample is None)
        return to_tf(tf, samples)

    def to_hf(self, columns: Sequence[str] | None = None) -> datasets.Dataset:
        """The whole data set as a `datasets.Dataset`, in memory (extra `hf`).

        `image` and `audio` are of the features `Image` and `Audio`, `label` is a `ClassLabel` with
        the labels of all splits; `columns` as of `batches`.

        Raises:
            MissingError: `datasets` is not installed.
            UsageError: As of `batches`.
        """
        try:
            import datasets
        except ImportError:
            raise missing_extra("datasets", "hf") from None
        from tilth.loaders.hub_samples import to_hf

        table = self.to_arrow(columns)
        told = f"{self.digest} {self.split} {table.schema.names}".encode()
        fingerprint = hashlib.sha256(told).hexdigest()[:16]
        found: datasets.Dataset = to_hf(datasets, table, self._classes, fingerprint)
        return found

    def _classes(self) -> tuple[str, ...]:
        from tilth.loaders.index import index_of

        try:
            return index_of(self, self._folder(None)).classes
        except StorageError:
            # Nothing else of it is wanted, and nobody could name another folder.
            with TemporaryDirectory() as folder:
                return index_of(self, Path(folder)).classes

    def _folder(self, given: str | Path | None) -> Path:
        """Where index and copies lie: another place for other bytes under the same identity."""
        name = f"loading-{self.digest[:16]}"
        if given is None:
            return self.path / name
        if not isinstance(given, str | Path) or not str(given):
            raise UsageError(f"`folder` is the path of a folder, not {given!r}")
        return Path(given) / name

    def _samples(
        self,
        columns: Sequence[str] | None,
        *,
        image_size: tuple[int, int] | None,
        channels: Literal[1, 3] | None,
        sample_rate: int | None,
        tokenizer: Tokens | None,
        max_length: int | None,
        classes: Sequence[str] | None,
        folder: str | Path | None,
        resample: int | None = None,
    ) -> Samples:
        samples = _needs("tilth.loaders.samples", "train")
        wanted: pa.Schema | None = None if columns is None else self._columns(columns, "kept")
        if wanted is not None and not wanted.names:
            raise UsageError(
                "`columns` names none, and samples would be empty",
                hint="leave it out, or name what is wanted",
                code="no-column",
            )
        if resample is not None:
            resample = whole_number("resample", resample, 0, MAX_SEED)
        forms = samples.Forms(
            image_size=_pair(image_size),
            channels=channels,
            sample_rate=sample_rate,
            tokenize=None if tokenizer is None else _tokenize(tokenizer),
            max_length=max_length,
            classes=None if classes is None else _names(classes),
        )
        found: Samples = samples.Samples(self, wanted, forms, self._folder(folder), resample)
        return found

    def _windows(self, window: int, tokenizer: Tokens | None, folder: Path) -> TorchWindows:
        from tilth.loaders.torch_samples import TorchWindows
        from tilth.loaders.windows import windows_of

        window = whole_number("window", window, 1)
        if "text" not in self.schema.names:
            raise UsageError(
                "the data set has no `text`, of which windows are made",
                where=str(self.path),
                hint="`to_torch` gives pictures and sound",
                code="no-payload",
            )
        own = None if tokenizer is None else _tokenizer(tokenizer)
        if tokenizer is not None and own is None:
            raise UsageError(
                "the tokenizer of windows is a `tokenizer.json` or a `tokenizers.Tokenizer`",
                hint="it must say which token ends a text",
            )
        return TorchWindows(*windows_of(self.path, self.split or SPLITS[0], window, own, folder))


def _needs(module: str, extra: str) -> Any:
    """A module of this room, whose libraries are an extra's."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise missing_extra(error.name or "torch", extra) from None


def _pair(given: Any) -> Any:
    """Of what may be a height and a width the two; `Forms` looks at the rest."""
    return tuple(given) if isinstance(given, list | tuple) else given if given is None else (given,)


def _names(given: Any) -> tuple[Any, ...]:
    """The labels in their order; `Forms` looks at each.

    Raises:
        UsageError: It is no list, or one without an order.
    """
    if isinstance(given, str | bytes | Mapping | Set) or not isinstance(given, Iterable):
        raise UsageError(
            f"`classes` is a list of names in the order of their numbers, not {given!r}",
            code="classes",
        )
    return tuple(given)


def _tokenizer(given: Tokens) -> Tokenizer | None:
    from tilth.tasks.text.tokenize import Tokenizer, load_tokenizer, ready, tokenizer_file

    if isinstance(given, str | Path):
        return load_tokenizer(tokenizer_file(given))
    return ready(given) if isinstance(given, Tokenizer) else None


def _tokenize(given: Tokens) -> Callable[[str], Sequence[int]]:
    from tilth.loaders.windows import Encode

    own = _tokenizer(given)
    if own is not None:
        return Encode(own)
    if not callable(given):
        raise UsageError(
            "`tokenizer` is a `tokenizer.json`, a `tokenizers.Tokenizer`, or a function from a "
            f"text to numbers, not {type(given).__name__}"
        )
    found: Callable[[str], Sequence[int]] = given
    return found
