"""`build_model` makes a network from its settings."""

from __future__ import annotations

from tilth.errors import missing_extra
from tilth.models.facts import Sizes
from tilth.models.registry import load_network
from tilth.models.settings import ModelSettings

try:
    import torch
    from torch import nn
except ImportError:
    raise missing_extra("torch", "train") from None


def build_model(settings: ModelSettings, sizes: Sizes, *, seed: int) -> nn.Module:
    """A freshly initialised model; the same seed gives the same weights.

    Torch's global generator is left as it was.

    Raises:
        UsageError: There is no model of this kind.
    """
    network = load_network(settings.kind)
    state = torch.random.get_rng_state()
    torch.default_generator.manual_seed(seed)
    try:
        model: nn.Module = network.make(settings, sizes)
    finally:
        torch.random.set_rng_state(state)
    return model


def count_parameters(model: nn.Module) -> int:
    """Numbers that training can change."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
