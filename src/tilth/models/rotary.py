"""Rotary positions (Su et al. 2021): a token's place turns its queries and keys."""

from __future__ import annotations

import torch
from torch import Tensor


def rotations(context: int, head_width: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines float32 [context, head_width / 2] of the angle of each position and pair.

    Angles are position x 10000^(-2 i / head_width) (Su et al. 2021, section 3.2.2).
    """
    # On the processor whatever device is set: on `meta` this would load torch's compiler.
    pairs = torch.arange(0, head_width, 2, dtype=torch.float64, device="cpu")
    places = torch.arange(context, dtype=torch.float64, device="cpu")
    angle = torch.outer(places, 10_000.0 ** (-pairs / head_width))
    return angle.cos().float(), angle.sin().float()


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Turn pairs (i, i + head_width / 2) of x [n, heads, length, head_width] by their angles."""
    first, second = x.chunk(2, dim=-1)
    turned = torch.cat((first * cosine - second * sine, second * cosine + first * sine), dim=-1)
    return turned.to(x.dtype)
