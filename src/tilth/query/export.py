"""Write the samples of a step as files that other tools read."""

from __future__ import annotations

import base64
import csv
import io
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from tilth.errors import UsageError
from tilth.query.runs import RunView
from tilth.query.samples import Kind, sorting_step
from tilth.store import Dataset
from tilth.store.files import commit_folder, remove_folder, storage_errors

Format = Literal["parquet", "jsonl", "csv"]


@dataclass(frozen=True)
class Exported:
    """What was written where."""

    run: str
    step: str
    kind: str
    split: str | None
    format: str
    folder: str
    files: tuple[str, ...]
    rows: int


def export_step(
    run: RunView,
    step: str,
    to: str | Path,
    *,
    format: Format = "parquet",
    kind: Kind = "kept",
    split: str | None = None,
) -> Exported:
    """Write a step's samples to a new folder, which appears when all is written.

    Parquet keeps types and shards. In JSON Lines and CSV, bytes are Base64 (RFC 4648); in CSV,
    nested values are JSON.

    Raises:
        UsageError: The folder is there and not empty, or there is no such step.
        StorageError: The disk is full or the folder cannot be written.
    """
    where = sorting_step(run, step)
    folder = Path(to)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(
            "the place to export to is taken, and nothing is overwritten",
            where=str(folder),
            hint="name a folder that is not there yet",
            code="exists",
        )
    dataset = Dataset(where.folder, split=split)
    aside = folder.with_name(f".{folder.name}.{os.getpid()}.aside")
    with storage_errors(folder):
        try:
            aside.mkdir(parents=True)
            writer = {"parquet": _parquet, "jsonl": _jsonl, "csv": _csv}[format]
            rows = writer(dataset, kind, aside, where.name)
            files = tuple(sorted(path.name for path in aside.iterdir()))
            commit_folder(aside, folder)
        finally:
            remove_folder(aside)
    return Exported(run.name, where.name, kind, split, format, str(folder), files, rows)


def _parquet(dataset: Dataset, kind: str, folder: Path, name: str) -> int:
    """One file for about 50,000 rows, all of one schema."""
    rows = 0
    writer: pq.ParquetWriter | None = None
    try:
        for batch in dataset.batches(kind=kind):
            if writer is None or rows // 50_000 != (rows + batch.num_rows) // 50_000:
                if writer is not None:
                    writer.close()
                path = folder / f"{name}-{len(list(folder.iterdir())):05d}.parquet"
                writer = pq.ParquetWriter(path, batch.schema, compression="zstd")
            writer.write_batch(batch)
            rows += batch.num_rows
        if writer is None:
            schema = dataset.schema if kind == "kept" else pa.schema([])
            pq.write_table(schema.empty_table(), folder / f"{name}-00000.parquet")
    finally:
        if writer is not None:
            writer.close()
    return rows


def _jsonl(dataset: Dataset, kind: str, folder: Path, name: str) -> int:
    rows = 0
    with open(folder / f"{name}.jsonl", "w", encoding="utf-8", errors="surrogatepass") as file:
        for row in _rows(dataset, kind):
            line = json.dumps(row, ensure_ascii=False, default=_plain)
            file.write(line + "\n")
            rows += 1
    return rows


def _csv(dataset: Dataset, kind: str, folder: Path, name: str) -> int:
    rows = 0
    with open(folder / f"{name}.csv", "w", encoding="utf-8", newline="") as file:
        writer: csv.DictWriter[str] | None = None
        for row in _rows(dataset, kind):
            if writer is None:
                writer = csv.DictWriter(_Encodable(file), list(row))
                writer.writeheader()
            writer.writerow({key: _cell(value) for key, value in row.items()})
            rows += 1
    return rows


class _Encodable:
    """Passes text on with lone surrogates replaced: CSV has no way to say them."""

    def __init__(self, file: io.TextIOBase | Any) -> None:
        self._file = file

    def write(self, text: str) -> int:
        return int(self._file.write(text.encode("utf-8", "replace").decode("utf-8")))


def _rows(dataset: Dataset, kind: str) -> Iterable[dict[str, Any]]:
    for batch in dataset.batches(kind=kind):
        yield from batch.to_pylist()


def _cell(value: Any) -> Any:
    if isinstance(value, bytes):
        return _plain(value)
    return json.dumps(value, default=_plain) if isinstance(value, list | dict) else value


def _plain(value: Any) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value)
