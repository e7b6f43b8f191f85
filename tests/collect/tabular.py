"""The same records as CSV, JSON Lines and Parquet, and what their sources read."""

from __future__ import annotations

import csv as standard
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.collect.archives import tar
from tilth.collect import csv, files, hub, jsonl, parquet, webdataset
from tilth.context import Context

Record = Mapping[str, Any]

SOURCES: dict[str, ModuleType] = {
    "csv": csv,
    "files": files,
    "hub": hub,
    "jsonl": jsonl,
    "parquet": parquet,
    "webdataset": webdataset,
}


def write(kind: str, folder: Path, records: Sequence[Record], name: str = "a") -> Path:
    """A file with a column for every key of any of the records; None is an empty cell."""
    folder.mkdir(parents=True, exist_ok=True)
    if kind == "hub":
        write("parquet", folder / f"{name}.hub", records, "train")
        return folder / f"{name}.hub"
    if kind == "webdataset":
        path = folder / f"{name}.tar"
        path.write_bytes(
            tar([(f"{n}.json", json.dumps(one).encode()) for n, one in enumerate(records)])
        )
        return path
    kind = "jsonl" if kind == "files" else kind
    path = folder / f"{name}.{kind}"
    keys = list(dict.fromkeys(key for record in records for key in record))
    if kind == "jsonl":
        path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    elif kind == "parquet":
        pq.write_table(
            pa.table({key: [record.get(key) for record in records] for key in keys}), path
        )
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = standard.DictWriter(file, keys)
            writer.writeheader()
            for record in records:
                writer.writerow({key: _cell(value) for key, value in record.items()})
    return path


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list | dict) else value


def read(kind: str, path: Path, limit: int | None = None, **given: Any) -> list[dict[str, Any]]:
    """The rows of the source."""
    return read_with(SOURCES[kind], path.parent, limit, path=str(path), **given)


def read_with(
    source: ModuleType, work: Path, limit: int | None = None, /, **given: Any
) -> list[dict[str, Any]]:
    """The rows of any source with these settings, as a recipe has them."""
    settings = source.Settings.model_validate(given)
    source.fingerprint(settings)
    batches = source.read(settings, "s", Context(work / "work", limit=limit))
    return [row for batch in batches for row in batch.to_pylist()]
