"""How a model is asked: each setting against what it says, computed the long way."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import nn

from tests.query.models import SIDE, png
from tests.table.entries import effect, extreme
from tests.tasks.speech.speech_samples import encode, say
from tilth.models.build import build_model
from tilth.models.facts import Facts, Sizes
from tilth.models.settings import model_settings
from tilth.tasks.base import Answering
from tilth.tasks.build import build_task
from tilth.tasks.predict_settings import PredictSettings
from tilth.tasks.prediction import Prediction
from tilth.tasks.settings import ObjectiveSettings
from tilth.tasks.text.tokenize import UNKNOWN_TEXT, decode, train_characters
from tilth.tasks.text.tokenize import encode as tokens_of

TOKENIZER = train_characters(["abcdefgh"])
VOCABULARY = TOKENIZER.get_vocab_size()
GPT = {"kind": "gpt", "layers": 1, "width": 16, "heads": 2, "context": 32}
SMALL = train_characters(["ab"])
SEQ2SEQ = {
    "kind": "seq2seq",
    "encoder_layers": 1,
    "decoder_layers": 1,
    "width": 8,
    "heads": 2,
    "hidden": 8,
}


def _model(given: dict[str, Any], sizes: Sizes, seed: int = 1, factor: float = 1.0) -> nn.Module:
    """With larger weights than a fresh one, which says nearly the same of every token."""
    model = build_model(model_settings(given), sizes, seed=seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(factor)
    return model.eval()


WRITER = _model(GPT, Sizes(vocabulary=VOCABULARY), factor=5)
WRITING = build_task(
    "text-generation",
    Facts(sizes=Sizes(vocabulary=VOCABULARY)),
    ObjectiveSettings(),
    tokenizer=TOKENIZER,
)
TRANSLATING = build_task(
    "translation",
    Facts(sizes=Sizes(vocabulary=SMALL.get_vocab_size()), max_length=16),
    ObjectiveSettings(),
    tokenizer=SMALL,
)


def _asked(
    task: Answering, model: nn.Module, samples: list[Any], **given: float
) -> list[Prediction]:
    with torch.inference_mode():
        return task.predict(model, samples, PredictSettings.model_validate(given))


def _written(prompts: list[str], **given: float) -> list[str]:
    return [str(one.text) for one in _asked(WRITING, WRITER, prompts, **given)]


def _next(prompt: str) -> torch.Tensor:
    """The logits of what follows, float64 [vocabulary]."""
    (tokens,) = tokens_of(TOKENIZER, [prompt])
    with torch.inference_mode():
        logits: torch.Tensor = WRITER(torch.tensor([[0, *tokens.tolist()]]))[0, -1].double()
    return logits


def _expect(prompt: str, expected: torch.Tensor, **given: float) -> None:
    """What 3,000 draws give is spread as expected."""
    found = _asked(WRITING, WRITER, [prompt] * 3000, max_tokens=1, batch_size=3000, **given)
    counts = np.zeros(VOCABULARY)
    for one in found:
        ended = one.stopped == "end"
        counts[0 if ended else TOKENIZER.token_to_id(str(one.text))] += 1
    np.testing.assert_allclose(counts / 3000, expected.numpy(), atol=0.035)
    assert not counts[expected.numpy() == 0].any()


@effect("predict.temperature")
@extreme("predict.temperature")
@pytest.mark.parametrize("temperature", [0.3, 1.0, 3.0, 1000.0])
def test_logits_are_divided_by_the_temperature(temperature: float) -> None:
    _expect("ab", (_next("ab") / temperature).softmax(-1), temperature=temperature)


@extreme("predict.temperature")
@pytest.mark.parametrize("temperature", [0, 1e-300, 1e-9])
def test_at_no_temperature_the_likeliest_is_taken(temperature: float) -> None:
    one_hot = torch.zeros(VOCABULARY, dtype=torch.double)
    one_hot[_next("ab").argmax()] = 1
    _expect("ab", one_hot, temperature=temperature)


@effect("predict.top_k")
@extreme("predict.top_k")
@pytest.mark.parametrize("number", [0, 1, 3, VOCABULARY, 10**30])
def test_of_the_likeliest_so_many_are_drawn_from(number: int) -> None:
    logits = _next("b")
    least = logits.sort(descending=True).values[min(number or VOCABULARY, VOCABULARY) - 1]
    expected = logits.masked_fill(logits < least, -torch.inf).softmax(-1)
    _expect("b", expected, top_k=number, temperature=1)


@effect("predict.top_p")
@extreme("predict.top_p")
@pytest.mark.parametrize("share", [1e-300, 0.5, 0.9, 1])
def test_of_the_likeliest_those_of_a_share_are_drawn_from(share: float) -> None:
    shares, order = (_next("b") / 2).softmax(-1).sort(descending=True)
    enough = int((shares.cumsum(0) < share).sum()) + 1
    expected = torch.zeros(VOCABULARY, dtype=torch.double)
    expected[order[:enough]] = shares[:enough] / shares[:enough].sum()
    _expect("b", expected, top_p=share, temperature=2)


@effect("predict.repetition_penalty")
@extreme("predict.repetition_penalty")
@pytest.mark.parametrize("penalty", [1, 1.5, 1000])
def test_what_stands_there_becomes_less_likely_and_the_end_does_not(penalty: float) -> None:
    logits = _next("acca").clone()
    for letter in "ac":
        token = TOKENIZER.token_to_id(letter)
        logits[token] = logits[token] / penalty if logits[token] > 0 else logits[token] * penalty
    _expect("acca", logits.softmax(-1), repetition_penalty=penalty, temperature=1)


@effect("predict.seed", "predict.first")
@extreme("predict.seed", "predict.first")
def test_what_is_drawn_depends_on_seed_and_place() -> None:
    plain = _written(["a"] * 6)
    assert len(set(plain)) > 1
    assert plain == _written(["a"] * 6, seed=0)
    assert plain != _written(["a"] * 6, seed=1) != _written(["a"] * 6, seed=2**64 - 1)
    assert plain[4:] == _written(["a"] * 2, first=4)
    assert len(set(_written(["a"] * 6, first=2**62 - 1))) > 1


@effect("predict.max_tokens")
@extreme("predict.max_tokens")
@pytest.mark.parametrize("number", [1, 7, 40])
def test_no_more_tokens_are_written(number: int) -> None:
    found = _asked(WRITING, WRITER, ["a"] * 40, max_tokens=number, temperature=1.0)
    lengths = [_length(one) for one in found]
    assert max(lengths) == number
    for one, length in zip(found, lengths, strict=True):
        assert one.stopped == ("length" if length == number else "end")
    model = _model(SEQ2SEQ, Sizes(vocabulary=SMALL.get_vocab_size()), factor=2)
    with torch.no_grad():
        model.get_parameter("tokens.weight")[0] = 0  # the end becomes unlikely
    found = _asked(TRANSLATING, model, ["ab"] * 3, max_tokens=number, beam=1)
    for one in found:
        # A translation ends at twice its source's three tokens and ten as well.
        assert _length(one) <= min(number, 2 * 3 + 10)


def _length(found: Prediction) -> int:
    """Characters are tokens, and what stands for an unknown one is one too."""
    return len(str(found.text).replace(UNKNOWN_TEXT, "?"))


def _translations(model: nn.Module, source: str, limit: int) -> Iterator[tuple[str, float, int]]:
    """Every text that ends within the limit, its log-probability, and its tokens with the end."""
    (tokens,) = tokens_of(SMALL, [source])
    given = torch.tensor([[*tokens.tolist(), 0]])
    for length in range(limit):
        for text in itertools.product(range(1, SMALL.get_vocab_size()), repeat=length):
            with torch.inference_mode():
                logits = model(
                    given,
                    torch.tensor([given.shape[1]]),
                    torch.tensor([[0, *text]]),
                    torch.tensor([length + 1]),
                )
            gained = logits.log_softmax(-1)[range(length + 1), [*text, 0]].sum().item()
            yield decode(SMALL, text).strip(), gained, length + 1


@effect("predict.beam", "predict.length_penalty")
@extreme("predict.beam", "predict.length_penalty")
def test_a_wide_beam_finds_the_best_of_all_texts() -> None:
    """And a narrow one does not always; the larger the penalty, the longer the best."""
    missed, lengths = 0, dict.fromkeys((0, 1, 3, 100), 0)
    for seed in range(5):
        model = _model(SEQ2SEQ, Sizes(vocabulary=SMALL.get_vocab_size()), seed, factor=1.8)
        scored = list(_translations(model, "ab", 4))
        for penalty in lengths:
            best = max(scored, key=lambda one: one[1] / one[2] ** penalty)
            given = {"length_penalty": penalty, "max_tokens": 4}
            (found,) = _asked(TRANSLATING, model, ["ab"], beam=1000, **given)
            assert found.text == best[0]
            lengths[penalty] += best[2]
            (greedy,) = _asked(TRANSLATING, model, ["ab"], beam=1, **given)
            missed += greedy.text != best[0]
    assert missed
    assert lengths[0] < lengths[1] < lengths[3] <= lengths[100]


TEXT_FACTS = Facts(sizes=Sizes(vocabulary=VOCABULARY, classes=2), classes=("x", "y"), max_length=64)
SPEECH_FACTS = Facts(sizes=Sizes(classes=4, mels=16), classes=("", "a", "b", "c"), sample_rate=8000)
IMAGE_FACTS = Facts(
    sizes=Sizes(image=(1, SIDE, SIDE), classes=2), classes=("x", "y"), mean=(0.5,), std=(0.2,)
)


@effect("predict.batch_size")
@extreme("predict.batch_size")
@pytest.mark.parametrize(
    ("task", "given", "facts", "samples"),
    [
        ("text-classification", GPT, TEXT_FACTS, ["a", "bca", "h" * 90, "", "abc", "aa", "ba"]),
        ("image-classification", {"kind": "mlp"}, IMAGE_FACTS, [png(30 * n) for n in range(7)]),
        (
            "speech-recognition",
            {"kind": "ctc"},
            SPEECH_FACTS,
            [encode(say("abc"[n % 3 :])) for n in range(7)],
        ),
    ],
)
def test_so_many_samples_are_answered_at_once(
    task: str, given: dict[str, Any], facts: Facts, samples: list[Any]
) -> None:
    model = _model(given, facts.sizes)
    asking = build_task(task, facts, ObjectiveSettings(), tokenizer=TOKENIZER)
    _same_at_any_batch(asking, model, samples)


@effect("predict.batch_size")
def test_so_many_texts_are_written_at_once() -> None:
    _same_at_any_batch(WRITING, WRITER, ["a", "bca", "", "abc", "aa", "ba", "c"])
    model = _model(SEQ2SEQ, Sizes(vocabulary=SMALL.get_vocab_size()), factor=1.8)
    _same_at_any_batch(TRANSLATING, model, ["a", "ba", "abba", "b", "aa", "ab", "abab"])


def _same_at_any_batch(task: Answering, model: nn.Module, samples: list[Any]) -> None:
    """The answers are the same, and the largest batch is of that size."""
    first = next(module for module in model.modules() if not list(module.children()))
    answers = []
    for size in (1, 3, 10**18):
        seen: list[int] = []

        def count(_: nn.Module, given: Any, __: Any, seen: list[int] = seen) -> None:
            seen.append(len(given[0]))

        handle = first.register_forward_hook(count)
        answers.append(_asked(task, model, samples, batch_size=size, max_tokens=3, beam=1))
        handle.remove()
        assert max(seen) == min(size, 7)
    for other in answers[1:]:
        for one, again in zip(answers[0], other, strict=True):
            assert (one.text, one.label) == (again.text, again.label)
            assert one.scores == pytest.approx(again.scores, abs=1e-5)


BEYOND: dict[str, tuple[float, ...]] = {
    "max_tokens": (0, -1, 1.5),
    "temperature": (-0.1, 1001),
    "top_k": (-1, 0.5),
    "top_p": (0, -0.1, 1.1),
    "repetition_penalty": (0.9, 1001),
    "beam": (0, 1001),
    "length_penalty": (-0.1, 101),
    "seed": (-1, 2**64),
    "batch_size": (0, -1),
    "first": (-1, 2**62),
}


@extreme(*(f"predict.{name}" for name in BEYOND))
def test_beyond_its_ends_it_is_refused(path: str) -> None:
    name = path.removeprefix("predict.")
    assert set(BEYOND) == set(PredictSettings.model_fields)
    for value in (*BEYOND[name], float("nan"), float("inf")):
        with pytest.raises(ValidationError, match=name):
            PredictSettings.model_validate({name: value})
