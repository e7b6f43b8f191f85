"""N-grams by which two texts are compared for what they share: one meaning of "shared".

An n-gram is a run of words of the project's splitter, or of their characters, punctuation aside, of
the text folded (`folding`): neither typography nor upper case, in whatever script, hides a copy. A
text of fewer is one n-gram, so that it is compared as a whole.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from tilth.kernels.characters import (
    BLOCK,
    JOIN,
    NUM_CODE_POINTS,
    WORD,
    Bytes,
    Integers,
    character_class,
    decode,
)
from tilth.kernels.composing import composes_with_what_precedes, seconds
from tilth.kernels.folding import INVISIBLE, fold
from tilth.kernels.minhash import (
    Hashes,
    character_shingle_hashes,
    plain_character_shingle_hashes,
    plain_shingle_hashes,
    shingle_hashes,
)
from tilth.kernels.words import text_buffers

# Where characters with another form stand: ideographs, syllables and private use have none.
_WITH_FORMS: Final = (
    range(0x3400),
    range(0xA000, 0xAC00),
    range(0xF900, 0x17000),
    range(0x18D00, 0x20000),
    range(0x2F800, 0x2FB00),
    range(0xE0000, 0xE1000),
)


def word_ngrams(texts: pa.Array | pa.ChunkedArray, width: int) -> tuple[Integers, Hashes]:
    """Hash every n-gram of texts.

    Args:
        texts: A string column [d]; a null has no n-gram.
        width: Words in an n-gram, at least 1.

    Returns:
        offsets: int64 [d + 1].
        ngrams: uint64 [s], in the order of the text, repeats included; with a text's n-grams in
            their order all its words are known, so equal ones are copies as a whole.
    """
    return shingle_hashes(*folded_words(texts), width)


def plain_word_ngrams(text: str, width: int) -> list[int]:
    """The plain twin: the n-grams of one text, in order."""
    return plain_shingle_hashes(fold(text), width)


def character_ngrams(texts: pa.Array | pa.ChunkedArray, width: int) -> tuple[Integers, Hashes]:
    """Hash every n-gram of the characters of words, each with its marks, in texts.

    Args:
        texts: A string column [d]; a null has no n-gram.
        width: Characters in an n-gram, at least 1.

    Returns:
        offsets: int64 [d + 1].
        ngrams: uint64 [s], in the order of the text, repeats included.
    """
    return character_shingle_hashes(*folded_words(texts), width)


def plain_character_ngrams(text: str, width: int) -> list[int]:
    """The plain twin: the n-grams of one text, in order."""
    return plain_character_shingle_hashes(fold(text), width)


def folded_words(texts: pa.Array | pa.ChunkedArray) -> tuple[Bytes, Integers]:
    """The buffers of texts of which the words are those of the folded ones, but for A to Z.

    Only texts in which folding would change a word are folded: prose in English keeps its bytes,
    dashes, quotes and accents included.

    Args:
        texts: A string column [d]; a null is an empty text.

    Returns:
        data: UTF-8 bytes, uint8 [n].
        offsets: int64 [d + 1].
    """
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    texts = texts.cast(pa.large_string())
    data, offsets = text_buffers(texts)
    foreign = np.flatnonzero(pc.equal(pc.string_is_ascii(texts), False).fill_null(False))
    rows = _changing(data, offsets, foreign, *_changes()).tolist() if foreign.size else []
    if not rows:
        return data, offsets
    new = {row: fold(_text(data[offsets[row] : offsets[row + 1]])).encode() for row in rows}
    sizes = np.diff(offsets)
    for row, folded in new.items():
        sizes[row] = len(folded)
    pieces, place = [], 0
    for row in rows:
        pieces += [data[offsets[place] : offsets[row]], np.frombuffer(new[row], np.uint8)]
        place = row + 1
    pieces.append(data[offsets[place] : offsets[-1]])
    return np.concatenate(pieces), np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def _text(data: Bytes) -> str:
    return data.tobytes().decode()  # of an Arrow string: valid UTF-8


def plain_changes(char: str) -> bool:
    """Whether folding may change a word that the character stands in or beside: the definition."""
    if char.isascii():
        return False
    if INVISIBLE.match(char) or composes_with_what_precedes(char):
        return True
    folded = fold(char)
    return folded != char and any(character_class(one) & (WORD | JOIN) for one in char + folded)


@lru_cache(maxsize=1)
def _changes() -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.bool_]]:
    """`plain_changes` as a two-stage table, as `characters.class_table` is one."""
    changes = np.zeros(NUM_CODE_POINTS, np.bool_)
    for part in _WITH_FORMS:
        for start in range(part.start, part.stop, BLOCK):
            # Of most blocks nothing has another form.
            if not _has_forms(chars := list(map(chr, range(start, start + BLOCK)))):
                continue
            changes[start : start + BLOCK] = list(map(plain_changes, chars))
    blocks, index = np.unique(changes.reshape(-1, BLOCK), axis=0, return_inverse=True)
    return index.reshape(-1).astype(np.uint16), np.ascontiguousarray(blocks).reshape(-1)


def _has_forms(chars: list[str]) -> bool:
    apart = "\x00".join(chars)
    return (
        fold(apart) != apart
        or any(map(unicodedata.combining, chars))
        or not seconds().isdisjoint(chars)
        or chars[0] == "\u1100"
    )


@njit(cache=True, nogil=True)
def _changing(data, offsets, documents, index, changes):  # type: ignore[no-untyped-def]
    """Which of these texts hold a character that folding may change, int64 [found]."""
    found = np.empty(documents.size, np.int64)
    count = 0
    for document in documents:
        position = offsets[document]
        stop = offsets[document + 1]
        while position < stop:
            if data[position] < 0x80:
                position += 1
                continue
            point, size = decode(data, position)
            if changes[index[point >> 8] * 256 + (point & 255)]:
                found[count] = document
                count += 1
                break
            position += size
    return found[:count]
