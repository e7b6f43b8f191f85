"""What a file gave when a source was read before: taken from there where it is as it was.

Beside the shards of a source lies an index: of each file that could be read alone, by a digest of
its name, address and content, which rows and which passed-over places are its. A file is none of
these where a row of it failed, or where the values of one of its fields are stored as another type
than its own, for what they were is not known any more. Sources take part by `reading.by_file`.
"""

from __future__ import annotations

import bisect
import hashlib
import itertools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tilth.context import FileRead, Note
from tilth.errors import DataError, MissingError
from tilth.meta.kinds import TEXT
from tilth.meta.spelt import CELLS, MIXED, SPELT, cells_of, kinds_told
from tilth.meta.stream import as_given
from tilth.records import Json
from tilth.schema import ERROR, META, VERDICT, column
from tilth.store.files import remove, sha256_file, write_bytes
from tilth.store.manifest import PASSED_OVER, Manifest, read_manifest
from tilth.store.passed import PassedOverWriter
from tilth.store.shard import ROWS_IN_GROUP, shard_path

INDEX = "files.index"
_FORMAT = 2
_NAME = r"""((?:'(?:[^'\\]|\\.)*+'|"(?:[^"\\]|\\.)*+") )"""
# `'name' 'uri' digest`: a line of a fingerprint that stands for a file that was read; and
# `'name' 'uri' version size`, for an object.
_LINE = re.compile(_NAME + "(.+ )[0-9a-f]{64}")
_OBJECT = re.compile(_NAME + r"""(['"](?:s3|gs)://.+ )\S+ [0-9]+""")


def files_in(fingerprint: str | None) -> dict[tuple[str, str], str]:
    """The files of a source's fingerprint: by name and address, the key that an index has."""
    lines = (fingerprint or "").split("\n")
    each = (_LINE.fullmatch(line) or _OBJECT.fullmatch(line) for line in lines)
    found = [match for match in each if match is not None]
    return {
        (match[1].rstrip(" "), match[2].rstrip(" ")): hashlib.sha256(match[0].encode()).hexdigest()
        for match in found
    }


@dataclass
class _File:
    """A file as it is being read.

    Attributes:
        key: Of the index; empty: it is not known by its content.
        start: Rows of the source before it.
        passed: Places passed over before it.
        columns: Types of its columns `meta.NAME`, in the order in which they came.
        cells: Of those that are cells the types whose values tell how a cell was spelt.
        is_alone: Whether nothing in it hangs on other files.
        is_known: Whether what it gave before is taken.
    """

    key: str
    start: int
    passed: int
    columns: dict[str, str] = field(default_factory=dict)
    cells: dict[str, frozenset[str]] = field(default_factory=dict)
    num_failed: int = 0
    is_alone: bool = True
    is_known: bool = False
    fields: tuple[str, ...] = ()
    named: tuple[str, ...] = ()


