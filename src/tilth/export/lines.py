"""JSON Lines and CSV, with pictures, sound and pages as files beside them."""

from __future__ import annotations

import csv
from collections.abc import Iterator

import pyarrow as pa

from tilth.export.begun import Facts, Place, numbered
from tilth.export.rows import Encodable, cell, json_line, rows_of, with_files, with_object
from tilth.export.samples import Samples
from tilth.store.files import move


class _Text:
    """Files `NAME-00000.ENDING` and on, or `NAME.ENDING` where there is but one."""

    max_rows = 50_000
    max_bytes = 256 << 20
    ending = ""

    def __init__(self, place: Place, samples: Samples) -> None:
        self._place = place
        self._names = samples.schema.names

    def finish(self, facts: list[Facts]) -> Facts:
        """See `tilth.export.begun.Writer`."""
        if len(facts) == 1:
            first = self._place.folder / self._file(0)
            move(first, self._place.folder / f"{self._place.name}.{self.ending}")
        return {}

    def _file(self, number: int) -> str:
        return f"{numbered(self._place.name, number)}.{self.ending}"


class JsonLines(_Text):
    """An object a line, the fields `meta.NAME` that a sample has in an object `meta`."""

    ending = "jsonl"

    def shard(self, batches: Iterator[pa.RecordBatch], number: int, first: int) -> Facts:
        """See `tilth.export.begun.Writer`."""
        path = self._place.path(self._file(number))
        with open(path, "w", encoding="utf-8", errors="surrogatepass") as file:
            for at, row in enumerate(rows_of(batches), first):
                row = with_files(row, self._place, at, number)
                file.write(json_line(with_object(row)) + "\n")
        return {}


class Csv(_Text):
    """A row a sample below the names of the columns; nested values are JSON."""

    ending = "csv"

    def shard(self, batches: Iterator[pa.RecordBatch], number: int, first: int) -> Facts:
        """See `tilth.export.begun.Writer`."""
        path = self._place.path(self._file(number))
        with open(path, "w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(Encodable(file), self._names)
            writer.writeheader()
            for at, row in enumerate(rows_of(batches), first):
                row = with_files(row, self._place, at, number)
                writer.writerow({name: cell(value) for name, value in row.items()})
        return {}
