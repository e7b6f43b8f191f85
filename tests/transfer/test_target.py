"""What transfer and value have in common: subsets, starts, what a probe leaves alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.transfer.conftest import DIGITS, TEXT
from tilth.errors import DataError
from tilth.pretrain.prepare import prepare
from tilth.pretrain.settings import (
    DataSettings,
)
from tilth.pretrain.weights import load_model
from tilth.transfer.target import Carried, choose, frozen_for_probe, start


def test_a_probe_changes_only_the_last_layers(text: dict[str, Path]) -> None:
    frozen, _ = frozen_for_probe(TEXT.model)
    model = load_model(text["model"]).model
    free = {name for name, _ in model.named_parameters() if not name.startswith(frozen)}
    assert free
    assert all(name.startswith(("blocks.1.", "norm.")) for name in free)
    assert not any(name.startswith("body.") for name in ("head.weight", "head.bias"))
    assert frozen_for_probe(DIGITS.model)[0] == ("body.",)


def test_subsets_are_nested_and_differ_by_seed(text: dict[str, Path], tmp_path: Path) -> None:
    prepared = prepare(text["data"], "text-generation", DataSettings(sources=("second",)), tmp_path)
    train_split = prepared.splits["train"]
    sets = [set(choose(train_split, n, 1).ids.tolist()) for n in (5, 10, 20)]
    assert sets[0] < sets[1] < sets[2]
    assert set(choose(train_split, 10, 2).ids.tolist()) != sets[1]
    with pytest.raises(DataError, match="1,000 samples are asked for"):
        choose(train_split, 1_000, 1)


def test_methods_share_the_fresh_head(digits: dict[str, Path]) -> None:
    loaded = load_model(digits["model"])
    sizes = build_sizes(loaded.config, classes=3)

    def begin(weights: Any) -> dict[str, torch.Tensor]:
        carried = Carried(DIGITS.model, weights, None, loaded.classes, (0.0,), (1.0,))
        return dict(start(carried, sizes, ("7", "8", "9"), seed=3).state_dict())

    fresh, carried = begin(None), begin(loaded.model.state_dict())
    assert torch.equal(fresh["head.weight"], carried["head.weight"])
    body = next(name for name in fresh if name.startswith("body"))
    assert not torch.equal(fresh[body], carried[body])
    assert torch.equal(carried[body], loaded.model.state_dict()[body])


def build_sizes(config: dict[str, Any], classes: int) -> Any:
    from tilth.pretrain.models import Sizes

    return Sizes.model_validate({**config["sizes"], "classes": classes})


def test_an_image_model_of_another_shape_is_refused(digits: dict[str, Path]) -> None:
    loaded = load_model(digits["model"])
    carried = Carried(DIGITS.model, loaded.model.state_dict(), None, loaded.classes, (0.0,), (1.0,))
    sizes = build_sizes({"sizes": {"image": (1, 9, 9)}}, classes=5)
    with pytest.raises(DataError, match="does not fit the target"):
        start(carried, sizes, loaded.classes, seed=0)
