"""No option of a loader and no state is taken in silence that cannot be, or does nothing."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.loaders.samples import data_set
from tilth.errors import DataError, TilthError, UsageError
from tilth.loaders import Dataset
from tilth.loaders.augment import Augment
from tilth.tasks.text.tokenize import train_characters


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Pictures of a mixture."""
    weights: list[object] = [(0.5, 1.5)[at % 2] for at in range(40)]
    folder = tmp_path_factory.mktemp("images")
    return data_set(folder, "image", more={"signal.weight": weights})


_NO_NUMBER: list[Any] = [-1, 1.5, "1", True, float("nan"), 10**30]
# Values that each option does not take; `None` leaves it open.
_WRONG: dict[str, list[Any]] = {
    "columns": ["text", b"text", [], ["id", "id"], [1], ["nothing"]],
    "image_size": [28, (28,), (28, 28.0), (True, 28), "28", (0, 1), (-1, 1), {28, 29}],
    "channels": [0, 2, True, "3", -1],
    "sample_rate": [*_NO_NUMBER[:-1], 0],
    "tokenizer": [1, object()],
    "max_length": [*_NO_NUMBER[:-1], 0, 8],
    "classes": ["no", [], [1, 2], {"no", "yes"}, ["no", "no"], {"no": 0}, 3],
    "resample": _NO_NUMBER,
    "folder": [1, "", b"x"],
    "batch_size": [*_NO_NUMBER[:-1], 0],
    "seed": _NO_NUMBER,
    "epoch": _NO_NUMBER,
    "window": [*_NO_NUMBER[:-1], 0],
    "augment": ["no", 1, True],
    "num_workers": _NO_NUMBER[:-1],
    "rank": [0, -1, 1.0],
    "world": [0, 1, -1],
    "drop_last": ["no", 1, 0, None],
    "pin_memory": ["no", 1, None],
    "start_method": ["frok", "fork", 1],
}


def _options(method: Any) -> set[str]:
    return set(inspect.signature(method).parameters) - {"self"}


def test_every_option_is_tried() -> None:
    methods = (Dataset.to_torch, Dataset.to_torch_loader, Dataset.to_torch_windows, Dataset.to_tf)
    assert set().union(*map(_options, methods)) == _WRONG.keys()


@pytest.mark.parametrize("name", _WRONG)
def test_what_an_option_cannot_be_is_one_error(name: str, images: Dataset, tmp_path: Path) -> None:
    texts = data_set(tmp_path, "text") if name in ("window", "tokenizer", "max_length") else images
    for value in _WRONG[name]:
        given = {name: value}
        if name in _options(Dataset.to_torch):
            with pytest.raises(UsageError):
                texts.to_torch(**given)
        if name in _options(Dataset.to_torch_loader):
            with pytest.raises(UsageError) as caught:
                texts.to_torch_loader(**{"batch_size": 4, **given})
            assert not name.startswith("w") or f"`{name}`" in str(caught.value)
        if name == "window":
            with pytest.raises(UsageError, match="`window`"):
                texts.to_torch_windows(**given)


@pytest.mark.parametrize("rank", [(0, 0), (1, 1), (-1, 2), (2, 2), (0.0, 1), (0, 2.0)])
def test_ranks_that_are_none(rank: tuple[Any, Any], images: Dataset) -> None:
    with pytest.raises(UsageError, match=r"`rank`|`world`"):
        images.to_torch_loader(4, rank=rank[0], world=rank[1])


def test_what_would_do_nothing_is_said(tmp_path: Path) -> None:
    data = data_set(tmp_path, "image")
    test = Dataset(data.path, "test")
    for found, told in ((data, "no sample of the split train has"), (test, "of the split test")):
        with pytest.raises(UsageError, match=told):
            found.to_torch(resample=1)
    with pytest.raises(UsageError, match="`classes` would do nothing"):
        data.to_torch(["id"], classes=["no", "yes", "9", "10"])
    with pytest.raises(UsageError, match="`augment` would do nothing"):
        Dataset(data.path, "train", augment=Augment([])).to_torch_loader(4, augment=True)
    with pytest.raises(UsageError, match=r"`drop_last` would leave nothing.* 32 samples.* 64"):
        data.to_torch_loader(64, drop_last=True)
    with pytest.raises(UsageError, match="`start_method` would do nothing without `num_workers`"):
        data.to_torch_loader(4, start_method="spawn")


def test_numbers_of_numpy_are_numbers(images: Dataset) -> None:
    given: tuple[Any, Any, Any] = (np.int64(8), np.uint32(3), np.int8(1))
    eight, three, one = given
    loader = images.to_torch_loader(eight, three, epoch=one)
    same = images.to_torch_loader(8, 3, epoch=1)
    assert json.dumps(loader.state_dict()) == json.dumps(same.state_dict())
    assert next(iter(loader))["id"] == next(iter(same))["id"]
    assert len(images.to_torch(resample=one)) == len(images.to_torch(resample=1))


@pytest.mark.parametrize("epoch", _NO_NUMBER)
def test_an_epoch_that_is_none(epoch: Any, images: Dataset) -> None:
    with pytest.raises(UsageError, match="`epoch` is a whole number from 0"):
        images.to_torch_loader(4).set_epoch(epoch)


