"""Which samples are learnt from, and how they become numbers: every setting of `data`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from tests.table.entries import effect, extreme, name, refused, under
from tests.table.trainings import (
    BASES,
    DATA,
    Row,
    Trained,
    dataset_of,
    image_samples,
    learn,
    rows_of,
    text_samples,
)
from tests.table.whole import said
from tests.training.samples import text_rows
from tilth.errors import DataError
from tilth.models.gpt import GPTSettings
from tilth.tasks.prepare import prepare
from tilth.tasks.settings import DataSettings
from tilth.training.examples import Ragged

TEXTS = ("text-generation", "text-classification", "translation")
LEARNT = ("image-classification", "speech-recognition", *TEXTS)
SPEECH = "speech-recognition"


def taken(**given: Any) -> bool:
    """Whether these settings are accepted."""
    try:
        DataSettings(**given)
    except ValidationError:
        return False
    return True


def facts(found: Trained) -> dict[str, Any]:
    """What the model keeps of how its samples were read."""
    kept: dict[str, Any] = json.loads((found.folder / "config.json").read_text("utf-8"))["facts"]
    return kept


def told(task: str, **data: Any) -> str:
    """What `tilth check` says of these settings of data."""
    stage = {"task": task, "model": BASES[task]["model"], "data": data}
    return said({"collect": {"wiki": {"jsonl": {"path": "x"}}}, "pretrain": stage})


def in_splits(sizes: dict[str, int]) -> list[Row]:
    """Pictures of which each split has so many."""
    splits = [split for split, size in sizes.items() for _ in range(size)]
    rows = image_samples()
    return [{**row, "split": split} for row, split in zip(rows, splits, strict=False)]


@effect("pretrain.data")
def test_the_block_is_the_stages_own() -> None:
    all_of_them = learn("pretrain.data.sources").result.samples["test"]
    some = learn("pretrain.data.sources", ["a"]).result.samples["test"]
    assert 0 < some < all_of_them


@effect(*under(DATA, "sources"))
@pytest.mark.parametrize("task", LEARNT)
def test_only_the_sources_are_learnt_from(task: str) -> None:
    rows = [{**row, "source": "ab"[i % 2]} for i, row in enumerate(rows_of(task))]
    for path in under(DATA, "sources"):
        for sources in (["a"], ["a", "b"], []):
            chosen = [row for row in rows if row["source"] in (sources or "ab")]
            samples = learn(path, sources, task, rows=rows, loop={"max_steps": 1}).result.samples
            tested = sum(row["split"] == "test" for row in chosen)
            assert samples["test"] == tested
            assert samples["train"] + samples["validation"] == len(chosen) - tested


@name("pretrain.data.sources", "pretrain.data.tokenizer_sources")
def test_a_source_that_is_not_there_is_refused(path: str) -> None:
    found = told("text-generation", **{path.rpartition(".")[2]: ["wikis"]})
    assert "names the source `wikis`, which `collect` has not" in found
    assert "did you mean `wiki`?" in found


@effect(*under(DATA, "labels"))
def test_only_the_labels_are_learnt(path: str) -> None:
    found = learn(path, ["0", "2"])
    assert facts(found)["classes"] == ["0", "2"]
    assert found.result.samples["test"] == 8
    texts = learn(path, ["b"], "text-generation")
    assert texts.result.samples["test"] == 6


@name(*under(DATA, "labels"))
def test_a_label_that_no_sample_has_is_refused(path: str) -> None:
    rows = [{**row, "label": "ab"[i % 2]} for i, row in enumerate(image_samples())]
    with pytest.raises(DataError, match="no sample has the label `B`") as caught:
        learn(path, ["a", "B"], rows=rows)
    assert "did you mean `b`?" in caught.value.hint
    with pytest.raises(DataError, match="nothing to tell apart"):
        learn(path, ["a"], rows=rows)


@effect(*under(DATA, "train", "validation", "test"))
def test_each_split_is_the_one_that_is_named() -> None:
    sizes = {"train": 24, "validation": 12, "test": 9}
    rows = in_splits(sizes)
    for train, validation, test in (
        ("train", "validation", "test"),
        ("validation", "test", "train"),
        ("test", "train", "validation"),
    ):
        names = {"train": train, "validation": validation, "test": test}
        for path in under(DATA, "train"):
            found = learn(path, rows=rows, data=names).result
        assert found.samples == {role: sizes[split] for role, split in names.items()}
        assert found.intervals["test"]["accuracy"].n == sizes[test]


@refused(*under(DATA, "train", "validation", "test"))
def test_one_split_for_two_is_refused() -> None:
    assert "three different splits" in told("image-classification", validation="test")
    assert "three different splits" in told("text-generation", test="train")
    # A split has one of three names.
    assert not any(taken(**{one: "dev"}) for one in ("train", "validation", "test"))


@effect(*under(DATA, "validation_share"))
@extreme(*under(DATA, "validation_share"))
def test_a_share_of_the_training_is_held_out(path: str) -> None:
    rows = image_samples()
    for share in (0.0, 0.2, 0.5, 0.9):
        samples = learn(path, share, rows=rows, loop={"max_steps": 1}).result.samples
        held = samples.get("validation", 0)
        assert samples["train"] + held == 48
        assert abs(held - 48 * share) <= 8
        assert bool(held) == bool(share)
    with pytest.raises(DataError, match="no sample is left"):
        learn(path, 0.99999)
    assert not any(taken(validation_share=one) for one in (1, -0.1))
    # Where there is a validation split, that one counts.
    given = in_splits({"train": 24, "validation": 12, "test": 9})
    assert learn(path, 0.5, rows=given).result.samples["validation"] == 12


@effect(*under(DATA, "vocabulary"))
@extreme(*under(DATA, "vocabulary"))
@pytest.mark.parametrize("task", TEXTS)
def test_the_vocabulary_has_so_many_tokens_at_most(task: str) -> None:
    for path in under(DATA, "vocabulary"):
        for most in (258, 300, 65_535):
            found = learn(path, most, task, loop={"max_steps": 1})
            size = facts(found)["sizes"]["vocabulary"]
            assert found.weights["tokens.weight"].shape[0] == size
            # Few texts give fewer.
            assert size == most if most <= 300 else 300 < size < 1000
    assert not any(taken(vocabulary=one) for one in (257, 65_536, 0))


@effect(*under(DATA, "tokenizer"))
@pytest.mark.parametrize("task", TEXTS)
def test_a_token_is_a_character(task: str) -> None:
    rows = text_samples()
    columns = ("text", "target") if task == "translation" else ("text",)
    seen = {char for row in rows if row["split"] == "train" for c in columns for char in row[c]}
    for path in under(DATA, "tokenizer"):
        data = {"vocabulary": None, "validation_share": 0}
        found = learn(path, "characters", task, data=data, loop={"max_steps": 1})
        # And the end, and what is not known.
        assert facts(found)["sizes"]["vocabulary"] == len(seen) + 2
    assert not taken(tokenizer="words")


@effect(*under(DATA, "tokenizer_sources"))
@pytest.mark.parametrize("task", TEXTS)
def test_the_vocabulary_is_learnt_from_other_sources(task: str) -> None:
    rows = text_samples()
    for row in rows:
        if row["source"] == "b":
            row |= {"text": "xyz " + row["text"], "target": row["target"] + " xyz"}
    data = {
        "vocabulary": None,
        "tokenizer": "characters",
        "sources": ["a"],
        "validation_share": 0,
    }
    columns = ("text", "target") if task == "translation" else ("text",)
    for path in under(DATA, "tokenizer_sources"):
        for sources in ([], ["a"], ["b"], ["a", "b"]):
            found = learn(path, sources, task, rows=rows, data=data, loop={"max_steps": 1})
            learnt_from = [
                row[column]
                for row in rows
                for column in columns
                if row["split"] == "train" and row["source"] in (sources or ["a"])
            ]
            assert facts(found)["sizes"]["vocabulary"] == len(set("".join(learnt_from))) + 2
        # A source of whose texts nothing is left gives no vocabulary.
        with pytest.raises(DataError, match="no training text of c to learn a vocabulary from"):
            learn(path, ["c"], task, rows=rows, data=data)


@effect(*under(DATA, "shuffle"))
def test_documents_are_packed_in_their_own_order_or_by_a_hash(tmp_path: Path) -> None:
    dataset = dataset_of(text_rows(40))
    order = {}
    for shuffle in (True, False):
        data = DataSettings(vocabulary=300, validation_share=0, shuffle=shuffle)
        prepared = prepare(dataset, "text-generation", data, tmp_path)
        packed = prepared.examples("train", GPTSettings(context=16))
        assert packed is not None
        assert packed.packing is not None
        order[shuffle] = packed.packing.ids.tolist()
        own = prepared.splits["train"].ids.tolist()
    assert order[False] == own
    assert sorted(order[True]) == sorted(own)
    assert order[True] != own
    for path in under(DATA, "shuffle"):
        one, other = (learn(path, value, "text-generation") for value in (True, False))
        assert one.result.curve[-1].loss != other.result.curve[-1].loss


@effect(*under(DATA, "max_length"))
@extreme(*under(DATA, "max_length"))
@pytest.mark.parametrize("task", ["text-classification", "translation"])
def test_a_text_is_read_up_to_so_many_tokens(task: str, tmp_path: Path) -> None:
    dataset = dataset_of(text_samples())
    longest = {}
    for most in (3, 9, 5000):
        data = DataSettings(vocabulary=300, max_length=most, validation_share=0)
        inputs = prepare(dataset, task, data, tmp_path).splits["train"].inputs  # type: ignore[union-attr]
        assert isinstance(inputs, Ragged)
        longest[most] = int(inputs.lengths.max())
    assert (longest[3], longest[9]) == (3, 9)
    assert 9 < longest[5000] < 100
    for path in under(DATA, "max_length"):
        assert facts(learn(path, 9, task, loop={"max_steps": 1}))["max_length"] == 9
    assert not any(taken(max_length=one) for one in (2, 0, -1))


@effect(*under(DATA, "sample_rate"))
@extreme(*under(DATA, "sample_rate"))
def test_sounds_are_resampled(path: str, tmp_path: Path) -> None:
    rows = rows_of(SPEECH)[:20]
    lengths = {}
    for rate in (1000, 4000, 8000, 16_000):
        data = DataSettings(sample_rate=rate, mels=12, validation_share=0)
        split = prepare(dataset_of(rows), SPEECH, data, tmp_path).splits["train"]
        assert isinstance(split.inputs, Ragged)  # type: ignore[union-attr]
        lengths[rate] = split.inputs.lengths  # type: ignore[union-attr]
    for rate in (1000, 4000, 16_000):
        ratios = lengths[rate] / lengths[8000]
        np.testing.assert_allclose(ratios, rate / 8000, rtol=0.01)
    found = learn(path, 4000, SPEECH, loop={"max_steps": 1})
    assert facts(found)["sample_rate"] == 4000
    assert not any(taken(sample_rate=one) for one in (999, 192_001, 0))


@effect(*under(DATA, "mels"))
@extreme(*under(DATA, "mels"))
def test_a_frame_has_so_many_bands(path: str) -> None:
    for mels in (4, 20, 256):
        found = learn(path, mels, SPEECH, rows=rows_of(SPEECH)[:20], loop={"max_steps": 1})
        assert facts(found)["sizes"]["mels"] == mels
    assert not any(taken(mels=one) for one in (3, 257))


@effect(*under(DATA, "image_size", "channels"))
@extreme(*under(DATA, "image_size"))
@pytest.mark.parametrize("task", ["image-classification", "image-rotation", "image-contrastive"])
def test_pictures_have_the_size_and_the_channels(task: str) -> None:
    augment: list[dict[str, Any]] = [{"flip": {}}]
    for path in under(DATA, "image_size"):
        for size, channels in (([1, 1], 1), ([4, 4], 3), ([32, 32], 1)):
            data = {"channels": channels}
            found = learn(path, size, task, data=data, augment=augment, loop={"max_steps": 1})
            assert facts(found)["sizes"]["image"] == [channels, *size]
            assert found.weights["body.1.weight"].shape[1] == channels * size[0] * size[1]
    for size in ([0, 4], [4, -1], [4], [8193, 4]):
        assert not taken(image_size=size)
    assert not any(taken(channels=one) for one in (0, 2, 4))


@refused(*under(DATA, *DataSettings.model_fields))
@pytest.mark.parametrize(
    ("task", "setting", "value"),
    [
        ("image-classification", "vocabulary", 300),
        ("speech-recognition", "tokenizer", "characters"),
        ("image-rotation", "tokenizer_sources", ["wiki"]),
        ("text-classification", "shuffle", False),
        ("text-generation", "max_length", 9),
        ("translation", "sample_rate", 16_000),
        ("image-contrastive", "mels", 80),
        ("speech-recognition", "image_size", [4, 4]),
        ("text-generation", "channels", 3),
    ],
)
def test_what_the_task_does_not_read_is_refused(task: str, setting: str, value: Any) -> None:
    found = told(task, **{setting: value})
    assert f"task {task} does not read `data.{setting}`, only " in found


@refused(*under(DATA, "vocabulary"))
def test_a_size_of_a_vocabulary_of_characters_is_refused() -> None:
    found = told("text-generation", tokenizer="characters", vocabulary=300)
    assert "`vocabulary` does nothing with tokenizer: characters" in found
