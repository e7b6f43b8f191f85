"""Data sets of a few rows in shards, and an export of them without a run."""

from __future__ import annotations

import hashlib
import io
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from PIL import Image

from tilth.export.begun import Begun, Facts, Place
from tilth.export.formats import writer_of
from tilth.export.samples import Samples
from tilth.schema import SCHEMA, sample_id
from tilth.store import Dataset
from tilth.store.manifest import Counts, Manifest, write_manifest
from tilth.store.shard import ShardWriter

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Rows = Sequence[dict[str, Any]]


def png(shade: int) -> bytes:
    """A picture of one colour."""
    file = io.BytesIO()
    Image.new("RGB", (4, 3), (shade, 255 - shade, 0)).save(file, "PNG")
    return file.getvalue()


def wav(level: int) -> bytes:
    """A hundredth of a second of one level."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16_000)
        sound.writeframes(level.to_bytes(2, "little") * 160)
    return file.getvalue()


def dataset(folder: Path, shards: Sequence[Rows]) -> Dataset:
    """A finished data set of these rows, by shard; an id is made where none is given."""
    entries, number = [], 0
    for index, rows in enumerate(shards):
        given = []
        for row in rows:
            given.append({"id": sample_id(str(number)), "uri": f"a.jsonl:{number}", **row})
            number += 1
        names = list(dict.fromkeys(name for row in given for name in row))
        columns = {
            name: pa.array([row.get(name) for row in given], SCHEMA.get(name)) for name in names
        }
        writer = ShardWriter(folder, index)
        writer.add(pa.RecordBatch.from_pydict(columns))
        entries.append(writer.commit())
    counts = Counts(num_in=number, kept=number, dropped=0, quarantined=0)
    write_manifest(folder, Manifest(step="mix", counts=counts, shards=tuple(entries)))
    return Dataset(folder)


def texts(num: int, **more: Any) -> list[dict[str, Any]]:
    """Rows of texts with what is given besides."""
    own = {"source": "a", **more}
    return [{"text": f"text {number} of {num}, ü", **own} for number in range(num)]


def export(
    data: Dataset,
    folder: Path,
    format: str,
    *,
    seed: int | None = None,
    tokenizer: Tokenizer | None = None,
    max_rows: int | None = None,
    name: str = "train",
) -> tuple[int, Facts]:
    """Write a data set in a format, and go on with what is there; rows, and what is told."""
    folder.mkdir(exist_ok=True)
    samples, place = Samples(data, "kept", seed), Place(folder, name)
    writer = writer_of(format, place, samples, tokenizer)
    if max_rows is not None:
        writer.max_rows = max_rows
    begun = Begun(folder, f"{format} {seed}")
    rows, facts = begun.write(place, samples, writer)
    told = writer.finish(facts)
    begun.end()
    return rows, told


def digests(folder: Path) -> dict[str, str]:
    """Every file below a folder, with the digest of its bytes."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
