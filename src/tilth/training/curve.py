"""The curve of a training: a point a validation."""

from __future__ import annotations

import json

from tilth.records import Figured, Json


class CurvePoint(Figured):
    """How the training stood; the primary metric stands under its own name.

    Attributes:
        step, examples: Taken so far.
        loss: Nats a target, mean since the last point.
        learning_rate: Of the last step.
        validation_loss: Nats a target; None without validation data.
        seconds: Of the run so far.
    """

    step: int
    examples: int
    loss: float | None
    learning_rate: float | None = None
    validation_loss: float | None = None
    seconds: float | None = None

    def as_json(self) -> Json:
        """The numbers that there are."""
        return {key: value for key, value in super().as_json().items() if value is not None}

    def as_line(self) -> str:
        """A line of `metrics.jsonl`."""
        return json.dumps(self.as_json()) + "\n"
