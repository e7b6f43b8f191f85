"""`build_model` makes a network from its settings."""

from __future__ import annotations

from tilth.errors import ExtensionError, missing_extra
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
        ExtensionError: It is a user's own, and gives no network.
    """
    network = load_network(settings.kind)
    state = torch.random.get_rng_state()
    torch.default_generator.manual_seed(seed)
    try:
        model: nn.Module = network.make(settings, sizes)
    finally:
        torch.random.set_rng_state(state)
    if not isinstance(model, nn.Module):
        raise ExtensionError(
            f"`make` of model {settings.kind} gives a {type(model).__name__}, no torch.nn.Module",
            where=network.__name__.partition(".")[2],
        )
    return model


def parameter_names(settings: ModelSettings, sizes: Sizes) -> list[str]:
    """The names of a model's parameters, without the memory that they take.

    Raises:
        As `build_model`.
    """
    with torch.device("meta"):
        return [name for name, _ in build_model(settings, sizes, seed=0).named_parameters()]


def count_parameters(model: nn.Module) -> int:
    """Numbers that training can change."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
