"""A folder that is written shard by shard, and gone on from where a kill ended it.

A shard is a pure function of the samples and of where it begins. What it wrote counts once a line
of the ledger, a hidden file of the folder, says so. A new try cuts files that grow from shard to
shard to what the last line says and writes the shard that was under way anew, over what is there.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tilth.export.samples import Samples
from tilth.store.files import remove

Facts = dict[str, Any]
LEDGER: Final = ".export.jsonl"
_FIXED_BYTES: Final = 8
_OF_BYTES: Final = (
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_string,
    pa.types.is_large_string,
)


def numbered(name: str, number: int) -> str:
    """The name of one of several files, which sort by their numbers."""
    return f"{name}-{number:05d}"


class Place:
    """Where a format writes a part of an export, such as a split.

    Args:
        folder: Of its files.
        name: What their names begin with.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        # Bytes that count, by name, of files that grow; and what the shard under way wrote else.
        self.sizes: dict[str, int] = {}
        self.written: set[str] = set()

    def path(self, name: str) -> Path:
        """The path of a file of a shard; the folders above it are made."""
        self.written.add(name)
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    @contextlib.contextmanager
    def grow(self, name: str) -> Iterator[IO[bytes]]:
        """A file that all shards add to, open at the end of what counts."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "r+b" if path.exists() else "w+b") as file:
            file.truncate(self.sizes.get(name, 0))
            file.seek(0, os.SEEK_END)
            yield file
            file.flush()
            os.fsync(file.fileno())
            self.sizes[name] = file.tell()


class Writer(Protocol):
    """A format: writes the samples of a part, in shards.

    Attributes:
        max_rows, max_bytes: A shard ends with the row that reaches one of them.
    """

    max_rows: int
    max_bytes: int

    def shard(self, batches: Iterator[pa.RecordBatch], number: int, first: int) -> Facts:
        """Write one shard; what it says of it is kept.

        Args:
            batches: Its rows. There are none only where the whole part has none.
            number: From 0.
            first: Rows before it.
        """

    def finish(self, facts: list[Facts]) -> Facts:
        """Write what is of all shards, and say what there is to say of the part.

        Args:
            facts: What `shard` said of each.
        """


class Begun:
    """An export that may have been begun.

    Args:
        folder: Where it is written; it is there.
        identity: Of what is written: what another export began there is removed.
    """

    def __init__(self, folder: Path, identity: str) -> None:
        self._path = folder / LEDGER
        self._lines = _read(self._path, folder)
        if not self._lines or self._lines[0] != {"identity": identity}:
            remove(*(path for path in folder.iterdir() if path.name != ".lock"))
            self._lines = []
            self._add({"identity": identity})

    def _add(self, line: Facts) -> None:
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())
        line.pop("files", None)
        self._lines.append(line)

    def write(
        self,
        place: Place,
        samples: Samples,
        writer: Writer,
        tell: Callable[[int], None] | None = None,
    ) -> tuple[int, list[Facts]]:
        """Write the shards of a part, or those that are left; returns its rows and their facts.

        Args:
            place: Where to.
            samples: Of the part.
            writer: Of its format.
            tell: Called with the rows that were written by now.
        """
        done = [line for line in self._lines if line.get("part") == place.name]
        rows = sum(line["rows"] for line in done)
        facts = [line["facts"] for line in done]
        below = place.folder.relative_to(self._path.parent)
        if done:
            place.sizes = {Path(name).name: size for name, size in done[-1]["sizes"].items()}
        left = _Rows(samples.batches(rows))
        while not left.is_done or not facts:
            found = _Shard(left, writer.max_rows, writer.max_bytes)
            batches = _told(found, rows, tell) if tell is not None else iter(found)
            place.written.clear()
            facts.append(writer.shard(batches, len(facts), rows))
            rows += found.rows
            sizes = {str(below / name): size for name, size in place.sizes.items()}
            files = {
                str(below / name): (place.folder / name).stat().st_size for name in place.written
            }
            self._add(
                {
                    "part": place.name,
                    "rows": found.rows,
                    "facts": facts[-1],
                    "sizes": sizes,
                    "files": dict(sorted(files.items())),
                }
            )
        return rows, facts

    def end(self) -> None:
        """All is written."""
        remove(self._path)


def _read(path: Path, folder: Path) -> list[Facts]:
    """The lines of a ledger, up to one that was cut or of which a file is not there whole."""
    found: list[Facts] = []
    if not path.is_file():
        return found
    whole = 0
    with open(path, "rb") as file:
        for line in file:
            try:
                one = json.loads(line) if line.endswith(b"\n") else None
            except ValueError:
                one = None
            if not isinstance(one, dict) or not _is_there(one, folder):
                break
            one.pop("files", None)
            found.append(one)
            whole += len(line)
    os.truncate(path, whole)
    return found


def _is_there(line: Facts, folder: Path) -> bool:
    """Whether files are as they were when the line was written; those that grow may have more."""
    try:
        return all(
            (folder / name).stat().st_size == size for name, size in line.get("files", {}).items()
        ) and all(
            (folder / name).stat().st_size >= size for name, size in line.get("sizes", {}).items()
        )
    except OSError:
        return False


class _Rows:
    """A stream of batches of which a part of the last may be given back."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches = batches
        self._next: pa.RecordBatch | None = None

    @property
    def is_done(self) -> bool:
        while self._next is None or not self._next.num_rows:
            self._next = next(self._batches, None)
            if self._next is None:
                return True
        return False

    def take(self) -> pa.RecordBatch:
        assert self._next is not None
        batch, self._next = self._next, None
        return batch

    def give_back(self, batch: pa.RecordBatch) -> None:
        self._next = batch


