"""From a data set on disk to arrays on disk: tokens of text, pixels of images.

The arrays are memory-mapped, so memory does not grow with the data. They are written aside and
appear whole; a run that was killed in between prepares again, one that was not finds them.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tilth.context import Progress, silent
from tilth.errors import DataError
from tilth.pretrain.arrays import ArrayWriter, read_arrays
from tilth.pretrain.decode import ImageDecoder
from tilth.pretrain.examples import Documents, Examples, id_numbers
from tilth.pretrain.models import Sizes
from tilth.pretrain.order import uniform
from tilth.pretrain.selection import SPLITS, WEIGHT, Counts, Selection
from tilth.pretrain.settings import DataSettings, GPTSettings, ModelSettings
from tilth.pretrain.tokenize import Tokenizer, encode, load_tokenizer, train_tokenizer
from tilth.schema import column
from tilth.store import Dataset
from tilth.store.files import read_json, sync_folder, write_bytes, write_json

_TOKENIZER_BYTES = 64 << 20  # merges learnt from more text than this differ in rare words only
_MAX_UNREADABLE = 0.01


@dataclass(frozen=True)
class Prepared:
    """A data set as numbers.

    Attributes:
        splits: train, validation, test; a split without samples is absent.
        tokenizer: Of text.
        classes: Of labelled images, in the order of their numbers.
        sizes: What a model needs to know.
        mean, std: Of the training pixels a channel, on a scale of 0 to 1.
        unreadable: Ids of images that could not be decoded and were left out.
        folder: Where the arrays lie.
    """

    splits: dict[str, Documents | Examples]
    tokenizer: Tokenizer | None
    classes: tuple[str, ...]
    sizes: Sizes
    mean: tuple[float, ...]
    std: tuple[float, ...]
    unreadable: tuple[str, ...]
    folder: Path

    def examples(self, split: str, model: ModelSettings) -> Examples | None:
        """A split as rows for this model: text is packed to its context. None: no samples."""
        data = self.splits.get(split)
        if isinstance(data, Documents):
            if not isinstance(model, GPTSettings):
                raise DataError(f"a {model.kind} cannot be trained on text")
            return data.pack(model.context, self.folder)
        return data


def prepare(
    dataset: Path,
    task: str,
    data: DataSettings,
    work: Path,
    *,
    tokenizer: Tokenizer | None = None,
    classes: Sequence[str] | None = None,
    limit: int | None = None,
    progress: Progress = silent,
) -> Prepared:
    """Read a data set's splits as arrays.

    Args:
        dataset: Folder of the data set.
        task: text-generation or image-classification.
        data: Which samples, and how they become numbers.
        work: Where the arrays are kept, under a name that depends on all of this.
        tokenizer: Use this one, of a pretrained model, say; None: train one on the training split.
        classes: Use these numbers for labels; None: the labels of the training split, sorted.
        limit: Samples to use at most.
        progress: Told of samples read.

    Raises:
        DataError: No sample is left for training; a label is missing or not among the classes;
            images differ in size, or more than 1 % cannot be decoded.
    """
    selection = Selection(Dataset(dataset), task, data, limit)
    given = None if tokenizer is None else tokenizer.to_str()
    identity = [selection.dataset.digest, task, data.model_dump(mode="json"), given, classes, limit]
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    folder = work / f"prepared-{digest[:16]}"
    if not folder.exists():
        counts = selection.scan()
        if not counts.rows["train"]:
            raise _nothing_left(data, counts.seen)
        aside = work / f".{folder.name}.aside"
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        if task == "text-generation":
            _write_text(selection, counts, aside, tokenizer, progress)
        else:
            _write_images(selection, counts, aside, classes, progress)
        aside.rename(folder)
        sync_folder(work)
    return _load(folder)


def _write_text(
    selection: Selection,
    counts: Counts,
    folder: Path,
    tokenizer: Tokenizer | None,
    progress: Progress,
) -> None:
    if tokenizer is None:
        share = min(_TOKENIZER_BYTES / max(counts.text_bytes, 1), 1.0)
        progress(0, counts.seen, "training the tokenizer")
        tokenizer = train_tokenizer(_training_texts(selection, share), selection.data.vocabulary)

    def convert(split: str, batch: pa.RecordBatch) -> dict[str, npt.NDArray[Any]]:  # noqa: ARG001
        texts = pc.fill_null(column(batch, "text"), "")
        tokens = encode(tokenizer, texts.to_pylist())
        return {
            "tokens": np.concatenate(tokens),
            "lengths": np.array([len(one) for one in tokens], np.int64),
            "bytes": pc.binary_length(texts).to_numpy().astype(np.int64),
            "ids": id_numbers(column(batch, "id").to_pylist()),
            "weights": _weights(batch),
        }

    _write_splits(selection, counts, folder, ["text"], convert, progress)
    write_bytes(folder / "tokenizer.json", tokenizer.to_str().encode())
    sizes = Sizes(vocabulary=tokenizer.get_vocab_size())
    write_json(
        folder / "prepared.json", {"task": selection.task, "sizes": sizes.model_dump(mode="json")}
    )


def _training_texts(selection: Selection, share: float) -> Iterator[str]:
    """The training texts, or a share of them chosen by a hash of their id."""
    for split, batch in selection.read(["text"]):
        if split != "train":
            continue
        chosen = uniform(id_numbers(column(batch, "id").to_pylist()), 5) < share
        texts = column(batch, "text").filter(pa.array(chosen))
        yield from (text for text in texts.to_pylist() if text)


def _write_images(
    selection: Selection,
    counts: Counts,
    folder: Path,
    given: Sequence[str] | None,
    progress: Progress,
) -> None:
    classes = _classes(counts, given)
    numbers = {name: number for number, name in enumerate(classes)}
    decoder = ImageDecoder(selection.data.image_size, selection.data.channels)
    moments: list[npt.NDArray[np.float64]] = []  # [pixels, sum, sum of squares] x channels

    def convert(split: str, batch: pa.RecordBatch) -> dict[str, npt.NDArray[Any]]:
        ids = column(batch, "id").to_pylist()
        images, sound = decoder.decode(column(batch, "image").to_pylist(), ids)
        if split == "train" and len(images):
            levels = np.arange(256) / 255
            counted = [np.bincount(plane.ravel(), minlength=256) for plane in images.swapaxes(0, 1)]
            moments.append(np.array([[c.sum(), c @ levels, c @ levels**2] for c in counted]).T)
        labels = np.array([numbers[n] for n in column(batch, "label").to_pylist()], np.int64)
        return {
            "images": images,
            "labels": labels[sound],
            "ids": id_numbers(ids)[sound],
            "weights": _weights(batch)[sound],
        }

    _write_splits(selection, counts, folder, ["image"], convert, progress)
    if len(decoder.unreadable) > _MAX_UNREADABLE * counts.seen or not moments:
        raise DataError(
            f"{len(decoder.unreadable)} of {counts.seen} images cannot be decoded",
            where="samples " + ", ".join(decoder.unreadable[:5]),
            hint="look at them with `tilth trace RUN ID`; are they images at all?",
        )
    pixels, total, squares = np.sum(moments, axis=0)
    mean = total / pixels
    std = np.sqrt(np.maximum(squares / pixels - mean**2, 1e-6))
    sizes = Sizes(image=decoder.shape, classes=len(classes))
    facts = {
        "task": selection.task,
        "sizes": sizes.model_dump(mode="json"),
        "classes": list(classes),
        "mean": mean.tolist(),
        "std": std.tolist(),
        "unreadable": decoder.unreadable,
    }
    write_json(folder / "prepared.json", facts)


def _classes(counts: Counts, given: Sequence[str] | None) -> tuple[str, ...]:
    """The classes in the order of their numbers; each label must be one of them.

    Raises:
        DataError: A sample has no label, or one that is not among the classes.
    """
    if counts.unlabelled:
        raise DataError(
            "image-classification needs a label for every sample, and some have none",
            where="samples " + ", ".join(counts.unlabelled[:5]),
            hint="label them, drop them with a rule, or restrict data.sources",
            code="label-missing",
        )
    found = counts.labels["train"]
    classes = tuple(given) if given is not None else tuple(sorted(found, key=_label_order))
    for split in SPLITS:
        unknown = sorted(counts.labels[split] - set(classes))
        if unknown:
            raise DataError(
                f"label `{unknown[0]}` of the {split} split is not among the {len(classes)} "
                f"classes ({', '.join(classes[:12])})",
                hint="the classes are the labels of the training split; data.labels restricts "
                "all splits alike",
                code="label-out-of-range",
            )
    return classes


def _label_order(label: str) -> tuple[int, int, str]:
    """Numbers by value, before words by letter."""
    return (0, int(label), "") if label.isdecimal() else (1, 0, label)


def _write_splits(
    selection: Selection,
    counts: Counts,
    folder: Path,
    columns: Sequence[str],
    convert: Callable[[str, pa.RecordBatch], dict[str, npt.NDArray[Any]]],
    progress: Progress,
) -> None:
    """Write every split's arrays: what `convert` gives, and ids and weights."""
    writers = {split: ArrayWriter(folder / split) for split in SPLITS if counts.rows[split]}
    done = 0
    for split, batch in selection.read(columns):
        for name, rows in convert(split, batch).items():
            writers[split].append(name, rows)
        done += batch.num_rows
        progress(done, counts.seen, "samples as numbers")
    for writer in writers.values():
        writer.close()


