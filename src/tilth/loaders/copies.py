"""Any sample at once: columns of shards laid down uncompressed, and memory-mapped.

A shard is a packed group of rows: one row costs reading them all. So each column of a shard that
is wanted is laid down once, as an Arrow file, by whoever wants a row of it first, and every process
and epoch after that reads a row by its place. What is laid down is the stored values: pictures and
sound as the bytes of their files, not what they decode to.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from tilth.errors import DataError, StorageError
from tilth.store.files import atomic_file, elsewhere
from tilth.store.parquet import read_shard

# Where the data set's own folder cannot be written.
FOLDER: Final = "keep index and copies in another place: `folder=DIR`"
# A process may have 65,530 files mapped (vm.max_map_count).
_MAPPED: Final = 8192
_TRIES: Final = 3
_AT_ONCE: Final = 8  # copies that are made side by side


class Copies:
    """The columns of a data set's shards, a value by its place.

    A process that it is sent to maps the files for itself.

    Args:
        shards: The Parquet files.
        schema: The columns, with the types that they have over all shards.
        folder: Where the copies are laid down.
    """

    def __init__(self, shards: Sequence[Path], schema: pa.Schema, folder: Path) -> None:
        self._shards = tuple(shards)
        self._schema = schema
        self._folder = folder
        self._mapped: OrderedDict[tuple[str, int], pa.Array] = OrderedDict()

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_mapped": OrderedDict()}

    def value(self, name: str, shard: int, row: int) -> Any:
        """A value as Python has it, None where it is null.

        Raises:
            StorageError: The copy of the shard cannot be written.
            MissingError, DataError: The shard cannot be read.
        """
        array = self._mapped.get((name, shard))
        if array is None:
            array = self._copy(name, shard)
            self._keep((name, shard), array)
        return array[row].as_py()

    def lay_down(self, names: Sequence[str], shards: Iterable[int]) -> None:
        """Make the copies of some columns of some shards now, several at a time.

        Raises:
            StorageError, MissingError, DataError: As of `value`.
        """
        waiting = []
        for shard in dict.fromkeys(shards):
            for name in names:
                if (name, shard) not in self._mapped:
                    array = _mapped(self._path(name, shard))
                    if array is None:
                        waiting.append((name, shard))
                    else:
                        self._keep((name, shard), array)
        if not waiting:
            return
        # Most of the time goes into waiting for the disk.
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            made = pool.map(lambda one: self._copy(*one), waiting)
            for one, array in zip(waiting, made, strict=True):
                self._keep(one, array)

    @property
    def num_bytes(self) -> int:
        """Of the copies that are there."""
        return sum(path.stat().st_size for path in self._folder.glob("*/*.arrow"))

    def _keep(self, one: tuple[str, int], array: pa.Array) -> None:
        self._mapped[one] = array
        if len(self._mapped) > _MAPPED:
            self._mapped.popitem(last=False)

    def _path(self, name: str, shard: int) -> Path:
        # A column may be called as no file can.
        column = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        return self._folder / column / f"{self._shards[shard].stem}.arrow"

    def _copy(self, name: str, shard: int) -> pa.Array:
        """The copy of a column of a shard, mapped; made where it is not there."""
        path = self._path(name, shard)
        array = _mapped(path)
        for _ in range(_TRIES):
            if array is not None:
                return array
            try:
                with elsewhere(FOLDER):
                    self._write(name, shard, path)
            except StorageError as error:
                # A run that begins clears what lies aside in its folder, this too.
                if not isinstance(error.__cause__, FileNotFoundError):
                    raise
            array = _mapped(path)
        if array is None:
            raise DataError("a copy of a shard cannot be read", where=str(path))
        return array

    def _write(self, name: str, shard: int, path: Path) -> None:
        field = self._schema.field(name)
        batches = list(read_shard(self._shards[shard], pa.schema([field]), 1 << 16))
        plain = _plain(field.type)
        parts = [batch.column(0).cast(plain) for batch in batches]
        whole = parts[0] if len(parts) == 1 else pa.concat_arrays([pa.array([], plain), *parts])
        batch = pa.RecordBatch.from_arrays([whole], ["value"])
        with atomic_file(path) as file, pa.ipc.new_file(file, batch.schema) as writer:
            writer.write_batch(batch)


def _mapped(path: Path) -> pa.Array | None:
    """The array of a file, its values left on disk; None where it is not there, or not whole."""
    try:
        # By numpy, which keeps no descriptor open: a data set may have thousands of shards.
        data = np.memmap(path, np.uint8, mode="r")
        with pa.ipc.open_file(pa.BufferReader(pa.py_buffer(data))) as file:
            return file.get_batch(0).column(0)
    except (FileNotFoundError, NotADirectoryError, ValueError, pa.ArrowException):
        return None


def _plain(kind: pa.DataType) -> pa.DataType:
    """The type with offsets of 64 bits, so that a shard may hold more than 2 GiB."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    wide = {pa.string(): pa.large_string(), pa.binary(): pa.large_binary()}
    return wide.get(kind, kind)
