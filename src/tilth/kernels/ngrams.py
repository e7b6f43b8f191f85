"""Word n-grams by which two texts are compared for what they share: one meaning of "shared".

An n-gram is a run of words of the project's splitter, punctuation aside, of the text in
compatibility form (NFKC) with its case folded: neither typography nor upper case, in whatever
script, hides a copy. A text of fewer words is one n-gram, so that it is compared as a whole.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import groupby
from typing import Final, Literal

import pyarrow as pa
import pyarrow.compute as pc

from tilth.kernels.characters import Integers
from tilth.kernels.minhash import Hashes, plain_shingle_hashes, shingle_hashes
from tilth.kernels.words import text_buffers

# Combining characters, and more; `unicodedata` orders them in time quadratic in their number.
_MARKS_IN_A_ROW: Final = re.compile(r"(?:[^\w\x00-\x7f]|[\uff9e\uff9f]){16}")


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
    return shingle_hashes(*text_buffers(_folded(texts)), width)


def _folded(texts: pa.Array | pa.ChunkedArray) -> pa.Array:
    """The texts folded; what is ASCII is left alone, for the kernel lowers that by itself."""
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    texts = texts.cast(pa.large_string())
    foreign = pc.fill_null(pc.invert(pc.string_is_ascii(texts)), False)
    rows = pc.indices_nonzero(foreign).to_pylist()
    if not rows:
        return texts
    values = texts.to_pylist()
    for row in rows:
        values[row] = fold(values[row])
    return pa.array(values, pa.large_string())


def fold(text: str) -> str:
    """The text in compatibility form, its case folded, in time linear in its length."""
    if _MARKS_IN_A_ROW.search(text):
        text = order_marks(text, "NFKD")
    return unicodedata.normalize("NFKC", text).casefold()


def plain_word_ngrams(text: str, width: int) -> list[int]:
    """The plain twin: the n-grams of one text, in order."""
    return plain_shingle_hashes(unicodedata.normalize("NFKC", text).casefold(), width)


def order_marks(text: str, form: Literal["NFD", "NFKD"]) -> str:
    """A text that is canonically (NFKD: compatibly) equivalent, with its combining characters
    decomposed and in canonical order, in time linear but for the sorting.
    """
    parts: list[str] = []
    for are_marks, chars in groupby(text, lambda char: _marks_of(char, form) is not None):
        if are_marks:
            marks = "".join(_marks_of(char, form) or "" for char in chars)
            parts += sorted(marks, key=unicodedata.combining)
        else:
            parts += chars
    return "".join(parts)


@lru_cache(maxsize=4096)
def _marks_of(char: str, form: Literal["NFD", "NFKD"]) -> str | None:
    """What a character is decomposed into if all of that combines with what stands before."""
    marks = unicodedata.normalize(form, char)
    return marks if all(map(unicodedata.combining, marks)) else None
