"""Write the samples of a step, or the model of a run, as files that other tools read."""

from __future__ import annotations

import base64
import csv
import datetime
import io
import itertools
import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import pyarrow as pa
import pyarrow.parquet as pq

from tilth.errors import DataError, MissingError, UsageError, missing_extra
from tilth.extensions import using
from tilth.hints import require_choice
from tilth.query import export_to_store
from tilth.query.predict import MODEL, model_step
from tilth.query.runs import RunView
from tilth.query.samples import sorting_step
from tilth.schema import META, Row
from tilth.splits import SPLITS
from tilth.store import Dataset
from tilth.store.files import atomic_folder, storage_errors, write_bytes
from tilth.store.manifest import KINDS, Kind
from tilth.web.stores import scheme_of

Format = Literal["parquet", "jsonl", "csv", "tfrecord"]
FORMATS: tuple[Format, ...] = get_args(Format)
_PER_TFRECORD = 10_000


@dataclass(frozen=True)
class Exported:
    """What was written where."""

    run: str
    step: str
    kind: Kind | Literal["model"]
    split: str | None
    format: str
    folder: str
    files: tuple[str, ...]
    rows: int


@dataclass(frozen=True)
class ExportedSplits:
    """What was written of the data set at the end of the line, a folder a split.

    Attributes:
        splits: What was written, in a folder of its split's name each.
        empty: Splits without a sample, for which there is no folder.
    """

    run: str
    step: str
    format: str
    folder: str
    splits: tuple[Exported, ...]
    empty: tuple[str, ...]


def final_split(run: RunView, split: str) -> Dataset:
    """The train, validation or test split of the data set at the end of the line.

    Raises:
        MissingError: It has no sample, the run has not come so far, or the output was removed.
    """
    end = run.final_step()
    dataset = end.dataset(split)
    if not dataset.num_rows:
        raise MissingError(
            f"no sample at the end of the line is in the split `{split}`",
            where=f"{run.name}, {end.name}",
            hint="`deduplicate: [{hold_out: {test: 0.1}}]` holds some out",
            code="no-split",
        )
    return dataset


def export_split(
    run: RunView, split: str, to: str | Path, *, format: Format = "parquet"
) -> Exported:
    """Write a split of the data set at the end of the line to a new folder; see `export_step`.

    A folder may be in a store (`s3://`, `gs://`), here and in the functions below: endpoint and
    keys are those of the environment, and `.tilth-export.json` in it says when all is there.

    Raises:
        UsageError: The folder is there and not empty, or there is no such split.
        MissingError: The split has no sample, or the run has not come so far.
        DataError: As `export_step`.
        StorageError: The disk is full or the folder cannot be written.
    """
    require_choice("split", split, SPLITS)
    dataset, writer = final_split(run, split), _writer(format)
    rows, files = _committed(to, lambda aside: writer(dataset, "kept", aside, split))
    end = run.end_of_line().name
    return Exported(run.name, end, "kept", split, format, str(to), files, rows)


def export_splits(run: RunView, to: str | Path, *, format: Format = "parquet") -> ExportedSplits:
    """Write the data set at the end of the line to a new folder, one folder in it a split.

    Raises:
        As `export_split`.
    """
    end, writer = run.final_step(), _writer(format)
    found = {split: end.dataset(split) for split in SPLITS}
    full = [split for split in SPLITS if found[split].num_rows]
    done: list[Exported] = []

    def write(aside: Path) -> int:
        for split in full:
            (aside / split).mkdir()
            rows = writer(found[split], "kept", aside / split, split)
            files = tuple(sorted(path.name for path in (aside / split).iterdir()))
            folder = _below(to, split)
            done.append(Exported(run.name, end.name, "kept", split, format, folder, files, rows))
        return sum(one.rows for one in done)

    _committed(to, write)
    empty = tuple(split for split in SPLITS if split not in full)
    return ExportedSplits(run.name, end.name, format, str(to), tuple(done), empty)


