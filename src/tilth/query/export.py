"""Write the samples of a step, or the model of a run, as files that other tools read."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pyarrow as pa

from tilth.engine.share import shareable
from tilth.errors import MissingError, UsageError, missing_extra
from tilth.export.begun import Begun, Place
from tilth.export.card import CARD, About, Part, card_of, weights_sentence
from tilth.export.formats import OF, writer_of
from tilth.export.names import FORMATS, MODEL_FORMATS
from tilth.export.samples import Resampled, Samples, Weights
from tilth.extensions import using
from tilth.hints import require_choice
from tilth.query import export_to_store
from tilth.query.predict import MODEL, model_step
from tilth.query.runs import RunStep, RunView
from tilth.query.samples import sorting_step
from tilth.splits import SPLITS
from tilth.store import Dataset
from tilth.store.files import (
    atomic_folder,
    elsewhere,
    lasting_folder,
    sha256_file,
    storage_errors,
    write_bytes,
)
from tilth.store.manifest import KINDS, Kind
from tilth.web.stores import scheme_of

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# Of what is written of the same samples; a change of any format is another one.
_LAYOUT = 1
_TOKENIZER = "tokenizer.json"


@dataclass(frozen=True)
class Exported:
    """What was written where.

    Attributes:
        run, step, kind, split: Of the samples.
        format: Of the files.
        folder: That they are in.
        files: What is in it beside the card; folders with a slash at their end.
        rows: That were written.
        card: The name of the card in the folder of the whole export; None: a model has its own.
        weights: That the samples have weights.
        resampled: The books of the draw, where they were drawn by them.
        notes: What there is to say, the weights first.
    """

    run: str
    step: str
    kind: Kind | Literal["model"]
    split: str | None
    format: str
    folder: str
    files: tuple[str, ...]
    rows: int
    card: str | None = None
    weights: Weights | None = None
    resampled: Resampled | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ExportedSplits:
    """What was written of the data set at the end of the line, by split.

    Attributes:
        splits: What was written, in a folder of its split's name each, but for formats of tokens,
            whose files lie side by side.
        empty: Splits without a sample, for which there are no files.
        notes: What there is to say of all.
    """

    run: str
    step: str
    format: str
    folder: str
    splits: tuple[Exported, ...]
    empty: tuple[str, ...]
    card: str = CARD
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Options:
    """How samples are written."""

    format: str
    resample: int | None
    tokenizer: str | Path | None


@dataclass(frozen=True)
class _Piece:
    """Samples that go to one place: files of a name, in a folder of the export."""

    name: str
    samples: Samples
    split: str | None
    below: str = ""


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


def export_split(
    run: RunView,
    split: str,
    to: str | Path,
    *,
    format: str = "parquet",
    resample: int | None = None,
    tokenizer: str | Path | None = None,
) -> Exported:
    """Write a split of the data set at the end of the line to a new folder; see `export_step`.

    A folder may be in a store (`s3://`, `gs://`), here and in the functions below: endpoint and
    keys are those of the environment, and `.tilth-export.json` in it says when all is there.

    Raises:
        UsageError: The folder is there and not empty, or there is no such split.
        MissingError: The split has no sample, or the run has not come so far.
        UsageError, MissingError, DataError: As `export_step`.
        StorageError: The disk is full or the folder cannot be written.
    """
    options = _options(format, resample, tokenizer)
    require_choice("split", split, SPLITS)
    samples = _samples(final_split(run, split), "kept", options)
    pieces = [_Piece(split, samples, split)]
    return _written(run, run.end_of_line(), to, options, pieces)[0]


def export_splits(
    run: RunView,
    to: str | Path,
    *,
    format: str = "parquet",
    resample: int | None = None,
    tokenizer: str | Path | None = None,
) -> ExportedSplits:
    """Write the data set at the end of the line to a new folder, one folder in it a split.

    Samples that are held out are never drawn by weights.

    Raises:
        As `export_split`.
    """
    options = _options(format, resample, tokenizer)
    end = run.final_step()
    found = {split: end.dataset(split) for split in SPLITS}
    full = [split for split in SPLITS if found[split].num_rows]
    below = "" if OF[options.format].is_flat else "{}/"
    pieces = [
        _Piece(
            split,
            _samples(found[split], "kept", options, may_lack=split != "train"),
            split,
            below.format(split),
        )
        for split in full
    ]
    if options.resample is not None and "train" not in full:
        raise _no_weights("the training split has no sample")
    done = _written(run, end, to, options, pieces)
    empty = tuple(split for split in SPLITS if split not in full)
    notes = tuple(dict.fromkeys(note for one in done for note in one.notes))
    return ExportedSplits(
        run.name, end.name, options.format, str(to), tuple(done), empty, CARD, notes
    )


def export_step(
    run: RunView,
    step: str,
    to: str | Path,
    *,
    format: str = "parquet",
    kind: Kind = "kept",
    split: str | None = None,
    resample: int | None = None,
    tokenizer: str | Path | None = None,
) -> Exported:
    """Write a step's samples to a new folder, which appears when all is written.

    What a kill, an interrupt or a full disk ended, the same call goes on with. What each format
    carries is in `tilth.export`; the weight of a sample is its column `signal.weight`.

    Args:
        run, step: Whose samples.
        to: A folder, here or in a store.
        format: Of the files, one of `tilth.export.names.FORMATS`.
        kind, split: Which of them.
        resample: The seed by which samples are drawn by their weights; None: each goes out once,
            with its weight.
        tokenizer: A `tokenizer.json`, or a folder with one, for a format of tokens; None: that of
            the run's model.

    Raises:
        UsageError: The folder is there and not empty, there is no such step, format, kind or
            split; an option would do nothing; or the samples lack what the format is made of.
        MissingError: No sample is in the split, or there is no tokenizer.
        DataError: A sample cannot be said in the format.
        StorageError: The disk is full or the folder cannot be written.
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
    pieces = [_Piece(where.name, _samples(dataset, kind, options), split)]
    return _written(run, where, to, options, pieces)[0]


