"""What `bench_loaders` compares: the same samples, laid out as each library reads them, and loops.

Pictures are crops of the two photographs that scikit-learn ships, sound is made of gliding tones in
noise, texts are Python's own documentation. Tilth's data set is that of a run which collected the
same files. Every arm gives batches of tensors of the same shapes and types, shuffled: pictures
float32 between 0 and 1, sound filled up with zeros, windows int64.
"""

from __future__ import annotations

import importlib
import io
import json
import shutil
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile
import torch
from PIL import Image
from sklearn.datasets import load_sample_images
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, IterableDataset

import tilth
from benchmarks.bench_readers import make_records
from tilth.loaders import Dataset
from tilth.tasks.text.tokenize import Tokenizer, train_tokenizer
from tilth.training.examples import END

BATCH: Final = 64
WINDOW: Final = 128
RATE: Final = 16_000
CLASSES: Final = tuple("abcdefghij")
_SEED: Final = 1
_IN_A_FILE: Final = 500  # samples of a tar or a Parquet file

# One epoch of batches, by its number.
Epochs = Callable[[int], Iterator[Any]]


@dataclass(frozen=True)
class Data:
    """One kind of samples in every layout.

    Attributes:
        kind: `jpeg-SIZE`, `sound`, or `windows` (of texts of about 1,500 characters).
        num: Samples; of windows, texts.
        folder: Of all layouts.
        tilth: Tilth's data set.
    """

    kind: str
    num: int
    folder: Path
    tilth: Path

    @property
    def files(self) -> list[Path]:
        """A plain file a sample, in a folder of its class's name."""
        return sorted((self.folder / "files").rglob("*.*"))

    @property
    def tars(self) -> list[str]:
        """WebDataset's."""
        return sorted(map(str, self.folder.glob("*.tar")))

    @property
    def parquet(self) -> list[str]:
        """Which `datasets` reads."""
        return sorted(map(str, self.folder.glob("*.parquet")))

    @property
    def cache(self) -> str:
        """What `datasets` keeps to be quicker later."""
        return str(self.folder / "cache")

    @property
    def tokenizer(self) -> str:
        """Of windows."""
        return str(self.folder / "tokenizer.json")

    def forget(self) -> None:
        """Let it be as if no loop had ever gone over the samples."""
        shutil.rmtree(self.cache, ignore_errors=True)
        for folder in self.tilth.glob("loading-*"):
            shutil.rmtree(folder)


def crops(num: int, size: int) -> Iterator[bytes]:
    """So many JPEG files of this height and width: places of photographs, of any scale."""
    photos = [Image.fromarray(one) for one in load_sample_images().images]
    random = np.random.default_rng(size)
    for number in range(num):
        photo = photos[number % len(photos)]
        side = int(random.integers(min(size, 96), min(photo.size)))
        left, top = (int(random.integers(0, length - side)) for length in photo.size)
        crop = photo.crop((left, top, left + side, top + side))
        file = io.BytesIO()
        crop.resize((size, size), Image.Resampling.BICUBIC).save(file, "JPEG", quality=90)
        yield file.getvalue()


def tones(num: int) -> Iterator[bytes]:
    """So many FLAC files of one to three seconds at 16 kHz."""
    random = np.random.default_rng(0)
    for _ in range(num):
        time = np.arange(int(random.uniform(1, 3) * RATE)) / RATE
        low, high = random.uniform(100, 3000, 2)
        values = 0.3 * np.sin(2 * np.pi * (low + (high - low) * time / 6) * time)
        values += random.normal(0, 0.02, len(time))
        file = io.BytesIO()
        soundfile.write(file, values, RATE, format="FLAC", subtype="PCM_16")
        yield file.getvalue()


def lay_out(kind: str, num: int, folder: Path) -> Data:
    """Make so many samples of a kind, in every layout; see `Data`."""
    made: dict[str, tuple[Callable[[], Iterator[bytes]], str]] = {
        "sound": (partial(tones, num), "flac"),
        "windows": (lambda: (one["text"].encode() for one in make_records(num)), "txt"),
    }
    samples, ending = made.get(kind) or (partial(crops, num, int(kind[5:])), "jpg")
    rows: list[dict[str, Any]] = []
    for number, data in enumerate(samples()):
        label = CLASSES[number * 7 % len(CLASSES)]
        path = folder / "files" / label / f"{number:06d}.{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        rows.append({"path": path, "data": data, "label": CLASSES.index(label)})
    for start in range(0, num, _IN_A_FILE):
        some, name = rows[start : start + _IN_A_FILE], f"{start // _IN_A_FILE:05d}"
        _write_tar(folder / f"{name}.tar", some, ending)
        _write_parquet(folder / f"{name}.parquet", some, ending)
    if kind == "windows":
        texts = (row["data"].decode() for row in rows)
        train_tokenizer(texts, 8192).save(str(folder / "tokenizer.json"))
    source = {"path": str(folder / "files"), "labels": "folder"}
    return Data(kind, num, folder, collect({"files": source}, folder))


