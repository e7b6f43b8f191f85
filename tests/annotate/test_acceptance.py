"""Which answers are accepted, held and returned, and by what."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jiwer
import pytest

from tests.annotate.places import Says, one_round, right, source_of, wrong
from tests.table.whole import read, run
from tilth.annotate.acceptance import Work, judge, share_of
from tilth.annotate.ledger import open_ledger
from tilth.annotate.money import cost_of, total
from tilth.annotate.source import Source
from tilth.annotate.standing import standing_of
from tilth.annotate.status import status_of
from tilth.annotate.take import decide, settle_anew
from tilth.errors import UsageError
from tilth.label.accepted import read_accepted


def sometimes(every: int) -> Says:
    """Wrong on each so many-th text."""
    return lambda text, item: (wrong if int(text.split()[1]) % every == 0 else right)(text, item)


def works_of(source: Source) -> dict[str, Work]:
    names = open_ledger(source.ledger).people.names
    return {names[work.annotator]: work for work in status_of(source).works}


def called(source: Source, name: str) -> str:
    return open_ledger(source.ledger).people.pseudonym(name)


def test_gold_accepts_holds_and_returns(tmp_path: Path) -> None:
    source = source_of(tmp_path, num=60, labelled=20, gold=12)

    def few(text: str, item: str) -> str | None:
        return right(text, item) if int(text.split()[1]) % 4 == 1 else None

    people = {"good": right, "bad": wrong, "half": sometimes(2), "new": few}
    one_round(tmp_path, source, people, items=20)
    works = works_of(source)
    assert {name: work.verdict for name, work in works.items()} == {
        "good": "accept",
        "bad": "return",
        "half": "hold",
        "new": "hold",
    }
    gold = works["good"].gold
    assert gold is not None
    assert (gold.right, gold.of, gold.high) == (12, 12, 1.0)
    # Clopper and Pearson's for 12 of 12: the 12th root of .025.
    assert gold.low == pytest.approx(0.025 ** (1 / 12))
    assert "surely below 0.7" in works["bad"].why
    assert "fewer than 5" in works["new"].why
    standings = {one.annotator: one.standing for one in read_accepted(source.ledger, held=True)}
    assert standings == {
        called(source, "good"): "accepted",
        called(source, "half"): "held",
        called(source, "new"): "held",
    }
    assert {one.annotator for one in read_accepted(source.ledger, held=False)} == {
        called(source, "good")
    }


def test_repeats_alpha_and_speed_hold(tmp_path: Path) -> None:
    seen: dict[str, int] = {}

    def wavering(text: str, item: str) -> str:
        seen[text] = seen.get(text, 0) + 1
        return (right if seen[text] == 1 else wrong)(text, item)

    source = source_of(
        tmp_path,
        labelled=0,
        repeats=6,
        accept={"min_repeat_agreement": 0.8, "min_alpha": 0.1, "min_seconds": 2},
    )
    people = {"good": right, "also": right, "wavering": wavering, "other": wrong}
    one_round(tmp_path, source, people, items=20)
    works = works_of(source)
    assert works["good"].verdict == works["also"].verdict == "accept"
    assert works["good"].repeats == share_of(6, 6)
    assert works["wavering"].verdict == "hold"
    assert "repeats 0 of 6" in works["wavering"].why
    assert works["other"].verdict == "hold"
    assert "alpha -" in works["other"].why
    assert works["good"].seconds == 3
    # An item that stood there twice is one word on its sample.
    answers = [*read_accepted(source.ledger, held=True)]
    assert len(answers) == 4 * 20
    slow = source_of(tmp_path, labelled=0, accept={"min_seconds": 5})
    assert all("3.0 s an answer" in work.why for work in works_of(slow).values())


def test_alpha_is_that_of_the_pairs_one_by_one(tmp_path: Path) -> None:
    source = source_of(tmp_path, labelled=0)
    people = {"a": right, "b": sometimes(3), "c": sometimes(2)}
    one_round(tmp_path, source, people, items=15)
    ledger = open_ledger(source.ledger)
    answers = standing_of(ledger).answers
    for work in judge(ledger, answers, None):
        own = {one.of.sample: one.label for one in answers if one.annotator == work.annotator}
        pairs = [
            (own[one.of.sample], one.label) for one in answers if one.annotator != work.annotator
        ]
        labels = [label for pair in pairs for label in pair]
        num = len(labels)
        observed = sum(one != other for one, other in pairs) / len(pairs)
        shares = [labels.count(label) for label in {*labels}]
        expected = 1 - sum(count * (count - 1) for count in shares) / (num * (num - 1))
        assert work.alpha == pytest.approx(1 - observed / expected)


def test_a_decision_by_hand_stands_and_the_last_one_counts(tmp_path: Path) -> None:
    source = source_of(tmp_path, num=80, labelled=30, gold=10)
    for _ in range(2):
        one_round(tmp_path, source, {"bad": wrong, "good": right}, items=10)
    who = called(source, "bad")

    def verdicts() -> dict[int, str]:
        return {w.round: w.verdict for w in status_of(source).works if w.annotator == who}

    assert verdicts() == {1: "return", 2: "return"}
    decide(source, "accept", annotator=who, round=2)
    assert verdicts() == {1: "return", 2: "accept"}
    decide(source, "hold", annotator=who)
    assert verdicts() == {1: "hold", 2: "hold"}
    decide(source, "return", annotator=who, round=1)
    assert verdicts() == {1: "return", 2: "hold"}
    assert status_of(source).settled
    with pytest.raises(UsageError, match="there is no annotator"):
        decide(source, "accept", annotator="annotator-0")
    with pytest.raises(UsageError, match="there is no round 3"):
        decide(source, "close", round=3)


def test_another_rule_is_said_until_it_is_applied(tmp_path: Path) -> None:
    source = source_of(tmp_path, num=60, labelled=20, gold=12)
    one_round(tmp_path, source, {"half": sometimes(2), "good": right}, items=10)
    lenient = source_of(tmp_path, num=60, labelled=20, gold=12, accept={"min_gold_accuracy": 0.3})
    before = [*read_accepted(source.ledger, held=False)]
    assert not status_of(lenient).settled
    assert [*read_accepted(source.ledger, held=False)] == before
    assert settle_anew(lenient)
    assert status_of(lenient).settled
    assert len([*read_accepted(source.ledger, held=False)]) > len(before)
    assert not settle_anew(lenient)


def test_costs_are_those_of_the_answers(tmp_path: Path) -> None:
    given: dict[str, Any] = {"gold": 10, "repeats": 2, "annotators": 2, "currency": "EUR"}
    source = source_of(tmp_path, num=60, labelled=20, price=0.035, **given)
    one_round(tmp_path, source, {"good": right, "bad": wrong}, items=10)
    found = status_of(source)
    (one,) = found.rounds
    assert (one.tasks, one.answers.ordered, one.answers.answered) == (22, 44, 44)
    assert (one.answers.accepted, one.answers.returned) == (22, 22)
    assert vars(found.cost) == {
        "ordered": "1.54 EUR",
        "accepted": "0.77 EUR",
        "held": "0.00 EUR",
        "returned": "0.77 EUR",
    }
    assert cost_of("0.035", "EUR", 3) == "0.105 EUR"
    assert total([("0.1", "EUR", 3), ("1", "USD", 2), ("", "", 9)]) == "0.30 EUR + 2.00 USD"


def _spoken(tmp_path: Path) -> Source:
    """Nine recordings' stand-ins, of six of which it is known what is said."""
    tree = {
        "name": "spoken",
        "clean": ["normalize"],
        "collect": {"a": {"jsonl": {"path": str(tmp_path / "a.jsonl")}}},
        "annotate": {
            "question": "What is said?",
            "gold": 6,
            "gold_from": "meta.said",
            "ledger": str(tmp_path / "ledger"),
        },
    }
    rows = [{"text": f"number {n} of", "said": f"what  {n}" if n < 6 else None} for n in range(9)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run(tree, tmp_path)
    return Source(read(tree), tmp_path / "runs")


def test_likeness_is_that_of_the_pairs_one_by_one(tmp_path: Path) -> None:
    source = _spoken(tmp_path)

    def says(number: int) -> Says:
        return lambda text, _: " ".join(["what", "then"][: number + 1] + [text.split()[1]] * number)

    one_round(tmp_path, source, {name: says(n) for n, name in enumerate("abc")}, items=3)
    answers = standing_of(open_ledger(source.ledger)).answers
    works = status_of(source).works
    assert len(works) == 3
    for work in works:
        own = {one.of.sample: one.label for one in answers if one.annotator == work.annotator}
        alike = []
        for one in answers:
            if one.annotator != work.annotator and one.of.sample in own:
                # Errors are counted against the longer of the two.
                texts = (own[one.of.sample], one.label)
                longer, shorter = sorted(texts, key=lambda said: -len(said.split()))
                alike.append(1 - jiwer.wer(longer, shorter))
        assert work.agreement == pytest.approx(sum(alike) / len(alike))
        assert work.alpha is None


def test_free_text_is_right_but_for_blanks(tmp_path: Path) -> None:
    source = _spoken(tmp_path)

    def says(text: str, _: str) -> str:
        return f" what {text.split()[1]}"

    one_round(tmp_path, source, {"a": says})
    (work,) = status_of(source).works
    assert (work.verdict, work.gold) == ("accept", share_of(6, 6))
    assert len([*read_accepted(source.ledger, held=False)]) == 9