class Files:
    """Notes what each file gives, and gives what it gave before.

    Args:
        fingerprint: The source's, now.
        before: Folder of the data set of an earlier reading; None: there is none.
        passed: Where passed-over places are listed.
    """

    def __init__(
        self, fingerprint: str | None, before: Path | None, passed: PassedOverWriter
    ) -> None:
        self._keys = files_in(fingerprint)
        self._before = Before.of(before) if before is not None else None
        self._passed = passed
        self._files: list[_File] = []
        self._seen = 0

    def begin(self, name: str, uri: str, num_rows: int) -> FileRead | None:
        """A file begins, after so many rows; what it gave before, if it is as it was."""
        key = self._keys.get((f"{name!a}", f"{uri!a}"), "")
        self._files.append(_File(key, num_rows, self._passed.num_places))
        return self._before.file(key) if self._before is not None and key else None

    def knows(self, name: str, uri: str) -> bool:
        """Whether what a file gave is likely known, so that nobody need fetch it ahead."""
        key = self._keys.get((f"{name!a}", f"{uri!a}"), "")
        return self._before is not None and key in self._before.files

    def took(self) -> None:
        """What the file gave before is taken."""
        last = self._files[-1]
        assert self._before is not None
        last.is_known, known = True, self._before.files[last.key]
        last.fields, last.named = tuple(known["fields"]), tuple(known["named"])
        last.columns = dict(known["columns"])
        last.cells = {name: frozenset(kinds) for name, kinds in known["cells"].items()}

    def read(self, fields: tuple[str, ...], named: tuple[str, ...], *, is_alone: bool) -> None:
        """The file was read; what it has beside rows, as of `FileRead`."""
        last = self._files[-1]
        last.fields, last.named = fields, named
        last.is_alone = last.is_alone and is_alone

    def saw(self, batch: pa.RecordBatch, given: pa.Schema) -> None:
        """Take in the next rows.

        Args:
            batch: As they are stored, further columns of carried types.
            given: Its columns as the source gave them. Those of a file that is read stand in no
                batch together with those of a later one.
        """
        start, self._seen = self._seen, self._seen + batch.num_rows
        if not self._files or not batch.num_rows:
            return
        failed = pc.indices_nonzero(pc.is_valid(column(batch, ERROR))).to_pylist()
        for row in failed:
            at = bisect.bisect_right(self._files, start + row, key=lambda one: one.start) - 1
            self._files[at].num_failed += 1
        last = bisect.bisect_right(self._files, self._seen - 1, key=lambda one: one.start) - 1
        file = self._files[last]
        if file.is_known:
            return
        for one in batch.schema:
            if one.name.startswith(META):
                self._saw(file, one, given.field(one.name).metadata, batch.column(one.name))

    @staticmethod
    def _saw(
        file: _File, column: pa.Field, said: dict[bytes, bytes] | None, array: pa.Array
    ) -> None:
        name = column.name
        if said in CELLS and array.null_count < len(array):
            told = kinds_told(array)
            file.cells[name] = file.cells[name] & told if name in file.cells else told
            # What other batches of the file have of it is cells as well, or nothing.
            file.columns.setdefault(name, str(TEXT))
            return
        if said in CELLS:
            return
        kind = file.columns.setdefault(name, str(column.type))
        if said == MIXED or kind != str(column.type) or name in file.cells:
            file.is_alone = False

    def commit(self, folder: Path, fields: pa.Schema) -> None:
        """Write the index, beside shards whose columns `meta.NAME` are these."""
        stored = {one.name: str(one.type) for one in fields}
        found: dict[str, dict[str, object]] = {}
        kept = 0
        end = _File("", self._seen, self._passed.num_places)
        for file, after in itertools.pairwise([*self._files, end]):
            num_rows = after.start - file.start
            as_own = all(
                stored.get(name) == kind or stored.get(name) in file.cells.get(name, ())
                for name, kind in file.columns.items()
            )
            if file.key and file.is_alone and not file.num_failed and as_own:
                found[file.key] = {
                    "rows": [kept, num_rows],
                    "passed": [file.passed, after.passed],
                    "columns": file.columns,
                    "cells": {name: sorted(kinds) for name, kinds in file.cells.items()},
                    "fields": list(file.fields),
                    "named": list(file.named),
                }
            kept += num_rows - file.num_failed
        if not found:
            remove(folder / INDEX)
            return
        body = json.dumps({"format": _FORMAT, "files": found}).encode("utf-8", "surrogatepass")
        digest = hashlib.sha256(body).hexdigest().encode()
        write_bytes(folder / INDEX, digest + b"\n" + body)


def _read_index(folder: Path) -> Mapping[str, Any] | None:
    """The index, if there is one that is as it was written."""
    try:
        digest, _, body = (folder / INDEX).read_bytes().partition(b"\n")
    except OSError:
        return None
    if hashlib.sha256(body).hexdigest().encode() != digest:
        return None
    found: Mapping[str, Any] = json.loads(body)
    return found


def has_sound_index(folder: Path) -> bool:
    """Whether the index of a data set is as it was written, or there is none."""
    return not (folder / INDEX).is_file() or _read_index(folder) is not None


