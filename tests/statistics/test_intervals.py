"""Intervals of held-out figures: against scipy and sacreBLEU, and by how often they hold."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import binomtest
from scipy.stats import t as student
from sklearn.metrics import f1_score

from tilth.statistics.found import Bounds
from tilth.statistics.intervals import (
    Figure,
    Reach,
    bounds_of,
    clopper_pearson,
    macro_f1,
    over_folds,
    over_seeds,
    ratio,
    share,
    totals,
)
from tilth.tasks.translation.task import score

Floats = npt.NDArray[np.float64]


def ends(found: Bounds) -> tuple[float, float]:
    assert found.low is not None
    assert found.high is not None
    return found.low, found.high


@pytest.mark.parametrize(("right", "n"), [(0, 1), (0, 300), (7, 8), (81, 263), (300, 300)])
def test_the_interval_of_a_share_is_scipys_exact_one(right: int, n: int) -> None:
    expected = binomtest(right, n).proportion_ci(0.95, method="exact")
    assert clopper_pearson(right, n) == pytest.approx((expected.low, expected.high), abs=1e-9)
    found = bounds_of(share(np.arange(n) < right), "image")
    assert ends(found) == pytest.approx((100 * expected.low, 100 * expected.high), abs=1e-7)
    assert (found.n, found.method, found.groups) == (n, "Clopper-Pearson", None)


def test_the_interval_of_a_share_as_published() -> None:
    """Newcombe (1998), table I, method 5: 81 of 263, 15 of 148, 0 of 20, 1 of 29."""
    published = {
        (81, 263): (0.2527, 0.3676),
        (15, 148): (0.0578, 0.1617),
        (0, 20): (0.0, 0.1684),
        (1, 29): (0.0009, 0.1776),
    }
    for (right, n), expected in published.items():
        assert clopper_pearson(right, n) == pytest.approx(expected, abs=5e-5)


def test_a_ratio_is_that_of_the_totals_and_not_the_mean_of_ratios() -> None:
    bits, num_bytes = np.array([10.0, 900.0, 30.0]), np.array([10.0, 300.0, 10.0])
    found = ratio(bits, num_bytes)
    assert found.value == bits.sum() / num_bytes.sum()
    assert found.value != pytest.approx((bits / num_bytes).mean())
    low, high = ends(bounds_of(found, "document"))
    assert 0 <= low < found.value < high


def test_macro_f1_is_scikit_learns_with_classes_that_never_occur() -> None:
    generator = np.random.default_rng(0)
    labels, answers = generator.integers(0, 9, (2, 200)) * 3
    expected = 100 * f1_score(labels, answers, average="macro", zero_division=0)
    assert macro_f1(labels, answers).value == pytest.approx(expected)


def test_bleu_and_chrf_are_sacrebleus_of_the_corpus_and_of_every_resample() -> None:
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    generator = np.random.default_rng(0)
    words = ["the", "cat", "sat", "on", "a", "mat", "It", "rains", "."]
    said = [" ".join(generator.choice(words, generator.integers(4, 12))) for _ in range(60)]
    found = [text.replace("cat", "dog").replace("rains", "Rains") for text in said]
    figures = score(found, said)
    metrics = {"bleu": BLEU(), "bleu_lowercase": BLEU(lowercase=True), "chrf": CHRF()}
    for name, metric in metrics.items():
        figure = figures[name]
        assert isinstance(figure, Figure)
        assert figure.value == metric.corpus_score(found, [said]).score
        drawn = generator.integers(0, 60, 60)
        once = np.bincount(drawn, minlength=60)
        again = metric.corpus_score([found[i] for i in drawn], [[said[i] for i in drawn]])
        of_sums = figure.of_sums((once @ figure.sums(np.arange(60), 60, slice(None)))[None])
        assert of_sums[0] == pytest.approx(again.score, abs=1e-9)
        low, high = ends(bounds_of(figure, "pair"))
        assert 0 < low < figure.value < high < 100


def _documents(generator: np.random.Generator, n: int) -> Floats:
    size = np.ceil(np.exp(generator.normal(6, 0.7, n)))
    rate = 2.2 + 0.4 * generator.standard_normal(n)
    return np.stack([size * rate, size], 1)


def _utterances(generator: np.random.Generator, n: int) -> Floats:
    words = generator.integers(1, 12, n)
    wrong = np.where(generator.random(n) < 0.2, generator.binomial(words, 0.3), 0)
    return np.stack([wrong, words], 1).astype(float)


@pytest.mark.parametrize("draw", [_documents, _utterances])
@pytest.mark.parametrize("n", [40, 150])
def test_an_interval_holds_as_often_as_it_says(
    draw: Callable[[np.random.Generator, int], Floats], n: int
) -> None:
    """All worlds, at 2,000 draws each, in test_coverage.py."""
    whole = draw(np.random.default_rng(1), 1_000_000).sum(0)
    truth, generator, trials = whole[0] / whole[1], np.random.default_rng(n), 300
    held = 0
    for _ in range(trials):
        low, high = ends(bounds_of(ratio(*draw(generator, n).T), "document"))
        held += low <= truth <= high
    # Three standard errors below 95 %.
    assert held / trials >= 0.912


def test_groups_that_stand_together_widen_every_interval() -> None:
    """Twenty speakers say the same thing fifty times: hardly as many as twenty, not a thousand."""
    speakers = np.repeat(np.arange(20), 50)
    right = (np.arange(20) % 4 > 0).repeat(50)
    alone, together = (bounds_of(share(right), "utterance", g) for g in (None, speakers))
    assert (together.n, together.groups) == (1000, 20)
    assert (alone.n, alone.groups) == (1000, None)
    expected = binomtest(15, 20).proportion_ci(0.95, method="exact")
    assert ends(together)[0] == pytest.approx(100 * expected.low, abs=7)
    assert ends(together)[1] == pytest.approx(100 * expected.high, abs=5)
    assert ends(together)[0] < 100 * expected.low
    errors = ratio(~right, np.ones(1000), scale=100)
    widths = [np.diff(ends(bounds_of(errors, "utterance", g)))[0] for g in (None, speakers)]
    assert widths[1] > 4 * widths[0]


def test_nothing_wrong_among_few_is_no_proof_that_nothing_can_be() -> None:
    """Two items with one wrong word each, as Student's t of 29 degrees takes them."""
    none = ratio(np.zeros(30), np.full(30, 5.0), scale=100, best=0.0, worst=100.0)
    half = student.ppf(0.975, 29) * math.sqrt(2) * 100 / 150
    assert ends(bounds_of(none, "utterance")) == pytest.approx((0, half))
    labels = np.arange(30) % 3
    low, high = ends(bounds_of(macro_f1(labels, labels), "text"))
    assert high == 100
    assert low < 100 - student.ppf(0.975, 29) * math.sqrt(2) * 100 / 30 + 1e-9


