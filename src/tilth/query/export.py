"""Write the samples of a step, or the model of a run, as files that other tools read."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Literal

import pyarrow as pa

from tilth.engine.share import shareable
from tilth.errors import UsageError, missing_extra
from tilth.export.begun import Begun, Facts, Place, Writer
from tilth.export.card import CARD, About, Part, card_of, weights_sentence
from tilth.export.formats import OF, writer_of
from tilth.export.names import MODEL_FORMATS
from tilth.export.samples import Resampled, Weights
from tilth.extensions import using
from tilth.hints import require_choice
from tilth.query import export_to_store
from tilth.query.export_selection import (
    Options,
    Piece,
    Selection,
    select_split,
    select_splits,
    select_step,
    tokenizer_of,
)
from tilth.query.predict import MODEL, model_step
from tilth.query.runs import RunView
from tilth.store.files import (
    atomic_folder,
    elsewhere,
    lasting_folder,
    sha256_file,
    storage_errors,
    write_bytes,
)
from tilth.store.manifest import Kind
from tilth.web.stores import scheme_of

# What is counted, how many are done, of how many.
Progress = Callable[[Literal["samples", "bytes"], int, int], None]
# Of what is written of the same samples; a change of any format is another one.
_LAYOUT = 2
WRITABLE: Final = "export to a folder that you can write to: --to DIR"


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


def export_split(
    run: RunView,
    split: str,
    to: str | Path,
    *,
    format: str = "parquet",
    resample: int | None = None,
    tokenizer: str | Path | None = None,
    progress: Progress | None = None,
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
    selected = select_split(run, split, format=format, resample=resample, tokenizer=tokenizer)
    return _written(selected, to, progress)[0]


def export_splits(
    run: RunView,
    to: str | Path,
    *,
    format: str = "parquet",
    resample: int | None = None,
    tokenizer: str | Path | None = None,
    progress: Progress | None = None,
) -> ExportedSplits:
    """Write the data set at the end of the line to a new folder, one folder in it a split.

    Samples that are held out are never drawn by weights.

    Raises:
        As `export_split`.
    """
    selected = select_splits(run, format=format, resample=resample, tokenizer=tokenizer)
    return _splits(selected, to, _written(selected, to, progress))


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
    progress: Progress | None = None,
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
        progress: Called with what is counted, how many are done, and of how many: samples that
            were written, and for a store then bytes that were put there.

    Raises:
        UsageError: The folder is there and not empty, there is no such step, format, kind or
            split; an option would do nothing; or the samples lack what the format is made of.
        MissingError: No sample is in the split, or there is no tokenizer.
        DataError: A sample cannot be said in the format.
        StorageError: The disk is full or the folder cannot be written.
    """
    selected = select_step(
        run,
        step,
        format=format,
        kind=kind,
        split=split,
        resample=resample,
        tokenizer=tokenizer,
    )
    return _written(selected, to, progress)[0]


def write_selected(
    selected: Selection, to: str | Path, progress: Progress | None = None
) -> Exported | ExportedSplits:
    """Write what was selected, as the functions above do.

    Raises:
        As `export_step`.
    """
    done = _written(selected, to, progress)
    return _splits(selected, to, done) if selected.by_split else done[0]


