"""Pictures in folders, idx files, annotation exports, and digits of simulated people."""

from __future__ import annotations

import gzip
import json
import struct
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.collect.test_label_studio import answer, task
from tests.table.entries import effect, extreme, name, refused
from tests.table.sources import png, read
from tests.table.whole import said
from tilth.collect import demo_digits
from tilth.errors import DataError, MissingError


def tree(folder: Path, *names: str) -> str:
    for number, path in enumerate(names):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(png(number))
    return str(folder)


def folders(path: str, limit: int | None = None, **given: Any) -> list[Any]:
    return read("image_folder", Path(path), {"path": path, **given}, limit)


@effect("collect.image_folder.labels")
def test_the_folder_is_the_label_or_there_is_none(tmp_path: Path) -> None:
    path = tree(tmp_path, "cat/1.png", "dog/1.png")
    assert [row["label"] for row in folders(path)] == ["cat", "dog"]
    assert [row["label"] for row in folders(path, labels="none")] == [None, None]


@effect("collect.image_folder.labels")
def test_the_path_is_the_label_where_names_are_not_unique(tmp_path: Path) -> None:
    path = tree(tmp_path, "train/a/one/1.png", "train/b/one/1.png", "test/b/one/2.png")
    with pytest.raises(DataError, match="two folders of the name `one` would be one class"):
        folders(path)
    found = sorted(row["label"] for row in folders(path, labels="path"))
    assert found == ["a/one", "b/one", "b/one"]


@effect("collect.image_folder.class_names")
def test_folders_are_given_names(tmp_path: Path) -> None:
    path = tree(tmp_path, "n01/1.png", "n02/1.png")
    rows = folders(path, class_names={"n01": "cat"})
    assert [row["label"] for row in rows] == ["cat", "n02"]
    inner = tree(tmp_path / "inner", "a/cat/1.png", "b/cat/1.png")
    assert [row["label"] for row in folders(inner, class_names={"cat": "cat"})] == ["cat", "cat"]


@name("collect.image_folder.class_names", "collect.image_folder.splits")
def test_a_folder_that_is_not_there_is_refused(path: str, tmp_path: Path) -> None:
    place = tree(tmp_path, "part1/n01/1.png", "part1/n02/1.png", "part2/n03/3.png")
    setting = path.rpartition(".")[2]
    given = {"class_names": {"n01": "cat", "n2": "dog"}, "splits": {"parts1": "test"}}[setting]
    nearest = {"class_names": "n02", "splits": "part1"}[setting]
    for limit in (None, 1):
        with pytest.raises(DataError, match=f"`{setting}` names the folder") as caught:
            folders(place, limit, **{setting: given})
        assert f"did you mean `{nearest}`" in caught.value.hint


@refused("collect.image_folder.class_names")
def test_names_of_classes_belong_to_labels() -> None:
    given = {"path": "x", "labels": "none", "class_names": {"a": "b"}}
    found = said({"collect": {"a": {"image_folder": given}}})
    assert "`class_names` belongs to `labels: folder` or `path`" in found


@effect("collect.image_folder.splits")
def test_other_folders_are_splits_too(tmp_path: Path) -> None:
    path = tree(tmp_path, "Holdout/dog/1.png", "train/cat/1.png", "deep/er/val/cat/1.png")
    assert [row["split"] for row in folders(path)] == [None, "validation", "train"]
    rows = folders(path, splits={"holdout": "test", "val": "train"})
    assert [row["split"] for row in rows] == ["test", "train", "train"]
    # The outermost decides.
    inner = tree(tmp_path / "inner", "test/train/cat/1.png")
    assert [row["split"] for row in folders(inner)] == ["test"]


@effect("collect.image_folder.split")
def test_pictures_without_a_split_have_the_sources(tmp_path: Path) -> None:
    path = tree(tmp_path, "cat/1.png", "train/cat/1.png")
    assert [row["split"] for row in folders(path)] == [None, "train"]
    assert [row["split"] for row in folders(path, split="test")] == ["test", "train"]


