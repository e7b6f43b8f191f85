"""The page's sections: in the order of their list, each with what it shows or what is missing."""

from __future__ import annotations

import html
import re

import pytest

from tests.report.planted import planted_report, report_of
from tilth.report.evidence import Evidence
from tilth.report.figures import Cell, table
from tilth.report.page import build_page
from tilth.report.sections import SECTIONS, Section
from tilth.report.write import render


def _headings(page: str) -> list[tuple[str, str]]:
    return [(a, html.unescape(b)) for a, b in re.findall(r'<h2 id="(.+?)">(.+?)</h2>', page)]


def test_the_contents_lead_to_every_section_in_order() -> None:
    page = render(report_of(planted_report()))
    nav = page.partition("<nav")[2].partition("</nav>")[0]
    links = re.findall(r'<a href="#(.+?)">(.+?)</a>', nav)
    assert links == [(section.anchor, section.link) for section in SECTIONS]
    assert _headings(page) == [(section.anchor, section.title) for section in SECTIONS]


def test_a_run_that_never_began_has_every_section() -> None:
    empty = planted_report() | {"steps": [], "arm_steps": []}
    empty |= dict.fromkeys(("pretrain", "transfer", "value", "generated"))
    report = report_of(empty)
    filled = {one.section.anchor: one.content for one in build_page(report).sections}
    assert [anchor for anchor, content in filled.items() if content is not None] == ["again"]
    page = html.unescape(render(report))
    for section in SECTIONS[:-1]:
        assert section.missing in page.partition(f'<h2 id="{section.anchor}">')[2][:300]


def test_a_section_of_tables_is_one_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    made = table(("word", "n"), [[Cell("<b>"), Cell("3", True)]])
    more = Section("words", "Words", "All words", lambda _: Evidence(tables=(("Title", made),)))
    monkeypatch.setattr("tilth.report.page.SECTIONS", (*SECTIONS, more))
    page = render(report_of(planted_report()))
    assert _headings(page)[-1] == ("words", "All words")
    own = page.partition('<h2 id="words">')[2]
    assert "<bdi>&lt;b&gt;</bdi>" in own
    assert "1 of 1 shown" in own
    # Which is said of a training alone.
    assert "No curve or effect" not in own
