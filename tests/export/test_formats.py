"""Each format is read back, by a reader of its own and by the peer's where that is installed."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import tilth
from tests.engine.inline import use_inline
from tests.export.made import dataset, export, png, texts, wav
from tests.export.readers import peer, read_mds, read_megatron, read_tar
from tests.export.tfrecords import read_tfrecord
from tilth.errors import DataError, UsageError
from tilth.export.folders import UNLABELLED
from tilth.export.formats import OF
from tilth.export.hub_features import in_card
from tilth.export.names import FORMATS
from tilth.export.rows import json_line
from tilth.export.tokens import Megatron, NanoGpt
from tilth.query.export import export_splits
from tilth.schema import WEIGHT
from tilth.store import Dataset
from tilth.tasks.text.tokenize import Tokenizer, decode, train_tokenizer

# What a peer's library leaves open is its own.
PEER = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning",
    "ignore::ResourceWarning",
    "ignore::DeprecationWarning",
    "ignore:Transformer Engine:UserWarning",
)

ROWS = [
    {
        "text": f"text {at}: ü, \n and a dot.",
        "image": png(at),
        "audio": wav(at),
        "label": ["a", "b/../c", None][at % 3],
        "license": "CC-BY-4.0",
        "source": "s.x",
        "meta.page.no": at,
        "meta.tags": ["x", "y"],
        "meta.odd": float("nan") if at == 1 else None,
        WEIGHT: 1.0 + at / 4,
    }
    for at in range(7)
]
COLUMNS = {
    "license": "CC-BY-4.0",
    "source": "s.x",
    "uri": "a.jsonl:3",
    "label": "a",
    "meta.page.no": 3,
    "meta.tags": ["x", "y"],
    "signal.weight": 1.75,
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return dataset(tmp_path_factory.mktemp("data"), [ROWS[:4], ROWS[4:]])


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer([row["text"] for row in texts(50)], 300)


def _has(row: dict[str, Any], **changed: Any) -> None:
    assert {name: row[name] for name in COLUMNS} == COLUMNS | changed


def test_parquet(data: Dataset, tmp_path: Path) -> None:
    assert export(data, tmp_path, "parquet", max_rows=3)[0] == 7
    files = sorted(tmp_path.glob("*.parquet"))
    assert [pq.read_metadata(one).num_rows for one in files] == [3, 3, 1]
    assert len({str(pq.read_schema(one)) for one in files}) == 1
    rows = pq.read_table(files).to_pylist()
    _has(rows[3])
    assert [row["image"]["bytes"] for row in rows] == [row["image"] for row in ROWS]
    features = json.loads(pq.read_schema(files[0]).metadata[b"huggingface"])["info"]["features"]
    assert features["image"] == {"_type": "Image"}
    assert features["signal.weight"] == {"dtype": "float64", "_type": "Value"}


@PEER
def test_parquet_is_what_datasets_reads(data: Dataset, tmp_path: Path) -> None:
    datasets = peer("datasets")
    export(data, tmp_path / "train", "parquet")
    found = datasets.load_dataset(str(tmp_path), cache_dir=str(tmp_path / "cache"))["train"]
    assert isinstance(found.features["image"], datasets.Image)
    assert isinstance(found.features["audio"], datasets.Audio)
    rows = list(found.remove_columns("audio"))
    assert rows[3]["image"].getpixel((0, 0)) == (3, 252, 0)
    _has(rows[3])


UNLIKE = (
    {"text": "one", "label": "1", "split": "train", "n": 1, "on": True, "tags": ["a"]},
    {"text": "two", "label": "2", "split": "train", "x": 1.5, "who": {"a": [1]}},
    {"text": "drei,\n", "label": "dog", "split": "test", "n": 5, "only": "here", "on": False},
)


@PEER
@pytest.mark.parametrize("format", ["jsonl", "csv", "parquet"])
def test_splits_that_look_unlike_are_what_datasets_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    datasets = peer("datasets")
    use_inline(monkeypatch)
    monkeypatch.chdir(tmp_path)
    Path("a.jsonl").write_text("".join(json.dumps(one) + "\n" for one in UNLIKE))
    read = "{jsonl: {path: a.jsonl, fields: {label: label, split: split}}}"
    Path("a.yaml").write_text(f"name: a\ncollect: {{a: {read}}}\n")
    export_splits(tilth.run("a.yaml", progress=False, workers=1).view, "out", format=format)
    found = datasets.load_dataset("out", cache_dir="cache")
    rows = {one["text"]: one for split in ("train", "test") for one in found[split]}
    assert {text: row["label"] for text, row in rows.items()} == {
        one["text"]: one["label"] for one in UNLIKE
    }
    assert found["train"].features == found["test"].features
    further = [
        row.get("meta") or {k[5:]: v for k, v in row.items() if k[:5] == "meta."}
        for row in rows.values()
    ]
    is_csv = format == "csv"
    assert [one["n"] for one in further] == [1, None, 5]
    assert [one["on"] for one in further] == (
        ["true", None, "false"] if is_csv else [True, None, False]
    )
    assert [one["tags"] for one in further] == ['["a"]' if is_csv else ["a"], None, None]
    assert [one["only"] for one in further] == [None, None, "here"]


def test_what_a_card_says_of_columns() -> None:
    schema = pa.schema(
        [
            ("n", pa.int64()),
            ("all", pa.int32()),
            ("on", pa.bool_()),
            ("when", pa.timestamp("us")),
            ("image", pa.binary()),
            ("rows", pa.list_(pa.struct([("a", pa.list_(pa.float32()))]))),
            ("meta.x.y", pa.null()),
        ]
    )
    types = {"n": "float64", "all": "int32", "on": "string", "when": "string", "image": "string"}
    types |= {"rows": "string", "meta.x.y": "string"}
    told = in_card("csv", schema, {"n", "on"})
    assert told == [{"name": name, "dtype": kind} for name, kind in types.items()]
    lines = in_card("jsonl", schema, {"n", "on"})
    assert lines[0] == {"name": "n", "dtype": "int64"}
    assert lines[5] == {"name": "rows", "list": [{"name": "a", "list": "float32"}]}
    assert lines[6] == {"name": "meta", "struct": [{"name": "x.y", "dtype": "null"}]}
    assert in_card("parquet", schema, set()) == in_card("imagefolder", schema, set()) == []


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_lines_have_pictures_and_sound_beside(data: Dataset, tmp_path: Path, format: str) -> None:
    export(data, tmp_path, format, max_rows=4)
    rows: list[dict[str, Any]] = []
    for path in sorted(tmp_path.glob(f"*.{format}")):
        with open(path, encoding="utf-8", newline="") as file:
            rows += map(json.loads, file) if format == "jsonl" else csv.DictReader(file)
    assert len(rows) == 7
    for row, given in zip(rows, ROWS, strict=True):
        assert (row["image"][-4:], row["audio"][-4:]) == (".png", ".wav")
        assert (tmp_path / row["image"]).read_bytes() == given["image"]
        assert (tmp_path / row["audio"]).read_bytes() == given["audio"]
        assert row["text"] == given["text"]
    if format == "jsonl":
        meta = {"meta.page.no": 3, "meta.tags": ["x", "y"]}
        assert rows[3]["meta"] == {"page.no": 3, "tags": ["x", "y"]}
        _has(rows[3] | meta)
        assert rows[1]["meta"]["odd"] is None
    else:
        changed = {"meta.page.no": "3", "meta.tags": '["x", "y"]', "signal.weight": "1.75"}
        _has(rows[3], **changed)


def test_one_shard_of_lines_has_no_number(data: Dataset, tmp_path: Path) -> None:
    export(data, tmp_path, "jsonl")
    assert (tmp_path / "train.jsonl").is_file()
    assert not list(tmp_path.glob("train-*"))


def test_a_number_that_json_has_not_is_null() -> None:
    row = {"id": "a", "x": float("nan"), "deep": [{"y": float("inf"), "z": 1.5}]}
    assert json_line(row) == '{"id": "a", "x": null, "deep": [{"y": null, "z": 1.5}]}'


@pytest.mark.parametrize("payload", ["image", "audio"])
def test_folders_are_by_label(data: Dataset, tmp_path: Path, payload: str) -> None:
    _, told = export(data, tmp_path, f"{payload}folder", max_rows=3)
    assert not list(tmp_path.glob(".metadata*"))
    rows = pq.read_table(tmp_path / "metadata.parquet").to_pylist()
    folders = {"a": "a", "b/../c": "b%2F..%2Fc", None: UNLABELLED}
    for row, given in zip(rows, ROWS, strict=True):
        assert (tmp_path / row["file_name"]).read_bytes() == given[payload]
        assert Path(row["file_name"]).parts[0] == folders[row["label"]]
    _has(rows[3], **{"meta.page.no": 3, "meta.tags": ["x", "y"], "signal.weight": 1.75})
    assert told["told"] == [
        f"2 samples without a label are in the folder `{UNLABELLED}`, which a reader of folders "
        "takes for a class"
    ]


@pytest.mark.parametrize(
    ("label", "folder"),
    [
        ("..", "%2E%2E"),
        (".", "%2E"),
        ("", "%"),
        ("_unlabelled", "%5Funlabelled"),
        ("a\\b:c", "a%5Cb%3Ac"),
        ("ü b", "ü b"),
        ("con.", "con%2E"),
        ("100%", "100%25"),
        ("a\nb", "a%0Ab"),
    ],
)
def test_a_label_leads_nowhere(label: str, folder: str, tmp_path: Path) -> None:
    rows = [{"image": png(1), "label": label}]
    export(dataset(tmp_path / "data", [rows]), tmp_path / "out", "imagefolder")
    (found,) = (tmp_path / "out").glob("*/*.png")
    assert found.parent.name == folder


def test_folders_need_their_payload(tmp_path: Path) -> None:
    data = dataset(tmp_path / "data", [texts(2)])
    with pytest.raises(UsageError, match="no column `image`"):
        export(data, tmp_path / "out", "imagefolder")
    sounds = dataset(tmp_path / "sounds", [[{"audio": wav(1)}]])
    with pytest.raises(UsageError, match="no column `image`") as caught:
        export(sounds, tmp_path / "out", "imagefolder")
    assert caught.value.hint.startswith("--format audiofolder,")
    for row, what in (
        ({"image": None}, "no image"),
        ({"image": png(1), "label": "x" * 300}, "too long"),
    ):
        data = dataset(tmp_path / what, [[{"image": png(1), "label": "a"}, row]])
        with pytest.raises(DataError, match=what):
            export(data, tmp_path / "out", "imagefolder")


@PEER
def test_image_folders_are_what_datasets_reads(data: Dataset, tmp_path: Path) -> None:
    datasets = peer("datasets")
    export(data, tmp_path / "train", "imagefolder")
    found = datasets.load_dataset(
        "imagefolder", data_dir=str(tmp_path / "train"), cache_dir=str(tmp_path / "cache")
    )["train"]
    assert len(found) == 7
    by_uri = {row["uri"]: row for row in found}
    assert by_uri["a.jsonl:3"]["image"].getpixel((0, 0)) == (3, 252, 0)
    assert by_uri["a.jsonl:3"]["signal.weight"] == 1.75


@PEER
def test_image_folders_whose_splits_look_unlike_are_one_data_set(tmp_path: Path) -> None:
    datasets = peer("datasets")
    splits: dict[str, dict[str, Any]] = {
        "train": {"image": png(1), "label": "1", "license": "cc0", "meta.year": 2020},
        "test": {"image": png(2), "label": "dog", "license": None, "meta.year": None},
    }
    both = dataset(tmp_path / "data", [[{**row, "split": n} for n, row in splits.items()]])
    for name in splits:
        (tmp_path / "out").mkdir(exist_ok=True)
        export(Dataset(both.path, name), tmp_path / "out" / name, "imagefolder")
    found = datasets.load_dataset(
        "imagefolder", data_dir=str(tmp_path / "out"), cache_dir=str(tmp_path / "cache")
    )
    for name, row in splits.items():
        (there,) = found[name]
        assert {key: there[key] for key in row if key != "image"} == {
            key: value for key, value in row.items() if key != "image"
        }


def test_webdataset(data: Dataset, tmp_path: Path) -> None:
    export(data, tmp_path, "webdataset", max_rows=3)
    assert len(list(tmp_path.glob("*.tar"))) == 3
    samples = read_tar(tmp_path)
    for sample, given in zip(samples, ROWS, strict=True):
        assert sample.keys() == {"png", "wav", "txt", "json"}
        assert (sample["png"], sample["wav"]) == (given["image"], given["audio"])
        assert sample["txt"].decode() == given["text"]
    row = json.loads(samples[3]["json"])
    assert row["meta"] == {"page.no": 3, "tags": ["x", "y"]}
    _has(row | {"meta.page.no": 3, "meta.tags": ["x", "y"]})


def test_payloads_that_are_something_else_are_no_other_file(tmp_path: Path) -> None:
    rows = [{"text": "a", "image": b'{"a": 1}', "audio": b"some text"}]
    export(dataset(tmp_path / "data", [rows]), tmp_path / "out", "webdataset")
    (sample,) = read_tar(tmp_path / "out")
    assert sample.keys() == {"txt", "json", "image.bin", "audio.bin"}


@PEER
def test_webdataset_is_what_its_library_reads(data: Dataset, tmp_path: Path) -> None:
    webdataset = peer("webdataset")
    export(data, tmp_path, "webdataset", max_rows=3)
    paths = [str(path) for path in sorted(tmp_path.glob("*.tar"))]
    found = list(webdataset.WebDataset(paths, shardshuffle=False, empty_check=False))
    assert [one["__key__"] for one in found] == [f"{at:09d}" for at in range(7)]
    assert [one["png"] for one in found] == [row["image"] for row in ROWS]
    assert json.loads(found[3]["json"])["signal.weight"] == 1.75


def test_tfrecord_has_the_weight(data: Dataset, tmp_path: Path) -> None:
    export(data, tmp_path, "tfrecord", max_rows=4)
    rows = [row for path in sorted(tmp_path.iterdir()) for row in read_tfrecord(path)]
    assert [row["signal.weight"] for row in rows] == [row[WEIGHT] for row in ROWS]
    assert rows[3]["image"] == ROWS[3]["image"]
    assert (rows[3]["license"], rows[3]["meta.page.no"]) == (b"CC-BY-4.0", 3)


def test_tfrecord_of_a_number_that_it_cannot_hold(tmp_path: Path) -> None:
    rows = [{"text": "a", "meta.n": np.uint64((1 << 63) + 1)}]
    data = dataset(tmp_path / "data", [rows])
    with pytest.raises(DataError, match=r"`meta\.n` holds 9223372036854775809"):
        export(data, tmp_path / "out", "tfrecord")


def test_mds(data: Dataset, tmp_path: Path) -> None:
    export(data, tmp_path, "mds", max_rows=4)
    rows = read_mds(tmp_path)
    _has(rows[3])
    for row, given in zip(rows, ROWS, strict=True):
        names = ("text", "image", "audio", "label")
        assert [row[name] for name in names] == [given[name] for name in names]
    assert rows[1]["meta.odd"] is None
    assert len(list(tmp_path.glob("shard.0000*.mds"))) == 2


def test_mds_is_what_its_library_reads(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The package imports torchvision and clouds; its reader of a shard needs neither.
    found = importlib.util.find_spec("streaming")
    for name in ("", ".base", ".base.format", ".base.format.base", ".base.format.mds"):
        module = ModuleType(f"streaming{name}")
        if found is not None and found.origin is not None:
            module.__path__ = [str(Path(found.origin).parent.joinpath(*name.split(".")[1:]))]
        monkeypatch.setitem(sys.modules, f"streaming{name}", module)
    reader = peer("streaming.base.format.mds.reader").MDSReader
    export(data, tmp_path, "mds", max_rows=4)
    rows = []
    for shard in json.loads((tmp_path / "index.json").read_bytes())["shards"]:
        one = reader.from_json(str(tmp_path), None, shard)
        one.validate(False)
        rows += [one[at] for at in range(shard["samples"])]
    assert rows == read_mds(tmp_path)


def test_mds_has_no_null_in_texts(tmp_path: Path) -> None:
    rows = [{"text": None, "image": None, "label": None}]
    export(dataset(tmp_path / "data", [rows]), tmp_path / "out", "mds")
    (row,) = read_mds(tmp_path / "out")
    assert (row["text"], row["image"], row["label"]) == ("", b"", None)


def test_nanogpt(tokenizer: Tokenizer, tmp_path: Path) -> None:
    shards = [texts(5, **{WEIGHT: 2.0}), texts(4, target="x")]
    data = dataset(tmp_path / "data", shards)
    _, told = export(
        data, tmp_path / "out", "nanogpt", tokenizer=tokenizer, max_rows=4, name="validation"
    )
    tokens = np.fromfile(tmp_path / "out" / "val.bin", np.uint16)
    meta = json.loads((tmp_path / "out" / "val.meta.json").read_text())
    assert meta["vocab_size"] == tokenizer.get_vocab_size()
    assert (meta["tokens"], meta["documents"], meta["dtype"]) == (len(tokens), 9, "uint16")
    wanted = [row["text"] for rows in shards for row in rows]
    ends = np.flatnonzero(tokens == meta["end"])
    parts = np.split(tokens, ends + 1)
    assert [decode(tokenizer, part.tolist()) for part in parts[:-1]] == wanted
    table = pq.read_table(sorted((tmp_path / "out").glob("validation-documents-*.parquet")))
    assert table.column("signal.weight").to_pylist() == [2.0] * 5 + [1.0] * 4
    for row, text in zip(table.to_pylist(), wanted, strict=True):
        part = tokens[row["first_token"] : row["first_token"] + row["num_tokens"]]
        assert decode(tokenizer, part.tolist()) == text
    assert told["told"] == ["`target` is left out: the format holds the tokens of `text` alone"]
    assert Tokenizer.from_file(str(tmp_path / "out" / "tokenizer.json")).to_str()


def test_a_large_vocabulary_has_wider_tokens(
    tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = dataset(tmp_path / "data", [texts(3)])
    monkeypatch.setattr(NanoGpt, "dtype", "uint32")
    export(data, tmp_path / "out", "nanogpt", tokenizer=tokenizer)
    wide = np.fromfile(tmp_path / "out" / "train.bin", np.uint32)
    monkeypatch.undo()
    export(data, tmp_path / "narrow", "nanogpt", tokenizer=tokenizer)
    assert wide.tolist() == np.fromfile(tmp_path / "narrow" / "train.bin", np.uint16).tolist()


@pytest.mark.parametrize(
    ("writer", "vocabulary", "dtype"),
    [
        (NanoGpt, 65_536, "uint16"),
        (NanoGpt, 65_537, "uint32"),
        (Megatron, 65_499, "uint16"),
        (Megatron, 65_500, "int32"),
    ],
)
def test_tokens_are_as_wide_as_the_vocabulary_asks(
    writer: type[NanoGpt | Megatron], vocabulary: int, dtype: str
) -> None:
    one = writer.__new__(writer)
    one.vocabulary = vocabulary
    assert one.dtype == dtype


def test_megatron(tokenizer: Tokenizer, tmp_path: Path) -> None:
    data = dataset(tmp_path / "data", [[*texts(5), {"text": ""}, {"text": None}], texts(4)])
    export(data, tmp_path / "out", "megatron", tokenizer=tokenizer, max_rows=4)
    documents = read_megatron(tmp_path / "out" / "train_text_document")
    wanted = [row["text"] for row in texts(5)] + ["", ""] + [row["text"] for row in texts(4)]
    assert [decode(tokenizer, one) for one in documents] == wanted
    assert not list((tmp_path / "out").glob(".*"))


@PEER
def test_megatron_is_what_its_library_reads(tokenizer: Tokenizer, tmp_path: Path) -> None:
    module = peer("megatron.core.datasets.indexed_dataset")
    data = dataset(tmp_path / "data", [texts(5), texts(4)])
    export(data, tmp_path / "out", "megatron", tokenizer=tokenizer, max_rows=4)
    prefix = tmp_path / "out" / "train_text_document"
    found = module.IndexedDataset(str(prefix))
    assert [one.tolist() for one in found] == read_megatron(prefix)
    assert found.document_indices.tolist() == list(range(10))


def test_tokens_need_a_text(tokenizer: Tokenizer, tmp_path: Path) -> None:
    data = dataset(tmp_path / "data", [[{"image": png(1)}]])
    with pytest.raises(UsageError, match="the samples have no text"):
        export(data, tmp_path / "out", "megatron", tokenizer=tokenizer)


@pytest.mark.parametrize("format", ["parquet", "jsonl", "csv", "webdataset", "tfrecord", "mds"])
def test_a_data_set_without_a_sample(format: str, tmp_path: Path) -> None:
    data = dataset(tmp_path / "data", [[]])
    assert export(data, tmp_path / "out", format)[0] == 0
    assert list((tmp_path / "out").iterdir())


def test_pictures_keep_their_bytes(data: Dataset, tmp_path: Path) -> None:
    export(data, tmp_path, "mds")
    with Image.open(io.BytesIO(read_mds(tmp_path)[2]["image"])) as picture:
        assert picture.size == (4, 3)


def _sources(folder: Path, format: str) -> list[str]:
    """Of each sample of an export, by what of the format carries it."""
    if format in ("parquet", "nanogpt", "megatron"):
        return list(pq.read_table(sorted(folder.glob("*.parquet"))).column("source").to_pylist())
    if format == "jsonl":
        lines = (folder / "train.jsonl").read_text("utf-8").splitlines()
        return [json.loads(line)["source"] for line in lines]
    if format.endswith("folder"):
        return list(pq.read_table(folder / "metadata.parquet").column("source").to_pylist())
    if format == "csv":
        with open(folder / "train.csv", encoding="utf-8", newline="") as file:
            return [row["source"] for row in csv.DictReader(file)]
    if format == "webdataset":
        return [json.loads(sample["json"])["source"] for sample in read_tar(folder)]
    if format == "mds":
        return [row["source"] for row in read_mds(folder)]
    found: list[Any] = [
        row["source"] for path in folder.glob("*.tfrecord") for row in read_tfrecord(path)
    ]
    return [one.decode() for one in found]


@pytest.mark.parametrize("format", FORMATS)
def test_a_mixture_of_one_to_three_comes_out_so(
    format: str, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    media = {"image": png(1), "audio": wav(1), "label": "a"}
    rows = [
        {"text": f"{at}", "source": "ba"[at % 2], WEIGHT: 0.5 if at % 2 else 1.5, **media}
        for at in range(240)
    ]
    data = dataset(tmp_path / "data", [rows[:150], rows[150:]])
    given = tokenizer if OF[format].needs_tokenizer else None
    written, _ = export(data, tmp_path / "out", format, seed=1, tokenizer=given)
    found = Counter(_sources(tmp_path / "out", format))
    assert found.total() == written
    assert found["b"] / found["a"] == pytest.approx(3, rel=0.15)
