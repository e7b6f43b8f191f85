"""Samples as a loop wants them: decoded, labels as numbers, and nothing that is not there."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import JsonValue

from tilth.errors import DataError, UsageError
from tilth.hints import did_you_mean
from tilth.loaders.copies import Copies
from tilth.loaders.index import UNLABELLED, Index, index_of
from tilth.meta.arrow import words
from tilth.records import Json
from tilth.schema import PAYLOADS, Row
from tilth.splits import SPLITS
from tilth.store.dataset import Dataset
from tilth.tasks.images.shapes import pixels_of, seen
from tilth.tasks.speech.resample import at_rate, heard_of
from tilth.training.order import Ids, Order

# Without columns named: what a sample is, and what is to be learnt of it.
_OWN: Final = ("id", *(name for name in PAYLOADS if name != "html"), "label")
# Of which the samples of a batch differ in length.
RAGGED: Final = ("audio", "tokens")
_MAX_SHOWN: Final = 12

Sample = Row
Tokenize = Callable[[str], Sequence[int]]


@dataclass(frozen=True)
class Forms:
    """How samples are read, where they themselves do not say it.

    Attributes:
        image_size: Height and width to which pictures are resized; None: all must be of one size.
        channels: Of pictures, 1 or 3; None: those of the data set's first.
        sample_rate: Samples a second to which sound is resampled; None: all must be of one rate.
        tokenize: Text to numbers, in the place of `text`; None: text stays text.
        max_length: Tokens that are kept of a text; None: all.
        classes: The labels in the order of their numbers; None: those of all splits.

    Raises:
        UsageError: One is none of what it can be, or counts what there is not.
    """

    image_size: tuple[int, int] | None = None
    channels: int | None = None
    sample_rate: int | None = None
    tokenize: Tokenize | None = None
    max_length: int | None = None
    classes: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        size = self.image_size
        if size is not None and not (len(size) == 2 and all(_is_count(side) for side in size)):
            raise UsageError(
                f"`image_size` is a height and a width in pixels, such as (224, 224), not {size}"
            )
        if isinstance(self.channels, bool) or self.channels not in (None, 1, 3):
            raise UsageError(f"`channels` is 1, of grey, or 3, of colour, not {self.channels}")
        for name in ("sample_rate", "max_length"):
            value = getattr(self, name)
            if value is not None and not _is_count(value):
                raise UsageError(f"`{name}` is a whole number from 1 on, not {value}")
        if self.classes is not None:
            _require_names(self.classes)
        if self.max_length is not None and self.tokenize is None:
            raise UsageError("`max_length` would do nothing without `tokenizer`: it counts tokens")

    def require_used(self, kinds: Container[str]) -> None:
        """Refuse what does nothing to samples of these kinds.

        Raises:
            UsageError: Something is set of what they have not.
        """
        for name, value, kind, what in (
            ("image_size", self.image_size, "image", "picture"),
            ("channels", self.channels, "image", "picture"),
            ("sample_rate", self.sample_rate, "sound", "sound"),
            ("tokenizer", self.tokenize, "tokens", "text"),
            ("classes", self.classes, "label", "label"),
        ):
            if value is not None and kind not in kinds:
                raise UsageError(
                    f"`{name}` would do nothing: no {what} is among the columns that are read",
                    hint="leave it out, or name the column among `columns`",
                )


def _require_names(classes: Sequence[Any]) -> None:
    """Refuse what are no names of labels.

    Raises:
        UsageError: There is none, or one is no text.
    """
    odd = [name for name in classes if not isinstance(name, str)]
    if odd or not classes:
        told = f"`{odd[0]!r}` is none" if odd else "there is none"
        raise UsageError(
            f"`classes` is a list of the labels' names, as texts: {told}", code="classes"
        )


def _is_count(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and int(value) > 0


class Samples:
    """The samples of a data set or of a split, any of them at once.

    Args:
        dataset: With its split.
        wanted: The columns; None: `id`, the payloads and the label, those that there are.
        forms: How they are read.
        folder: Where index and copies lie.
        resample: Draw the samples by their weights, with this seed, as in a first epoch of
            training; None: each once.

    Attributes:
        classes: The labels in the order of their numbers, of all splits.
        ids: uint64 [n].
        labels: int64 [n]; `UNLABELLED` without one.
        weights: float32 [n], times that each is to be seen an epoch; 1 where it was drawn so.
        kinds: What each value of a sample is: image, sound, tokens, text, number,
            whole, bool, label.
        image_shape: Channels, height, width; None without pictures.
        sample_rate: Of sound; None without.
    """

    def __init__(
        self,
        dataset: Dataset,
        wanted: pa.Schema | None,
        forms: Forms,
        folder: Path,
        resample: int | None = None,
    ) -> None:
        if wanted is not None:
            _require_flat(wanted)
        self._forms = forms
        index = index_of(dataset, folder)
        self._starts = np.asarray(index.starts)
        schema = _own(index) if wanted is None else wanted
        self._copies = Copies(dataset.shards(), schema, folder)
        self._rows = _rows_of(index, dataset.split)
        self.weights = np.ones(len(self._rows), np.float32)
        if dataset.split in (None, SPLITS[0]):
            # A mixture says how often a sample is trained on, and nothing of what is measured.
            self.weights = np.asarray(index.weights[self._rows])
        if resample is not None:
            if bool((self.weights == 1).all()):
                of = f"of the split {dataset.split} " if dataset.split else ""
                raise UsageError(
                    f"`resample` would do nothing: no sample {of}has a weight other than 1",
                    where=str(dataset.path),
                    hint="`mix: [{weights: {...}}]` gives weights to what is trained on",
                    code="no-weights",
                )
            drawn = np.sort(Order(index.ids[self._rows], self.weights, resample).epoch(0))
            self._rows = self._rows[drawn]
            self.weights = np.ones(len(self._rows), np.float32)
        self.ids: Ids = np.asarray(index.ids[self._rows])
        self.classes, self.labels = _labels(index, self._rows, forms.classes)
        self.kinds: dict[str, str] = {}
        self._readers: list[tuple[str, str, Callable[[Any, int], Any]]] = []
        self.image_shape: tuple[int, int, int] | None = None
        self.sample_rate: int | None = None
        for field in schema:
            self._add(field, index.full)
        forms.require_used(self.kinds.values())

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def num_bytes(self) -> int:
        """Of the copies that are there by now; see `tilth.loaders.copies`."""
        return self._copies.num_bytes

    def made(self) -> Json:
        """What decides what a sample is, by the names of the settings, as JSON can say it.

        A size or a rate that was not given is that of the data set's first sample. A tokenizer goes
        by what it makes of texts, and a function by its name.
        """
        size: list[JsonValue] = list(self.image_shape or ())
        columns: list[JsonValue] = [column for _, column, _ in self._readers]
        is_labelled = "label" in self.kinds
        classes = hashlib.sha256(json.dumps(self.classes).encode()).hexdigest()[:16]
        tokenize = self._forms.tokenize
        known = getattr(tokenize, "digest", None) or getattr(tokenize, "__qualname__", "")
        return {
            "columns": [*columns, *(["label"] if is_labelled else [])],
            "image_size": size[1:] or None,
            "channels": size[0] if size else None,
            "sample_rate": self.sample_rate,
            "tokenizer": known if tokenize is not None else None,
            "max_length": self._forms.max_length,
            "classes": classes if is_labelled else None,
        }

    def lay_down(self) -> None:
        """Make the copies of all shards now, and not as they are wanted.

        Raises:
            StorageError: The disk is full or the folder cannot be written.
        """
        columns = [column for _, column, _ in self._readers]
        self._copies.lay_down(columns, range(len(self._starts) - 1))

    def sample(self, place: int) -> Sample:
        """One sample: images uint8 [channels, height, width], sound float32 [samples], tokens
        int64 [tokens], text, numbers.

        Raises:
            As of `samples`.
        """
        return self.samples([place])[0]

    def samples(self, places: Sequence[int] | npt.NDArray[np.int64]) -> list[Sample]:
        """Some samples, each as `sample` gives it.

        Raises:
            IndexError: There are not so many.
            StorageError: The copy of a shard cannot be written.
            DataError: A picture or a sound is missing, cannot be decoded, or is of another size or
                rate than the data set's first.
        """
        asked = np.asarray(places, np.int64)
        for place in asked[(asked < -len(self)) | (asked >= len(self))]:
            raise IndexError(f"sample {place} of {len(self)}")
        rows = self._rows[asked]
        shards = np.searchsorted(self._starts, rows, side="right") - 1
        self._copies.lay_down([column for _, column, _ in self._readers], shards.tolist())
        at = zip(
            asked.tolist(), shards.tolist(), (rows - self._starts[shards]).tolist(), strict=True
        )
        return [self._sample(place, shard, row) for place, shard, row in at]

    def _sample(self, place: int, shard: int, row: int) -> Sample:
        found: Sample = {}
        for name, column, read in self._readers:
            found[name] = read(self._copies.value(column, shard, row), place)
        if "label" in self.kinds:
            found["label"] = int(self.labels[place])
        return found

    def _named(self, place: int) -> str:
        """The first 16 hex digits of a sample's id, for messages."""
        return f"{int(self.ids[place]):016x}"

    def _add(self, field: pa.Field, full: Container[str]) -> None:
        """Say how a column is read."""
        name, kind = field.name, field.type
        if name == "label":
            self.kinds[name] = "label"
            return
        if name == "image":
            self.kinds[name] = "image"
            reader: Callable[[Any, int], Any] = self._image
            self._look_at_first_image(name)
        elif name == "audio":
            self.kinds[name] = "sound"
            reader = self._sound
            self._listen_to_first(name)
        elif name == "text" and self._forms.tokenize is not None:
            self.kinds["tokens"] = "tokens"
            self._readers.append(("tokens", name, self._tokens))
            return
        elif pa.types.is_floating(kind):
            self.kinds[name] = "number"
            reader = _float
        elif pa.types.is_integer(kind) or pa.types.is_boolean(kind):
            # One type over all batches: a whole number has no way to say that it is not there.
            is_full = name in full
            self.kinds[name] = "number" if not is_full else _kind_of_number(kind)
            reader = _as_it_is if is_full else _float
        else:
            self.kinds[name] = "text"
            reader = _text
        self._readers.append((name, name, reader))

    def _first(self, name: str) -> tuple[bytes | None, str]:
        """The first value of a column, whatever its split, and the name of its sample."""
        for shard, start in enumerate(self._starts[:-1]):
            for row in range(int(self._starts[shard + 1] - start)):
                data = self._copies.value(name, shard, row)
                if data is not None:
                    return data, f"{start + row}"
        return None, ""

    def _look_at_first_image(self, name: str) -> None:
        data, _ = self._first(name)
        if data is None:
            return
        try:
            image = seen(data, "0")
        except DataError:
            # Whoever asks for this very sample is told so.
            image = None
        channels = self._forms.channels or (1 if image is not None and image.mode == "L" else 3)
        size = self._forms.image_size or (image.size[::-1] if image is not None else (0, 0))
        self.image_shape = (channels, size[0], size[1])

    def _image(self, data: bytes | None, place: int) -> npt.NDArray[np.uint8]:
        image = seen(data, self._named(place))
        channels, height, width = self.image_shape or (3, 0, 0)
        if channels == 1 and image.mode != "L" and self._forms.channels is None:
            raise DataError(
                "an image in colour among images in grey, by the first of the data set",
                where=f"sample {self._named(place)}",
                hint="channels=3, or channels=1 to lose the colour",
                code="channels-differ",
            )
        if self._forms.image_size is None and image.size != (width, height):
            raise DataError(
                f"an image of {image.size[1]} x {image.size[0]} pixels among images of "
                f"{height} x {width}",
                where=f"sample {self._named(place)}",
                hint=f"image_size=({height}, {width}) resizes them all",
                code="sizes-differ",
            )
        return np.array(pixels_of(image, (height, width), channels), order="C")

    def _listen_to_first(self, name: str) -> None:
        data, called = self._first(name)
        self.sample_rate = self._forms.sample_rate
        if self.sample_rate is None and data is not None:
            self.sample_rate = heard_of(data, called)[1]

    def _sound(self, data: bytes | None, place: int) -> npt.NDArray[np.float32]:
        name = self._named(place)
        heard, rate = heard_of(data, name)
        wanted = self.sample_rate or rate
        if rate != wanted and self._forms.sample_rate is None:
            raise DataError(
                f"a sound of {rate:,} Hz among sounds of {wanted:,} Hz",
                where=f"sample {name}",
                hint=f"sample_rate={wanted} resamples them all",
                code="rates-differ",
            )
        return at_rate(heard, rate, wanted)

    def _tokens(self, text: str | None, place: int) -> npt.NDArray[np.int64]:
        del place
        assert self._forms.tokenize is not None
        found = np.array(self._forms.tokenize(text or ""), np.int64)
        return found if self._forms.max_length is None else found[: self._forms.max_length]