_STATES: dict[str, Any] = {
    "a word": "x",
    "nothing": None,
    "a number": 3,
    "a list": [1, 2],
    "empty": {},
    "of an earlier version": {"version": 1},
    "an epoch that is a word": {"epoch": "1"},
    "an epoch below 0": {"epoch": -1},
    "a share of an epoch": {"epoch": 0.5},
    "an epoch that is true": {"epoch": True},
    "samples that are a word": {"samples": "8"},
    "samples below 0": {"samples": -8},
    "no end of a batch": {"samples": 9},
    "more than there are": {"samples": 8000},
    "samples that are nothing": {"samples": None},
    "other data": {"digest": 1},
    "no seed": {"seed": None},
    "a size of a word": {"image_size": "x"},
    "a deep size": {"image_size": {"a": [object()]}},
}


@pytest.mark.parametrize("which", _STATES)
def test_a_state_that_is_none_is_one_error(which: str, images: Dataset) -> None:
    loader = images.to_torch_loader(8, 3)
    whole, given = loader.state_dict(), _STATES[which]
    is_part = isinstance(given, dict) and given and "version" not in given
    with pytest.raises(TilthError) as caught:
        loader.load_state_dict({**whole, **given} if is_part else given)
    assert isinstance(caught.value, DataError | UsageError)
    assert caught.value.hint
    assert loader.state_dict() == whole


def test_a_state_lacks_nothing(images: Dataset) -> None:
    loader = images.to_torch_loader(8, 3)
    whole = loader.state_dict()
    for name in whole:
        with pytest.raises(DataError):
            loader.load_state_dict({key: value for key, value in whole.items() if key != name})
    loader.load_state_dict(json.loads(json.dumps(whole)))


_FORMS: dict[str, dict[str, Any]] = {
    "image_size": {"image_size": (3, 5)},
    "channels": {"channels": 1},
    "columns": {"columns": ["id", "image"]},
    "classes": {"classes": ["yes", "no", "9", "10"]},
    "drop_last": {"drop_last": True},
    "seed": {"seed": 4},
    "batch_size": {"batch_size": 4},
}


@pytest.mark.parametrize("name", _FORMS)
def test_a_state_of_other_batches_is_refused(name: str, images: Dataset) -> None:
    own: dict[str, Any] = {"batch_size": 8, "seed": 3}
    state = json.loads(json.dumps(images.to_torch_loader(**own).state_dict()))
    other = images.to_torch_loader(**{**own, **_FORMS[name]})
    with pytest.raises(UsageError, match=f"`{name}`") as caught:
        other.load_state_dict(state)
    assert name in caught.value.hint
    # What is said is what is there.
    told = other.state_dict()
    again = images.to_torch_loader(**{**own, **_FORMS[name]})
    again.load_state_dict(told)
    assert again.state_dict() == told


def test_a_size_that_is_said_or_found_is_the_same(images: Dataset) -> None:
    state = images.to_torch_loader(8).state_dict()
    images.to_torch_loader(8, image_size=(4, 6), channels=3).load_state_dict(state)
    assert (state["image_size"], state["channels"]) == ([4, 6], 3)


def test_a_state_knows_transforms_tokenizers_and_rates(tmp_path: Path) -> None:
    sounds = data_set(tmp_path / "audio", "audio")
    state = sounds.to_torch_loader(8).state_dict()
    with pytest.raises(UsageError, match="`sample_rate` 8000, and this one has 4000"):
        sounds.to_torch_loader(8, sample_rate=4000).load_state_dict(state)
    speeds = [Augment([{"speed": {"min": low}}]) for low in (0.8, 0.9)]
    loaders = [Dataset(sounds.path, "train", augment=one).to_torch_loader(8) for one in speeds]
    for other in (loaders[1], sounds.to_torch_loader(8)):
        with pytest.raises(UsageError, match="another `augment`"):
            other.load_state_dict(loaders[0].state_dict())
    texts = data_set(tmp_path / "text", "text")
    one, two = (train_characters([f"word0123456789 {more}"]) for more in ("", "x"))
    for window in (None, 8):
        given: dict[str, Any] = {} if window is None else {"window": window}
        state = texts.to_torch_loader(4, tokenizer=one, **given).state_dict()
        texts.to_torch_loader(4, tokenizer=one, **given).load_state_dict(state)
        with pytest.raises(UsageError, match="another `tokenizer`"):
            texts.to_torch_loader(4, tokenizer=two, **given).load_state_dict(state)
    long = texts.to_torch_loader(4, tokenizer=one, max_length=9)
    with pytest.raises(UsageError, match="`max_length` None, and this one has 9"):
        long.load_state_dict(texts.to_torch_loader(4, tokenizer=one).state_dict())
    with pytest.raises(UsageError, match="another `tokenizer`"):
        texts.to_torch_loader(4, tokenizer=_codes).load_state_dict(
            texts.to_torch_loader(4, tokenizer=one).state_dict()
        )


def _codes(text: str) -> list[int]:
    return [ord(letter) for letter in text]
