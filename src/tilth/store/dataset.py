"""Read a finished data set: Arrow batches and tables, and frames of Polars and pandas."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from tilth.errors import DataError, MissingError, TilthError, UsageError, missing_extra
from tilth.hints import did_you_mean, require_choice, whole_number
from tilth.records import DAMAGED
from tilth.schema import SCHEMA, VERDICT
from tilth.splits import SPLITS
from tilth.store.files import sha256_file
from tilth.store.manifest import (
    KINDS,
    MANIFEST,
    MODEL,
    PASSED_OVER,
    File,
    Kind,
    Manifest,
    digest_of,
    no_data_set,
    read_manifest,
)
from tilth.store.parquet import opened, read_shard, schema_of
from tilth.store.shard import shard_path

if TYPE_CHECKING:
    import pandas
    import polars


class Dataset:
    """One step's data set on disk.

    Args:
        path: Its folder, which holds `manifest.json`.
        split: Give only samples of this split (train, validation, test); a sample without one
            is a training sample.

    Raises:
        MissingError: There is no finished data set.
        UsageError: There is no such split.
    """

    def __init__(self, path: Path | str, split: str | None = None) -> None:
        if split is not None:
            require_choice("split", split, SPLITS)
        self.path = Path(path)
        self.split = split
        if not (self.path / MANIFEST).is_file():
            raise no_data_set(self.path)

    def __len__(self) -> int:
        """Kept samples, of the split if one was named."""
        return self.num_rows

    def __bool__(self) -> bool:
        # A data set without a sample is one; to ask is not to count those of a split.
        return True

    def __repr__(self) -> str:
        split = f", split={self.split!r}" if self.split is not None else ""
        called = f"{type(self).__name__}({str(self.path)!r}{split})"
        try:
            names = ", ".join(self.schema.names)
            told = f"{self.num_rows:,} samples of `{self.manifest.step}`; {names}"
        except TilthError as error:
            # Whoever looks for what is wrong looks at this.
            told = error.what
        return f"<{called}: {told}>"

    @cached_property
    def manifest(self) -> Manifest:
        """Schema, counts, digests, parents and recipe step."""
        return read_manifest(self.path)

    @property
    def num_rows(self) -> int:
        """Kept samples, of the split if one was named."""
        if self.split is not None:
            return self._num_of_split
        return sum(shard.kept for shard in self.manifest.shards)

    @cached_property
    def _num_of_split(self) -> int:
        return sum(batch.num_rows for batch in self.batches(["id"]))

    @cached_property
    def digest(self) -> str:
        """One digest over the bytes of all kept shards: equal data sets have equal digests."""
        return digest_of(self.manifest)

    def shards(self, kind: Kind = "kept") -> list[Path]:
        """The Parquet files of a kind (kept, dropped, quarantine), in order.

        A shard into which nothing of a kind came has no file of it.

        Raises:
            UsageError: There is no such kind.
        """
        require_choice("kind", kind, KINDS)
        return [
            shard_path(self.path, shard.name, kind)
            for shard in self.manifest.shards
            if kind in shard.files
        ]

    @cached_property
    def schema(self) -> pa.Schema:
        """The kept columns, unified over shards."""
        return self._schema("kept")

    def columns(self, kind: Kind = "kept") -> list[str]:
        """Names of the columns that samples of a kind have."""
        return list(self._schema(kind).names)

    def _schema(self, kind: Kind) -> pa.Schema:
        return schema_of(self.shards(kind))

    def batches(
        self, columns: Sequence[str] | None = None, kind: Kind = "kept", batch_rows: int = 1024
    ) -> Iterator[pa.RecordBatch]:
        """Stream the samples in order, with memory flat in the size of the data.

        Args:
            columns: Those to read, all if None. One that a shard lacks is null there, and so is a
                standard column that the data set lacks.
            kind: kept, dropped or quarantine.
            batch_rows: Rows a batch at most.

        Raises:
            UsageError: No column has one of the names, there is no such kind, or `batch_rows` is
                below 1.
        """
        batch_rows = whole_number("batch_rows", batch_rows, 1)
        schema, shards = self._columns(columns, kind), self.shards(kind)
        return (batch for path in shards for batch in self._read(path, schema, batch_rows))

    def _columns(self, names: Sequence[str] | None, kind: Kind) -> pa.Schema:
        """The columns of these names, all that the kind has if None."""
        own = self._schema(kind)
        if names is None:
            return own
        if isinstance(names, str | bytes) or not all(isinstance(name, str) for name in names):
            raise UsageError(
                f"`columns` is a list of names, not {names!r}",
                where=str(self.path),
                hint=f"[{names!r}]" if isinstance(names, str) else "names are texts",
                code="no-column",
            )
        if twice := [name for name, times in Counter(names).items() if times > 1]:
            raise UsageError(f"`columns` names `{twice[0]}` twice", where=str(self.path))
        lacking = {name: self._type_of(name) for name in names if name not in own.names}
        return pa.schema(
            [own.field(n) if n not in lacking else pa.field(n, lacking[n]) for n in names]
        )

    def _type_of(self, name: str) -> pa.DataType:
        """The type of a column that the samples of some kind lack."""
        if (standard := SCHEMA.get(name) or VERDICT.get(name)) is not None:
            return standard
        known = {field.name: field.type for kind in KINDS for field in self._schema(kind)}
        if known and name not in known:
            raise UsageError(
                f"the data set has no column `{name}`",
                where=str(self.path),
                hint=did_you_mean(name, list(known)),
                code="no-column",
            )
        # Of a data set without any sample nobody knows the columns.
        return known.get(name, pa.null())

    def _read(
        self, path: Path, schema: pa.Schema, batch_rows: int = 1024
    ) -> Iterator[pa.RecordBatch]:
        """One shard, less the samples of other splits."""
        if self.split is None:
            yield from read_shard(path, schema, batch_rows)
            return
        wanted = schema
        if "split" not in schema.names:
            wanted = schema.append(pa.field("split", pa.string()))
        for batch in read_shard(path, wanted, batch_rows):
            splits = pc.fill_null(batch.column("split").cast(pa.string()), "train")
            yield batch.filter(pc.equal(splits, self.split)).select(schema.names)

    def passed_over(self, offset: int = 0) -> Iterator[tuple[str, str]]:
        """What a source was pointed at and did not read: places and reasons, as it met them.

        Args:
            offset: Places to leave out first.

        Raises:
            MissingError, DataError: The list is not there any more, or damaged.
        """
        return self._listed(offset, read=False)

    def noted(self, offset: int = 0) -> Iterator[tuple[str, str]]:
        """What a source read with a guess or a change: places and which, as of `passed_over`."""
        return self._listed(offset, read=True)

    def _listed(self, offset: int, *, read: bool) -> Iterator[tuple[str, str]]:
        if self.manifest.passed_over.file is None:
            return
        with opened(self.path / PASSED_OVER) as file:
            for whole in file.iter_batches(1024):
                # Lists of earlier versions have no such column, and nothing that was read.
                is_told = "read" in whole.schema.names
                is_read = whole.column("read") if is_told else pa.repeat(False, whole.num_rows)
                batch = whole.filter(is_read if read else pc.invert(is_read))
                for row in batch.slice(min(offset, batch.num_rows)).to_pylist():
                    yield row["place"], row["reason"]
                offset = max(0, offset - batch.num_rows)

    def to_arrow(self, columns: Sequence[str] | None = None, kind: Kind = "kept") -> pa.Table:
        """The whole data set as an Arrow table, in memory; `columns` and `kind` as of `batches`."""
        batches = self.batches(columns, kind)
        return pa.Table.from_batches(batches, self._columns(columns, kind))

    def to_polars(self, columns: Sequence[str] | None = None) -> polars.DataFrame:
        """The whole data set as a Polars data frame (extra `polars`)."""
        try:
            import polars as pl
        except ImportError:
            raise missing_extra("polars", "polars") from None
        frame = pl.from_arrow(self.to_arrow(columns))
        assert isinstance(frame, pl.DataFrame)
        return frame

    def to_pandas(self, columns: Sequence[str] | None = None) -> pandas.DataFrame:
        """The whole data set as a pandas data frame (extra `pandas`); `columns` as of `batches`."""
        try:
            import pandas  # noqa: F401
        except ImportError:
            raise missing_extra("pandas", "pandas") from None
        return self.to_arrow(columns).to_pandas()

    def verify(self) -> None:
        """Re-read every shard and compare its SHA-256 with the manifest.

        Raises:
            DataError: A shard is missing or differs.
        """
        for path, file in committed_files(self):
            if not path.is_file() or sha256_file(path) != file.sha256:
                raise DataError(
                    "a shard is not what was committed",
                    where=str(path),
                    hint=f"remove {self.path} and run again",
                )


def committed_files(dataset: Dataset) -> Iterator[tuple[Path, File]]:
    """The files of a finished data set or model, each as it was committed.

    Raises:
        MissingError, DataError: There is no manifest, or none that can be read.
    """
    manifest, folder = dataset.manifest, dataset.path
    if (listed := manifest.passed_over.file) is not None:
        yield folder / PASSED_OVER, listed
    for shard in manifest.shards:
        for kind, file in shard.files.items():
            yield shard_path(folder, shard.name, kind), file
    for name, file in manifest.model.items():
        yield folder / MODEL / name, file


def damage_of(folder: Path, *, read: bool = False) -> str | None:
    """What of a finished data set is not there as it was committed; None: nothing that shows.

    Args:
        folder: Of the data set.
        read: Read the files through and compare their digests; else their sizes have to do.

    Raises:
        DataError: It is of a later version.
    """
    return next(damages_of(folder, read=read), None)


def damages_of(folder: Path, *, read: bool = False) -> Iterator[str]:
    """All that `damage_of` gives the first of.

    Raises:
        DataError: It is of a later version.
    """
    try:
        dataset = Dataset(folder)
        for path, file in committed_files(dataset):
            if not path.is_file():
                yield f"{path} is gone"
            elif path.stat().st_size != file.bytes or (read and sha256_file(path) != file.sha256):
                yield f"{path} is not what was committed"
        if dataset.manifest.digest not in ("", dataset.digest):
            yield f"{folder / MANIFEST} is not what was committed"
    except MissingError:
        yield f"{folder / MANIFEST} is not there"
    except DataError as error:
        if error.code != DAMAGED:
            raise
        yield f"{folder / MANIFEST} is damaged"
