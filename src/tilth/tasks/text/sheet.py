"""Texts as the epochs of training see them."""

from __future__ import annotations

import numpy as np

from tilth.augment.token_rows import TokenRows
from tilth.tasks.sheet import Augmenting, Rows, View
from tilth.tasks.text.tokenize import decode, encode_bounded, end_token, load_tokenizer


def looks(augmenting: Augmenting, rows: Rows) -> list[tuple[View, ...]]:
    """Each text as the model reads it, and as each epoch sees it."""
    tokenizer = load_tokenizer(augmenting.model_folder() / "tokenizer.json")
    end = end_token(tokenizer)
    texts = [row["text"] for row in rows]
    encoded = encode_bounded(tokenizer, texts, augmenting.form.max_length)
    lengths = np.array([len(one) for one in encoded], np.int64)
    tokens = np.full((len(rows), int(lengths.max())), end, np.int64)
    for row, one in enumerate(encoded):
        tokens[row, : len(one)] = one
    original = TokenRows(tokens, lengths, tokenizer.get_vocab_size(), end)
    transform = augmenting.transform("tokens")
    seen = [transform(original, augmenting.keys(rows, epoch)) for epoch in augmenting.epochs]
    return [
        tuple(
            View(decode(tokenizer, look.tokens[at, : look.lengths[at]]))
            for look in (original, *seen)
        )
        for at in range(len(rows))
    ]
