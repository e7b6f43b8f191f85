"""A multi-layer perceptron over the pixels of an image."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tilth.models.declare import Count, Declaration, NetworkSettings


class MLPSettings(NetworkSettings):
    """A multi-layer perceptron over the pixels of an image."""

    kind: Literal["mlp"] = "mlp"
    hidden: tuple[Count, ...] = Field(default=(128,), description="units of each hidden layer")
    dropout: float = Field(
        default=0.2, ge=0, lt=1, description="share of activations dropped in training"
    )


MODEL = Declaration(MLPSettings, interface="images")
