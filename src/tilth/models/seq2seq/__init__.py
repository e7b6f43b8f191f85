"""An encoder-decoder Transformer: reads a text of tokens, writes another."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from tilth.models.declare import MAX_LAYERS, MAX_WIDTH, Count, Declaration, NetworkSettings


class Seq2SeqSettings(NetworkSettings):
    """An encoder-decoder Transformer: reads a text of tokens, writes another."""

    kind: Literal["seq2seq"] = "seq2seq"
    encoder_layers: int = Field(
        default=3, ge=1, le=MAX_LAYERS, description="Transformer blocks that read"
    )
    decoder_layers: int = Field(
        default=3, ge=1, le=MAX_LAYERS, description="Transformer blocks that write"
    )
    width: int = Field(
        default=256,
        ge=8,
        le=MAX_WIDTH,
        description="size of a token's vector; a multiple of twice `heads`",
    )
    heads: Count = Field(default=4, description="attention heads a block")
    hidden: Count = Field(default=512, description="units of a block's hidden layer")
    dropout: float = Field(
        default=0.3, ge=0, lt=1, description="share of activations dropped in training"
    )
    attention_dropout: float = Field(
        default=0.1, ge=0, lt=1, description="share of attention dropped in training"
    )

    @model_validator(mode="after")
    def _heads_divide_width(self) -> Seq2SeqSettings:
        if self.width % (2 * self.heads):
            raise ValueError(
                f"width {self.width} must be a multiple of twice heads ({self.heads}): "
                "rotary positions turn pairs of numbers within a head"
            )
        return self


MODEL = Declaration(Seq2SeqSettings, interface="pairs", probe=False)
