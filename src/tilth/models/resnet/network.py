"""Residual convolutional networks (He et al. 2016), from a small one for 32x32 pixels to ResNet-50.

Batch normalization makes a step depend on how a batch is cut into micro-batches, so `accumulate`
changes what is learnt here; the other models of this library do without it for that reason.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tilth.models.facts import Sizes
from tilth.models.resnet import ResNetSettings

_LEAST_STRIDED = 8


class Convolution(nn.Module):
    """A convolution without bias, then batch normalization.

    Args:
        inputs, outputs: Channels.
        size: Side of the kernel, odd.
        stride: Pixels from one place to the next.
        momentum: Of the running averages.
    """

    def __init__(
        self, inputs: int, outputs: int, size: int, *, stride: int = 1, momentum: float = 0.1
    ) -> None:
        super().__init__()
        # The gradient of a strided 1x1 convolution with fewer than 8 inputs, channels last, writes
        # beyond its memory where a processor has AVX2 and no AVX-512 (oneDNN as of torch 2.13).
        # What it skips is taken out before: the same numbers.
        self._every = stride if size == 1 and inputs < _LEAST_STRIDED else 1
        self.convolution = nn.Conv2d(
            inputs,
            outputs,
            size,
            stride=stride // self._every,
            padding=size // 2,
            bias=False,
        )
        self.norm = nn.BatchNorm2d(outputs, momentum=momentum)
        nn.init.kaiming_normal_(self.convolution.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """x float [n, inputs, height, width] to [n, outputs, height / stride, width / stride]."""
        if self._every > 1:
            x = x[:, :, :: self._every, :: self._every]
        normed: Tensor = self.norm(self.convolution(x))
        return normed


class Pooled(nn.Module):
    """A convolution and a 2x2 pooling, then one convolution with a shortcut around it.

    Half the work of a basic block at twice the width, as all pooling comes first; the form that
    fast CIFAR-10 trainings settled on (Page 2018; Jordan 2024, arXiv:2404.00498).
    """

    def __init__(self, inputs: int, outputs: int, pool: bool, momentum: float) -> None:
        super().__init__()
        self.pool = pool
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(outputs, momentum=momentum)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(outputs, momentum=momentum)
        for convolution in (self.first, self.second):
            # The first channels pass through unchanged at the start.
            nn.init.dirac_(convolution.weight.detach()[: convolution.in_channels])

    def forward(self, x: Tensor) -> Tensor:
        """x float [n, inputs, height, width] to [n, outputs, height / 2, width / 2]."""
        x = self.first(x)
        if self.pool:
            x = F.max_pool2d(x, 2)
        x = F.gelu(self.first_norm(x))
        return x + F.gelu(self.second_norm(self.second(x)))


class Residual(nn.Module):
    """A basic or bottleneck block: the input is added to what two or three convolutions make of it.

    The stride of a bottleneck is in its 3x3 convolution ("ResNet v1.5").
    """

    def __init__(
        self, inputs: int, width: int, *, stride: int, bottleneck: bool, momentum: float
    ) -> None:
        super().__init__()
        outputs = 4 * width if bottleneck else width
        kernels = [(1, 1), (3, stride), (1, 1)] if bottleneck else [(3, stride), (3, 1)]
        channels = [inputs, *([width] * (len(kernels) - 1)), outputs]
        self.layers = nn.ModuleList(
            Convolution(before, after, size, stride=step, momentum=momentum)
            for (before, after), (size, step) in zip(pairwise(channels), kernels, strict=True)
        )
        # Every block starts as the identity (Goyal et al. 2017, section 5.1).
        nn.init.zeros_(self.layers[-1].norm.weight)  # type: ignore[union-attr, arg-type]
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = Convolution(inputs, outputs, 1, stride=stride, momentum=momentum)

    def forward(self, x: Tensor) -> Tensor:
        """x float [n, inputs, height, width] to [n, outputs, height / stride, width / stride]."""
        y = x
        for layer in self.layers[:-1]:
            y = F.relu(layer(y))
        added: Tensor = self.layers[-1](y) + self.shortcut(x)
        return F.relu(added)


class ResNet(nn.Module):
    """Stem, stages of residual blocks, the largest or mean value of each channel, the classes.

    Args:
        settings: Stem, blocks, widths.
        image: Channels, height, width.
        classes: Number of classes.
    """

    def __init__(self, settings: ResNetSettings, image: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        channels, side = image[0], min(image[1:])
        momentum = settings.norm_momentum
        self.scale = settings.logit_scale
        self.pooled = settings.block == "pooled"
        width = settings.stem_width
        large = settings.stem == "imagenet"
        stem: list[nn.Module] = [
            Convolution(
                channels, width, 7 if large else 3, stride=2 if large else 1, momentum=momentum
            ),
            nn.GELU() if self.pooled else nn.ReLU(),
        ]
        if large:
            stem.append(nn.MaxPool2d(3, 2, padding=1))
        self.stem = nn.Sequential(*stem)
        stages: list[nn.Module] = []
        side //= 4 if large else 1
        for number, (wide, blocks) in enumerate(zip(settings.widths, settings.blocks, strict=True)):
            for place in range(blocks):
                if self.pooled:
                    stages.append(Pooled(width, wide, place == 0 and side > 1, momentum))
                    side = max(side // 2, 1) if place == 0 else side
                    width = wide
                    continue
                bottleneck = settings.block == "bottleneck"
                stride = 2 if number and not place else 1
                stages.append(
                    Residual(width, wide, stride=stride, bottleneck=bottleneck, momentum=momentum)
                )
                width = 4 * wide if bottleneck else wide
        self.stages = nn.Sequential(*stages)
        self.head = nn.Linear(width, classes)
        nn.init.zeros_(self.head.bias)

    def features(self, images: Tensor) -> Tensor:
        """Images float [n, channels, height, width] to float [n, width of the last stage]."""
        x = self.stages(self.stem(images.contiguous(memory_format=torch.channels_last)))
        pooled: Tensor = x.amax((2, 3)) if self.pooled else x.mean((2, 3))
        return pooled

    def forward(self, images: Tensor) -> Tensor:
        """Images float [n, channels, height, width] to logits [n, classes]."""
        logits: Tensor = self.head(self.features(images)) * self.scale
        return logits


def make(settings: ResNetSettings, sizes: Sizes) -> nn.Module:
    """The network for what the data demands, in the layout in which convolutions are fast."""
    network = ResNet(settings, sizes.image, sizes.classes)
    # 1.5 to 1.7 times as fast as the usual one (measured).
    return network.to(memory_format=torch.channels_last)  # type: ignore[no-any-return, call-overload]