def export_model(run: RunView, to: str | Path, *, format: str = "huggingface") -> Exported:
    """Write a run's model to a new folder, with its card and what it must be given.

    Args:
        run: Whose model.
        to: A folder, here or in a store.
        format: What it is written as, one of `tilth.export.names.MODEL_FORMATS`. A file of ONNX is
            tried with onnxruntime before it counts as written.

    Raises:
        UsageError: The folder is there and not empty, or the format has no such model.
        MissingError: The run has no trained model, or torch, or the extra `onnx`, is not installed.
        DataError: The model is damaged, or is not answered for rightly by what was written.
        StorageError: The disk is full or the folder cannot be written.
    """
    require_choice("format", format, MODEL_FORMATS)
    step = model_step(run)
    try:
        from tilth.export.model import write_model
    except ImportError as error:
        raise missing_extra(error.name or "torch", "train") from None
    files: list[str] = []

    def write(aside: Path) -> None:
        write_model(step.folder / MODEL, format, aside, run.name)
        files.extend(sorted(path.name for path in aside.iterdir()))

    with using(run.extensions):
        _committed(to, write, lasts=False)
    return Exported(run.name, step.name, "model", None, format, str(to), tuple(files), 0)


def _options(format: str, resample: int | None, tokenizer: str | Path | None) -> _Options:
    """The options.

    Raises:
        UsageError: There is no such format.
    """
    require_choice("format", format, FORMATS)
    return _Options(format, resample, tokenizer)


def _samples(dataset: Dataset, kind: Kind, options: _Options, *, may_lack: bool = False) -> Samples:
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


def _written(
    run: RunView,
    step: RunStep,
    to: str | Path,
    options: _Options,
    pieces: Sequence[_Piece],
) -> list[Exported]:
    """Write the pieces, with a card, whole or not at all."""
    if OF[options.format].needs_tokenizer:
        from tilth.export.tokens import require_text

        for piece in pieces:
            require_text(piece.samples)
    path = _tokenizer(run, options)
    tokenizer = _loaded(path)
    identity = _identity(options, pieces, path)
    done: list[Exported] = []
    kind = pieces[0].samples.kind if pieces else "kept"

    def write(aside: Path) -> None:
        begun = Begun(aside, identity)
        written = []
        for piece in pieces:
            folder = aside / piece.below
            folder.mkdir(exist_ok=True)
            place = Place(folder, piece.name)
            writer = writer_of(options.format, place, piece.samples, tokenizer)
            rows, facts = begun.write(place, piece.samples, writer)
            written.append((piece, folder, rows, writer, facts))
        parts = []
        for piece, folder, rows, writer, facts in written:
            told = tuple(writer.finish(facts).get("told", ()))
            part = _part(piece, rows, told)
            parts.append(part)
            sentence = weights_sentence(options.format, [part])
            notes = (*([sentence] if sentence else []), *told)
            files = _files(folder, piece.name if OF[options.format].is_flat else "")
            where = _below(to, piece.below) if piece.below else str(to)
            done.append(
                Exported(
                    *(run.name, step.name, kind, piece.split, options.format, where, files, rows),
                    *(CARD, part.weights, part.resampled, notes),
                )
            )
        about = About(
            *(run.name, step.name, kind, options.format),
            schema=pieces[0].samples.schema if pieces else pa.schema([]),
            licences=_licences(pieces),
            parts=parts,
            run_card=_run_card(run),
        )
        write_bytes(aside / CARD, card_of(about).encode("utf-8", "replace"))
        begun.end()

    _committed(to, write, lasts=True)
    return done


