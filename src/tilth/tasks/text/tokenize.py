"""Text to tokens and back: byte-level BPE, or one token a character, learnt from training texts.

Both are `tokenizers.Tokenizer`s, kept in one file that other programs read too. A tokenizer of
GPT-2's kind is taken as it is; which of its tokens ends a document is a property of the tokenizer
(`end_token`) and travels with the tokens.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tilth.errors import DataError, MissingError, missing_extra

try:
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
except ImportError:
    raise missing_extra("tokenizers", "train") from None

__all__ = [
    "Tokenizer",
    "decode",
    "encode",
    "encode_bounded",
    "end_token",
    "load_tokenizer",
    "tokenizer_file",
    "train_characters",
    "train_tokenizer",
    "untold_bytes",
]

END_TEXT = "<|end|>"
UNKNOWN_TEXT = "<|unknown|>"
# What other programs call it, in the order they are looked for: GPT-2; Llama and T5; GPT-NeoX.
_END_TEXTS = (END_TEXT, "<|endoftext|>", "</s>", "<|end_of_text|>")
# The library's trainer takes time in the square of a word's bytes, and a text without blanks is one
# word; prose has none as long as this.
_LEARNT_BYTES = 1000


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> Tokenizer:
    """Learn merges from texts; the same texts give the same tokenizer.

    Every byte is a token, so every text can be encoded. Token 0 is the end of a document. What a
    text has without a break, as letters without blanks, is learnt from in pieces of 1,000 bytes;
    it is encoded whole.

    Source: Sennrich et al. 2016; Radford et al. 2019, section 2.2.

    Args:
        texts: The training texts, streamed.
        vocabulary: Tokens at most, the 256 bytes and the end token included; small data gives
            fewer.
    """
    tokenizer = Tokenizer(models.BPE())
    words = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [words, pre_tokenizers.FixedLength(_LEARNT_BYTES)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END_TEXT],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.pre_tokenizer = words
    return ready(tokenizer)


def train_characters(texts: Iterable[str]) -> Tokenizer:
    """One token for each character of the texts, by code point, after the end token.

    A character that the texts lack becomes the one token that stands for all unknown ones.

    Args:
        texts: The training texts, streamed.
    """
    characters: set[str] = set()
    for text in texts:
        characters.update(text)
    tokens = [END_TEXT, UNKNOWN_TEXT, *sorted(characters)]
    tokenizer = Tokenizer(
        models.WordLevel({token: number for number, token in enumerate(tokens)}, UNKNOWN_TEXT)
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.add_special_tokens([END_TEXT])
    return ready(tokenizer)


def tokenizer_file(given: str | Path) -> Path:
    """The `tokenizer.json` that a path names, itself or the one in a folder.

    Raises:
        MissingError: There is none.
    """
    path = Path(given)
    path = path / "tokenizer.json" if path.is_dir() else path
    if not path.is_file():
        raise MissingError(
            "there is no tokenizer here",
            where=str(path),
            hint="name a `tokenizer.json`, or a folder with one",
            code="no-tokenizer",
        )
    return path


def load_tokenizer(path: Path) -> Tokenizer:
    """Read `tokenizer.json`.

    Raises:
        DataError: It is damaged, or has no token for the end of a document.
    """
    try:
        tokenizer = Tokenizer.from_str(path.read_text(encoding="utf-8"))
    except Exception as error:  # the library raises bare Exception
        raise DataError(f"not a tokenizer: {error}", where=str(path)) from error
    try:
        end_token(tokenizer)
    except DataError as error:
        raise DataError(error.what, where=str(path), hint=error.hint) from None
    return ready(tokenizer)


def end_token(tokenizer: Tokenizer) -> int:
    """The number of the token that parts documents.

    Raises:
        DataError: There is none under a name that is known.
    """
    for text in _END_TEXTS:
        number = tokenizer.token_to_id(text)
        if number is not None:
            return int(number)
    raise DataError(
        "this tokenizer has no token for the end of a document",
        hint="add one of " + ", ".join(_END_TEXTS) + " as a special token",
    )


def encode(tokenizer: Tokenizer, texts: Sequence[str]) -> list[npt.NDArray[np.uint16]]:
    """Tokens of each text, uint16, without end tokens."""
    encoded = tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
    return [np.array(one.ids, np.uint16) for one in encoded]


def untold_bytes(
    tokenizer: Tokenizer, texts: Sequence[str], tokens: Sequence[npt.NDArray[np.uint16]]
) -> npt.NDArray[np.int64]:
    """UTF-8 bytes that the tokens of each text do not tell, int64 [n].

    Those of characters that became the token of what is unknown, from which nobody can tell which
    they were. Of another program's tokenizer, which may lower-case, normalise or drop blanks: of
    the characters that the text has more often than what its tokens are read as.

    Args:
        tokenizer: Made the tokens.
        texts: One each.
        tokens: Of each text, without end tokens.
    """
    found = np.zeros(len(texts), np.int64)
    if not _tells_all_it_knows(tokenizer):
        for place, (text, row) in enumerate(zip(texts, tokens, strict=True)):
            told = tokenizer.decode(row.tolist(), skip_special_tokens=True)
            if told != text:
                lost = Counter(text) - Counter(told)
                found[place] = sum(len(one.encode()) * times for one, times in lost.items())
        return found
    text_of_unknown = getattr(tokenizer.model, "unk_token", None)
    unknown = None if text_of_unknown is None else tokenizer.token_to_id(text_of_unknown)
    if unknown is None:
        return found
    for place in (place for place, row in enumerate(tokens) if bool((row == unknown).any())):
        text, one = texts[place], tokenizer.encode(texts[place], add_special_tokens=False)
        spans = zip(one.ids, one.offsets, strict=True)
        found[place] = sum(len(text[a:b].encode()) for token, (a, b) in spans if token == unknown)
    return found


def _tells_all_it_knows(tokenizer: Tokenizer) -> bool:
    """Whether the tokens give every text back but for what became the unknown one: as Tilth makes
    tokenizers, and GPT-2's."""
    bytewise = isinstance(tokenizer.pre_tokenizer, pre_tokenizers.ByteLevel)
    characters = isinstance(tokenizer.model, models.WordLevel) and isinstance(
        tokenizer.decoder, decoders.Fuse
    )
    return tokenizer.normalizer is None and (bytewise or characters)


def encode_bounded(
    tokenizer: Tokenizer, texts: Sequence[str], max_length: int
) -> list[npt.NDArray[np.uint16]]:
    """Tokens of each text between two end tokens, `max_length` at most in all, uint16.

    Of a longer text the rest is cut off.
    """
    end = np.array([end_token(tokenizer)], np.uint16)
    kept = max_length - 2
    return [np.concatenate([end, one[:kept], end]) for one in encode(tokenizer, texts)]


def decode(tokenizer: Tokenizer, tokens: Sequence[int]) -> str:
    """The text of some tokens; end tokens are left out."""
    end = end_token(tokenizer)
    text: str = tokenizer.decode([int(t) for t in tokens if t != end])
    return text


def ready(tokenizer: Tokenizer) -> Tokenizer:
    # A text that spells out `<|end|>` is text like any other. The setting is not kept in the file.
    tokenizer.encode_special_tokens = True
    return tokenizer
