"""What an export would write: rows as they are counted, files and bytes from some of the shards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pyarrow.compute as pc

from tilth.export.begun import Writer, row_sizes
from tilth.export.formats import Format
from tilth.export.samples import Samples

# A shard of a data set has some hundreds of rows.
_SHARDS: Final = 16


@dataclass(frozen=True)
class Outlook:
    """Of one part of an export.

    Attributes:
        rows: That would be written.
        files: Of the part alone.
        num_bytes: What its rows hold: texts, pictures and sound as they are, and eight bytes for
            each other value. What a format makes of it, packed or spelt out, is not known.
        is_exact: Whether files and bytes are counted; else they are reckoned from some shards.
    """

    rows: int
    files: int
    num_bytes: int
    is_exact: bool


def outlook_of(samples: Samples, writer: Writer, form: Format) -> Outlook:
    """What a part would be.

    Args:
        samples: Of the part. Some shards of them are read.
        writer: Of its format, which says when a shard ends.
        form: What there is to know of the format.
    """
    seen = size = beside = 0
    for batch, times in samples.spread(_SHARDS):
        seen += int(times.sum())
        size += int((row_sizes(batch).to_numpy() * times).sum())
        for name in set(form.beside) & set(batch.schema.names):
            there = pc.is_valid(batch.column(name)).to_numpy(zero_copy_only=False)
            beside += int((there * times).sum())
    rows = samples.num_rows
    is_exact = seen == rows
    if not is_exact and seen:
        size, beside = round(size / seen * rows), round(beside / seen * rows)
    shards = max(-(-rows // writer.max_rows), -(-size // writer.max_bytes), 1)
    files = form.has_shards * shards + beside + form.of_part
    # Where bytes end a shard, the next row decides which.
    return Outlook(rows, files, size, is_exact and size < writer.max_bytes)
