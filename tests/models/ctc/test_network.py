"""The recurrent network: padding makes no difference, and both directions are read."""

from __future__ import annotations

from typing import Literal

import pytest
import torch

from tilth.models.build import build_model
from tilth.models.ctc import CTCSettings
from tilth.models.ctc.network import CTC
from tilth.models.facts import Sizes

SIZES = Sizes(classes=5, mels=12)


def built(cell: Literal["gru", "lstm"] = "gru") -> CTC:
    model = build_model(CTCSettings(cell=cell, hidden=8, channels=8), SIZES, seed=0)
    assert isinstance(model, CTC)
    return model.eval()


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@torch.inference_mode()
def test_an_utterance_alone_gives_the_same_as_in_a_batch(cell: Literal["gru", "lstm"]) -> None:
    model, lengths = built(cell), torch.tensor([9, 30, 17])
    frames = torch.randn(3, 30, 12, generator=torch.Generator().manual_seed(0))
    for row, length in enumerate(lengths.tolist()):
        frames[row, length:] = 0
    logs, steps = model(frames, lengths)
    assert steps.tolist() == [5, 15, 9]
    torch.testing.assert_close(logs.exp().sum(-1)[1], torch.ones(15))
    for row, length in enumerate(lengths.tolist()):
        alone, _ = model(frames[row : row + 1, :length], lengths[row : row + 1])
        torch.testing.assert_close(alone[0], logs[row, : steps[row]])


@torch.inference_mode()
def test_the_end_changes_the_beginning() -> None:
    model, frames = built(), torch.zeros(1, 40, 12)
    before, _ = model(frames, torch.tensor([40]))
    frames[0, -1] = 3
    after, _ = model(frames, torch.tensor([40]))
    assert (before[0, 0] != after[0, 0]).any()


def test_dropout_depends_on_the_generator_alone() -> None:
    model = built().train()
    frames, lengths = torch.ones(2, 10, 12), torch.tensor([10, 8])
    outputs = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        outputs.append(model(frames, lengths)[0])
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.equal(outputs[0], outputs[2])
