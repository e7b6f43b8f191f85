"""Parquet in Hugging Face's layout: files of one schema, which say what their columns are.

Source: huggingface.co/docs/datasets/main/en/about_dataset_features; the features stand in the
schema's metadata under `huggingface`, as `datasets` writes them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from tilth.export.begun import Facts, Place, numbered
from tilth.export.hub_features import MEDIUM, feature
from tilth.export.samples import Samples

# As these are stored; offsets into the bytes have 32 bits with a sign.
_STORED: Final = (pa.field("bytes", pa.binary()), pa.field("path", pa.string()))
_MAX_BYTES: Final = 1 << 30
# Of a row group, which ends with the batch that reaches one of them.
_GROUP_ROWS: Final = 10_000
_GROUP_BYTES: Final = 64 << 20


class ParquetWriter:
    """Writes `NAME-00000.parquet` and on, with the types of the samples.

    A picture or sound is a struct of `bytes` and `path`.
    """

    max_rows = 50_000
    max_bytes = 256 << 20

    def __init__(self, place: Place, samples: Samples) -> None:
        self._place = place
        self._schema = hub_schema(samples.schema)

    def shard(self, batches: Iterator[pa.RecordBatch], number: int, first: int) -> Facts:
        """See `tilth.export.begun.Writer`."""
        del first
        path = self._place.path(f"{numbered(self._place.name, number)}.parquet")
        with pq.ParquetWriter(path, self._schema, compression="zstd") as writer:
            for group in _groups(self._as_hub(part) for one in batches for part in _parts(one)):
                writer.write_table(group, group.num_rows)
        return {}

    def finish(self, facts: list[Facts]) -> Facts:
        """See `tilth.export.begun.Writer`."""
        del facts  # each shard is whole by itself
        return {}

    def _as_hub(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Pictures and sound as bytes with a path, of which there is none."""
        columns = dict(zip(batch.schema.names, batch.columns, strict=True))
        for name in columns.keys() & MEDIUM.keys():
            data = columns[name].cast(pa.binary())
            paths = pa.nulls(len(data), pa.string())
            columns[name] = pa.StructArray.from_arrays(
                [data, paths], fields=list(_STORED), mask=data.is_null()
            )
        return pa.RecordBatch.from_arrays(list(columns.values()), schema=self._schema)


def _groups(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Batches together, of one piece: where a page ends hangs on where the batches end."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        rows, size = sum(one.num_rows for one in held), sum(one.nbytes for one in held)
        if rows >= _GROUP_ROWS or size >= _GROUP_BYTES:
            yield pa.Table.from_batches(held).combine_chunks()
            held = []
    if held:
        yield pa.Table.from_batches(held).combine_chunks()


def _parts(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """A batch, in parts where its pictures would be more than one array of theirs can hold."""
    if batch.num_rows < 2 or batch.nbytes < _MAX_BYTES:
        yield batch
        return
    half = batch.num_rows // 2
    yield from _parts(batch.slice(0, half))
    yield from _parts(batch.slice(half))


def hub_schema(schema: pa.Schema) -> pa.Schema:
    """The schema as `datasets` has it: with its features, where they have all types."""
    stored = [
        pa.field(one.name, pa.struct(_STORED)) if one.name in MEDIUM else one for one in schema
    ]
    schema = pa.schema(stored)
    try:
        features = {field.name: feature(field.name, field.type) for field in schema}
    except LookupError:
        return schema
    told = json.dumps({"info": {"features": features}})
    return schema.with_metadata({"huggingface": told})
