"""Data set to arrays: nothing lost, nothing mixed up, clear refusals."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.training.samples import image_rows, text_rows, write_dataset
from tilth.errors import DataError
from tilth.models.gpt import GPTSettings
from tilth.models.mlp import MLPSettings
from tilth.randomness import ids_to_u64
from tilth.tasks.prepare import Prepared, prepare
from tilth.tasks.settings import DataSettings, TaskName
from tilth.tasks.text.tokenize import decode, train_tokenizer
from tilth.training.examples import Documents, Examples

TEXT: TaskName = "text-generation"
IMAGE: TaskName = "image-classification"
ALL = DataSettings(validation_share=0, vocabulary=300)


def of(tmp_path: Path, rows: list[dict[str, Any]], task: TaskName, data: DataSettings) -> Prepared:
    return prepare(write_dataset(tmp_path / "data", rows), task, data, tmp_path)


def texts_of(prepared: Prepared, split: str) -> list[str]:
    documents = prepared.splits[split]
    assert isinstance(documents, Documents)
    assert prepared.tokenizer is not None
    bounds = zip(documents.starts[:-1], documents.starts[1:], strict=True)
    return [decode(prepared.tokenizer, documents.tokens[a:b].tolist()) for a, b in bounds]


def images_of(prepared: Prepared, split: str) -> Examples:
    rows = prepared.splits[split]
    assert isinstance(rows, Examples)
    return rows


def test_text_becomes_tokens_and_back(tmp_path: Path) -> None:
    rows = text_rows(30)
    rows[3]["text"] = "naïve ☃ 雪"
    rows[4]["text"] = ""
    prepared = of(tmp_path, rows, TEXT, ALL)
    assert texts_of(prepared, "train") == [r["text"] for r in rows if r["split"] == "train"]
    assert texts_of(prepared, "test") == [r["text"] for r in rows if r["split"] == "test"]
    train = prepared.splits["train"]
    assert isinstance(train, Documents)
    assert train.bytes.tolist() == [len(r["text"].encode()) for r in rows[:24]]
    assert train.ids.tolist() == ids_to_u64([r["id"] for r in rows[:24]]).tolist()
    packed = prepared.examples("train", GPTSettings(context=16))
    assert packed is not None
    assert packed.rows.shape[1] == 17
    assert prepared.examples("validation", GPTSettings()) is None
    with pytest.raises(DataError, match="cannot be trained on text"):
        prepared.examples("train", MLPSettings())


def test_images_become_pixels_and_labels_numbers(tmp_path: Path) -> None:
    rows = image_rows(40)
    prepared = of(tmp_path, rows, IMAGE, ALL)
    train = images_of(prepared, "train")
    assert train.rows.shape == (32, 1, 6, 6)
    assert train.rows.dtype == np.uint8
    expected = np.asarray(Image.open(io.BytesIO(rows[7]["image"])))
    assert np.array_equal(train.rows[7, 0], expected)
    assert train.labels.tolist() == [int(r["label"]) for r in rows[:32]]
    assert prepared.facts.classes == ("0", "1", "2")
    assert prepared.facts.sizes.image == (1, 6, 6)
    assert prepared.facts.mean[0] == pytest.approx(train.rows.mean() / 255)
    assert prepared.facts.std[0] == pytest.approx(train.rows.std() / 255)


def test_it_is_found_again_and_a_half_written_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = write_dataset(tmp_path / "data", text_rows(20))
    work = tmp_path / "work"
    work.mkdir()
    told: list[str] = []

    def stop(done: float, total: float | None, note: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(dataset, TEXT, ALL, work, progress=stop)
    assert not list(work.glob("prepared-*"))
    for _ in range(2):
        prepare(dataset, TEXT, ALL, work, progress=lambda d, t, note: told.append(note))
    assert told.count("training the tokenizer") == 1
    prepare(dataset, TEXT, ALL.model_copy(update={"sources": ("a",)}), work)
    assert len(list(work.glob("prepared-*"))) == 2


@pytest.mark.parametrize("how", ["one bit", "cut", "gone"])
def test_arrays_that_are_damaged_are_made_again(how: str, tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "data", text_rows(20))
    work = tmp_path / "work"
    work.mkdir()
    whole = prepare(dataset, TEXT, ALL, work)
    path = max((whole.folder / "train").glob("*.bin"), key=lambda p: p.stat().st_size)
    data = path.read_bytes()
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(data[:-8] if how == "cut" else bytes([data[0] ^ 4]) + data[1:])
    prepare(dataset, TEXT, ALL, work)
    assert path.read_bytes() == data


def test_sources_labels_and_limit_choose_samples(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "data", image_rows(40))
    chosen = ALL.model_copy(update={"sources": ("a",), "labels": ("0", "2")})
    prepared = prepare(dataset, IMAGE, chosen, tmp_path)
    kept = [r for r in image_rows(40) if r["source"] == "a" and r["label"] != "1"]
    assert len(images_of(prepared, "train")) == sum(r["split"] == "train" for r in kept)
    assert prepared.facts.classes == ("0", "2")
    assert len(images_of(prepare(dataset, IMAGE, ALL, tmp_path, limit=9), "train")) == 9


def test_validation_is_held_out_by_id_where_there_is_none(tmp_path: Path) -> None:
    rows = text_rows(200)
    data = DataSettings(validation_share=0.2, vocabulary=300)
    prepared = of(tmp_path, rows, TEXT, data)
    train, validation = prepared.splits["train"], prepared.splits["validation"]
    assert len(train) + len(validation) == 160
    assert 15 < len(validation) < 50
    # Another data set that shares samples holds out the same ones.
    less = prepare(write_dataset(tmp_path / "less", rows[:80]), TEXT, data, tmp_path)
    assert set(less.splits["validation"].ids.tolist()) <= set(validation.ids.tolist())


def test_weights_come_from_the_mixture(tmp_path: Path) -> None:
    rows = [
        {**row, "signal.weight": [0.5, None, 2.0][i % 3]} for i, row in enumerate(text_rows(30))
    ]
    train = of(tmp_path, rows, TEXT, ALL).splits["train"]
    assert train.weights.tolist() == [0.5, 1.0, 2.0] * 8


@pytest.mark.parametrize("share", [0, 0.3])
def test_weights_change_nothing_of_what_is_measured(share: float, tmp_path: Path) -> None:
    """They say how often a sample is trained on: of what is held out all is measured, once."""
    rows = [{**row, "signal.weight": [0.0, 3.0][i % 2]} for i, row in enumerate(text_rows(30))]
    prepared = of(tmp_path, rows, TEXT, DataSettings(vocabulary=300, validation_share=share))
    settings = GPTSettings(layers=1, width=16, heads=2, context=16)
    for split in prepared.splits.keys() - {"train"}:
        held_out = prepared.examples(split, settings)
        assert held_out is not None
        assert held_out.packing is not None
        assert len(held_out.packing.ids) == len(prepared.splits[split])
        assert set(held_out.weights.tolist()) == {1.0}
    train = prepared.examples("train", settings)
    assert train is not None
    assert train.packing is not None
    assert len(train.packing.ids) < len(prepared.splits["train"])


def test_a_given_tokenizer_and_given_classes_are_used(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "data", text_rows(20))
    tokenizer = train_tokenizer(["quite other words"], 270)
    prepared = prepare(dataset, TEXT, ALL, tmp_path, tokenizer=tokenizer)
    assert prepared.facts.sizes.vocabulary == tokenizer.get_vocab_size()
    images = write_dataset(tmp_path / "images", image_rows(20))
    given = prepare(images, IMAGE, ALL, tmp_path, classes=("2", "1", "0", "9"))
    assert images_of(given, "train").labels[:3].tolist() == [2, 1, 0]
    assert given.facts.sizes.classes == 4


def test_classes_that_are_numbers_are_sorted_as_numbers(tmp_path: Path) -> None:
    rows = [{**row, "label": str(i % 11)} for i, row in enumerate(image_rows(44))]
    assert of(tmp_path, rows, IMAGE, ALL).facts.classes == tuple(str(i) for i in range(11))


def test_no_sample_left_is_said_with_the_selection(tmp_path: Path) -> None:
    data = ALL.model_copy(update={"sources": ("c",)})
    with pytest.raises(DataError, match=r"no sample is left \(split train, source c; 0 samples"):
        of(tmp_path, text_rows(10), TEXT, data)


def test_labels_are_checked_before_anything_is_decoded(tmp_path: Path) -> None:
    rows = image_rows(20)
    rows[-1]["label"] = "cat"
    with pytest.raises(DataError, match="label `cat` of the test split is not among the 3 classes"):
        of(tmp_path / "1", rows, IMAGE, ALL)
    rows[5]["label"] = None
    with pytest.raises(DataError, match="some have none") as caught:
        of(tmp_path / "2", rows, IMAGE, ALL)
    assert rows[5]["id"] in caught.value.where


def test_an_image_that_cannot_be_read_is_an_error_that_names_it(tmp_path: Path) -> None:
    """Nothing is left out behind the books: what is kept was decoded when it was collected."""
    rows = image_rows(150)
    rows[7]["image"] = rows[7]["image"][:30]
    with pytest.raises(DataError, match="an image cannot be decoded: no image") as caught:
        of(tmp_path, rows, IMAGE, ALL)
    assert rows[7]["id"] in caught.value.where
    rows[7]["image"] = None
    with pytest.raises(DataError, match="there is none") as caught:
        of(tmp_path / "2", rows, IMAGE, ALL)
    assert rows[7]["id"] in caught.value.where


@pytest.mark.parametrize("place", [0, 40, 149])
def test_one_colour_makes_a_set_of_colours(tmp_path: Path, place: int) -> None:
    """Grey or colour is decided from all of them, not from the first."""
    rows = image_rows(150)
    shades = np.arange(36, dtype=np.uint8).reshape(6, 6) * 7
    for row in rows:
        row["image"] = _encoded(Image.fromarray(shades))
    grey = of(tmp_path, rows, IMAGE, ALL)
    assert grey.facts.sizes.image == (1, 6, 6)
    rows[place]["image"] = _encoded(Image.new("RGB", (6, 6), (9, 200, 30)))
    prepared = of(tmp_path / "2", rows, IMAGE, ALL)
    assert prepared.facts.sizes.image == (3, 6, 6)
    seen = {tuple(map(int, one[:, 0, 0])) for one in _all_images(prepared)}
    assert seen == {(0, 0, 0), (9, 200, 30)}
    asked = of(tmp_path / "3", rows, IMAGE, ALL.model_copy(update={"channels": 1}))
    assert asked.facts.sizes.image == (1, 6, 6)


def _encoded(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def _all_images(prepared: Prepared) -> list[np.ndarray]:
    return [one for split in prepared.splits for one in images_of(prepared, split).rows]


def test_images_of_several_sizes_are_refused_or_resized(tmp_path: Path) -> None:
    rows = image_rows(30)
    buffer = io.BytesIO()
    Image.new("RGB", (9, 5)).save(buffer, "PNG")
    rows[3]["image"] = buffer.getvalue()
    with pytest.raises(DataError, match="5 x 9 pixels among images of 6 x 6") as caught:
        of(tmp_path, rows, IMAGE, ALL)
    assert caught.value.hint == "set data.image_size: [6, 6]"
    resized = ALL.model_copy(update={"image_size": (4, 8), "channels": 3})
    assert images_of(of(tmp_path / "2", rows, IMAGE, resized), "train").rows.shape[1:] == (
        3,
        4,
        8,
    )


def test_a_label_that_no_sample_has_is_refused_with_the_nearest(tmp_path: Path) -> None:
    rows = [{**row, "label": "ab"[i % 2]} for i, row in enumerate(image_rows(20))]
    wanted = ALL.model_copy(update={"labels": ("a", "B")})
    with pytest.raises(DataError, match="no sample has the label `B`") as caught:
        of(tmp_path, rows, IMAGE, wanted)
    assert "did you mean `b`?" in caught.value.hint


def test_one_class_is_nothing_to_tell_apart(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="every training sample has the label `1`"):
        of(tmp_path, image_rows(20), IMAGE, ALL.model_copy(update={"labels": ("1",)}))


def test_a_vocabulary_is_learnt_from_no_text_that_is_held_out(tmp_path: Path) -> None:
    rows = [
        {**row, "text": "abc"[i % 3] * 9, "subject": "xyz"[i % 3], "split": "train"}
        for i, row in enumerate(text_rows(30))
    ]
    dataset = write_dataset(tmp_path / "data", rows)
    for sources in ((), ("a", "b")):
        data = ALL.model_copy(update={"tokenizer": "characters", "tokenizer_sources": sources})
        prepared = prepare(dataset, TEXT, data, tmp_path, fold=("subject", "y"))
        assert prepared.tokenizer is not None
        assert set(prepared.tokenizer.get_vocab()) == {"<|end|>", "<|unknown|>", "a", "c"}
    nothing = ALL.model_copy(update={"tokenizer_sources": ("nobody",)})
    with pytest.raises(DataError, match="no training text of nobody to learn a vocabulary from"):
        prepare(dataset, TEXT, nothing, tmp_path)
