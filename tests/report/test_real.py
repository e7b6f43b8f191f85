"""The page, the numbers and the cards of what the stages really give, in each modality."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest

from tests.engine.inline import run_inline, use_inline
from tests.engine.modalities import write_recipe
from tests.report.planted import report_of
from tilth.pretrain.quoted import quote, sentence
from tilth.query.document import report_document
from tilth.query.report import Report
from tilth.query.runs import open_run
from tilth.report.card import data_card
from tilth.report.model_card import model_card
from tilth.report.write import render, write_report

_made: dict[str, Report] = {}


@pytest.fixture(params=["text", "images", "speech", "translation"])
def report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Of a small run with every stage; made once for all tests of this file."""
    modality: str = request.param
    if modality not in _made:
        folder = tmp_path_factory.mktemp(modality)
        with pytest.MonkeyPatch.context() as patch:
            use_inline(patch)
            run_inline(write_recipe(modality, folder).read_text("utf-8"), folder / "run")
        _made[modality] = report_document(open_run(folder / "run"))
    return _made[modality]


def _text(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def test_every_stage_is_there_and_every_book_balances(report: Report) -> None:
    page = _text(render(report))
    assert "Not in this run." not in page
    assert "the books balance, at every step and over all" in page
    assert "✗" not in page
    for step in report.steps:
        if step.num_in is not None:
            assert f"{step.num_in:,} in = {step.kept:,} kept + {step.dropped:,} dropped" in page


def test_what_was_trained_is_quoted_alike_everywhere(report: Report) -> None:
    found = report.pretrain
    assert found is not None
    page, card, data = render(report), model_card(report), data_card(report)
    said = sentence(found)
    assert said.startswith(("accuracy", "bits per byte", "character error", "word error", "perp"))
    for shown in (_text(page), card.replace("\\", ""), data.replace("\\", "")):
        assert said in shown
    for split in ("validation", "test"):
        for name, value in found.of(split).items():
            if not isinstance(value, str) and name in found.bounds(split):
                assert quote(value, found.bounds(split)[name]) in _text(page)
                assert quote(value, found.bounds(split)[name]) in card.replace("\\", "")


def test_a_verdict_is_the_same_sentence_everywhere(report: Report) -> None:
    assert report.transfer is not None
    assert report.value is not None
    said = [report.transfer.headline, *(arm.headline for arm in report.value.arms)]
    assert all(said)
    for shown in (render(report), model_card(report), data_card(report)):
        for one in said:
            assert " ".join(one.split()) in _text(shown.replace("\\", ""))


def test_every_method_and_arm_has_its_row(report: Report) -> None:
    assert report.transfer is not None
    assert report.value is not None
    page = _text(render(report))
    assert {point.method for point in report.transfer.points} == {"scratch", "finetune"}
    for method in report.transfer.methods:
        assert method in page
    (arm,) = report.value.arms
    assert (arm.n, len(arm.differences)) == (2, 2)
    assert "Seed by seed" in page
    assert arm.decision in page


def test_the_numbers_are_read_back_as_they_were(report: Report, tmp_path: Path) -> None:
    write_report(report, tmp_path)
    kept = report_of(json.loads((tmp_path / "report.json").read_text("utf-8")))
    assert kept == report
