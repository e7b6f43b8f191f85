"""An answer as JSON holds what its task has filled."""

from __future__ import annotations

from tilth.tasks.prediction import Prediction


def test_json_has_what_there_is() -> None:
    assert Prediction(text="").as_json() == {"text": ""}
    told = Prediction(label="a", scores={"a": 0.75, "b": 0.25})
    assert told.as_json() == {"label": "a", "scores": {"a": 0.75, "b": 0.25}}
    assert Prediction.model_validate(told.as_json()) == told
