"""Worlds whose truth is known, to see how often an interval holds it: what `coverage` draws from.

Each is a `Cell`: a figure, what the world is like, how much of it is seen, and a trial that draws
it once and gives the interval that Tilth would print.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tilth.statistics.curves import multiplier
from tilth.statistics.found import Bounds
from tilth.statistics.held_out import combined_interval, interval_over_test_sets, ratio_error
from tilth.statistics.intervals import (
    Figure,
    bounds_of,
    macro_f1,
    over_folds,
    over_seeds,
    ratio,
    share,
    totals,
)
from tilth.statistics.paired import t_interval

Generator = np.random.Generator
Floats = npt.NDArray[Any]
Ends = tuple[float | None, float | None]

SEEDS = (2, 3, 5, 8)
ITEMS = (10, 20, 50, 400)
# Speakers or sites are often fewer.
FEW_GROUPS = (2, 3, 5)
# What every interval is to cover, where nothing else is said of it.
PROMISE = 0.94
_MANY = 400_000


@dataclass(frozen=True)
class Cell:
    """An interval in a world.

    Attributes:
        figure: Whose interval.
        world: What its numbers are like.
        size: How much is seen, in words.
        truth: What the interval is to hold.
        trial: Draws the world once, and gives the interval.
        promise: The share of draws in which it is to hold it.
    """

    figure: str
    world: str
    size: str
    truth: float
    trial: Callable[[Generator], Ends]
    promise: float = PROMISE

    def covers(self, repetitions: int) -> float:
        """The share of draws whose interval holds the truth; the same at every call."""
        name = f"{self.figure}, {self.world}, {self.size}"
        generator, held = np.random.default_rng(zlib.crc32(name.encode())), 0
        for _ in range(repetitions):
            low, high = self.trial(generator)
            held += (low is None or low <= self.truth) and (high is None or high >= self.truth)
        return held / repetitions


def cells() -> Iterator[Cell]:
    """Every interval that Tilth prints of a training, at few and at many seeds and items."""
    yield from _over_seeds()
    yield from _over_test_sets()
    yield from _over_both()
    yield from _of_figures()
    yield from _of_means()
    yield from _of_multipliers()


# Differences of one seed each: (in words, truth, promise, draw n).
_Draw = Callable[[Generator, int], Floats]
_DIFFERENCES: tuple[tuple[str, float, float, _Draw], ...] = (
    ("normal differences", 0.3, PROMISE, lambda g, n: g.normal(0.3, 1.0, n)),
    ("rounded to steps, spread 0.3 steps", 0.0, PROMISE, lambda g, n: np.rint(g.normal(0, 0.3, n))),
    ("one step more in one seed of ten", 0.1, PROMISE, lambda g, n: 1.0 * (g.random(n) < 0.1)),
    ("one step more in three seeds of ten", 0.3, PROMISE, lambda g, n: 1.0 * (g.random(n) < 0.3)),
    ("ten test items, each other in one seed of 50", 0.2, PROMISE,
     lambda g, n: g.binomial(10, 0.02, n) * 1.0),
    ("skewed as a lognormal of sigma 0.5", float(np.exp(0.125)), 0.90,
     lambda g, n: g.lognormal(0.0, 0.5, n)),
)  # fmt: skip


def _over_seeds() -> Iterator[Cell]:
    """A mean paired difference over seeds, and a mean of results, of a figure that moves by 1."""
    for seeds, (world, truth, promise, draw) in itertools.product(SEEDS, _DIFFERENCES):

        def trial(
            g: Generator,
            seeds: int = seeds,
            draw: _Draw = draw,
            step: float = 0.01 if "normal" in world else 1.0,
        ) -> Ends:
            found = t_interval(draw(g, seeds), resolution=step)
            return found.low, found.high

        yield Cell("over seeds", world, f"{seeds} seeds", truth, trial, promise)


_Parts = tuple[Floats, Floats]
# What a decision changes on test items: (in words, truth, promise, draw (gains, weights) of n).
_GAINS: tuple[tuple[str, float, float, Callable[[Generator, int], _Parts]], ...] = (
    ("accuracy, one item in 50 differs, all for the better", 0.02, PROMISE,
     lambda g, n: (1.0 * (g.random(n) < 0.02), np.ones(n))),
    ("accuracy, one item in 10 differs, either way", 0.0, PROMISE,
     lambda g, n: ((g.random(n) < 0.1) * g.choice([-1.0, 1.0], n), np.ones(n))),
    ("accuracy, three items in 10 differ, 4 of 5 for the better", 0.18, PROMISE,
     lambda g, n: ((g.random(n) < 0.3) * g.choice([-1.0, 1.0], n, p=[0.2, 0.8]), np.ones(n))),
    ("word errors, one utterance in 10 differs, mostly for the better", 0.015, 0.92,
     lambda g, n: _words(g, n, 0.1)),
    ("word errors, every other utterance differs", 0.075, PROMISE,
     lambda g, n: _words(g, n, 0.5)),
    ("bits a byte, normal differences", 0.02, PROMISE, lambda g, n: _bits(g, n, skewed=False)),
    ("bits a byte, differences skewed as a lognormal of sigma 1", float(np.exp(-2.5)), 0.87,
     lambda g, n: _bits(g, n, skewed=True)),
)  # fmt: skip


def _words(g: Generator, n: int, differ: float) -> _Parts:
    """Fewer word errors by 1.5 on average where an utterance of 10 words differs."""
    return (g.random(n) < differ) * (g.poisson(3.0, n) - 1.5), g.poisson(9, n) + 1.0


def _bits(g: Generator, n: int, *, skewed: bool) -> _Parts:
    weights = g.lognormal(6.0, 0.8, n)
    if skewed:
        return weights * g.lognormal(-3.0, 1.0, n), weights
    return weights * 0.02 + np.sqrt(weights) * g.normal(0.0, 1.0, n), weights


def _over_test_sets() -> Iterator[Cell]:
    for items, (world, truth, promise, draw) in itertools.product(ITEMS, _GAINS):

        def trial(g: Generator, items: int = items, draw: Callable[..., _Parts] = draw) -> Ends:
            gains, weights = draw(g, items)
            mean, error = gains.sum() / weights.sum(), ratio_error(gains, weights)
            found = interval_over_test_sets(mean, error, items)
            return found.low, found.high

        yield Cell("over test sets", world, f"{items} items", truth, trial, promise)


# Items that another seed would answer otherwise: (in words, truth, promise, draw gains [seeds,
# items]).
_TABLES: tuple[tuple[str, float, float, Callable[[Generator, int, int], Floats]], ...] = (
    ("accuracy, the same one item in 10 in every seed", 0.1, PROMISE,
     lambda g, s, n: np.tile(1.0 * (g.random(n) < 0.1), (s, 1))),
    ("accuracy, one item in 10 by chance in each seed", 0.1, PROMISE,
     lambda g, s, n: 1.0 * (g.random((s, n)) < 0.1)),
    ("accuracy, one item in 20, each in half of the seeds", 0.025, PROMISE,
     lambda g, s, n: 1.0 * (g.random((s, n)) < 0.5 * (g.random(n) < 0.05))),
    # As skewed over seeds as the share itself.
    ("accuracy, seeds that are better as a whole", 0.1, 0.92,
     lambda g, s, n: 1.0 * (g.random((s, n)) < g.beta(2.0, 18.0, (s, 1)))),
    ("a normal figure, by seed, by item and by both", 0.2, PROMISE,
     lambda g, s, n: 0.2 + g.normal(0, 0.1, (s, 1)) + g.normal(0, 0.5, n) + g.normal(0, 0.3, (s, n))
     ),
)  # fmt: skip


def _over_both() -> Iterator[Cell]:
    for seeds, items, (world, truth, promise, draw) in itertools.product(SEEDS, ITEMS, _TABLES):

        def trial(
            g: Generator,
            seeds: int = seeds,
            items: int = items,
            draw: Callable[[Generator, int, int], Floats] = draw,
            step: float = 0.01 if "normal" in world else 1.0,
        ) -> Ends:
            table = draw(g, seeds, items)
            error = ratio_error(table.mean(0), np.ones(items), step)
            found = combined_interval(table.mean(1), error, items, resolution=step / items)
            return found.low, found.high

        size = f"{seeds} seeds, {items} items"
        yield Cell("over seeds and test sets", world, size, truth, trial, promise)


def _ends(bounds: Bounds) -> Ends:
    return bounds.low, bounds.high


def _errors(rate: float) -> Callable[[Generator, int], Figure]:
    """Word errors of utterances of 10 words, some speakers far worse than others."""

    def draw(g: Generator, n: int) -> Figure:
        words = g.poisson(8, n) + 2
        wrong = np.minimum(g.poisson(g.gamma(0.5, rate / 0.5, n) * words), 2 * words)
        return ratio(wrong, words, scale=100.0, best=0.0, worst=100.0)

    return draw


def _bytes(g: Generator, n: int) -> Figure:
    sizes = g.lognormal(6.0, 0.8, n)
    return ratio(sizes * g.lognormal(np.log(2.0), 0.4, n), sizes)


def _answers(sizes: Sequence[float], right: float) -> Callable[[Generator, int], Figure]:
    """Answers to classes of such sizes."""
    classes, shares = len(sizes), np.array(sizes) / sum(sizes)

    def draw(g: Generator, n: int) -> Figure:
        labels = g.choice(classes, n, p=shares)
        return macro_f1(labels, np.where(g.random(n) < right, labels, g.integers(0, classes, n)))

    return draw


def _bleu(sums: Floats) -> Floats:
    """BLEU of summed counts (Papineni et al. 2002): matches, n-grams, length of the reference."""
    matches, counts, reference = sums[..., :4], sums[..., 4:8], sums[..., 8]
    precisions = np.where(matches == 0, 0.5, matches) / np.maximum(counts, 1)
    brevity = np.exp(np.minimum(0, 1 - reference / np.maximum(counts[..., 0], 1)))
    found: Floats = 100 * brevity * np.exp(np.log(precisions).mean(-1))
    return found


def _translations(g: Generator, n: int) -> Figure:
    lengths = g.poisson(12, n) + 5
    counts = np.stack([lengths - at for at in range(4)], 1)
    good = g.beta(6.3, 2.7, n)
    matches = np.stack([g.binomial(counts[:, at], good ** (1 + 0.7 * at)) for at in range(4)], 1)
    reference = np.maximum(lengths + g.integers(-2, 4, n), 3)[:, None]
    return totals(np.concatenate([matches, counts, reference], 1), _bleu, best=100.0, worst=0.0)


def _right(p: float) -> Callable[[Generator, int], Figure]:
    return lambda g, n: share(1.0 * (g.random(n) < p))


_FIGURES: tuple[tuple[str, str, float, Callable[[Generator, int], Figure]], ...] = (
    *(("a share", f"{100 * p:g} % are right", PROMISE, _right(p)) for p in (0.5, 0.9, 0.98)),
    ("word error rate", "5 %", PROMISE, _errors(0.05)),
    ("word error rate", "30 %", PROMISE, _errors(0.3)),
    ("bits per byte", "documents of very unequal size and difficulty", PROMISE, _bytes),
    ("macro F1", "2 classes, 9 of 10 right", PROMISE, _answers((1, 2), 0.9)),
    # A class that is seldom drawn moves the mean over classes by all its weight.
    ("macro F1", "2 classes, one item in 20 of one, 97 % right", PROMISE, _answers((1, 19), 0.97)),
    ("macro F1", "5 classes, 8 of 10 right", PROMISE, _answers((1, 2, 3, 4, 5), 0.8)),
    ("macro F1", "77 classes, 7 of 10 right", PROMISE, _answers((1,) * 77, 0.7)),
    ("BLEU", "by counts of n-grams", PROMISE, _translations),
)


# Of items in groups: the share that is right, how alike those of a group are, and how many it has.
_ALIKE = ((0.5, 0.1, 20), (0.9, 0.3, 20), (0.97, 0.3, 20), (0.8, 0.1, 100))


def _of_figures() -> Iterator[Cell]:
    """Figures of one model on held-out items, each by itself and in groups that are alike."""
    for name, world, promise, draw in _FIGURES:
        truth = draw(np.random.default_rng(0), _MANY).value
        for items in ITEMS:

            def trial(g: Generator, items: int = items, draw: Callable[..., Figure] = draw) -> Ends:
                return _ends(bounds_of(draw(g, items), "item"))

            yield Cell(name, world, f"{items} items", truth, trial, promise)
    for groups, (p, alike, each) in itertools.product((*FEW_GROUPS, *ITEMS), _ALIKE):

        def grouped(
            g: Generator, groups: int = groups, p: float = p, alike: float = alike, each: int = each
        ) -> Ends:
            sizes, less = g.poisson(each, groups) + 1, (1 - alike) / alike
            codes = np.repeat(np.arange(groups), sizes)
            right = g.random(len(codes)) < g.beta(p * less, (1 - p) * less, groups)[codes]
            return _ends(bounds_of(share(1.0 * right), "item", codes))

        world = f"{100 * p:g} % are right, groups of {each} alike by {alike}"
        yield Cell("a share, in groups", world, f"{groups} groups", 100 * p, grouped)


def _of_means() -> Iterator[Cell]:
    """The mean of a share over seeds on the same items, and over folds with items of their own."""
    for seeds, items in itertools.product(SEEDS, ITEMS):

        def same(g: Generator, seeds: int = seeds, items: int = items) -> Ends:
            easy = g.beta(4.0, 1.0, items)
            figures = [share(1.0 * (g.random(items) < easy)) for _ in range(seeds)]
            each = [bounds_of(one, "item") for one in figures]
            return _ends(over_seeds([one.value for one in figures], each, figures[0].reach))

        size = f"{seeds} seeds, {items} items"
        yield Cell("mean over seeds", "80 % are right, items unlike", size, 80.0, same)

        def folds(g: Generator, seeds: int = seeds, items: int = items) -> Ends:
            means = np.clip(g.normal(0.8, 0.05, seeds), 0, 1)
            figures = [share(1.0 * (g.random(items) < mean)) for mean in means]
            each = [bounds_of(one, "item") for one in figures]
            return _ends(over_folds([one.value for one in figures], each, figures[0].reach))

        size = f"{seeds} folds of {items} items"
        yield Cell("mean over folds", "80 % are right, folds unlike", size, 80.0, folds)


def _of_multipliers() -> Iterator[Cell]:
    """A result worth 1.6 times the data, on a curve that every seed lies on, but for noise."""
    sizes = np.array([1_000.0, 2_000.0, 4_000.0, 8_000.0])
    for seeds, noise in itertools.product(SEEDS, (0.02, 0.3)):

        def trial(g: Generator, seeds: int = seeds, noise: float = noise) -> Ends:
            errors = 300 * sizes**-0.4 + 5 + g.normal(0, noise, (seeds, 4))
            results = 300 * (1.6 * 2_000) ** -0.4 + 5 + g.normal(0, noise, seeds)
            read = multiplier(list(sizes), errors, results, 2_000)
            return read.low, read.high

        world = f"errors off the curve by {noise} points"
        yield Cell("data multiplier", world, f"{seeds} seeds", 1.6, trial)
