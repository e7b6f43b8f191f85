"""A recurrent network that spells what it hears."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tilth.models.declare import MAX_LAYERS, Count, Declaration, NetworkSettings


class CTCSettings(NetworkSettings):
    """A recurrent network that spells what it hears: convolution, recurrent layers, symbols."""

    kind: Literal["ctc"] = "ctc"
    cell: Literal["gru", "lstm"] = Field(
        default="gru", description="of the recurrent layers, which read in both directions"
    )
    layers: int = Field(default=2, ge=1, le=MAX_LAYERS, description="recurrent layers")
    hidden: Count = Field(default=64, description="units of a layer in each direction")
    channels: Count = Field(
        default=64, description="channels of the convolution over frames, before the layers"
    )
    dropout: float = Field(
        default=0.2, ge=0, lt=1, description="share of activations dropped in training"
    )


MODEL = Declaration(CTCSettings, interface="frames")