@effect("collect.image_folder.include")
def test_only_what_the_expression_is_found_in(tmp_path: Path) -> None:
    path = tree(tmp_path, "cat/1.png", "dog/1.png")
    assert [row["label"] for row in folders(path, include="^d")] == ["dog"]


@name("collect.image_folder.include")
def test_an_expression_that_is_nowhere_is_refused(tmp_path: Path) -> None:
    path = tree(tmp_path, "cat/1.png", "dog/1.png")
    with pytest.raises(DataError, match="`include: /bird/` is in the path of no file") as caught:
        folders(path, include="/bird/")
    assert "cat/1.png" in caught.value.hint
    given = {"path": "x", "include": "("}
    assert "not a regular expression" in said({"collect": {"a": {"image_folder": given}}})


def test_a_limit_has_pictures_of_all_splits_and_classes(tmp_path: Path) -> None:
    names = [f"{part}/{kind}/{n}.png" for part in ("test", "train") for kind in "abc" for n in "12"]
    rows = folders(tree(tmp_path, *names), 6)
    assert Counter((row["split"], row["label"]) for row in rows) == {
        (part, kind): 1 for part in ("test", "train") for kind in "abc"
    }


def idx_pair(folder: Path, labels: list[int], stem: str = "a", shade: int = 9) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    pixels = bytes([shade] * 4 * len(labels))
    (folder / f"{stem}.x").write_bytes(struct.pack(">IIII", 0x803, len(labels), 2, 2) + pixels)
    (folder / f"{stem}.y").write_bytes(struct.pack(">II", 0x801, len(labels)) + bytes(labels))
    sides = {"images": f"{stem}.x", "labels": f"{stem}.y"}
    return {"split": "train", **{k: {"path": str(folder / v)} for k, v in sides.items()}}


def idx(folder: Path, *files: dict[str, Any], limit: int | None = None, **given: Any) -> list[Any]:
    return read("idx", folder, {"files": list(files), **given}, limit)


@effect("collect.idx.files", "collect.idx.files.split")
def test_all_pairs_are_read_each_of_its_split(tmp_path: Path) -> None:
    first, second = idx_pair(tmp_path, [0, 1]), idx_pair(tmp_path, [2], "b")
    assert [row["label"] for row in idx(tmp_path, first)] == ["0", "1"]
    rows = idx(tmp_path, first, {**second, "split": "test"})
    assert [(row["split"], row["label"]) for row in rows] == [
        *[("train", "0"), ("train", "1")],
        ("test", "2"),
    ]
    # Sorted as they are, a trial run has some of each.
    few = idx(tmp_path, idx_pair(tmp_path, [0] * 20 + [1] * 20 + [2] * 20, "c"), limit=6)
    assert Counter(row["label"] for row in few) == {"0": 2, "1": 2, "2": 2}


@effect("collect.idx.files.images", "collect.idx.files.labels")
def test_images_and_labels_are_those_of_their_files(tmp_path: Path) -> None:
    one, two = idx_pair(tmp_path, [0]), idx_pair(tmp_path, [7], "b", shade=200)
    (row,) = idx(tmp_path, one)
    (other_images,) = idx(tmp_path, {**one, "images": two["images"]})
    (other_labels,) = idx(tmp_path, {**one, "labels": two["labels"]})
    assert other_images["image"] != row["image"] == other_labels["image"]
    assert (row["label"], other_images["label"], other_labels["label"]) == ("0", "0", "7")


@effect("collect.idx.class_names")
def test_labels_are_given_names(tmp_path: Path) -> None:
    pair = idx_pair(tmp_path, [1, 0, 2])
    rows = idx(tmp_path, pair, class_names=["cat", "dog"])
    assert [row["label"] for row in rows] == ["dog", "cat", None]
    assert "label 2, but there are 2 class names" in rows[2]["error"]