def export_step(
    run: RunView,
    step: str,
    to: str | Path,
    *,
    format: Format = "parquet",
    kind: Kind = "kept",
    split: str | None = None,
) -> Exported:
    """Write a step's samples to a new folder, which appears when all is written.

    Parquet keeps types and shards. In JSON Lines and CSV, bytes are Base64 (RFC 4648) and times
    ISO 8601; in JSON, what is no finite number is null, and the fields `meta.NAME` that a sample
    has are an object `meta`; in CSV and TFRecord, nested values are JSON. A TFRecord holds a
    `tf.train.Example` a sample: text and bytes as bytes, whole numbers and booleans as int64,
    others as float32; a null is left out.

    Raises:
        UsageError: The folder is there and not empty, or there is no such step, format, kind or
            split.
        MissingError: No sample is in the split.
        DataError: TFRecord cannot hold a number: its whole numbers have 64 bits with a sign.
        StorageError: The disk is full or the folder cannot be written.
    """
    require_choice("kind", kind, KINDS)
    if split is not None:
        require_choice("split", split, SPLITS)
    where, writer = sorting_step(run, step, SPLITS), _writer(format)
    dataset = where.dataset(split)
    if split is not None and not any(batch.num_rows for batch in dataset.batches(["id"], kind)):
        raise MissingError(
            f"no {kind} sample of `{where.name}` is in the split `{split}`",
            where=run.name,
            hint="`hold_out`, or the source, says which sample is in which split",
            code="no-split",
        )
    rows, files = _committed(to, lambda aside: writer(dataset, kind, aside, where.name))
    return Exported(run.name, where.name, kind, split, format, str(to), files, rows)


def export_model(run: RunView, to: str | Path) -> Exported:
    """Write a run's model in Hugging Face's format, its card with it, to a new folder.

    Raises:
        UsageError: The folder is there and not empty, or the format has no such model.
        MissingError: The run has no trained model, or torch is not installed.
        StorageError: The disk is full or the folder cannot be written.
    """
    step = model_step(run)
    try:
        from tilth.pretrain.hub_export import export_gpt2
    except ImportError as error:
        raise missing_extra(error.name or "torch", "train") from None

    def write(aside: Path) -> int:
        export_gpt2(step.folder / MODEL, aside)
        card = step.folder / MODEL / "README.md"
        if card.is_file():
            write_bytes(aside / card.name, card.read_bytes())
        return 0

    with using(run.extensions):
        rows, files = _committed(to, write)
    return Exported(run.name, step.name, "model", None, "huggingface", str(to), files, rows)


def _committed(to: str | Path, write: Callable[[Path], int]) -> tuple[int, tuple[str, ...]]:
    """Let a folder be written aside, then put it in place; returns rows and names of files."""
    if scheme_of(str(to)) is not None:
        return export_to_store.committed(str(to), write)
    folder = Path(to)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(
            "the place to export to is taken, and nothing is overwritten",
            where=str(folder),
            hint="name a folder that is not there yet",
            code="exists",
        )
    with storage_errors(folder), atomic_folder(folder) as aside:
        rows = write(aside)
        files = tuple(sorted(path.name for path in aside.iterdir()))
    return rows, files


def _below(to: str | Path, name: str) -> str:
    """The place of a folder in the place of an export."""
    return f"{str(to).rstrip('/')}/{name}" if scheme_of(str(to)) else str(Path(to) / name)


def _writer(format: str) -> Callable[[Dataset, Kind, Path, str], int]:
    require_choice("format", format, FORMATS)
    return {"parquet": _parquet, "jsonl": _jsonl, "csv": _csv, "tfrecord": _tfrecord}[format]


