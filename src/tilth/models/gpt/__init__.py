"""A decoder-only Transformer over text tokens."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from tilth.models.declare import MAX_LAYERS, MAX_WIDTH, Count, Declaration, NetworkSettings


class GPTSettings(NetworkSettings):
    """A decoder-only Transformer over text tokens."""

    kind: Literal["gpt"] = "gpt"
    layers: int = Field(default=4, ge=1, le=MAX_LAYERS, description="Transformer blocks")
    width: int = Field(
        default=128,
        ge=8,
        le=MAX_WIDTH,
        description="size of a token's vector; a multiple of `heads`, with rotary positions of "
        "twice `heads`",
    )
    heads: Count = Field(default=4, description="attention heads a block")
    context: int = Field(
        default=128, ge=2, le=131_072, description="tokens that the model sees at once"
    )
    dropout: float = Field(
        default=0.0, ge=0, lt=1, description="share of activations dropped in training"
    )
    positions: Literal["rotary", "learned"] = Field(
        default="rotary",
        description="how a token's place is told: rotary turns queries and keys by it; learned "
        "adds a vector of its own, as GPT-2 does",
    )
    bias: bool = Field(
        default=False, description="whether linear layers and norms have biases, as GPT-2's do"
    )

    @model_validator(mode="after")
    def _heads_divide_width(self) -> GPTSettings:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} must be a multiple of heads ({self.heads})")
        if self.positions == "rotary" and self.width % (2 * self.heads):
            raise ValueError(
                f"width {self.width} must be a multiple of twice heads ({self.heads}): "
                "rotary positions turn pairs of numbers within a head"
            )
        return self

    @property
    def window(self) -> int:
        """`context`: documents are packed to it."""
        return self.context


MODEL = Declaration(GPTSettings, interface="tokens", hub_type="gpt2")
