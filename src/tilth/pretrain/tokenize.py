"""Byte-level BPE (Sennrich et al. 2016; Radford et al. 2019), trained on the training split."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tilth.errors import DataError, missing_extra
from tilth.pretrain.examples import END

try:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
except ImportError:
    raise missing_extra("tokenizers", "train") from None

__all__ = ["Tokenizer", "decode", "encode", "load_tokenizer", "train_tokenizer"]

END_TEXT = "<|end|>"


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> Tokenizer:
    """Learn merges from texts; the same texts give the same tokenizer.

    Every byte is a token, so every text can be encoded. Token 0 is the end of a document.

    Args:
        texts: The training texts, streamed.
        vocabulary: Tokens at most, the 256 bytes and the end token included; small data gives
            fewer.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END_TEXT],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return _ready(tokenizer)


def load_tokenizer(path: Path) -> Tokenizer:
    """Read `tokenizer.json`.

    Raises:
        DataError: It is damaged, or its token 0 is not the end of a document.
    """
    try:
        tokenizer = Tokenizer.from_str(path.read_text(encoding="utf-8"))
    except Exception as error:  # the library raises bare Exception
        raise DataError(f"not a tokenizer: {error}", where=str(path)) from error
    if tokenizer.token_to_id(END_TEXT) != END:
        raise DataError(f"token {END} of this tokenizer is not {END_TEXT}", where=str(path))
    return _ready(tokenizer)


def encode(tokenizer: Tokenizer, texts: Sequence[str]) -> list[npt.NDArray[np.uint16]]:
    """Tokens of each text, uint16, without end tokens."""
    encoded = tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
    return [np.array(one.ids, np.uint16) for one in encoded]


def decode(tokenizer: Tokenizer, tokens: Sequence[int]) -> str:
    """The text of some tokens; end tokens are left out."""
    text: str = tokenizer.decode([int(t) for t in tokens if t != END])
    return text


def _ready(tokenizer: Tokenizer) -> Tokenizer:
    # A text that spells out `<|end|>` is text like any other. The setting is not kept in the file.
    tokenizer.encode_special_tokens = True
    return tokenizer
