"""Muon: momentum whose matrices are made orthogonal before they are applied (Jordan et al. 2024).

Matrices and convolution kernels inside the network follow Muon; embeddings, the layer of outputs,
biases and gains follow AdamW.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

# Coefficients of the quintic iteration (Jordan et al. 2024): fast growth of small singular values
# in exchange for ending between 0.7 and 1.2 instead of at 1.
_A, _B, _C = 3.4445, -4.7750, 2.0315
_ITERATIONS = 5


class Muon:
    """The update rule of matrices.

    Args:
        parameters: Factor of the rate -> parameters of two or more dimensions.
        momentum: Nesterov momentum.
        decay: Decoupled weight decay.
    """

    def __init__(
        self, parameters: Mapping[float, Sequence[nn.Parameter]], momentum: float, decay: float
    ) -> None:
        self._momentum, self._decay = momentum, decay
        self._members = [
            (parameter, torch.zeros_like(parameter.detach()), factor)
            for factor, group in parameters.items()
            for parameter in group
        ]

    def step(self, rate: float) -> None:
        """Update every matrix in place; its change has singular values of about `rate`."""
        with torch.no_grad():
            for parameter, momentum, factor in self._members:
                if parameter.grad is None:
                    continue
                momentum.mul_(self._momentum).add_(parameter.grad)
                ahead = parameter.grad.add(momentum, alpha=self._momentum)
                change = orthogonalize(ahead.reshape(len(ahead), -1)).view_as(parameter)
                rows, columns = len(ahead), ahead[0].numel()
                step = rate * factor
                if self._decay:
                    parameter.mul_(1 - step * self._decay)
                parameter.add_(change, alpha=-step * max(1.0, rows / columns) ** 0.5)

    def tensors(self) -> dict[str, Tensor]:
        """The momenta, by name."""
        return {f"muon.{place}": momentum for place, (_, momentum, _) in enumerate(self._members)}


def orthogonalize(matrix: Tensor) -> Tensor:
    """About U V^T of the singular value decomposition U S V^T, by a Newton-Schulz iteration.

    Args:
        matrix: float32 [rows, columns].
    """
    wide = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    x = wide / (wide.norm() + 1e-7)
    for _ in range(_ITERATIONS):
        square = x @ x.T
        inner = torch.addmm(square, square, square, beta=_B, alpha=_C)
        x = torch.addmm(x, inner, x, beta=_A)
    found: Tensor = x.T if matrix.shape[0] > matrix.shape[1] else x
    return found
