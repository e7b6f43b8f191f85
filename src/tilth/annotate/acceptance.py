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
from statistics import median

import numpy as np
import numpy.typing as npt

from tilth.annotate.ledger import Decision, Ledger, Verdict
from tilth.annotate.standing import Answer
from tilth.label.agreement import count_answers, krippendorff_alpha
from tilth.labels import as_label
from tilth.recipe.annotate import Acceptance
from tilth.spell import decimals_apart, fixed
from tilth.statistics.intervals import clopper_pearson


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
            the same sample; None: there is no such pair, or one class in all.
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
    seconds: float | None
    verdict: Verdict
    why: str


def share_of(right: int, of: int) -> Share | None:
    """The share with its interval; None of nothing."""
    if not of:
        return None
    low, high = clopper_pearson(right, of)
    return Share(of, right, right / of, low, high)


def judge(ledger: Ledger, answers: Sequence[Answer], rule: Acceptance | None) -> list[Work]:
    """What each annotator's answers in each round are worth, in the order of rounds.

    Args:
        ledger: For rounds, of which some have no gold or repeats, and decisions by hand.
        answers: That were asked for.
        rule: The recipe's; None: everything is held until somebody decides.
    """
    decided = _decided(ledger.decisions)
    alphas = _alphas(answers)
    found: dict[tuple[int, str], list[Answer]] = defaultdict(list)
    for answer in answers:
        found[answer.of.round, answer.annotator].append(answer)
    return [
        _work(key, given, alphas.get(key), ledger, rule, decided)
        for key, given in sorted(found.items())
    ]


def _work(
    key: tuple[int, str],
    given: Sequence[Answer],
    alpha: float | None,
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
        alpha,
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


def _alphas(answers: Iterable[Answer]) -> dict[tuple[int, str], float | None]:
    """Krippendorff's alpha of each annotator with the others, by round and annotator.

    Each pair of an annotator's answer and another's is a unit of two answers. An item with many
    answers has many pairs, so that of each item the class counts by how many others gave it.
    """
    by_item: dict[tuple[int, str], list[Answer]] = defaultdict(list)
    codes: dict[str, int] = {}
    for one in answers:
        if one.counts:
            by_item[one.of.round, one.of.sample].append(one)
            codes.setdefault(one.label, len(codes))
    pairs: dict[tuple[int, str], list[tuple[int, int]]] = defaultdict(list)
    for (number, _), given in by_item.items():
        for one in given:
            mine = codes[one.label]
            pairs[number, one.annotator] += [
                (mine, codes[other.label]) for other in given if other is not one
            ]
    return {key: _alpha(np.array(own, np.int64), len(codes)) for key, own in pairs.items() if own}


def _alpha(pairs: npt.NDArray[np.int64], num_classes: int) -> float | None:
    items = np.repeat(np.arange(len(pairs), dtype=np.int64), 2)
    return krippendorff_alpha(count_answers(items, pairs.reshape(-1), len(pairs), num_classes))


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
