"""Low-rank adaptation (LoRA; Hu et al. 2022): a trained network stays as it is, and small matrices
beside its own are trained."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tilth.errors import UsageError


class Adapted(nn.Module):
    """A linear layer W x + b, frozen, plus scale x B A x with A and B of low rank.

    Args:
        linear: The layer.
        rank: Rows of A, columns of B.
        scale: Of what is added; alpha / rank in the paper (section 4.1).
    """

    def __init__(self, linear: nn.Linear, rank: int, scale: float) -> None:
        super().__init__()
        self.linear = linear
        self.scale = scale
        self.down = nn.Parameter(torch.empty(rank, linear.in_features))
        self.up = nn.Parameter(torch.zeros(linear.out_features, rank))
        nn.init.kaiming_uniform_(self.down, a=5**0.5)

    def forward(self, x: Tensor) -> Tensor:
        """x float [..., in_features] to [..., out_features]."""
        base: Tensor = self.linear(x)
        return base + (x @ self.down.T) @ self.up.T * self.scale


def adapt(model: nn.Module, rank: int, *, scale: float = 2.0, seed: int = 0) -> tuple[str, ...]:
    """Put low-rank matrices beside every linear layer but the head, in place.

    Args:
        model: Any model of this library.
        rank: Of the matrices.
        scale: Of what they add.
        seed: Of their first values.

    Returns:
        Names of the parameters that are not to be trained: all but the new ones and the head's.

    Raises:
        UsageError: No such layer has as many rows and columns as the rank.
    """
    layers = [
        layer
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Linear) and not name.startswith("head")
    ]
    most = max((min(one.in_features, one.out_features) for one in layers), default=0)
    if rank > most:
        raise UsageError(
            f"rank {rank:,} is more than any matrix beside the head has ({most:,})",
            where="transfer.lora_rank",
            hint=f"a rank below {most:,} is what makes it low" if most > 1 else "",
        )
    state = torch.random.get_rng_state()
    torch.default_generator.manual_seed(seed)
    for name, module in list(model.named_modules()):
        for child, layer in list(module.named_children()):
            path = f"{name}.{child}".lstrip(".")
            if isinstance(layer, nn.Linear) and not path.startswith("head"):
                setattr(module, child, Adapted(layer, rank, scale))
    torch.random.set_rng_state(state)
    return tuple(
        name
        for name, _ in model.named_parameters()
        if not name.startswith("head.") and not name.endswith((".down", ".up"))
    )