class _Shard:
    """The batches of one shard, which end where its rows or bytes are enough."""

    def __init__(self, left: _Rows, max_rows: int, max_bytes: int) -> None:
        self._left = left
        self._max_rows = max_rows
        self._max_bytes = max_bytes
        self.rows = 0

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        size = 0
        while self.rows < self._max_rows and size < self._max_bytes and not self._left.is_done:
            batch = self._left.take()
            ends = pc.cumulative_sum(row_sizes(batch)).to_numpy() + size
            # The row that reaches the limit is the last; there is one, whatever its size.
            end = int((ends < self._max_bytes).sum()) + 1
            end = min(end, batch.num_rows, self._max_rows - self.rows)
            self._left.give_back(batch.slice(end))
            self.rows += end
            size = int(ends[end - 1])
            yield batch.slice(0, end)


def _told(shard: _Shard, before: int, tell: Callable[[int], None]) -> Iterator[pa.RecordBatch]:
    """The batches of a shard; each is told of when the next one is asked for."""
    tell(before)
    for batch in shard:
        yield batch
        tell(before + shard.rows)


def row_sizes(batch: pa.RecordBatch) -> pa.Array:
    """About the bytes of each row, int64 [n]; what is in lists and structs counts."""
    total = np.zeros(batch.num_rows, np.int64)
    for column in batch.columns:
        total += _FIXED_BYTES + _sizes(column)
    return pa.array(total)


def _sizes(column: pa.Array) -> npt.NDArray[np.int64]:
    """The bytes of each value beside those that any has, int64 [n]."""
    kind = column.type
    sizes: npt.NDArray[np.int64] = np.zeros(len(column), np.int64)
    if any(test(kind) for test in _OF_BYTES):
        sizes += pc.fill_null(pc.binary_length(column), 0).to_numpy(zero_copy_only=False)
    elif pa.types.is_struct(kind):
        for part in column.flatten():
            sizes += _FIXED_BYTES + _sizes(part)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        # None of the values of what is null is among these.
        inner = _FIXED_BYTES + _sizes(column.flatten())
        before = np.append(np.zeros(1, np.int64), np.cumsum(inner))
        lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
        ends = np.cumsum(lengths)
        sizes += before[ends] - before[ends - lengths]
    return sizes