@name("collect.idx.class_names")
def test_a_class_without_an_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="names class 2 `bird`, and the last that there is is 1"):
        idx(tmp_path, idx_pair(tmp_path, [1, 0]), class_names=["cat", "dog", "bird"])


@effect("collect.idx.set", "collect.idx.path")
def test_a_known_set_is_read_from_a_folder(shared_data: Path, tmp_path: Path) -> None:
    (folder,) = {path.parent for path in shared_data.glob("*/train-images-idx3-ubyte*")}
    rows = read("idx", tmp_path, {"set": "mnist", "path": str(folder)}, 20)
    assert len(rows) == 20
    assert {row["split"] for row in rows} == {"train", "test"}
    assert rows[0]["license"]
    assert "either `set: mnist` or `files" in said({"collect": {"a": {"idx": {}}}})
    found = said({"collect": {"a": {"idx": {"files": [idx_pair(tmp_path, [1])], "path": "x"}}}})
    assert "`path` belongs to `set`" in found


def test_a_file_of_a_known_set_that_is_another_is_refused(
    shared_data: Path, tmp_path: Path
) -> None:
    for path in (shared_data / "mnist").glob("*-ubyte*"):
        (tmp_path / path.name).symlink_to(path)
    (wrong,) = tmp_path.glob("train-labels*")
    with gzip.open(wrong) as file:
        data = bytearray(file.read())
    data[-1] ^= 1
    wrong.unlink()
    wrong.write_bytes(gzip.compress(data))
    with pytest.raises(DataError, match="sha256 of the content"):
        read("idx", tmp_path, {"set": "mnist", "path": str(tmp_path)}, 20)


