from __future__ import annotations

import json

import pytest

from tests.query.trained import trained_run
from tilth.query.document import report_document
from tilth.query.report import RuleCount
from tilth.query.runs import RunView
from tilth.records import sealed
from tilth.store import Dataset


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> RunView:
    return trained_run(tmp_path_factory.mktemp("trained"))


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


def test_a_step_says_when_it_was_made_though_it_was_cached_since(small: RunView) -> None:
    log = small.folder / "events.jsonl"
    before = log.read_bytes()
    # Each event gets a minute of its own: the run may be over within one second.
    events = [
        sealed(json.loads(line) | {"at": f"2026-01-01T{at // 60:02}:{at % 60:02}:00+00:00"})
        for at, line in enumerate(before.splitlines())
    ]
    made: dict[str, list[str]] = {}
    for event in events:
        if event["event"] == "StepFinished" and not event["cached"]:
            made.setdefault(str(event["step"]), []).append(str(event["at"]))
    try:
        log.write_text("".join(json.dumps(event) + "\n" for event in events), "utf-8")
        steps = {step.name: step for step in report_document(small).steps}
    finally:
        log.write_bytes(before)
    assert steps["collect.docs"].cached
    assert steps["collect.docs"].made == made["collect.docs"][0]
    assert not steps["clean.rules"].cached
    # It was made with two settings.
    assert steps["clean.rules"].made == made["clean.rules"][1] != made["clean.rules"][0]


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
            file.write("".join(json.dumps(event) + "\n" for event in events))
            # Damaged lines: of a flipped bit, of another kind, and one that was cut.
            flipped = json.dumps(sealed(events[-1])).replace("new", "nev")
            file.write(f'{flipped}\n3\n[]\n{{"event": "cut')
        steps = {step.name: step for step in report_document(small).steps}
        assert steps["clean.rules"].warnings == ("new",)
    finally:
        log.write_bytes(before)


def test_the_document_says_what_the_model_was_made_of(trained: RunView) -> None:
    model = report_document(trained).model
    assert model is not None
    assert len(model.weights_sha256) == 64
    assert isinstance(loop := model.settings["loop"], dict)
    assert loop["max_steps"] == 20
    assert model.data.digest == Dataset(trained.end_of_line().folder).digest
    assert model.data.samples == 120


def test_the_document_says_what_the_model_makes_of_held_out_samples(trained: RunView) -> None:
    generated = report_document(trained).generated
    assert generated is not None
    assert generated.split == "test"
    assert len(generated.samples) == 8
    first = generated.samples[0]
    assert first.expected in ("dark", "light")
    assert first.answer.split()[0] in ("dark", "light")
    assert first.image is not None
    assert first.image.startswith("data:image/png;base64,")


def test_a_run_without_a_model_has_none(small: RunView) -> None:
    document = report_document(small)
    assert document.model is None
    assert document.generated is None