def export_model(
    run: RunView,
    to: str | Path,
    *,
    format: str = "huggingface",
    progress: Progress | None = None,
) -> Exported:
    """Write a run's model to a new folder, with its card and what it must be given.

    Args:
        run: Whose model.
        to: A folder, here or in a store.
        format: What it is written as, one of `tilth.export.names.MODEL_FORMATS`. A file of ONNX is
            tried with onnxruntime before it counts as written.
        progress: Of bytes that are put to a store.

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
        committed(to, write, progress, lasts=False)
    return Exported(run.name, step.name, "model", None, format, str(to), tuple(files), 0)


def _splits(selected: Selection, to: str | Path, done: Sequence[Exported]) -> ExportedSplits:
    run, end, options = selected.run, selected.step, selected.options
    notes = tuple(dict.fromkeys(note for one in done for note in one.notes))
    return ExportedSplits(
        run.name, end.name, options.format, str(to), tuple(done), selected.empty, CARD, notes
    )


def _written(selected: Selection, to: str | Path, progress: Progress | None) -> list[Exported]:
    """Write the pieces, with a card, whole or not at all."""
    run, step, options = selected.run, selected.step, selected.options
    pieces, kind = selected.pieces, selected.kind
    path, tokenizer = tokenizer_of(selected)
    identity = _identity(options, pieces, path)
    done: list[Exported] = []

    def write(aside: Path) -> None:
        begun = Begun(aside, identity)
        written: list[tuple[Piece, Path, int, Writer, list[Facts]]] = []
        # A split's samples are counted by reading which they are: not where nobody looks.
        total = 0 if progress is None else sum(piece.samples.num_rows for piece in pieces)
        for piece in pieces:
            before = sum(rows for _, _, rows, _, _ in written)

            def tell(rows: int, before: int = before) -> None:
                if progress is not None:
                    progress("samples", before + rows, total)

            folder = aside / piece.below
            folder.mkdir(exist_ok=True)
            place = Place(folder, piece.name)
            writer = writer_of(options.format, place, piece.samples, tokenizer)
            rows, facts = begun.write(place, piece.samples, writer, tell)
            written.append((piece, folder, rows, writer, facts))
        parts = []
        for piece, folder, rows, writer, facts in written:
            told = tuple(writer.finish(facts).get("told", ()))
            part = part_of(piece, rows, told)
            parts.append(part)
            sentence = weights_sentence(options.format, [part])
            notes = (*([sentence] if sentence else []), *told)
            files = _files(folder, piece.name if OF[options.format].is_flat else "")
            where = below(to, piece.below) if piece.below else str(to)
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
            with_nulls={name for piece in pieces for name in piece.samples.with_nulls},
            run_card=_run_card(run),
        )
        write_bytes(aside / CARD, card_of(about).encode("utf-8", "replace"))
        begun.end()

    committed(to, write, progress, lasts=True)
    return done


def part_of(piece: Piece, rows: int, told: tuple[str, ...]) -> Part:
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


def _licences(pieces: Sequence[Piece]) -> Mapping[str, int] | None:
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


def _identity(options: Options, pieces: Sequence[Piece], tokenizer: Path | None) -> str:
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


def committed(
    to: str | Path,
    write: Callable[[Path], None],
    progress: Progress | None,
    *,
    lasts: bool,
) -> None:
    """Let a folder be written aside, then put it in place.

    Args:
        to: The place.
        write: Writes into a folder, the same each time.
        progress: Of what is put to a store.
        lasts: Whether it goes on with what an earlier try wrote there.
    """
    if scheme_of(str(to)) not in (None, "file"):
        export_to_store.committed(str(to), write, progress and partial(progress, "bytes"))
        return
    folder = here(to)
    require_free(folder)
    kept = lasting_folder if lasts else atomic_folder
    with elsewhere(WRITABLE), storage_errors(folder), kept(folder) as aside:
        # Another process may have ended the same export while this one waited.
        require_free(folder)
        write(aside)


def here(to: str | Path) -> Path:
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


def require_free(folder: Path) -> None:
    """Refuse a folder in which something is.

    Raises:
        UsageError: It is there and not empty, or it is a file.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(
            "the place to export to is taken, and nothing is overwritten",
            where=str(folder),
            hint="name a folder that is not there yet",
            code="exists",
        )


def below(to: str | Path, name: str) -> str:
    """The place of a folder in the place of an export."""
    name = name.removesuffix("/")
    return f"{str(to).rstrip('/')}/{name}" if scheme_of(str(to)) else str(Path(to) / name)