@name("collect.idx.path")
def test_a_folder_without_the_set_is_told_by_the_plan(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no such file"):
        read("idx", tmp_path, {"set": "mnist", "path": str(tmp_path)})


def export(folder: Path, *tasks: Any, limit: int | None = None, **given: Any) -> list[Any]:
    (folder / "a.json").write_text(json.dumps(tasks))
    return read("label_studio", folder, {"path": str(folder / "a.json"), **given}, limit)


@effect("collect.label_studio.text", "collect.label_studio.image")
def test_the_keys_of_text_and_image(tmp_path: Path) -> None:
    (tmp_path / "p.png").write_bytes(png())
    data = {"text": "plain", "body": "a heron", "image": "none.png", "photo": "p.png"}
    (row,) = export(tmp_path, task(1, data), text="body", image="photo")
    assert (row["text"], row["image"]) == ("a heron", png())
    (row,) = export(tmp_path, task(1, data), text="text")
    assert (row["text"], "image" in row) == ("plain", False)


@name("collect.label_studio.text", "collect.label_studio.image", "collect.label_studio.control")
def test_what_no_task_has_is_refused(path: str, tmp_path: Path) -> None:
    given = task(1, {"text": "a", "photo": "p.png"}, answer("p", "x", control="kind"))
    setting = path.rpartition(".")[2]
    wrong, near = {"text": ("txt", "text"), "image": ("foto", "photo"), "control": ("kid", "kind")}[
        setting
    ]
    settings: dict[str, Any] = {setting: wrong}
    with pytest.raises(DataError, match=f"`{wrong}`, which is not there") as caught:
        export(tmp_path, *[given] * 3, **settings)
    assert f"did you mean `{near}`" in caught.value.hint


@effect("collect.label_studio.control")
def test_answers_to_one_control_are_read(tmp_path: Path) -> None:
    both = answer("p", "x", control="kind")
    both["result"] += answer("p", "y", control="mood")["result"]
    for control, label in (("kind", "x"), ("mood", "y")):
        (row,) = export(tmp_path, task(1, {"text": "a"}, both), control=control)
        assert row["annotations"] == [{"annotator": "p", "label": label}]
    assert (
        "answers to several controls" in export(tmp_path, task(1, {"text": "a"}, both))[0]["error"]
    )


@effect("collect.label_studio.images")
def test_pictures_are_looked_for_in_their_folder(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "p.png").write_bytes(png(1))
    (tmp_path / "in" / "p.png").write_bytes(png(2))
    data = task(1, {"image": "p.png"})
    assert export(tmp_path, data)[0]["image"] == png(1)
    assert export(tmp_path, data, images=str(tmp_path / "in"))[0]["image"] == png(2)


@name("collect.label_studio.images")
def test_a_folder_of_pictures_that_is_not_there_is_told_by_the_plan(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    with pytest.raises(MissingError) as caught:
        export(tmp_path, task(1, {"image": "p.png"}), images=str(tmp_path / "picture"))
    assert "did you mean `pictures`" in caught.value.hint


@effect("collect.image_folder.max_pixels", "collect.parquet.max_pixels")
@extreme("collect.image_folder.max_pixels", "collect.parquet.max_pixels")
def test_a_larger_picture_is_quarantined_wherever_it_lies(tmp_path: Path, path: str) -> None:
    source = path.split(".")[1]
    given: dict[str, Any] = {"path": tree(tmp_path / "in", "cat/1.png")}
    if source == "parquet":
        pq.write_table(pa.table({"image": [png()]}), tmp_path / "a.parquet")
        given = {"path": str(tmp_path / "a.parquet"), "image": "image"}
    for pixels, fits in ((1, False), (15, False), (16, True), (178_956_970, True)):
        (row,) = read(source, tmp_path, {**given, "max_pixels": pixels})
        assert (row["error"] is None) is fits
        assert fits or "above `max_pixels`" in row["error"]
    for bad in (0, -1, 178_956_971):
        found = said({"collect": {"a": {source: {**given, "max_pixels": bad}}}})
        assert "max_pixels" in found


@refused("collect.parquet.max_pixels")
def test_pixels_of_what_is_no_picture() -> None:
    given = {"path": "x", "max_pixels": 9}
    assert "`max_pixels` belongs to `image`" in said({"collect": {"a": {"parquet": given}}})
    assert not said({"collect": {"a": {"parquet": {**given, "image": "image"}}}})


@effect("collect.label_studio.max_pixels")
@extreme("collect.label_studio.max_pixels")
def test_a_larger_picture_is_quarantined(tmp_path: Path) -> None:
    (tmp_path / "p.png").write_bytes(png(side=4))
    data = task(1, {"image": "p.png"})
    for pixels, fits in ((1, False), (15, False), (16, True), (178_956_970, True)):
        (row,) = export(tmp_path, data, max_pixels=pixels)
        assert (row["error"] is None) is fits
        assert fits or "above `max_pixels`" in row["error"]
    for bad in (0, -1, 178_956_971):
        given = {"path": "x", "max_pixels": bad}
        assert "max_pixels" in said({"collect": {"a": {"label_studio": given}}})


@refused("collect.label_studio.images", "collect.label_studio.max_pixels")
def test_where_only_text_is_read(path: str) -> None:
    setting = path.rpartition(".")[2]
    given = {"path": "x", "text": "text", setting: {"images": ".", "max_pixels": 9}[setting]}
    found = said({"collect": {"a": {"label_studio": given}}})
    assert f"`{setting}` belongs to `image`, and only `text` is read" in found
    del given[setting]
    assert not said({"collect": {"a": {"label_studio": given}}})


@effect("collect.label_studio.split")
def test_tasks_without_a_split_have_the_sources(tmp_path: Path) -> None:
    tasks = [task(n, {"text": "a", "split": part}) for n, part in enumerate(("dev", "", None))]
    rows = export(tmp_path, *tasks, split="test")
    assert [row["split"] for row in rows] == ["validation", "test", "test"]
    assert [row["split"] for row in export(tmp_path, *tasks)] == ["validation", None, None]


def test_a_limit_has_tasks_of_all_answers(tmp_path: Path) -> None:
    tasks = [task(n, {"text": str(n)}, answer("p", "xy"[n // 20])) for n in range(40)]
    rows = export(tmp_path, *tasks, limit=4)
    assert [row["annotations"][0]["label"] for row in rows] == ["x", "x", "y", "y"]


def digits(folder: Path, **given: Any) -> list[dict[str, Any]]:
    """A delivery of ten digits of each class, task by task: split, people and what they say."""
    images = np.random.default_rng(0).integers(0, 17, (100, 8, 8)).astype(float)
    settings = demo_digits.Settings.model_validate(given)
    path = demo_digits.write_delivery(images, np.arange(100) % 10, settings, folder)
    return [
        {
            "split": task["data"]["split"],
            "answers": {
                answer["completed_by"]["username"]: answer["result"][0]["value"]["choices"][0]
                for answer in task["annotations"]
                if not answer["ground_truth"]
            },
        }
        for task in json.loads(path.read_text())
    ]


def wrong_digits(**given: Any) -> str:
    return said({"collect": {"a": {"demo_digits": given}}})


@effect("collect.demo_digits.error_rates")
@extreme("collect.demo_digits.error_rates")
def test_each_rate_is_a_person(tmp_path: Path) -> None:
    found = digits(tmp_path, error_rates=[0, 1], annotators_per_item=2, test_share=0)
    for number, item in enumerate(found):
        right, wrong = item["answers"].values()
        assert list(item["answers"]) == ["simulated-1 (0% wrong)", "simulated-2 (100% wrong)"]
        assert right == str(number % 10) != wrong
    for bad in ([], [1.1], [-0.1], [float("nan")], [0.1] * 1001):
        assert "error_rates" in wrong_digits(error_rates=bad)


@effect("collect.demo_digits.annotators_per_item")
@extreme("collect.demo_digits.annotators_per_item")
def test_so_many_answers_an_item(tmp_path: Path) -> None:
    for number in (1, 3, 5):
        found = digits(tmp_path, annotators_per_item=number)
        assert {len(task["answers"]) for task in found if task["split"] == "train"} == {number}
    for bad in (0, 6, -1):
        assert wrong_digits(annotators_per_item=bad)


@effect("collect.demo_digits.test_share")
@extreme("collect.demo_digits.test_share")
def test_so_large_a_share_is_held_out(tmp_path: Path) -> None:
    for share in (0.0, 0.2, 0.5, 0.9):
        held_out = [task["split"] for task in digits(tmp_path, test_share=share)].count("test")
        assert held_out == 100 * share
    for bad in (1, -0.1, float("nan")):
        assert "test_share" in wrong_digits(test_share=bad)


@effect("collect.demo_digits.seed")
@extreme("collect.demo_digits.seed")
def test_the_seed_says_who_answers_what_and_what_is_held_out(tmp_path: Path) -> None:
    def of(seed: int, of_what: str) -> list[Any]:
        if of_what == "split":
            return [item["split"] for item in digits(tmp_path, seed=seed)]
        # Where all answer, only what they say is drawn; where all are wrong, only which it is.
        rate, number = (1.0 if of_what == "which" else 0.5), (2 if of_what == "who" else 3)
        people = {"error_rates": [rate] * 3, "annotators_per_item": number}
        found = [item["answers"] for item in digits(tmp_path, seed=seed, test_share=0, **people)]
        if of_what == "wrong":
            right = enumerate(found)
            return [[one == str(n % 10) for one in said.values()] for n, said in right]
        return [list(said) if of_what == "who" else said for said in found]

    for of_what in ("split", "who", "wrong", "which"):
        first = of(0, of_what)
        assert of(0, of_what) == first
        assert first not in (of(-1, of_what), of(1 << 70, of_what))