def collect(source: Mapping[str, Any], folder: Path) -> Path:
    """The data set of a run that reads a source and does nothing else."""
    recipe = folder / "loaders.json"
    recipe.write_text(json.dumps({"tilth": 1, "name": "loaders", "collect": {"all": source}}))
    run = tilth.run(recipe, runs=folder / "runs", progress=False)
    return run.dataset().path


def _write_tar(path: Path, rows: Sequence[Mapping[str, Any]], ending: str) -> None:
    with tarfile.open(path, "w") as tar:
        for row in rows:
            for name, data in ((ending, row["data"]), ("cls", b"%d" % row["label"])):
                member = tarfile.TarInfo(f"{row['path'].stem}.{name}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))


def _write_parquet(path: Path, rows: Sequence[Mapping[str, Any]], ending: str) -> None:
    columns: dict[str, Any] = {"label": pa.array([row["label"] for row in rows], pa.int64())}
    if ending == "txt":
        columns["text"] = pa.array([row["data"].decode() for row in rows])
    else:
        kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
        pairs = [{"bytes": row["data"], "path": row["path"].name} for row in rows]
        columns["media"] = pa.array(pairs, kind)
    pq.write_table(pa.table(columns), path)


def arms_of(data: Data) -> dict[str, Callable[[], Epochs]]:
    """What each library does of a kind, by its name; called, it begins from nothing."""
    if data.kind == "windows":
        found = {
            "torch, files": _windows_of_files,
            "webdataset": _windows_of_tars,
            "datasets": _windows_of_datasets,
            "to_torch_windows": _tilth_windows,
            "to_torch_loader(window=)": _tilth_window_loader,
        }
    else:
        found = {
            "torch, files": _files,
            "webdataset": _tars,
            "datasets": _datasets,
            "to_torch": _tilth,
            "to_torch_loader": _tilth_loader,
        }
    return {name: partial(start, data) for name, start in found.items()}


def decode(kind: str, file: Path | io.BytesIO) -> torch.Tensor:
    """As one writes it by hand: uint8 [3, height, width], or float32 [samples]."""
    if kind == "sound":
        return torch.from_numpy(soundfile.read(file, dtype="float32")[0])
    with Image.open(file) as image:
        pixels = np.array(image.convert("RGB"))
    return torch.from_numpy(pixels.transpose(2, 0, 1).copy())


def collate(samples: Sequence[tuple[torch.Tensor, int]]) -> tuple[torch.Tensor, ...]:
    """A batch of pictures, between 0 and 1; or of sound filled up with zeros, with its lengths."""
    values = [value for value, _ in samples]
    labels = torch.tensor([label for _, label in samples])
    if values[0].ndim == 1:
        lengths = torch.tensor([len(value) for value in values])
        return pad_sequence(values, batch_first=True), lengths, labels
    return torch.stack(values).float().div_(255), labels


def _shuffled(data: Any, collate_fn: Any = None) -> Epochs:
    def epoch(number: int) -> Iterator[Any]:
        order = torch.Generator().manual_seed(number)
        return iter(DataLoader(data, BATCH, shuffle=True, generator=order, collate_fn=collate_fn))

    return epoch


class _Files(torch.utils.data.Dataset[tuple[torch.Tensor, int]]):
    """A file is a sample, its folder its class."""

    def __init__(self, kind: str, paths: Sequence[Path]) -> None:
        self._kind = kind
        self._paths = paths

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, place: int) -> tuple[torch.Tensor, int]:
        path = self._paths[place]
        return decode(self._kind, path), CLASSES.index(path.parent.name)


def _files(data: Data) -> Epochs:
    return _shuffled(_Files(data.kind, data.files), collate)


def _tar_stream(data: Data) -> Any:
    webdataset: Any = importlib.import_module("webdataset")
    shards = len(data.tars)
    return webdataset.WebDataset(data.tars, shardshuffle=shards, empty_check=False).shuffle(1000)


def _tars(data: Data) -> Epochs:
    def sample(row: Mapping[str, bytes]) -> tuple[torch.Tensor, int]:
        media = row["flac" if data.kind == "sound" else "jpg"]
        return decode(data.kind, io.BytesIO(media)), int(row["cls"])

    stream = _tar_stream(data).map(sample)
    return lambda _: iter(DataLoader(stream, BATCH, collate_fn=collate))


def _load(data: Data) -> Any:
    import datasets

    datasets.disable_progress_bars()
    return datasets.load_dataset(
        "parquet", data_files=data.parquet, split="train", cache_dir=data.cache
    )


