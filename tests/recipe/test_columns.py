"""What a step reads is filled by a step before it, or the recipe is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.table.whole import problems, read, said
from tilth import schema
from tilth.clean.signals import SIGNALS
from tilth.recipe.operations import RECORD_STAGES, operations

CONFIDENT = {"rules": {"where": ["label_confidence >= 0.9"]}}
LONG = {"name": "long", "label": "l", "signal": "word_count", "at_least": 1}
ANSWERED = {"a": {"jsonl": {"path": "a.jsonl", "fields": {"annotations": "answers"}}}}


def tree(**given: Any) -> dict[str, Any]:
    return {"collect": {"a": {"jsonl": {"path": "a.jsonl"}}}, **given}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"clean": [CONFIDENT]}, "`clean.rules` reads `label_confidence`, and nothing before"),
        ({"clean": [{"rules": {"where": ["word_count > 5"]}}]}, "put the step `signals` before it"),
        ({"clean": [{"rules": {"files": ["c4"]}}]}, "reads `curly_bracket_count`"),
        (
            {"clean": [{"signals": {"names": ["word_count"]}}, {"rules": {"files": ["c4"]}}]},
            "reads `curly_bracket_count`",
        ),
        (
            {"clean": ["language", {"rules": {"where": ["languge == 'en'"]}}]},
            "did you mean `language`?",
        ),
        ({"clean": [{"rules": {"where": ["license == 'CC0'"]}}]}, "reads `license`"),
        ({"clean": ["language", {"rules": {"where": ["known(langauge)"]}}]}, "mean `language`?"),
        ({"clean": [{"rules": {"where": ["weight > 1"]}}]}, "reads `weight`"),
        ({"clean": ["extract"]}, "`clean.extract` reads `html`"),
        ({"clean": ["check_image"]}, "`clean.check_image` reads `image`"),
        ({"clean": [{"redact": {"columns": ["target"]}}]}, "`clean.redact` reads `target`"),
        ({"deduplicate": [{"hold_out": {"by": "subject"}}]}, "reads `subject`"),
        ({"deduplicate": [{"exact": {"of": "audio"}}]}, "reads `audio`"),
        ({"label": ["consensus"]}, "reads `annotations`"),
        ({"mix": [{"weights": {"labels": {"x": 2}}}]}, "reads `label`"),
        ({"label": [{"vote": {"functions": [LONG]}}]}, "reads `word_count`"),
    ],
)
def test_nothing_to_read(given: dict[str, Any], told: str) -> None:
    found = said(tree(**given))
    assert "nothing-to-read" in found
    assert told in found


@pytest.mark.parametrize(
    "given",
    [
        {"clean": ["signals", {"rules": {"where": ["word_count > 5"]}}]},
        {"clean": [{"rules": {"where": ["known(license) and license == 'CC0'"]}}]},
        {"clean": [{"rules": {"where": ["split != 'test'"]}}], "collect": {"a": {"jsonl": {
            "path": "a.jsonl", "split": "train"}}}},
        {"label": ["vote"], "mix": [{"weights": {"labels": {"prose": 2}}}]},
        {"collect": ANSWERED, "label": [{"consensus": {"method": "single"}}]},
        {"collect": {"b": {"crawl": {"start": ["http://a.org"]}}}, "clean": ["extract", "redact"]},
    ],
)  # fmt: skip
def test_something_to_read(given: dict[str, Any]) -> None:
    read(tree(**given))


def test_it_is_said_who_fills_it_later() -> None:
    found = said(tree(collect=ANSWERED, clean=[CONFIDENT], label=["consensus"]))
    assert "`label.consensus` fills it, and comes later" in found


def test_an_arm_that_takes_away_what_fills_it_is_refused() -> None:
    given = tree(
        clean=["signals", {"rules": {"where": ["word_count > 5"]}}],
        pretrain={"task": "text-generation"},
        value={"task": "text-generation", "arms": {"bare": {"without": "clean.signals"}}},
    )
    (problem,) = problems(given)
    assert problem.what.startswith("in the arm `bare`, `clean.rules` reads `word_count`")
    assert "value.arms.bare" in problem.where


@pytest.mark.parametrize("steps", [("vote", "consensus"), ("consensus", "vote"), ("vote", "vote")])
def test_what_would_label_nothing_any_more_is_refused(steps: tuple[str, str]) -> None:
    found = said(tree(collect=ANSWERED, label=list(steps)))
    assert f"after `label.{steps[0]}` no sample is without a label" in found


def test_what_is_held_out_once_is_not_held_out_again() -> None:
    two = [{"hold_out": {"sources": ["a"]}}, {"hold_out": {"test": 0.1}}]
    assert "after `deduplicate.hold_out` no sample is without a split" in said(
        tree(deduplicate=two)
    )


def test_after_an_operation_of_ones_own_all_may_be_there(tmp_path: Path) -> None:
    (tmp_path / "own" / "clean").mkdir(parents=True)
    module = tmp_path / "own" / "clean" / "marks.py"
    module.write_text(
        "from tilth.settings import BaseSettings\n\n\n"
        "class Settings(BaseSettings):\n    pass\n\n\n"
        "def apply(batch, settings):\n    return batch\n"
    )
    given = tree(clean=["marks", CONFIDENT], extensions=[str(tmp_path / "own")])
    read(given)
    module.write_text(module.read_text() + "\n\ndef fills(settings):\n    return ['license']\n")
    assert "reads `label_confidence`" in said(given)
    module.write_text(module.read_text() + "\n\ndef reads(settings):\n    return ['subject']\n")
    assert "`clean.marks` reads `subject`" in said(given)


def test_every_operation_says_what_it_reads_and_fills() -> None:
    """And the signals that it fills are those that no function of a user's may be called."""
    written: set[str] = set()
    for op in operations().values():
        if op.stage == "collect":
            assert callable(getattr(op.module, "fills", None)), op.name
        if op.stage in RECORD_STAGES:
            assert callable(getattr(op.module, "reads", None)), op.name
            given = {
                "rules": {"where": ["text != ''"]},
                "select": {"css": "p"},
                "annotations": {"ledger": "annotations/none"},
                "label_errors": {"action": "replace"},
                "preferences": {"first": "meta.a", "second": "meta.b"},
                "language_model": {
                    "url": "https://models.example.org/v1",
                    "model": "m",
                    "prompt": "{text}",
                    "allow": ["text"],
                    "labels": ["a", "b"],
                },
            }.get(op.name, {})
            names = op.module.fills(op.settings.model_validate(given))
            own = (n for n in names if n.startswith(("signal.", schema.META)))
            assert set(names) <= {*schema.SCHEMA, *own}
            written |= {n.removeprefix("signal.") for n in names if n.startswith("signal.")}
    assert written == schema.OWN_SIGNALS | set(SIGNALS)


def test_a_label_that_no_function_votes_for_is_refused() -> None:
    """Where a source gives labels, all may be there."""
    weighed = {"label": ["vote"], "mix": [{"weights": {"labels": {"prse": 2, "code": 1}}}]}
    (problem,) = problems(tree(**weighed))
    assert problem.what == "`mix.weights` names the label `prse`, which no sample can get"
    assert problem.hint == "did you mean `prose`?"
    source = {"path": "a.jsonl", "fields": {"label": "kind"}}
    read(tree(**weighed, collect={"a": {"jsonl": source}}))
