"""The label model of Dawid and Skene: each annotator has a confusion matrix, found by EM.

Source: Dawid and Skene, "Maximum likelihood estimation of observer error-rates using the EM
algorithm", Applied Statistics 28(1), 1979.

Only what an answer touches is kept: of an annotator's matrix the columns of classes that the
annotator ever answered. In all others stands the smoothing alone, which needs no memory. Still each
class may be the true one of each item, so time and memory grow with answers times classes; hence a
bound. Where there are more than `MOST_CLASSES`, the true class of an item is taken to be one of
those that somebody gave to it.

Two things are added to the paper. Items whose true class is known (gold) have it in every round.
And a person's matrix is drawn to what is known without its single rows (`pooling`, a Dirichlet
prior): that of all people, moved to how often this one is right over all classes. Of whoever
answered little, or of many classes, counts alone say too much. The hierarchy is that of Paun et
al., "Comparing Bayesian Models of Annotation" (2018), found as a maximum a posteriori with
strengths that are given and not estimated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tilth.label.agreement import count_answers
from tilth.label.beliefs import Beliefs

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

# Above this many classes not every one is weighed for every item, and of those given to one item
# no more than this many.
MOST_CLASSES = 128

# What one person is drawn to all by: as many answers to each class; and in how often he is right,
# over all classes, so many answers. Tried on eleven simulated worlds (dev/LOG.md).
POOLING = 4.0
_OWN = 5.0
# Shares of 0 and 1 have no odds.
_NEAREST = 1e-9


@dataclass(frozen=True)
class Fit:
    """What EM found.

    Attributes:
        items: int64 [pairs], an item.
        classes: int64 [pairs], a class that may be its true one.
        posterior: float64 [pairs], the probability that it is.
        prior: float64 [classes], share of each class.
        iterations: Rounds of EM.
        converged: Whether the log-likelihood had settled.
    """

    items: Integers
    classes: Integers
    posterior: Floats
    prior: Floats
    iterations: int
    converged: bool
    _cells: _Cells
    _counts: Floats
    _smoothing: float
    _pooling: float = 0.0

    @property
    def beliefs(self) -> Beliefs:
        """How likely each class is of each item."""
        return Beliefs(self.items, self.classes, self.posterior, len(self.prior))

    def best(self, num_items: int) -> tuple[Integers, Floats]:
        """The likeliest class of each item and its probability; see `Beliefs`."""
        return self.beliefs.likeliest(num_items)

    def accuracy(self) -> Floats:
        """The share of each annotator's answers that is expected to be right, float64 [annotators].

        Without smoothing, which would weigh more than the answers where classes are many. NaN of
        whoever gave none.
        """
        cells = self._cells
        whose = cells.annotator[cells.row]
        is_right = cells.answered == cells.true[cells.row]
        right = _sum(whose[is_right], self._counts[is_right], cells.num_annotators)
        given = _sum(whose, self._counts, cells.num_annotators)
        share: Floats = np.divide(right, given, out=np.full(len(given), np.nan), where=given > 0)
        return share

    def expected(self, annotator: int) -> Floats:
        """float64 [classes, classes]: how often the first is expected to have been true where the
        annotator answered the second."""
        cells, num_classes = self._cells, len(self.prior)
        counts = np.zeros((num_classes, num_classes))
        own = np.flatnonzero(cells.annotator[cells.row] == annotator)
        counts[cells.true[cells.row[own]], cells.answered[own]] += self._counts[own]
        return counts

    def confusion(self, annotator: int) -> Floats:
        """float64 [classes, classes]: how likely the annotator answers the second where the first
        is true; with smoothing, which is all that there is where no answer tells."""
        counts = self.expected(annotator) + self._smoothing
        if self._pooling:
            counts += self._pooling * self._anybody(annotator)
        matrix: Floats = counts / counts.sum(1, keepdims=True)
        return matrix

    def _anybody(self, annotator: int) -> Floats:
        """What is thought of an annotator before the single rows, float64 [classes, classes]."""
        cells, k = self._cells, len(self.prior)
        true, whose = cells.true[cells.row], cells.annotator[cells.row]
        pooled = _sum(true * k + cells.answered, self._counts, k * k).reshape(k, k)
        pooled += self._smoothing
        pooled /= pooled.sum(1, keepdims=True)
        right = true == cells.answered
        own = _sum(whose[right], self._counts[right], cells.num_annotators)
        given = _sum(whose, self._counts, cells.num_annotators)
        accuracy, mean = _accuracies(own, given, self._smoothing, k)
        diagonal = np.diag(pooled)[:, None]
        return _shifted(pooled, diagonal, np.eye(k, dtype=bool), accuracy[annotator], mean)


@dataclass(frozen=True)
class _Cells:
    """The cells of the confusion matrices that an answer touches.

    Attributes:
        row: int64 [cells], the row that a cell stands in.
        answered: int64 [cells], the class answered there.
        annotator: int64 [rows], whose matrix a row is of.
        true: int64 [rows], the class that is true there.
        num_annotators: Number of annotators.
    """

    row: Integers
    answered: Integers
    annotator: Integers
    true: Integers
    num_annotators: int

    def totals(self, counts: Floats) -> Floats:
        """Sums of the rows, float64 [rows], without smoothing."""
        return _sum(self.row, counts, len(self.true))


@dataclass(frozen=True)
class _Part:
    """Answers, each with a class that may be the true one of its item.

    Attributes:
        pairs: Where the pairs (item, class) of the part lie among all.
        cells: Where its cells of confusion matrices lie.
        pair: int64 [n], each one's pair, from the part's first on.
        cell: int64 [n], each one's cell, from the part's first on.
    """

    pairs: slice
    cells: slice
    pair: Integers
    cell: Integers

    def spread(self, posterior: Floats) -> Floats:
        """How often each cell was answered, float64 [cells of the part]."""
        taken = posterior[self.pairs][self.pair]
        return _sum(self.cell, taken, self.cells.stop - self.cells.start)

    def gather(self, logs: Floats) -> Floats:
        """Sums over the answers of each pair, float64 [pairs of the part]."""
        taken = logs[self.cells][self.cell]
        return _sum(self.pair, taken, self.pairs.stop - self.pairs.start)


@dataclass(frozen=True)
class _Layout:
    """What may be true, as pairs; what was answered then, as cells.

    Attributes:
        items: int64 [pairs].
        classes: int64 [pairs].
        posterior: float64 [pairs], the share of the item's answers that the class has.
        cells: Of the confusion matrices.
        parts: The answers, with what links pairs and cells.
    """

    items: Integers
    classes: Integers
    posterior: Floats
    cells: _Cells
    parts: list[_Part]


def fit(
    items: Integers,
    annotators: Integers,
    labels: Integers,
    *,
    num_items: int,
    num_annotators: int,
    num_classes: int,
    known: Integers | None = None,
    smoothing: float = 0.01,
    pooling: float = 0.0,
    max_iterations: int = 100,
    tolerance: float = 1e-6,
) -> Fit:
    """Estimate the true classes and each annotator's confusion matrix.

    Starts from the majority vote, and from what is known. The result depends on the order of
    answers only through rounding. Of more than `MOST_CLASSES` (128) classes, only those given to an
    item are weighed for it, and of these the 128 given most often, the first of equals; an item
    without answers is left out.

    Args:
        items: int64 [a], the item of each answer, 0 .. num_items - 1.
        annotators: int64 [a], who gave it, 0 .. num_annotators - 1.
        labels: int64 [a], its class, 0 .. num_classes - 1.
        num_items: Number of items.
        num_annotators: Number of annotators.
        num_classes: Number of classes.
        known: int64 [num_items], the true class of an item where it is known, else -1; None: of
            none it is.
        smoothing: Added to every count of the confusion matrices, so that an annotator who was
            never seen to err is not taken to be infallible.
        pooling: How many answers to each true class it counts for in an annotator's matrix what
            all annotators are like, and how often this one is right.
        max_iterations: Rounds of EM at most.
        tolerance: Stop when the log-likelihood an answer changes by less (nats).
    """
    lay_out = _all_classes if num_classes <= MOST_CLASSES else _given_classes
    if known is None:
        known = np.full(num_items, -1)
    layout = lay_out(items, annotators, labels, num_items, num_annotators, num_classes, known)
    cells, posterior, is_of = layout.cells, layout.posterior, layout.items
    is_false = (known[is_of] >= 0) & (known[is_of] != layout.classes)
    pool = _Pool(cells, num_classes) if pooling else None
    has_class = np.bincount(is_of, minlength=num_items) > 0
    num_weighed = int(has_class.sum())
    before, iterations = -np.inf, 0
    converged = False
    prior = np.full(num_classes, 1 / num_classes)
    counts: Floats = np.zeros(len(cells.row))
    for _ in range(max_iterations):
        iterations += 1
        prior = np.bincount(layout.classes, posterior, num_classes) + smoothing
        prior /= num_weighed + smoothing * num_classes
        # Sums run through bincount: in a fixed order, whatever the BLAS.
        counts = np.concatenate([part.spread(posterior) for part in layout.parts])
        log_totals = np.log(cells.totals(counts) + smoothing * num_classes + pooling)
        drawn = pooling * pool.means(counts, smoothing) if pool else 0.0
        logs = np.log(counts + smoothing + drawn) - log_totals[cells.row]
        log_joint = np.concatenate([part.gather(logs) for part in layout.parts])
        log_joint += np.log(prior)[layout.classes]
        log_joint[is_false] = -np.inf
        peak = np.full(num_items, -np.inf)
        np.maximum.at(peak, is_of, log_joint)
        weights = np.exp(log_joint - peak[is_of])
        total = np.bincount(is_of, weights, num_items)
        posterior = weights / total[is_of]
        evidence = peak[has_class] + np.log(total[has_class])
        likelihood = float(evidence.sum()) / max(len(items), 1)
        if abs(likelihood - before) < tolerance:
            converged = True
            break
        before = likelihood
    found = is_of, layout.classes, posterior, prior, iterations, converged
    return Fit(*found, cells, counts, smoothing, pooling)


class _Pool:
    """What a cell of one person's matrix is thought to be before that person's own row is seen."""

    def __init__(self, cells: _Cells, num_classes: int) -> None:
        self._cells = cells
        self._true = cells.true[cells.row]
        self._whose = cells.annotator[cells.row]
        self._is_right = cells.answered == self._true
        self._num_classes = num_classes
        # Of very many classes only the pairs that occur.
        codes = self._true * num_classes + cells.answered
        self._of, self._cell = np.unique(codes, return_inverse=True)

    def means(self, counts: Floats, smoothing: float) -> Floats:
        """How likely a cell's answer is where its class is true, float64 [cells].

        That of anybody, with as many more or fewer right answers as this person gives by all rows
        together: a shift of the logit.
        """
        k, right = self._num_classes, self._is_right
        totals = _sum(self._true, counts, k) + smoothing * k
        of_all = _sum(self._cell, counts, len(self._of)) + smoothing
        anybody = (of_all / totals[self._of // k])[self._cell]
        diagonal = ((_sum(self._true[right], counts[right], k) + smoothing) / totals)[self._true]
        own = _sum(self._whose[right], counts[right], self._cells.num_annotators)
        given = _sum(self._whose, counts, self._cells.num_annotators)
        accuracy, mean = _accuracies(own, given, smoothing, k)
        return _shifted(anybody, diagonal, right, accuracy[self._whose], mean)


def _accuracies(
    own: Floats, given: Floats, smoothing: float, num_classes: int
) -> tuple[Floats, float]:
    """How often each person is right, drawn to the mean of all, float64 [annotators]; the mean."""
    mean = (own.sum() + smoothing) / (given.sum() + smoothing * num_classes)
    accuracy: Floats = (own + _OWN * mean) / (given + _OWN)
    return accuracy, float(mean)


def _shifted(
    anybody: Floats,
    diagonal: Floats,
    is_right: npt.NDArray[np.bool_],
    accuracy: Floats | float,
    mean: float,
) -> Floats:
    """A cell of anybody's matrix with the accuracy of one: the logit of a right answer is moved as
    far as the accuracies are apart; wrong ones share the rest as anybody's do."""
    sure, own, all_ = (
        np.clip(value, _NEAREST, 1 - _NEAREST) for value in (diagonal, accuracy, mean)
    )
    odds = sure / (1 - sure) * (own / (1 - own)) / (all_ / (1 - all_))
    of_person = odds / (1 + odds)
    shifted: Floats = np.where(is_right, of_person, (1 - of_person) * anybody / (1 - sure))
    return shifted


