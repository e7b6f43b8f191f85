"""How far two people's texts of one sample are apart: words, characters, or chrF."""

from __future__ import annotations

from collections import Counter
from typing import Final, Literal

from tilth.kernels.edits import edit_distance

Metric = Literal["wer", "cer", "chrf"]

# As sacreBLEU's chrF: up to so many characters together, recall counted so many times.
_LONGEST: Final = 6
_BETA_SQUARED: Final = 4.0


def distance(first: str, second: str, metric: Metric) -> float:
    """How far two texts are apart, from 0 to 1, the same both ways.

    wer and cer: edits of words or characters, of as many as the longer one has; chrf: 1 less chrF,
    with either as the reference in turn.
    """
    if metric == "chrf":
        return 1 - (chrf(first, second) + chrf(second, first)) / 2
    a, b = units(first, metric), units(second, metric)
    return edit_distance(a, b) / max(len(a), len(b), 1)


def units(text: str, metric: Metric) -> list[str]:
    """What edits are counted in: words, or characters with one blank between words."""
    words = text.split()
    return words if metric == "wer" else list(" ".join(words))


def chrf(said: str, reference: str) -> float:
    """chrF from 0 to 1: the F-score of character n-grams, as sacreBLEU counts a sentence.

    Source: Popovic, "chrF: character n-gram F-score for automatic MT evaluation" (2015), beta 2,
    n up to 6, blanks left out; of lengths that neither text has no score.
    """
    a, b = "".join(said.split()), "".join(reference.split())
    precision = recall = 0.0
    orders = 0
    for n in range(1, _LONGEST + 1):
        own = Counter(a[i : i + n] for i in range(len(a) - n + 1))
        other = Counter(b[i : i + n] for i in range(len(b) - n + 1))
        if own and other:
            both = (own & other).total()
            precision += both / own.total()
            recall += both / other.total()
            orders += 1
    if not orders:
        return float(a == b)
    precision, recall = precision / orders, recall / orders
    if not precision + recall:
        return 0.0
    return (1 + _BETA_SQUARED) * precision * recall / (_BETA_SQUARED * precision + recall)
