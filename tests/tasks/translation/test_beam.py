"""Beam search: the best of all texts when the beam is wide, greedy when it is one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from tilth.models.build import build_model
from tilth.models.facts import Sizes
from tilth.models.seq2seq import Seq2SeqSettings
from tilth.models.seq2seq.network import Seq2Seq
from tilth.tasks.translation.beam import translate

VOCABULARY = 5
SOURCES = [np.array(row, np.uint16) for row in ([1, 2, 0], [4, 0], [3, 3, 2, 1, 0], [2, 0])]


def model_of(seed: int = 0, sharpness: float = 6.0) -> Seq2Seq:
    settings = Seq2SeqSettings(encoder_layers=1, decoder_layers=1, width=8, heads=2, hidden=8)
    model = build_model(settings, Sizes(vocabulary=VOCABULARY), seed=seed)
    assert isinstance(model, Seq2Seq)
    with torch.no_grad():
        model.decoder_norm.weight.mul_(sharpness)
    return model.eval()


def search(model: Seq2Seq, beam: int, penalty: float = 1.0, limit: int = 4) -> list[list[int]]:
    return translate(
        model,
        SOURCES,
        end=0,
        beam=beam,
        length_penalty=penalty,
        max_tokens=limit,
        batch_size=3,
    )


def best_of_all(model: Seq2Seq, limit: int, penalty: float) -> list[list[int]]:
    """Score every text that ends within the limit, one by one."""
    texts = [
        list(text)
        for length in range(limit)
        for text in itertools.product(range(1, VOCABULARY), repeat=length)
    ]
    answers = []
    for source in SOURCES:
        tokens = torch.from_numpy(source.astype(np.int64))[None]
        scores = []
        for text in texts:
            logits = model(
                tokens,
                torch.tensor([len(source)]),
                torch.tensor([[0, *text]]),
                torch.tensor([len(text) + 1]),
            )
            gained = logits.log_softmax(-1)[range(len(text) + 1), [*text, 0]].sum().item()
            scores.append(gained / (len(text) + 1) ** penalty)
        answers.append(texts[int(np.argmax(scores))])
    return answers


@pytest.mark.parametrize("penalty", [0.0, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_a_wide_beam_finds_the_best_of_all(seed: int, penalty: float) -> None:
    model = model_of(seed)
    with torch.inference_mode():
        assert search(model, 400, penalty) == best_of_all(model, 4, penalty)


def test_a_beam_of_one_is_greedy() -> None:
    model = model_of(1)
    found = search(model, 1, limit=6)
    for source, text in zip(SOURCES, found, strict=True):
        tokens = torch.from_numpy(source.astype(np.int64))[None]
        memory = model.encode(tokens, torch.tensor([len(source)]))
        written = [0]
        while len(written) <= min(6, 2 * len(source) + 10):
            written.append(
                int(model.logits(model.decode(torch.tensor([written]), memory))[0, -1].argmax())
            )
            if written[-1] == 0:
                break
        assert [token for token in written if token] == text


def test_batches_change_nothing() -> None:
    model = model_of(2)
    alone = [
        translate(
            model,
            [source],
            end=0,
            beam=3,
            length_penalty=1.0,
            max_tokens=8,
            batch_size=1,
        )[0]
        for source in SOURCES
    ]
    assert search(model, 3, limit=8) == alone


def test_no_text_is_longer_than_the_limit() -> None:
    model = model_of()
    with torch.no_grad():
        model.tokens.weight[0] = 0  # the end token becomes unlikely
        model.tokens.weight[1:] = model.tokens.weight[1]
    found = search(model, 2, penalty=0.0, limit=3)
    assert all(len(text) <= 3 for text in found)


def test_nothing_to_translate() -> None:
    assert (
        translate(model_of(), [], end=0, beam=2, length_penalty=1.0, max_tokens=8, batch_size=4)
        == []
    )