def _datasets(data: Data) -> Epochs:
    import datasets

    rows = _load(data)
    if data.kind == "sound":
        # Its own decoder needs torchcodec; as it is documented for one's own.
        rows = rows.with_transform(
            lambda batch: {
                "media": [decode(data.kind, io.BytesIO(one["bytes"])) for one in batch["media"]],
                "label": batch["label"],
            }
        )
    else:
        rows = rows.cast_column("media", datasets.Image(mode="RGB")).with_format("torch")
    return _shuffled(rows, lambda given: collate([(one["media"], one["label"]) for one in given]))


def _tilth(data: Data) -> Epochs:
    found = Dataset(data.tilth).to_torch()
    epochs = _shuffled(found, found.collate)
    if found.image_shape is None:
        return epochs
    return lambda number: map(_in_unit, epochs(number))


def _in_unit(batch: dict[str, Any]) -> dict[str, Any]:
    """With pixels between 0 and 1, as all other arms give them."""
    return {**batch, "image": batch["image"].float().div_(255)}


def _tilth_loader(data: Data) -> Epochs:
    loader = Dataset(data.tilth).to_torch_loader(BATCH, _SEED)
    return lambda _: iter(loader)


def _pack(tokenizer: Tokenizer, texts: Sequence[str]) -> npt.NDArray[np.uint16]:
    """Windows as nanoGPT's and transformers' scripts cut them, uint16 [n, WINDOW + 1]."""
    found = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    stream = np.concatenate([np.array([*one.ids, END], np.uint16) for one in found])
    windows: npt.NDArray[np.uint16] = np.lib.stride_tricks.sliding_window_view(stream, WINDOW + 1)
    return windows[::WINDOW]


def _pair(rows: Sequence[Any]) -> tuple[torch.Tensor, torch.Tensor]:
    tokens = torch.from_numpy(np.stack(rows).astype(np.int64))
    return tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()


def _windows_of_files(data: Data) -> Epochs:
    tokenizer = Tokenizer.from_file(data.tokenizer)
    return _shuffled(_pack(tokenizer, [one.read_text("utf-8") for one in data.files]), _pair)


class _TarWindows(IterableDataset[npt.NDArray[np.uint16]]):
    """Windows of a stream of texts, as they come."""

    def __init__(self, data: Data) -> None:
        self._stream = _tar_stream(data).batched(100, collation_fn=list)
        self._tokenizer = Tokenizer.from_file(data.tokenizer)

    def __iter__(self) -> Iterator[npt.NDArray[np.uint16]]:
        for rows in self._stream:
            yield from _pack(self._tokenizer, [row["txt"].decode() for row in rows])


def _windows_of_tars(data: Data) -> Epochs:
    stream = _TarWindows(data)
    return lambda _: iter(DataLoader(stream, BATCH, collate_fn=_pair))


def _windows_of_datasets(data: Data) -> Epochs:
    tokenizer = Tokenizer.from_file(data.tokenizer)
    rows = _load(data).map(
        lambda batch: {"tokens": list(_pack(tokenizer, batch["text"]))},
        batched=True,
        remove_columns=["text", "label"],
        # Else it pickles the function for a name, which this tokenizer would be slow to.
        new_fingerprint="windows",
    )
    return _shuffled(
        rows.with_format("numpy"), lambda given: _pair([one["tokens"] for one in given])
    )


def _tilth_windows(data: Data) -> Epochs:
    return _shuffled(Dataset(data.tilth).to_torch_windows(WINDOW, data.tokenizer))


def _tilth_window_loader(data: Data) -> Epochs:
    loader = Dataset(data.tilth).to_torch_loader(
        BATCH, _SEED, window=WINDOW, tokenizer=data.tokenizer
    )
    return lambda _: iter(loader)


def many_texts(num: int, folder: Path) -> Data:
    """So many short texts, no two alike, in a file of lines."""
    path = folder / "texts.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for number in range(num):
            file.write(f'{{"text": "The sentence with number {number} is here, and it ends."}}\n')
    return Data("texts", num, folder, collect({"jsonl": {"path": str(path)}}, folder))


def arms_of_texts(data: Data) -> dict[str, Callable[[], Epochs]]:
    """Loops over the texts of `many_texts`; called, each begins anew."""
    found = {
        "torch, lines": _lines,
        "datasets": _dataset_of_lines,
        "to_torch": lambda data: _shuffled(Dataset(data.tilth).to_torch()),
        "to_torch_loader": _tilth_loader,
    }
    return {name: partial(start, data) for name, start in found.items()}


def _lines(data: Data) -> Epochs:
    with (data.folder / "texts.jsonl").open(encoding="utf-8") as file:
        return _shuffled([json.loads(line)["text"] for line in file])


def _dataset_of_lines(data: Data) -> Epochs:
    import datasets

    datasets.disable_progress_bars()
    path = str(data.folder / "texts.jsonl")
    return _shuffled(
        datasets.load_dataset("json", data_files=path, split="train", cache_dir=data.cache)
    )