def test_one_document_says_nothing_of_others() -> None:
    found = bounds_of(ratio(np.array([5.0]), np.array([2.0])), "document")
    assert (found.low, found.high, found.n) == (None, None, 1)


def test_the_same_at_every_call_and_at_any_size() -> None:
    generator = np.random.default_rng(0)
    for n in (2, 50, 30_000):
        figure = ratio(generator.random(n), np.ones(n))
        first = bounds_of(figure, "image")
        assert first == bounds_of(figure, "image")
        if n == 30_000:
            half = 1.96 * math.sqrt(1 / 12 / n)
            assert np.diff(ends(first))[0] == pytest.approx(2 * half, rel=0.1)


def _bounds(low: float, high: float, n: int = 100) -> Bounds:
    return Bounds(low, high, n, "image", "Clopper-Pearson")


PERCENT, ERRORS = Reach(100.0, 0.0), Reach(math.inf, 0.0)


def test_over_seeds_adds_what_seeds_and_items_leave_open() -> None:
    same = over_seeds([90.0] * 3, [_bounds(82, 95)] * 3, PERCENT)
    assert ends(same) == pytest.approx((82, 95))
    # Student's 0.975 quantile of 2 degrees of freedom is 4.3027.
    half = 4.302653 * 1 / math.sqrt(3)
    far = over_seeds([89.0, 90.0, 91.0], [_bounds(82, 95)] * 3, PERCENT)
    assert ends(far) == pytest.approx((90 - math.hypot(8, half), 90 + math.hypot(5, half)))
    assert far.n == 100
    assert far.method == "items and seeds"
    assert ends(over_seeds([60.0, 100.0], [_bounds(70, 90)] * 2, PERCENT)) == (0, 100)


