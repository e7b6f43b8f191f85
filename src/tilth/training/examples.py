"""What training reads: documents as tokens, and examples as rows of one array, or ragged rows.

Text is packed: documents follow each other, parted by an end token, and are cut into windows of
context + 1 tokens, so no computation goes into padding. The cut starts anew at documents chosen by
a hash of their own id. Leaving a document out therefore moves only the windows up to the next
such place, and two arms of an experiment keep nearly all their windows in common; a plain
concatenation would shift every window behind the first difference.
"""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tilth.randomness import hashed, splitmix64
from tilth.store.files import storage_errors
from tilth.training.order import Ids, Index

END = 0  # the end token of the tokenizers that Tilth trains; text never encodes to it

# One document in this many starts a new run of windows. The last window of a run is filled only
# in part: half a window is lost in this many documents.
_RESTART = 16

_LARGE_BYTES = 64 << 20


@dataclass(frozen=True)
class Documents:
    """Tokenized documents, one after another.

    Attributes:
        tokens: uint16 [num_tokens], without end tokens.
        starts: int64 [n + 1], where each document starts in `tokens`.
        bytes: int64 [n], UTF-8 length: the denominator of bits per byte.
        ids: uint64 [n].
        weights: float32 [n], times seen an epoch.
        end: The tokenizer's token that begins every document and ends the last.
        shuffled: Whether they are packed in the order of a hash of their ids, not in their own.
        untold: int64 [n], bytes that the tokens do not tell: of characters that the tokenizer does
            not know. None: there are none.
    """

    tokens: npt.NDArray[np.uint16]
    starts: Index
    bytes: Index
    ids: Ids
    weights: npt.NDArray[np.float32]
    end: int = END
    shuffled: bool = False
    untold: Index | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def select(self, chosen: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> Documents:
        """The chosen documents (indices or mask), in the given order, in memory."""
        index: Index = np.arange(len(self), dtype=np.int64)[chosen]
        pieces = [self.tokens[self.starts[i] : self.starts[i + 1]] for i in index]
        return Documents(
            np.concatenate(pieces) if pieces else np.zeros(0, np.uint16),
            np.concatenate([[0], np.cumsum(np.diff(self.starts)[index])]).astype(np.int64),
            self.bytes[index],
            self.ids[index],
            self.weights[index],
            self.end,
            self.shuffled,
            None if self.untold is None else self.untold[index],
        )

    @staticmethod
    def concatenate(parts: Sequence[Documents]) -> Documents:
        """Several sets of documents (of one tokenizer) as one."""
        lengths = np.concatenate([np.diff(part.starts) for part in parts])
        return Documents(
            np.concatenate([part.tokens for part in parts]),
            np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            np.concatenate([part.bytes for part in parts]),
            np.concatenate([part.ids for part in parts]),
            np.concatenate([part.weights for part in parts]),
            parts[0].end,
            parts[0].shuffled,
            np.concatenate([_or_zeros(part.untold, len(part)) for part in parts]),
        )

    def pack(self, context: int, folder: Path | None = None) -> Examples:
        """Windows of `context` + 1 tokens in which every token is predicted exactly once.

        Documents of equal weight are packed together, so that the weight of a window is that of
        each of its documents. A document that is never seen (weight 0) is left out.

        Args:
            context: Tokens that the model sees at once.
            folder: Where the windows of a large data set are laid down, in a file without a name
                that goes away with the array; None: in memory.
        """
        place = hashed(self.ids, 9) if self.shuffled else np.arange(len(self))
        order = np.lexsort((place, -self.weights))
        order = order[self.weights[order] > 0]
        lengths = np.diff(self.starts)[order] + 1  # each with its end token in front
        weights = self.weights[order]
        restart = hashed(self.ids[order], 3) % np.uint64(_RESTART) == 0
        restart[1:] |= weights[1:] != weights[:-1]
        firsts = np.flatnonzero(restart)
        bounds = np.unique(np.r_[0, firsts, len(order)])
        # A run of L tokens (end tokens included) and a closing end token has L targets.
        run_lengths = np.add.reduceat(lengths, bounds[:-1]) if len(order) else np.zeros(0, int)
        num_windows = -(-run_lengths // context)
        total = int(num_windows.sum())
        inputs = _array_for((total, context + 1), folder)
        targets = np.full(total, context, np.int64)
        ids = np.zeros(total, np.uint64)
        first_document = np.zeros(total, np.int64)
        row = 0
        for run in range(len(bounds) - 1):
            members = order[bounds[run] : bounds[run + 1]]
            rows = int(num_windows[run])
            stream = np.full(rows * context + 1, self.end, np.uint16)
            at = np.concatenate([[0], np.cumsum(lengths[bounds[run] : bounds[run + 1]])])
            for place, document in zip(at, members, strict=False):
                text = self.tokens[self.starts[document] : self.starts[document + 1]]
                stream[place + 1 : place + 1 + len(text)] = text
            view = np.lib.stride_tricks.sliding_window_view(stream, context + 1)[::context]
            inputs[row : row + rows] = view
            targets[row + rows - 1] = run_lengths[run] - (rows - 1) * context
            window_starts = np.arange(rows) * context
            owner = np.searchsorted(at, window_starts, side="right") - 1
            first_document[row : row + rows] = bounds[run] + owner
            offsets = (window_starts - at[owner]).astype(np.uint64)
            ids[row : row + rows] = splitmix64(self.ids[members[owner]]) ^ offsets
            row += rows
        packed_weights = weights[first_document] if total else np.zeros(0, np.float32)
        untold = _or_zeros(self.untold, len(self))[order]
        packed = Packing(self.ids[order], self.bytes[order], first_document, untold, self.end)
        return Examples(inputs, targets, ids, packed_weights, packed)


@dataclass(frozen=True)
class Ragged:
    """Rows of different length, one after another in one array.

    Attributes:
        values: [total]: tokens, samples of sound, symbols; [total, bands]: frames of sound.
        starts: int64 [n + 1], where each row starts in `values`.
    """

    values: npt.NDArray[Any]
    starts: Index

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, row: int) -> npt.NDArray[Any]:
        return self.values[self.starts[row] : self.starts[row + 1]]

    def __iter__(self) -> Iterator[npt.NDArray[Any]]:
        return (self[row] for row in range(len(self)))

    @property
    def lengths(self) -> Index:
        """int64 [n]."""
        lengths: Index = np.diff(self.starts)
        return lengths

    def select(self, chosen: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> Ragged:
        """The chosen rows (indices or mask), in the given order, in memory."""
        index: Index = np.arange(len(self), dtype=np.int64)[chosen]
        return Ragged.of([self[row] for row in index], self.values.dtype)

    def padded(
        self, index: Index, *, fill: int = 0, limit: int | None = None
    ) -> tuple[npt.NDArray[Any], Index]:
        """Some rows side by side.

        Args:
            index: int64 [n].
            fill: What stands behind the end of a row.
            limit: A longer row is cut to this.

        Returns:
            [n, longest, ...] of the values' dtype, and the lengths, int64 [n].
        """
        lengths = self.starts[index + 1] - self.starts[index]
        if limit is not None:
            lengths = np.minimum(lengths, limit)
        shape = (len(index), int(lengths.max(initial=0)), *self.values.shape[1:])
        rows = np.full(shape, fill, self.values.dtype)
        for row, (start, length) in enumerate(zip(self.starts[index], lengths, strict=True)):
            rows[row, :length] = self.values[start : start + length]
        return rows, lengths

    @staticmethod
    def of(rows: Sequence[npt.NDArray[Any]], dtype: npt.DTypeLike) -> Ragged:
        """Rows as one array."""
        starts = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
        values = np.concatenate(rows) if rows else np.zeros(0)
        return Ragged(values.astype(dtype, copy=False), starts)


@dataclass(frozen=True)
class Packing:
    """Which documents lie in which windows.

    Attributes:
        ids: uint64 [documents], in packed order.
        bytes: int64 [documents].
        first: int64 [windows], the document of each window's first token.
        untold: int64 [documents], bytes that the tokens do not tell.
        end: The token that begins every document.
    """

    ids: Ids
    bytes: Index
    first: Index
    untold: Index
    end: int = END


@dataclass(frozen=True)
class Examples:
    """Rows that a model is trained on or measured on.

    Attributes:
        inputs: uint8 [n, channels, height, width] of images, uint16 [n, context + 1] of packed
            text, or ragged: tokens of a text, samples of an utterance.
        targets: int64 [n]: the class, or how many of a window's tokens are targets; or ragged:
            tokens of the translation, symbols of the transcript.
        ids: uint64 [n]: decide order and augmentation, and pair the examples of two data sets.
        weights: float32 [n], times seen an epoch.
        packing: For packed text, the documents in the windows.
        frames: For utterances, their spectra, float32 [total, bands]: made once, and read where no
            transform changes the samples.
        references: For translations, the bytes of the target text as it was given, uint8.
    """

    inputs: npt.NDArray[np.uint8] | npt.NDArray[np.uint16] | Ragged
    targets: Index | Ragged
    ids: Ids
    weights: npt.NDArray[np.float32]
    packing: Packing | None = None
    frames: Ragged | None = None
    references: Ragged | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def rows(self) -> npt.NDArray[Any]:
        """The inputs as one array; ragged ones have none."""
        if isinstance(self.inputs, Ragged):
            raise TypeError("these rows are of different length")
        return self.inputs

    @property
    def labels(self) -> Index:
        """The targets as one number a row; ragged ones have none."""
        if isinstance(self.targets, Ragged):
            raise TypeError("these targets are of different length")
        return self.targets

    @property
    def counts(self) -> Index:
        """How many targets each row has, int64 [n]."""
        if isinstance(self.targets, Ragged):
            return self.targets.lengths
        return self.targets if self.packing is not None else np.ones(len(self), np.int64)

    @property
    def tokens(self) -> Index:
        """Tokens of text in each row, int64 [n]: its targets, or what is read to tell a class."""
        if isinstance(self.inputs, Ragged) and not isinstance(self.targets, Ragged):
            return self.inputs.lengths
        return self.counts

    def select(self, chosen: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> Examples:
        """The chosen rows (indices or mask); of packed text, select `Documents` and pack."""
        if self.packing is not None:
            raise ValueError("select documents, then pack: a window is no unit of text data")
        return Examples(
            _chosen(self.inputs, chosen),
            _chosen(self.targets, chosen),
            self.ids[chosen],
            self.weights[chosen],
            frames=None if self.frames is None else self.frames.select(chosen),
            references=None if self.references is None else self.references.select(chosen),
        )

    def names(self, index: Index) -> list[str]:
        """The first 16 hex digits of the sample ids behind some rows, for messages."""
        if self.packing is None:
            return [f"{int(i):016x}" for i in self.ids[index]]
        documents = np.unique(self.packing.first[index])
        return [f"{int(i):016x}" for i in self.packing.ids[documents]]


def _or_zeros(counts: Index | None, length: int) -> Index:
    return np.zeros(length, np.int64) if counts is None else counts


def _chosen(rows: Any, chosen: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> Any:
    return rows.select(chosen) if isinstance(rows, Ragged) else rows[chosen]


def _array_for(shape: tuple[int, int], folder: Path | None) -> npt.NDArray[np.uint16]:
    """An array to fill with windows: in memory, or in an unnamed file if it is large."""
    if folder is None or 2 * math.prod(shape) < _LARGE_BYTES:
        return np.zeros(shape, np.uint16)
    with storage_errors(folder), tempfile.TemporaryFile(dir=folder) as file:
        if hasattr(os, "posix_fallocate"):
            # Not sparse: a full disk is an error here and not a crash at the first touch.
            os.posix_fallocate(file.fileno(), 0, 2 * math.prod(shape))
        else:
            file.truncate(2 * math.prod(shape))
        return np.memmap(file, np.uint16, "r+", shape=shape)
