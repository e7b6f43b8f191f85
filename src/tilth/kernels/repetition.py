"""How much of a document repeats itself: lines, paragraphs and word n-grams.

The quantities of Rae et al. 2021 (Gopher), table A1: for n = 2, 3, 4 the characters within the most
common n-gram, for n = 5 ... 10 those within any n-gram that stood before. Both walk over the words
and jump over each n-gram they count, so that no character counts twice and a row of equal marks is
not taken for many n-grams; white space between two words of the most common n-gram counts as one.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

from tilth.kernels.characters import SPACE, Bytes, Integers, class_table, decode
from tilth.kernels.words import FNV_OFFSET, FNV_PRIME, hash_words

REPETITIONS: Final = (
    "duplicate_lines",
    "duplicate_line_chars",
    "paragraphs",
    "duplicate_paragraphs",
    "duplicate_paragraph_chars",
    *(f"top_{n}_gram_chars" for n in range(2, 5)),
    *(f"duplicate_{n}_gram_chars" for n in range(5, 11)),
)
(
    DUPLICATE_LINES, DUPLICATE_LINE_CHARS, PARAGRAPHS, DUPLICATE_PARAGRAPHS,
    DUPLICATE_PARAGRAPH_CHARS, TOP_2,
) = range(6)  # fmt: skip
DUPLICATE_5: Final = TOP_2 + 3

_MIX: Final = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: Knuth's multiplicative hashing


def count_repetitions(
    data: Bytes, offsets: Integers, words: tuple[Integers, Integers, Integers]
) -> dict[str, Integers]:
    """Count repeated lines, paragraphs and n-grams of each document.

    A line is stripped and not blank; paragraphs stand between blank lines. Equality is that of
    64-bit hashes.

    Args:
        data: UTF-8 bytes, uint8 [n].
        offsets: Document offsets, int64 [d + 1].
        words: What `split_words` gave for them.

    Returns:
        int64 [d] for each name in `REPETITIONS`; `*_chars` are in code points.
    """
    index, flags = class_table()
    word_offsets, starts, ends = words
    hashes, lengths = hash_words(data, starts, ends)
    matrix = np.zeros((len(REPETITIONS), offsets.size - 1), np.int64)
    _count_lines(data, offsets, index, flags, matrix)
    _count_ngrams(word_offsets, starts, ends, hashes, lengths, matrix)
    return dict(zip(REPETITIONS, matrix, strict=True))


@njit(cache=True, nogil=True)
def _slots(size):  # type: ignore[no-untyped-def]
    """The bits of a hash table that is at most half full with `size` keys."""
    bits = 4
    while (1 << bits) < 2 * size:
        bits += 1
    return bits


@njit(cache=True, nogil=True)
def _find(key, keys, stamps, stamp, bits):  # type: ignore[no-untyped-def]
    """The slot of the key, or the free slot where it belongs; a slot of another stamp is free."""
    mask = np.int64((1 << bits) - 1)
    slot = np.int64((key * _MIX) >> np.uint64(64 - bits))
    while stamps[slot] == stamp and keys[slot] != key:
        slot = (slot + 1) & mask
    return slot


@njit(cache=True, nogil=True)
def _count_ngrams(word_offsets, starts, ends, hashes, lengths, out):  # type: ignore[no-untyped-def]
    longest = 0
    for document in range(word_offsets.size - 1):
        longest = max(longest, word_offsets[document + 1] - word_offsets[document])
    bits = _slots(longest)
    keys = np.empty(1 << bits, np.uint64)
    counts = np.empty(1 << bits, np.int64)
    stamps = np.zeros(1 << bits, np.int64)
    grams = np.empty(longest, np.uint64)
    chars = np.empty(longest, np.int64)
    slots = np.empty(longest, np.int64)
    stamp = 0
    for document in range(word_offsets.size - 1):
        first = word_offsets[document]
        num_words = word_offsets[document + 1] - first
        bits = _slots(num_words)
        for i in range(num_words):
            grams[i] = hashes[first + i]
            chars[i] = lengths[first + i]
        for n in range(2, 11):
            for i in range(num_words - n + 1):
                grams[i] = (grams[i] ^ (grams[i] >> np.uint64(29))) * _MIX + hashes[
                    first + i + n - 1
                ]
                chars[i] += lengths[first + i + n - 1]
            stamp += 1
            if n < 5:
                top = 1
                for i in range(num_words - n + 1):
                    slot = _find(grams[i], keys, stamps, stamp, bits)
                    if stamps[slot] != stamp:
                        stamps[slot] = stamp
                        keys[slot] = grams[i]
                        counts[slot] = 0
                    counts[slot] += 1
                    slots[i] = slot
                    top = max(top, counts[slot])
                if top < 2:
                    break
                i = 0
                most_common = -1
                while i < num_words - n + 1:
                    if most_common < 0 and counts[slots[i]] == top:
                        most_common = slots[i]
                    if slots[i] == most_common:
                        out[TOP_2 + n - 2, document] += chars[i]
                        for word in range(first + i + 1, first + i + n):
                            out[TOP_2 + n - 2, document] += starts[word] > ends[word - 1]
                        i += n
                    else:
                        i += 1
            else:
                repeated = 0
                i = 0
                while i < num_words - n + 1:
                    slot = _find(grams[i], keys, stamps, stamp, bits)
                    if stamps[slot] == stamp:
                        repeated += chars[i]
                        i += n
                    else:
                        stamps[slot] = stamp
                        keys[slot] = grams[i]
                        i += 1
                out[DUPLICATE_5 + n - 5, document] = repeated
                # Where no n-gram repeats, no longer one can.
                if repeated == 0:
                    break


@njit(cache=True, nogil=True)
def _count_lines(data, offsets, index, flags, out):  # type: ignore[no-untyped-def]
    most_lines = 0
    for document in range(offsets.size - 1):
        lines = 1
        for position in range(offsets[document], offsets[document + 1]):
            lines += data[position] == 10
        most_lines = max(most_lines, lines)
    bits = _slots(most_lines)
    keys = np.empty(1 << bits, np.uint64)
    stamps = np.zeros(1 << bits, np.int64)
    paragraph_keys = np.empty(1 << bits, np.uint64)
    paragraph_stamps = np.zeros(1 << bits, np.int64)
    for document in range(offsets.size - 1):
        stamp = document + 1
        position = offsets[document]
        stop = offsets[document + 1]
        value = FNV_OFFSET  # of the line up to its last visible character
        running = FNV_OFFSET
        paragraph = FNV_OFFSET
        length = running_length = paragraph_chars = 0
        # One position beyond the end: the line feed that ends the last line, and one that ends the
        # last paragraph.
        while position <= stop + 1:
            if position >= stop:
                point, size, kind = np.int64(10), 1, np.int64(SPACE)
            else:
                point, size = decode(data, position)
                kind = np.int64(flags[index[point >> 8] * 256 + (point & 255)])
            if point == 10:
                if length:
                    slot = _find(value, keys, stamps, stamp, bits)
                    if stamps[slot] == stamp:
                        out[DUPLICATE_LINES, document] += 1
                        out[DUPLICATE_LINE_CHARS, document] += length
                    stamps[slot] = stamp
                    keys[slot] = value
                    paragraph = (paragraph ^ (paragraph >> np.uint64(29))) * _MIX + value
                    paragraph_chars += length
                elif paragraph_chars:
                    out[PARAGRAPHS, document] += 1
                    slot = _find(paragraph, paragraph_keys, paragraph_stamps, stamp, bits)
                    if paragraph_stamps[slot] == stamp:
                        out[DUPLICATE_PARAGRAPHS, document] += 1
                        out[DUPLICATE_PARAGRAPH_CHARS, document] += paragraph_chars
                    paragraph_stamps[slot] = stamp
                    paragraph_keys[slot] = paragraph
                    paragraph = FNV_OFFSET
                    paragraph_chars = 0
                value = running = FNV_OFFSET
                length = running_length = 0
            elif running_length or not kind & SPACE:
                running = (running ^ np.uint64(point)) * FNV_PRIME
                running_length += 1
                if not kind & SPACE:
                    value = running
                    length = running_length
            position += size
