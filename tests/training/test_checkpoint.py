"""A checkpoint is the old one or the new one, and is taken for no other run's."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.training.samples import IMAGE_FACTS, same_bits, tiny_mlp, weights_of
from tilth.errors import StepError, StorageError
from tilth.models.build import build_model
from tilth.models.mlp import MLPSettings
from tilth.training.checkpoint import load_checkpoint, save_checkpoint, write_tensors
from tilth.training.optimizer import build_optimizer
from tilth.training.settings import OptimizerSettings


def test_a_checkpoint_brings_back_model_optimizer_and_state(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    model = tiny_mlp()
    optimizer = build_optimizer(model, OptimizerSettings(kind="adam"))
    assert load_checkpoint(path, model, optimizer) is None
    model(torch.rand(2, 1, 4, 4)).sum().backward()
    optimizer.step(0.01)
    save_checkpoint(path, model, optimizer, {"examples": 8, "best": float("inf")})
    other = tiny_mlp(9)
    fresh = build_optimizer(other, OptimizerSettings(kind="adam"))
    assert load_checkpoint(path, other, fresh) == {"examples": 8, "best": float("inf")}
    assert same_bits(weights_of(other), weights_of(model))
    assert same_bits(optimizer.tensors(), fresh.tensors())
    assert fresh.tensors()["0.step.0"] == 1


def test_a_damaged_checkpoint_and_one_of_another_shape(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    model = tiny_mlp()
    optimizer = build_optimizer(model, OptimizerSettings())
    save_checkpoint(path, model, optimizer, {})
    wide = build_model(MLPSettings(hidden=(9,)), IMAGE_FACTS.sizes, seed=0)
    with pytest.raises(StepError, match="another model") as caught:
        load_checkpoint(path, wide, build_optimizer(wide, OptimizerSettings()))
    assert "model.body.1.weight [9, 16]" in caught.value.where
    plain = build_optimizer(model, OptimizerSettings(kind="sgd", momentum=0))
    with pytest.raises(StepError, match="another model or optimizer"):
        load_checkpoint(path, model, plain)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(StepError, match="cannot be read") as caught:
        load_checkpoint(path, model, optimizer)
    assert str(tmp_path) in caught.value.hint


def test_a_full_disk_keeps_the_previous_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "c.safetensors"
    model = tiny_mlp()
    optimizer = build_optimizer(model, OptimizerSettings())
    save_checkpoint(path, model, optimizer, {"step": 1})
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="no space left"):
        save_checkpoint(path, model, optimizer, {"step": 2})
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_checkpoint_that_lacks_a_tensor_or_has_one_more(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    model = tiny_mlp()
    optimizer = build_optimizer(model, OptimizerSettings())
    save_checkpoint(path, model, optimizer, {})
    whole, before = load_file(path), weights_of(model)
    lacking = {name: tensor for name, tensor in whole.items() if name != "model.head.bias"}
    more = {**whole, "model.another": torch.zeros(1)}
    for changed, told in ((lacking, "model.head.bias [3]"), (more, "more tensors than this one")):
        write_tensors(path, changed, {"state": "{}"})
        with pytest.raises(StepError, match="another model or optimizer") as caught:
            load_checkpoint(path, model, optimizer)
        assert caught.value.where == f"{path}: {told}"
    assert same_bits(weights_of(model), before)
