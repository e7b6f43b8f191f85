"""The image starters on small trees of pictures, cut short: every stage fits the next one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from tests.engine.inline import inline
from tests.recipes.shorter import warm_up_in_time
from tests.training.samples import figure
from tilth.api import Run, load_recipe, run
from tilth.web.fetch import MIRROR_VARIABLE

__all__ = ["inline"]

DIGITS = tuple("0123456789")
THINGS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def draw_tree(
    folder: Path, classes: tuple[str, ...], *, grey: bool = False, size: int = 32
) -> Path:
    """Pictures in folders of their classes: six of each to train on, three to test on."""
    generator = np.random.default_rng(0)
    for split, count in (("train", 6), ("test", 3)):
        for number, name in enumerate(classes):
            (folder / split / name).mkdir(parents=True)
            for place in range(count):
                pixels = generator.integers(0, 120, (size, size, 3)).astype(np.uint8)
                pixels[2 * number : 2 * number + 2] += 120
                image = Image.fromarray(pixels).convert("L" if grey else "RGB")
                image.save(folder / split / name / f"{place}.png")
    return folder


def small_run(name: str, folder: Path, tree: Path, **changes: dict[str, Any]) -> Run:
    """A starter with another source and some settings of its stages replaced, run."""
    recipe: dict[str, Any] = load_recipe(name).resolved()
    recipe["collect"] = {"pictures": {"image_folder": {"path": str(tree)}}}
    for stage, given in changes.items():
        recipe[stage] |= given
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(warm_up_in_time(recipe)), "utf-8")
    return run(path, runs=folder / "runs", progress=False, workers=1)


def short(name: str, stage: str, steps: int = 2) -> dict[str, Any]:
    """The stage's own loop, but for its length."""
    recipe: dict[str, Any] = load_recipe(name).resolved()
    loop: dict[str, Any] = recipe[stage]["loop"]
    return loop | {"epochs": None, "max_steps": steps, "batch_size": 8, "precision": "fp32"}


@pytest.mark.usefixtures("inline")
def test_imagenet_on_a_tree_of_ones_own(tmp_path: Path) -> None:
    tree = draw_tree(tmp_path / "tree", THINGS[:3], size=40)
    (tree / "test").rename(tree / "val")
    (tree / "train" / "bird" / "5.png").write_bytes(b"not a picture")
    recipe: dict[str, Any] = load_recipe("imagenet").resolved()
    recipe["error_budget"] = 0.1
    recipe["collect"]["imagenet"]["image_folder"]["path"] = str(tree)
    stage = recipe["pretrain"]
    stage["model"] |= {"stem_width": 8, "widths": [4, 4, 8, 8], "blocks": [1, 1, 1, 1]}
    stage["data"] |= {"image_size": [64, 64], "validation_share": 0.2}
    stage["loop"] = short("imagenet", "pretrain", 4)
    path = tmp_path / "imagenet.yaml"
    path.write_text(yaml.safe_dump(warm_up_in_time(recipe)), "utf-8")
    found = run(path, runs=tmp_path / "runs", progress=False, workers=1)
    assert found.quarantined == 1
    result = found.results.pretrain
    assert result is not None
    assert result.samples["test"] == 9
    assert result.samples["train"] + result.samples["validation"] == 17
    assert result.steps == 4
    assert figure(result.test, "accuracy") >= 0
    assert (found.folder / "report.html").is_file()
    assert len(list(found.folder.glob("data/pretrain-*/model/model.safetensors"))) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mnist", "mnist-cnn", "cifar10"])
def test_supervised(name: str, tmp_path: Path) -> None:
    mnist = name != "cifar10"
    tree = draw_tree(
        tmp_path / "tree", DIGITS if mnist else THINGS, grey=mnist, size=28 if mnist else 32
    )
    found = small_run(name, tmp_path, tree, pretrain={"loop": short(name, "pretrain", 30)})
    result = found.results.pretrain
    assert result is not None
    assert figure(result.test, "accuracy") > 20  # by chance 10
    assert result.samples == {"train": 60, "test": 30}
    assert len(result.seeds) == (3 if name == "mnist" else 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "mnist-transfer",
        "mnist-transfer-rotation",
        "cifar10-transfer",
        "cifar10-transfer-supervised",
    ],
)
def test_transfer(name: str, tmp_path: Path) -> None:
    mnist = name.startswith("mnist")
    tree = draw_tree(
        tmp_path / "tree", DIGITS if mnist else THINGS, grey=mnist, size=28 if mnist else 32
    )
    found = small_run(
        name,
        tmp_path,
        tree,
        pretrain={"loop": short(name, "pretrain")},
        transfer={"loop": short(name, "transfer"), "sizes": [1, 4], "seeds": 2},
    )
    summary = found.results.transfer
    assert summary is not None
    assert summary.methods == ("scratch", "probe", "finetune")
    assert summary.metric == "accuracy"
    assert len(summary.points) == 3 * 2 * 2
    turned = name in ("mnist-transfer-rotation", "cifar10-transfer")
    result = found.results.pretrain
    assert result is not None
    assert result.task == ("image-rotation" if turned else "image-classification")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mnist-cnn", "cifar10"])
def test_on_the_real_pictures(
    name: str, tmp_path: Path, shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a mirror, or from an archive that is here; nothing is fetched."""
    monkeypatch.setenv(MIRROR_VARIABLE, str(shared_data))
    recipe: dict[str, Any] = load_recipe(name).resolved()
    if name == "cifar10":
        archive = shared_data / "cifar-10-jpeg" / "cifar-10-jpeg.tar.xz"
        recipe["collect"]["cifar10"]["image_folder"] |= {"url": None, "path": str(archive)}
        # All 60,000 pictures by its whole model, of each several views, are a quarter of an hour.
        recipe["pretrain"]["model"] |= {"widths": [8, 16, 16]}
    recipe["pretrain"]["loop"] = short(name, "pretrain")
    path = tmp_path / f"{name}.yaml"
    path.write_text(yaml.safe_dump(warm_up_in_time(recipe)), "utf-8")
    found = run(path, runs=tmp_path / "runs", progress=False)
    assert found.quarantined == 0
    train = 60_000 if name == "mnist-cnn" else 50_000
    result = found.results.pretrain
    assert result is not None
    assert result.samples == {"train": train, "test": 10_000}
