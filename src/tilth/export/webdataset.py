"""WebDataset: tar archives in which files of one key, the name up to its first dot, are a sample.

Source: github.com/webdataset/webdataset, "The WebDataset format".
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator

import pyarrow as pa

from tilth.export.begun import Facts, Place
from tilth.export.rows import MEDIA, ending_of, json_line, rows_of, with_object
from tilth.export.samples import Samples
from tilth.schema import Row

_TEXTS = {"text": "txt", "target": "target.txt"}


class WebDataset:
    """Writes `NAME-000000.tar` and on.

    A key is the number of the sample, which has no dot. Its files are the payloads, under the
    endings of what they are; label, weight and all else are in `KEY.json`.
    """

    max_rows = 10_000
    max_bytes = 256 << 20

    def __init__(self, place: Place, samples: Samples) -> None:
        del samples
        self._place = place

    def shard(self, batches: Iterator[pa.RecordBatch], number: int, first: int) -> Facts:
        """See `tilth.export.begun.Writer`."""
        path = self._place.path(f"{self._place.name}-{number:06d}.tar")
        with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
            for at, row in enumerate(rows_of(batches), first):
                for ending, data in _files(row):
                    member = tarfile.TarInfo(f"{at:09d}.{ending}")
                    member.size = len(data)
                    archive.addfile(member, io.BytesIO(data))
        return {}

    def finish(self, facts: list[Facts]) -> Facts:
        """See `tilth.export.begun.Writer`."""
        del facts  # each shard is whole by itself
        return {}


def _files(row: Row) -> Iterator[tuple[str, bytes]]:
    """The files of a sample, by their endings."""
    rest = dict(row)
    for name in MEDIA:
        if isinstance(data := rest.pop(name, None), bytes):
            ending = ending_of(data)
            # Two payloads of one ending would be one file; a reader takes the last part of it.
            yield (ending if ending != "bin" else f"{name}.bin"), data
    for name, ending in _TEXTS.items():
        if isinstance(text := rest.pop(name, None), str):
            yield ending, text.encode("utf-8", "surrogatepass")
    yield "json", json_line(with_object(rest)).encode("utf-8", "surrogatepass")
