"""Curves, gains and headline from made-up cells."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

from tilth.statistics.found import Parts
from tilth.transfer.result import Cell, Reported, TransferOutcome
from tilth.transfer.settings import Method
from tilth.transfer.summary import summarize_transfer

SIZES = (50, 100, 200, 400)
METHODS: tuple[Method, ...] = ("scratch", "finetune")

Results = list[tuple[Cell, TransferOutcome]]


def cells(
    *, gain_in_data: float, lower: bool = True, seeds: int = 4, noise: float = 0.003
) -> Results:
    """From-scratch follows a power law; fine-tuning is worth `gain_in_data` times the data.

    The test set is 30 documents of 1,000 items each, on all of which a model does alike.
    """
    generator = np.random.default_rng(0)
    found: Results = []
    for seed in range(seeds):
        level = 1 + 0.02 * generator.normal()
        for size in SIZES:
            for method in METHODS:
                n = size if method == "scratch" else size * gain_in_data
                error = level * (4 * n**-0.5 + 0.1) * (1 + noise * generator.normal())
                cell = Cell(method=method, size=size, seed=seed)
                found.append((cell, _outcome(cell, error, lower=lower)))
    return found


def _outcome(cell: Cell, error: float, *, lower: bool) -> TransferOutcome:
    share = error if lower else 1 - error
    return TransferOutcome(
        measured=Reported(
            value=error if lower else 100 * (1 - error),
            metric="bits_per_byte" if lower else "accuracy",
            unit="bits/byte" if lower else "%",
            scale=1.0 if lower else 100.0,
            lower_is_better=lower,
        ),
        parts=Parts((1000 * share,) * 30, (1000.0,) * 30),
        test_samples=30,
        items="documents",
        nine_tenths=None,
        seconds=1.0,
        steps=10,
        epochs=1.0,
        notes=(),
        loss=None,
        figures={},
        samples=cell.size,
        cpu_seconds=1.0,
        training_seconds=1.0,
        what=cell.method,
    )


def _measured(outcome: TransferOutcome, value: float, parts: Parts) -> TransferOutcome:
    """The outcome with another value."""
    measured = outcome.measured.model_copy(update={"value": value})
    return outcome.model_copy(update={"measured": measured, "parts": parts})


def _late(outcome: TransferOutcome, gain: float) -> TransferOutcome:
    """The outcome, of which the last tenth gained so much; lower is better."""
    return outcome.model_copy(update={"nine_tenths": outcome.measured.value + gain})


def _with_baseline(given: Results, ahead: Callable[[Cell], float]) -> Results:
    """The cells and a baseline that is so many points ahead of fine-tuning."""
    found = list(given)
    for cell, outcome in given:
        if cell.method == "finetune":
            lead, measured = ahead(cell), outcome.measured
            weights = outcome.parts.denominators
            numerators = zip(outcome.parts.numerators, weights, strict=True)
            parts = Parts(tuple(n + lead / measured.scale * d for n, d in numerators), weights)
            baseline = cell.model_copy(update={"method": "tfidf-svm"})
            found.append((baseline, _measured(outcome, measured.value + lead, parts)))
    return found


@pytest.mark.parametrize("lower", [True, False])
def test_reads_what_pretraining_was_worth(lower: bool) -> None:
    summary = summarize_transfer(cells(gain_in_data=1.7, lower=lower), smallest_effect=0.001)
    json.dumps(summary.as_json(), allow_nan=False)
    reading = summary.multiplier
    assert reading is not None
    assert reading.state == "read"
    assert reading.size == 200  # the largest at which 1.7 times as many were measured
    assert reading.value is not None
    assert reading.value == pytest.approx(1.7, rel=0.1)
    assert reading.low is not None
    assert reading.high is not None
    assert reading.low < reading.value < reading.high
    assert all(effect.verdict == "helps" for effect in summary.effects)
    assert all(effect.mean > 0 for effect in summary.effects)
    assert "more samples" in summary.headline
    assert len(summary.points) == 32
    assert summary.cost_s == 32


def test_says_more_than_it_measured_never() -> None:
    summary = summarize_transfer(cells(gain_in_data=20), smallest_effect=0.001)
    assert summary.multiplier is not None
    assert summary.multiplier.value is None
    assert summary.multiplier.text == "> 8x"
    assert "worth > 8x the data" in summary.headline


def test_no_gain_is_said() -> None:
    summary = summarize_transfer(cells(gain_in_data=1.0, seeds=6), smallest_effect=0.05)
    assert {effect.verdict for effect in summary.effects} == {"no material effect"}
    assert "has no material effect" in summary.headline


def test_warns_of_budgets_and_seeds() -> None:
    given = [
        (cell, _late(outcome, 0.02 if cell.size >= 200 else 0.001))
        for cell, outcome in cells(gain_in_data=2)
    ]
    warnings = summarize_transfer(given, smallest_effect=0.01).warnings
    assert any("gained 0.02 at 200, 0.02 at 400 samples" in warning for warning in warnings)
    assert any("fewer than 6" in warning for warning in warnings)


def test_scratch_alone_is_a_curve_without_effects() -> None:
    given = [one for one in cells(gain_in_data=2) if one[0].method == "scratch"]
    summary = summarize_transfer(given, smallest_effect=0.01)
    assert (summary.effects, summary.multiplier) == ((), None)
    assert "nothing to compare" in summary.headline


def _with_parts(given: Results, spread: float) -> Results:
    """The cells with a test set of 30 documents, on which the effect differs by `spread`."""
    apart = np.random.default_rng(1).normal(size=30)
    found: Results = []
    for cell, outcome in given:
        tilt = spread * (apart - apart.mean()) * (cell.method != "scratch")
        parts = Parts(tuple((1e6 * (outcome.measured.value + tilt)).tolist()), (1e6,) * 30)
        found.append((cell, outcome.model_copy(update={"parts": parts})))
    return found


def test_means_are_those_of_the_points_with_scipys_interval() -> None:
    """And so are the costs: of every method and size, over its seeds."""
    from scipy import stats

    given = cells(gain_in_data=1.7, seeds=4)
    summary = summarize_transfer(
        [(cell, one.model_copy(update={"cpu_seconds": 1.0 + cell.seed})) for cell, one in given]
    )
    for row in summary.summary:
        values = [p.value for p in summary.points if (p.method, p.size) == (row.method, row.size)]
        low, high = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
        assert row.n == len(values) == 4
        # A step of this metric is 1 / 30,000 of it.
        assert (row.mean, row.low, row.high) == pytest.approx(
            (np.mean(values), low, high), rel=1e-3
        )
    assert {row.cpu_seconds for row in summary.figures} == {2.5}
    assert summary.cost_s == len(given)


def test_a_mean_of_equal_results_is_as_sure_as_a_step_and_stays_in_its_range() -> None:
    parts = Parts((1.0,) * 30, (1.0,) * 30)
    perfect = [
        (cell, _measured(outcome, 100.0, parts))
        for cell, outcome in cells(gain_in_data=1.7, lower=False, seeds=3)
    ]
    for row in summarize_transfer(perfect).summary:
        # Student's 0.975 quantile of 2 degrees of freedom is 4.3027; one of 30 documents a step.
        assert row.low == pytest.approx(100 - 4.302653 * (100 / 30) / (6 * 3) ** 0.5)
        assert (row.mean, row.high) == (100.0, 100.0)
    for effect in summarize_transfer(perfect).effects:
        ends = (effect.low, effect.high, *(effect.adjusted_combined_interval or ()))
        assert all(end is not None and -100 <= end <= 100 and end != 0 for end in ends)


def test_every_effect_has_its_sentence_and_the_first_is_one_of_them() -> None:
    summary = summarize_transfer(_with_parts(cells(gain_in_data=1.7, seeds=5), 0.01))
    effect = next(one for one in summary.effects if one.headline == summary.headline)
    assert summary.multiplier is not None
    assert effect.size == summary.multiplier.size
    bounds = f"[{effect.adjusted_low:.4f}, {effect.adjusted_high:.4f}]"
    assert bounds in summary.headline
    assert f"{effect.low:.4f}" not in summary.headline
    assert "(5 seeds, corrected for 4 comparisons" in summary.headline
    assert all(one.headline.startswith(f"at {one.size} ") for one in summary.effects)


def test_where_the_gain_is_open_no_multiplier_stands_beside_it() -> None:
    """Read off a curve, it may say the other way: better by 0.7, and worth less."""
    summary = summarize_transfer(cells(gain_in_data=1.0))
    assert summary.multipliers
    still = [one for one in summary.effects if one.verdict not in ("helps", "hurts")]
    assert still
    assert not any("worth" in one.headline for one in still)


def test_the_test_set_is_in_the_headline() -> None:
    summary = summarize_transfer(_with_parts(cells(gain_in_data=1.7), 0.01))
    first = summary.effects[0]
    assert first.adjusted_combined_interval is not None
    low, high = first.adjusted_combined_interval
    assert low is not None
    assert high is not None
    assert first.adjusted_low is not None
    assert first.adjusted_high is not None
    assert low < first.adjusted_low
    assert high > first.adjusted_high
    assert "with the test set's 30 documents)" in summary.headline
    wide = summarize_transfer(_with_parts(cells(gain_in_data=1.7), 1.0))
    assert [e.verdict for e in wide.effects] == [e.verdict for e in summary.effects]
    assert "helps on these 30 documents: +" in wide.headline


def test_an_opponent_that_was_cut_short_is_in_the_same_sentence() -> None:
    given = [
        (cell, _late(outcome, 0.05 if cell.size == 200 else 0.005))
        if cell.method == "scratch"
        else (cell, outcome)
        for cell, outcome in cells(gain_in_data=1.7)
    ]
    summary = summarize_transfer(given)
    assert [one.cut_short for one in summary.last_tenth] == [False, False, True, False]
    assert summary.headline.endswith("the last tenth of its steps still gained 0.05 bits/byte")
    first, *_ = summary.effects
    # Its own opponent was fair, the curve that its multiplier is read off was not.
    assert first.size == 50
    assert first.headline.endswith(
        "; from-scratch was cut short at 200 samples, on which the multiplier rests"
    )
    # Half a point is what matters in an accuracy, a hundredth in bits.
    assert "cut short" not in summarize_transfer(given, smallest_effect=0.06).headline


def test_a_baseline_that_does_better_is_in_the_same_sentence() -> None:
    given = _with_baseline(
        cells(gain_in_data=1.7, lower=False), lambda cell: 3.0 if cell.size >= 200 else -3.0
    )
    summary = summarize_transfer(given)
    assert "; a linear SVM over TF-IDF does better, by 3.0000 points [" in summary.headline
    assert ", at 2 of 4 sizes" in summary.headline
    (small,) = [e.headline for e in summary.effects if (e.method, e.size) == ("finetune", 50)]
    assert "a linear SVM over TF-IDF does better at 2 of 4 sizes" in small
    own = [effect.headline for effect in summary.effects if effect.method == "tfidf-svm"]
    assert not any("does better" in text for text in own)


@pytest.mark.parametrize("seeds", [1, 3])
def test_a_baseline_whose_lead_is_noise_does_not_do_better(seeds: int) -> None:
    """Ahead by 9, -4 and -4 points over three seeds, or in the one seed that there is."""
    given = _with_baseline(
        cells(gain_in_data=1.7, lower=False, seeds=seeds),
        lambda cell: 9.0 if cell.seed == 0 else -4.0,
    )
    text = summarize_transfer(given).headline
    assert "does better" not in text
    assert "a linear SVM over TF-IDF is ahead, undecided: +" in text


def test_a_baselines_lead_on_this_test_set_says_so() -> None:
    given = _with_parts(cells(gain_in_data=1.7, lower=False, seeds=5), 0.0)
    apart = np.random.default_rng(2).normal(size=30)
    for cell, outcome in [one for one in given if one[0].method == "finetune"]:
        value = outcome.measured.value + 3.0 + 0.1 * cell.seed
        numerators = tuple((1e6 * (value + 50 * (apart - apart.mean()))).tolist())
        parts = Parts(numerators, outcome.parts.denominators)
        baseline = cell.model_copy(update={"method": "tfidf-svm"})
        given.append((baseline, _measured(outcome, value, parts)))
    text = summarize_transfer(given).headline
    assert "a linear SVM over TF-IDF does better on these 30 documents, by 3.20 points [" in text
    assert "(corrected for 4 comparisons), at all 4 sizes" in text


def test_equal_results_of_a_coarse_metric_are_not_certainty() -> None:
    parts = Parts((1.0,) * 30, (1.0,) * 30)
    given = [
        (cell, _measured(outcome, 100.0, parts))
        for cell, outcome in cells(gain_in_data=1.7, lower=False, seeds=2)
    ]
    first, *_ = summarize_transfer(given).effects
    assert first.verdict == "undecided"
    assert first.adjusted_low is not None
    assert first.adjusted_high is not None
    assert first.adjusted_low < 0 < first.adjusted_high


def test_every_interval_of_an_effect_is_at_the_level_that_holms_rule_gives_it() -> None:
    """The surest of four is tested at 0.05 / 4: Student's quantile of 3 degrees of freedom."""
    apart = np.random.default_rng(3).normal(size=30)
    given = [
        (cell, outcome)
        if cell.method != "finetune"
        else (
            cell,
            outcome.model_copy(
                update={
                    "parts": Parts(
                        tuple((1e6 * (outcome.measured.value + 0.01 * apart)).tolist()),
                        (1e6,) * 30,
                    )
                }
            ),
        )
        for cell, outcome in _with_parts(cells(gain_in_data=1.7), 0.0)
    ]
    surest = min(summarize_transfer(given).effects, key=lambda effect: effect.p or 1.0)
    error = np.std(surest.differences, ddof=1) / 2
    ends = surest.high, surest.adjusted_high
    assert ends[0] is not None
    assert ends[1] is not None
    assert ends[0] - surest.mean == pytest.approx(3.182446 * error, rel=1e-4)
    assert ends[1] - surest.mean == pytest.approx(5.391949 * error, rel=1e-4)
    assert surest.combined_interval is not None
    assert surest.adjusted_combined_interval is not None
    plain, wider = surest.combined_interval[1], surest.adjusted_combined_interval[1]
    assert plain is not None
    assert wider is not None
    assert plain - surest.mean > ends[0] - surest.mean
    assert wider - surest.mean > 1.2 * (plain - surest.mean)
    assert wider > ends[1]
