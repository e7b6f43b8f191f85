"""What a figure is stands with its name on the page: on hover, by a tap, by the Tab key."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import pytest

from tests.figures_page import STAGE_RECORDS, numbers_of
from tests.report.planted import planted_report, report_of
from tilth.figures import Definition
from tilth.label import consensus
from tilth.query.figures import METRICS, definitions, said
from tilth.report.evidence import Evidence
from tilth.report.figures import Cell, Term, figure_blocks, table
from tilth.report.terms import SHOWN, book, with_terms
from tilth.report.write import render

ALPHA = definitions("consensus")["krippendorff_alpha"]


def _said(page: str) -> dict[str, str]:
    """What the page says of each name."""
    found = re.findall(r'<abbr tabindex="0" title="([^"]*)">([^<]*)</abbr>', page)
    return {html.unescape(name): html.unescape(about) for about, name in found}


def _page(op: str, told: dict[str, Any]) -> str:
    planted = planted_report()
    planted["steps"][-4] |= {"op": op, "figures": told}
    return render(report_of(planted))


def test_an_operations_figures_have_their_name_and_say_what_they_are() -> None:
    rows = [{"annotator": "ann", "estimated_accuracy": 0.9996, "answers": 1200}]
    page = _page("consensus", {"krippendorff_alpha": 0.5, "annotators": rows, "em_converged": True})
    found = _said(page)
    assert found["Krippendorff's alpha"] == said(ALPHA)
    assert found["answers"] == said(definitions("consensus")["annotators.answers"])
    assert '<th scope="col">annotator</th>' in page
    # A declared share is shown as one, whatever its name is, and is not rounded onto all.
    assert "&gt;99.9\u202f%" in page
    assert "<dt>em converged</dt>" in page


def test_a_figure_that_nobody_declared_is_shown_under_its_key() -> None:
    page = _page("shout", {"words_that_stay": 3, "conflict_share": 0.25})
    assert "<dt>words that stay</dt>" in page
    assert "25.0\u202f%" in page


def test_a_users_own_words_are_no_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    evil = Definition("x", '"><script>', '"><img src=x>\u202e', "<b>rows</b>")
    monkeypatch.setattr(consensus, "FIGURES", (evil, "no definition"))
    page = _page("consensus", {"x": 1})
    assert "<script" not in page
    assert "<img src=x" not in page
    assert "[U+202E]" in page


def test_the_books_say_what_they_are() -> None:
    found = _said(render(report_of(planted_report())))
    for name, shown in (("total.kept", "Kept"), ("in", "in"), ("seconds", "time")):
        assert found[shown] == book(name).about
    assert book("kept") == "kept"
    # That of a comparison is its own, and no cost of the run.
    assert found["cost"].startswith("Seconds of all trainings of the ")


def test_a_metric_says_what_it_is_where_it_is_named() -> None:
    found = _said(render(report_of(planted_report())))
    assert found["bits per byte"] == said(definitions(METRICS)["bits_per_byte"])


def test_names_on_the_page_are_those_of_figures() -> None:
    """What is looked up under a head of a table is a number of that stage's record."""
    for stage, shown in SHOWN.items():
        names = {".".join(one) for one in numbers_of(STAGE_RECORDS[stage])}
        assert set(shown.values()) <= names, stage
        assert all(key == key.lower() for key in shown)


def test_a_head_is_found_with_what_stands_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    gain = Definition("effects.mean", "gain", "What it gains.", "all seeds")
    worth = Definition("multiplier.value", "multiplier", "How often.", "all seeds")
    known = {one.name: one for one in (gain, worth)}
    monkeypatch.setattr("tilth.report.terms.definitions", lambda _: known)
    rows = [[Cell("gain"), Cell("1", True)]]
    made = table(("method", "gain [95 %]", "corrected [95 %]"), rows)
    given = Evidence("", (("data multiplier at 1,000 samples", "2x"),), (), (("t", made),))
    found = with_terms(given, "transfer")
    assert [getattr(name, "about", "") for name in found.tables[0][1].columns] == [
        *("", said(gain), said(gain))
    ]
    # A method or an arm may have any name.
    assert not isinstance(found.tables[0][1].rows[0][0].text, Term)
    assert found.facts == given.facts
    assert getattr(found.facts[0][0], "about", "") == said(worth)


def test_every_name_can_be_reached_without_a_pointer() -> None:
    page = render(report_of(planted_report()))
    names = re.findall(r"<abbr[^>]*>", page)
    assert names
    assert all('tabindex="0"' in one for one in names)
    style = (Path(figure_blocks.__code__.co_filename).parent / "templates/style.css").read_text()
    assert "abbr[title]:focus::after { content: attr(title)" in style
