"""What every figure is, found where it is declared."""

from __future__ import annotations

import pytest

from tilth.figures import Definition
from tilth.query.figures import (
    BOOKS,
    LEDGER,
    METRICS,
    definitions,
    find,
    named,
    owner_words,
    owners,
    said,
    spell_how,
)
from tilth.recipe.operations import operations

ALPHA = Definition("alpha", "alpha", "How far they agree.", "all answers", better="higher")
TABLE = Definition("labels", "labels", "Documents by label", "all documents")
CELL = Definition("labels.sure", "sure", "How sure it is.", "all documents", how="estimated")
KNOWN = {one.name: one for one in (ALPHA, TABLE, CELL)}


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (("alpha",), (ALPHA, 0)),
        (("labels",), (TABLE, 0)),
        # A cell of a table of one quantity; a column that has its own name; a label with a dot.
        (("labels", "prose"), (TABLE, 1)),
        (("labels", "sure"), (CELL, 0)),
        (("labels", "a.b", "c"), (TABLE, 2)),
        (("kappa",), (None, 0)),
        ((), (None, 0)),
    ],
)
def test_a_figure_is_that_of_its_name_or_of_its_table(
    names: tuple[str, ...], found: tuple[Definition | None, int]
) -> None:
    assert find(KNOWN, names) == found


def test_every_owner_is_told_in_words() -> None:
    assert set(owners()) == {BOOKS, METRICS, LEDGER, *operations()}
    assert all(owner_words(owner) for owner in owners())
    assert owner_words("consensus") == "the operation consensus of label"
    assert owner_words("value") == "the stage value"


def test_a_metric_is_a_figure_with_its_unit_and_direction() -> None:
    found = definitions(METRICS)
    assert (found["accuracy"].unit, found["accuracy"].better) == ("%", "higher")
    assert (found["loss"].unit, found["loss"].better) == ("nats", "lower")
    assert {one.how for one in found.values()} == {"measured"}


def test_nothing_is_declared_by_whom_there_is_not() -> None:
    assert definitions("no-such-operation") == {}


def test_a_word_finds_every_figure_of_that_name() -> None:
    found = named("dropped")
    assert {(owner, one.name) for owner, one in found} >= {
        (BOOKS, "dropped"),
        (BOOKS, "total.dropped"),
    }
    assert [owner for owner, _ in named("books.kept_share")] == [BOOKS]
    assert [(owner, one.name) for owner, one in named("word_count")] == [
        ("signals", "signal.word_count")
    ]
    assert named("") == named("no such figure") == []


def test_a_figure_is_found_by_the_words_that_the_report_shows() -> None:
    assert [(owner, one.name) for owner, one in named("Krippendorff's alpha")] == [
        ("consensus", "krippendorff_alpha")
    ]
    assert [one.name for _, one in named("bits per byte")] == ["bits_per_byte"]
    assert [one.name for _, one in named("word error rate (%)")] == ["wer"]
    assert [one.name for _, one in named("Word Error Rate")] == ["wer"]
    assert {(owner, one.name) for owner, one in named("data multiplier")} == {
        ("transfer", "multiplier.value"),
        ("value", "arms.data_multiplier.value"),
    }
    for owner in owners():
        for one in definitions(owner).values():
            assert named(one.heading), one.heading


def test_a_figure_is_said_in_sentences() -> None:
    assert said(ALPHA) == "How far they agree. Of: all answers. Counted. Higher is better."
    assert said(TABLE) == "Documents by label. Of: all documents. Counted."
    entropy = Definition("e", "entropy", "E.", "all words", unit="bits", how="estimated")
    assert said(entropy) == "E. Of: all words. Estimated. Unit: bits."
    shown = Definition("a", "a", "A.", "b", how="measured", interval="Wilson")
    assert spell_how(shown) == "Measured; 95 % interval: Wilson"
