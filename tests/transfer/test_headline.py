"""The sentence of a verdict: the interval that decides, the test set, and what takes from it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tilth.statistics.found import Parts
from tilth.transfer import headline as hl
from tilth.transfer.result import Outcome, Reported

CLAIM = hl.Claim(
    "at 12 target samples, fine-tuning the pretrained model",
    "helps",
    0.441,
    (0.375, 0.507),
    "bits/byte",
    4,
    8,
    against="from-scratch",
    test_set="30 documents",
    combined=(0.312, 0.57),
)


def outcome(
    value: float = 1.0,
    nine_tenths: float | None = None,
    *,
    toward: float = 1,
    items: str = "texts",
    test_samples: int = 1,
    clusters: int = 1,
) -> Outcome:
    return Outcome(
        measured=Reported(
            value=value, metric="accuracy", unit="%", scale=100.0, lower_is_better=toward < 0
        ),
        parts=Parts((value,) * clusters, (1.0,) * clusters),
        test_samples=test_samples,
        items=items,
        nine_tenths=nine_tenths,
        seconds=1.0,
        steps=10,
        epochs=1.0,
        notes=(),
    )


def test_the_whole_sentence() -> None:
    assert hl.headline(CLAIM) == (
        "at 12 target samples, fine-tuning the pretrained model helps: +0.441 bits/byte "
        "[0.375, 0.507] over from-scratch (4 seeds, corrected for 8 comparisons; [0.312, 0.570] "
        "with the test set's 30 documents)"
    )


@pytest.mark.parametrize(
    ("verdict", "finding"),
    [
        ("helps", "model helps on these 30 documents:"),
        ("hurts", "model hurts on these 30 documents:"),
        ("undecided", "model may or may not help on these 30 documents (undecided):"),
        ("no material effect", "model has no material effect on these 30 documents:"),
    ],
)
def test_what_holds_for_this_test_set_only_says_so(verdict: Any, finding: str) -> None:
    for combined in ((-0.1, 0.9), (None, None)):
        text = hl.headline(replace(CLAIM, verdict=verdict, combined=combined))
        assert finding in text
        assert "with the test set's share)" in text


def test_a_test_set_that_was_not_weighed_is_named() -> None:
    text = hl.headline(replace(CLAIM, combined=None))
    assert "comparisons; what 30 documents leave open is not measured)" in text
    assert "on these" not in text


def test_the_same_data_leaves_nothing_open() -> None:
    text = hl.headline(replace(CLAIM, mean=0.0, interval=(0, 0), combined=(0, 0), exact=True))
    assert text.endswith(
        "0 bits/byte [0, 0] over from-scratch (4 seeds, each with the control's data and training)"
    )
    # What differs though nothing was changed is an estimate, at the level of the others.
    seen = hl.headline(replace(CLAIM, mean=0.1, interval=(-0.1, 0.3), exact=True))
    assert "corrected for 8 comparisons" in seen


def test_percentages_differ_by_points() -> None:
    text = hl.headline(replace(CLAIM, mean=7.72, interval=(5.1, 10.3), unit="%", against=""))
    assert ": +7.7 points [5.1, 10.3] (4 seeds" in text
    assert "%" not in text
    assert hl.unit_of_difference("BLEU") == "BLEU"


def test_one_comparison_and_one_seed() -> None:
    assert "(4 seeds; [" in hl.headline(replace(CLAIM, comparisons=1))
    alone = hl.headline(replace(CLAIM, seeds=1, interval=(None, None), combined=(None, None)))
    assert "+0.441 bits/byte over from-scratch (one seed, no interval; [-inf, inf] with" in alone


def test_what_belongs_to_the_claim_follows_in_the_same_sentence() -> None:
    clause = hl.cut_short_clause(0.0834, "bits/byte")
    text = hl.headline(replace(CLAIM, further=("worth 4.9x the data", clause)))
    assert text.endswith(
        "documents); worth 4.9x the data; from-scratch was cut short: the last tenth of its steps "
        "still gained 0.083 bits/byte"
    )


def test_a_fair_opponent_gains_less_than_what_matters_in_its_last_tenth() -> None:
    def gain(toward: float, *pairs: tuple[float, float]) -> float | None:
        results = [outcome(after, before, toward=toward) for before, after in pairs]
        return hl.last_tenth_gain(results)

    assert gain(-1, (2.0, 1.9), (2.0, 1.8)) == pytest.approx(0.15)
    assert gain(1, (70.0, 69.0)) == -1
    assert hl.last_tenth_gain([outcome()]) is None
    assert hl.last_tenth_gain([outcome(2.0, 1.0), outcome()]) is None
    assert hl.last_tenth_gain([]) is None
    assert hl.is_cut_short(0.01, 0.01)
    assert not hl.is_cut_short(0.009, 0.01)
    assert not hl.is_cut_short(-1.0, 0.01)
    assert not hl.is_cut_short(0.0, 0.0)
    assert not hl.is_cut_short(None, 0.01)


def test_what_was_measured_on() -> None:
    result = outcome(test_samples=1200, items="utterances", clusters=6)
    assert hl.measured_on(result) == "1,200 utterances"
    assert hl.measured_on(result, "subject") == "1,200 utterances in 6 groups by subject"
    assert hl.measured_on(outcome()) == "1 text"
    one = outcome(test_samples=24, items="texts", clusters=1)
    assert hl.measured_on(one, "subject") == "24 texts in 1 group by subject"
    # Of more, some share a place, so that their number is not known here.
    many = outcome(test_samples=2400, items="texts", clusters=2000)
    assert hl.measured_on(many, "subject") == "2,400 texts in 2,000 groups or more by subject"


def test_an_interval_of_all_that_is_possible_says_so() -> None:
    claim = hl.Claim("x", "undecided", -3.1, (-100.0, 100.0), "%", seeds=2, comparisons=4)
    assert hl.headline(claim) == (
        "x may or may not help (undecided): -3 points [-100, 100] (all that is possible: so few "
        "seeds tell nothing) (2 seeds, corrected for 4 comparisons)"
    )
    narrower = hl.headline(replace(claim, interval=(-99.0, 100.0)))
    assert "all that is possible" not in narrower + hl.headline(replace(claim, unit="bits/byte"))
