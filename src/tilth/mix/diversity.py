"""How varied a collection is: in its sources and labels, its words, and from text to text.

PlainObject of words depend on how much text they are taken from, so they are taken from a sample of
fixed size and say how large it was. The sample is the texts with the smallest ids: ids are digests,
so that is a random sample, and the same one however the data are cut.
"""

from __future__ import annotations

import heapq
import math
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from tilth.randomness import GOLDEN, finalize
from tilth.records import PlainObject

Floats = npt.NDArray[np.float64]

_WORD = re.compile(r"\w+")
_NUM_HASHES = 64
_SHINGLE_WORDS = 5
_DIMENSIONS = 512


class Sample:
    """Keeps the texts with the smallest ids.

    Args:
        num_texts: Texts to keep at most.
        max_chars: Characters of a text to keep.
    """

    def __init__(self, num_texts: int, max_chars: int) -> None:
        self._num_texts = num_texts
        self._max_chars = max_chars
        # A heap whose top is the largest id that is kept.
        self._heap: list[tuple[_Reversed, str]] = []

    def add(self, name: str, text: str) -> None:
        """Offer one text."""
        entry = (_Reversed(name), text[: self._max_chars])
        if len(self._heap) < self._num_texts:
            heapq.heappush(self._heap, entry)
        elif name < self._heap[0][0].name:
            heapq.heapreplace(self._heap, entry)

    def wants(self, name: str) -> bool:
        """Whether a text of that id would be kept as things stand."""
        return len(self._heap) < self._num_texts or name < self._heap[0][0].name

    def texts(self) -> list[str]:
        """The kept texts in the order of their ids."""
        return [text for _, text in sorted(self._heap, key=lambda entry: entry[0].name)]


