"""Say which answers are accepted, by the recipe's rule, and give them to the recipe's steps."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

from tilth.annotate.acceptance import Work, judge
from tilth.annotate.ledger import Ledger, Verdict
from tilth.annotate.standing import Standing, standing_of
from tilth.label.accepted import Accepted, terms_of, write_accepted
from tilth.label.accepted import Standing as Kept
from tilth.recipe.annotate import Acceptance

_KEPT: dict[Verdict, Kept] = {"accept": "accepted", "hold": "held"}


@dataclass(frozen=True)
class Settled:
    """A ledger as a rule settles it."""

    standing: Standing
    works: list[Work]
    changed: bool


def settle(ledger: Ledger, rule: Acceptance | None) -> Settled:
    """Judge what came back, and write what is accepted or held where steps find it.

    Args:
        ledger: As it stands, by whoever holds its lock.
        rule: The recipe's.

    Raises:
        StorageError: The folder cannot be written.
    """
    standing = standing_of(ledger)
    works = judge(ledger, standing.answers, rule)
    answers = accepted(standing, works)
    return Settled(standing, works, write_accepted(ledger.folder, answers, terms(rule)))


def accepted(standing: Standing, works: list[Work]) -> Iterator[Accepted]:
    """The answers that a recipe can take: each person's word on each sample, unless returned."""
    verdicts = {(work.round, work.annotator): work.verdict for work in works}
    for answer in standing.answers:
        kept = _KEPT.get(verdicts[answer.of.round, answer.annotator])
        if answer.counts and kept is not None:
            yield Accepted(answer.of.sample, answer.annotator, answer.label, kept)


def is_settled(ledger: Ledger, rule: Acceptance | None) -> bool:
    """Whether what steps find is by this rule, and of all events."""
    return terms_of(ledger.folder) == terms(rule) or not (ledger.rounds or ledger.imports)


def terms(rule: Acceptance | None) -> str:
    """A rule as a word: another rule, another word."""
    plain = None if rule is None else rule.model_dump(mode="json")
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]
