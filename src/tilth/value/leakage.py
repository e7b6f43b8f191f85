"""The leakage gate: no arm may have trained on what the experiment is measured on.

Text is compared in two ways: as the digest of its normalised words (an exact copy, whatever its
case, spacing and punctuation), and by 13-grams of words (as GPT-3's authors did, Brown et al.
2020, appendix C): a training document that holds more than half of a test document's 13-grams is
a copy of it. Counted document by document, so that phrases which many documents share do not add
up to a leak. What holds more than half holds one of the rarer half at least, and only these are
looked up, so that a footer of many documents costs no comparison with each of them. Images are
compared by their pixels, as the model sees them before augmentation.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tilth.clean.normalize import order_marks

Hashes = npt.NDArray[np.uint64]

GRAM = 13
OVERLAP = 0.5
_WORD = re.compile(r"\w+")
# Combining characters, and more; `unicodedata` orders them in time quadratic in their number.
_MARKS_IN_A_ROW = re.compile(r"(?:[^\w\x00-\x7f]|[\uff9e\uff9f]){16}")
# Where test documents are little more than a form that many share, a training document that holds
# the form is compared with this many of them, those with least beside it: the likeliest copies.
_MOST_SHARING = 100
# Odd numbers, so that each place of a 13-gram is a permutation of the 64-bit integers.
_PLACES = np.random.default_rng(0).integers(0, 2**63, GRAM, np.uint64) * np.uint64(2) + np.uint64(1)


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
        self._words: dict[str, int] = {}
        self.ids: list[str] = []
        self._exact: dict[int, int] = {}
        seen: set[bytes] = set()
        numbers: list[int] = []
        hashes: list[Hashes] = []
        for number, (name, text) in enumerate(documents):
            self.ids.append(name)
            words = self._hash_words(text)
            self._exact.setdefault(_digest(words), number)
            grams = _grams(words)
            digest = hashlib.blake2b(grams.tobytes(), digest_size=16).digest()
            # Of documents with the same 13-grams the first is named, whichever is looked up.
            if len(grams) and digest not in seen:
                seen.add(digest)
                numbers.append(number)
                hashes.append(grams)
        self._numbers = np.array(numbers, np.int64)
        self._counts = np.array([len(one) for one in hashes], np.int64)
        self._grams = np.concatenate(hashes) if hashes else np.zeros(0, np.uint64)
        self._starts = np.cumsum(self._counts) - self._counts
        self._telling, self._owners = self._index()

    def leak(self, name: str, text: str) -> Leak | None:
        """The held-out document that this training document is most nearly a copy of, if any.

        Where more than 100 held-out documents have the same 13-gram in the rarer half of theirs,
        so that each of these is for more than half what all of them share, the 100 with fewest
        13-grams are compared.
        """
        words = self._hash_words(text)
        exact = self._exact.get(_digest(words))
        if exact is not None and len(words):
            return Leak(name, self.ids[exact], 1.0)
        grams = _grams(words)
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

    def _hash_words(self, text: str) -> Hashes:
        if _MARKS_IN_A_ROW.search(text):
            text = order_marks(text, "NFKD")
        words = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
        known = self._words
        for word in words:
            if word not in known:
                digest = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8)
                known[word] = int.from_bytes(digest.digest(), "little")
        return np.array([known[word] for word in words], np.uint64)


def text_leaks(
    held_out: Iterable[tuple[str, str]], training: Iterable[tuple[str, str]]
) -> list[Leak]:
    """Training documents (id, text) that are copies of held-out ones (id, text)."""
    index = HeldOutText(held_out)
    found = (index.leak(name, text) for name, text in training)
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


def _digest(words: Hashes) -> int:
    return int.from_bytes(hashlib.blake2b(words.tobytes(), digest_size=16).digest(), "little")


def _grams(words: Hashes) -> Hashes:
    """The distinct hashes of all 13-grams of words."""
    if len(words) < GRAM:
        return np.zeros(0, np.uint64)
    count = len(words) - GRAM + 1
    sums = np.zeros(count, np.uint64)
    for place in range(GRAM):
        sums += words[place : place + count] * _PLACES[place]
    return np.unique(sums)


def _places(known: Hashes, wanted: Hashes) -> npt.NDArray[np.int64]:
    """Where in `known`, ascending, any of `wanted` stands."""
    low = np.searchsorted(known, wanted, "left")
    return _ranges(low, np.searchsorted(known, wanted, "right") - low)


def _ranges(starts: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """starts[0], starts[0] + 1, ... counts[0] of them, then those from starts[1] on, int64."""
    before = np.cumsum(counts) - counts
    return np.repeat(starts - before, counts) + np.arange(int(counts.sum()))
