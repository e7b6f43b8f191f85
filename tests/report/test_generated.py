"""Samples of what a model makes: texts alone, or beside what was expected."""

from __future__ import annotations

from tests.report.planted import planted_report, png, report_of, written
from tilth.pretrain.generated import Generated
from tilth.records import read_as
from tilth.report.generated import MAX_SAMPLES, generated
from tilth.report.write import render


def test_a_few_of_many_samples_are_shown() -> None:
    found = generated(read_as(Generated, {"samples": [written("once")] * 20}, ""))
    assert (len(found.samples), found.total) == (MAX_SAMPLES, 20)
    assert found.samples[0].answer == "once"
    assert not found.compared


def test_answers_stand_beside_what_was_expected() -> None:
    report = planted_report()
    sample = {"input": "Ein Hund", "answer": "a <b>dog", "expected": "A dog", "image": None}
    shown = {"input": "x.png", "answer": "cat", "expected": "dog", "image": png()}
    unsafe = written("z") | {"input": "y", "image": "javascript:alert(1)"}
    report["generated"] = {
        "split": "test",
        "options": {"beam": 5},
        "samples": [sample, shown, unsafe],
    }
    page = render(report_of(report))
    assert "samples of the test split" in page
    assert "<bdi>a &lt;b&gt;dog</bdi>" in page
    assert png() in page
    assert "javascript" not in page


def test_which_of_several_trainings_answers_is_said() -> None:
    report = planted_report()
    report["pretrain"]["seeds"] = [{"seed": seed} for seed in (4, 7)]
    report["generated"] = {"split": "test", "samples": [written("z")]}
    page = render(report_of(report))
    assert "the model of the first of 2 trainings (seed 4) makes of samples of its test" in page


def test_a_model_that_was_not_asked_is_said() -> None:
    report = planted_report()
    report["generated"] = {"samples": [], "note": "the model was not asked: no torch"}
    assert "the model was not asked: no torch" in render(report_of(report))