def _weights(batch: pa.RecordBatch) -> npt.NDArray[np.float32]:
    """Times that each sample is to be seen an epoch; 1 where no mixture said otherwise."""
    given = column(batch, WEIGHT)
    if given.null_count == batch.num_rows:
        return np.ones(batch.num_rows, np.float32)
    weights: npt.NDArray[np.float32] = pc.fill_null(given.cast(pa.float32()), 1.0).to_numpy()
    return weights


def _load(folder: Path) -> Prepared:
    facts = read_json(folder / "prepared.json")
    splits: dict[str, Documents | Examples] = {}
    for split in SPLITS:
        if not (folder / split).is_dir():
            continue
        arrays = read_arrays(folder / split)
        ids, weights = np.asarray(arrays["ids"]), np.asarray(arrays["weights"])
        if facts["task"] == "text-generation":
            starts = np.concatenate([[0], np.cumsum(arrays["lengths"])]).astype(np.int64)
            splits[split] = Documents(arrays["tokens"], starts, arrays["bytes"], ids, weights)
        else:
            splits[split] = Examples(arrays["images"], arrays["labels"], ids, weights)
    text = folder / "tokenizer.json"
    return Prepared(
        splits,
        load_tokenizer(text) if text.is_file() else None,
        tuple(facts.get("classes", ())),
        Sizes.model_validate(facts["sizes"]),
        tuple(facts.get("mean", ())),
        tuple(facts.get("std", ())),
        tuple(facts.get("unreadable", ())),
        folder,
    )


def _nothing_left(data: DataSettings, seen: int) -> DataError:
    wanted = [f"split {data.train}"]
    wanted += [f"source {' or '.join(data.sources)}"] if data.sources else []
    wanted += [f"label {' or '.join(data.labels)}"] if data.labels else []
    return DataError(
        "there is nothing to train on: no sample is left "
        f"({', '.join(wanted)}; {seen} samples in all splits)",
        hint="`tilth show RUN STEP --dropped` says which rules took the samples",
        code="no-samples",
    )
