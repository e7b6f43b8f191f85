from __future__ import annotations

import json

from tilth.query.document import report_document
from tilth.query.report import RuleCount
from tilth.query.runs import RunView


def test_the_document_holds_the_books_and_examples(small: RunView) -> None:
    document = report_document(small)
    json.dumps(document.as_json(), allow_nan=False)
    assert document.status == "done"
    totals = document.totals
    assert totals.num_in == 401
    assert totals.num_in == totals.kept + totals.dropped + totals.quarantined
    steps = {step.name: step for step in document.steps}
    rules = steps["clean.rules"]
    assert rules.dropped
    assert rules.by_rule == (RuleCount(rule="word_count >= 12", count=rules.dropped),)
    assert len(rules.examples) == min(5, rules.dropped)
    assert all(e.value and e.text and len(e.text) <= 600 for e in rules.examples)
    assert all(e.of for e in steps["deduplicate.exact"].examples)
    (error,) = steps["collect.docs"].errors
    assert error.uri
    assert error.uri.endswith("docs.jsonl:401")
    assert steps["collect.docs"].license == {"not stated": 400}


def test_steps_of_arms_stand_apart(small: RunView) -> None:
    steps = small.record.steps
    arm = steps[-1].model_copy(update={"name": "value.no-dedup/mix.weights"})
    record = small.record.model_copy(update={"steps": (*steps, arm)})
    document = report_document(RunView(small.folder, record))
    assert [step.name for step in document.arm_steps] == ["value.no-dedup/mix.weights"]
    assert "value.no-dedup/mix.weights" not in [step.name for step in document.steps]


def test_warnings_are_those_of_the_last_time(small: RunView) -> None:
    log = small.folder / "events.jsonl"
    before = log.read_bytes()
    events = [
        {"event": "Warned", "step": "clean.rules", "message": "old"},
        {"event": "StepStarted", "step": "clean.rules"},
        {"event": "Warned", "step": "clean.rules", "message": "new"},
        {"event": "Warned", "step": "clean.rules", "message": "new"},
    ]
    try:
        with open(log, "a", encoding="utf-8") as file:
            file.write("".join(json.dumps(event) + "\n" for event in events) + '{"event": "cut')
        steps = {step.name: step for step in report_document(small).steps}
        assert steps["clean.rules"].warnings == ("new",)
    finally:
        log.write_bytes(before)