def _all_classes(
    items: Integers,
    annotators: Integers,
    labels: Integers,
    num_items: int,
    num_annotators: int,
    num_classes: int,
    known: Integers,
) -> _Layout:
    """Each class may be the true one of each item: a part for each class."""
    votes = count_answers(items, labels, num_items, num_classes)
    total = votes.per_item()
    shares = np.where(total > 0, 0.0, 1 / num_classes)[None].repeat(num_classes, 0)
    shares[votes.labels, votes.items] = votes.times / total[votes.items]
    is_known = known >= 0
    shares[:, is_known] = np.arange(num_classes)[:, None] == known[is_known]
    answered, cell = np.unique(annotators * num_classes + labels, return_inverse=True)
    num_cells = len(answered)
    classes = np.arange(num_classes)
    rows = classes[:, None] * num_annotators + answered // num_classes
    cells = _Cells(
        rows.ravel(),
        np.tile(answered % num_classes, num_classes),
        np.tile(np.arange(num_annotators), num_classes),
        classes.repeat(num_annotators),
        num_annotators,
    )
    parts = [
        _Part(
            slice(k * num_items, (k + 1) * num_items),
            slice(k * num_cells, (k + 1) * num_cells),
            items,
            cell,
        )
        for k in range(num_classes)
    ]
    of_pairs = np.tile(np.arange(num_items), num_classes), classes.repeat(num_items)
    return _Layout(*of_pairs, shares.ravel(), cells, parts)


