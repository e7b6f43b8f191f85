"""Mosaic MDS: shards that begin with the offsets of their samples, and `index.json`.

Source: github.com/mosaicml/streaming, `streaming/base/format/mds/writer.py`, version 2 of the
format. All numbers are little-endian uint32. A shard is the number of its samples, n + 1 offsets
from its begin, a JSON document on its columns, and the samples; a sample is the sizes of its
columns without a fixed size, and the columns one after another.
"""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa

from tilth.errors import DataError
from tilth.export.begun import Facts, Place
from tilth.export.rows import MEDIA, json_line, rows_of
from tilth.export.samples import Samples
from tilth.schema import WEIGHT, Row
from tilth.store.files import remove, write_bytes

_MOST: Final = (1 << 32) - 1
# How Mosaic calls what a column holds, and its size in bytes where that is fixed.
_BYTES, _TEXT, _FLOAT, _JSON = ("bytes", None), ("str", None), ("float64", 8), ("json", None)


class Mds:
    """Writes `shard.00000.mds` and on, and `index.json`.

    Texts are `str`, pictures and sound `bytes` as they are, the weight `float64`; each other column
    is `json`, in which null has its place. A text or a picture that is missing is empty.
    """

    max_rows = 100_000
    max_bytes = 64 << 20

    def __init__(self, place: Place, samples: Samples) -> None:
        self._place = place
        kinds = {name: _kind_of(name) for name in sorted(samples.schema.names)}
        self._kinds = kinds
        self._config: Facts = {
            "version": 2,
            "format": "mds",
            "compression": None,
            "hashes": [],
            "size_limit": self.max_bytes,
            "column_names": list(kinds),
            "column_encodings": [encoding for encoding, _ in kinds.values()],
            "column_sizes": [size for _, size in kinds.values()],
        }

    def shard(self, batches: Iterator[pa.RecordBatch], number: int, first: int) -> Facts:
        """See `tilth.export.begun.Writer`.

        Raises:
            DataError: A sample is larger than a shard of the format can be.
        """
        del first
        name = f"shard.{str(number).zfill(5)}.mds"
        path = self._place.path(name)
        samples = path.with_name(f".{name}.samples")
        sizes: list[int] = []
        with open(samples, "wb") as body:
            for row in rows_of(batches):
                sizes.append(body.write(self._sample(row)))
        config = json.dumps(self._config, sort_keys=True).encode()
        offsets = [4 + 4 * (len(sizes) + 1) + len(config)]
        for row_number, size in enumerate(sizes):
            offsets.append(offsets[-1] + size)
            if offsets[-1] > _MOST:
                raise DataError(
                    f"a sample of {size:,} bytes is more than a shard of this format holds",
                    where=f"{name}, sample {row_number}",
                    hint="--format webdataset or parquet",
                )
        with open(path, "wb") as shard, open(samples, "rb") as body:
            shard.write(struct.pack(f"<{len(offsets) + 1}I", len(sizes), *offsets))
            shard.write(config)
            shutil.copyfileobj(body, shard)
        remove(samples)
        return {"name": name, "samples": len(sizes), "bytes": path.stat().st_size}

    def finish(self, facts: list[Facts]) -> Facts:
        """See `tilth.export.begun.Writer`."""
        shards = [
            {
                **self._config,
                "samples": one["samples"],
                "raw_data": {"basename": one["name"], "bytes": one["bytes"], "hashes": {}},
                "zip_data": None,
            }
            for one in facts
        ]
        index = json.dumps({"version": 2, "shards": shards}, sort_keys=True)
        write_bytes(self._place.folder / "index.json", index.encode())
        return {}

    def _sample(self, row: Row) -> bytes:
        sizes, values = [], []
        for name, (encoding, size) in self._kinds.items():
            value = _encoded(row[name], encoding)
            if len(value) > _MOST:
                raise DataError(f"`{name}` has over 4 GiB", where=row["id"])
            if size is None:
                sizes.append(len(value))
            values.append(value)
        return struct.pack(f"<{len(sizes)}I", *sizes) + b"".join(values)


def _kind_of(name: str) -> tuple[str, int | None]:
    if name in MEDIA:
        return _BYTES
    if name in ("text", "target", "id"):
        return _TEXT
    return _FLOAT if name == WEIGHT else _JSON


def _encoded(value: Any, encoding: str) -> bytes:
    if encoding == "bytes":
        return value or b""
    if encoding == "str":
        return (value or "").encode("utf-8", "replace")
    if encoding == "float64":
        return struct.pack("<d", value)
    # A lone surrogate is escaped, for bytes of JSON have none; other text stands as it is.
    return json_line(value).encode("utf-8", "backslashreplace")
