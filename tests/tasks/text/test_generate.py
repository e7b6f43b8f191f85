"""Generation: the cache changes nothing, a batch changes nothing, a seed fixes everything."""

from __future__ import annotations

import pytest
import torch

from tilth.errors import DataError
from tilth.models.build import build_model
from tilth.models.facts import Sizes
from tilth.models.gpt import GPTSettings
from tilth.models.gpt.decoder import GPT
from tilth.tasks.predict_settings import PredictSettings
from tilth.tasks.text.generate import Generated, generate, generate_texts
from tilth.tasks.text.tokenize import train_tokenizer

VOCABULARY = 40
PROMPTS = [[0, 5, 9], [0], [0, *range(1, 12)], [0, 7], [3, 3, 3, 3, 3]]


def gpt(positions: str = "rotary", context: int = 48) -> GPT:
    given = {"layers": 2, "width": 32, "heads": 4, "context": context, "positions": positions}
    settings = GPTSettings.model_validate(given | {"bias": positions == "learned"})
    model = build_model(settings, Sizes(vocabulary=VOCABULARY), seed=1)
    assert isinstance(model, GPT)
    with torch.no_grad():  # a model as it starts says nearly the same of every token
        for parameter in model.parameters():
            parameter.mul_(6)
    return model.eval()


def options(**given: float) -> PredictSettings:
    return PredictSettings.model_validate({"max_tokens": 20, "temperature": 1.0, **given})


def plain(model: GPT, prompt: list[int], max_tokens: int) -> list[int]:
    """The likeliest continuation, every step computed from the start."""
    text = list(prompt)
    for _ in range(max_tokens):
        with torch.inference_mode():
            token = int(model(torch.tensor([text]))[0, -1].argmax())
        if token == 0:
            break
        text.append(token)
    return text[len(prompt) :]


@pytest.mark.parametrize("positions", ["rotary", "learned"])
def test_reading_piece_by_piece_gives_the_logits_of_the_whole(positions: str) -> None:
    model = gpt(positions)
    tokens = torch.randint(0, VOCABULARY, (3, 30), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        cache = model.new_cache(3)
        parts = [
            model.read(tokens[:, a:b], torch.arange(a, b).expand(3, -1), cache)
            for a, b in ((0, 12), (12, 13), (13, 30))
        ]
        found = model.logits(torch.cat(parts, 1))
        torch.testing.assert_close(found, model(tokens), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("positions", ["rotary", "learned"])
def test_the_cache_and_the_batch_change_nothing(positions: str) -> None:
    model = gpt(positions)
    together = generate(model, PROMPTS, options(temperature=0), end=0)
    assert [answer.tokens for answer in together] == [plain(model, p, 20) for p in PROMPTS]


def test_a_seed_fixes_what_is_drawn_whatever_the_batch_size() -> None:
    model = gpt()
    whole = generate(model, PROMPTS, options(seed=3), end=0)
    assert generate(model, PROMPTS, options(seed=3, batch_size=2), end=0) == whole
    assert generate(model, PROMPTS, options(seed=4), end=0) != whole


def test_the_same_prompt_twice_gives_two_texts() -> None:
    first, second = generate(gpt(), [[0, 5], [0, 5]], options(), end=0)
    assert first != second


def test_a_text_stops_at_the_end_token_or_the_limit() -> None:
    model = gpt()
    answers = generate(model, PROMPTS * 8, options(temperature=3.0), end=0)
    assert {answer.stopped for answer in answers} == {"end", "length"}
    for answer in answers:
        assert 0 not in answer.tokens
        assert (len(answer.tokens) == 20) == (answer.stopped == "length")


@pytest.mark.parametrize("positions", ["rotary", "learned"])
def test_a_text_may_outgrow_the_context(positions: str) -> None:
    model = gpt(positions, context=8)
    long = [list(range(1, 31)), [0, 4]]
    answers = generate(model, long, options(max_tokens=40, temperature=0), end=39)
    for prompt, answer in zip(long, answers, strict=True):
        # After the first token, each is the likeliest one after some 4 to 8 last tokens.
        text = prompt + answer.tokens
        for place in range(len(prompt) + 1, len(text)):
            with torch.inference_mode():
                likeliest = {
                    int(model(torch.tensor([text[max(place - seen, 0) : place]]))[0, -1].argmax())
                    for seen in range(4, 9)
                }
            assert text[place] in likeliest


def test_a_penalty_makes_a_text_repeat_itself_less() -> None:
    model = gpt()
    plain_answers = generate(model, PROMPTS, options(temperature=0, max_tokens=30), end=0)
    penalised = generate(
        model, PROMPTS, options(temperature=0, max_tokens=30, repetition_penalty=2.0), end=0
    )
    distinct = [sum(len(set(a.tokens)) for a in found) for found in (plain_answers, penalised)]
    assert distinct[1] > distinct[0]


def test_to_end_a_text_is_no_repetition() -> None:
    """Before every prompt stands the end token, which nobody sees: no penalty makes it unlikely."""
    model = gpt()
    with torch.inference_mode():
        prompt = next(
            [0, token]
            for token in range(1, VOCABULARY)
            if int(model(torch.tensor([[0, token]]))[0, -1].argmax()) == 0
        )
    (answer,) = generate(model, [prompt], options(temperature=0, repetition_penalty=50.0), end=0)
    assert answer == Generated([], "end")


def test_a_prompt_without_a_token_is_refused() -> None:
    with pytest.raises(DataError, match="has no token"):
        generate(gpt(), [[0], []], options(), end=0)
    assert generate(gpt(), [], options(), end=0) == []


def test_texts_in_texts_out() -> None:
    tokenizer = train_tokenizer(["a text to learn from"], 300)
    model = build_model(
        GPTSettings(layers=1, width=16, heads=2, context=16),
        Sizes(vocabulary=tokenizer.get_vocab_size()),
        seed=0,
    )
    assert isinstance(model, GPT)
    prompts = ["", "a text", "été"]
    found = generate_texts(model.eval(), tokenizer, prompts, options(max_tokens=5))
    assert len(found) == 3
    for text, answer in found:
        assert isinstance(text, str)
        assert isinstance(answer, Generated)
