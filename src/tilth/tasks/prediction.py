"""What a trained model makes of a new sample."""

from __future__ import annotations

from tilth.records import Json, Record


class Prediction(Record):
    """An answer; a task fills what it has.

    Attributes:
        text: What was written, translated or heard.
        stopped: Of what was written: `end` or `length`.
        label: The likeliest class.
        scores: The probability of each class.
    """

    text: str | None = None
    stopped: str | None = None
    label: str | None = None
    scores: dict[str, float] | None = None

    def as_json(self) -> Json:
        """What the task has filled."""
        return {key: value for key, value in super().as_json().items() if value is not None}
