"""Optimizers and learning-rate schedules."""

from __future__ import annotations

import math

import torch
from torch import nn

from tilth.pretrain.settings import OptimizerSettings


def build_optimizer(model: nn.Module, settings: OptimizerSettings) -> torch.optim.Optimizer:
    """The optimizer over all parameters that require a gradient.

    Weight decay acts on matrices and kernels only. Adam runs fused, one pass over all tensors.
    """
    trained = [p for p in model.parameters() if p.requires_grad]
    decay = settings.weight_decay
    decayed = [p for p in trained if p.dim() >= 2 or not decay]  # no decay: one group, one pass
    left_alone = [p for p in trained if p.dim() < 2 and decay]
    groups = [
        {"params": parameters, "weight_decay": rate}
        for parameters, rate in ((decayed, decay), (left_alone, 0.0))
        if parameters
    ]
    rate = settings.learning_rate
    if settings.kind == "adam":
        return torch.optim.Adam(groups, rate, betas=settings.betas, fused=True)
    if settings.kind == "adamw":
        return torch.optim.AdamW(groups, rate, betas=settings.betas, fused=True)
    nesterov = settings.momentum > 0
    return torch.optim.SGD(groups, rate, momentum=settings.momentum, nesterov=nesterov)


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
    if settings.schedule == "constant" or total_steps is None:
        return peak
    if settings.schedule == "cosine":
        span = max(total_steps - settings.warmup_steps, 1)
        done = min((step - settings.warmup_steps) / span, 1.0)
        return peak * (0.1 + 0.45 * (1 + math.cos(math.pi * done)))
    length = max(round(total_steps * settings.cooldown_share), 1)
    return peak * min(max(total_steps - step, 0) / length, 1.0)
