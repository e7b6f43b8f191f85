"""Go on with texts: prompts in, texts out, many at once, each token read by the model once.

What is drawn for a prompt depends on (seed, the prompt's place in the list, how many tokens it has
got) and on nothing else, so the batch size changes no text. Prompts of different length stand in
one batch without padding between prompt and answer: each row has its own positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from tilth.errors import DataError
from tilth.models.gpt.decoder import GPT
from tilth.randomness import Keys, fold, keys_for, uniform
from tilth.tasks.predict_settings import PredictSettings
from tilth.tasks.text.sampling import next_tokens
from tilth.tasks.text.tokenize import Tokenizer, decode, encode, end_token


@dataclass(frozen=True)
class Generated:
    """What a model added to a prompt.

    Attributes:
        tokens: The new tokens, without the end token.
        stopped: `end`: the model ended the text; `length`: `max_tokens` were reached.
    """

    tokens: list[int]
    stopped: Literal["end", "length"]


def generate_texts(
    model: GPT, tokenizer: Tokenizer, prompts: Sequence[str], options: PredictSettings
) -> list[tuple[str, Generated]]:
    """The text that follows each prompt; an empty prompt gives a text from its beginning.

    The model reads the end token before each prompt, as it stood before every document in training.

    Args:
        model: In evaluation mode.
        tokenizer: The model's own.
        prompts: Any texts.
        options: How much, and how it is drawn.
    """
    end = end_token(tokenizer)
    rows = [[end, *map(int, tokens)] for tokens in encode(tokenizer, prompts)]
    answers = generate(model, rows, options, end=end)
    return [(decode(tokenizer, answer.tokens), answer) for answer in answers]


def generate(
    model: GPT, prompts: Sequence[Sequence[int]], options: PredictSettings, *, end: int
) -> list[Generated]:
    """The tokens that follow each prompt.

    A text that outgrows the model's context is read anew from its last half context on: positions
    are not stretched beyond what the model was trained on.

    Args:
        model: In evaluation mode.
        prompts: Tokens, one or more each.
        options: How much, and how it is drawn.
        end: The token that ends a text.

    Raises:
        DataError: A prompt is empty.
    """
    if not all(prompts):
        raise DataError("a prompt has no token", hint="begin it with the end token")
    answers: list[Generated] = []
    with torch.inference_mode():
        for start in range(0, len(prompts), options.batch_size):
            part = prompts[start : start + options.batch_size]
            places = (options.first + start + np.arange(len(part))).astype(np.uint64)
            answers += _Batch(model, part, places, options, end).run()
    return answers


class _Batch:
    """Prompts that are gone on with side by side; one that has ended leaves the batch."""

    def __init__(
        self,
        model: GPT,
        prompts: Sequence[Sequence[int]],
        places: Keys,
        options: PredictSettings,
        end: int,
    ) -> None:
        self._model, self._options, self._end = model, options, end
        self._device = model.tokens.weight.device
        self._texts = [list(prompt) for prompt in prompts]
        self._keys = keys_for(options.seed, 0, places)
        self._answers: list[Generated] = [Generated([], "length") for _ in prompts]
        self._running = list(range(len(prompts)))
        self._begins = [0] * len(prompts)  # where in its text each row's positions begin
        self._cache = model.new_cache(0)

    def run(self) -> list[Generated]:
        """Draw tokens until every text has ended."""
        vectors = self._read_whole()
        for count in range(self._options.max_tokens):
            chosen = self._choose(self._model.logits(vectors), count)
            going_on = []
            for row, (text, token) in enumerate(zip(self._running, chosen, strict=True)):
                if token == self._end:
                    self._answers[text] = Generated(self._answers[text].tokens, "end")
                    continue
                self._answers[text].tokens.append(token)
                self._texts[text].append(token)
                going_on.append(row)
            if not going_on or count + 1 == self._options.max_tokens:
                break
            if len(going_on) < len(self._running):
                self._cache.select(torch.tensor(going_on, device=self._device))
                self._running = [self._running[row] for row in going_on]
            at = [len(self._texts[text]) - self._begins[text] - 1 for text in self._running]
            if max(at) >= self._model.context:
                vectors = self._read_whole()
                continue
            last = [[self._texts[text][-1]] for text in self._running]
            vectors = self._read(last, [[place] for place in at])[:, 0]
        return self._answers

    def _read_whole(self) -> Tensor:
        """Read the running texts from the start; returns their last vectors, float [n, width]."""
        context = self._model.context
        rows = []
        for text in self._running:
            length = len(self._texts[text]) - self._begins[text]
            if length > context:
                # A prompt that is too long is read as far as it goes; later ones make room.
                kept = context if not self._answers[text].tokens else max(context // 2, 1)
                self._begins[text] = len(self._texts[text]) - kept
            rows.append(self._texts[text][self._begins[text] :])
        longest = max(map(len, rows))
        self._cache = self._model.new_cache(len(rows))
        # Padding stands behind a text, where its own next tokens will take the place.
        padded = [row + [self._end] * (longest - len(row)) for row in rows]
        vectors = self._read(padded, [list(range(longest))] * len(rows))
        last = torch.tensor([len(row) - 1 for row in rows], device=self._device)
        return vectors[torch.arange(len(rows), device=self._device), last]

    def _read(self, tokens: list[list[int]], at: list[list[int]]) -> Tensor:
        return self._model.read(
            torch.tensor(tokens, device=self._device),
            torch.tensor(at, device=self._device),
            self._cache,
        )

    def _choose(self, logits: Tensor, count: int) -> list[int]:
        """The next token of each running text."""
        numbers = uniform(fold(self._keys[self._running], count), "generate.token")
        longest = max(len(self._texts[text]) for text in self._running)
        so_far = torch.full((len(self._running), longest), -1)
        if self._options.repetition_penalty != 1:
            for row, text in enumerate(self._running):
                so_far[row, : len(self._texts[text])] = torch.tensor(self._texts[text])
        # The end token before a prompt is no part of the text: to end it is no repetition.
        so_far[so_far == self._end] = -1
        chosen = next_tokens(
            logits,
            so_far.to(self._device),
            torch.from_numpy(numbers).to(self._device),
            self._options,
        )
        tokens: list[int] = chosen.tolist()
        return tokens
