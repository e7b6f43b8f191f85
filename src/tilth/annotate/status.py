"""Where a ledger stands: what was ordered, answered and accepted, and what it costs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tilth.annotate.acceptance import Work, alpha_of, judge
from tilth.annotate.choose import agreement_of
from tilth.annotate.ledger import Ledger, Round, Verdict, open_ledger
from tilth.annotate.money import total
from tilth.annotate.settle import is_settled
from tilth.annotate.source import Source
from tilth.annotate.standing import Answer, standing_of
from tilth.annotate.take import Row, reasons
from tilth.recipe.annotate import Acceptance, Annotate

_VERDICTS: tuple[Verdict, ...] = ("accept", "hold", "return")


@dataclass(frozen=True)
class Answers:
    """Numbers of answers: to tasks times annotators that were ordered, and of those that came."""

    ordered: int
    accepted: int
    held: int
    returned: int

    @property
    def answered(self) -> int:
        """Those that came."""
        return self.accepted + self.held + self.returned


@dataclass(frozen=True)
class Cost:
    """What answers cost at the price of their round, as `12.50 EUR`; empty without a price."""

    ordered: str
    accepted: str
    held: str
    returned: str


@dataclass(frozen=True)
class RoundStatus:
    """One round.

    Attributes:
        annotators: Answers that each task is to get.
        disputed: Items of which the counted answers, less returned ones, are not all alike.
        alpha: Krippendorff's alpha over the counted answers, on the scale of the rule; None of free
            text.
        closed: Whether what did not come is not waited for.
    """

    round: int
    ordered_at: str
    choose: str
    form: str
    step: str
    tasks: int
    items: int
    gold: int
    repeats: int
    annotators: int
    disputed: int
    alpha: float | None
    closed: bool
    answers: Answers
    cost: Cost


@dataclass(frozen=True)
class LedgerStatus:
    """A whole ledger.

    Attributes:
        folder: Of the ledger.
        rounds: In order.
        works: What each annotator's answers in each round were worth, and the verdict.
        not_counted: Answers to samples that their annotators had in an earlier round.
        told: Why rows of imports are no answers, or not as they stand: reason, how many, first.
        cost: Of all rounds.
        settled: Whether the recipe's steps find what is said here: not after a change of the rule.
    """

    recipe: str
    folder: str
    imports: int
    rounds: tuple[RoundStatus, ...]
    works: tuple[Work, ...]
    not_counted: int
    told: tuple[tuple[str, int, str], ...]
    cost: Cost
    settled: bool


def status_of(source: Source) -> LedgerStatus:
    """Where the ledger of a recipe stands, by its rule; nothing is written.

    Raises:
        DataError: The ledger is damaged.
    """
    ledger = open_ledger(source.ledger)
    standing = standing_of(ledger)
    works = judge(ledger, standing.answers, source.asked.accept)
    verdicts = {(work.round, work.annotator): work.verdict for work in works}
    by_round = standing.by_round()
    num: dict[int, Counter[Verdict]] = defaultdict(Counter)
    for work in works:
        num[work.round][work.verdict] += work.answers
    rounds = tuple(
        _round(one, by_round.get(one.number, []), verdicts, num[one.number], ledger, source.asked)
        for one in ledger.rounds
    )
    return LedgerStatus(
        source.name,
        str(source.ledger),
        len(ledger.imports),
        rounds,
        tuple(works),
        len(standing.again),
        tuple(reasons([Row(row.place, row.why) for row in standing.told])),
        _cost(ledger.rounds, [one.answers for one in rounds]),
        is_settled(ledger, source.asked.accept),
    )


def _cost(rounds: Sequence[Round], answers: Sequence[Answers]) -> Cost:
    def of(numbers: Iterable[int]) -> str:
        return total(
            (one.price, one.currency, num) for one, num in zip(rounds, numbers, strict=True)
        )

    return Cost(
        of(one.ordered for one in answers),
        of(one.accepted for one in answers),
        of(one.held for one in answers),
        of(one.returned for one in answers),
    )


def _round(
    one: Round,
    answers: Sequence[Answer],
    verdicts: Mapping[tuple[int, str], Verdict],
    num: Counter[Verdict],
    ledger: Ledger,
    asked: Annotate,
) -> RoundStatus:
    good: dict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        if answer.counts and verdicts[one.number, answer.annotator] != "return":
            good[answer.of.sample].append(answer)
    counted = Answers(len(one.tasks) * one.annotators, *(num[verdict] for verdict in _VERDICTS))
    return RoundStatus(
        one.number,
        one.ordered_at,
        one.choose,
        one.form,
        one.step,
        len(one.tasks),
        one.count("item"),
        one.count("gold"),
        one.count("repeat"),
        one.annotators,
        sum(agreement_of(given) < 1 for given in good.values() if given[0].of.kind != "gold"),
        _alpha(answers, one, asked.accept) if one.classes else None,
        one.number in ledger.closed,
        counted,
        _cost([one], [counted]),
    )


def _alpha(answers: Sequence[Answer], one: Round, rule: Acceptance) -> float | None:
    counted = [answer for answer in answers if answer.counts]
    _, at = np.unique([answer.of.sample for answer in counted], return_inverse=True)
    said = [answer.label for answer in counted]
    return alpha_of(at.astype(np.int64), said, one.classes, rule.scale)
