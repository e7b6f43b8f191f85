"""Samples of what a model makes: texts alone, or beside what was expected."""

from __future__ import annotations

from tests.report.planted import planted_report, png
from tilth.report.generated import MAX_SAMPLES, generated
from tilth.report.write import render


def test_a_text_alone_was_written_from_nothing() -> None:
    found = generated({"samples": ["once"] * 20})
    assert found is not None
    assert (len(found.samples), found.total) == (MAX_SAMPLES, 20)
    assert found.samples[0].answer == "once"
    assert not found.compared
    assert generated({}) is None


def test_answers_stand_beside_what_was_expected() -> None:
    report = planted_report()
    sample = {"input": "Ein Hund", "answer": "a <b>dog", "expected": "A dog", "image": None}
    shown = {"input": "x.png", "answer": "cat", "expected": "dog", "image": png()}
    unsafe = {"input": "y", "answer": "z", "image": "javascript:alert(1)"}
    report["generated"] = {
        "split": "test",
        "options": {"beam": 5},
        "samples": [sample, shown, unsafe],
    }
    page = render(report)
    assert "samples of the test split" in page
    assert "<bdi>a &lt;b&gt;dog</bdi>" in page
    assert png() in page
    assert "javascript" not in page


def test_a_model_that_was_not_asked_is_said() -> None:
    report = planted_report()
    report["generated"] = {"samples": [], "note": "the model was not asked: no torch"}
    assert "the model was not asked: no torch" in render(report)
