"""A multi-layer perceptron over the pixels of an image."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from tilth.models.declare import MAX_STAGES, Count, Declaration, NetworkSettings


class MLPSettings(NetworkSettings):
    """A multi-layer perceptron over the pixels of an image."""

    kind: Literal["mlp"] = "mlp"
    hidden: tuple[Count, ...] = Field(
        default=(128,), max_length=MAX_STAGES, description="units of each hidden layer"
    )
    dropout: float = Field(
        default=0.2,
        ge=0,
        lt=1,
        description="share of the hidden layers' activations dropped in training",
    )

    @model_validator(mode="after")
    def _drops_something(self) -> MLPSettings:
        if not self.hidden and self.dropout not in (0, type(self).model_fields["dropout"].default):
            raise ValueError("`dropout` acts on hidden layers, and `hidden` names none")
        return self


MODEL = Declaration(MLPSettings, interface="images")
