"""Arrays that grow on disk and are read memory-mapped: flat binary files and their shapes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from tilth.store.files import read_json, storage_errors, write_json


class ArrayWriter:
    """Append to several arrays of one folder, each along its first axis.

    Args:
        folder: Made if need be.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._files: dict[str, IO[bytes]] = {}
        self._kinds: dict[str, tuple[str, list[int]]] = {}

    def append(self, name: str, rows: npt.NDArray[Any]) -> None:
        """Add rows to the array of this name.

        Raises:
            ValueError: They are of another type or shape than the rows before them.
            StorageError: The disk is full.
        """
        with storage_errors(self._folder):
            if name not in self._files:
                self._files[name] = (self._folder / f"{name}.bin").open("wb")
                self._kinds[name] = (rows.dtype.str, [0, *rows.shape[1:]])
            kind, shape = self._kinds[name]
            if (rows.dtype.str, list(rows.shape[1:])) != (kind, shape[1:]):
                raise ValueError(
                    f"`{name}` holds rows {shape[1:]} of {kind}, not "
                    f"{list(rows.shape[1:])} of {rows.dtype.str}"
                )
            self._files[name].write(np.ascontiguousarray(rows).tobytes())
        self._kinds[name][1][0] += len(rows)

    def close(self) -> None:
        """Sync the files and write down their shapes."""
        with storage_errors(self._folder):
            for file in self._files.values():
                file.flush()
                os.fsync(file.fileno())
                file.close()
        write_json(self._folder / "arrays.json", self._kinds)


def read_arrays(folder: Path) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a folder, memory-mapped; a write to one stays in memory."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    for name, (kind, shape) in read_json(folder / "arrays.json").items():
        if 0 in shape:
            arrays[name] = np.zeros(shape, kind)
        else:
            # Copy-on-write: torch takes no array that it could not write to.
            arrays[name] = np.memmap(
                folder / f"{name}.bin", np.dtype(kind), mode="c", shape=tuple(shape)
            )
    return arrays