def test_over_folds_is_students_and_never_surer_than_the_items_allow() -> None:
    apart = over_folds([80.0, 90.0], [_bounds(75, 85), _bounds(85, 95)], PERCENT)
    assert ends(apart) == pytest.approx((85 - 12.7062 * 5, 100), abs=1e-3)
    assert (apart.n, apart.groups) == (200, 2)
    alike = over_folds([80.0, 80.0], [_bounds(70, 88)] * 2, PERCENT)
    assert ends(alike) == pytest.approx((80 - 10 / math.sqrt(2), 80 + 8 / math.sqrt(2)))


def _plain_jackknife(parts: Floats, of_sums: Callable[[Floats], Floats], step: float) -> float:
    """Tukey (1958): the spread of what the figure is without each item, with two items more."""
    n = len(parts)
    left_out = np.array([float(of_sums(np.delete(parts, i, 0).sum(0))) for i in range(n)])
    pulls = (n - 1) * (left_out.mean() - left_out)
    unseen = max(abs(pulls).max(), n * step)
    error = math.sqrt(n * pulls.var(ddof=1) + 2 * unseen**2) / n
    return float(student.ppf(0.975, n - 1)) * error


@pytest.mark.parametrize("n", [5, 12, 40])
def test_the_jackknife_is_tukeys(n: int) -> None:
    generator = np.random.default_rng(n)
    parts = np.stack([generator.exponential(3, n) ** 1.5, generator.uniform(1, 3, n)], 1)
    figure = ratio(*parts.T, scale=10.0)
    half = _plain_jackknife(
        parts, lambda sums: 10.0 * sums[..., 0] / sums[..., 1], 10 / parts[:, 1].sum()
    )
    value = figure.value
    # An error has no upper end: it is read off the logarithm.
    expected = (max(value - half, 0), value * math.exp(half / value))
    assert ends(bounds_of(figure, "document")) == pytest.approx(expected)
    score = totals(parts, lambda sums: 100 / (1 + sums[..., 0] / sums[..., 1]), best=100.0, worst=0)
    half = _plain_jackknife(parts, score.of_sums, 100 / n)
    value = score.value
    expected = (max(value - half, 0), min(value + half, 100))
    assert ends(bounds_of(score, "pair")) == pytest.approx(expected)


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("kind", ["share", "ratio", "f1"])
def test_the_order_of_the_items_changes_no_interval(kind: str, grouped: bool) -> None:
    generator = np.random.default_rng(3)
    labels, answers = generator.integers(0, 4, (2, 3_000))
    weights, groups = generator.integers(1, 9, 3_000), generator.integers(0, 60, 3_000)

    def found(rows: npt.NDArray[np.int64]) -> tuple[float, float]:
        right = (labels == answers)[rows]
        made = {
            "share": lambda: share(right),
            "ratio": lambda: ratio(right * 1.0, weights[rows]),
            "f1": lambda: macro_f1(labels[rows], answers[rows]),
        }
        return ends(bounds_of(made[kind](), "text", groups[rows] if grouped else None))

    plain = found(np.arange(3_000))
    assert found(generator.permutation(3_000)) == pytest.approx(plain, abs=1e-9)


def test_many_groups_are_left_out_a_slice_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(3)
    labels, answers = generator.integers(0, 4, (2, 500))
    groups = generator.integers(0, 37, 500)
    whole = bounds_of(macro_f1(labels, answers), "text", groups)
    for numbers in (8, 80, 37 * 8, 10**9):
        monkeypatch.setattr("tilth.statistics.intervals._SLICE", numbers)
        assert bounds_of(macro_f1(labels, answers), "text", groups) == whole


def test_the_value_is_within_its_interval_however_skewed() -> None:
    """One item has all of it: most draws lack it or have it more than once."""
    parts = np.zeros(30)
    parts[3] = 1.0
    figure = ratio(parts, np.ones(30))
    low, high = ends(bounds_of(figure, "document"))
    assert low <= figure.value <= high


def test_what_all_items_agree_in_is_as_sure_as_one_unit_lets_it() -> None:
    """Two further items a unit away: nine items of one byte each that all cost 2 bits."""
    found = bounds_of(ratio(np.full(9, 2.0), np.ones(9)), "document")
    half = student.ppf(0.975, 8) * math.sqrt(2) / 9
    assert ends(found) == pytest.approx((2 - half, 2 * math.exp(half / 2)))
    best = bounds_of(ratio(np.zeros(9), np.ones(9), best=0.0, worst=1.0), "document")
    assert ends(best) == pytest.approx((0.0, half))


