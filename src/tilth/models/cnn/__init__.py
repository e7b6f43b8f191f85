"""A small convolutional network over the pixels of an image."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tilth.models.declare import MAX_STAGES, Count, Declaration, NetworkSettings


class CNNSettings(NetworkSettings):
    """A convolutional network: 3x3 convolutions and 2x2 max pooling, then one hidden layer."""

    kind: Literal["cnn"] = "cnn"
    channels: tuple[Count, ...] = Field(
        default=(16, 32),
        min_length=1,
        max_length=MAX_STAGES,
        description="channels after each convolution",
    )
    hidden: Count = Field(default=64, description="units of the hidden layer before the classes")
    dropout: float = Field(
        default=0.0, ge=0, lt=1, description="share of activations dropped in training"
    )


MODEL = Declaration(CNNSettings, interface="images")
