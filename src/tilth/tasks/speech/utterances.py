"""Encoded sound to samples at one rate, and transcripts to the numbers of their symbols.

A letter with an accent is one symbol, however it is spelt (UAX #15, NFC).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tilth.augment.sounds import Waves
from tilth.context import Progress
from tilth.decode.sound import Samples, seconds_of
from tilth.errors import DataError
from tilth.kernels.folding import composed
from tilth.models.facts import Facts, Sizes
from tilth.randomness import ids_to_u64
from tilth.schema import column
from tilth.store.files import write_json
from tilth.tasks.selection import Counts, Selection
from tilth.tasks.speech.features import HOP_S, log_mel
from tilth.tasks.speech.resample import at_rate, heard_of
from tilth.tasks.splits import (
    NOTES,
    Given,
    Reading,
    add_ragged,
    read_ragged,
    weights_of,
    write_splits,
)
from tilth.training.examples import Examples

BLANK = ""  # the first symbol: nothing is said, or the last symbol goes on
# More distinct transcripts than this are no closed set to choose from.
_MAX_TRANSCRIPTS = 1000
_MAX_WORDS = 10_000


def write(
    selection: Selection, counts: Counts, folder: Path, given: Given, progress: Progress
) -> Facts:
    """Lay down samples, spectra and symbols of every utterance.

    One that is too short for its transcript teaches nothing, and counts where it is measured.

    Raises:
        DataError: A transcript is missing or has a symbol that `given` lacks, or an utterance
            cannot be decoded.
    """
    symbols, transcripts, words = _survey(selection, given)
    numbers = {symbol: number for number, symbol in enumerate(symbols)}
    rate = selection.form.sample_rate
    brief: list[str] = []

    def convert(split: str, batch: pa.RecordBatch) -> dict[str, npt.NDArray[Any]]:  # noqa: ARG001
        ids = column(batch, "id").to_pylist()
        waves = [
            at_rate(*heard_of(data.as_py(), name), rate)
            for data, name in zip(column(batch, "audio"), ids, strict=True)
        ]
        texts = list(map(composed, column(batch, "target").to_pylist()))
        spectra = spectra_of(waves, rate, selection.form.mels)
        for name, frames, text in zip(ids, spectra, texts, strict=True):
            if is_too_short(len(frames), text):
                brief.append(name)
        targets = [to_symbols(text, numbers) for text in texts]
        arrays: dict[str, npt.NDArray[Any]] = {
            "ids": ids_to_u64(ids),
            "weights": weights_of(batch),
        }
        add_ragged(arrays, "samples", waves, np.float32)
        add_ragged(arrays, "frames", spectra, np.float32)
        add_ragged(arrays, "symbols", targets, np.uint16)
        return arrays

    write_splits(selection, counts, folder, ["audio", "target"], convert, progress)
    if brief:
        told = (
            f"utterances too short for their transcript (20 ms a symbol, less the silence at "
            f"either end), of which nothing is learnt: {len(brief):,} of {counts.seen:,} "
            f"({', '.join(brief[:3])})"
        )
        write_json(folder / NOTES, [told])
    return Facts(
        sizes=Sizes(classes=len(symbols), mels=selection.form.mels),
        classes=symbols,
        sample_rate=rate,
        transcripts=transcripts,
        words=words,
    )


def read(arrays: dict[str, npt.NDArray[Any]], _: Reading) -> Examples:
    """The utterances that `write` laid down."""
    return Examples(
        read_ragged(arrays, "samples"),
        read_ragged(arrays, "symbols"),
        np.asarray(arrays["ids"]),
        np.asarray(arrays["weights"]),
        frames=read_ragged(arrays, "frames"),
    )


def to_symbols(text: str, numbers: Mapping[str, int]) -> npt.NDArray[np.uint16]:
    """The numbers of a transcript's characters."""
    return np.array([numbers[symbol] for symbol in text], np.uint16)


def is_too_short(frames: int, text: str) -> bool:
    """Whether no path of a network says a text in so many frames, of which two are a step."""
    return (frames + frames % 2) * HOP_S < seconds_of(text) - HOP_S / 2


def spectra_of(
    waves: Sequence[Samples], sample_rate: int, mels: int
) -> list[npt.NDArray[np.float32]]:
    """Log-mel spectra, float32 [frames, mels] each.

    Each is computed alone: in a batch, the last bits would depend on its neighbours.
    """
    spectra = (log_mel(Waves([wave], sample_rate), mels) for wave in waves)
    return [one.values[0, : one.lengths[0]] for one in spectra]


def _survey(
    selection: Selection, given: Given
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """All symbols, the blank first; the training split's distinct transcripts and words, if few.

    Symbols that only held-out transcripts have are among them: a model never learns to say those,
    but what it is measured by stays whole.
    """
    found: set[str] = set()
    transcripts: set[str] = set()
    words: set[str] = set()
    for split, batch in selection.read(["id", "target"]):
        texts = column(batch, "target")
        empty = pc.fill_null(pc.equal(texts, ""), True)
        if pc.any(empty).as_py():
            raise DataError(
                "speech recognition needs the transcript of every utterance, and some have none",
                where="samples " + ", ".join(column(batch, "id").filter(empty).to_pylist()[:5]),
                hint="`name` or `transcripts` of the source say what is said; `data.sources` "
                "chooses among the sources",
                code="target-missing",
            )
        distinct = list(map(composed, pc.unique(texts).to_pylist()))
        found.update(*distinct)
        if split == "train" and len(transcripts) <= _MAX_TRANSCRIPTS:
            transcripts.update(distinct)
        if split == "train" and len(words) <= _MAX_WORDS:
            words.update(*(text.split() for text in distinct))
    symbols = given.classes if given.classes is not None else (BLANK, *sorted(found))
    _require_known(found, symbols)
    return symbols, _if_few(transcripts, _MAX_TRANSCRIPTS), _if_few(words, _MAX_WORDS)


def _if_few(texts: set[str], limit: int) -> tuple[str, ...]:
    return tuple(sorted(texts)) if len(texts) <= limit else ()


def _require_known(found: set[str], symbols: Sequence[str]) -> None:
    unknown = sorted(found - set(symbols))
    if unknown:
        raise DataError(
            f"symbol `{unknown[0]}` of a transcript is not among the model's "
            f"{len(symbols) - 1} ({''.join(symbols)[:80]})",
            hint="spell the transcripts as the model's training data does",
            code="label-out-of-range",
        )
