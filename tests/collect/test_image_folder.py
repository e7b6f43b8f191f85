"""Pictures whose folder is their class: split and label from the path."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from tilth.collect import image_folder
from tilth.context import Context
from tilth.errors import DataError


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(len(path.name)).integers(0, 255, (9, 7, 3)).astype(np.uint8)
    PIL.Image.fromarray(pixels).save(path)


def read(folder: Path, limit: int | None = None, **given: Any) -> list[dict[str, Any]]:
    settings = image_folder.Settings(path=str(folder), **given)
    context = Context(folder, limit=limit)
    rows: list[dict[str, Any]] = []
    for batch in image_folder.read(settings, "s", context):
        rows += batch.to_pylist()
    return rows


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("train/cat/1.jpg", ("train", "cat")),
        ("val/n01440764/a.JPEG", ("validation", "n01440764")),
        ("ILSVRC/Data/CLS-LOC/train/n01440764/a.JPEG", ("train", "n01440764")),
        ("cat/1.png", (None, "cat")),
        ("test/7.png", ("test", None)),
        ("holdout/cat/7.png", ("test", "katze")),
        ("7.png", (None, None)),
    ],
)
def test_the_path_names_split_and_class(name: str, place: tuple[str | None, str | None]) -> None:
    settings = image_folder.Settings(
        path="x", splits={"HoldOut": "test"}, class_names={"cat": "katze"}
    )
    split, label = image_folder.place_of(name, settings)
    assert (split, label if "holdout" in name else label and label.replace("katze", "cat")) == place


def test_a_tree(tmp_path: Path) -> None:
    for name in ("train/cat/1.png", "train/dog/1.png", "val/cat/2.png", "val/loose.png"):
        picture(tmp_path / name)
    rows = read(tmp_path, license="CC0-1.0")
    assert [(row["split"], row["label"]) for row in rows if not row["error"]] == [
        ("train", "cat"),
        ("train", "dog"),
        ("validation", "cat"),
    ]
    (bad,) = [row for row in rows if row["error"]]
    assert "names no class" in bad["error"]
    assert bad["uri"].endswith("val/loose.png")
    assert len({row["id"] for row in rows}) == 4
    assert {row["license"] for row in rows if not row["error"]} == {"CC0-1.0"}
    image = PIL.Image.open(io.BytesIO(rows[0]["image"]))
    assert image.size == (7, 9)
    unlabelled = read(tmp_path, labels="none")
    assert len(unlabelled) == 4
    assert {row["label"] for row in unlabelled} == {None}
    assert len(read(tmp_path, limit=2)) == 2
    assert len(read(tmp_path, include="/cat/")) == 2


def test_no_picture_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"\0" * 10_240)
    with pytest.raises(DataError, match="not one picture"):
        read(tmp_path)


def test_cifar_10_counts(shared_data: Path) -> None:
    archive = shared_data / "cifar-10-jpeg" / "cifar-10-jpeg.tar.xz"
    rows = read(archive, limit=5_500)
    assert set(Counter(row["label"] for row in rows).values()) <= {549, 550, 551}
    assert len(Counter(row["label"] for row in rows)) == 10
    splits = Counter(row["split"] for row in rows)
    assert abs(splits["test"] - 5_500 / 6) < 10
    assert splits["train"] + splits["test"] == 5_500