def _part(piece: _Piece, rows: int, told: tuple[str, ...]) -> Part:
    is_held_out = piece.split not in (None, "train")
    samples = piece.samples
    return Part(
        split=piece.split or "train",
        path=piece.below,
        rows=rows,
        weights=None if samples.seed is not None or is_held_out else samples.weights,
        resampled=None if is_held_out else samples.resampled,
        told=told,
    )


def _files(folder: Path, name: str) -> tuple[str, ...]:
    """What is in a folder beside the card; of a name, where there is one."""
    names = ("val", name) if name == "validation" else (name,)
    return tuple(
        sorted(
            f"{path.name}/" if path.is_dir() else path.name
            for path in folder.iterdir()
            if path.name != CARD and path.name[0] != "." and path.name.startswith(names)
        )
    )


def _licences(pieces: Sequence[_Piece]) -> Mapping[str, int] | None:
    """Samples by the licence that they state, the most common first; without personal data."""
    counts: Counter[str] = Counter()
    for piece in pieces:
        for batch in piece.samples.dataset.batches(["license"], piece.samples.kind):
            counts.update(name or "not stated" for name in batch.column(0).to_pylist())
    shown: Counter[str] = Counter()
    for name, count in counts.items():
        shown[shareable(name)] += count
    return dict(shown.most_common()) or None


def _run_card(run: RunView) -> str:
    """The card of the run as its last report left it; none of an entry of its history."""
    card = run.folder / "card.md"
    return card.read_text("utf-8", "replace") if run.entry is None and card.is_file() else ""


def _tokenizer(run: RunView, options: _Options) -> Path | None:
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


def _identity(options: _Options, pieces: Sequence[_Piece], tokenizer: Path | None) -> str:
    """SHA-256 of all that what is written depends on."""
    told = [
        *(_LAYOUT, pa.__version__, options.format, options.resample),
        sha256_file(tokenizer) if tokenizer is not None else None,
        [
            [
                *(piece.name, piece.below, piece.samples.dataset.split, piece.samples.kind),
                [
                    shard.files[piece.samples.kind].sha256
                    for shard in piece.samples.dataset.manifest.shards
                    if piece.samples.kind in shard.files
                ],
            ]
            for piece in pieces
        ],
    ]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _committed(to: str | Path, write: Callable[[Path], None], *, lasts: bool) -> None:
    """Let a folder be written aside, then put it in place.

    Args:
        to: The place.
        write: Writes into a folder, the same each time.
        lasts: Whether it goes on with what an earlier try wrote there.
    """
    if scheme_of(str(to)) not in (None, "file"):
        export_to_store.committed(str(to), write)
        return
    folder = _here(to)
    _require_free(folder)
    kept = lasting_folder if lasts else atomic_folder
    hint = "export to a folder that you can write to: --to DIR"
    with elsewhere(hint), storage_errors(folder), kept(folder) as aside:
        # Another process may have ended the same export while this one waited.
        _require_free(folder)
        write(aside)


def _here(to: str | Path) -> Path:
    """The folder of a path, or of a `file://` address.

    Raises:
        UsageError: It is of another machine, or no whole path.
    """
    if scheme_of(str(to)) is None:
        return Path(to)
    path = Path(str(to).partition("://")[2])
    if not path.is_absolute():
        raise UsageError(
            "a `file://` address is a whole path of this machine",
            where=str(to),
            hint=f"file://{path.absolute()}",
            code="address",
        )
    return path


def _require_free(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(
            "the place to export to is taken, and nothing is overwritten",
            where=str(folder),
            hint="name a folder that is not there yet",
            code="exists",
        )


def _below(to: str | Path, name: str) -> str:
    """The place of a folder in the place of an export."""
    name = name.removesuffix("/")
    return f"{str(to).rstrip('/')}/{name}" if scheme_of(str(to)) else str(Path(to) / name)
