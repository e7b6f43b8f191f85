"""Shingles, MinHash signatures and exact comparison, each with its plain twin.

A shingle is `width` consecutive words of the project's splitter, or characters of these;
punctuation is left out and ASCII letters count as lower case, so that typography does not hide a
copy. A signature holds the minimum of `num_hashes` hash functions over a document's shingles
(Broder 1997, "On the resemblance and containment of documents"): two documents agree in a place
with a probability equal to the Jaccard similarity of their shingle sets. The functions are
independent rather than one permutation in bins: short documents then need no densification, and the
inner loop over functions runs in SIMD lanes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from numba import njit

from tilth.kernels.characters import (
    JOIN,
    WORD,
    Bytes,
    Integers,
    character_class,
    class_table,
    decode,
)
from tilth.kernels.words import plain_words, split_words

Hashes = npt.NDArray[np.uint64]
Signatures = npt.NDArray[np.uint32]

_MASK64 = (1 << 64) - 1
_MASK32 = (1 << 32) - 1
# FNV-1a over a word's bytes; the finalizer of MurmurHash3 (both in the public domain).
_FNV_OFFSET = np.uint64(0xCBF29CE484222325)
_FNV_PRIME = np.uint64(0x100000001B3)
_MIX_1 = np.uint64(0xFF51AFD7ED558CCD)
_MIX_2 = np.uint64(0xC4CEB9FE1A85EC53)
_S33 = np.uint64(33)
_S32 = np.uint64(32)
# Any odd 64-bit number serves as the base of the rolling polynomial; this is 2^64 / golden ratio.
_BASE = np.uint64(0x9E3779B97F4A7C15)
_MIX_32 = np.uint32(0x85EBCA6B)
_S16 = np.uint32(16)
EMPTY = np.uint32(_MASK32)  # fills the signature of a document without words


@njit(cache=True, nogil=True, inline="always")
def _mix(value):  # type: ignore[no-untyped-def]
    value ^= value >> _S33
    value *= _MIX_1
    value ^= value >> _S33
    value *= _MIX_2
    return value ^ (value >> _S33)


def shingle_hashes(data: Bytes, offsets: Integers, width: int) -> tuple[Integers, Hashes]:
    """Hash every run of `width` words; a document with fewer words is one shingle.

    Args:
        data: UTF-8 bytes, uint8 [n].
        offsets: Document offsets, int64 [d + 1].
        width: Words in a shingle, at least 1.

    Returns:
        shingle_offsets: int64 [d + 1]; a document without words has no shingles.
        shingles: uint64 [s], in the order of the text, repeats included.
    """
    word_offsets, starts, ends = split_words(data, offsets)
    index, flags = class_table()
    shingle_offsets, shingles = _shingle(data, word_offsets, starts, ends, width, index, flags)
    return shingle_offsets, shingles[: shingle_offsets[-1]]


@njit(cache=True, nogil=True)
def _shingle(data, word_offsets, starts, ends, width, index, flags):  # type: ignore[no-untyped-def]
    num_documents = word_offsets.size - 1
    shingle_offsets = np.zeros(num_documents + 1, np.int64)
    shingles = np.empty(starts.size, np.uint64)
    window = np.empty(width, np.uint64)
    leaving = np.uint64(1)
    for _ in range(width):
        leaving *= _BASE
    count = 0
    for document in range(num_documents):
        rolling = np.uint64(0)
        num_words = 0
        slot = 0
        for word in range(word_offsets[document], word_offsets[document + 1]):
            point, _ = decode(data, starts[word])
            if not flags[index[point >> 8] * 256 + (point & 255)] & WORD:
                continue
            value = _FNV_OFFSET
            for position in range(starts[word], ends[word]):
                byte = data[position]
                # Adds 32 to `A`..`Z` without a branch.
                byte |= np.uint8(np.uint8(byte - np.uint8(65)) < np.uint8(26)) << np.uint8(5)
                value = (value ^ np.uint64(byte)) * _FNV_PRIME
            value = _mix(value)
            rolling = rolling * _BASE + value
            if num_words >= width:
                rolling -= window[slot] * leaving
            window[slot] = value
            slot = slot + 1 if slot + 1 < width else 0
            num_words += 1
            if num_words >= width:
                shingles[count] = _mix(rolling)
                count += 1
        if 0 < num_words < width:
            shingles[count] = _mix(rolling)
            count += 1
        shingle_offsets[document + 1] = count
    return shingle_offsets, shingles


def character_shingle_hashes(data: Bytes, offsets: Integers, width: int) -> tuple[Integers, Hashes]:
    """Hash every run of `width` characters of words, from one word on into the next.

    Args:
        data: UTF-8 bytes, uint8 [n].
        offsets: Document offsets, int64 [d + 1].
        width: Letters and digits in a shingle, each with its marks, at least 1. A document with
            fewer is one shingle.

    Returns:
        shingle_offsets: int64 [d + 1]; a document without words has no shingles.
        shingles: uint64 [s], in the order of the text, repeats included.
    """
    character_offsets, hashes = _characters(data, offsets, *class_table())
    shingle_offsets, shingles = _roll(character_offsets, hashes, width)
    return shingle_offsets, shingles[: shingle_offsets[-1]]


@njit(cache=True, nogil=True)
def _characters(data, offsets, index, flags):  # type: ignore[no-untyped-def]
    num_documents = offsets.size - 1
    character_offsets = np.zeros(num_documents + 1, np.int64)
    hashes = np.empty(offsets[num_documents] - offsets[0], np.uint64)
    count = 0
    for document in range(num_documents):
        position = offsets[document]
        stop = offsets[document + 1]
        in_word = False
        while position < stop:
            point, size = decode(data, position)
            kind = flags[index[point >> 8] * 256 + (point & 255)]
            if kind & WORD:
                in_word = True
                if 65 <= point <= 90:
                    point += 32
                hashes[count] = _mix((_FNV_OFFSET ^ np.uint64(point)) * _FNV_PRIME)
                count += 1
            elif in_word and kind & JOIN:
                hashes[count - 1] = _mix((hashes[count - 1] ^ np.uint64(point)) * _FNV_PRIME)
            else:
                in_word = False
            position += size
        character_offsets[document + 1] = count
    return character_offsets, hashes[:count]


@njit(cache=True, nogil=True)
def _roll(offsets, hashes, width):  # type: ignore[no-untyped-def]
    shingle_offsets = np.zeros(offsets.size, np.int64)
    shingles = np.empty(hashes.size, np.uint64)
    leaving = np.uint64(1)
    for _ in range(width):
        leaving *= _BASE
    count = 0
    for document in range(offsets.size - 1):
        first, stop = offsets[document], offsets[document + 1]
        rolling = np.uint64(0)
        for place in range(first, stop):
            rolling = rolling * _BASE + hashes[place]
            if place - first >= width:
                rolling -= hashes[place - width] * leaving
            if place - first >= width - 1:
                shingles[count] = _mix(rolling)
                count += 1
        if 0 < stop - first < width:
            shingles[count] = _mix(rolling)
            count += 1
        shingle_offsets[document + 1] = count
    return shingle_offsets, shingles


def plain_character_shingle_hashes(text: str, width: int) -> list[int]:
    """The plain twin: the shingle hashes of one text, in order."""
    hashes: list[int] = []
    for word in plain_words(text):
        if not character_class(word[0]) & WORD:
            continue
        for char in word:
            point = ord(char) + 32 if "A" <= char <= "Z" else ord(char)
            begun = int(_FNV_OFFSET) if character_class(char) & WORD else hashes.pop()
            hashes.append(_plain_mix(((begun ^ point) * int(_FNV_PRIME)) & _MASK64))
    return _plain_runs(hashes, width)


def plain_shingle_hashes(text: str, width: int) -> list[int]:
    """The plain twin: the shingle hashes of one text, in order."""
    hashes = [
        _plain_word_hash(word) for word in plain_words(text) if character_class(word[0]) & WORD
    ]
    return _plain_runs(hashes, width)


def _plain_runs(hashes: Sequence[int], width: int) -> list[int]:
    runs = [hashes[i : i + width] for i in range(max(1, len(hashes) - width + 1))]
    shingles = []
    for run in runs if hashes else []:
        value = 0
        for one in run:
            value = (value * int(_BASE) + one) & _MASK64
        shingles.append(_plain_mix(value))
    return shingles


def _plain_word_hash(word: str) -> int:
    value = int(_FNV_OFFSET)
    for byte in word.encode():
        lower = byte + 32 if 65 <= byte <= 90 else byte
        value = ((value ^ lower) * int(_FNV_PRIME)) & _MASK64
    return _plain_mix(value)


def _plain_mix(value: int) -> int:
    value = ((value ^ (value >> 33)) * int(_MIX_1)) & _MASK64
    value = ((value ^ (value >> 33)) * int(_MIX_2)) & _MASK64
    return value ^ (value >> 33)


def distinct_hashes(offsets: Integers, hashes: Hashes) -> tuple[Integers, Hashes]:
    """Sort each document's hashes and leave out the repeats.

    Args:
        offsets: int64 [d + 1] into hashes.
        hashes: uint64 [s].

    Returns:
        The same two arrays over the distinct hashes, ascending within a document.
    """
    distinct_offsets, distinct = _distinct(offsets, hashes)
    return distinct_offsets, distinct[: distinct_offsets[-1]]


@njit(cache=True, nogil=True)
def _distinct(offsets, hashes):  # type: ignore[no-untyped-def]
    distinct_offsets = np.zeros(offsets.size, np.int64)
    distinct = np.empty(hashes.size, np.uint64)
    count = 0
    for document in range(offsets.size - 1):
        first = count
        for value in np.sort(hashes[offsets[document] : offsets[document + 1]]):
            if count == first or value != distinct[count - 1]:
                distinct[count] = value
                count += 1
        distinct_offsets[document + 1] = count
    return distinct_offsets, distinct


def signatures(shingle_offsets: Integers, shingles: Hashes, num_hashes: int) -> Signatures:
    """MinHash signatures of documents.

    Args:
        shingle_offsets: int64 [d + 1].
        shingles: uint64 [s]; repeats change nothing.
        num_hashes: Hash functions, places of a signature.

    Returns:
        uint32 [d, num_hashes]; all `EMPTY` for a document without shingles.
    """
    seeds = _seeds(num_hashes)
    return np.asarray(_signatures(shingle_offsets, shingles, seeds[0], seeds[1]), np.uint32)


def _seeds(num_hashes: int) -> Signatures:
    """Multipliers (odd) and addends, uint32 [2, num_hashes]; a longer one continues a shorter."""
    drawn = [_plain_mix(i * int(_BASE) & _MASK64) for i in range(1, num_hashes + 1)]
    seeds = np.array([[v & _MASK32 | 1 for v in drawn], [v >> 32 for v in drawn]], np.uint64)
    return seeds.astype(np.uint32)


@njit(cache=True, nogil=True)
def _signatures(offsets, shingles, multipliers, addends):  # type: ignore[no-untyped-def]
    num_hashes = multipliers.size
    result = np.full((offsets.size - 1, num_hashes), EMPTY, np.uint32)
    for document in range(offsets.size - 1):
        row = result[document]
        for shingle in range(offsets[document], offsets[document + 1]):
            folded = np.uint32(shingles[shingle] >> _S32)
            for k in range(num_hashes):
                value = np.uint32(folded * multipliers[k] + addends[k])
                # A linear function alone is not min-wise independent: mix high bits into low.
                value = np.uint32((value ^ (value >> _S16)) * _MIX_32)
                row[k] = min(row[k], value)
    return result


def plain_signature(shingles: Sequence[int], num_hashes: int) -> list[int]:
    """The plain twin: the signature of one document."""
    signature = []
    for multiplier, addend in _seeds(num_hashes).T.tolist():
        values = [((s >> 32) * multiplier + addend) & _MASK32 for s in shingles]
        mixed = [((v ^ (v >> 16)) * int(_MIX_32)) & _MASK32 for v in values]
        signature.append(min(mixed, default=int(EMPTY)))
    return signature


def band_hashes(signature_rows: Signatures, num_bands: int) -> Hashes:
    """Hash each band of each signature; equal hashes make candidates (locality-sensitive hashing).

    Args:
        signature_rows: uint32 [d, num_hashes], num_hashes a multiple of num_bands.
        num_bands: Bands; the places of a signature are cut in so many runs.

    Returns:
        uint64 [d, num_bands]; the band's number is part of the hash.
    """
    return np.asarray(_bands(signature_rows, num_bands), np.uint64)


@njit(cache=True, nogil=True)
def _bands(rows, num_bands):  # type: ignore[no-untyped-def]
    width = rows.shape[1] // num_bands
    result = np.empty((rows.shape[0], num_bands), np.uint64)
    for document in range(rows.shape[0]):
        for band in range(num_bands):
            value = np.uint64(band)
            for k in range(band * width, (band + 1) * width):
                value = _mix(value * _BASE + np.uint64(rows[document, k]))
            result[document, band] = value
    return result


def plain_band_hashes(signature: Sequence[int], num_bands: int) -> list[int]:
    """The plain twin: the band hashes of one signature."""
    width = len(signature) // num_bands
    hashes = []
    for band in range(num_bands):
        value = band
        for place in signature[band * width : (band + 1) * width]:
            value = _plain_mix((value * int(_BASE) + place) & _MASK64)
        hashes.append(value)
    return hashes


def shared_counts(stored: Hashes, starts: Integers, sizes: Integers, hashes: Hashes) -> Integers:
    """How many hashes a set has in common with each of others, exactly.

    Args:
        stored: Other sets one after another, each distinct and ascending, uint64 [s].
        starts, sizes: Where each of them begins, and how many it has: int64 [n].
        hashes: The set, distinct and ascending, uint64 [h].

    Returns:
        int64 [n].
    """
    return np.asarray(_shared(stored, starts, sizes, hashes), np.int64)


@njit(cache=True, nogil=True)
def _shared(stored, starts, sizes, hashes):  # type: ignore[no-untyped-def]
    counts = np.zeros(starts.size, np.int64)
    for one in range(starts.size):
        here, stop = starts[one], starts[one] + sizes[one]
        place = 0
        count = 0
        while here < stop and place < hashes.size:
            theirs, ours = stored[here], hashes[place]
            count += theirs == ours
            here += theirs <= ours
            place += ours <= theirs
        counts[one] = count
    return counts


def plain_shared_counts(others: Sequence[Sequence[int]], hashes: Sequence[int]) -> list[int]:
    """The plain twin."""
    return [len(set(other) & set(hashes)) for other in others]
