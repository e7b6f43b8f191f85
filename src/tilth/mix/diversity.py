"""How varied texts are: in their words, from text to text, and how evenly groups share in them.

Figures of words and texts depend on how much text they are taken from. They are taken from texts
that are drawn, and hold for so many of them: another sample of the size gives the same, within the
interval; a larger one, more.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tilth.records import PlainObject

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

SHINGLE_WORDS = 5
# Ideographs and kana: there, what stands between two blanks is no word but a clause.
_UNPARTED = re.compile(
    "([\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff66-\uff9d\U00020000-\U000323af])"
)
# Words of more texts than this are multiplied as a matrix, others pair by pair.
_FEW = 16
_BLOCK = 2048
# 97.5 % quantiles of Student's t of 1 to 7 degrees of freedom.
_T = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646)
# With a probability of 95 %, what is in none of n samples is in fewer than 3 / n of all on average
# (Hanley and Lippman-Hand 1983).
_RULE_OF_THREE = 3


def effective_numbers(amounts: Iterable[float]) -> dict[str, float]:
    """How many equally large groups would be as varied as these.

    Source: Hill, "Diversity and evenness" (1973): `entropy` is the number of order 1, exp of
    Shannon's entropy; `simpson` that of order 2, one over Simpson's concentration.

    Args:
        amounts: Size or weight of each group; not negative.
    """
    # Sorted, so that the order of the groups changes no digit.
    sizes = np.array(sorted(amount for amount in amounts if amount > 0), np.float64)
    if not len(sizes):
        return {"groups": 0.0, "entropy": 0.0, "simpson": 0.0}
    shares = sizes / sizes.sum()
    some = shares[shares > 0]
    return {
        "groups": float(len(sizes)),
        "entropy": float(np.exp(-(some * np.log(some)).sum())),
        "simpson": float(1 / (shares * shares).sum()),
    }


def shares_of(amounts: Mapping[str | None, float]) -> dict[str | None, float]:
    """Each group's share of the whole."""
    total = math.fsum(amounts.values())
    return {name: amount / total if total else 0.0 for name, amount in amounts.items()}


def words_of(texts: Sequence[str], width: int = 1) -> tuple[Integers, Hashes]:
    """Hash the words of texts, or their runs of `width` words, as 64-bit numbers.

    A word is one of the project's splitter, punctuation aside, in compatibility form and its case
    folded; of Chinese and Japanese, one character, as BLEU's tokenizer `zh` has it.

    Returns:
        offsets: int64 [n + 1].
        words: uint64 [w], in the order of the texts.
    """
    # Loads numba: `tilth check` reads settings without it.
    from tilth.kernels.ngrams import word_ngrams

    parted = [text if text.isascii() else _UNPARTED.sub(r" \1 ", text) for text in texts]
    return word_ngrams(pa.array(parted, pa.large_string()), width)


def vendi_score(texts: Sequence[str]) -> float | None:
    """How many entirely different texts would be as varied as these.

    Source: Friedman and Dieng, "The Vendi score" (2023), definition 3.1: exp of the entropy of the
    eigenvalues of the similarity matrix over n. Similarity is the cosine of square-rooted word
    counts, over all words; texts without a word are like one another.

    Args:
        texts: n texts; cost grows with n cubed.

    Returns:
        1 to n; None where there is no text.
    """
    if not len(texts):
        return None
    values = np.linalg.eigvalsh(_similarity(texts) / len(texts))
    values = values[values > 1e-12]
    return float(np.clip(np.exp(-(values * np.log(values)).sum()), 1, len(texts)))


def _similarity(texts: Sequence[str]) -> Floats:
    """Cosine of square-rooted word counts, float64 [n, n]."""
    num = len(texts)
    offsets, words = words_of(texts)
    lengths = np.diff(offsets)
    number: Integers = np.unique(words, return_inverse=True)[1]
    cells, times = np.unique(number * num + np.repeat(np.arange(num), lengths), return_counts=True)
    word, row = np.divmod(cells, num)
    value = np.sqrt(times / lengths[row])
    spread = np.bincount(word)
    starts = np.cumsum(spread) - spread
    similar: Floats = np.zeros((num, num))
    # Words of one text alone are in no pair; of a few, each pair is added by itself.
    for size in range(2, _FEW + 1):
        place = starts[spread == size][:, None] + np.arange(size)
        where = row[place][:, :, None] * num + row[place][:, None, :]
        products = value[place][:, :, None] * value[place][:, None, :]
        similar += np.bincount(where.ravel(), products.ravel(), num * num).reshape(num, num)
    frequent = np.flatnonzero(spread > _FEW)
    for start in range(0, len(frequent), _BLOCK):
        part = frequent[start : start + _BLOCK]
        place_of = np.full(len(spread), -1)
        place_of[part] = np.arange(len(part))
        inside = place_of[word] >= 0
        block = np.zeros((num, len(part)))
        block[row[inside], place_of[word[inside]]] = value[inside]
        similar += block @ block.T
    empty = lengths == 0
    similar[np.ix_(empty, empty)] = 1
    np.fill_diagonal(similar, 1)
    return similar


