"""Write one shard: kept, dropped and quarantined rows, then the ledger entry that commits it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tilth.records import read_if_whole
from tilth.schema import (
    BORN,
    DROP_OF,
    DROP_RULE,
    DROP_VALUE,
    ERROR,
    META,
    VERDICT,
    column,
    without_columns,
)
from tilth.store.files import atomic_file, remove, sha256_file, write_record
from tilth.store.manifest import KINDS, File, Kind, Shard
from tilth.store.parquet import opened, writing

# Of a file of a shard.
ROWS_IN_GROUP = 1024
_LEDGER = "shards"
_PAYLOADS = {"text", "html", "image", "audio", "target", "id", "uri", "key"}


def split_by_verdict(batch: pa.RecordBatch) -> dict[Kind, pa.RecordBatch]:
    """Sort a marked batch into its kept, dropped and quarantined rows.

    An error outranks a drop: a row that both rules and failures claim is quarantined.
    """
    failed = pc.is_valid(column(batch, ERROR))
    dropped = pc.and_(pc.is_valid(column(batch, DROP_RULE)), pc.invert(failed))
    kept = pc.invert(pc.or_(failed, dropped))
    plain = without_columns(batch, list(VERDICT))
    reasons = [DROP_RULE, DROP_VALUE, DROP_OF]
    return {
        "kept": plain.filter(kept),
        "dropped": _extend(plain, batch, reasons).filter(dropped),
        "quarantine": _extend(plain, batch, [ERROR]).filter(failed),
    }


def _extend(plain: pa.RecordBatch, batch: pa.RecordBatch, names: list[str]) -> pa.RecordBatch:
    arrays = [*plain.columns, *(column(batch, name) for name in names)]
    return pa.RecordBatch.from_arrays(arrays, names=[*plain.schema.names, *names])


class ShardWriter:
    """Collects marked batches and commits them as one shard.

    The rows of the three kinds go to `<kind>/<name>.parquet`, each written aside, synced and
    renamed; `shards/<name>.json`, written last, makes them count. Memory: one shard.

    Args:
        folder: The data set's folder.
        index: Position of the shard in the data set; its name is this number, five digits.
    """

    def __init__(self, folder: Path, index: int) -> None:
        self.folder = folder
        self.name = shard_name(index)
        self._parts: dict[Kind, list[pa.RecordBatch]] = {kind: [] for kind in KINDS}
        self.num_in = 0
        self.born = 0
        self.num_bytes = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Add a marked batch; rows that say so in `part.born` did not come in, but are born."""
        if BORN in batch.schema.names:
            born = pc.sum(batch.column(BORN)).as_py() or 0
            self.born += born
            self.num_in -= born
            batch = without_columns(batch, [BORN])
        self.num_in += batch.num_rows
        self.num_bytes += batch.nbytes
        for kind, part in split_by_verdict(batch).items():
            if part.num_rows or kind == "kept":
                self._parts[kind].append(part)

    def commit(self) -> Shard:
        """Write the files and the ledger entry; returns the entry.

        Raises:
            StorageError: The disk is full or the folder cannot be written.
        """
        tables: dict[Kind, pa.Table] = {}
        for kind in KINDS:
            table = _concat(self._parts[kind])
            if table is not None and (table.num_rows or kind == "kept"):
                tables[kind] = table
        files = {
            kind: write_parquet(table, shard_path(self.folder, self.name, kind))
            for kind, table in tables.items()
        }
        rows = {kind: tables[kind].num_rows if kind in tables else 0 for kind in KINDS}
        kept = tables.get("kept")
        entry = Shard(
            name=self.name,
            num_in=self.num_in,
            born=self.born,
            kept=rows["kept"],
            dropped=rows["dropped"],
            quarantine=rows["quarantine"],
            files=files,
            columns={} if kept is None else {f.name: str(f.type) for f in kept.schema},
            sources=_counts(kept, "source"),
            by_rule=_counts(tables.get("dropped"), DROP_RULE),
        )
        write_record(self.folder / _LEDGER / f"{self.name}.json", entry)
        return entry


def _counts(table: pa.Table | None, name: str) -> dict[str, int]:
    if table is None or name not in table.schema.names:
        return {}
    counts = Counter(str(value) for value in table.column(name).to_pylist())
    return dict(sorted(counts.items()))


def _concat(parts: list[pa.RecordBatch]) -> pa.Table | None:
    """One table of parts whose columns may differ: an absent column is null."""
    if not parts:
        return None
    tables = [pa.Table.from_batches([part]) for part in parts]
    return pa.concat_tables(tables, promote_options="permissive")


def write_parquet(table: pa.Table, path: Path) -> File:
    """Write a Parquet file atomically; the same rows give the same bytes, however batched."""
    names = table.schema.names
    plain = [n for n in names if n not in _PAYLOADS and not n.startswith("signal.")]
    with (
        atomic_file(path) as file,
        writing(
            file,
            table.schema,
            compression="zstd",
            compression_level=1,
            use_dictionary=plain,
            store_schema=True,
        ) as parquet,
    ):
        # Where a page ends hangs on where the batches end that a row group is written of.
        for start in range(0, max(table.num_rows, 1), ROWS_IN_GROUP):
            parquet.write_table(table.slice(start, ROWS_IN_GROUP).combine_chunks(), ROWS_IN_GROUP)
    data = path.read_bytes()
    return File(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())


