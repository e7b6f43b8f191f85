"""The settings of each kind of model. Loads no torch: recipes are checked without it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tilth.settings import BaseSettings

Count = Annotated[int, Field(ge=1)]


class GPTSettings(BaseSettings):
    """A decoder-only Transformer over text tokens."""

    kind: Literal["gpt"] = "gpt"
    layers: int = Field(default=4, ge=1, description="Transformer blocks")
    width: int = Field(
        default=128, ge=8, description="size of a token's vector; a multiple of `heads`"
    )
    heads: int = Field(default=4, ge=1, description="attention heads a block")
    context: int = Field(default=128, ge=2, description="tokens that the model sees at once")
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


class MLPSettings(BaseSettings):
    """A multi-layer perceptron over the pixels of an image."""

    kind: Literal["mlp"] = "mlp"
    hidden: tuple[Count, ...] = Field(default=(128,), description="units of each hidden layer")
    dropout: float = Field(
        default=0.2, ge=0, lt=1, description="share of activations dropped in training"
    )


class CNNSettings(BaseSettings):
    """A convolutional network: 3x3 convolutions and 2x2 max pooling, then one hidden layer."""

    kind: Literal["cnn"] = "cnn"
    channels: tuple[Count, ...] = Field(
        default=(16, 32), min_length=1, description="channels after each convolution"
    )
    hidden: int = Field(
        default=64, ge=1, description="units of the hidden layer before the classes"
    )
    dropout: float = Field(
        default=0.0, ge=0, lt=1, description="share of activations dropped in training"
    )


class ResNetSettings(BaseSettings):
    """A residual convolutional network with batch normalization."""

    kind: Literal["resnet"] = "resnet"
    stem: Literal["small", "imagenet"] = Field(
        default="small",
        description="first layer: a 3x3 convolution; or 7x7 with stride 2 and a pooling by 2",
    )
    stem_width: int = Field(default=32, ge=1, description="channels after the first layer")
    block: Literal["pooled", "basic", "bottleneck"] = Field(
        default="pooled",
        description="pooled: a convolution and a 2x2 pooling, then one convolution with a "
        "shortcut, a stage each; basic: two 3x3 convolutions; bottleneck: 1x1, 3x3, 1x1, four "
        "times as wide at the end",
    )
    widths: tuple[Count, ...] = Field(
        default=(64, 256, 256), min_length=1, description="channels of each stage"
    )
    blocks: tuple[Count, ...] = Field(
        default=(1, 1, 1), min_length=1, description="residual blocks of each stage"
    )
    logit_scale: float = Field(
        default=1.0, gt=0, description="the outputs are multiplied by this: below 1 softens them"
    )
    norm_momentum: float = Field(
        default=0.1,
        gt=0,
        le=1,
        description="share of a batch in the running averages of batch normalization; larger for "
        "short trainings",
    )

    @model_validator(mode="after")
    def _a_width_a_stage(self) -> ResNetSettings:
        if len(self.widths) != len(self.blocks):
            raise ValueError("`widths` and `blocks` have one number a stage each")
        return self


class Seq2SeqSettings(BaseSettings):
    """An encoder-decoder Transformer: reads a text of tokens, writes another."""

    kind: Literal["seq2seq"] = "seq2seq"
    encoder_layers: int = Field(default=3, ge=1, description="Transformer blocks that read")
    decoder_layers: int = Field(default=3, ge=1, description="Transformer blocks that write")
    width: int = Field(
        default=256, ge=8, description="size of a token's vector; a multiple of twice `heads`"
    )
    heads: int = Field(default=4, ge=1, description="attention heads a block")
    hidden: int = Field(default=512, ge=1, description="units of a block's hidden layer")
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


class CTCSettings(BaseSettings):
    """A recurrent network that spells what it hears: convolution, recurrent layers, symbols."""

    kind: Literal["ctc"] = "ctc"
    cell: Literal["gru", "lstm"] = Field(
        default="gru", description="of the recurrent layers, which read in both directions"
    )
    layers: int = Field(default=2, ge=1, description="recurrent layers")
    hidden: int = Field(default=64, ge=1, description="units of a layer in each direction")
    channels: int = Field(
        default=64, ge=1, description="channels of the convolution over frames, before the layers"
    )
    dropout: float = Field(
        default=0.2, ge=0, lt=1, description="share of activations dropped in training"
    )


ModelSettings = Annotated[
    GPTSettings | MLPSettings | CNNSettings | ResNetSettings | Seq2SeqSettings | CTCSettings,
    Field(discriminator="kind"),
]
