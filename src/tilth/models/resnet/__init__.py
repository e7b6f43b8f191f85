"""Residual convolutional networks, from a small one to ResNet-50."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tilth.models.declare import MAX_LAYERS, MAX_STAGES, Count, Declaration, NetworkSettings


class ResNetSettings(NetworkSettings):
    """A residual convolutional network with batch normalization."""

    kind: Literal["resnet"] = "resnet"
    stem: Literal["small", "imagenet"] = Field(
        default="small",
        description="first layer: a 3x3 convolution; or 7x7 with stride 2 and a pooling by 2",
    )
    stem_width: Count = Field(default=32, description="channels after the first layer")
    block: Literal["pooled", "basic", "bottleneck"] = Field(
        default="pooled",
        description="pooled: a convolution and a 2x2 pooling, then one convolution with a "
        "shortcut, a stage each; basic: two 3x3 convolutions; bottleneck: 1x1, 3x3, 1x1, four "
        "times as wide at the end",
    )
    widths: tuple[Count, ...] = Field(
        default=(64, 256, 256),
        min_length=1,
        max_length=MAX_STAGES,
        description="channels of each stage; of bottlenecks a quarter of what comes out",
    )
    blocks: tuple[Annotated[int, Field(ge=1, le=MAX_LAYERS)], ...] = Field(
        default=(1, 1, 1), min_length=1, description="residual blocks of each stage"
    )
    logit_scale: float = Field(
        default=1.0,
        ge=0.001,
        le=1000,
        description="the outputs are multiplied by this: below 1 softens them",
    )
    norm_momentum: float = Field(
        default=0.1,
        ge=0.0001,
        le=1,
        description="share of a batch in the running averages of batch normalization; larger for "
        "short trainings",
    )

    @model_validator(mode="after")
    def _a_width_a_stage(self) -> ResNetSettings:
        if len(self.widths) != len(self.blocks):
            raise ValueError("`widths` and `blocks` have one number a stage each")
        return self


MODEL = Declaration(ResNetSettings, interface="images")
