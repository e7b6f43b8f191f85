"""The convolutional network, whatever the side of an image."""

from __future__ import annotations

import pytest
import torch

from tilth.models.build import build_model
from tilth.models.cnn import CNNSettings
from tilth.models.facts import Sizes


@pytest.mark.parametrize("image", [(1, 28, 28), (3, 5, 7)])
def test_images_to_one_logit_a_class(image: tuple[int, int, int]) -> None:
    settings = CNNSettings(channels=(4, 8, 8, 8))
    model = build_model(settings, Sizes(image=image, classes=5), seed=0)
    assert model(torch.rand(2, *image)).shape == (2, 5)
