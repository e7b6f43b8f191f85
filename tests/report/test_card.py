"""The data card: sources, losses and limits in plain Markdown."""

from __future__ import annotations

from typing import Any

import pytest

from tests.report.planted import planted_report, report_of
from tilth.report.card import data_card
from tilth.report.tidy import tidy
from tilth.report.write import render


def test_the_card_holds_what_a_user_of_the_data_asks() -> None:
    card = data_card(tidy(report_of(planted_report()))).replace("\u202f", " ")
    assert card.startswith("# quickstart\n")
    assert "3,222 samples came in: 2,599 kept (80.7 %), 619 dropped, 4 quarantined." in card
    assert "The books balance." in card
    assert "| stdlib | PSF-2.0 (2,031) | 2,034 |" in card
    assert "| packages | not stated | 1,188 |" in card
    assert "find it out before you pass the data on" in card
    assert "| clean.rules | word\\_count \\>= 50 | 312 |" in card
    assert "packages.jsonl:204: ValueError: not a document" in card
    assert "over 8 seeds with Student-t 95 % intervals" in card
    assert "```yaml\ntilth: 1\n" in card


def test_the_final_number_of_each_source_is_told_where_known() -> None:
    report = planted_report()
    last = next(step for step in report["steps"] if step["name"] == "mix.weights")
    last["sources"] = {"stdlib": 1800, "packages": 799}
    assert "| stdlib | PSF-2.0 (2,031) | 2,034 | 1,800 |" in data_card(report_of(report))


def _many_sources(num: int, lost: int) -> Any:
    """A run of many sources, of which the last step kept 10 samples each, of some none."""
    report = planted_report()
    source, last = report["steps"][0], report["steps"][-4]
    names = [f"{'s' * 210}{number}" if number < 2 else f"s{number}" for number in range(num)]
    made = [source | {"name": f"collect.{name}", "license": {}, "in": 12} for name in names]
    kept = dict.fromkeys(names[lost:], 10)
    last |= {"kind": "map", "sources": kept, "kept": 10 * len(kept), "in": 10 * len(kept)}
    return report_of(report | {"steps": [*made, last]})


@pytest.mark.parametrize("num", [2, 40, 41, 300])
def test_every_source_has_its_number_however_many_there_are(num: int) -> None:
    card = data_card(_many_sources(num, lost=1))
    rows = [line.split(" | ") for line in card.splitlines() if line.endswith(" 12 | 10 |")]
    assert len(rows) == num - 1
    # One that lost all its samples has none left, which is no unknown number.
    assert card.count(" | 12 | 0 |") == 1
    assert "\u2013" not in card.partition("## Steps")[0]


def test_a_page_says_how_many_sources_it_shows() -> None:
    page = render(_many_sources(300, lost=0))
    assert "40 of 300 sources shown" in page
    assert "sources shown" not in render(_many_sources(40, lost=0))


def test_licences_that_are_not_shown_are_counted() -> None:
    report = planted_report()
    report["steps"][0]["license"] = {f"L{number}": 1 for number in range(23)}
    assert "L19 (1), and 3 more |" in data_card(report_of(report))


def test_a_trial_run_says_so() -> None:
    said = "A trial run: of each source at most 200 samples were read."
    assert said not in data_card(tidy(report_of(planted_report() | {"limit": None})))
    assert said in data_card(tidy(report_of(planted_report() | {"limit": 200})))


def test_a_run_of_nothing_has_a_card() -> None:
    empty: dict[str, Any] = {"steps": [], "pretrain": None, "transfer": None, "value": None}
    card = data_card(report_of(planted_report() | empty))
    for said in ("No source was read", "Nothing was dropped", "No model was trained"):
        assert said in card


def test_a_model_without_a_test_split_was_trained_all_the_same() -> None:
    report = planted_report()
    report["pretrain"] |= {"test": {}}
    card = data_card(report_of(report | {"transfer": None, "value": None}))
    assert "No model was trained" not in card
    assert "a model was trained, and measured on validation alone" in card


@pytest.mark.parametrize(
    "text",
    ["<img src=x onerror=alert(1)>", "[x](javascript:alert(1))", "a | b\n# head", "```\n<b>"],
)
def test_foreign_text_is_not_markup(text: str) -> None:
    report = planted_report()
    report |= {"name": text, "about": text, "recipe_yaml": text}
    report["steps"][3]["by_rule"] = [{"rule": text, "count": 1}]
    report["steps"][0]["errors"] = [{"uri": text, "error": text}]
    card = data_card(report_of(report))
    prose = card[: card.rindex("\n\n`")]
    assert "\n# head" not in prose
    assert "<" not in prose.replace("\\<", "")
    assert "](" not in prose.replace("\\](", "").replace("\\]\\(", "")
    for line in prose.splitlines():
        if line.startswith("| clean.rules |"):
            assert line.replace("\\|", "").count("|") in (4, 6)


def test_a_run_that_is_not_done_says_so_and_shows_no_final_data_set() -> None:
    report = planted_report()
    assert "not done" not in data_card(report_of(report))
    steps = report["steps"][:4]
    steps[3]["sources"] = {"stdlib": 1930, "packages": 865}
    failed = report | {"steps": steps, "status": "failed", "error": "error[disk-full]: full"}
    card = data_card(tidy(report_of(failed)))
    assert "**This run is not done: failed.** What follows is what was committed so far." in card
    assert "It ended with: error\\[disk-full\\]: full" in card
    assert "final data set" not in card
    assert "| source | licence | read | left after clean.rules |" in card
    assert "| stdlib | PSF-2.0 (2,031) | 2,034 | 1,930 |" in card


def test_sources_that_no_step_sorts_are_the_final_data_set() -> None:
    report = planted_report()
    card = data_card(report_of(report | {"steps": report["steps"][:2]}))
    assert "| stdlib | PSF-2.0 (2,031) | 2,034 | 2,031 |" in card
    assert "| packages | not stated | 1,188 | 1,188 |" in card


def test_a_number_that_is_not_known_says_why() -> None:
    why = "How many are left of each source is not known: the last step does not say."
    report = planted_report()
    card = data_card(report_of(report))
    assert "| stdlib | PSF-2.0 (2,031) | 2,034 | \u2013 |" in card
    assert why in card
    last = next(step for step in report["steps"] if step["name"] == "mix.weights")
    last["sources"] = {"stdlib": 1800, "packages": 799}
    assert why not in data_card(report_of(report))
