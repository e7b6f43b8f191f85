"""A plain `DataLoader` shuffles, batches and splits a data set; Tilth's own loader is exact."""

from __future__ import annotations

import hashlib
import io
import itertools
import pickle
import warnings
from collections.abc import Callable, Iterator
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tokenizers import Tokenizer
from torch import distributed
from torch.utils.data import DataLoader

from tests.loaders.samples import columns_of, data_set, ids, picture, sound
from tests.store.written import written
from tilth.errors import DataError, MissingError, StorageError, UsageError
from tilth.loaders import Dataset
from tilth.loaders.augment import Augment
from tilth.tasks.text.tokenize import train_characters

# A machine, or a part of one, may have a single core.
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return data_set(tmp_path_factory.mktemp("images"), "image")


@pytest.fixture(scope="module")
def weighted(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Of sources a and b, mixed 1 to 3."""
    weights: list[object] = [0.5 if i % 2 else 1.5 for i in range(400)]
    sources: list[object] = ["a" if i % 2 else "b" for i in range(400)]
    folder = tmp_path_factory.mktemp("weighted")
    return data_set(folder, "text", 400, more={"signal.weight": weights, "source": sources})


@pytest.mark.parametrize("workers", [0, 2])
def test_a_plain_loader_shuffles_and_batches_pictures(images: Dataset, workers: int) -> None:
    data = images.to_torch()
    assert len(data) == images.num_rows == 32
    assert data.classes == ("9", "10", "no", "yes")
    torch.manual_seed(0)
    batches = list(DataLoader(data, batch_size=12, shuffle=True, num_workers=workers))
    assert [len(batch["id"]) for batch in batches] == [12, 12, 8]
    first = batches[0]
    assert first["image"].dtype == torch.uint8
    assert list(first["image"].shape) == [12, 3, 4, 6]
    assert first["label"].dtype == torch.int64
    labels = {row["id"]: row["label"] for row in images.to_arrow(["id", "label"]).to_pylist()}
    seen = [name for batch in batches for name in batch["id"]]
    assert sorted(seen) == sorted(labels)
    assert seen != list(labels)
    numbers = [int(n) for batch in batches for n in batch["label"]]
    assert [data.classes[n] for n in numbers] == [labels[name] for name in seen]


def test_pixels_are_those_of_the_picture(images: Dataset) -> None:
    stored = images.to_arrow(["image"]).column("image").to_pylist()
    for place in (0, 20, -1):
        found = images.to_torch()[place]["image"]
        expected = np.asarray(Image.open(io.BytesIO(stored[place]))).transpose(2, 0, 1)
        assert np.array_equal(found.numpy(), expected)
    with pytest.raises(IndexError):
        images.to_torch()[32]


def test_labels_have_one_map_for_all_splits(tmp_path: Path) -> None:
    columns = columns_of("text", 10)
    columns["label"] = ["only in the test" if i % 5 == 0 else f"{i}" for i in range(10)]
    written(tmp_path, [columns])
    maps = [Dataset(tmp_path, split).to_torch().classes for split in (None, "train", "test")]
    assert maps == [(*(str(i) for i in range(10) if i % 5), "only in the test")] * 3
    test = Dataset(tmp_path, "test").to_torch(classes=("only in the test", "x"))
    assert test.labels.tolist() == [0, 0]
    with pytest.raises(UsageError, match="labels that `classes` lacks: 1, 2"):
        Dataset(tmp_path, "train").to_torch(classes=("x", "y"))


def test_what_has_no_label_is_left_out_by_cross_entropy_and_said(tmp_path: Path) -> None:
    columns = columns_of("text", 4)
    columns["label"] = ["a", None, "b", None]
    columns["split"] = [None] * 4
    written(tmp_path, [columns])
    with pytest.warns(UserWarning, match="2 of 4 samples without a label"):
        data = Dataset(tmp_path, "train").to_torch()
    batch = next(iter(DataLoader(data, batch_size=4)))
    assert batch["label"].tolist() == [0, -100, 1, -100]
    logits = torch.tensor([[9.0, 0], [0, 0], [0, 9.0], [0, 0]])
    assert torch.nn.functional.cross_entropy(logits, batch["label"]) < 0.01


def test_no_value_is_none_and_each_has_one_type(tmp_path: Path) -> None:
    written(
        tmp_path,
        [
            {"id": ids(3), "text": ["a", None, "c"], "n": [1, None, 3], "whole": [1, 2, 3]},
            {"id": ids(2, 3), "text": ["d", "e"], "n": [4, 5], "whole": [4, 5], "x": [True, None]},
        ],
    )
    data = Dataset(tmp_path).to_torch(["text", "n", "whole", "x", "label_origin"])
    batch = next(iter(DataLoader(data, batch_size=5)))
    assert batch["text"] == ["a", "", "c", "d", "e"]
    assert batch["label_origin"] == [""] * 5
    assert batch["whole"].dtype == torch.int64
    assert batch["n"].dtype == batch["x"].dtype == torch.float64
    assert batch["n"].isnan().tolist() == [False, True, False, False, False]
    assert batch["x"].nan_to_num(7).tolist() == [7, 7, 7, 1, 7]
    assert Dataset(tmp_path).to_torch()[0].keys() == {"id", "text"}


@pytest.mark.parametrize(
    ("others", "given", "told"),
    [
        ((picture(1, (8, 4)),), {}, r"4 x 8 pixels among images of 4 x 6"),
        ((picture(1, mode="RGB"),), {}, "in colour among images in grey"),
        ((None,), {}, "an image is wanted"),
        ((b"no picture",), {}, "cannot be decoded"),
        ((picture(1, (8, 4)),), {"image_size": (5, 5)}, ""),
        ((picture(1, mode="RGB"),), {"channels": 3}, ""),
    ],
)
def test_pictures_are_of_one_size_or_the_error_says_what_to_set(
    others: tuple[bytes | None], given: dict[str, Any], told: str, tmp_path: Path
) -> None:
    mode = "L" if "grey" in told or "channels" in given else "RGB"
    columns: dict[str, list[object]] = {
        "id": ids(3),
        "image": [picture(0, mode=mode), *others, picture(2, mode=mode)],
    }
    written(tmp_path, [columns])
    data = Dataset(tmp_path).to_torch(**given)
    if not told:
        shape = list(next(iter(DataLoader(data, batch_size=3)))["image"].shape)
        assert shape == [3, 3, *given.get("image_size", (4, 6))]
        return
    with pytest.raises(DataError, match=told) as caught:
        data[1]
    assert str(ids(3)[1])[:16] in caught.value.where
    assert "size" not in told or "image_size=(4, 6)" in caught.value.hint
    assert list(data[0]["image"].shape) == [1 if mode == "L" else 3, 4, 6]


def test_sound_is_put_together_with_its_lengths(tmp_path: Path) -> None:
    data = data_set(tmp_path, "audio").to_torch()
    assert data.sample_rate == 8000
    loader = DataLoader(data, batch_size=8, collate_fn=data.collate, num_workers=2)
    for batch in loader:
        lengths = batch["audio_lengths"]
        assert batch["audio"].dtype == torch.float32
        assert list(batch["audio"].shape) == [len(lengths), int(lengths.max())]
        for row, length in zip(batch["audio"], lengths, strict=True):
            assert not row[length:].any()
            assert row[length - 20 : length].any()
    assert len(data[0]["audio"]) == 320


def test_sound_of_another_rate_is_resampled_where_that_is_asked_for(tmp_path: Path) -> None:
    columns: dict[str, list[object]] = {"id": ids(2), "audio": [sound(0), sound(1, rate=16_000)]}
    written(tmp_path, [columns])
    with pytest.raises(DataError, match="16,000 Hz among sounds of 8,000") as caught:
        Dataset(tmp_path).to_torch()[1]
    assert "sample_rate=8000" in caught.value.hint
    data = Dataset(tmp_path).to_torch(sample_rate=4000)
    assert [len(data[i]["audio"]) for i in range(2)] == [200, 100]


def test_text_is_tokens_where_a_tokenizer_is_given(tmp_path: Path) -> None:
    dataset = data_set(tmp_path / "data", "text")
    tokenizer = train_characters(dataset.to_arrow(["text"]).column("text").to_pylist())
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    functions: list[Any] = [tmp_path / "tokenizer.json", tokenizer, _letters]
    texts = dataset.to_arrow(["text"]).column("text").to_pylist()
    for given in functions:
        data = dataset.to_torch(tokenizer=given, max_length=9)
        batch = next(iter(DataLoader(data, batch_size=8, collate_fn=data.collate, num_workers=1)))
        assert batch["tokens"].dtype == torch.int64
        assert batch["tokens_lengths"].tolist() == [min(len(t), 9) for t in texts[:8]]
        assert "text" not in batch
    ours: Any = tokenizer
    assert ours.decode(dataset.to_torch(tokenizer=ours)[3]["tokens"].tolist()) == texts[3]
    with pytest.raises(UsageError, match="not int"):
        dataset.to_torch(tokenizer=3)


def _letters(text: str) -> list[int]:
    return [ord(letter) for letter in text]


def test_windows_hold_every_token_once_as_a_target(tmp_path: Path) -> None:
    dataset = data_set(tmp_path / "data", "text")
    texts = dataset.to_arrow(["text"]).column("text").to_pylist()
    tokenizer: Tokenizer = train_characters(texts)
    data = dataset.to_torch_windows(16, tokenizer)
    batches = list(DataLoader(data, batch_size=4, shuffle=True))
    targets = torch.cat([batch["targets"] for batch in batches])
    # Each text's tokens, and one end token behind each of them.
    assert int((targets >= 0).sum()) == sum(map(len, texts)) + len(texts)
    inputs = torch.cat([batch["inputs"] for batch in batches])
    assert inputs.shape == targets.shape == (len(data), 16)
    assert (inputs >= 0).all()
    known = targets[:, :-1] >= 0
    assert (inputs[:, 1:][known] == targets[:, :-1][known]).all()
    loader = dataset.to_torch_loader(4, window=16, tokenizer=tokenizer)
    assert sum(len(batch["inputs"]) for batch in loader) == len(data)
    with pytest.raises(MissingError, match="validation"):
        Dataset(dataset.path, "validation").to_torch_windows(16, tokenizer)
    with pytest.raises(UsageError, match="`window` goes with"):
        dataset.to_torch_loader(4, columns=["text"], window=16)


def _read(loader: Any, batches: int | None = None) -> list[str]:
    """Digests of the next batches: of every name, shape and byte."""
    found = []
    for number, batch in enumerate(loader, 1):
        digest = hashlib.sha256()
        for name, value in batch.items():
            told = value.numpy().tobytes() if isinstance(value, torch.Tensor) else repr(value)
            digest.update(f"{name} {getattr(value, 'shape', '')}".encode())
            digest.update(told if isinstance(told, bytes) else told.encode())
        found.append(digest.hexdigest())
        if number == batches:
            break
    return found


_FLIP = Augment([{"flip": {}}, {"shift": {}}])
_SOUND = Augment([{"speed": {}}])


@pytest.mark.parametrize("kind", ["image", "audio"])
def test_batches_are_the_same_for_any_number_of_workers_and_resume_under_another(
    kind: str, tmp_path: Path
) -> None:
    data_set(tmp_path, kind)
    augment = _FLIP if kind == "image" else _SOUND
    dataset = Dataset(tmp_path, "train", augment=augment)

    def loader(workers: int = 0) -> Any:
        return dataset.to_torch_loader(6, 7, num_workers=workers)

    whole = loader()
    epochs = [_read(whole) for _ in range(3)]
    assert [len(epoch) for epoch in epochs] == [6, 6, 6]
    assert len({one for epoch in epochs for one in epoch}) == 18
    plain = dataset.to_torch_loader(6, 7, augment=False)
    assert not set(_read(plain)) & set(epochs[0])
    for workers in (1, 4) if kind == "image" else (2,):
        assert _read(loader(workers)) == epochs[0]
    stopped = loader(2)
    _read(stopped)
    assert _read(stopped, 3) == epochs[1][:3]
    state = stopped.state_dict()
    for workers in (0, 1):
        resumed = loader(workers)
        resumed.load_state_dict(state)
        assert _read(resumed) == epochs[1][3:]
        assert _read(resumed) == epochs[2]


def test_ranks_share_every_batch(images: Dataset) -> None:
    whole = [batch["id"] for batch in images.to_torch_loader(8, 3)]
    for world in (2, 4):
        loaders = [images.to_torch_loader(8, 3, rank=r, world=world) for r in range(world)]
        parts = zip(*([batch["id"] for batch in one] for one in loaders), strict=True)
        assert [[name for part in batch for name in part] for batch in parts] == whole
    # A state of one rank is that of another, and of another number of them.
    first = images.to_torch_loader(8, 3, rank=1, world=2)
    _read(first, 2)
    alone = images.to_torch_loader(8, 3)
    alone.load_state_dict(first.state_dict())
    assert [batch["id"] for batch in alone] == whole[2:]
    # 32 samples in batches of 12: of the last 8 each of 12 ranks has one.
    last = [list(images.to_torch_loader(12, 3, rank=r, world=12))[-1]["id"] for r in range(12)]
    assert [len(one) for one in last] == [1] * 12
    assert len({one[0] for one in last}) == 8
    assert len(list(images.to_torch_loader(12, 3, drop_last=True))) == 2
    with pytest.raises(UsageError, match="a batch of 8 cannot be shared by 3 ranks"):
        images.to_torch_loader(8, rank=0, world=3)
    with pytest.raises(UsageError, match="`rank` is a whole number from 0 to 1, not 2"):
        images.to_torch_loader(8, rank=2, world=2)


def test_ranks_have_the_transforms_of_one_and_go_on_as_others(tmp_path: Path) -> None:
    dataset = Dataset(data_set(tmp_path, "image").path, "train", augment=_FLIP)

    def loaders(world: int, workers: int = 0) -> list[Any]:
        return [
            dataset.to_torch_loader(8, 3, rank=r, world=world, num_workers=workers)
            for r in range(world)
        ]

    def pixels(parts: list[Any], batches: int) -> list[torch.Tensor]:
        """Of so many batches, all ranks together."""
        given = zip(*(iter(one) for one in parts), strict=True)
        return [
            torch.cat([batch["image"] for batch in part])
            for part in itertools.islice(given, batches)
        ]

    whole = loaders(1)
    epochs = [pixels(whole, 4) for _ in range(2)]
    assert not torch.equal(epochs[0][0], epochs[1][0])
    for world, other, workers in ((2, 4, 0), (4, 1, 1), (1, 2, 0)):
        stopped = loaders(world)
        for one in stopped:
            one.set_epoch(1)
        assert all(map(torch.equal, pixels(stopped, 2), epochs[1]))
        resumed = loaders(other, workers)
        for one in resumed:
            one.load_state_dict(stopped[0].state_dict())
        left = pixels(resumed, 4)
        assert len(left) == 2
        assert all(map(torch.equal, left, epochs[1][2:]))


def test_ranks_are_those_of_torch_distributed(images: Dataset) -> None:
    from torch.testing._internal.distributed.fake_pg import FakeStore

    distributed.init_process_group("fake", rank=1, world_size=2, store=FakeStore())
    try:
        ours = [batch["id"] for batch in images.to_torch_loader(8, 3)]
    finally:
        distributed.destroy_process_group()
    second = images.to_torch_loader(8, 3, rank=1, world=2)
    assert ours == [batch["id"] for batch in second]
    assert len(ours[0]) == 4


def test_the_order_is_a_full_permutation_that_says_nothing_of_the_disk(tmp_path: Path) -> None:
    num = 20_000
    names = ids(num)
    written(tmp_path, [{"id": names[start : start + 5_000]} for start in range(0, num, 5_000)])
    places = {name: place for place, name in enumerate(names)}
    loader = Dataset(tmp_path).to_torch_loader(num, columns=["id"])
    before = np.arange(num)
    for _ in range(2):
        (batch,) = loader
        seen = np.array([places[name] for name in batch["id"]])
        assert np.array_equal(np.sort(seen), np.arange(num))
        # Of so many a chance correlation has a standard deviation of .007.
        assert abs(np.corrcoef(seen, np.arange(num))[0, 1]) < 0.02
        assert abs(np.corrcoef(seen, before)[0, 1]) < 0.02
        before = seen


def test_a_mixture_of_one_to_three_comes_out_so(weighted: Dataset) -> None:
    def share(sources: Iterator[str]) -> float:
        found = list(sources)
        return found.count("b") / len(found)

    loader = weighted.to_torch_loader(32, columns=["source"])
    drawn = [one for _ in range(8) for batch in loader for one in batch["source"]]
    assert share(iter(drawn)) == pytest.approx(0.75, abs=0.02)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        resampled = weighted.to_torch(["source"], resample=1)
    assert share(one["source"] for one in resampled) == pytest.approx(0.75, abs=0.04)
    with pytest.warns(UserWarning, match="`resample=SEED` draws by them") as told:
        plain = weighted.to_torch(["source"])
    assert told[0].filename == __file__
    assert share(one["source"] for one in plain) == pytest.approx(0.5, abs=0.01)
    assert set(plain.weights.tolist()) == {0.5, 1.5}
    # A mixture says nothing of what is measured.
    assert set(Dataset(weighted.path, "test").to_torch(["source"]).weights.tolist()) == {1}


def test_windows_are_drawn_by_the_weights_of_their_texts(tmp_path: Path) -> None:
    dataset = data_set(
        tmp_path,
        "text",
        400,
        more={
            "text": ["aaaaaaa" if i % 2 else "bbbbbbb" for i in range(400)],
            "signal.weight": [0.5 if i % 2 else 1.5 for i in range(400)],
        },
    )
    tokenizer = train_characters(["ab"])
    loader = dataset.to_torch_loader(16, window=8, tokenizer=tokenizer)
    drawn = [batch["targets"].flatten() for _ in range(8) for batch in loader]
    counts = torch.bincount(torch.cat(drawn).clamp(min=0)).tolist()
    a, b = (counts[tokenizer.encode(letter).ids[0]] for letter in "ab")
    assert b / a == pytest.approx(3, rel=0.15)
    with pytest.warns(UserWarning, match=r"`to_torch_loader\(window=\.\.\.\)` draws") as told:
        plain = dataset.to_torch_windows(8, tokenizer)
    assert told[0].filename == __file__
    assert set(plain.weights.tolist()) == {0.5, 1.5}


def test_a_state_of_something_else_is_refused(images: Dataset, tmp_path: Path) -> None:
    state = images.to_torch_loader(8, 3).state_dict()
    with pytest.raises(UsageError, match="`seed` 3, and this one has 4"):
        images.to_torch_loader(8, 4).load_state_dict(state)
    with pytest.raises(UsageError, match="`batch_size` 8, and this one has 4"):
        images.to_torch_loader(4, 3).load_state_dict(state)
    with pytest.raises(DataError, match="of other data"):
        data_set(tmp_path, "image", 20).to_torch_loader(8, 3).load_state_dict(state)
    with pytest.raises(DataError, match="no state of a loader"):
        images.to_torch_loader(8, 3).load_state_dict({"epoch": 1})
    moved = images.to_torch_loader(8, 3)
    batches = iter(moved)
    next(batches)
    moved.set_epoch(2)
    with pytest.raises(UsageError, match="set to another epoch"):
        next(batches)


def test_a_state_at_the_end_of_an_epoch_is_the_beginning_of_the_next(images: Dataset) -> None:
    loader = images.to_torch_loader(8, 3)
    _read(loader, 4)
    assert loader.state_dict()["epoch"] == 1
    again = images.to_torch_loader(8, 3)
    again.load_state_dict(loader.state_dict())
    assert _read(again) == _read(images.to_torch_loader(8, 3, epoch=1))


def test_what_takes_the_last_batch_and_asks_for_no_more_has_the_next_epoch(images: Dataset) -> None:
    one, other = (images.to_torch_loader(8, 3) for _ in range(2))
    for epoch in range(3):
        # `zip` ends with the first that has no more.
        seen = [batch["id"] for _, batch in zip(one, other)]  # noqa: B905
        wanted = images.to_torch_loader(8, 3, epoch=epoch)
        assert seen == [batch["id"] for batch in wanted]


def test_transforms_that_are_not_applied_are_said(tmp_path: Path) -> None:
    data_set(tmp_path, "audio")
    augment = Augment([{"speed": {}}, {"spec_augment": {}}])
    with pytest.warns(UserWarning, match=r"does not apply.*: spec_augment \(features\)"):
        Dataset(tmp_path, "train", augment=augment).to_torch_loader(4)
    # Held-out samples are as they are, unless that is asked for.
    plain = Dataset(tmp_path, "test").to_torch_loader(4)
    held_out = Dataset(tmp_path, "test", augment=_SOUND)
    assert _read(plain) == _read(held_out.to_torch_loader(4))
    assert _read(plain) != _read(held_out.to_torch_loader(4, epoch=1, augment=True))


def test_copies_are_made_once_and_their_size_is_said(tmp_path: Path) -> None:
    dataset = data_set(tmp_path / "data", "text")
    data = dataset.to_torch()
    before = data.num_bytes
    texts = [one["text"] for one in data]
    made = {path: path.stat().st_mtime_ns for path in dataset.path.rglob("*.arrow")}
    assert data.num_bytes == sum(path.stat().st_size for path in made) > before
    assert [one["text"] for one in dataset.to_torch()] == texts
    assert {path: path.stat().st_mtime_ns for path in dataset.path.rglob("*.arrow")} == made
    # One that is not whole is made again.
    path = next(iter(made))
    path.write_bytes(path.read_bytes()[:100])
    assert [one["text"] for one in dataset.to_torch()] == texts
    dataset.verify()
    elsewhere = dataset.to_torch(folder=tmp_path / "other")
    assert [one["text"] for one in elsewhere] == texts
    assert list((tmp_path / "other").rglob("*.arrow"))


def test_a_folder_that_cannot_be_written_is_said_with_how_to_name_another(tmp_path: Path) -> None:
    dataset = data_set(tmp_path / "data", "text")
    taken = tmp_path / "taken"
    taken.write_text("a file")
    tokenizer = train_characters(["word 0123456789"])
    calls: list[Callable[[], object]] = [
        lambda: dataset.to_torch(folder=taken),
        lambda: dataset.to_torch_loader(4, folder=taken),
        lambda: dataset.to_torch_windows(4, tokenizer, folder=taken),
    ]
    for call in calls:
        with pytest.raises(StorageError) as caught:
            call()
        assert "`folder=DIR`" in caught.value.hint
    # The index is there, and copies cannot be made.
    data = dataset.to_torch(folder=tmp_path / "other")
    (folder,) = (tmp_path / "other").iterdir()
    for name in ("id", "text", "label"):
        (folder / hashlib.sha256(name.encode()).hexdigest()[:16]).write_text("a file")
    with pytest.raises(StorageError) as caught:
        data[0]
    assert "`folder=DIR`" in caught.value.hint


@pytest.mark.parametrize("kind", ["image", "audio", "text", "windows"])
def test_what_is_sent_to_a_worker_reads_the_same(kind: str, tmp_path: Path) -> None:
    dataset = data_set(tmp_path, "text" if kind == "windows" else kind)
    tokenizer = train_characters(["word 0123456789"])
    if kind == "windows":
        data: Any = dataset.to_torch_windows(4, tokenizer)
    else:
        data = dataset.to_torch(tokenizer=tokenizer if kind == "text" else None)
    places = list(range(len(data)))
    own = data.__getitems__(places)
    # As `spawn` sends it; what is mapped here is mapped there anew.
    sent = pickle.loads(bytes(ForkingPickler.dumps(data)))
    there = sent.__getitems__(places)
    for one, other, place in zip(own, there, places, strict=True):
        alone = data[place]
        assert one.keys() == other.keys() == alone.keys()
        for name, value in one.items():
            if isinstance(value, torch.Tensor):
                assert torch.equal(value, other[name])
                assert torch.equal(value, alone[name])
            else:
                assert value == other[name] == alone[name]


@pytest.mark.slow
def test_a_worker_that_is_spawned_reads_the_same(images: Dataset) -> None:
    alone = _read(images.to_torch_loader(16, 3))
    assert _read(images.to_torch_loader(16, 3, num_workers=1, start_method="spawn")) == alone


_WRONG: dict[str, Callable[[Dataset], object]] = {
    "no column `labl`": lambda found: found.to_torch(["labl"]),
    "holds nested values": lambda found: found.to_torch(["annotations"]),
    "`batch_size` is a whole number from 1 on, not 0": lambda found: found.to_torch_loader(0),
    "`num_workers`": lambda found: found.to_torch_loader(1, num_workers=-1),
    "`rank` and `world`": lambda found: found.to_torch_loader(1, rank=0),
    "`window` is a whole number from 1 on, not 0": lambda found: found.to_torch_windows(0),
}


@pytest.mark.parametrize("told", _WRONG)
def test_what_cannot_be_asked_is_refused(told: str, images: Dataset) -> None:
    with pytest.raises(UsageError, match=told):
        _WRONG[told](images)


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"image_size": 28}, r"a height and a width in pixels, such as \(224, 224\), not"),
        ({"image_size": (0, 28)}, r"a height and a width in pixels.* not \(0, 28\)"),
        ({"image_size": (28, 28, 3)}, "a height and a width in pixels"),
        ({"channels": 2}, "`channels` is 1, of grey, or 3, of colour, not 2"),
        ({"sample_rate": 0}, "`sample_rate` is a whole number from 1 on, not 0"),
        ({"max_length": 8}, "`max_length` would do nothing without `tokenizer`"),
        ({"sample_rate": 8000}, "`sample_rate` would do nothing: no sound is"),
        ({"tokenizer": str.split}, "`tokenizer` would do nothing: no text is"),
        ({"image_size": (2, 2), "columns": ["id"]}, "`image_size` would do nothing: no picture is"),
        ({"channels": 1, "columns": ["id"]}, "`channels` would do nothing: no picture is"),
    ],
)
def test_what_cannot_be_or_does_nothing_is_refused(
    given: dict[str, Any], match: str, images: Dataset
) -> None:
    with pytest.raises(UsageError, match=match):
        images.to_torch(**given)
    with pytest.raises(UsageError, match=match):
        images.to_torch_loader(4, **given)
    assert images.to_torch(image_size=[2, 3], channels=1).image_shape == (1, 2, 3)  # type: ignore[arg-type]


def test_windows_of_pictures_are_one_error(images: Dataset) -> None:
    with pytest.raises(UsageError, match="has no `text`, of which windows are made"):
        images.to_torch_windows(8)
    with pytest.raises(UsageError, match=r"`window` is a whole number from 1 on, not 8\.5"):
        images.to_torch_windows(8.5)  # type: ignore[arg-type]


def test_a_tokenizer_is_named_by_its_file_or_folder_and_reads_back(tmp_path: Path) -> None:
    texts = data_set(tmp_path / "texts", "text")
    tokenizer = train_characters([row["text"] for row in texts.to_arrow(["text"]).to_pylist()])
    (tmp_path / "model").mkdir()
    tokenizer.save(str(tmp_path / "model" / "tokenizer.json"))
    for given in (tmp_path / "model", str(tmp_path / "model" / "tokenizer.json")):
        assert len(texts.to_torch(tokenizer=given)[0]["tokens"]) == len(texts.to_torch()[0]["text"])
        windows = texts.to_torch_windows(8, given)
        assert windows.vocabulary == tokenizer.get_vocab_size()
    first = texts.to_arrow(["text"]).column("text")[0].as_py()
    tokens = windows[0]["inputs"].tolist()
    assert first[:4] in windows.tokenizer.decode(tokens)
    with pytest.raises(MissingError, match="there is no tokenizer here"):
        texts.to_torch_windows(8, tmp_path / "nowhere")
    with pytest.raises(MissingError, match="there is no tokenizer here"):
        texts.to_torch(tokenizer=tmp_path)


def test_nothing_to_train_on_is_one_error(tmp_path: Path) -> None:
    dataset = data_set(tmp_path, "text", split="validation")
    assert len(dataset.to_torch()) == 0
    with pytest.raises(DataError, match="nothing to train on"):
        dataset.to_torch_loader(4)