def _own(index: Index) -> pa.Schema:
    """The columns that are given where none is named: those with a value in any sample."""
    schema = index.schema
    there = [name for name in _OWN if name in schema.names and name not in index.empty]
    return pa.schema([schema.field(name) for name in there])


def _require_flat(schema: pa.Schema) -> None:
    """Refuse what no batch can carry.

    Raises:
        UsageError: A column holds nested values.
    """
    for field in schema:
        if pa.types.is_nested(field.type):
            raise UsageError(
                f"`{field.name}` holds nested values, which no batch can carry",
                hint="`batches` and `to_arrow` give them",
                code="nested",
            )


def _rows_of(index: Index, split: str | None) -> npt.NDArray[np.int64]:
    if split is None:
        return np.arange(len(index.ids), dtype=np.int64)
    return np.flatnonzero(index.splits == SPLITS.index(split))


def _labels(
    index: Index, rows: npt.NDArray[np.int64], classes: Sequence[str] | None
) -> tuple[tuple[str, ...], npt.NDArray[np.int64]]:
    """The labels' names, and the number of each sample's.

    Raises:
        UsageError: `classes` lacks a label, or names one twice.
    """
    labels = index.labels[rows].astype(np.int64)
    if classes is None:
        return index.classes, labels
    numbers = {name: number for number, name in enumerate(classes)}
    if len(numbers) < len(classes):
        raise UsageError("`classes` names a label twice", code="classes")
    there = np.unique(labels[labels >= 0]).tolist()
    lacking = [index.classes[place] for place in there if index.classes[place] not in numbers]
    if lacking:
        more = f" and {len(lacking) - _MAX_SHOWN} more" if len(lacking) > _MAX_SHOWN else ""
        raise UsageError(
            f"labels that `classes` lacks: {', '.join(lacking[:_MAX_SHOWN])}{more}",
            hint=did_you_mean(lacking[0], list(numbers)),
            code="label-out-of-range",
        )
    places = np.array([*(numbers.get(name, UNLABELLED) for name in index.classes), UNLABELLED])
    return tuple(classes), places[np.where(labels < 0, len(index.classes), labels)]


