"""The perceptron, with hidden layers and without."""

from __future__ import annotations

import pytest
import torch

from tilth.models.build import build_model, count_parameters
from tilth.models.facts import Sizes
from tilth.models.mlp import MLPSettings


@pytest.mark.parametrize("image", [(1, 28, 28), (3, 5, 7)])
@pytest.mark.parametrize("hidden", [(16, 8), ()])
def test_images_to_one_logit_a_class(hidden: tuple[int, ...], image: tuple[int, int, int]) -> None:
    model = build_model(MLPSettings(hidden=hidden), Sizes(image=image, classes=5), seed=0)
    assert model(torch.rand(2, *image)).shape == (2, 5)


def test_a_784_128_10_network_has_its_101770_parameters() -> None:
    model = build_model(MLPSettings(), Sizes(image=(1, 28, 28), classes=10), seed=0)
    assert count_parameters(model) == 784 * 128 + 128 + 128 * 10 + 10
