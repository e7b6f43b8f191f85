"""Residual networks: shapes, ResNet-50's size, blocks that begin as the identity, gradients."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, Literal

import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional

from tests.training.samples import same_bits, weights_of
from tilth.models.build import build_model, count_parameters
from tilth.models.facts import Sizes
from tilth.models.resnet import ResNetSettings
from tilth.models.resnet.network import Convolution, Pooled, Residual, ResNet

Block = Literal["pooled", "basic", "bottleneck"]
SMALL: dict[str, Any] = {"stem_width": 6, "widths": (4, 8, 8), "blocks": (2, 1, 1)}


def small(block: Block, image: tuple[int, int, int] = (3, 8, 8), **given: Any) -> ResNet:
    settings = ResNetSettings(**{**SMALL, "block": block, **given})
    model = build_model(settings, Sizes(image=image, classes=5), seed=0)
    assert isinstance(model, ResNet)
    return model


def pictures(count: int, image: tuple[int, int, int] = (3, 8, 8)) -> torch.Tensor:
    return torch.rand(count, *image, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("block", ["pooled", "basic", "bottleneck"])
@pytest.mark.parametrize("image", [(3, 32, 32), (1, 28, 28), (3, 5, 9), (3, 32, 3), (1, 1, 1)])
@pytest.mark.parametrize("stem", ["small", "imagenet"])
def test_images_to_one_logit_a_class(block: Block, image: tuple[int, int, int], stem: str) -> None:
    model = small(block, image, stem=stem).eval()
    assert model.features(pictures(2, image)).shape == (2, model.head.in_features)
    assert model(pictures(2, image)).shape == (2, 5)
    assert model.head.in_features == (32 if block == "bottleneck" else 8)


def test_the_sizes_of_the_published_networks() -> None:
    """He et al. 2016; the counts are those that torchvision and timm print."""
    published = {
        ("basic", (2, 2, 2, 2)): 11_689_512,
        ("basic", (3, 4, 6, 3)): 21_797_672,
        ("bottleneck", (3, 4, 6, 3)): 25_557_032,
    }
    for (block, blocks), expected in published.items():
        settings = ResNetSettings.model_validate(
            {
                "stem": "imagenet",
                "stem_width": 64,
                "block": block,
                "widths": (64, 128, 256, 512),
                "blocks": blocks,
            }
        )
        assert count_parameters(ResNet(settings, (3, 224, 224), 1000)) == expected


@pytest.mark.parametrize("block", ["pooled", "basic", "bottleneck"])
def test_the_gradient_reaches_every_parameter(block: Block) -> None:
    """After one step: the last gain of a residual block is 0 at first and stops what is before."""
    model = small(block)
    for _ in range(2):
        model.zero_grad()
        torch.autograd.backward(model(pictures(8)).logsumexp(1).sum())
        with torch.no_grad():
            for parameter in model.parameters():
                assert parameter.grad is not None
                parameter.sub_(0.1 * parameter.grad)
    # What a batch normalization takes the mean of has no gradient but rounding: none is asked for.
    still = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert not still


@pytest.mark.parametrize("block", ["pooled", "basic", "bottleneck"])
def test_answers_depend_on_the_image_alone(block: Block) -> None:
    """In evaluation: not on the batch, not on how often it was asked."""
    model, images = small(block), pictures(6)
    model.train()
    model(images)
    model.eval()
    before = weights_of(model)
    with torch.inference_mode():
        whole = model(images)
        assert torch.equal(model(images), whole)
        alone = torch.cat([model(images[row : row + 1]) for row in range(6)])
    torch.testing.assert_close(alone, whole, atol=1e-5, rtol=1e-5)
    assert same_bits(weights_of(model), before)


@pytest.mark.parametrize("inputs", [3, 7, 8])
@pytest.mark.parametrize("side", [7, 8])
def test_a_shortcut_is_a_strided_convolution(inputs: int, side: int) -> None:
    shortcut = Convolution(inputs, 5, 1, stride=2)
    images = pictures(4, (inputs, side, side)).contiguous(memory_format=torch.channels_last)
    plain = functional.conv2d(images, shortcut.convolution.weight, stride=2)
    assert torch.allclose(shortcut(images), shortcut.norm(plain), atol=1e-5)


def test_narrow_networks_break_no_memory() -> None:
    """In a process of its own: what is broken may be found much later."""
    script = (
        "import gc, torch\nfrom tilth.models.resnet.network import Convolution\n"
        "torch.set_num_threads(1)\n"
        "for inputs in range(1, 9):\n"
        "    layer = Convolution(inputs, 8, 1, stride=2).to(memory_format=torch.channels_last)\n"
        "    for _ in range(20):\n"
        "        images = torch.rand(8, inputs, 8, 8).to(memory_format=torch.channels_last)\n"
        "        layer(images.requires_grad_()).sum().backward()\n"
        "gc.collect()\nkept = [torch.rand(size) for size in range(1, 4000)]\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_a_residual_block_begins_as_the_identity() -> None:
    """Goyal et al. 2017, section 5.1."""
    x = torch.rand(2, 8, 4, 4)
    for bottleneck, width in ((False, 8), (True, 2)):
        block = Residual(8, width, stride=1, bottleneck=bottleneck, momentum=0.1)
        assert torch.equal(block(x), x)
        turned = Residual(8, 2 * width, stride=2, bottleneck=bottleneck, momentum=0.1)
        assert turned(x).shape == (2, 16, 2, 2)


def test_a_pooled_block_passes_its_channels_on_at_first() -> None:
    block = Pooled(3, 5, True, 0.1)
    x = torch.rand(2, 3, 6, 6)
    assert torch.equal(block.first(x)[:, :3], x)
    assert block(x).shape == (2, 5, 3, 3)


def test_a_seed_fixes_the_weights() -> None:
    assert same_bits(weights_of(small("basic")), weights_of(small("basic")))


def test_stages_need_a_width_and_a_number_of_blocks_each() -> None:
    with pytest.raises(ValidationError):
        ResNetSettings(widths=(8, 16), blocks=(1, 1, 1))
    with pytest.raises(ValidationError):
        ResNetSettings(widths=(), blocks=())
    with pytest.raises(ValidationError):
        ResNetSettings(widths=(8,), blocks=(0,))
