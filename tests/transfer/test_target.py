"""What transfer and value have in common: subsets, starts, what a probe leaves alone."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.training.samples import same_bits, write_dataset
from tests.transfer.conftest import DIGITS
from tests.transfer.samples import digit_rows, png
from tilth.errors import DataError, UsageError
from tilth.models.build import build_model
from tilth.models.facts import Facts, Sizes
from tilth.pretrain.weights import Loaded, load_model
from tilth.tasks.prepare import prepare
from tilth.tasks.settings import DataSettings, TargetDataSettings, form_of
from tilth.training.examples import Examples
from tilth.transfer.target import Carried, choose, frozen_for_probe, prepare_target, start


def test_a_probe_changes_only_the_last_layers(text: dict[str, Path]) -> None:
    model = load_model(text["model"]).model
    frozen, _ = frozen_for_probe(model)
    free = {name for name, _ in model.named_parameters() if not name.startswith(frozen)}
    assert free
    assert all(name.startswith(("blocks.1.", "norm.")) for name in free)
    other = build_model(DIGITS.model, Sizes(image=(1, 8, 8), classes=3), seed=0)
    kept, _ = frozen_for_probe(other)
    assert set(dict(other.named_parameters())) - set(kept) == {"head.weight", "head.bias"}


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
    target = facts_of(loaded, ("7", "8", "9"))

    def begin(weights: Any) -> dict[str, torch.Tensor]:
        carried = Carried(DIGITS.model, weights, None, loaded.facts)
        return dict(start(carried, target, seed=3).state_dict())

    fresh, carried = begin(None), begin(loaded.model.state_dict())
    assert torch.equal(fresh["head.weight"], carried["head.weight"])
    body = next(name for name in fresh if name.startswith("body"))
    assert not torch.equal(fresh[body], carried[body])
    assert torch.equal(carried[body], loaded.model.state_dict()[body])


def test_a_head_over_the_same_classes_is_carried_over(digits: dict[str, Path]) -> None:
    loaded = load_model(digits["model"])
    carried = Carried(DIGITS.model, loaded.model.state_dict(), None, loaded.facts)
    begun = start(carried, loaded.facts, seed=3).state_dict()
    assert same_bits(dict(begun), dict(loaded.model.state_dict()))


def facts_of(loaded: Loaded, classes: tuple[str, ...]) -> Facts:
    sizes = loaded.facts.sizes.model_copy(update={"classes": len(classes)})
    return loaded.facts.model_copy(update={"classes": classes, "sizes": sizes})


def test_an_image_model_of_another_shape_is_refused(digits: dict[str, Path]) -> None:
    loaded = load_model(digits["model"])
    carried = Carried(DIGITS.model, loaded.model.state_dict(), None, loaded.facts)
    other = Facts(sizes=Sizes(image=(1, 9, 9), classes=5), classes=loaded.facts.classes)
    with pytest.raises(DataError, match="does not fit the target"):
        start(carried, other, seed=0)


@pytest.mark.parametrize("validated", [0, 40])
def test_a_target_is_read_as_the_model_was_trained_whole_and_unweighted(
    validated: int, digits: dict[str, Path], tmp_path: Path
) -> None:
    facts = load_model(digits["model"]).facts
    rows = [
        {**row, "image": _twice_as_large(row["image"]), "signal.weight": place % 3 / 2}
        for place, row in enumerate(digit_rows(limit=120, test=20))
    ]
    for row in rows[20 : 20 + validated]:
        row["split"] = "validation"
    data = write_dataset(tmp_path / "large", rows)
    found = prepare_target(
        data, "image-classification", TargetDataSettings(), tmp_path, None, facts, 0
    )
    assert found.facts.sizes.image == facts.sizes.image == (1, 8, 8)
    train_split, test_split = found.splits["train"], found.splits["test"]
    # None is held back for validation, and none is thinned.
    assert (len(train_split), len(test_split)) == (100 - validated, 20)
    assert set(train_split.weights.tolist()) == {1.0}
    with pytest.raises(UsageError, match="was trained with"):
        form_of(TargetDataSettings(max_length=9).whole, facts.model_copy(update={"max_length": 8}))


def _twice_as_large(image: bytes) -> bytes:
    return png(np.kron(np.asarray(Image.open(io.BytesIO(image))), np.ones((2, 2))))


def test_so_many_samples_of_every_class(digits: dict[str, Path], tmp_path: Path) -> None:
    prepared = prepare(digits["data"], "image-classification", DataSettings(), tmp_path)
    data = prepared.splits["train"]
    assert isinstance(data, Examples)
    few = choose(data, 2, 1, per_class=True)
    assert isinstance(few, Examples)
    assert np.bincount(few.labels).tolist() == [2] * len(np.unique(data.labels))
    more = choose(data, 3, 1, per_class=True)
    assert set(few.ids.tolist()) < set(more.ids.tolist())
    with pytest.raises(DataError, match="samples of a class"):
        choose(data, 100_000, 1, per_class=True)
