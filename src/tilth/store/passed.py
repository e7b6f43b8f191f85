"""What a source was pointed at and did not read: each place with its reason, beside its shards.

In the same list stands what it did read with a guess or a change, marked as read.
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import pyarrow as pa
import pyarrow.parquet as pq

from tilth.context import Note
from tilth.spell import counted
from tilth.store.files import atomic_file, sha256_file
from tilth.store.manifest import PASSED_OVER, File, PassedOver
from tilth.store.parquet import writing

_SCHEMA = pa.schema([("place", pa.string()), ("reason", pa.string()), ("read", pa.bool_())])
_ROWS_AT_ONCE = 4096
# Endings of names are among them, of which there may be any number.
_MAX_REASONS = 200
OTHER = "for other reasons"


class PassedOverWriter:
    """Writes the list as it grows, with memory flat in its length; use as a context manager.

    The file is written aside and put in place by `commit`; without it nothing is left.

    Args:
        folder: The data set's.

    Attributes:
        num_places: How many were noted.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / PASSED_OVER
        self._by_reason: Counter[str] = Counter()
        self._by_note: Counter[str] = Counter()
        self._rows: list[tuple[str, str, bool]] = []
        self.num_places = 0
        self._stack = ExitStack()
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> PassedOverWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._writer is not None and kind is not None:
            self._writer.close()
        self._stack.__exit__(kind, error, trace)

    def add(self, place: str, reason: str) -> None:
        """Note one place.

        Args:
            place: As the user would name it; a name that is no text is spelt out.
            reason: Of few that there are; from the 200th on they are counted together. A `Note`
                where the place was read.
        """
        is_read = isinstance(reason, Note)
        counts = self._by_note if is_read else self._by_reason
        known = reason in counts or len(counts) < _MAX_REASONS - 1
        counts[str(reason) if known else OTHER] += 1
        self.num_places += 1
        spelt = place.encode("utf-8", "backslashreplace").decode()
        self._rows.append((spelt, str(reason), is_read))
        if len(self._rows) >= _ROWS_AT_ONCE:
            self._write()

    def told(self, most: int = 3) -> str:
        """The commonest reasons with their numbers, in words; empty where nothing was noted."""
        commonest = PassedOver(by_reason=dict(self._by_reason)).commonest()
        words = [counted(number, reason) for reason, number in commonest[:most]]
        more = len(commonest) - most
        return "; ".join([*words, *([f"{more} more reasons"] if more > 0 else [])])

    def _write(self) -> None:
        if self._writer is None:
            file = self._stack.enter_context(atomic_file(self._path))
            self._writer = writing(file, _SCHEMA, compression="zstd")
        columns = list(zip(*self._rows, strict=True))
        self._writer.write_batch(pa.record_batch(columns, schema=_SCHEMA))
        self._rows = []

    def commit(self) -> PassedOver:
        """Put the list in place; returns what it says in all."""
        if self._rows:
            self._write()
        if self._writer is None:
            return PassedOver()
        self._writer.close()
        self._stack.close()
        file = File(bytes=self._path.stat().st_size, sha256=sha256_file(self._path))
        return PassedOver(by_reason=dict(self._by_reason), by_note=dict(self._by_note), file=file)
