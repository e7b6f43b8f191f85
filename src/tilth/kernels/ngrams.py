"""Word n-grams by which two texts are compared for what they share: one meaning of "shared".

An n-gram is a run of words of the project's splitter, punctuation aside, of the text folded
(`folding`): neither typography nor upper case, in whatever script, hides a copy. A text of fewer
words is one n-gram, so that it is compared as a whole.
"""

from __future__ import annotations

import pyarrow as pa

from tilth.kernels.characters import Integers
from tilth.kernels.folding import fold, folded_words
from tilth.kernels.minhash import Hashes, plain_shingle_hashes, shingle_hashes


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
