"""`build_model` makes a network from its settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from tilth.errors import ExtensionError, UsageError, missing_extra
from tilth.machine import memory_limit
from tilth.models.facts import Sizes
from tilth.models.registry import load_network
from tilth.models.settings import ModelSettings

try:
    import torch
    from torch import nn
    from torch.overrides import TorchFunctionMode
except ImportError:
    raise missing_extra("torch", "train") from None

_BYTES = 8  # a number and its gradient, float32


def build_model(settings: ModelSettings, sizes: Sizes, *, seed: int) -> nn.Module:
    """A freshly initialised model; the same seed gives the same weights.

    Torch's global generator is left as it was.

    Raises:
        UsageError: There is no model of this kind, or it does not fit into this machine's memory.
        ExtensionError: It is a user's own, and gives no network.
    """
    network = load_network(settings.kind)
    _require_memory(network, settings, sizes)
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
    with unfilled():
        return [name for name, _ in build_model(settings, sizes, seed=0).named_parameters()]


@contextmanager
def unfilled() -> Iterator[None]:
    """What is built inside has names and shapes, and no memory."""
    with torch.device("meta"), _Unfilled():
        yield


class _Unfilled(TorchFunctionMode):
    """What fills weights with first values leaves them: without memory there is nothing to fill,
    and on the device `meta` it would load torch's compiler, which takes a second."""

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        named: Mapping[str, Any] = kwargs or {}
        if getattr(func, "__module__", "") == "torch.nn.init":
            return args[0] if args else named["tensor"]
        return func(*args, **named)


def _require_memory(network: ModuleType, settings: ModelSettings, sizes: Sizes) -> None:
    """Refuse a network before its numbers fill all memory and the system ends the process.

    Raises:
        UsageError: Its weights and their gradients alone are more than there is.
    """
    if not network.__name__.startswith("tilth.models."):
        return  # of an extension: what else making it does is not known
    with torch.device("meta"), _Unfilled():  # shapes without numbers
        shapes = network.make(settings, sizes)
    if not isinstance(shapes, nn.Module):
        return
    count = sum(part.numel() for part in (*shapes.parameters(), *shapes.buffers()))
    there = memory_limit()
    if there and _BYTES * count > there:
        raise UsageError(
            f"a {settings.kind} of {count:,} numbers needs {_BYTES * count / 2**30:,.1f} GiB for "
            f"its weights and their gradients, and this machine has {there / 2**30:,.1f} GiB",
            where="model",
            hint="make it narrower or give it fewer layers",
            code="too-large",
        )


def count_parameters(model: nn.Module) -> int:
    """Numbers that training can change, those that a training froze too."""
    return sum(parameter.numel() for parameter in model.parameters())
