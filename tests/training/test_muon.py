"""Orthogonal updates: singular values near 1, and which parameters they are for."""

from __future__ import annotations

import pytest
import torch

from tests.training.samples import TEXT, documents, losses_of, tiny_gpt, tiny_mlp, weights_of
from tilth.training.loop import train
from tilth.training.muon import Muon, orthogonalize
from tilth.training.optimizer import build_optimizer
from tilth.training.settings import LoopSettings, OptimizerSettings


@pytest.mark.parametrize("shape", [(8, 8), (5, 17), (30, 6), (1, 4)])
def test_singular_values_are_near_one_and_the_directions_stay(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    found = orthogonalize(matrix)
    values = torch.linalg.svdvals(found)
    assert found.shape == matrix.shape
    assert values.min() > 0.5
    assert values.max() < 1.3
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    assert torch.cosine_similarity(found.flatten(), (u @ v).flatten(), 0) > 0.95


def test_a_step_moves_against_the_gradient_by_the_rate() -> None:
    matrix = torch.nn.Parameter(torch.zeros(4, 4))
    matrix.grad = torch.diag(torch.tensor([100.0, 1.0, 0.5, 0.2]))
    rule = Muon({1.0: [matrix]}, 0.9, 0.0)
    rule.step(0.01)
    assert (matrix.diagonal() < -0.006).all()
    assert (matrix.diagonal() > -0.013).all()


def test_the_last_layer_follows_adamw() -> None:
    model = tiny_mlp()
    names = set(build_optimizer(model, OptimizerSettings(kind="muon")).tensors())
    inner = {n for n, p in model.named_parameters() if p.dim() >= 2 and not n.startswith("head.")}
    assert inner
    assert len([name for name in names if name.startswith("muon.")]) == len(inner)


def test_embeddings_gains_and_outputs_follow_adamw() -> None:
    model = tiny_gpt()
    names = list(build_optimizer(model, OptimizerSettings(kind="muon")).tensors())
    matrices = sum(p.dim() >= 2 for n, p in model.named_parameters() if not n.startswith("tokens."))
    assert sum(name.startswith("muon.") for name in names) == matrices
    before = weights_of(model)
    result = train(
        model,
        TEXT,
        documents([40] * 5).pack(8),
        None,
        OptimizerSettings(kind="muon", learning_rate=0.02),
        LoopSettings(max_steps=30, batch_size=8),
        seed=0,
    )
    losses = losses_of(result.curve)
    assert losses[-1] < losses[0]
    assert all((before[name] != tensor).any() for name, tensor in weights_of(model).items())
