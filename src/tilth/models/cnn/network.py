"""A small convolutional network over the pixels of an image."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tilth.models.cnn import CNNSettings
from tilth.models.dropout import Dropout
from tilth.models.facts import Sizes


class CNN(nn.Module):
    """3x3 convolutions with rectified units and 2x2 max pooling, a hidden layer, the classes.

    Pooling stops when a side has become 1. There is no batch normalization: its running averages
    would make a step depend on how a batch is cut into micro-batches.

    Args:
        settings: Channels, hidden size and dropout.
        image: Channels, height, width.
        classes: Number of classes.
    """

    def __init__(self, settings: CNNSettings, image: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        channels, height, width = image
        layers: list[nn.Module] = []
        for features in settings.channels:
            layers += [nn.Conv2d(channels, features, 3, padding=1), nn.ReLU()]
            if min(height, width) > 1:
                layers.append(nn.MaxPool2d(2))
                height, width = height // 2, width // 2
            channels = features
        layers += [
            nn.Flatten(),
            nn.Linear(channels * height * width, settings.hidden),
            nn.ReLU(),
            Dropout(settings.dropout),
        ]
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(settings.hidden, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear) and module is not self.head:
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")  # He et al. 2015
                torch.nn.init.zeros_(module.bias)  # type: ignore[arg-type]

    def forward(self, images: Tensor) -> Tensor:
        """Images float [n, channels, height, width] to logits [n, classes]."""
        logits: Tensor = self.head(self.body(images))
        return logits


def make(settings: CNNSettings, sizes: Sizes) -> nn.Module:
    """The network for what the data demands."""
    return CNN(settings, sizes.image, sizes.classes)
