"""Counts of characters, lines and words, one pass over the bytes and one over the words.

Counts, not ratios: every ratio of the published filters is a quotient of these.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

from tilth.kernels.characters import (
    ALPHA,
    BULLET,
    DIGIT,
    SPACE,
    TERMINAL,
    UNSPACED,
    UPPER,
    WORD,
    Bytes,
    Integers,
    class_table,
    decode,
)

# The rows of the matrix of counts; the kernel writes by position, everybody else reads by name.
COUNTS: Final = (
    "chars",  # code points
    "alphas",
    "digits",
    "uppers",
    "unspaced",  # letters of scripts without blanks between words
    "spaces",
    "newlines",
    "hashes",  # "#"
    "ellipses",  # "..." and "…"
    "curly_brackets",
    "sentences",
    "lorem_ipsums",
    "lines",  # that are not blank; all line counts are of these
    "bullet_lines",
    "ellipsis_lines",
    "terminal_lines",
    "short_lines",
    "javascript_lines",
    "tokens",  # words and punctuation marks
    "words",  # tokens with a letter or digit
    "word_chars",
    "alpha_tokens",
    "stop_words",  # distinct
)
(
    CHARS, ALPHAS, DIGITS, UPPERS, UNSPACEDS, SPACES, NEWLINES, HASHES, ELLIPSES, CURLY, SENTENCES,
    LOREM, LINES, BULLET_LINES, ELLIPSIS_LINES, TERMINAL_LINES, SHORT_LINES, JAVASCRIPT_LINES,
    TOKENS, WORDS, WORD_CHARS, ALPHA_TOKENS, STOP_WORDS,
) = range(len(COUNTS))  # fmt: skip

# Rae et al. 2021, table A1. Distinct ones are counted, whatever their case.
STOP_WORDS_ENGLISH: Final = ("the", "be", "to", "of", "and", "that", "have", "with")
SHORT_LINE_CHARS: Final = 30  # Penedo et al. 2024
MAX_STOP_WORD_BYTES: Final = 4
# A line or sentence may end with one of these after its last mark.
CLOSERS: Final = "\"'”’»)]"

_LOREM: Final = np.frombuffer(b"lorem ipsum", np.uint8)
_JAVASCRIPT: Final = np.frombuffer(b"javascript", np.uint8)
_PACKED_STOP_WORDS: Final = np.array(
    [int.from_bytes(word.encode(), "big") for word in STOP_WORDS_ENGLISH], np.int64
)
_QUOTE, _APOSTROPHE, _CLOSE_DOUBLE, _CLOSE_SINGLE, _GUILLEMET, _PAREN, _BRACKET = map(ord, CLOSERS)
_ELLIPSIS: Final = ord("…")
_FIRST_FULL_WIDTH: Final = 0x3000  # from here on no space follows a sentence


def count_text(
    data: Bytes, offsets: Integers, words: tuple[Integers, Integers, Integers]
) -> dict[str, Integers]:
    """Count what the rule sets ask of each document.

    Args:
        data: UTF-8 bytes, uint8 [n].
        offsets: Document offsets, int64 [d + 1].
        words: What `split_words` gave for them.

    Returns:
        int64 [d] for each name in `COUNTS`.
    """
    index, flags = class_table()
    matrix = np.zeros((len(COUNTS), offsets.size - 1), np.int64)
    _count_characters(data, offsets, index, flags, matrix)
    _count_words(data, *words, index, flags, matrix)
    return dict(zip(COUNTS, matrix, strict=True))


@njit(cache=True, nogil=True)
def _starts_with(data, position, stop, lower):  # type: ignore[no-untyped-def]
    """Whether the ASCII word stands at `position`, whatever its case."""
    if stop - position < lower.size:
        return False
    for i in range(lower.size):
        byte = data[position + i]
        if 65 <= byte <= 90:
            byte += 32
        if byte != lower[i]:
            return False
    return True


@njit(cache=True, nogil=True)
def _is_closer(point):  # type: ignore[no-untyped-def]
    return point in (_QUOTE, _APOSTROPHE, _PAREN, _BRACKET) or point in (
        _CLOSE_DOUBLE,
        _CLOSE_SINGLE,
        _GUILLEMET,
    )


@njit(cache=True, nogil=True)
def _count_characters(data, offsets, index, flags, out):  # type: ignore[no-untyped-def]
    for document in range(offsets.size - 1):
        position = offsets[document]
        stop = offsets[document + 1]
        chars = alphas = digits = uppers = unspaced = 0
        spaces = newlines = hashes = ellipses = 0
        curly = sentences = lorem = lines = bullets = ellipsis_lines = terminal_lines = 0
        short_lines = javascript_lines = 0
        dots = 0  # full stops in a row
        sentence_ends = False
        # Of the line so far: characters up to its first and last visible one, and what those are.
        first_char = last_char = trailing_dots = 0
        last_point = np.int64(0)
        is_bullet = mentions_javascript = False
        visible = False
        while position <= stop:
            if position == stop:
                point, size, kind = np.int64(10), 1, np.int64(SPACE)
            else:
                point, size = decode(data, position)
                kind = np.int64(flags[index[point >> 8] * 256 + (point & 255)])
            if kind & SPACE:
                if sentence_ends:
                    sentences += 1
                    sentence_ends = False
                dots = 0
                if point == 10:
                    if visible:
                        length = last_char - first_char + 1
                        lines += 1
                        bullets += is_bullet
                        ellipsis_lines += last_point == _ELLIPSIS or trailing_dots >= 3
                        terminal_lines += (
                            flags[index[last_point >> 8] * 256 + (last_point & 255)] & TERMINAL
                        ) != 0 or (_is_closer(last_point) and last_point not in (_PAREN, _BRACKET))
                        short_lines += length <= SHORT_LINE_CHARS
                        javascript_lines += mentions_javascript
                    visible = False
                    mentions_javascript = False
                    newlines += position < stop
                spaces += position < stop
            else:
                if not visible:
                    visible = True
                    first_char = chars
                    is_bullet = (kind & BULLET) != 0
                last_char = chars
                last_point = point
                alphas += (kind & ALPHA) != 0
                digits += (kind & DIGIT) != 0
                uppers += (kind & UPPER) != 0
                unspaced += (kind & UNSPACED) != 0
                if point == 46:
                    dots += 1
                    ellipses += dots % 3 == 0
                    trailing_dots = dots
                else:
                    dots = 0
                    trailing_dots = 0
                if kind & TERMINAL:
                    if point >= _FIRST_FULL_WIDTH:
                        sentences += 1
                        sentence_ends = False
                    else:
                        sentence_ends = True
                        ellipses += point == _ELLIPSIS
                elif kind & WORD:
                    sentence_ends = False
                    if point in (76, 108):
                        lorem += _starts_with(data, position, stop, _LOREM)
                    elif point in (74, 106):
                        mentions_javascript |= _starts_with(data, position, stop, _JAVASCRIPT)
                else:
                    hashes += point == 35
                    curly += point in (123, 125)
                    if not _is_closer(point):
                        sentence_ends = False
            chars += position < stop
            position += size
        out[CHARS, document] = chars
        out[ALPHAS, document] = alphas
        out[DIGITS, document] = digits
        out[UPPERS, document] = uppers
        out[UNSPACEDS, document] = unspaced
        out[SPACES, document] = spaces
        out[NEWLINES, document] = newlines
        out[HASHES, document] = hashes
        out[ELLIPSES, document] = ellipses
        out[CURLY, document] = curly
        out[SENTENCES, document] = sentences
        out[LOREM, document] = lorem
        out[LINES, document] = lines
        out[BULLET_LINES, document] = bullets
        out[ELLIPSIS_LINES, document] = ellipsis_lines
        out[TERMINAL_LINES, document] = terminal_lines
        out[SHORT_LINES, document] = short_lines
        out[JAVASCRIPT_LINES, document] = javascript_lines


@njit(cache=True, nogil=True)
def _count_words(data, word_offsets, starts, ends, index, flags, out):  # type: ignore[no-untyped-def]
    for document in range(word_offsets.size - 1):
        words = word_chars = alpha_tokens = 0
        stop_words = 0  # one bit a stop word
        for word in range(word_offsets[document], word_offsets[document + 1]):
            position = starts[word]
            stop = ends[word]
            if stop - position <= MAX_STOP_WORD_BYTES:
                packed = np.int64(0)
                for i in range(position, stop):
                    packed = (packed << 8) | (np.int64(data[i]) | 32)
                for i in range(_PACKED_STOP_WORDS.size):
                    if packed == _PACKED_STOP_WORDS[i]:
                        stop_words |= 1 << i
            length = 0
            has_alpha = has_alnum = False
            while position < stop:
                point, size = decode(data, position)
                kind = flags[index[point >> 8] * 256 + (point & 255)]
                has_alpha |= (kind & ALPHA) != 0
                has_alnum |= (kind & WORD) != 0 and point != 95
                length += 1
                position += size
            alpha_tokens += has_alpha
            if has_alnum:
                words += 1
                word_chars += length
        out[TOKENS, document] = word_offsets[document + 1] - word_offsets[document]
        out[WORDS, document] = words
        out[WORD_CHARS, document] = word_chars
        out[ALPHA_TOKENS, document] = alpha_tokens
        for i in range(_PACKED_STOP_WORDS.size):
            out[STOP_WORDS, document] += (stop_words >> i) & 1
