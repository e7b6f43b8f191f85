"""The tokenizer is deterministic, loses no byte, and keeps its end token to itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from tilth.errors import DataError
from tilth.tasks.text.tokenize import (
    decode,
    encode,
    encode_bounded,
    end_token,
    load_tokenizer,
    train_characters,
    train_tokenizer,
    untold_bytes,
)
from tilth.training.examples import END

DOCS = Path(__file__).parents[3] / "docs"
TEXTS = [f"the {word} sat on the {word} mat, {n}" for n, word in enumerate(["cat", "dog"] * 40)]
TOKENIZER = train_tokenizer(TEXTS, 300)


def test_the_same_texts_give_the_same_tokenizer() -> None:
    assert train_tokenizer(iter(TEXTS), 300).to_str() == TOKENIZER.to_str()
    assert 258 < TOKENIZER.get_vocab_size() <= 300


def test_prose_is_learnt_from_as_the_library_does() -> None:
    """Words are as long as they are there; only what no prose has is cut."""
    prose = [page.read_text("utf-8") for page in sorted(DOCS.rglob("*.md"))]
    assert sum(map(len, prose)) > 40_000
    plain = Tokenizer(models.BPE())
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    plain.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1000,
        special_tokens=["<|end|>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    plain.train_from_iterator(prose, trainer)
    assert train_tokenizer(prose, 1000).to_str() == plain.to_str()


def test_a_text_without_a_break_is_learnt_from_and_encoded_whole() -> None:
    tokenizer = train_tokenizer(["ab" * 5000], 400)
    (tokens,) = encode(tokenizer, ["ab" * 512])
    assert len(tokens) <= 3
    assert decode(tokenizer, tokens.tolist()) == "ab" * 512
    assert max(len(token) for token in tokenizer.get_vocab()) <= 1000


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60))
def test_every_text_survives(text: str) -> None:
    (tokens,) = encode(TOKENIZER, [text])
    assert tokens.dtype == np.uint16
    assert END not in tokens
    assert decode(TOKENIZER, [END, *tokens.tolist()]) == text


def test_a_text_that_spells_out_the_end_token_is_text(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(TOKENIZER.to_str())
    for tokenizer in (TOKENIZER, load_tokenizer(path)):
        (tokens,) = encode(tokenizer, ["a <|end|> b"])
        assert END not in tokens
        assert decode(tokenizer, tokens.tolist()) == "a <|end|> b"


def test_a_file_that_is_no_tokenizer_of_ours_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text("{}")
    with pytest.raises(DataError, match="not a tokenizer"):
        load_tokenizer(path)
    path.write_text(TOKENIZER.to_str().replace("<|end|>", "<|other|>"))
    with pytest.raises(DataError, match="no token for the end"):
        load_tokenizer(path)


def test_characters_are_tokens(tmp_path: Path) -> None:
    tokenizer = train_characters(["hello\nworld", "é\t<|end|>"])
    assert end_token(tokenizer) == END
    text = "held\n\té <|end|>".replace(" ", "")
    (tokens,) = encode(tokenizer, [text])
    assert len(tokens) == len(text)
    assert END not in tokens
    path = tmp_path / "tokenizer.json"
    path.write_text(tokenizer.to_str())
    for one in (tokenizer, load_tokenizer(path)):
        assert decode(one, encode(one, [text])[0].tolist()) == text
        assert decode(one, encode(one, ["hez"])[0].tolist()) == "he<|unknown|>"
    # The end token, the unknown one, and the distinct characters by code point.
    assert tokenizer.get_vocab_size() == 2 + len(set("hello\nworldé\t<|end|>"))
    assert train_characters(["world\n", "hello<|end|>é\t"]).to_str() == tokenizer.to_str()


def test_a_text_between_end_tokens_is_cut_at_the_limit() -> None:
    whole, cut = encode_bounded(TOKENIZER, ["the cat", "the cat sat on the mat"], 6)
    assert whole.tolist() == [END, *encode(TOKENIZER, ["the cat"])[0].tolist(), END]
    assert len(cut) == 6
    assert cut[0] == cut[-1] == END


def test_the_end_token_of_another_programs_tokenizer(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(TOKENIZER.to_str().replace("<|end|>", "<|endoftext|>"))
    tokenizer = load_tokenizer(path)
    assert end_token(tokenizer) == 0
    assert 0 not in encode(tokenizer, ["a <|endoftext|> b"])[0]


def test_characters_that_are_not_known_are_counted_in_bytes() -> None:
    known = train_characters(["abc "])
    texts = ["abc", "a€b", "雪雪 a", ""]
    assert untold_bytes(known, texts, encode(known, texts)).tolist() == [0, 3, 6, 0]
    bytewise = train_tokenizer(["abc"], 300)
    assert untold_bytes(bytewise, texts, encode(bytewise, texts)).tolist() == [0, 0, 0, 0]


def test_what_another_programs_tokenizer_changes_is_counted_in_bytes() -> None:
    """Lower-cased, normalised or without its blanks, a text is not told by its tokens."""
    texts = ["ABc \ufb01n", "abc", "\u00c9 e\u0301", "a  b\n c", ""]
    folded = Tokenizer.from_str(train_tokenizer(["abc"], 300).to_str())
    folded.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    # A, B, the ligature; nothing; the capital, and what was joined: e and the accent.
    assert untold_bytes(folded, texts, encode(folded, texts)).tolist() == [5, 0, 5, 0, 0]
    split = Tokenizer(models.WordLevel({"<|end|>": 0, "?": 1, "a": 2, "b": 3, "c": 4}, "?"))
    split.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    split.add_special_tokens(["<|end|>", "?"])
    # Words that it does not know, whole; of blanks all but the one that parts what is read.
    assert untold_bytes(split, texts, encode(split, texts)).tolist() == [8, 3, 6, 2, 0]
