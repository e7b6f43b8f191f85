"""Words of scripts that put no blanks between them, by ICU's dictionaries, where these are.

With the extra `scripts` (the package icu4py, which brings ICU) the letters of Chinese, Japanese,
Thai, Lao, Khmer and Burmese that the splitter finds are put together to words, as UAX #29 asks for
and ICU does. Without it each letter counts as a word, and so it does in all that compares texts,
which must not depend on what is installed.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, TypeAlias
from unicodedata import is_normalized, normalize

import numpy as np

from tilth.kernels.composing import composes_with_what_precedes

# Kernels load numba, and whoever reads or plans a recipe needs none.
if TYPE_CHECKING:
    from tilth.kernels.characters import Bytes, Integers

Words: TypeAlias = "tuple[Integers, Integers, Integers]"

PACKAGE = "icu4py"


@lru_cache(maxsize=1)
def dictionaries() -> str:
    """The package and version that brings dictionaries; nothing where it is not installed."""
    try:
        return f"{PACKAGE} {version(PACKAGE)}"
    except PackageNotFoundError:
        return ""


def words_of(data: Bytes, offsets: Integers) -> Words:
    """Split documents into words and punctuation marks, by dictionaries where there are any.

    Args:
        data: UTF-8 bytes, uint8 [n].
        offsets: Document offsets, int64 [d + 1].

    Returns:
        What `split_words` returns.
    """
    from tilth.kernels.words import split_words

    words = split_words(data, offsets)
    return with_dictionaries(data, words) if dictionaries() else words


def with_dictionaries(data: Bytes, words: Words) -> Words:
    """Tokens of which those that are letters of a word are one, as ICU finds words.

    Args:
        data: UTF-8 bytes, uint8 [n].
        words: What `split_words` gave for them.

    Raises:
        ImportError: The package is not installed.
    """
    from tilth.kernels.words import unspaced_runs

    first, stop = unspaced_runs(data, words)
    if not first.size:
        return words
    from icu4py.breakers import WordBreaker

    word_offsets, starts, ends = words
    raw = data.tobytes()
    texts = [raw[a:b].decode() for a, b in zip(starts[first], ends[stop - 1], strict=True)]
    # One line a run: a line feed is a segment of its own, and no word goes over it.
    whole, place = "\n".join(texts), 0
    # The dictionaries have `が` as one letter, and not as `か` with its mark.
    composed, sizes = (whole, None) if is_normalized("NFC", whole) else _composed(whole)
    bounds: list[list[int]] = [[0]]
    for segment in WordBreaker(composed, ""):
        end = place + len(segment)
        if segment == "\n":
            bounds.append([0])
        elif size := len(segment.encode()) if sizes is None else sum(sizes[place:end]):
            bounds[-1].append(bounds[-1][-1] + size)
        place = end
    kept = np.ones(starts.size + 1, np.int64)
    for a, b in zip(first.tolist(), stop.tolist(), strict=True):
        kept[a:b] = 0
    new_starts, new_ends = [], []
    place = 0
    for a, b, own in zip(first.tolist(), stop.tolist(), bounds, strict=True):
        places = np.array(own, np.int64) + starts[a]
        new_starts += [starts[place:a], places[:-1]]
        new_ends += [ends[place:a], places[1:]]
        # The first token of a run stands for all words of it.
        kept[a] = len(own) - 1
        place = b
    new_starts.append(starts[place:])
    new_ends.append(ends[place:])
    before = np.cumsum(kept) - kept
    return before[word_offsets], np.concatenate(new_starts), np.concatenate(new_ends)


def _composed(text: str) -> tuple[str, list[int]]:
    """A text in NFC (UAX #15), and how many bytes of UTF-8 each of its characters had before."""
    letters: list[str] = []
    for char in text:
        if letters and letters[-1] != "\n" and composes_with_what_precedes(char):
            letters[-1] += char
        else:
            letters.append(char)
    parts, sizes = [], []
    for letter in letters:
        part = normalize("NFC", letter)
        parts.append(part)
        sizes += [0] * (len(part) - 1) + [len(letter.encode())]
    return "".join(parts), sizes