def _given_classes(
    items: Integers,
    annotators: Integers,
    labels: Integers,
    num_items: int,
    num_annotators: int,
    num_classes: int,
    known: Integers,
) -> _Layout:
    """The classes that were given to an item may be its true one: all in one part."""
    votes = count_answers(items, labels, num_items, num_classes)
    # Of an item whose class is known nothing else is weighed.
    is_known, is_open = known >= 0, known[votes.items] < 0
    of = np.concatenate([votes.items[is_open], np.flatnonzero(is_known)])
    classes = np.concatenate([votes.labels[is_open], known[is_known]])
    times = np.concatenate([votes.times[is_open], np.ones(is_known.sum(), np.int64)])
    order = np.lexsort((classes, -times, of))
    of, classes, times = of[order], classes[order], times[order].astype(np.float64)
    sizes = np.bincount(of, minlength=num_items)
    weighed = np.arange(len(order)) - (np.cumsum(sizes) - sizes)[of] < MOST_CLASSES
    of, classes, times = of[weighed], classes[weighed], times[weighed]
    shares = times / np.bincount(of, times, num_items)[of]

    sizes = np.minimum(sizes, MOST_CLASSES)
    num_pairs = sizes[items]
    before = np.cumsum(num_pairs) - num_pairs
    pair = np.arange(int(num_pairs.sum())) + ((np.cumsum(sizes) - sizes)[items] - before).repeat(
        num_pairs
    )
    true = classes[pair]
    rows, row = np.unique(true * num_annotators + annotators.repeat(num_pairs), return_inverse=True)
    answered, cell = np.unique(row * num_classes + labels.repeat(num_pairs), return_inverse=True)
    cells = _Cells(
        answered // num_classes,
        answered % num_classes,
        rows % num_annotators,
        rows // num_annotators,
        num_annotators,
    )
    part = _Part(slice(0, len(of)), slice(0, len(answered)), pair, cell)
    return _Layout(of, classes, shares, cells, [part])


def _sum(places: Integers, values: Floats, num: int) -> Floats:
    """The values at each of `num` places, added up in their order, float64 [num]."""
    return np.bincount(places, values, num).astype(np.float64, copy=False)
