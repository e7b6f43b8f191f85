"""A running average of the weights, which is measured and kept in the place of the last weights.

An average over the last steps takes the noise out of the last step, much as a cooldown of the rate
does (Polyak and Juditsky 1992; Izmailov et al. 2018).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from tilth.training.optimizer import UpdateRule


class Averaged:
    """An update rule that also keeps the exponential moving average of the model.

    Args:
        rule: Updates the weights.
        model: Is averaged, parameters and buffers.
        decay: Of the average a step, below 1. In the first steps it is lower, (1 + n) / (10 + n),
            so that the first weights are forgotten.
    """

    def __init__(self, rule: UpdateRule, model: nn.Module, decay: float) -> None:
        self._rule = rule
        self._model = model
        self._decay = decay
        self._steps = torch.zeros((), dtype=torch.int64)
        self._kept = {name: tensor.clone() for name, tensor in model.state_dict().items()}

    def step(self, rate: float) -> None:
        """Update the weights, and take them into the average."""
        self._rule.step(rate)
        done = int(self._steps)
        decay = min(self._decay, (1 + done) / (10 + done))
        self._steps += 1
        with torch.no_grad():
            for name, tensor in self._model.state_dict().items():
                if tensor.is_floating_point():
                    self._kept[name].lerp_(tensor, 1 - decay)
                else:
                    self._kept[name].copy_(tensor)

    def tensors(self) -> dict[str, Tensor]:
        """What the rule remembers, and the average."""
        kept = {f"average.{name}": tensor for name, tensor in self._kept.items()}
        return self._rule.tensors() | kept | {"average_steps": self._steps}

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """The model holds the average; then its own weights again."""
        own = {name: tensor.clone() for name, tensor in self._model.state_dict().items()}
        self.keep()
        try:
            yield
        finally:
            self._model.load_state_dict(own)

    def keep(self) -> None:
        """The model takes the average for good."""
        self._model.load_state_dict(self._kept)
