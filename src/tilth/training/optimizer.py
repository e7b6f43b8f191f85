"""Update rules and learning-rate schedules.

The arithmetic is torch's own functional `adam`, `adamw` and `sgd`, fused. Its `Optimizer` classes
are not used: making one imports the compiler (0.8 s), and their bookkeeping is a tenth of a step of
a small model. Experiments are made of hundreds of short trainings.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, assert_never

import torch
from torch import Tensor, nn
from torch.optim.adam import adam
from torch.optim.adamw import adamw
from torch.optim.sgd import sgd

from tilth.training.freezing import require_prefix
from tilth.training.muon import Muon
from tilth.training.settings import OptimizerSettings


class UpdateRule(Protocol):
    """Turns the gradients that lie in the parameters into a change of the parameters."""

    def step(self, rate: float) -> None:
        """Update every parameter in place."""

    def tensors(self) -> dict[str, Tensor]:
        """All that the rule remembers, by name; copying into them restores it."""


@dataclass(frozen=True)
class _Group:
    """Parameters of one weight decay and rate, and the tensors that the rule keeps for each."""

    parameters: list[Tensor]
    decay: float
    factor: float
    slots: Mapping[str, list[Tensor]]

    def trained(self) -> _Group:
        """Without what is still frozen: neither decay nor the count of steps touches that."""
        chosen = [place for place, p in enumerate(self.parameters) if p.requires_grad]
        if len(chosen) == len(self.parameters):
            return self
        slots = {slot: [tensors[i] for i in chosen] for slot, tensors in self.slots.items()}
        return replace(self, parameters=[self.parameters[i] for i in chosen], slots=slots)

    def gradients(self) -> list[Tensor]:
        return [torch.zeros_like(p) if p.grad is None else p.grad for p in self.parameters]


class Adam:
    """Adam (Kingma and Ba 2015), or with `decoupled` decay AdamW (Loshchilov and Hutter 2019)."""

    def __init__(
        self,
        parameters: Mapping[float, Sequence[nn.Parameter]],
        betas: tuple[float, float],
        decay: float,
        *,
        decoupled: bool,
    ) -> None:
        self._betas = betas
        self._function = adamw if decoupled else adam
        self._groups = _groups(parameters, decay, ("first", "second", "step"))

    def step(self, rate: float) -> None:
        with torch.no_grad():
            for group in _trained(self._groups):
                self._function(
                    group.parameters,
                    group.gradients(),
                    group.slots["first"],
                    group.slots["second"],
                    [],
                    group.slots["step"],
                    fused=True,
                    amsgrad=False,
                    beta1=self._betas[0],
                    beta2=self._betas[1],
                    lr=rate * group.factor,
                    weight_decay=group.decay,
                    eps=1e-8,
                    maximize=False,
                )

    def tensors(self) -> dict[str, Tensor]:
        return _named(self._groups)


class SGD:
    """Gradient descent with Nesterov momentum (Sutskever et al. 2013)."""

    def __init__(
        self, parameters: Mapping[float, Sequence[nn.Parameter]], momentum: float, decay: float
    ) -> None:
        self._momentum = momentum
        self._groups = _groups(parameters, decay, ("momentum",) if momentum else ())

    def step(self, rate: float) -> None:
        with torch.no_grad():
            for group in _trained(self._groups):
                buffers: list[Tensor | None] = list(group.slots.get("momentum", ()))
                sgd(
                    group.parameters,
                    group.gradients(),
                    buffers or [None] * len(group.parameters),
                    fused=True,
                    weight_decay=group.decay,
                    momentum=self._momentum,
                    lr=rate * group.factor,
                    dampening=0.0,
                    nesterov=self._momentum > 0,
                    maximize=False,
                )

    def tensors(self) -> dict[str, Tensor]:
        return _named(self._groups)


class _MuonAndAdam:
    """Muon for the matrices inside the network, AdamW for all else."""

    def __init__(
        self,
        model: nn.Module,
        trained: Mapping[float, Sequence[nn.Parameter]],
        settings: OptimizerSettings,
    ) -> None:
        outer = {
            id(p) for m in model.modules() if isinstance(m, nn.Embedding) for p in m.parameters()
        }
        outer |= {id(p) for name, p in model.named_parameters() if name.startswith("head.")}
        matrices: dict[float, list[nn.Parameter]] = {}
        others: dict[float, list[nn.Parameter]] = {}
        for factor, group in trained.items():
            for parameter in group:
                inner = parameter.dim() >= 2 and id(parameter) not in outer
                chosen = matrices if inner else others
                chosen.setdefault(factor, []).append(parameter)
        self._share = settings.adam_share
        self._muon = Muon(matrices, settings.momentum, settings.weight_decay)
        self._adam = Adam(others, settings.betas, settings.weight_decay, decoupled=True)

    def step(self, rate: float) -> None:
        self._muon.step(rate)
        self._adam.step(rate * self._share)

    def tensors(self) -> dict[str, Tensor]:
        return self._muon.tensors() | self._adam.tensors()


def build_optimizer(model: nn.Module, settings: OptimizerSettings) -> UpdateRule:
    """The update rule over all parameters that require a gradient.

    Weight decay acts on matrices and kernels only.

    Raises:
        UsageError: `rates` names parameters that the model does not have.
    """
    trained = _by_factor(model, settings.rates)
    match settings.kind:
        case "sgd":
            return SGD(trained, settings.momentum, settings.weight_decay)
        case "muon":
            return _MuonAndAdam(model, trained, settings)
        case "adam" | "adamw":
            decoupled = settings.kind == "adamw"
            return Adam(trained, settings.betas, settings.weight_decay, decoupled=decoupled)
    assert_never(settings.kind)


def learning_rate(settings: OptimizerSettings, step: int, total_steps: int | None) -> float:
    """The rate of a step, counted from 0: a pure function, so nothing of it is in a checkpoint.

    Args:
        settings: Peak, schedule, warm-up.
        step: The step that is about to be made.
        total_steps: Of the whole run; needed by cosine and cooldown.
    """
    peak = settings.learning_rate
    if step < settings.warmup_steps:
        return peak * (step + 1) / settings.warmup_steps
    if settings.schedule == "inverse-sqrt":
        return peak * math.sqrt(settings.warmup_steps / (step + 1))
    if settings.schedule == "constant" or total_steps is None:
        return peak
    warm = max(total_steps - settings.warmup_steps, 1)
    match settings.schedule:
        case "cosine":
            done = min((step - settings.warmup_steps) / warm, 1.0)
            return peak * (0.1 + 0.45 * (1 + math.cos(math.pi * done)))
        case "cooldown":
            length = max(round(total_steps * settings.cooldown_share), 1)
            return peak * min(max(total_steps - step, 0) / length, 1.0)
        case "one-cycle":
            return peak * min(max(total_steps - step, 0) / warm, 1.0)
    assert_never(settings.schedule)


def _by_factor(model: nn.Module, rates: Mapping[str, float]) -> dict[float, list[nn.Parameter]]:
    """The parameters to train by the factor of their rate; of two prefixes the longer decides."""
    found: dict[float, list[nn.Parameter]] = {}
    names = [name for name, _ in model.named_parameters()]
    for prefix in rates:
        require_prefix(prefix, names, "optimizer.rates")
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            fitting = [prefix for prefix in rates if name.startswith(prefix)]
            factor = rates[max(fitting, key=len)] if fitting else 1.0
            found.setdefault(factor, []).append(parameter)
    return found


def _groups(
    parameters: Mapping[float, Sequence[nn.Parameter]], decay: float, slots: Sequence[str]
) -> list[_Group]:
    split = [
        (members, rate, factor)
        for factor, of_factor in parameters.items()
        for members, rate in (
            # Without decay: one group, one pass.
            ([p for p in of_factor if p.dim() >= 2 or not decay], decay),
            ([p for p in of_factor if p.dim() < 2 and decay], 0.0),
        )
    ]
    return [
        _Group(
            list(members),
            rate,
            factor,
            {
                slot: [
                    torch.zeros((), device=p.device)
                    if slot == "step"
                    else torch.zeros_like(p.detach())
                    for p in members
                ]
                for slot in slots
            },
        )
        for members, rate, factor in split
        if members
    ]


def _trained(groups: Sequence[_Group]) -> list[_Group]:
    return [group for group in map(_Group.trained, groups) if group.parameters]


def _named(groups: Sequence[_Group]) -> dict[str, Tensor]:
    return {
        f"{number}.{slot}.{place}": tensor
        for number, group in enumerate(groups)
        for slot, tensors in group.slots.items()
        for place, tensor in enumerate(tensors)
    }