@pytest.mark.parametrize("right", [3, 10, 17])
def test_groups_are_worth_what_varies_between_them(right: int) -> None:
    """Korn and Graubard (1998): n is p (1 - p) over the variance between groups, with two more.

    It is known from five degrees of freedom, where items by themselves had 25.
    """
    generator = np.random.default_rng(right)
    groups = np.repeat(np.arange(6), [2, 5, 4, 3, 8, 4])
    hits = (generator.permutation(26) < right).astype(float)
    p = hits.mean()
    off = np.array([(hits[groups == g] - p).sum() for g in range(6)])
    squares = (off**2).sum() * 6 / 5 + 2 * max(abs(off).max(), 1.0) ** 2
    known = (student.ppf(0.975, 25) / student.ppf(0.975, 5)) ** 2
    worth = min(26, known * p * (1 - p) / (squares / 26**2))
    low, high = clopper_pearson(p * worth, worth)
    found = bounds_of(share(hits), "utterance", groups)
    assert ends(found) == pytest.approx((100 * low, 100 * high))


def test_of_groups_that_are_all_right_as_many_count_as_there_are_groups() -> None:
    groups = np.repeat(np.arange(4), 10)
    for right in (0, 1):
        found = bounds_of(share(np.full(40, right)), "utterance", groups)
        low, high = clopper_pearson(4 * right, 4)
        assert ends(found) == pytest.approx((100 * low, 100 * high))
    # One group says of others what its items say.
    alone = bounds_of(share(np.arange(8) < 6), "utterance", np.zeros(8, np.int64))
    assert ends(alone) == pytest.approx(tuple(100 * end for end in clopper_pearson(6, 8)))
    assert alone.groups == 1


def test_an_end_next_to_nothing_or_all_is_that() -> None:
    """Of two groups that are wholly unlike anything is possible: not 0.000000002 to 99.9999999."""
    found = bounds_of(share(np.repeat([1.0, 0.0], [10, 6])), "text", np.repeat([0, 1], 8))
    assert ends(found) == (0.0, 100.0)
    # An exact end stays as it is.
    many = bounds_of(share(np.arange(20_000) < 1), "text")
    assert ends(many)[0] == pytest.approx(100 * clopper_pearson(1, 20_000)[0])
    assert ends(many)[0] > 0


def test_groups_of_equal_shares_are_not_sure_of_it() -> None:
    """Five groups that agree by chance: two more may be one item off."""
    groups = np.repeat(np.arange(5), 4)
    hits = np.tile([1.0, 1.0, 0.0, 1.0], 5)
    low, high = clopper_pearson(15, 20)
    assert ends(bounds_of(share(hits), "utterance", groups)) == pytest.approx(
        (100 * low, 100 * high)
    )
    crowded = bounds_of(share(np.tile(hits, 9)), "utterance", np.tile(groups, 9))
    assert ends(crowded)[0] > 100 * low


def test_a_figure_knows_what_numbers_it_can_be() -> None:
    assert share(np.ones(3)).reach == Reach(100.0, 100 / 3)
    assert macro_f1(np.arange(4), np.arange(4)).reach == Reach(100.0, 25.0)
    assert ratio(np.ones(3), np.ones(3), best=0.0, worst=-5.0).reach.most == 0.0
    # By insertions more errors are made than there are words.
    words = ratio(np.ones(3), np.full(3, 4.0), scale=100.0, best=0.0, worst=100.0)
    assert words.reach.most == math.inf
    assert words.reach.step == pytest.approx(100 / 12)
    assert ratio(np.ones(3), np.ones(3)).reach.most == math.inf
    assert ratio(np.ones(3), np.ones(3), best=0.0).reach.most == math.inf
    assert ratio(np.ones(3), np.ones(3), worst=0.0).reach.most == math.inf


def test_items_that_are_seen_twice_are_half_right() -> None:
    assert share(np.array([1.0, 0.5, 0.0, 0.5])).value == 50.0


