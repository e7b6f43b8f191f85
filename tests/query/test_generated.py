"""Answers to held-out samples: drawn by id, asked once, and never the end of a report."""

from __future__ import annotations

import json

import pytest

from tests.query.trained import trained_run
from tilth.query import generated
from tilth.query.document import report_document
from tilth.query.generated import GENERATED, generated_samples
from tilth.query.predict import MODEL
from tilth.query.runs import RunView
from tilth.store import Dataset


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunView:
    return trained_run(tmp_path_factory.mktemp("generated"))


def test_samples_are_of_the_test_split_with_what_was_expected(run: RunView) -> None:
    found = generated_samples(run, run.step("pretrain"))
    assert found is not None
    assert found["split"] == "test"
    assert len(found["samples"]) == 8
    first = found["samples"][0]
    assert first["expected"] in ("dark", "light")
    assert first["answer"].split()[0] in ("dark", "light")
    assert first["image"].startswith("data:image/png;base64,")


def test_a_model_is_asked_once(run: RunView, monkeypatch: pytest.MonkeyPatch) -> None:
    path = run.step("pretrain").folder / MODEL / GENERATED
    before = path.read_bytes()
    monkeypatch.setattr(generated, "_ask", None)
    assert generated_samples(run, run.step("pretrain")) == json.loads(before)


def test_a_model_that_fails_does_not_take_the_report_with_it(
    run: RunView, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = run.step("pretrain").folder / MODEL / GENERATED
    kept = path.read_bytes()
    path.unlink()

    def fail(*_: object) -> None:
        raise RuntimeError("no torch here")

    monkeypatch.setattr(generated, "_ask", fail)
    try:
        document = report_document(run)
        assert document.generated is not None
        assert document.generated.note == "the model was not asked: no torch here"
        assert not path.exists()
    finally:
        path.write_bytes(kept)


def test_the_document_says_what_the_model_was_made_of(run: RunView) -> None:
    model = report_document(run).model
    assert model is not None
    assert len(model.weights_sha256) == 64
    assert isinstance(loop := model.settings["loop"], dict)
    assert loop["max_steps"] == 20
    assert model.data.digest == Dataset(run.end_of_line().folder).digest
    assert model.data.samples == 120


def test_a_run_without_a_model_has_none(small: RunView) -> None:
    document = report_document(small)
    assert document.model is None
    assert document.generated is None