def _parquet(dataset: Dataset, kind: Kind, folder: Path, name: str) -> int:
    """One file for about 50,000 rows, all of one schema."""
    rows = 0
    writer: pq.ParquetWriter | None = None
    try:
        for batch in dataset.batches(kind=kind):
            if writer is None or rows // 50_000 != (rows + batch.num_rows) // 50_000:
                if writer is not None:
                    writer.close()
                path = folder / f"{name}-{len(list(folder.iterdir())):05d}.parquet"
                writer = pq.ParquetWriter(path, batch.schema, compression="zstd")
            writer.write_batch(batch)
            rows += batch.num_rows
        if writer is None:
            schema = dataset.schema if kind == "kept" else pa.schema([])
            pq.write_table(schema.empty_table(), folder / f"{name}-00000.parquet")
    finally:
        if writer is not None:
            writer.close()
    return rows


def _jsonl(dataset: Dataset, kind: Kind, folder: Path, name: str) -> int:
    rows = 0
    with open(folder / f"{name}.jsonl", "w", encoding="utf-8", errors="surrogatepass") as file:
        for row in _rows(dataset, kind):
            file.write(_json_line(_with_object(row)) + "\n")
            rows += 1
    return rows


def _with_object(row: Row) -> Row:
    """A row with its further fields as one object, those that it has."""
    own = {name: value for name, value in row.items() if not name.startswith(META)}
    fields = {
        name.removeprefix(META): value
        for name, value in row.items()
        if name.startswith(META) and value is not None
    }
    return {**own, META.removesuffix("."): fields} if len(own) < len(row) else row


def _json_line(row: Row) -> str:
    """Strict JSON (RFC 8259), which has no number that is none: null stands for it."""
    try:
        return json.dumps(row, ensure_ascii=False, allow_nan=False, default=_plain)
    except ValueError:
        return json.dumps(_without_nan(row), ensure_ascii=False, default=_plain)


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _csv(dataset: Dataset, kind: Kind, folder: Path, name: str) -> int:
    rows = 0
    with open(folder / f"{name}.csv", "w", encoding="utf-8", newline="") as file:
        writer: csv.DictWriter[str] | None = None
        for row in _rows(dataset, kind):
            if writer is None:
                writer = csv.DictWriter(_Encodable(file), list(row))
                writer.writeheader()
            writer.writerow({key: _cell(value) for key, value in row.items()})
            rows += 1
    return rows


def _tfrecord(dataset: Dataset, kind: Kind, folder: Path, name: str) -> int:
    """A file for 10,000 samples, and one without any where there are none."""
    from tilth.query.tfrecord import example, framed

    rows, left = 0, iter(_rows(dataset, kind))
    while (part := list(itertools.islice(left, _PER_TFRECORD))) or not rows:
        place = folder / f"{name}-{rows // _PER_TFRECORD:05d}.tfrecord"
        with open(place, "wb") as file:
            for row in part:
                try:
                    file.write(framed(example(_features(row))))
                except ValueError as error:
                    raise DataError(str(error), where=row["id"], hint="--format parquet") from None
        rows += len(part)
        if not part:
            break
    return rows


def _features(row: Row) -> dict[str, bytes | int | float]:
    """A row as TFRecord has it; nulls are left out."""
    return {
        name: value
        if isinstance(value, bytes | int | float)
        else str(_cell(value)).encode("utf-8", "replace")
        for name, value in row.items()
        if value is not None
    }


class _Encodable:
    """Passes text on with lone surrogates replaced: CSV has no way to say them."""

    def __init__(self, file: io.TextIOBase | Any) -> None:
        self._file = file

    def write(self, text: str) -> int:
        return int(self._file.write(text.encode("utf-8", "replace").decode("utf-8")))


def _rows(dataset: Dataset, kind: Kind) -> Iterable[Row]:
    for batch in dataset.batches(kind=kind):
        yield from batch.to_pylist()


def _cell(value: Any) -> Any:
    if isinstance(value, bytes | datetime.date | datetime.time):
        return _plain(value)
    return json.dumps(value, default=_plain) if isinstance(value, list | dict) else value


def _plain(value: Any) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.isoformat() if isinstance(value, datetime.date | datetime.time) else str(value)
