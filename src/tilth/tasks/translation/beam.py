"""Beam search: the likeliest few beginnings of each translation are kept and gone on with.

Source: Sutskever et al. 2014, section 3.2; scores of finished texts are divided by a power of
their length (Wu et al. 2016, section 7, in its simplest form), for each token makes a text less
likely. Nothing is drawn: equal sources in equal batches give equal translations.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tilth.models.seq2seq.network import Seq2Seq


def translate(
    model: Seq2Seq,
    sources: Sequence[npt.NDArray[np.uint16]],
    *,
    end: int,
    beam: int,
    length_penalty: float,
    max_tokens: int,
    batch_size: int,
) -> list[list[int]]:
    """The tokens of each translation, without the end token, in the order of the sources.

    Args:
        model: In evaluation mode.
        sources: Tokens of each text, the end token last.
        end: The token that ends a text, and begins a translation.
        beam: Hypotheses a text; 1 is greedy search.
        length_penalty: Exponent of the length that log-probabilities are divided by.
        max_tokens: Of a translation; it also ends at twice the source's length and ten.
        batch_size: Texts at once; such of like length are taken together.
    """
    answers: list[list[int]] = [[] for _ in sources]
    by_length = sorted(range(len(sources)), key=lambda row: len(sources[row]))
    device = model.tokens.weight.device
    with torch.inference_mode():
        for start in range(0, len(by_length), batch_size):
            rows = by_length[start : start + batch_size]
            lengths = torch.tensor([len(sources[row]) for row in rows], device=device)
            source = torch.full((len(rows), len(sources[rows[-1]])), end, device=device)
            for place, row in enumerate(rows):
                source[place, : len(sources[row])] = torch.from_numpy(sources[row].astype(np.int64))
            limits = (2 * lengths + 10).clamp(max=max_tokens)
            found = _Search(model, source, lengths, limits, end, beam, length_penalty).run()
            for row, tokens in zip(rows, found, strict=True):
                answers[row] = tokens
    return answers


class _Search:
    """Some texts side by side; one whose translation is found leaves the batch."""

    def __init__(
        self,
        model: Seq2Seq,
        source: Tensor,
        lengths: Tensor,
        limits: Tensor,
        end: int,
        beam: int,
        length_penalty: float,
    ) -> None:
        n = len(source)
        self._model, self._end, self._beam, self._penalty = model, end, beam, length_penalty
        self._limits = limits
        self._texts = list(range(n))
        memory = model.encode(source, lengths)
        self._cache = model.new_cache(memory, beam, int(limits.max()))
        # All hypotheses of a text are equal at first: only one of them may go on.
        self._scores = torch.full((n, beam), -torch.inf, device=source.device)
        self._scores[:, 0] = 0
        self._tokens = torch.full((n, beam, 1), end, device=source.device)
        self._finished: list[list[tuple[float, list[int]]]] = [[] for _ in range(n)]

    def run(self) -> list[list[int]]:
        """The best translation of each text."""
        while self._texts:
            self._go_on()
        # The first of equal scores is taken: `max` keeps it.
        return [max(found, key=lambda one: one[0])[1] for found in self._finished]

    def _go_on(self) -> None:
        """One more token of every hypothesis."""
        n, beam = self._scores.shape
        logits = self._model.step(self._tokens[:, :, -1].reshape(n * beam), self._cache)
        gained = logits.float().log_softmax(-1).view(n, beam, -1)
        vocabulary = gained.shape[2]
        totals = (self._scores[:, :, None] + gained).view(n, beam * vocabulary)
        # Twice as many, for up to `beam` of them may end here.
        best, places = totals.topk(min(2 * beam, totals.shape[1]), dim=1)
        parents = places.div(vocabulary, rounding_mode="floor")
        tokens = places % vocabulary
        ends = tokens == self._end
        # At first only one hypothesis is alive; what follows the others is impossible.
        finished = ends & best.isfinite()
        length = self._tokens.shape[2]
        for row, rank in finished[:, :beam].nonzero().tolist():
            score = best[row, rank].item() / length**self._penalty
            text = self._tokens[row, int(parents[row, rank]), 1:].tolist()
            self._finished[self._texts[row]].append((score, text))
        going_on = ends.long().argsort(dim=1, stable=True)[:, :beam]
        parents, tokens = parents.gather(1, going_on), tokens.gather(1, going_on)
        self._scores = best.gather(1, going_on)
        before = self._tokens.gather(1, parents[:, :, None].expand(-1, -1, length))
        self._tokens = torch.cat((before, tokens[:, :, None]), dim=2)
        self._leave(parents)

    def _leave(self, parents: Tensor) -> None:
        """Take the texts that are done out of the batch; `parents` are of the hypotheses."""
        n, beam = parents.shape
        written = self._tokens.shape[2] - 1
        kept = []
        for row, text in enumerate(self._texts):
            if len(self._finished[text]) >= beam:
                continue
            if written >= int(self._limits[row]):
                if not self._finished[text]:
                    score = self._scores[row, 0].item() / written**self._penalty
                    self._finished[text].append((score, self._tokens[row, 0, 1:].tolist()))
                continue
            kept.append(row)
        rows = torch.tensor(kept, dtype=torch.int64, device=parents.device)
        hypotheses = (torch.arange(n, device=parents.device)[:, None] * beam + parents)[rows]
        self._cache.choose(rows, hypotheses.flatten())
        self._texts = [self._texts[row] for row in kept]
        self._limits, self._scores = self._limits[rows], self._scores[rows]
        self._tokens = self._tokens[rows]
