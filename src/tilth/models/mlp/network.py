"""A multi-layer perceptron over the pixels of an image."""

from __future__ import annotations

import math

from torch import Tensor, nn

from tilth.models.dropout import Dropout
from tilth.models.facts import Sizes
from tilth.models.mlp import MLPSettings


class MLP(nn.Module):
    """Pixels, then hidden layers of rectified units with dropout, then one output a class.

    Args:
        settings: Hidden sizes and dropout.
        image: Channels, height, width.
        classes: Number of classes.
    """

    def __init__(self, settings: MLPSettings, image: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Flatten()]
        width = math.prod(image)
        for units in settings.hidden:
            layers += [nn.Linear(width, units), nn.ReLU(), Dropout(settings.dropout)]
            width = units
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(width, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Images float [n, channels, height, width] to logits [n, classes]."""
        logits: Tensor = self.head(self.body(images))
        return logits


def make(settings: MLPSettings, sizes: Sizes) -> nn.Module:
    """The network for what the data demands."""
    return MLP(settings, sizes.image, sizes.classes)