def test_groups_with_nothing_to_divide_by_divide_nothing() -> None:
    figure = ratio(np.array([0.0, 3.0]), np.array([0.0, 2.0]))
    assert figure.value == 1.5
    assert figure.of_sums(np.array([[0.0, 0.0], [3.0, 2.0]])).tolist() == [0.0, 1.5]


@pytest.mark.parametrize("mean", [over_seeds, over_folds])
def test_equal_results_hide_what_lies_within_a_step(
    mean: Callable[[list[float], list[Bounds], Reach], Bounds],
) -> None:
    half = student.ppf(0.975, 2) * 3.0 / math.sqrt(6 * 3)
    sure = mean([90.0] * 3, [_bounds(90, 90)] * 3, Reach(100.0, 3.0))
    assert ends(sure) == pytest.approx((90 - half, 90 + half))


def test_no_end_of_a_mean_is_below_nothing_or_above_all() -> None:
    few = over_seeds([2.0, 3.0], [_bounds(1, 4)] * 2, PERCENT)
    assert few.low == 0.0
    # A figure that may be below 0 is.
    below = over_seeds([-2.0, -3.0], [_bounds(-4, -1)] * 2, ERRORS)
    assert ends(below)[0] == -2.5
    errors = over_seeds([99.0, 101.0], [_bounds(90, 110)] * 2, ERRORS)
    assert ends(errors)[1] == pytest.approx(100 + math.hypot(10, 12.7062), abs=1e-3)


def test_seeds_do_not_stand_for_what_other_items_would_give() -> None:
    """Three seeds on one document say nothing of another document."""
    unknown = Bounds(None, None, 1, "document", "jackknife")
    for bounds in ([unknown] * 2, [unknown, _bounds(30, 90)]):
        found = over_seeds([49.0, 51.0], bounds, PERCENT)
        assert (found.low, found.high, found.n, found.item) == (None, None, 1, "document")


def test_of_folds_bounds_that_are_not_known_add_nothing() -> None:
    """Each fold has other items, so that how folds differ says what others would give."""
    unknown = Bounds(None, None, 1, "image", "jackknife")
    half = 12.706205 / math.sqrt(2) * math.sqrt(2)
    folds = over_folds([49.0, 51.0], [unknown, _bounds(30, 90)], PERCENT)
    below, above = math.hypot(51 - 30) / 2, math.hypot(90 - 51) / 2
    assert ends(folds) == pytest.approx((50 - max(below, half), 50 + max(above, half)), abs=1e-4)
    assert folds.n == 101


def test_macro_f1_leaves_out_classes_that_never_occur_and_groups_that_have_none() -> None:
    labels, answers = np.array([0, 0, 1, 5]), np.array([0, 1, 1, 7])
    # F1 of 0 is 2/3, of 1 2/3, of 5 and of 7 nothing.
    assert macro_f1(labels, answers).value == pytest.approx(100 * (2 / 3 + 2 / 3) / 4)
    assert macro_f1(np.zeros(0, np.int64), np.zeros(0, np.int64)).value == 0.0
    sums = macro_f1(labels, answers).sums(np.array([0, 0, 1, 1]), 2, slice(None))
    assert sums.tolist() == [[1, 0, 0, 0, 3, 1, 0, 0], [0, 1, 0, 0, 0, 2, 1, 1]]


def test_macro_f1_is_not_surer_than_its_rarest_class_lets_it_be() -> None:
    """Fifty right answers, two of them of a rare class: one wrong one more takes a tenth of it."""
    labels = np.repeat([0, 1], [48, 2])
    found = bounds_of(macro_f1(labels, labels), "text")
    # F1 of the classes after one item of either is taken for the other: 96 / 97 and 4 / 5.
    moved = 100 - 50 * (96 / 97 + 4 / 5)
    half = student.ppf(0.975, 49) * moved * math.sqrt(2)
    assert ends(found) == pytest.approx((100 - half, 100))


@pytest.mark.parametrize(
    ("labels", "answers"),
    [
        ([0, 0, 0, 1], [0, 0, 0, 1]),
        ([0, 0, 1, 1], [0, 0, 1, 2]),
        ([0, 0, 0, 0], [0, 0, 0, 0]),
    ],
)
def test_of_a_class_with_one_item_macro_f1_has_no_interval(
    labels: list[int], answers: list[int]
) -> None:
    found = bounds_of(macro_f1(np.array(labels), np.array(answers)), "text")
    assert (found.low, found.high, found.n) == (None, None, 4)
