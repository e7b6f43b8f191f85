"""ImageFolder and AudioFolder: a file a sample, in folders by label, and `metadata.parquet`.

Source: huggingface.co/docs/datasets/main/en/image_dataset: the metadata have a column `file_name`.
Of a table in CSV or JSON Lines `datasets` guesses the types, for each split by itself, and refuses
splits that differ; Parquet says them. torchvision's `ImageFolder` reads the same folders by their
names.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from tilth.errors import DataError, UsageError
from tilth.export.begun import Facts, Place
from tilth.export.parquet import hub_schema
from tilth.export.rows import MEDIA, ending_of
from tilth.export.samples import Samples
from tilth.schema import column
from tilth.store.files import atomic_file, remove

# No label is written so: a label's own first `_` is escaped.
UNLABELLED: Final = "_unlabelled"
_METADATA: Final = "metadata.parquet"
# A stream of Arrow for each shard, one after another, until all are there.
_NAME: Final = "file_name"
_SO_FAR: Final = ".metadata.arrows"
_PLAIN: Final = re.compile(r"[^\w .,()+-]|^[_. ]|[. ]$")
_MAX_BYTES: Final = 200
_BY_PAYLOAD: Final = {"image": "imagefolder", "audio": "audiofolder"}


class Folders:
    """Writes the payload of each sample as a file, and all else as a row of `metadata.parquet`.

    Raises:
        UsageError: The samples have no such payload.
    """

    max_rows = 10_000
    max_bytes = 256 << 20
    payload = ""

    def __init__(self, place: Place, samples: Samples) -> None:
        names = samples.schema.names
        if self.payload not in names and samples.schema:
            other = next((form for name, form in _BY_PAYLOAD.items() if name in names), "parquet")
            raise UsageError(
                f"the samples have no column `{self.payload}`, of which this format makes files",
                hint=f"--format {other}, jsonl or csv",
                code="no-payload",
            )
        self._place = place
        kept = [field for field in samples.schema if field.name not in MEDIA]
        self._schema = pa.schema([pa.field(_NAME, pa.string()), *kept])

    def shard(self, batches: Iterator[pa.RecordBatch], number: int, first: int) -> Facts:  # noqa: ARG002
        """See `tilth.export.begun.Writer`.

        Raises:
            DataError: A sample has no payload, or its label cannot be the name of a folder.
        """
        labels: Counter[str] = Counter()
        at = first
        with (
            self._place.grow(_SO_FAR) as file,
            pa.ipc.new_stream(file, self._schema) as metadata,
        ):
            for batch in batches:
                names = self._write(batch, at, labels)
                at += len(names)
                kept = [batch.column(field.name) for field in self._schema if field.name != _NAME]
                arrays = [pa.array(names, pa.string()), *kept]
                metadata.write_batch(pa.RecordBatch.from_arrays(arrays, schema=self._schema))
        return {"unlabelled": labels[UNLABELLED], "labelled": labels.total() - labels[UNLABELLED]}

    def _write(self, batch: pa.RecordBatch, first: int, labels: Counter[str]) -> list[str]:
        """Write the files of a batch, and count its labels; returns the files' names."""
        names: list[str] = []
        columns = [column(batch, name).to_pylist() for name in ("id", "label", self.payload)]
        for sample, label, data in zip(*columns, strict=True):
            if not isinstance(data, bytes):
                what = f"the sample has no {self.payload}"
                raise DataError(what, where=sample, hint="--format jsonl")
            folder = _folder_of(label, sample)
            labels[folder] += 1
            names.append(f"{folder}/{first + len(names):09d}.{ending_of(data)}")
            self._place.path(names[-1]).write_bytes(data)
        return names

    def finish(self, facts: list[Facts]) -> Facts:
        """See `tilth.export.begun.Writer`."""
        folder, told = self._place.folder, hub_schema(self._schema)
        with (
            open(folder / _SO_FAR, "rb") as file,
            atomic_file(folder / _METADATA) as out,
            pq.ParquetWriter(out, told) as writer,
        ):
            for _ in facts:
                # Of one piece: where a page ends would hang on where a try before ended.
                table = pa.ipc.open_stream(file).read_all().combine_chunks()
                table = table.replace_schema_metadata(told.metadata)
                writer.write_table(table, max(len(table), 1))
        remove(folder / _SO_FAR)
        without = sum(one["unlabelled"] for one in facts)
        if not without or not sum(one["labelled"] for one in facts):
            return {}
        return {
            "told": [
                f"{without:,} samples without a label are in the folder `{UNLABELLED}`, which a "
                "reader of folders takes for a class"
            ]
        }


class ImageFolder(Folders):
    """The pictures."""

    payload = "image"


class AudioFolder(Folders):
    """The recordings."""

    payload = "audio"


def _folder_of(label: str | None, sample: str) -> str:
    """The name of a label's folder: what could lead elsewhere or be refused is `%XX`.

    Raises:
        DataError: It is longer than the name of a file may be.
    """
    if label is None:
        return UNLABELLED
    name = _PLAIN.sub(lambda one: "".join(f"%{byte:02X}" for byte in one[0].encode()), label)
    name = name or "%"
    if len(name.encode()) > _MAX_BYTES:
        raise DataError(
            "the label is too long for the name of a folder", where=sample, hint="--format parquet"
        )
    return name
