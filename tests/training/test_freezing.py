"""Layers are frozen, and begin to be trained when the settings say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.training.samples import (
    IMAGE,
    image_rows,
    images,
    same_bits,
    tiny_mlp,
    weights_of,
    write_dataset,
)
from tilth.context import Context
from tilth.errors import UsageError
from tilth.models.mlp import MLPSettings
from tilth.pretrain.fit import fit as fit_stage
from tilth.pretrain.settings import Settings
from tilth.tasks.images.classification.task import ImageClassification
from tilth.training.freezing import first_steps, train_from
from tilth.training.loop import train
from tilth.training.settings import LoopSettings, OptimizerSettings
from tilth.training.task import Batch

DEEP = MLPSettings(hidden=(8, 8), dropout=0.1)
UNFREEZE = {"body.": 0.5, "body.4.": 0.25}
RULES = [
    OptimizerSettings(kind="adamw", learning_rate=0.01, weight_decay=0.1),
    OptimizerSettings(kind="sgd", learning_rate=0.01, weight_decay=0.1),
    OptimizerSettings(kind="muon", learning_rate=0.01, weight_decay=0.1, grad_clip=1.0),
]


class Watched(ImageClassification):
    """Keeps a copy of the weights before each step; may stop a run."""

    def __init__(self, stop: int = 1 << 30) -> None:
        assert isinstance(IMAGE, ImageClassification)
        self.__dict__.update(IMAGE.__dict__)
        self.before: list[dict[str, Tensor]] = []
        self.stop = stop

    def forward(self, model: nn.Module, batch: Batch) -> Any:
        self.before.append(weights_of(model))
        if len(self.before) > self.stop:
            raise KeyboardInterrupt
        return super().forward(model, batch)


def fit(
    task: Watched,
    optimizer: OptimizerSettings,
    unfreeze: Mapping[str, float],
    work: Path | None = None,
) -> nn.Module:
    model = tiny_mlp(settings=DEEP)
    loop = LoopSettings(max_steps=12, batch_size=8, checkpoint_every=1, ema=0.5)
    train(model, task, images(40), None, optimizer, loop, seed=0, work=work, unfreeze=unfreeze)
    return model


def test_the_longest_prefix_says_when_a_parameter_begins() -> None:
    model = tiny_mlp(settings=DEEP)
    first = first_steps(model, ("body.1.bias",), UNFREEZE, 10)
    assert first == {
        "body.1.weight": 5,
        "body.4.weight": 2,
        "body.4.bias": 2,
        "head.weight": 0,
        "head.bias": 0,
    }
    assert set(first_steps(model, (), {}, None).values()) == {0}
    trained = []
    for step in (0, 2, 5, None):
        train_from(model, first, step)
        trained.append({name for name, p in model.named_parameters() if p.requires_grad})
    assert trained[0] == {"head.weight", "head.bias"}
    assert trained[1] - trained[0] == {"body.4.weight", "body.4.bias"}
    assert trained[2] == trained[3] == set(first)


def test_what_is_wrong_is_refused() -> None:
    model = tiny_mlp()
    with pytest.raises(UsageError, match=r"no parameter.s name begins with `layer\.`"):
        first_steps(model, (), {"layer.": 0.5}, 10)
    with pytest.raises(UsageError, match="last step"):
        first_steps(model, (), {"body.": 0.5}, None)
    with pytest.raises(ValueError, match="less than 1"):
        Settings.model_validate({"unfreeze": {"body.": 1.0}})


def test_the_stage_passes_the_setting_on(tmp_path: Path) -> None:
    data = write_dataset(tmp_path / "data", image_rows(20))
    settings = Settings.model_validate(
        {
            "task": "image-classification",
            "model": {"kind": "mlp", "hidden": [8]},
            "unfreeze": {"nowhere.": 0.5},
        }
    )
    with pytest.raises(UsageError, match="begins with `nowhere"):
        fit_stage({"data": data}, settings, tmp_path, Context(work=tmp_path))


@pytest.mark.parametrize("optimizer", RULES, ids=[rule.kind for rule in RULES])
def test_a_layer_keeps_its_bits_until_its_share_of_the_run(optimizer: OptimizerSettings) -> None:
    task = Watched()
    model = fit(task, optimizer, UNFREEZE)
    seen = [*task.before, weights_of(model)]
    for name, first in {"body.1.": 6, "body.4.": 3, "head.": 0}.items():
        for step in range(12):
            names = [one for one in seen[0] if one.startswith(name)]
            now, later = ({one: seen[at][one] for one in names} for at in (step, step + 1))
            assert same_bits(now, later) == (step < first), (name, step)


def test_a_late_layer_starts_as_a_fresh_optimizer_would() -> None:
    """Not as one that has counted steps and forgotten gradients it never had."""
    optimizer = OptimizerSettings(kind="adam", betas=(0.9, 0.999), learning_rate=0.01)
    task = Watched()
    fit(task, optimizer, {"body.1.": 0.5})
    change = task.before[7]["body.1.weight"] - task.before[6]["body.1.weight"]
    # The first step of Adam is of the size of the rate, wherever there is a gradient.
    moved = change[change != 0].abs()
    assert len(moved)
    torch.testing.assert_close(moved, torch.full_like(moved, 0.01), rtol=1e-2, atol=0)


@pytest.mark.parametrize("optimizer", RULES, ids=[rule.kind for rule in RULES])
def test_a_run_that_was_stopped_goes_on_bit_for_bit(
    optimizer: OptimizerSettings, tmp_path: Path
) -> None:
    whole = fit(Watched(), optimizer, UNFREEZE)
    for stop in (2, 2, 3, 1):
        with pytest.raises(KeyboardInterrupt):
            fit(Watched(stop), optimizer, UNFREEZE, tmp_path)
    assert same_bits(weights_of(fit(Watched(), optimizer, UNFREEZE, tmp_path)), weights_of(whole))
