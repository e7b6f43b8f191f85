"""One sentence a verdict, with what it rests on: the only place where a verdict becomes words.

Terminal, report, cards, README and the heads of starters print this sentence as it stands in the
result, so that none of them claims more than another. It gives the interval that decides (over
seeds, corrected for the number of comparisons), what the test set leaves open beside it, and
whatever takes from the claim: an opponent that was cut short, a plain baseline that does better.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from tilth.spell import decimals_apart, decimals_of, fixed
from tilth.statistics.found import MAX_CLUSTERS, Verdict
from tilth.transfer.result import Ends, Outcome

_VERBS: Mapping[Verdict, str] = {
    "helps": "helps",
    "hurts": "hurts",
    "no material effect": "has no material effect",
    "undecided": "may or may not help",
    "nothing changed": "changed nothing",
}


# Metrics from 0 to 100, of which a difference lies between -100 and 100.
_OF_A_HUNDRED = frozenset({"%", "BLEU", "chrF"})


@dataclass(frozen=True)
class Claim:
    """What a verdict rests on.

    Attributes:
        subject: What the verdict is about.
        verdict: Read from `interval`.
        mean: Mean paired difference, in the metric's unit; positive is better.
        interval: Its corrected interval over seeds; None where a bound is not finite.
        unit: Of the metric.
        seeds: Paired differences.
        comparisons: For how many the interval is corrected.
        smallest: The smallest effect that matters: no end of the interval is rounded onto it.
        against: What the subject is compared with, if its name does not say so.
        test_set: What was measured on, such as `30 documents`; empty: not known.
        combined: The interval over seeds and test sets, at the level of `interval`; None: it was
            not measured.
        exact: Both sides are the same data, so the test set leaves nothing open.
        further: Clauses that belong to the claim.
    """

    subject: str
    verdict: Verdict
    mean: float
    interval: Ends
    unit: str
    seeds: int
    comparisons: int
    smallest: float = 0.0
    against: str = ""
    test_set: str = ""
    combined: Ends | None = None
    exact: bool = False
    further: tuple[str, ...] = ()


def headline(claim: Claim) -> str:
    """The claim as a sentence, without its full stop."""
    if claim.verdict == "nothing changed":
        return (
            f"{claim.subject} {_VERBS[claim.verdict]}: data and training are exactly the "
            "control's, so its worth is not measured"
        )
    decimals = decimals_of_interval(claim.interval, claim.combined, claim.smallest)
    here = _holds_for_this_test_set_only(claim)
    finding = _VERBS[claim.verdict] + (f" on these {claim.test_set}" if here else "")
    if claim.verdict == "undecided":
        finding += " (undecided)"
    effect = f"{fixed(claim.mean, decimals, '+')} {unit_of_difference(claim.unit)}"
    bounds = "" if claim.interval == (None, None) else f" {_bounds(claim.interval, decimals)}"
    if claim.unit in _OF_A_HUNDRED and claim.interval == (-100.0, 100.0):
        bounds += " (all that is possible: so few seeds tell nothing)"
    over = f" over {claim.against}" if claim.against else ""
    basis = [f"{claim.seeds} seeds" if claim.seeds > 1 else "one seed, no interval"]
    if claim.exact and claim.interval == (0.0, 0.0):
        # No estimate, of which an interval or a correction would say something.
        basis[0] += ", each with the control's data and training"
    elif claim.comparisons > 1 and bounds:
        basis[0] += f", corrected for {claim.comparisons} comparisons"
    if claim.test_set and not claim.exact:
        basis.append(_with_test_set(claim, decimals, here))
    said = f"{claim.subject} {finding}: {effect}{bounds}{over} ({'; '.join(basis)})"
    return "; ".join([said, *claim.further])


def unit_of_difference(unit: str) -> str:
    """The unit of a difference: two percentages differ by points."""
    return "points" if unit == "%" else unit


def measured_on(outcome: Outcome, group: str = "") -> str:
    """What a cell was measured on: `30 documents`."""
    count, items = outcome.test_samples, outcome.items
    text = f"{count:,} {items}" if count > 1 else f"1 {items.removesuffix('s')}"
    if not group:
        return text
    groups = len(outcome.parts.denominators)
    named = "1 group" if groups == 1 else f"{groups:,} groups"
    return f"{text} in {named}{' or more' if groups >= MAX_CLUSTERS else ''} by {group}"


def last_tenth_gain(outcomes: Sequence[Outcome]) -> float | None:
    """What the last tenth of the steps gained on the test set, mean over seeds; positive is better.

    Args:
        outcomes: Of from-scratch, one a seed.

    Returns:
        None where one has not measured it.
    """
    gains = [
        one.measured.toward * (one.measured.value - one.nine_tenths)
        for one in outcomes
        if one.nine_tenths is not None
    ]
    return fmean(gains) if gains and len(gains) == len(outcomes) else None


def is_cut_short(gain: float | None, smallest_effect: float) -> bool:
    """Whether from-scratch was still getting better when its steps ended: no fair opponent.

    It is fair where its last tenth of the steps gains less than the smallest effect that matters.
    """
    return gain is not None and gain > 0 and gain >= smallest_effect


def cut_short_clause(gain: float, unit: str) -> str:
    """What the headline says of an opponent that was cut short."""
    return (
        "from-scratch was cut short: the last tenth of its steps still gained "
        f"{gain:.2g} {unit_of_difference(unit)}"
    )


def difference_text(mean: float, interval: Ends, unit: str) -> str:
    """`2.2 points [1.1, 3.4]`."""
    decimals = decimals_of_interval(interval)
    bounds = "" if None in interval else f" {_bounds(interval, decimals)}"
    return f"{fixed(mean, decimals)} {unit_of_difference(unit)}{bounds}"


def decimals_of_interval(interval: Ends, beside: Ends | None = None, smallest: float = 0.0) -> int:
    """Decimals of an effect: two digits of half its interval, each end on its side of 0.

    Args:
        interval: Its own.
        beside: Another that is printed with as many.
        smallest: The smallest effect that matters, onto which no end is rounded either.
    """
    low, high = interval
    decimals = 3 if low is None or high is None else decimals_of((high - low) / 2)
    ends = [end for end in (*interval, *(beside or ())) if end is not None]
    return decimals_apart(ends, decimals, (0.0, smallest, -smallest))


def _holds_for_this_test_set_only(claim: Claim) -> bool:
    """Whether the interval over seeds and test sets holds zero."""
    if claim.combined is None or claim.exact or not claim.test_set:
        return False
    low, high = claim.combined
    return low is None or high is None or low <= 0 <= high


def _with_test_set(claim: Claim, decimals: int, here: bool) -> str:
    if claim.combined is None:
        return f"what {claim.test_set} leave open is not measured"
    share = "share" if here else claim.test_set
    return f"{_bounds(claim.combined, decimals)} with the test set's {share}"


def _bounds(bounds: Ends, decimals: int) -> str:
    low, high = (
        ("-" if side == 0 else "") + "inf" if bound is None else fixed(bound, decimals)
        for side, bound in enumerate(bounds)
    )
    return f"[{low}, {high}]"