class Before:
    """A data set of an earlier reading.

    Args:
        folder: Its folder.
        files: Its index.
        manifest: Its manifest.
    """

    def __init__(self, folder: Path, files: Mapping[str, Any], manifest: Manifest) -> None:
        self.files = files
        self._folder, self._manifest = folder, manifest
        counts = [shard.kept for shard in manifest.shards]
        self._starts = [0, *itertools.accumulate(counts)]
        self._sound: dict[int, bool] = {}
        self._open: tuple[int, pq.ParquetFile] | None = None
        self._group: tuple[int, int, pa.Table] | None = None
        self._batches: dict[tuple[tuple[str, ...], frozenset[str]], pa.RecordBatch] = {}
        self._passed: pa.Table | None = None

    @classmethod
    def of(cls, folder: Path) -> Before | None:
        """That in a folder, if it is finished and has a sound index."""
        try:
            manifest = read_manifest(folder)
            found = _read_index(folder)
        except (DataError, MissingError):
            return None
        if found is None or found["format"] != _FORMAT:
            return None
        return cls(folder, found["files"], manifest)

    def file(self, key: str) -> FileRead | None:
        """What a file gave; None: it is not among them, or something of it is damaged."""
        known = self.files.get(key)
        if known is None:
            return None
        start, num_rows = known["rows"]
        first, last = known["passed"]
        if not all(map(self._is_sound, self._shards_of(start, num_rows))):
            return None
        if last > first and not self._has_passed():
            return None
        return FileRead(
            num_rows=num_rows,
            batches=lambda: self._rows(
                start, num_rows, tuple(known["columns"]), frozenset(known["cells"])
            ),
            passed=lambda: self._places(first, last),
            fields=tuple(known["fields"]),
            named=tuple(known["named"]),
        )

    def _shards_of(self, start: int, num_rows: int) -> range:
        if not num_rows:
            return range(0)
        first = bisect.bisect_right(self._starts, start) - 1
        return range(first, bisect.bisect_left(self._starts, start + num_rows))

    def _is_sound(self, shard: int) -> bool:
        """Whether a shard is what was committed; it is read through once."""
        if shard not in self._sound:
            entry = self._manifest.shards[shard]
            path = shard_path(self._folder, entry.name, "kept")
            is_there = path.is_file() and "kept" in entry.files
            self._sound[shard] = is_there and sha256_file(path) == entry.files["kept"].sha256
        return self._sound[shard]

    def _rows(
        self, start: int, num_rows: int, columns: tuple[str, ...], cells: frozenset[str]
    ) -> Iterator[pa.RecordBatch]:
        for shard in self._shards_of(start, num_rows):
            first = max(start - self._starts[shard], 0)
            end = min(start + num_rows, self._starts[shard + 1]) - self._starts[shard]
            for group in range(first // ROWS_IN_GROUP, (end - 1) // ROWS_IN_GROUP + 1):
                begin = group * ROWS_IN_GROUP
                batch = self._batch(shard, group, columns, cells)
                here = max(first - begin, 0)
                yield batch.slice(here, min(end - begin, ROWS_IN_GROUP) - here)

    def _batch(
        self, shard: int, group: int, columns: tuple[str, ...], cells: frozenset[str]
    ) -> pa.RecordBatch:
        """The rows of a row group, with some further columns; the last one is held."""
        if self._group is None or self._group[:2] != (shard, group):
            if self._open is None or self._open[0] != shard:
                if self._open is not None:
                    self._open[1].close()
                path = shard_path(self._folder, self._manifest.shards[shard].name, "kept")
                self._open = shard, pq.ParquetFile(path, memory_map=False)
            table = self._open[1].read_row_group(group, use_threads=False).combine_chunks()
            self._group, self._batches = (shard, group, table), {}
        key = (columns, cells)
        if key not in self._batches:
            table = self._group[2]
            own = [name for name in table.schema.names if not name.startswith(META)]
            part = table.select([*own, *columns])
            (batch,) = part.to_batches()
            arrays, told = [], []
            for name, array in zip(part.schema.names, map(as_given, batch.columns), strict=True):
                is_cells = name in cells
                arrays.append(cells_of(array) if is_cells else array)
                told.append(pa.field(name, arrays[-1].type, metadata=SPELT if is_cells else None))
            arrays.append(pa.nulls(part.num_rows, VERDICT[ERROR]))
            told.append(pa.field(ERROR, VERDICT[ERROR]))
            self._batches[key] = pa.RecordBatch.from_arrays(arrays, schema=pa.schema(told))
        return self._batches[key]

    def _has_passed(self) -> bool:
        if self._passed is None:
            listed, path = self._manifest.passed_over.file, self._folder / PASSED_OVER
            if listed is None or not path.is_file() or sha256_file(path) != listed.sha256:
                return False
            self._passed = pq.read_table(path, use_threads=False)
        return True

    def _places(self, first: int, last: int) -> Iterator[tuple[str, str]]:
        if last > first:
            assert self._passed is not None
            for row in self._passed.slice(first, last - first).to_pylist():
                reason = row["reason"]
                yield row["place"], Note(reason) if row.get("read") else reason


def before_of(data: Path, stem: str, identity: str, parts: Mapping[str, Any]) -> Path | None:
    """The newest finished data set of a source that differs in nothing but what lies outside.

    Args:
        data: The folder of a run's data sets.
        stem: What those of the step begin with.
        identity: The step's now.
        parts: What its identity is made of.
    """
    if parts.get("limit") is not None or "outside" not in parts:
        return None
    wanted = _but_outside(parts)
    found: list[tuple[int, str]] = []
    for index in data.glob(f"{stem}-*/{INDEX}"):
        folder = index.parent
        try:
            then = read_manifest(folder).parts
            if folder.name != f"{stem}-{identity}" and _but_outside(then) == wanted:
                found.append((index.stat().st_mtime_ns, folder.name))
        except (DataError, MissingError, OSError):
            continue
    return data / max(found)[1] if found else None


def _but_outside(parts: Mapping[str, Any]) -> Json:
    plain: Json = json.loads(json.dumps(parts))
    return {key: value for key, value in plain.items() if key != "outside"}


def told_of(before: Path | None, fingerprint: str | None) -> str:
    """How many files will be read, in words, where others are taken as they were; else empty."""
    known = Before.of(before) if before is not None else None
    keys = list(files_in(fingerprint).values())
    num_known = sum(key in known.files for key in keys) if known is not None else 0
    if not num_known:
        return ""
    if num_known == len(keys):
        return "what is there was read before"
    return f"reads {len(keys) - num_known:,} of {len(keys):,} files, the others are as they were"


def told_anew(module: ModuleType, settings: object, parts: Json, then: Json) -> str:
    """Why all files of a source are read again where some of them changed, in words; else empty.

    Args:
        module: Of its operation.
        settings: Its own.
        parts: What its identity is made of now.
        then: What it was made of when it was read.
    """
    if parts.get("outside") == then.get("outside") or _but_outside(parts) != _but_outside(then):
        return ""
    if parts.get("limit") is not None:
        why = "a limit is of all of them together"
    elif getattr(settings, "join", ()):
        why = "what is joined may say something else of each"
    else:
        why = module.reads_all(settings) if hasattr(module, "reads_all") else ""
    return f"reads all files anew: {why}" if why else ""
