"""idx files: header, digest of the content, official split, and PNG."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import struct
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.web.sites import Reply, Site, running
from tilth.collect import idx
from tilth.context import Context
from tilth.errors import DataError, MissingError


def images_file(path: Path, pixels: npt.NDArray[np.uint8]) -> bytes:
    data = struct.pack(">IIII", 0x803, *pixels.shape) + pixels.tobytes()
    path.write_bytes(data)
    return data


def labels_file(path: Path, labels: list[int]) -> bytes:
    data = struct.pack(">II", 0x801, len(labels)) + bytes(labels)
    path.write_bytes(data)
    return data


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, npt.NDArray[np.uint8]]:
    pixels = np.random.default_rng(0).integers(0, 256, (7, 5, 6)).astype(np.uint8)
    images_file(tmp_path / "x", pixels)
    labels_file(tmp_path / "y", [0, 1, 2, 0, 1, 2, 0])
    return tmp_path, pixels


def settings_for(folder: Path, split: str = "train", **given: Any) -> idx.Settings:
    return idx.Settings.model_validate(
        {
            "files": (
                {
                    "split": split,
                    "images": {"path": str(folder / "x"), **given.pop("images", {})},
                    "labels": {"path": str(folder / "y")},
                },
            ),
            **given,
        }
    )


def read(settings: idx.Settings, work: Path, limit: int | None = None) -> list[dict[str, Any]]:
    found = idx.read(settings, "s", Context(work, limit=limit))
    rows: list[dict[str, Any]] = pa.Table.from_batches(list(found)).to_pylist()
    return rows


def test_images_labels_and_split(pair: tuple[Path, npt.NDArray[np.uint8]]) -> None:
    folder, pixels = pair
    rows = read(settings_for(folder, "test", class_names=("a", "b", "c")), folder)
    for row, image in zip(rows, pixels, strict=True):
        assert (np.array(PIL.Image.open(io.BytesIO(row["image"]))) == image).all()
    assert [row["label"] for row in rows] == list("abcabca")
    assert {row["split"] for row in rows} == {"test"}
    assert {row["label_origin"] for row in rows} == {"official"}
    assert rows[2]["uri"] == f"{folder / 'x'}:3"


def test_a_label_without_a_name_costs_its_row(
    pair: tuple[Path, npt.NDArray[np.uint8]],
) -> None:
    rows = read(settings_for(pair[0], class_names=("a", "b")), pair[0])
    assert [bool(row["error"]) for row in rows] == [False, False, True, False, False, True, False]
    assert "label 2, but there are 2 class names" in rows[2]["error"]


def test_packed_or_not_the_digest_is_of_the_content(
    pair: tuple[Path, npt.NDArray[np.uint8]],
) -> None:
    folder, _ = pair
    data = (folder / "x").read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    given = {"sha256": digest, "size": len(data)}
    plain = read(settings_for(folder, images=given), folder)
    for level in (1, 9):
        (folder / "x").write_bytes(gzip.compress(data, level))
        assert read(settings_for(folder, images=given), folder) == plain
    with pytest.raises(DataError, match="sha256 of the content is") as raised:
        read(settings_for(folder, images={"sha256": "0" * 64}), folder)
    assert raised.value.where == str(folder / "x")
    with pytest.raises(DataError, match="226 bytes instead of 227"):
        read(settings_for(folder, images={"size": 227}), folder)


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"", "cut off within its header, after 0 bytes"),
        (b"\0\0\x08\x03\0\0", "cut off within its header, after 6 bytes"),
        (b"\x89PNG" + b"\0" * 12, "not an idx file of images: it starts with 0x89504e47"),
        (struct.pack(">IIII", 0x803, 9, 5, 6) + b"\0" * 100, "116 of the 286 bytes"),
        (struct.pack(">IIII", 0x803, 1, 2, 2) + b"\0" * 100, "more than the 20 bytes"),
        (struct.pack(">IIII", 0x803, 2**32 - 1, 2**32 - 1, 2**32 - 1), "pixels"),
        (struct.pack(">IIII", 0x803, 2**32 - 1, 2**14, 2**14), "16 of the"),
        (struct.pack(">IIII", 0x803, 3, 0, 5), "images of 0 x 5 pixels"),
    ],
)
def test_a_damaged_file_is_named(
    pair: tuple[Path, npt.NDArray[np.uint8]], data: bytes, cause: str
) -> None:
    (pair[0] / "x").write_bytes(data)
    with pytest.raises(DataError) as raised:
        read(settings_for(pair[0]), pair[0])
    assert cause in raised.value.what
    assert raised.value.where == str(pair[0] / "x")


def test_as_many_labels_as_images(pair: tuple[Path, npt.NDArray[np.uint8]]) -> None:
    labels_file(pair[0] / "y", [1])
    with pytest.raises(DataError, match="7 images but 1 labels"):
        read(settings_for(pair[0]), pair[0])
    images_file(pair[0] / "x", np.zeros((0, 5, 6), np.uint8))
    labels_file(pair[0] / "y", [])
    with pytest.raises(DataError, match="the source is empty"):
        read(settings_for(pair[0]), pair[0])


def test_a_change_while_reading_is_noticed(
    pair: tuple[Path, npt.NDArray[np.uint8]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, pixels = pair
    encode = idx.encode_png

    def slowly(image: npt.NDArray[np.uint8]) -> bytes:
        labels_file(folder / "y", [2] * 7)
        os.utime(folder / "y", ns=(5, 5))
        return encode(image)

    monkeypatch.setattr(idx, "encode_png", slowly)
    with pytest.raises(DataError, match="changed while it was read") as caught:
        read(settings_for(folder), folder)
    assert caught.value.where == str(folder / "y")
    assert len(pixels) == 7


def test_two_files_of_one_name_at_two_addresses_are_two(tmp_path: Path) -> None:
    pages = {}
    for split, value in (("train", 3), ("test", 7)):
        pixels = np.full((2, 3, 3), value, np.uint8)
        pages[f"/{split}/x"] = Reply(images_file(tmp_path / "x", pixels))
        pages[f"/{split}/y"] = Reply(labels_file(tmp_path / "y", [value, value]))
    with running(Site(pages=dict(pages))) as site:
        given = [
            {
                "split": split,
                "images": {"url": f"{site.root}/{split}/x"},
                "labels": {"url": f"{site.root}/{split}/y"},
            }
            for split in ("train", "test")
        ]
        settings = idx.Settings.model_validate({"files": given, "allow_hosts": ["127.0.0.1"]})
        rows = read(settings, tmp_path / "work")
    assert [row["label"] for row in rows] == ["3", "3", "7", "7"]
    values = [np.array(PIL.Image.open(io.BytesIO(row["image"])))[0, 0] for row in rows]
    assert values == [3, 3, 7, 7]


@pytest.mark.parametrize("known", [True, False])
def test_what_a_killed_run_fetched_is_taken_by_the_digest_of_its_content(
    pair: tuple[Path, npt.NDArray[np.uint8]], known: bool
) -> None:
    folder, _ = pair
    pages = {f"/{name}": Reply(gzip.compress((folder / name).read_bytes())) for name in "xy"}
    with running(Site(pages=dict(pages))) as site:
        files = {}
        for kind, name in (("images", "x"), ("labels", "y")):
            digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
            files[kind] = {"url": f"{site.root}/{name}", "sha256": digest if known else None}
        settings = idx.Settings.model_validate(
            {"files": [{"split": "train", **files}], "allow_hosts": ["127.0.0.1"]}
        )
        began: list[bool] = []
        for _ in range(2):
            context = Context(folder / "work", begins_anew=lambda: began.append(True))
            assert sum(batch.num_rows for batch in idx.read(settings, "s", context)) == 7
        # Nobody vouches for what has no digest, and no ETag.
        assert site.asked["/x"] == (1 if known else 2)
        assert len(began) == 2 * site.asked["/x"]
        fetched = next((folder / "work").rglob("x"))
        fetched.write_bytes(b"damaged")
        assert len(read(settings, folder / "work")) == 7


def test_what_a_file_should_be_is_a_part_of_what_it_is(
    pair: tuple[Path, npt.NDArray[np.uint8]],
) -> None:
    """Else one that is refused would be called cached."""
    plain, other = (idx.fingerprint(settings_for(pair[0], images=one)) for one in ({}, {"size": 9}))
    digest = idx.fingerprint(settings_for(pair[0], images={"sha256": "0" * 64}))
    assert len({plain, other, digest}) == 3


def test_a_missing_file(pair: tuple[Path, npt.NDArray[np.uint8]]) -> None:
    (pair[0] / "y").unlink()
    with pytest.raises(MissingError):
        idx.fingerprint(settings_for(pair[0]))


def test_settings_name_a_set_or_files() -> None:
    with pytest.raises(ValidationError, match="either `set: mnist`"):
        idx.Settings()
    with pytest.raises(ValidationError, match="`path` belongs to `set`"):
        idx.Settings.model_validate(
            {
                "path": "a",
                "files": [{"split": "test", "images": {"path": "x"}, "labels": {"path": "y"}}],
            }
        )


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_png_is_read_back_pixel_for_pixel(height: int, width: int, seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (height, width)).astype(np.uint8)
    back = PIL.Image.open(io.BytesIO(idx.encode_png(image)))
    assert back.mode == "L"
    assert (np.array(back) == image).all()


def test_mnist_from_a_mirror(shared_data: Path, tmp_path: Path) -> None:
    settings = idx.Settings(set="mnist", mirror=str(shared_data))
    rows = read(settings, tmp_path, limit=700)
    assert Counter(row["split"] for row in rows) == {"train": 600, "test": 100}
    # The first labels of both files, as published.
    assert [row["label"] for row in rows[:5]] == ["5", "0", "4", "1", "9"]
    assert [row["label"] for row in rows[600:605]] == ["7", "2", "1", "0", "4"]


def test_mnist_from_a_folder(shared_data: Path, tmp_path: Path) -> None:
    settings = idx.Settings(set="mnist", path=str(shared_data / "mnist"))
    by_path = read(settings, tmp_path, limit=70)
    by_url = read(idx.Settings(set="mnist", mirror=str(shared_data)), tmp_path, limit=70)
    assert [row["id"] for row in by_path] == [row["id"] for row in by_url]
    assert idx.fingerprint(settings).count("\n") == 6
    # What the set says itself is a part of it.
    assert idx.fingerprint(settings).startswith("licence ")
    known = idx._known("mnist")
    pairs = [pair.model_copy(update={"split": "validation"}) for pair in known.files]
    other = known.model_copy(update={"files": tuple(pairs)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(idx, "_known", lambda _: other)
        swapped = idx.fingerprint(settings)
    assert idx.fingerprint(settings) != swapped
