from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.export.made import Rows, dataset, export, png, texts, wav
from tilth.export import outlook
from tilth.export.begun import Place
from tilth.export.formats import OF, writer_of
from tilth.export.names import FORMATS
from tilth.export.outlook import Outlook, outlook_of
from tilth.export.samples import Samples
from tilth.schema import WEIGHT
from tilth.store import Dataset
from tilth.tasks.text.tokenize import Tokenizer, train_tokenizer

_PAYLOADS = {"imagefolder": "image", "audiofolder": "audio"}


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer(["some text of a few"] * 9, 270)


def _outlook(data: Dataset, format: str, tokenizer: Tokenizer | None, seed: int | None) -> Outlook:
    samples = Samples(data, "kept", seed)
    given = tokenizer if OF[format].needs_tokenizer else None
    writer = writer_of(format, Place(Path("nowhere"), "train"), samples, given)
    found = outlook_of(samples, writer, OF[format])
    assert not Path("nowhere").exists()
    return found


def _mixed(format: str) -> list[Rows]:
    """Rows of which some have a picture or a sound: all, where the format is made of those."""
    payload = _PAYLOADS.get(format)
    rows: list[dict[str, Any]] = []
    for at, row in enumerate(texts(30)):
        has_picture = payload == "image" or (payload is None and at % 3 == 0)
        has_sound = payload == "audio" or (payload is None and at % 4 == 0)
        row = row | ({"image": png(at)} if has_picture else {})
        row = row | ({"audio": wav(at)} if has_sound else {})
        rows.append(row | {WEIGHT: (0.5, 2.0)[at % 2]})
    return [rows[:11], rows[11:]]


@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize("format", FORMATS)
def test_a_small_part_is_counted(
    format: str, seed: int | None, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    data = dataset(tmp_path / "data", _mixed(format))
    found = _outlook(data, format, tokenizer, seed)
    given = tokenizer if OF[format].needs_tokenizer else None
    rows, _ = export(data, tmp_path / "out", format, seed=seed, tokenizer=given)
    written = {path.name for path in (tmp_path / "out").rglob("*") if path.is_file()}
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert found.is_exact
    assert found.rows == rows
    assert found.files == len(files) - ("tokenizer.json" in written)
    assert found.num_bytes > 0


def test_what_is_held_is_counted_as_it_is(tmp_path: Path) -> None:
    data = dataset(tmp_path, [[{"text": "abc"}, {"text": "ü"}], [{"text": None}]])
    found = _outlook(data, "parquet", None, None)
    # 64 digits of an id, the address, the text, and eight bytes for each column.
    held = sum(len(row["id"]) + len(row["uri"]) for row in data.to_arrow(["id", "uri"]).to_pylist())
    assert found == Outlook(3, 1, held + 5 + 3 * 8 * 3, True)


def test_a_large_part_is_reckoned_from_some_shards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = dataset(tmp_path, [texts(5) for _ in range(9)])
    whole = _outlook(data, "jsonl", None, None)
    monkeypatch.setattr(outlook, "_SHARDS", 3)
    part = _outlook(data, "jsonl", None, None)
    assert (part.rows, part.is_exact, whole.is_exact) == (45, False, True)
    assert part.num_bytes == pytest.approx(whole.num_bytes, rel=0.02)


def test_shards_end_with_their_rows_or_bytes(tmp_path: Path) -> None:
    data = dataset(tmp_path, [texts(40)])
    samples = Samples(data)
    writer = writer_of("parquet", Place(tmp_path, "train"), samples)
    writer.max_rows = 15
    assert outlook_of(samples, writer, OF["parquet"]).files == 3
    writer.max_rows, writer.max_bytes = 1000, outlook_of(samples, writer, OF["parquet"]).num_bytes
    assert not outlook_of(samples, writer, OF["parquet"]).is_exact
    writer.max_bytes //= 4
    assert outlook_of(samples, writer, OF["parquet"]).files in (4, 5)


def test_of_a_split_its_own_rows_are_counted(tmp_path: Path) -> None:
    rows = [{**row, "split": ("test", None, "train")[at % 3]} for at, row in enumerate(texts(20))]
    data = dataset(tmp_path, [rows[:7], rows[7:]])
    for split, num in (("train", 13), ("test", 7), ("validation", 0), (None, 20)):
        found = _outlook(Dataset(data.path, split), "csv", None, None)
        assert (found.rows, found.files, found.is_exact) == (num, 1, True)
