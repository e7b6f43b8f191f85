"""The model card: a head that the hub reads, and what a user of the weights asks."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.report.planted import planted_report, report_of
from tilth.query.report import Report
from tilth.report.model_card import model_card
from tilth.report.tidy import tidy


def planted_model(**pretrain: Any) -> dict[str, Any]:
    """The planted report of a run with a model, whose training gave what is said."""
    report = planted_report()
    report["pretrain"] = report["pretrain"] | {
        "task": "translation",
        "metric": "perplexity",
        "unit": "",
        "validation": {"loss": 1.5},
        "test": {"loss": 1.4, "perplexity": 4.05, "bleu": 36.61, "signature": "nrefs:1|case:lc"},
        "samples": {"train": 29000, "test": 1000},
        **pretrain,
    }
    report["model"] = {
        "folder": "data/pretrain-0/model",
        "weights_sha256": "ab" * 32,
        "settings": {"task": "translation", "model": {"kind": "seq2seq"}},
        "data": {"step": "mix.weights", "samples": 30014, "digest": "cd" * 32, "sources": {}},
    }
    return report


def _report(**pretrain: Any) -> Report:
    return tidy(report_of(planted_model(**pretrain)))


def _head(card: str) -> dict[str, Any]:
    _, head, _ = card.split("---\n", 2)
    found: dict[str, Any] = yaml.safe_load(head)
    return found


def test_the_head_is_what_the_hub_searches() -> None:
    head = _head(model_card(_report()))
    assert head["pipeline_tag"] == "translation"
    assert head["license"] == "unknown"
    (result,) = head["model-index"][0]["results"]
    assert {"type": "bleu", "name": "BLEU", "value": 36.61} in result["metrics"]
    assert result["dataset"]["split"] == "test"


def test_the_prose_says_what_it_is_made_of_and_what_it_reaches() -> None:
    card = model_card(_report())
    assert "| BLEU | – | 36.61 |" in card
    assert "nrefs:1\\|case:lc" in card
    assert "`" + "cd" * 32 + "`" in card
    assert "| stdlib | PSF-2.0 (2,031) |" in card
    assert "train 29,000, test 1,000" in card
    assert "tilth translate" in card
    assert "Trained once: another seed gives other figures" in card
    assert "kind: seq2seq" in card


def test_several_trainings_are_told_one_by_one_with_their_mean() -> None:
    folds = [
        {"fold": name, "seed": 0, "test": {"accuracy": value}}
        for name, value in (("ann", 80.0), ("bob", 90.0))
    ]
    mean = {"split": "test", "accuracy": 85.0}
    card = model_card(_report(metric="accuracy", unit="%", seeds=[], folds=folds, mean=mean))
    assert "accuracy 85 % on test, mean of 2 folds." in card
    assert "| ann | 80 |" in card
    assert "Trained once" not in card
    (result,) = _head(card)["model-index"][0]["results"]
    (metric,) = result["metrics"]
    assert metric == {"type": "accuracy", "name": "accuracy (%), mean of 2 folds", "value": 85.0}
    first = "first of 2 trainings (fold ann, seed 0)"
    assert f"The weights beside this card are of the {first}." in card.replace("\\", "")
    assert "Used of them by the first of 2 trainings: train 29,000" in card
    assert "- steps (first of 2 trainings): " in card.replace("\\", "")


def test_a_run_without_a_model_has_no_card() -> None:
    assert model_card(report_of(planted_report())) == ""
    assert model_card(report_of(planted_model() | {"pretrain": None})) == ""


@pytest.mark.parametrize("text", ["<img src=x onerror=alert(1)>", "x\n---\n# head", "`` ` ``"])
def test_foreign_text_is_not_markup(text: str) -> None:
    report = planted_model() | {"name": text, "about": text}
    report["model"]["data"]["step"] = text
    card = model_card(report_of(report))
    prose = card[card.index("\n---\n", 4) :]
    assert "<img" not in prose.replace("\\<", "").replace("`" + text + "`", "")
    assert "\n# head" not in prose
    assert _head(card)["model-index"][0]["name"] == " ".join(text.split())


def test_sources_that_were_not_trained_on_are_not_listed() -> None:
    report = planted_model()
    assert "stdlib" in model_card(report_of(report))
    assert "| packages |" in model_card(report_of(report))
    # Nothing of it is left in the data set; or the training chose others.
    report["model"]["data"]["sources"] = {"stdlib": 2031, "packages": 0}
    card = model_card(report_of(report))
    assert "| stdlib |" in card
    assert "| packages |" not in card
    report["model"]["data"]["sources"] = {"stdlib": 2031, "packages": 400}
    chosen = {"sources": ["packages"], "tokenizer_sources": ["stdlib"]}
    report["model"]["settings"]["data"] = chosen
    card = model_card(report_of(report))
    assert "| stdlib |" not in card
    assert "| packages |" in card
    assert "The vocabulary was learnt from texts of stdlib." in card


def test_the_card_of_a_model_whose_run_failed_later_says_so() -> None:
    assert "not done" not in model_card(_report())
    report = planted_model() | {"status": "failed", "error": None}
    assert "**This run is not done: failed.**" in model_card(tidy(report_of(report)))