def shard_name(index: int) -> str:
    """The name of the shard at a position of its data set; names sort as positions do."""
    return f"{index:05d}"


def shard_path(folder: Path, name: str, kind: Kind) -> Path:
    """Where a shard's rows of a kind stand; there is no file where it has none."""
    return folder / kind / f"{name}.parquet"


def ledger(folder: Path) -> dict[str, Shard]:
    """The committed shards of an unfinished data set, by name."""
    found = {
        path.stem: read_if_whole(Shard, path) for path in sorted((folder / _LEDGER).glob("*.json"))
    }
    return {name: entry for name, entry in found.items() if entry is not None}


def is_committed(folder: Path, name: str) -> bool:
    """Whether a shard of an unfinished data set counts."""
    return read_if_whole(Shard, folder / _LEDGER / f"{name}.json") is not None


def num_committed(folder: Path) -> int:
    """How many shards of an unfinished data set count."""
    return sum(1 for _ in (folder / _LEDGER).glob("*.json"))


def forget_damaged(folder: Path) -> list[Path]:
    """Let no shard of an unfinished data set count whose files are not what was committed.

    Returns:
        The first such file of each.
    """
    found = []
    for name, entry in ledger(folder).items():
        for kind, file in entry.files.items():
            path = shard_path(folder, name, kind)
            if not path.is_file() or sha256_file(path) != file.sha256:
                remove(folder / _LEDGER / f"{name}.json")
                found.append(path)
                break
    return found


def refit_shards(
    folder: Path, fields: pa.Schema, fit: Callable[[pa.RecordBatch], pa.RecordBatch]
) -> None:
    """Write the shards of an unfinished data set again whose further fields are not these.

    A shard's entry goes first, so that it does not count while its files are between the two.

    Args:
        folder: Of the data set.
        fields: The columns `meta.NAME` of all of it, in their order and types.
        fit: Gives a batch with these.

    Raises:
        StorageError: The disk is full or the folder cannot be written.
    """
    for name, entry in ledger(folder).items():
        paths = {kind: shard_path(folder, name, kind) for kind in entry.files}
        if all(_fields_of(path).equals(fields) for path in paths.values()):
            continue
        remove(folder / _LEDGER / f"{name}.json")
        files, kept = {}, pa.schema([])
        for kind, path in paths.items():
            with opened(path) as file:
                whole = file.schema_arrow.empty_table().to_batches() or [
                    pa.RecordBatch.from_pylist([], schema=file.schema_arrow)
                ]
                parts = [fit(part) for part in [*whole, *file.iter_batches(ROWS_IN_GROUP)]]
            table = pa.Table.from_batches(parts)
            files[kind] = write_parquet(table, path)
            kept = table.schema if kind == "kept" else kept
        columns = {field.name: str(field.type) for field in kept}
        again = entry.model_copy(update={"files": files, "columns": columns})
        write_record(folder / _LEDGER / f"{name}.json", again)


def _fields_of(path: Path) -> pa.Schema:
    """The columns `meta.NAME` of a shard."""
    with opened(path) as file:
        found = file.schema_arrow
    return pa.schema([pa.field(one.name, one.type) for one in found if one.name.startswith(META)])


def forget_ledger(folder: Path) -> None:
    """Remove the entries of a data set whose manifest holds them."""
    remove(folder / _LEDGER)


def forget_shards(folder: Path) -> None:
    """Remove the shards of an unfinished data set; the ledger first, without which none counts."""
    remove(folder / _LEDGER, *(folder / kind for kind in KINDS))


def cut_shards(
    batches: Iterable[pa.RecordBatch], *, max_rows: int, max_bytes: int
) -> Iterator[list[pa.RecordBatch]]:
    """Group batches into shards of at most `max_rows` rows and about `max_bytes` bytes.

    The cut depends on the records alone, never on how the source happened to batch them: batches
    are cut at the row where a bound is reached.
    """
    group: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        start = 0
        for row, row_bytes in enumerate(_payload_bytes(batch)):
            rows += 1
            size += row_bytes
            if rows >= max_rows or size >= max_bytes:
                group.append(batch.slice(start, row + 1 - start))
                yield group
                group, rows, size, start = [], 0, 0, row + 1
        if start < batch.num_rows:
            group.append(batch.slice(start))
    if group:
        yield group


def _has_length(kind: pa.DataType) -> bool:
    return bool(pa.types.is_large_string(kind) or pa.types.is_large_binary(kind))


def _payload_bytes(batch: pa.RecordBatch) -> list[int]:
    """Payload bytes of each row."""
    total = np.zeros(batch.num_rows, np.int64)
    fields = [f.name for f in batch.schema if f.name.startswith(META) and _has_length(f.type)]
    for name in ("html", "text", "image", "audio", *fields):
        index = batch.schema.get_field_index(name)
        if index >= 0:
            lengths = pc.fill_null(pc.binary_length(batch.column(index)), 0)
            total += lengths.to_numpy(zero_copy_only=False).astype(np.int64)
    sizes: list[int] = total.tolist()
    return sizes