def word_figures(texts: Sequence[str], max_words: int) -> dict[str, float] | None:
    """Variety of words and word sequences.

    Source: Shannon (1948); Li et al., "A diversity-promoting objective function" (2016): distinct
    n-grams over all n-grams, within texts.

    Args:
        texts: In order.
        max_words: Words to look at; the last text is cut there.

    Returns:
        `words` looked at and `texts` begun, `entropy_bits` of the distribution of words, and
        `distinct_1` to `distinct_3`, where there is such a sequence; None where there is no word.
    """
    offsets, words = words_of(texts)
    words = words[:max_words]
    if not len(words):
        return None
    row = np.repeat(np.arange(len(texts)), np.diff(offsets))[: len(words)]
    distinct, number, times = np.unique(words, return_inverse=True, return_counts=True)
    shares = times / len(words)
    figures = {
        "words": float(len(words)),
        "texts": float(len(np.unique(row))),
        "entropy_bits": float(-(shares * np.log2(shares)).sum()) + 0.0,
    }
    grams = number
    for n in (1, 2, 3):
        if n > 1:
            # Numbered anew each time, so that a sequence is one exact number.
            _, grams = np.unique(grams, return_inverse=True)
            grams = grams[:-1] * len(distinct) + number[n - 1 :]
        within = grams[row[: len(grams)] == row[n - 1 :]]
        if len(within):
            figures[f"distinct_{n}"] = len(np.unique(within)) / len(within)
    return figures


def near_duplicates(texts: Sequence[str], threshold: float) -> npt.NDArray[np.bool_]:
    """Which texts have a near-duplicate among the others, bool [n].

    By the Jaccard similarity of their sets of runs of five words (Broder 1997), each pair compared;
    a text without a word has none.

    Args:
        texts: n texts; cost grows with n times their length, at most.
        threshold: Similarity from which two texts are near-duplicates.
    """
    from tilth.kernels.minhash import distinct_hashes

    offsets, shingles = distinct_hashes(*words_of(texts, SHINGLE_WORDS))
    sizes = np.diff(offsets)
    row = np.repeat(np.arange(len(texts)), sizes)
    _, number, times = np.unique(shingles, return_inverse=True, return_counts=True)
    # What no other text has is in the sizes alone.
    shared = times[number] > 1
    row, number = row[shared], number[shared]
    _, number = np.unique(number, return_inverse=True)
    starts = np.searchsorted(row, np.arange(len(texts) + 1))
    similar = np.zeros(len(texts), bool)
    marked = np.zeros(int(number.max(initial=-1)) + 1, bool)
    for one in range(len(texts)):
        own = number[starts[one] : starts[one + 1]]
        if similar[one] or len(own) < threshold * sizes[one] or not len(own):
            continue
        marked[own] = True
        common = np.bincount(row[marked[number]], minlength=len(texts))
        marked[own] = False
        is_near = common >= threshold * (sizes + sizes[one] - common) - 1e-9
        is_near &= common > 0
        is_near[one] = False
        if is_near.any():
            similar[one] = True
            similar |= is_near
    return similar


def over_samples(
    values: Sequence[float], step: float, lowest: float, highest: float
) -> PlainObject:
    """The mean over samples with its 95 % interval.

    Student's t over the samples; wider by what a text would change that none of them happens to
    have, so that samples that agree are no certainty.

    Args:
        values: One of each sample, 2 to 8.
        step: How much one text can change the figure of a sample.
        lowest, highest: What the figure cannot be below and above.
    """
    num = len(values)
    mean = math.fsum(values) / num
    half = _T[num - 2] * float(np.std(values, ddof=1)) / math.sqrt(num)
    half += _RULE_OF_THREE / num * step
    return {
        "value": round(mean, 6),
        "low": round(max(mean - half, lowest), 6),
        "high": round(min(mean + half, highest), 6),
    }


def step_of_score(score: float, num_texts: int) -> float:
    """How much one text of n, unlike all others or a copy of one, changes a Vendi score of them."""
    return score * (math.log(num_texts) + 2 - math.log(score)) / num_texts


def step_of_entropy(bits: float, part: float, words: float) -> float:
    """How much one text that is a `part` of the words can change their entropy, in bits."""
    if part >= 1:
        return math.log2(words)
    mixed = -(part * math.log2(part) + (1 - part) * math.log2(1 - part))
    return mixed + part * max(math.log2(words) - bits, bits)