def tell_of(samples: Samples, *, weights: bool) -> None:
    """Warn of what a loop would not notice: weights that it does not draw by, labels not there.

    Args:
        samples: That are handed out.
        weights: Whether nobody draws by the weights.
    """
    if weights:
        tell_of_weights(samples.weights, "`resample=SEED` draws by them, so does `to_torch_loader`")
    if "label" in samples.kinds and bool((lacking := samples.labels == UNLABELLED).any()):
        warnings.warn(
            f"{int(lacking.sum()):,} of {len(samples):,} samples without a label: theirs is "
            f"{UNLABELLED}, which PyTorch's `cross_entropy` leaves out",
            stacklevel=3,
        )


def tell_of_weights(weights: npt.NDArray[np.float32], how: str, stacklevel: int = 4) -> None:
    """Warn of weights that nobody draws by, where there are some.

    Args:
        weights: Of what is handed out.
        how: What does draw by them.
        stacklevel: Of the user's own call, as of `warnings.warn`.
    """
    if bool((weights != 1).any()):
        warnings.warn(
            "the mixture gives these samples weights, and a plain loop sees each once an epoch: "
            f"{how}, and `.weights` has them for a sampler of your own",
            stacklevel=stacklevel,
        )


def _kind_of_number(kind: pa.DataType) -> str:
    return "bool" if pa.types.is_boolean(kind) else "whole"


def _float(value: Any, place: int) -> float:
    del place
    return float("nan") if value is None else float(value)


def _as_it_is(value: Any, place: int) -> Any:
    del place
    return value


def _text(value: Any, place: int) -> Any:
    del place
    if value is None:
        return ""
    return value if isinstance(value, str | bytes) else words(value)
