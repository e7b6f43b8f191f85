"""Pictures whose folder is their class: split and label from the path."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from tests.collect.archives import tar
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


def test_what_is_not_read_does_not_count(tmp_path: Path) -> None:
    for name in ("train/cat/1.png", "train/dog/1.png"):
        picture(tmp_path / name)
    (tmp_path / "train/cat/long.png").write_bytes(bytes(2000))

    def found(include: str = "", most: int = 1000) -> str:
        return image_folder.fingerprint(
            image_folder.Settings(path=str(tmp_path), include=include, max_record_bytes=most)
        )

    cats, most, whole = found("/cat/"), found(), found("", 5000)
    picture(tmp_path / "train" / "dog" / "22.png")
    (tmp_path / "train/dog/1.png").write_bytes(b"another")
    assert found("/cat/") == cats
    assert found() != most
    most = found()
    # Of what is too long only the length is told.
    (tmp_path / "train/cat/long.png").write_bytes(b"a" * 2000)
    assert found("/cat/") == cats
    assert found() == most
    assert found("", 5000) != whole
    (tmp_path / "train/cat/long.png").write_bytes(bytes(2001))
    assert found() != most


def test_an_archive_counts_by_its_bytes_and_stays_watched(tmp_path: Path) -> None:
    data = tar([("cat/1.png", b"x" * 900)])
    (tmp_path / "a.tar").write_bytes(data)
    settings = image_folder.Settings(path=str(tmp_path), include="cat", max_record_bytes=64)
    before = image_folder.fingerprint(settings)
    assert hashlib.sha256(data).hexdigest() in before
    (tmp_path / "a.tar").write_bytes(tar([("cat/1.png", b"y" * 900)]))
    assert image_folder.fingerprint(settings) != before
    reading = image_folder.read(settings, "s", Context(tmp_path))

    def touched() -> None:
        for _ in reading:
            (tmp_path / "a.tar").touch()
            (tmp_path / "beside.png").write_bytes(b"no cat")

    with pytest.raises(DataError, match=r"while it was read: a\.tar\n"):
        touched()


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
