"""ImageFolder and AudioFolder: a file a sample, in folders by label, and `metadata.csv`.

Source: huggingface.co/docs/datasets/main/en/image_dataset: `metadata.csv` has a column `file_name`.
torchvision's `ImageFolder` reads the same folders by their names.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

import pyarrow as pa

from tilth.errors import DataError, UsageError
from tilth.export.begun import Facts, Place
from tilth.export.rows import MEDIA, Encodable, cell, ending_of, rows_of
from tilth.export.samples import Samples

# No label is written so: a label's own first `_` is escaped.
UNLABELLED: Final = "_unlabelled"
_METADATA: Final = "metadata.csv"
_PLAIN: Final = re.compile(r"[^\w .,()+-]|^[_. ]|[. ]$")
_MAX_BYTES: Final = 200
_BY_PAYLOAD: Final = {"image": "imagefolder", "audio": "audiofolder"}


class Folders:
    """Writes the payload of each sample as a file, and all else as a row of `metadata.csv`.

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
        self._names = [name for name in names if name not in MEDIA]

    def shard(self, batches: Iterator[pa.RecordBatch], number: int, first: int) -> Facts:
        """See `tilth.export.begun.Writer`.

        Raises:
            DataError: A sample has no payload, or its label cannot be the name of a folder.
        """
        labels: Counter[str] = Counter()
        with self._place.grow(_METADATA) as file:
            text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
            writer = csv.DictWriter(Encodable(text), ["file_name", *self._names])
            if number == 0:
                writer.writeheader()
            for at, row in enumerate(rows_of(batches), first):
                data = row[self.payload]
                if not isinstance(data, bytes):
                    raise DataError(
                        f"the sample has no {self.payload}", where=row["id"], hint="--format jsonl"
                    )
                folder = _folder_of(row.get("label"), row["id"])
                labels[folder] += 1
                name = f"{folder}/{at:09d}.{ending_of(data)}"
                self._place.path(name).write_bytes(data)
                cells = {name: cell(row[name]) for name in self._names}
                writer.writerow({"file_name": name, **cells})
            text.detach()
        return {"unlabelled": labels[UNLABELLED], "labelled": labels.total() - labels[UNLABELLED]}

    def finish(self, facts: list[Facts]) -> Facts:
        """See `tilth.export.begun.Writer`."""
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
