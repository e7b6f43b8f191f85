"""What is said of a ledger is what its answers come to, counted one by one."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import replace
from statistics import median

import pytest

from tests.annotate.places import one_round, right, source_of, wrong
from tests.annotate.test_acceptance import sometimes
from tests.figures_page import numbers_of
from tilth.annotate.acceptance import Share, Work, _by_rule, is_right, share_of
from tilth.annotate.ledger import open_ledger
from tilth.annotate.source import Source
from tilth.annotate.standing import standing_of
from tilth.annotate.status import LedgerStatus, status_of
from tilth.cli.annotate import _number
from tilth.query.annotation import FIGURES
from tilth.query.figures import named
from tilth.recipe.annotate import Acceptance


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    """A round that three people answered, one of whom is sent back."""
    folder = tmp_path_factory.mktemp("annotate")
    given = {"gold": 8, "repeats": 4, "annotators": 3}
    source = source_of(folder, num=60, labelled=20, **given)
    people = {"good": right, "half": sometimes(3), "bad": wrong}
    one_round(folder, source, people, items=14)
    return source


def test_a_round_is_what_its_answers_come_to_one_by_one(source: Source) -> None:
    ledger, found = open_ledger(source.ledger), status_of(source)
    answers = standing_of(ledger).answers
    (one,) = found.rounds
    (round_,) = ledger.rounds
    kinds = round_.kinds
    assert (one.tasks, one.items, one.gold, one.repeats) == (
        len(kinds), *(kinds.count(kind) for kind in ("item", "gold", "repeat")))  # fmt: skip
    assert one.answers.ordered == 3 * len(kinds)
    assert one.answers.answered == len(answers)
    of = {work.annotator: work.verdict for work in found.works}
    assert {"accept", "return"} <= set(of.values())
    for name, verdict in (("accepted", "accept"), ("held", "hold"), ("returned", "return")):
        num = sum(of[answer.annotator] == verdict for answer in answers)
        assert getattr(one.answers, name) == num
    said = defaultdict(list)
    for answer in answers:
        if answer.counts:
            said[answer.of.sample].append(answer)
    good = [
        {a.label for a in given if of[a.annotator] != "return"}
        for given in said.values()
        if given[0].of.kind != "gold"
    ]
    assert one.disputed == sum(len(labels) > 1 for labels in good) > 0
    # Krippendorff: pairs of answers to one item that differ, by all pairs that do.
    labels = [answer.label for given in said.values() if len(given) > 1 for answer in given]
    observed = sum(
        sum(a.label != b.label for a, b in itertools.permutations(given, 2)) / (len(given) - 1)
        for given in said.values()
        if len(given) > 1
    )
    expected = sum(a != b for a, b in itertools.permutations(labels, 2)) / (len(labels) - 1)
    assert one.alpha == pytest.approx(1 - observed / expected)
    assert (found.imports, found.not_counted) == (1, 0)


def test_what_an_annotator_is_worth_is_counted_one_by_one(source: Source) -> None:
    answers = standing_of(open_ledger(source.ledger)).answers
    for work in status_of(source).works:
        own = [answer for answer in answers if answer.annotator == work.annotator]
        assert work.answers == len(own)
        gold = [is_right(answer) for answer in own if answer.of.kind == "gold"]
        assert work.gold == share_of(sum(gold), len(gold))
        times = [answer.seconds for answer in own if answer.seconds is not None]
        assert work.seconds == (median(times) if times else None)
        both = defaultdict(list)
        for answer in own:
            both[answer.of.sample].append(answer.label)
        twice = [labels for labels in both.values() if len(labels) > 1]
        assert twice
        assert work.repeats == share_of(sum(len({*labels}) == 1 for labels in twice), len(twice))


def test_every_number_of_a_ledger_is_declared() -> None:
    known = {one.name for one in FIGURES}
    parts = {"of", "right", "low", "high"}
    found = {
        ".".join(name for name in names if name != "value")
        for names in numbers_of(LedgerStatus)
        if not {*names} & {*parts, "round", "told"}
    }
    assert found
    costs = {name for name in known if "cost." in name}
    assert found == known - costs
    assert named("works.gold") == [("annotate", one) for one in FIGURES if one.name == "works.gold"]


def test_no_number_is_rounded_onto_what_it_is_not() -> None:
    assert [_number(one) for one in (None, 0.5, 0.9999, 1.0, 0.0, -0.001)] == [
        "-", "0.50", "0.9999", "1.00", "0.00", "-0.001"]  # fmt: skip
    rule = Acceptance(min_gold_accuracy=0.7, min_alpha=0.8, min_seconds=5.0)
    plain = Work("a", 1, 9, Share(9, 8, 8 / 9, 0.5, 0.99999), None, 0.7999, None, 4.99, "hold", "")
    assert _by_rule(plain, rule, has_gold=False) == (
        "hold", "alpha 0.7999, below 0.8; 4.99 s an answer, below 5")  # fmt: skip
    bad = replace(plain, gold=Share(40, 21, 21 / 40, 0.3, 0.69999))
    assert _by_rule(bad, rule, has_gold=True) == (
        "return", "gold 21 of 40 (0.30000 to 0.69999), surely below 0.7")  # fmt: skip
