"""What an export is of: which samples of which step, in which parts, and how they are written."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tilth.errors import MissingError, UsageError
from tilth.export.formats import OF
from tilth.export.names import FORMATS
from tilth.export.samples import Samples
from tilth.hints import require_choice, whole_number
from tilth.query.predict import MODEL, model_step
from tilth.query.runs import RunStep, RunView
from tilth.query.samples import sorting_step
from tilth.randomness import MAX_SEED
from tilth.splits import SPLITS
from tilth.store import Dataset
from tilth.store.manifest import KINDS, Kind

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_TOKENIZER = "tokenizer.json"


@dataclass(frozen=True)
class Options:
    """How samples are written."""

    format: str
    resample: int | None
    tokenizer: str | Path | None


@dataclass(frozen=True)
class Piece:
    """Samples that go to one place: files of a name, in a folder of the export."""

    name: str
    samples: Samples
    split: str | None
    below: str = ""


@dataclass(frozen=True)
class Selection:
    """The samples of an export, before a place for them is known.

    Attributes:
        run, step: Whose.
        options: How they are written.
        kind: Of the samples.
        pieces: The parts, in order.
        by_split: Whether it is the final data set, a split a part.
        empty: Then the splits without a sample.
    """

    run: RunView
    step: RunStep
    options: Options
    kind: Kind
    pieces: tuple[Piece, ...]
    by_split: bool = False
    empty: tuple[str, ...] = ()


def final_split(run: RunView, split: str) -> Dataset:
    """The train, validation or test split of the data set at the end of the line.

    Raises:
        MissingError: It has no sample, the run has not come so far, or the output was removed.
    """
    end = run.final_step()
    dataset = end.dataset(split)
    if not dataset.num_rows:
        raise MissingError(
            f"no sample at the end of the line is in the split `{split}`",
            where=f"{run.name}, {end.name}",
            hint="`deduplicate: [{hold_out: {test: 0.1}}]` holds some out",
            code="no-split",
        )
    return dataset


def select_split(
    run: RunView,
    split: str,
    *,
    format: str = "parquet",
    resample: int | None = None,
    tokenizer: str | Path | None = None,
) -> Selection:
    """A split of the data set at the end of the line; see `tilth.query.export.export_split`.

    Raises:
        UsageError: There is no such split or format, or an option would do nothing.
        MissingError: The split has no sample, or the run has not come so far.
    """
    options = _options(format, resample, tokenizer)
    require_choice("split", split, SPLITS)
    samples = _samples(final_split(run, split), "kept", options)
    return Selection(run, run.end_of_line(), options, "kept", (Piece(split, samples, split),))


def select_splits(
    run: RunView,
    *,
    format: str = "parquet",
    resample: int | None = None,
    tokenizer: str | Path | None = None,
) -> Selection:
    """The data set at the end of the line; see `tilth.query.export.export_splits`.

    Raises:
        As `select_split`.
    """
    options = _options(format, resample, tokenizer)
    end = run.final_step()
    found = {split: end.dataset(split) for split in SPLITS}
    full = [split for split in SPLITS if found[split].num_rows]
    below = "" if OF[options.format].is_flat else "{}/"
    pieces = tuple(
        Piece(
            split,
            _samples(found[split], "kept", options, may_lack=split != "train"),
            split,
            below.format(split),
        )
        for split in full
    )
    if options.resample is not None and "train" not in full:
        raise _no_weights("the training split has no sample")
    empty = tuple(split for split in SPLITS if split not in full)
    return Selection(run, end, options, "kept", pieces, by_split=True, empty=empty)


def select_step(
    run: RunView,
    step: str,
    *,
    format: str = "parquet",
    kind: Kind = "kept",
    split: str | None = None,
    resample: int | None = None,
    tokenizer: str | Path | None = None,
) -> Selection:
    """A step's samples; see `tilth.query.export.export_step`.

    Raises:
        UsageError: There is no such step, format, kind or split, or an option would do nothing.
        MissingError: No sample is in the split.
    """
    options = _options(format, resample, tokenizer)
    require_choice("kind", kind, KINDS)
    if split is not None:
        require_choice("split", split, SPLITS)
    where = sorting_step(run, step, SPLITS)
    dataset = where.dataset(split)
    if split is not None and not any(batch.num_rows for batch in dataset.batches(["id"], kind)):
        raise MissingError(
            f"no {kind} sample of `{where.name}` is in the split `{split}`",
            where=run.name,
            hint="`hold_out`, or the source, says which sample is in which split",
            code="no-split",
        )
    samples = _samples(dataset, kind, options)
    return Selection(run, where, options, kind, (Piece(where.name, samples, split),))


def tokenizer_of(selection: Selection) -> tuple[Path | None, Tokenizer | None]:
    """The tokenizer of a format of tokens, and where it is; None of any other format.

    Raises:
        UsageError: The samples have no text, or one is given to a format that needs none.
        MissingError: There is none, or its library is not installed.
        DataError: It is damaged, or has no token that ends a document.
    """
    if OF[selection.options.format].needs_tokenizer:
        from tilth.export.tokens import require_text

        for piece in selection.pieces:
            require_text(piece.samples)
    path = _tokenizer(selection.run, selection.options)
    return path, _loaded(path)


def _options(format: str, resample: int | None, tokenizer: str | Path | None) -> Options:
    """The options.

    Raises:
        UsageError: There is no such format, or the seed is none.
    """
    require_choice("format", format, FORMATS)
    if resample is not None:
        resample = whole_number("resample", resample, 0, MAX_SEED)
    return Options(format, resample, tokenizer)


def _samples(dataset: Dataset, kind: Kind, options: Options, *, may_lack: bool = False) -> Samples:
    """The samples as they go out.

    Raises:
        UsageError: They are to be drawn by weights that they have not.
    """
    samples = Samples(dataset, kind, options.resample)
    if options.resample is not None and not may_lack:
        if dataset.split not in (None, "train"):
            raise _no_weights(f"samples of the split {dataset.split} are held out of the mixture")
        if samples.weights is None:
            raise _no_weights(
                "no sample has a weight other than 1"
                if kind == "kept"
                else f"{kind} samples have no weights"
            )
    return samples


def _no_weights(why: str) -> UsageError:
    return UsageError(
        f"`--resample` would do nothing: {why}",
        hint="`mix: [{weights: {...}}]` gives weights; the final data set has them",
        code="no-weights",
    )


def _tokenizer(run: RunView, options: Options) -> Path | None:
    """Where the tokenizer of a format of tokens is; None of any other.

    Raises:
        UsageError: One is given to a format that needs none.
        MissingError: There is none.
    """
    given = options.tokenizer
    if not OF[options.format].needs_tokenizer:
        if given is not None:
            raise UsageError(
                f"`--tokenizer` would do nothing: `{options.format}` holds no tokens",
                hint="--format nanogpt or megatron",
            )
        return None
    if given is not None:
        from tilth.tasks.text.tokenize import tokenizer_file

        return tokenizer_file(given)
    own: Path | None = None
    with suppress(MissingError):
        own = model_step(run).folder / MODEL / _TOKENIZER
    if own is None or not own.is_file():
        raise MissingError(
            f"`{options.format}` holds tokens, and `{run.name}` has no model with a tokenizer",
            where=str(run.folder),
            hint="--tokenizer FILE names a `tokenizer.json`, or a folder with one",
            code="no-tokenizer",
        )
    return own


def _loaded(path: Path | None) -> Tokenizer | None:
    if path is None:
        return None
    from tilth.export.tokens import tokenizer_at

    return tokenizer_at(path)
