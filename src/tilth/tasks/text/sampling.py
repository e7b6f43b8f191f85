"""From logits to the next token: penalty, temperature, the likeliest few, and a draw by counter."""

from __future__ import annotations

import torch
from torch import Tensor

from tilth.tasks.predict_settings import PredictSettings


def penalise(logits: Tensor, tokens: Tensor, penalty: float) -> Tensor:
    """Logits with the tokens that stand there already made less likely.

    Positive logits are divided by the penalty and negative ones multiplied by it.

    Source: Keskar et al., "CTRL" (2019), section 4.1.

    Args:
        logits: float [n, vocabulary].
        tokens: int64 [n, length], the tokens of each row; -1 stands for none.
        penalty: 1 changes nothing.
    """
    if penalty == 1:
        return logits
    # One place more than there are tokens takes the entries that stand for none.
    seen = torch.zeros(len(logits), logits.shape[1] + 1, dtype=torch.bool, device=logits.device)
    places = torch.where(tokens < 0, logits.shape[1], tokens)
    seen = seen.scatter(1, places, torch.ones_like(places, dtype=torch.bool))[:, :-1]
    return torch.where(seen, torch.where(logits > 0, logits / penalty, logits * penalty), logits)


def probabilities(logits: Tensor, options: PredictSettings) -> Tensor:
    """What the next token is drawn from, float64 [n, vocabulary], each row summing to 1.

    Temperature, then the `top_k` likeliest, then the nucleus of `top_p` (Holtzman et al. 2020,
    section 3.1): the fewest likeliest tokens that together have this probability. Of equal logits
    at the edge, the tokens of lower number stay.

    Args:
        logits: float [n, vocabulary].
        options: temperature above 0, top_k, top_p.
    """
    # From the largest: a temperature near 0 must not overflow.
    scaled = (logits.double() - logits.double().amax(-1, keepdim=True)) / options.temperature
    shares = scaled.softmax(-1)
    if not options.top_k and options.top_p >= 1:
        return shares
    ranked, order = shares.sort(dim=-1, descending=True, stable=True)
    keep = torch.ones_like(ranked, dtype=torch.bool)
    if options.top_k:
        keep[:, options.top_k :] = False
        ranked = ranked * keep
        ranked = ranked / ranked.sum(-1, keepdim=True)
    if options.top_p < 1:
        # A token stays where those before it do not reach the share yet.
        keep &= ranked.cumsum(-1) - ranked < options.top_p
    kept = torch.zeros_like(shares).scatter(-1, order, ranked * keep)
    return kept / kept.sum(-1, keepdim=True)


def draw(shares: Tensor, numbers: Tensor) -> Tensor:
    """The token whose part of [0, 1) each number falls into, int64 [n].

    Args:
        shares: float64 [n, vocabulary], each row summing to 1.
        numbers: float64 [n], in [0, 1).
    """
    reached = shares.cumsum(-1)
    # Scaled by the last sum, which rounding leaves a little beside 1.
    wanted = numbers[:, None] * reached[:, -1:]
    return torch.searchsorted(reached, wanted, right=True)[:, 0].clamp(max=shares.shape[1] - 1)


def next_tokens(
    logits: Tensor, tokens: Tensor, numbers: Tensor, options: PredictSettings
) -> Tensor:
    """The next token of each row, int64 [n].

    Args:
        logits: float [n, vocabulary].
        tokens: int64 [n, length], the row's tokens so far; -1 stands for none.
        numbers: float64 [n] in [0, 1); not used at temperature 0, which takes the likeliest.
        options: temperature, top_k, top_p, repetition_penalty.
    """
    logits = penalise(logits.float(), tokens, options.repetition_penalty)
    if options.temperature == 0:
        return logits.argmax(-1)
    return draw(probabilities(logits, options), numbers)
