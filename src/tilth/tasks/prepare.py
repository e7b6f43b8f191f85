"""From a data set on disk to arrays on disk: tokens of text, pixels of images, samples of speech.

The arrays are memory-mapped, so memory does not grow with the data. They are written aside and
appear whole; a run that was killed in between prepares again, one that was not finds them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import ModuleType

import numpy as np

from tilth.context import Progress, silent
from tilth.errors import DataError
from tilth.extensions import load_module
from tilth.models.facts import Facts
from tilth.models.settings import ModelSettings
from tilth.splits import SPLITS
from tilth.store import Dataset
from tilth.store.arrays import read_arrays
from tilth.store.files import atomic_folder, read_json, write_json
from tilth.store.seal import is_whole, seal
from tilth.tasks.registry import declaration
from tilth.tasks.selection import Selection
from tilth.tasks.settings import DataSettings, TaskName, form_of
from tilth.tasks.splits import NOTES, Given, Reading
from tilth.tasks.text.tokenize import Tokenizer, end_token, load_tokenizer
from tilth.training.examples import Documents, Examples


@dataclass(frozen=True)
class Prepared:
    """A data set as numbers.

    Attributes:
        splits: train, validation, test; a split without samples is absent.
        facts: What the data says of itself: sizes, names of the classes, normalisation.
        tokenizer: Of text.
        notes: What the user should be told.
        folder: Where the arrays lie.
    """

    splits: dict[str, Documents | Examples]
    facts: Facts
    tokenizer: Tokenizer | None
    notes: tuple[str, ...]
    folder: Path

    def examples(self, split: str, model: ModelSettings) -> Examples | None:
        """A split as rows for this model: documents are packed. None: no samples."""
        data = self.splits.get(split)
        if isinstance(data, Documents):
            if not model.window:
                raise DataError(f"a {model.kind} cannot be trained on text")
            return data.pack(model.window, self.folder)
        return data


def prepare(
    dataset: Path,
    task: TaskName,
    data: DataSettings,
    work: Path,
    *,
    tokenizer: Tokenizer | None = None,
    classes: Sequence[str] | None = None,
    model: Facts | None = None,
    window: int = 0,
    fold: tuple[str, str] | None = None,
    limit: int | None = None,
    progress: Progress = silent,
) -> Prepared:
    """Read a data set's splits as arrays; those that lie in `work` whole are taken from there.

    Args:
        dataset: Folder of the data set.
        task: Decides how samples become numbers.
        data: Which samples, and their sizes.
        work: Where the arrays are kept, under a name that depends on all of this.
        tokenizer: Use this one, of a pretrained model, say; None: train one on the training split.
        classes: Use these numbers for labels; None: the labels of the training split, sorted.
        model: What a model that is started from was trained on; samples are read as its were.
        window: Tokens that the network reads at once; 0: as many as there are.
        fold: (column, value): samples of that value are the test split, all others are trained on.
        limit: Samples to use at most.
        progress: Told of samples read.

    Raises:
        UsageError: `data` says otherwise than the model how samples are read.
        DataError: No sample is left for training; a label is missing, not among the classes, or
            wanted and not there; there is one class only, or no text to learn a vocabulary from;
            images differ in size, or one cannot be decoded.
    """
    form = form_of(data, model, window=window)
    selection = Selection(Dataset(dataset), task, data, form, limit, fold)
    given = Given(tokenizer, None if classes is None else tuple(classes))
    identity = [
        selection.dataset.digest,
        task,
        data.model_dump(mode="json"),
        asdict(form),
        None if tokenizer is None else tokenizer.to_str(),
        classes,
        fold,
        limit,
    ]
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    folder = work / f"prepared-{digest[:16]}"
    kind = load_module(declaration(task).data.module)
    if not is_whole(folder):
        selection.require_labels()
        counts = selection.scan()
        if not counts.rows["train"]:
            raise _nothing_left(data, counts.seen)
        with atomic_folder(folder) as aside:
            facts: Facts = kind.write(selection, counts, aside, given, progress)
            write_json(aside / "facts.json", facts.model_dump(mode="json"))
            seal(aside)
    return _load(folder, kind, data)


def _load(folder: Path, kind: ModuleType, data: DataSettings) -> Prepared:
    text_file, notes = folder / "tokenizer.json", folder / NOTES
    tokenizer = load_tokenizer(text_file) if text_file.is_file() else None
    reading = Reading(-1 if tokenizer is None else end_token(tokenizer), data.shuffle)
    splits: dict[str, Documents | Examples] = {
        split: kind.read(read_arrays(folder / split), reading)
        for split in SPLITS
        if (folder / split).is_dir()
    }
    for split in splits.keys() - {"train"}:
        # A mixture says how often a sample is trained on, and nothing of what is measured.
        rows = splits[split]
        splits[split] = replace(rows, weights=np.ones(len(rows), np.float32))
    return Prepared(
        splits,
        Facts.model_validate(read_json(folder / "facts.json")),
        tokenizer,
        tuple(read_json(notes)) if notes.is_file() else (),
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
