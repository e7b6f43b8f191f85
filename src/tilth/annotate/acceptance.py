"""What an annotator's answers in a round were worth, and whether they are accepted.

Gold says how often somebody is right, and alone may return answers: what is surely below the
bound. All else that falls short is held. An interval is Clopper and Pearson's (1934), exact for a
share; Wilson's, the usual one, covers 86 % at 10 items where it promises 95
(`tilth.statistics.intervals`), and people are paid by this one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import fmean, median

import numpy as np
import numpy.typing as npt

from tilth.annotate.ledger import Decision, Ledger, Verdict
from tilth.annotate.standing import Answer
from tilth.label.agreement import Scale, count_answers, krippendorff_alpha, values_of
from tilth.label.text_distance import distance
from tilth.labels import as_label
from tilth.recipe.annotate import Acceptance
from tilth.spell import decimals_apart, fixed
from tilth.statistics.exact import exact_share


@dataclass(frozen=True)
class Share:
    """So many of so many, with the 95 % interval of the share."""

    of: int
    right: int
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Work:
    """One annotator's answers in one round.

    Attributes:
        annotator: A pseudonym.
        round: The number of the round.
        answers: All that were asked for: to items, gold and repeats.
        gold: Right answers to gold items, by the known ones; None: there are none.
        repeats: Items answered alike both times; None: none was answered twice.
        alpha: Krippendorff's alpha over pairs of an answer of this annotator and one of another to
            the same sample, on the scale of the rule; None: there is no such pair, one class in
            all, or answers are free text.
        agreement: Of free text how alike this annotator's answers and others' are, the mean over
            such pairs, 0 to 1; None: there is no such pair, or answers are classes.
        seconds: Median time of an answer; None: none is given.
        verdict: accept, hold or return.
        why: What decided.
    """

    annotator: str
    round: int
    answers: int
    gold: Share | None
    repeats: Share | None
    alpha: float | None
    agreement: float | None
    seconds: float | None
    verdict: Verdict
    why: str


def share_of(right: int, of: int) -> Share | None:
    """The share with its interval; None of nothing."""
    if not of:
        return None
    low, high = exact_share(right, of)
    return Share(of, right, right / of, low, high)


def judge(ledger: Ledger, answers: Sequence[Answer], rule: Acceptance | None) -> list[Work]:
    """What each annotator's answers in each round are worth, in the order of rounds.

    Args:
        ledger: For rounds, of which some have no gold or repeats, and decisions by hand.
        answers: That were asked for.
        rule: The recipe's; None: everything is held until somebody decides.
    """
    decided = _decided(ledger.decisions)
    rule_or_none = rule or Acceptance()
    texts = {one.number for one in ledger.rounds if not one.classes}
    alphas = _alphas([one for one in answers if one.of.round not in texts], ledger, rule_or_none)
    alike = _likeness([one for one in answers if one.of.round in texts], rule_or_none)
    found: dict[tuple[int, str], list[Answer]] = defaultdict(list)
    for answer in answers:
        found[answer.of.round, answer.annotator].append(answer)
    return [
        _work(key, given, (alphas.get(key), alike.get(key)), ledger, rule, decided)
        for key, given in sorted(found.items())
    ]


def _work(
    key: tuple[int, str],
    given: Sequence[Answer],
    agreed: tuple[float | None, float | None],
    ledger: Ledger,
    rule: Acceptance | None,
    decided: Mapping[tuple[int | None, str], Decision],
) -> Work:
    number, annotator = key
    gold = [is_right(one) for one in given if one.of.known is not None and one.of.kind == "gold"]
    times = [one.seconds for one in given if one.seconds is not None]
    alike = _alike(given)
    work = Work(
        annotator,
        number,
        len(given),
        share_of(sum(gold), len(gold)),
        share_of(sum(alike), len(alike)),
        *agreed,
        median(times) if times else None,
        "hold",
        "`annotate` has no rule",
    )
    by_hand = _latest(decided.get((number, annotator)), decided.get((None, annotator)))
    if by_hand is not None and by_hand.verdict != "close":
        return replace(work, verdict=by_hand.verdict, why="decided by hand")
    if rule is None:
        return work
    verdict, why = _by_rule(work, rule, has_gold=ledger.round(number).count("gold") > 0)
    return replace(work, verdict=verdict, why=why)


def _by_rule(work: Work, rule: Acceptance, *, has_gold: bool) -> tuple[Verdict, str]:
    """The verdict of the rule, and what decided."""
    gold = work.gold
    if gold is not None and gold.high < rule.min_gold_accuracy:
        told = _spelt(gold, rule.min_gold_accuracy)
        return "return", f"gold {told}, surely below {rule.min_gold_accuracy:g}"
    short = []
    if has_gold:
        num = 0 if gold is None else gold.of
        if num < rule.min_gold_answers:
            short.append(f"{num} answers to gold, fewer than {rule.min_gold_answers}")
        elif gold is not None and gold.value < rule.min_gold_accuracy:
            short.append(f"gold {_spelt(gold)}, below {rule.min_gold_accuracy:g}")
    repeats, least = work.repeats, rule.min_repeat_agreement
    if least is not None and repeats is not None and repeats.value < least:
        short.append(f"repeats {_spelt(repeats)}, below {least:g}")
    least = rule.min_alpha
    if least is not None and work.alpha is not None and work.alpha < least:
        short.append(f"alpha {_digits(work.alpha, 2, least)}, below {least:g}")
    least = rule.min_text_agreement
    if least is not None and work.agreement is not None and work.agreement < least:
        told = _digits(work.agreement, 2, least)
        short.append(f"likeness to others' texts {told}, below {least:g}")
    least = rule.min_seconds
    if least is not None and work.seconds is not None and work.seconds < least:
        short.append(f"{_digits(work.seconds, 1, least)} s an answer, below {least:g}")
    if short:
        return "hold", "; ".join(short)
    if gold is None:
        return "accept", "nothing speaks against it; no gold was planted"
    return "accept", f"gold {_spelt(gold)}"


def is_right(answer: Answer) -> bool:
    """Whether an answer to a gold item is the known one; of free text, but for blanks."""
    known = as_label(answer.of.known or "")
    return known is not None and answer.label.split() == known.split()


def _alike(given: Sequence[Answer]) -> list[bool]:
    """Of each sample that was answered twice, whether it was answered alike."""
    by_sample: dict[str, set[str]] = defaultdict(set)
    twice = {one.of.sample for one in given if not one.counts}
    for one in given:
        if one.of.sample in twice:
            by_sample[one.of.sample].add(one.label)
    return [len(labels) == 1 for labels in by_sample.values()]


def _likeness(answers: Iterable[Answer], rule: Acceptance) -> dict[tuple[int, str], float | None]:
    """How alike each annotator's texts are to the others' of the same samples, the mean over pairs,
    by round and annotator."""
    by_item: dict[tuple[int, str], list[Answer]] = defaultdict(list)
    for one in answers:
        if one.counts:
            by_item[one.of.round, one.of.sample].append(one)
    found: dict[tuple[int, str], list[float]] = defaultdict(list)
    for (number, _), given in by_item.items():
        for one, other in combinations(given, 2):
            alike = 1 - distance(one.label, other.label, rule.text_metric)
            found[number, one.annotator].append(alike)
            found[number, other.annotator].append(alike)
    return {key: fmean(values) for key, values in found.items()}


def alpha_of(
    items: npt.NDArray[np.int64],
    labels: Sequence[str],
    classes: Sequence[str],
    scale: Scale,
) -> float | None:
    """Krippendorff's alpha of answers, on a scale whose grades are the classes in their order.

    Args:
        items: int64 [a], the item of each answer, from 0 on.
        labels: What it says, [a].
        classes: Of the round, from the lowest grade on.
        scale: Of the rule.
    """
    if not len(labels):
        return None
    names, codes = np.unique(labels, return_inverse=True)
    try:
        values = values_of(names.tolist(), scale, classes if scale == "ordinal" else ())
    except ValueError:  # a round that was ordered when the classes were no numbers
        return None
    counts = count_answers(items, codes.astype(np.int64), int(items.max()) + 1, len(names))
    return krippendorff_alpha(counts, scale, values)


def _alphas(
    answers: Iterable[Answer], ledger: Ledger, rule: Acceptance
) -> dict[tuple[int, str], float | None]:
    """Krippendorff's alpha of each annotator with the others, by round and annotator.

    Each pair of an annotator's answer and another's is a unit of two answers. An item with many
    answers has many pairs, so that of each item the class counts by how many others gave it.
    """
    by_item: dict[tuple[int, str], list[Answer]] = defaultdict(list)
    for one in answers:
        if one.counts:
            by_item[one.of.round, one.of.sample].append(one)
    pairs: dict[tuple[int, str], list[str]] = defaultdict(list)
    for (number, _), given in by_item.items():
        for one in given:
            for other in given:
                if other is not one:
                    pairs[number, one.annotator] += [one.label, other.label]
    return {
        key: alpha_of(
            np.repeat(np.arange(len(said) // 2, dtype=np.int64), 2),
            said,
            ledger.round(key[0]).classes,
            rule.scale,
        )
        for key, said in pairs.items()
    }


def _decided(decisions: Sequence[Decision]) -> dict[tuple[int | None, str], Decision]:
    """The last decision about an annotator, by round (None: all) and annotator."""
    return {(one.round, one.annotator): one for one in decisions if one.annotator}


def _latest(*decisions: Decision | None) -> Decision | None:
    found = [one for one in decisions if one is not None]
    return max(found, key=lambda one: one.number) if found else None


def _spelt(share: Share, *bounds: float) -> str:
    """No end is rounded onto 0 or 1, or onto what decided."""
    decimals = decimals_apart((share.low, share.high), 2, (0.0, 1.0, *bounds))
    ends = f"{fixed(share.low, decimals)} to {fixed(share.high, decimals)}"
    return f"{share.right} of {share.of} ({ends})"


def _digits(value: float, decimals: int, bound: float) -> str:
    """As many as tell it from what it was compared with."""
    return fixed(value, decimals_apart((value,), decimals, (0.0, bound)))
