"""Pictures whose folder is their class: split and label from the path."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from tests.collect.archives import tar
from tilth.collect import image_folder
from tilth.context import Context
from tilth.decode.picture import LATER_FRAMES
from tilth.errors import DataError
from tilth.reading.inputs import OTHER_TYPE


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(len(path.name)).integers(0, 255, (9, 7, 3)).astype(np.uint8)
    PIL.Image.fromarray(pixels).save(path)


def read(
    folder: Path,
    limit: int | None = None,
    passed: list[tuple[str, str]] | None = None,
    **given: Any,
) -> list[dict[str, Any]]:
    settings = image_folder.Settings(path=str(folder), **given)
    noted = [] if passed is None else passed
    context = Context(folder, limit=limit, passes_over=lambda *one: noted.append(one))
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
        ("train/deep/cat/1.jpg", ("train", "cat")),
        ("train/val/1.jpg", ("train", None)),
        ("cat/1.png", (None, "cat")),
        ("test/7.png", ("test", None)),
        ("holdout/cat/7.png", ("test", "cat")),
        ("7.png", (None, None)),
    ],
)
def test_the_path_names_split_and_class(name: str, place: tuple[str | None, str | None]) -> None:
    settings = image_folder.Settings(
        path="x", splits={"HoldOut": "test"}, class_names={"cat": "katze"}
    )
    assert image_folder.Tree(settings, "x").place_of(name) == place


def test_what_is_not_read_does_not_count(tmp_path: Path) -> None:
    for name in ("train/cat/1.png", "train/dog/1.png"):
        picture(tmp_path / name)
    (tmp_path / "train/cat/long.png").write_bytes(bytes(2000))

    def found(include: str = "", most: int = 1000) -> str:
        return image_folder.fingerprint(
            image_folder.Settings(path=str(tmp_path), include=include, max_record_bytes=most)
        )

    cats, most, whole = found("/cat/"), found(), found("", 5000)
    (tmp_path / "train/dog/1.png").write_bytes(b"another")
    assert found("/cat/") == cats
    assert found() != most
    # What is left out is in the books by its name.
    picture(tmp_path / "train" / "dog" / "22.png")
    assert found("/cat/") != cats
    cats, most = found("/cat/"), found()
    (tmp_path / "train" / ".hidden.png").write_bytes(b"of an editor")
    assert found("/cat/") != cats
    (tmp_path / "train" / ".hidden.png").unlink()
    assert (found("/cat/"), found()) == (cats, most)
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


def test_a_picture_that_cannot_be_decoded_is_one_quarantined_row(tmp_path: Path) -> None:
    for name in ("cat/1.png", "cat/2.jpg", "cat/3.tif", "cat/4.webp", "cat/5.gif", "cat/6.avif"):
        picture(tmp_path / name)
        whole = (tmp_path / name).read_bytes()
        (tmp_path / "cat" / f"cut-{Path(name).name}").write_bytes(whole[:-40])
    (tmp_path / "cat/none.png").write_bytes(b"nothing")
    rows = read(tmp_path)
    bad = {Path(row["uri"]).stem: row["error"] for row in rows if row["error"]}
    assert len(rows) == 13
    assert set(bad) == {*(f"cut-{number}" for number in range(1, 7)), "none"}
    assert "cat/cut-1.png: the image cannot be decoded: cut off" in bad["cut-1"]
    assert "no image in one of PNG, JPEG" in bad["none"]


def test_what_is_not_seen_and_what_is_not_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = [PIL.Image.new("RGB", (4, 4), (shade, 0, 0)) for shade in (0, 99)]
    (tmp_path / "cat").mkdir()
    frames[0].save(tmp_path / "cat/a.gif", save_all=True, append_images=frames[1:])
    heic = (Path(__file__).parents[1] / "decode/heic/plain.heic").read_bytes()
    (tmp_path / "cat/b.HEIC").write_bytes(heic)
    told: list[tuple[str, str]] = []

    def rows() -> int:
        context = Context(tmp_path, passes_over=lambda place, why: told.append((place, why)))
        settings = image_folder.Settings(path=str(tmp_path))
        return sum(batch.num_rows for batch in image_folder.read(settings, "s", context))

    assert rows() == 2
    assert told == [(f"{tmp_path}/cat/a.gif", LATER_FRAMES)]
    monkeypatch.setattr("tilth.collect.image_folder.reads_heif", lambda: False)
    assert rows() == 1
    assert told[-1] == (f"{tmp_path}/cat/b.HEIC", f"{OTHER_TYPE} without the extra `heif` (.heic)")


@pytest.mark.slow
def test_cifar_10_counts(shared_data: Path) -> None:
    archive = shared_data / "cifar-10-jpeg" / "cifar-10-jpeg.tar.xz"
    rows = read(archive, limit=5_500)
    assert set(Counter(row["label"] for row in rows).values()) <= {549, 550, 551}
    assert len(Counter(row["label"] for row in rows)) == 10
    splits = Counter(row["split"] for row in rows)
    assert abs(splits["test"] - 5_500 / 6) < 10
    assert splits["train"] + splits["test"] == 5_500


def test_a_class_is_one_folder_and_may_be_a_path(tmp_path: Path) -> None:
    for part in ("train", "test"):
        for alphabet in ("Greek", "Latin"):
            for letter in ("c01", "c02"):
                picture(tmp_path / "omniglot" / part / alphabet / letter / f"{part}.png")
    with pytest.raises(DataError, match="two folders of the name `c01` would be one class") as both:
        read(tmp_path)
    assert "`Greek/c01` and `Latin/c01`" in str(both.value)
    paths = Counter(row["label"] for row in read(tmp_path, labels="path"))
    assert paths == {f"{a}/{c}": 2 for a in ("Greek", "Latin") for c in ("c01", "c02")}
    named = read(tmp_path, class_names={"c01": "c01", "c02": "two"})
    assert Counter(row["label"] for row in named) == {"c01": 4, "two": 4}


def test_what_all_pictures_share_is_no_part_of_a_path(tmp_path: Path) -> None:
    for name in ("all/pets/cat/1.png", "all/pets/cat/2.png", "all/pets/big/dog/1.png"):
        picture(tmp_path / name)
    labels = [row["label"] for row in read(tmp_path, labels="path")]
    assert labels == ["big/dog", "cat", "cat"]
    # One class only: its folder is shared by all, and there is nothing below it.
    picture(tmp_path / "one" / "cat" / "1.png")
    assert [row["label"] for row in read(tmp_path / "one", labels="path")] == ["cat"]


def test_a_class_of_which_no_file_is_read_is_an_error(tmp_path: Path) -> None:
    for name in ("cat/1.png", "dog/1.png"):
        picture(tmp_path / name)
    (tmp_path / "notes.txt").write_text("of no class")
    passed: list[tuple[str, str]] = []
    assert len(read(tmp_path, passed=passed)) == 2
    why = "of a type that this source does not read (.txt)"
    assert passed == [(f"{tmp_path}/notes.txt", why)]
    (tmp_path / "owl").mkdir()
    (tmp_path / "owl" / "1.psd").write_bytes(b"x")
    with pytest.raises(DataError, match=r"`.*/owl` stands beside the classes") as caught:
        read(tmp_path)
    assert "1.psd" in str(caught.value)
    assert len(read(tmp_path, include="cat|dog")) == 2
    with zipfile.ZipFile(tmp_path / "birds.zip", "w") as packed:
        for name in ("owl/1.png", "wren/1.png", "kite/1.svg"):
            packed.writestr(name, (tmp_path / "cat/1.png").read_bytes())
    with pytest.raises(DataError, match=r"`.*zip:kite` stands beside"):
        read(tmp_path / "birds.zip")
