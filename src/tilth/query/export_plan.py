"""What an export would write, and what it would be refused for: the same checks, and nothing
written."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path

from tilth.errors import missing_extra
from tilth.export.begun import Place
from tilth.export.card import CARD, weights_sentence
from tilth.export.formats import OF, writer_of
from tilth.export.names import MODEL_FORMATS
from tilth.export.outlook import outlook_of
from tilth.extensions import using
from tilth.hints import require_choice
from tilth.query import export_to_store
from tilth.query.export import WRITABLE, below, here, part_of, require_free
from tilth.query.export_selection import Selection, tokenizer_of
from tilth.query.predict import MODEL, model_step
from tilth.query.runs import RunView
from tilth.store.files import elsewhere, storage_errors
from tilth.web.stores import scheme_of


@dataclass(frozen=True)
class PlannedPart:
    """One part of an export that is not written.

    Attributes:
        split: Its split; None: of all.
        folder: That its files would be in.
        rows: That would be written.
        files: Of it, the card aside.
        num_bytes: That its samples hold, before the format packs them or spells them out.
    """

    split: str | None
    folder: str
    rows: int
    files: int
    num_bytes: int


@dataclass(frozen=True)
class PlannedExport:
    """An export that is not written.

    Attributes:
        run, step, kind: Of the samples; `kind` is `model` of a model.
        format: Of the files.
        folder: That they would be in.
        parts: Of samples.
        names: Of the files of a model.
        files: In all, with the card.
        num_bytes: That samples hold, or those of the model's weights.
        is_exact: Whether files and bytes are counted, not reckoned.
        empty: Splits without a sample, for which there would be no files.
        notes: What there is to say of weights.
    """

    run: str
    step: str
    kind: str
    format: str
    folder: str
    parts: tuple[PlannedPart, ...]
    names: tuple[str, ...]
    files: int
    num_bytes: int
    is_exact: bool
    empty: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def plan_selected(selected: Selection, to: str | Path) -> PlannedExport:
    """What `write_selected` would write.

    Some shards are read, all ids of a split, and all weights. What only a sample itself says, one
    without a picture say, is found as it is written.

    Raises:
        UsageError, MissingError, DataError, StorageError: As `export_step` before it writes.
    """
    _, tokenizer = tokenizer_of(selected)
    _require_place(to)
    options, form = selected.options, OF[selected.options.format]
    parts, notes, is_exact = [], [], True
    for piece in selected.pieces:
        # Nothing is written by a writer that is given no shard.
        writer = writer_of(
            options.format, Place(Path(piece.below), piece.name), piece.samples, tokenizer
        )
        found = outlook_of(piece.samples, writer, form)
        is_exact = is_exact and found.is_exact
        folder = below(to, piece.below) if piece.below else str(to)
        parts.append(PlannedPart(piece.split, folder, found.rows, found.files, found.num_bytes))
        notes.append(weights_sentence(options.format, [part_of(piece, found.rows, ())]))
    return PlannedExport(
        run=selected.run.name,
        step=selected.step.name,
        kind=selected.kind,
        format=options.format,
        folder=str(to),
        parts=tuple(parts),
        names=(),
        files=sum(part.files for part in parts) + 1 + (form.needs_tokenizer and bool(parts)),
        num_bytes=sum(part.num_bytes for part in parts),
        is_exact=is_exact,
        empty=selected.empty,
        notes=tuple(dict.fromkeys(note for note in notes if note)),
    )


def plan_model(run: RunView, to: str | Path, *, format: str = "huggingface") -> PlannedExport:
    """What `export_model` would write. Whether onnxruntime answers as the network is tried then.

    Raises:
        UsageError, MissingError, DataError, StorageError: As `export_model` before it writes.
    """
    require_choice("format", format, MODEL_FORMATS)
    step = model_step(run)
    try:
        from tilth.export.model import expected_model
    except ImportError as error:
        raise missing_extra(error.name or "torch", "train") from None
    _require_place(to)
    with using(run.extensions):
        names, size = expected_model(step.folder / MODEL, format)
    return PlannedExport(
        run=run.name,
        step=step.name,
        kind="model",
        format=format,
        folder=str(to),
        parts=(),
        names=(CARD, *names),
        files=len(names) + 1,
        num_bytes=size,
        is_exact=False,
    )


def _require_place(to: str | Path) -> None:
    """Refuse a place that an export would not be put in.

    Raises:
        UsageError: It is taken, or no place.
        MissingError: It is a store that cannot be reached.
        StorageError: It is below something that is no folder, or one that cannot be written.
    """
    if scheme_of(str(to)) not in (None, "file"):
        export_to_store.require_free(str(to))
        return
    folder = here(to)
    require_free(folder)
    above = folder.absolute().parent
    while not os.path.lexists(above):
        above = above.parent
    with elsewhere(WRITABLE), storage_errors(folder):
        for is_right, number in (
            (above.is_dir(), errno.ENOTDIR),
            (os.access(above, os.W_OK | os.X_OK), errno.EACCES),
        ):
            if not is_right:
                raise OSError(number, os.strerror(number), str(above))
