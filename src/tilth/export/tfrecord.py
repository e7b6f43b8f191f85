"""TFRecord files, a `tf.train.Example` a sample."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from tilth.errors import DataError
from tilth.export.begun import Facts, Place, numbered
from tilth.export.rows import cell, rows_of
from tilth.export.samples import Samples
from tilth.export.tf_example import example, framed
from tilth.schema import Row


class TfRecord:
    """Writes `NAME-00000.tfrecord` and on; nulls are left out, nested values are JSON."""

    max_rows = 10_000
    max_bytes = 256 << 20

    def __init__(self, place: Place, samples: Samples) -> None:
        del samples
        self._place = place

    def shard(self, batches: Iterator[pa.RecordBatch], number: int, first: int) -> Facts:
        """See `tilth.export.begun.Writer`.

        Raises:
            DataError: A whole number does not fit in 64 bits with a sign.
        """
        del first
        path = self._place.path(f"{numbered(self._place.name, number)}.tfrecord")
        with open(path, "wb") as file:
            for row in rows_of(batches):
                try:
                    file.write(framed(example(_features(row))))
                except ValueError as error:
                    raise DataError(str(error), where=row["id"], hint="--format parquet") from None
        return {}

    def finish(self, facts: list[Facts]) -> Facts:
        """See `tilth.export.begun.Writer`."""
        del facts  # each shard is whole by itself
        return {}


def _features(row: Row) -> dict[str, bytes | int | float]:
    """A row as TFRecord has it; nulls are left out."""
    return {
        name: value
        if isinstance(value, bytes | int | float)
        else str(cell(value)).encode("utf-8", "replace")
        for name, value in row.items()
        if value is not None
    }
