"""The leakage gate: no arm may have trained on what the experiment is measured on.

Text is compared in two ways: as a whole (an exact copy, whatever its case, spacing and
punctuation), and by 13-grams of words (as GPT-3's authors did, Brown et al. 2020, appendix C; the
n-grams of `deduplicate.decontaminate`): a training document that holds more than half of a test
document's 13-grams is a copy of it. Counted document by document, so that phrases which many
documents share do not add up to a leak. What holds more than half holds one of the rarer half at
least, and only these are looked up, so that a footer of many documents costs no comparison with
each of them. Images are compared by their pixels, as the model sees them before augmentation.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tilth.kernels.minhash import Hashes
from tilth.kernels.ngrams import word_ngrams

GRAM = 13
OVERLAP = 0.5
# Documents whose n-grams are made in one call.
_AT_ONCE = 256
# Where test documents are little more than a form that many share, a training document that holds
# the form is compared with this many of them, those with least beside it: the likeliest copies.
_MOST_SHARING = 100


@dataclass(frozen=True)
class Leak:
    """A training sample that gives a held-out sample away.

    Attributes:
        train_id: The sample that was trained on.
        test_id: The held-out sample it is a copy of.
        share: Share of the held-out sample's 13-grams in it; 1 for an exact copy.
    """

    train_id: str
    test_id: str
    share: float


class HeldOutText:
    """The held-out documents, ready to be looked for in training documents.

    Args:
        documents: (id, text) of each. Memory: 16 bytes a word.
    """

    def __init__(self, documents: Iterable[tuple[str, str]]) -> None:
        self.ids: list[str] = []
        self._exact: dict[bytes, int] = {}
        seen: set[bytes] = set()
        numbers: list[int] = []
        hashes: list[Hashes] = []
        for number, (name, ordered) in enumerate(_with_ngrams(documents)):
            self.ids.append(name)
            if not len(ordered):
                continue
            self._exact.setdefault(_digest(ordered), number)
            grams = np.unique(ordered)
            # Of documents with the same 13-grams the first is named, whichever is looked up.
            if (digest := _digest(grams)) not in seen:
                seen.add(digest)
                numbers.append(number)
                hashes.append(grams)
        self._numbers = np.array(numbers, np.int64)
        self._counts = np.array([len(one) for one in hashes], np.int64)
        self._grams = np.concatenate(hashes) if hashes else np.zeros(0, np.uint64)
        self._starts = np.cumsum(self._counts) - self._counts
        self._telling, self._owners = self._index()

    def leak(self, name: str, ngrams: Hashes) -> Leak | None:
        """The held-out document that a training document is most nearly a copy of, if any.

        Where more than 100 held-out documents have the same 13-gram in the rarer half of theirs,
        so that each of these is for more than half what all of them share, the 100 with fewest
        13-grams are compared.

        Args:
            name: The training document's.
            ngrams: Its 13-grams in order, uint64 [n].
        """
        exact = self._exact.get(_digest(ngrams))
        if exact is not None:
            return Leak(name, self.ids[exact], 1.0)
        grams = np.unique(ngrams)
        owners = self._owners[_places(self._telling, grams)]
        # Nothing holds more than half of what is more than twice as long.
        owners = np.unique(owners[self._counts[owners] * OVERLAP < len(grams)])
        if not len(owners):
            return None
        counts = self._counts[owners]
        held = self._grams[_ranges(self._starts[owners], counts)]
        place = np.minimum(np.searchsorted(grams, held), len(grams) - 1)
        of = np.repeat(np.arange(len(owners)), counts)
        shares = np.bincount(of, grams[place] == held) / counts
        best = int(shares.argmax())
        if shares[best] <= OVERLAP:
            return None
        return Leak(name, self.ids[self._numbers[owners[best]]], round(float(shares[best]), 4))

    def _index(self) -> tuple[Hashes, npt.NDArray[np.int64]]:
        """The rarer half of each document's 13-grams, uint64 [n] ascending, and whose each is."""
        _, kinds, times = np.unique(self._grams, return_inverse=True, return_counts=True)
        owners = np.repeat(np.arange(len(self._counts)), self._counts)
        order = np.lexsort((times[kinds], owners))
        nth = np.arange(len(order)) - self._starts[owners]
        # One of so many, half of them rounded up, is in whatever holds more than half.
        telling = order[nth < self._counts[owners] * (1 - OVERLAP)]
        telling = telling[
            np.lexsort((owners[telling], self._counts[owners[telling]], kinds[telling]))
        ]
        first = np.flatnonzero(np.diff(kinds[telling], prepend=-1))
        sharing = np.diff(np.r_[first, len(telling)])
        nth = np.arange(len(telling)) - np.repeat(first, sharing)
        telling = telling[nth < _MOST_SHARING]
        return self._grams[telling], owners[telling]


def text_leaks(
    held_out: Iterable[tuple[str, str]], training: Iterable[tuple[str, str]]
) -> list[Leak]:
    """Training documents (id, text) that are copies of held-out ones (id, text)."""
    index = HeldOutText(held_out)
    found = (index.leak(name, ngrams) for name, ngrams in _with_ngrams(training))
    return [leak for leak in found if leak is not None]


def row_leaks(
    held_out: Iterable[npt.NDArray[Any]],
    held_out_ids: Hashes,
    training: Iterable[npt.NDArray[Any]],
    ids: Hashes,
) -> list[Leak]:
    """Rows of `training` that equal a row of `held_out`, byte for byte."""
    known = {row.tobytes(): int(name) for row, name in zip(held_out, held_out_ids, strict=True)}
    return [
        Leak(f"{int(name):016x}", f"{known[key]:016x}", 1.0)
        for row, name in zip(training, ids, strict=True)
        if (key := row.tobytes()) in known
    ]


def _with_ngrams(documents: Iterable[tuple[str, str]]) -> Iterator[tuple[str, Hashes]]:
    """(id, 13-grams in order) of documents (id, text), in their order."""
    left = iter(documents)
    while some := list(islice(left, _AT_ONCE)):
        texts = pa.array([text for _, text in some], pa.large_string())
        offsets, ngrams = word_ngrams(texts, GRAM)
        for (name, _), (start, stop) in zip(some, pairwise(offsets), strict=True):
            yield name, ngrams[start:stop]


def _digest(hashes: Hashes) -> bytes:
    return hashlib.blake2b(hashes.tobytes(), digest_size=16).digest()


def _places(known: Hashes, wanted: Hashes) -> npt.NDArray[np.int64]:
    """Where in `known`, ascending, any of `wanted` stands."""
    low = np.searchsorted(known, wanted, "left")
    return _ranges(low, np.searchsorted(known, wanted, "right") - low)


def _ranges(starts: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """starts[0], starts[0] + 1, ... counts[0] of them, then those from starts[1] on, int64."""
    before = np.cumsum(counts) - counts
    return np.repeat(starts - before, counts) + np.arange(int(counts.sum()))
