"""The one word splitter: `\\w+|-+|\\.+|punctuation`, Unicode-correct, over Arrow string buffers.

A token is a run of word characters, a run of hyphens or of full stops (a ruler, an ellipsis: one
mark, as spaCy has it), or one character that is neither word nor white space. Word characters are
`\\w` of Python's `re`, and the combining marks and joiners within a word, so that Hindi or Persian
words stay whole (UAX #29, rule WB4). A pattern like this is close enough to spaCy's English
tokenizer, with which the published thresholds were set, that Gopher-quality decisions agree for
nine documents in ten; `str.split` gives six.

Of scripts that put no blanks between words each letter is a token, with its marks, as UAX #29 has
it: Chinese, Japanese but for katakana, Thai, Lao, Khmer, Burmese. Their words are in dictionaries
(`clean.dictionary`); whatever compares texts compares these letters, wherever it runs.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from tilth.kernels.characters import (
    JOIN,
    SPACE,
    UNSPACED,
    WORD,
    Bytes,
    Integers,
    character_class,
    class_table,
    decode,
)

HYPHEN: Final = 0x2D
FULL_STOP: Final = 0x2E
KATAKANA_FIRST: Final = 0x30A1
KATAKANA_LAST: Final = 0x30FF  # the mark of a long vowel is one of them
# Fowler, Noll and Vo: FNV-1a, 64 bits.
FNV_OFFSET: Final = np.uint64(0xCBF29CE484222325)
FNV_PRIME: Final = np.uint64(0x100000001B3)


def text_buffers(array: pa.Array | pa.ChunkedArray) -> tuple[Bytes, Integers]:
    """The UTF-8 bytes and document offsets of a string column; a null is an empty document.

    Args:
        array: string, large_string or string_view (or binary likes), sliced or not, [d].

    Returns:
        data: uint8 [n], not copied where the column is large_string already.
        offsets: int64 [d + 1] into data; document i is `data[offsets[i]:offsets[i + 1]]`.
    """
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_null(array.type) or len(array) == 0:
        return np.empty(0, np.uint8), np.zeros(len(array) + 1, np.int64)
    if not pa.types.is_large_string(array.type) and not pa.types.is_large_binary(array.type):
        is_bytes = pa.types.is_binary(array.type) or pa.types.is_binary_view(array.type)
        array = array.cast(pa.large_binary() if is_bytes else pa.large_string())
    if array.null_count:
        # The bytes behind a null are unspecified and need not be empty.
        array = array.fill_null("" if pa.types.is_large_string(array.type) else b"")
    _, offset_buffer, data_buffer = array.buffers()
    offsets = np.frombuffer(offset_buffer, np.int64)[array.offset : array.offset + len(array) + 1]
    data = np.empty(0, np.uint8) if data_buffer is None else np.frombuffer(data_buffer, np.uint8)
    return data, offsets


def split_words(data: Bytes, offsets: Integers) -> tuple[Integers, Integers, Integers]:
    """Split documents into words and punctuation marks.

    Args:
        data: UTF-8 bytes, uint8 [n].
        offsets: Document offsets, int64 [d + 1].

    Returns:
        word_offsets: int64 [d + 1]; the words of document i are
            `word_offsets[i]:word_offsets[i + 1]`.
        starts: int64 [w], first byte of each word, an index into data.
        ends: int64 [w], one past its last byte.
    """
    index, flags = class_table()
    word_offsets, starts, ends, count = _split(data, offsets, index, flags)
    return word_offsets, starts[:count].copy(), ends[:count].copy()


@njit(cache=True, nogil=True)
def _split(data, offsets, index, flags):  # type: ignore[no-untyped-def]
    num_documents = offsets.size - 1
    # No text has more words than bytes; pages that stay untouched cost no memory.
    capacity = offsets[num_documents] - offsets[0]
    starts = np.empty(capacity, np.int64)
    ends = np.empty(capacity, np.int64)
    word_offsets = np.zeros(num_documents + 1, np.int64)
    count = 0
    ascii_flags = np.int64(index[0]) * 256
    for document in range(num_documents):
        position = offsets[document]
        stop = offsets[document + 1]
        in_word = False
        previous = np.int64(0)
        letter = np.uint16(0)  # the class of the word's last one
        while position < stop:
            point, size = decode(data, position)
            kind = flags[index[point >> 8] * 256 + (point & 255)]
            if kind & WORD:
                if in_word and (kind | letter) & UNSPACED:
                    ends[count] = position
                    count += 1
                    in_word = False
                if not in_word:
                    starts[count] = position
                    in_word = True
                letter = kind
                if size == 1:
                    # Most words are ASCII to their end, which one look a letter finds.
                    while (
                        position + 1 < stop
                        and data[position + 1] < 0x80
                        and flags[ascii_flags + data[position + 1]] & WORD
                    ):
                        position += 1
            elif in_word and kind & JOIN:
                pass
            else:
                if in_word:
                    ends[count] = position
                    count += 1
                    in_word = False
                if point == previous and point in (HYPHEN, FULL_STOP):
                    ends[count - 1] = position + size
                elif not kind & SPACE:
                    starts[count] = position
                    ends[count] = position + size
                    count += 1
            previous = point
            position += size
        if in_word:
            ends[count] = stop
            count += 1
        word_offsets[document + 1] = count
    return word_offsets, starts, ends, count


def unspaced_runs(
    data: Bytes, words: tuple[Integers, Integers, Integers]
) -> tuple[Integers, Integers]:
    """Where letters of scripts without blanks follow on each other, katakana among them.

    Args:
        data: UTF-8 bytes, uint8 [n].
        words: What `split_words` gave for them.

    Returns:
        first, stop: int64 [r], the tokens of each run of two and more, `first:stop`.
    """
    index, flags = class_table()
    first, stop = _runs(data, *words, index, flags)
    return first, stop


@njit(cache=True, nogil=True)
def _runs(data, word_offsets, starts, ends, index, flags):  # type: ignore[no-untyped-def]
    count = 0
    first = np.empty(starts.size // 2, np.int64)
    stop = np.empty(starts.size // 2, np.int64)
    for document in range(word_offsets.size - 1):
        begun = word_offsets[document]
        for word in range(begun, word_offsets[document + 1] + 1):
            if word < word_offsets[document + 1]:
                # Below are ASCII, Latin, Cyrillic, Arabic: no text in these costs more than this.
                is_one = data[starts[word]] >= 0xE0
                if is_one:
                    point, _ = decode(data, starts[word])
                    is_one = (flags[index[point >> 8] * 256 + (point & 255)] & UNSPACED) != 0 or (
                        KATAKANA_FIRST <= point <= KATAKANA_LAST
                    )
                if is_one and (word == begun or starts[word] == ends[word - 1]):
                    continue
            else:
                is_one = False
            if word - begun > 1:
                first[count] = begun
                stop[count] = word
                count += 1
            begun = word if is_one else word + 1
    return first[:count].copy(), stop[:count].copy()


def hash_words(
    data: Bytes, starts: Integers, ends: Integers
) -> tuple[npt.NDArray[np.uint64], Integers]:
    """A 64-bit hash (FNV-1a) and the length in characters of each word.

    Args:
        data: UTF-8 bytes, uint8 [n].
        starts: int64 [w], as `split_words` gives them.
        ends: int64 [w].

    Returns:
        hashes: uint64 [w].
        lengths: code points, int64 [w].
    """
    hashes, lengths = _hash(data, starts, ends)
    return hashes, lengths


@njit(cache=True, nogil=True)
def _hash(data, starts, ends):  # type: ignore[no-untyped-def]
    hashes = np.empty(starts.size, np.uint64)
    lengths = np.empty(starts.size, np.int64)
    for word in range(starts.size):
        value = FNV_OFFSET
        length = 0
        for position in range(starts[word], ends[word]):
            byte = data[position]
            length += (byte & 0xC0) != 0x80
            value = (value ^ np.uint64(byte)) * FNV_PRIME
        hashes[word] = value
        lengths[word] = length
    return hashes, lengths


def plain_words(text: str) -> Iterator[str]:
    """The plain twin: the words of one text, in order."""
    word = ruler = letter = ""
    for char in text:
        category = unicodedata.category(char)
        joins = word and char != "\u200b" and category in ("Mn", "Mc", "Me", "Cf")
        if ruler and char != ruler[0]:
            yield ruler
            ruler = ""
        if char.isalnum() or char == "_":
            if word and (character_class(letter) | character_class(char)) & UNSPACED:
                yield word
                word = ""
            word += char
            letter = char
        elif joins:
            word += char
        else:
            if word:
                yield word
                word = ""
            if char in "-.":
                ruler += char
            elif not char.isspace() and category not in ("Cc", "Cf"):
                yield char
    if word or ruler:
        yield word or ruler
