"""The encoder-decoder: nothing looks ahead, padding is nothing, the cache changes nothing."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from tilth.models.build import build_model, count_parameters
from tilth.models.facts import Sizes
from tilth.models.seq2seq import Seq2SeqSettings
from tilth.models.seq2seq.network import Seq2Seq

TINY = Seq2SeqSettings(encoder_layers=2, decoder_layers=2, width=16, heads=2, hidden=24)
SOURCE = torch.tensor([[5, 6, 7, 0], [8, 9, 0, 0]])
LENGTHS = torch.tensor([4, 3])
INPUTS = torch.tensor([[0, 3, 4, 5, 6], [0, 7, 8, 0, 0]])
COUNTS = torch.tensor([5, 3])


def model_of(settings: Seq2SeqSettings = TINY) -> Seq2Seq:
    model = build_model(settings, Sizes(vocabulary=20), seed=0)
    assert isinstance(model, Seq2Seq)
    return model.eval()


def test_logits_are_those_of_the_targets_text_after_text() -> None:
    model = model_of()
    packed = model(SOURCE, LENGTHS, INPUTS, COUNTS)
    assert packed.shape == (8, 20)
    whole = model.logits(model.decode(INPUTS, model.encode(SOURCE, LENGTHS)))
    assert torch.equal(packed, torch.cat((whole[0], whole[1, :3])))


def test_padding_is_nothing() -> None:
    model = model_of()
    together = model(SOURCE, LENGTHS, INPUTS, COUNTS)[5:]
    alone = model(SOURCE[1:, :3], LENGTHS[1:], INPUTS[1:, :3], COUNTS[1:])
    torch.testing.assert_close(together, alone)
    other = SOURCE.clone()
    other[1, 3] = 13
    torch.testing.assert_close(model(other, LENGTHS, INPUTS, COUNTS)[5:], alone)


def test_a_token_sees_the_source_and_what_is_before_it() -> None:
    model = model_of()
    before = model(SOURCE, LENGTHS, INPUTS, COUNTS)[:5]
    later = INPUTS.clone()
    later[0, 3] = 11
    changed = (model(SOURCE, LENGTHS, later, COUNTS)[:5] - before).abs().amax(1)
    assert (changed[:3] == 0).all()
    assert (changed[3:] > 0).all()
    source = SOURCE.clone()
    source[0, 0] = 11
    assert ((model(source, LENGTHS, INPUTS, COUNTS)[:5] - before).abs().amax(1) > 0).all()


def test_step_by_step_is_the_same() -> None:
    model = model_of()
    memory = model.encode(SOURCE, LENGTHS)
    expected = model.logits(model.decode(INPUTS, memory))
    cache = model.new_cache(memory, 2, 5)
    for place in range(5):
        # Two hypotheses a text, both the same here.
        logits = model.step(INPUTS[:, place].repeat_interleave(2), cache).view(2, 2, -1)
        torch.testing.assert_close(logits[:, 0], expected[:, place])
        torch.testing.assert_close(logits[:, 1], expected[:, place])
        if place == 2:  # the first text leaves
            cache.choose(torch.tensor([0, 1]), torch.tensor([1, 0, 3, 2]))


def test_a_text_leaves_the_batch() -> None:
    model = model_of()
    memory = model.encode(SOURCE, LENGTHS)
    expected = model.logits(model.decode(INPUTS, memory))
    cache = model.new_cache(memory, 1, 5)
    model.step(INPUTS[:, 0], cache)
    cache.choose(torch.tensor([1]), torch.tensor([1]))
    torch.testing.assert_close(model.step(INPUTS[1:, 1], cache)[0], expected[1, 1])


def test_one_embedding_serves_all() -> None:
    model = model_of()
    blocks = 2 * (16 * 16 * 4 + 2 * 16 * 24 + 2 * 16) + 2 * (16 * 16 * 8 + 2 * 16 * 24 + 3 * 16)
    assert count_parameters(model) == 20 * 16 + blocks + 2 * 16
    assert model.state_dict().keys() == dict(model.named_parameters()).keys()


def test_dropout_acts_in_training_only() -> None:
    model = model_of()
    assert torch.equal(
        model(SOURCE, LENGTHS, INPUTS, COUNTS), model(SOURCE, LENGTHS, INPUTS, COUNTS)
    )
    model.train()
    assert not torch.equal(
        model(SOURCE, LENGTHS, INPUTS, COUNTS), model(SOURCE, LENGTHS, INPUTS, COUNTS)
    )


def test_bf16_is_close() -> None:
    model = model_of()
    exact = model(SOURCE, LENGTHS, INPUTS, COUNTS)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = model(SOURCE, LENGTHS, INPUTS, COUNTS).float()
    torch.testing.assert_close(rounded, exact, atol=0.05, rtol=0.05)


def test_width_must_fit_the_heads() -> None:
    with pytest.raises(ValidationError, match="multiple of twice heads"):
        Seq2SeqSettings(width=12, heads=4)
