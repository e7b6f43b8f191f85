"""Events are what scripts read from `--json` and `events.jsonl`: their names are a promise."""

from __future__ import annotations

import dataclasses
import json
import typing

from tilth.engine import events
from tilth.engine.events import Event, StepFinished, StepProgress, as_json

# Type -> fields. Whoever renames one breaks somebody's script.
_PROMISED = {
    "RunStarted": ["run", "total", "todo", "expected_s", "outlook"],
    "TimeLeft": ["step", "left_s", "unknown"],
    "StepStarted": ["step", "why", "total", "todo"],
    "StepProgress": ["step", "done", "total", "num_in", "num_kept", "note"],
    "StepFinished": [
        "step", "cached", "seconds", "num_in", "num_kept", "num_dropped", "num_quarantined",
        "result", "num_passed_over", "num_born", "num_noted",
    ],
    "Warned": ["step", "message"],
}  # fmt: skip


def test_names_and_fields_are_those_that_are_promised() -> None:
    kinds = typing.get_args(Event)
    found = {kind.__name__: [f.name for f in dataclasses.fields(kind)] for kind in kinds}
    assert found == _PROMISED


def test_every_event_of_the_module_can_be_sent() -> None:
    declared = {
        value
        for value in vars(events).values()
        if dataclasses.is_dataclass(value) and isinstance(value, type)
    }
    assert declared == set(typing.get_args(Event))


def test_an_event_is_one_json_object_with_its_name() -> None:
    done = StepFinished("clean.rules", False, 1.5, 10, 7, 2, 1, False)
    told = json.loads(json.dumps(as_json(done)))
    assert told == {
        "event": "StepFinished",
        "step": "clean.rules",
        "cached": False,
        "seconds": 1.5,
        "num_in": 10,
        "num_kept": 7,
        "num_dropped": 2,
        "num_quarantined": 1,
        "result": False,
        "num_passed_over": 0,
        "num_born": 0,
        "num_noted": 0,
    }
    assert as_json(StepProgress("a", 1, None, 0, 0, "x"))["total"] is None