class _Reversed:
    """An id that sorts the other way round."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __lt__(self, other: _Reversed) -> bool:
        return self.name > other.name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Reversed) and self.name == other.name


def effective_numbers(amounts: Iterable[float]) -> dict[str, float]:
    """How many equally large groups would be as varied as these.

    Source: Hill, "Diversity and evenness" (1973): `entropy` is the number of order 1, exp of
    Shannon's entropy; `simpson` that of order 2, one over Simpson's concentration.

    Args:
        amounts: Size or weight of each group; not negative.
    """
    sizes = np.array([amount for amount in amounts if amount > 0], np.float64)
    if not len(sizes):
        return {"groups": 0.0, "entropy": 0.0, "simpson": 0.0}
    shares = sizes / sizes.sum()
    return {
        "groups": float(len(shares)),
        "entropy": float(np.exp(-(shares * np.log(shares)).sum())),
        "simpson": float(1 / (shares * shares).sum()),
    }


def word_figures(texts: Sequence[str], max_words: int) -> PlainObject:
    """Variety of words and word sequences.

    Args:
        texts: The sample, in order.
        max_words: Words to look at; whole texts are taken until they are reached.

    Returns:
        `words` looked at, `distinct_words`, `type_token_ratio`, `entropy_bits` of the distribution
        of words, `distinct_1` to `distinct_3` (Li et al. 2016: distinct n-grams over n-grams,
        within texts); None where there is no word.
    """
    counts: Counter[str] = Counter()
    grams: tuple[set[tuple[str, ...]], ...] = (set(), set(), set())
    totals = [0, 0, 0]
    for text in texts:
        if totals[0] >= max_words:
            break
        words = [word.lower() for word in _WORD.findall(text)][: max_words - totals[0]]
        counts.update(words)
        for n in (1, 2, 3):
            found = list(zip(*(words[i:] for i in range(n)), strict=False))
            grams[n - 1].update(found)
            totals[n - 1] += len(found)
    if not totals[0]:
        return {"words": 0, "distinct_words": 0, "type_token_ratio": None, "entropy_bits": None}
    shares = np.array(sorted(counts.values()), np.float64) / totals[0]
    figures: PlainObject = {
        "words": totals[0],
        "distinct_words": len(counts),
        "type_token_ratio": len(counts) / totals[0],
        "entropy_bits": float(-(shares * np.log2(shares)).sum()),
    }
    for n in (1, 2, 3):
        total = totals[n - 1]
        figures[f"distinct_{n}"] = len(grams[n - 1]) / total if total else None
    return figures


def vendi_score(texts: Sequence[str]) -> float | None:
    """How many entirely different texts would be as varied as these.

    Source: Friedman and Dieng, "The Vendi score" (2023): exp of the entropy of the eigenvalues of
    the similarity matrix over n. Similarity is the cosine of square-rooted word counts, hashed to
    512 dimensions.

    Args:
        texts: n texts; cost grows with n squared.
    """
    vectors = np.zeros((len(texts), _DIMENSIONS))
    for row, text in enumerate(texts):
        for word, count in Counter(_WORD.findall(text.lower())).items():
            vectors[row, (_hash_word(word) >> 32) % _DIMENSIONS] += count
    vectors = np.sqrt(vectors)
    length = np.linalg.norm(vectors, axis=1)
    vectors = vectors[length > 0] / length[length > 0, None]
    num = len(vectors)
    if not num:
        return None
    # The smaller of the two Gram matrices has the same eigenvalues that are not zero.
    gram = vectors @ vectors.T if num <= _DIMENSIONS else vectors.T @ vectors
    values = np.linalg.eigvalsh(gram / num)
    values = values[values > 1e-12]
    return round(float(np.exp(-(values * np.log(values)).sum())), 4)


def near_duplicate_share(texts: Sequence[str], threshold: float) -> float | None:
    """The share of texts that have a near-duplicate among the others.

    By MinHash (Broder 1997) over sequences of five words, compared pair by pair.

    Args:
        texts: n texts; cost grows with n squared.
        threshold: Estimated Jaccard similarity from which two texts are near-duplicates.
    """
    rows = [signature for text in texts if (signature := _signature(text)) is not None]
    if len(rows) < 2:
        return None
    signatures = np.stack(rows)
    similar = np.zeros(len(rows), bool)
    for row in range(len(rows) - 1):
        equal = (signatures[row + 1 :] == signatures[row]).mean(1) >= threshold
        if equal.any():
            similar[row] = True
            similar[row + 1 :] |= equal
    return float(similar.mean())


def shares_of(amounts: Mapping[str, float]) -> dict[str, float]:
    """Each group's share of the whole, the largest first."""
    total = math.fsum(amounts.values())
    ordered = sorted(amounts.items(), key=lambda pair: (-pair[1], pair[0]))
    return {name: amount / total if total else 0.0 for name, amount in ordered}


def _signature(text: str) -> npt.NDArray[np.uint64] | None:
    words = [_hash_word(word) for word in _WORD.findall(text.lower())]
    if not words:
        return None
    hashes = np.array(words, np.uint64)
    width = min(_SHINGLE_WORDS, len(hashes))
    shingles = np.zeros(len(hashes) - width + 1, np.uint64)
    for offset in range(width):
        part = hashes[offset : offset + len(shingles)]
        shingles = finalize((shingles * np.uint64(31)) ^ part)
    shingles = np.unique(shingles)
    salts = finalize(np.arange(1, _NUM_HASHES + 1, dtype=np.uint64) * GOLDEN)
    smallest = np.full(_NUM_HASHES, np.iinfo(np.uint64).max, np.uint64)
    # In blocks, so that a long text does not need 64 times its size.
    for start in range(0, len(shingles), 1024):
        block = finalize(shingles[start : start + 1024, None] ^ salts[None, :])
        smallest = np.minimum(smallest, block.min(0))
    return smallest


def _hash_word(word: str) -> int:
    """64 bits of a word: the same on every machine, unlike Python's own hash."""
    data = word.encode()
    return zlib.crc32(data) << 32 | zlib.adler32(data)
