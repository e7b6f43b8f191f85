"""What lies at a path: its files, their types by content, and the first records of its tables.

It is a look, and bounded: all names are listed, of files and records only so many are opened, for
so long. What was not looked at is said.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from tilth.collect import item_rows, jsonl, web_archive
from tilth.decode.look import read_text
from tilth.decode.text import UndecodableError
from tilth.errors import DataError, RecordError, TilthError, UsageError
from tilth.formats import archive
from tilth.formats.apart import Apart
from tilth.formats.json_path import NotJsonError, cut_records, parse_path
from tilth.formats.signatures import KINDS, Group
from tilth.formats.streams import DamagedError, SourceFile, read_lines
from tilth.meta.arrow import UnsupportedError, values_of
from tilth.reading import inputs
from tilth.reading.items import Broken, Choice, Item, items_of
from tilth.records import PlainObject

# What is looked at, at most: names that are listed, files that are opened, tables of which records
# are read, records of each, bytes of each, and seconds for all of it.
MAX_NAMES: Final = 500_000
MAX_OPENED: Final = 2_000
MAX_TABLES: Final = 50
MAX_RECORDS: Final = 1_000
MAX_BYTES: Final = 8 << 20
MAX_SECONDS: Final = 20.0
_MAX_LINE: Final = 1 << 20
# Levels of a JSON document in which a list of records is looked for.
_MAX_LEVELS: Final = 3
_IDX: Final = re.compile(r"(?:^|/)[\w-]*idx[13]-ubyte(?:\.gz)?\Z")
_MARK: Final = b"\xef\xbb\xbf"

WEB_ARCHIVE: Final = "web archive"
IDX: Final = "idx"


@dataclass(frozen=True)
class File:
    """One file, or a member of an archive.

    Attributes:
        name: Its path inside, with forward slashes; of a member, inside its archive.
        uri: How the user would name it.
        kind: A name of `signatures.KINDS`, or `WEB_ARCHIVE` or `IDX`.
        opened: Whether its content said so; else what is called like it did.
        within: The archive that holds it; empty: none.
    """

    name: str
    uri: str
    kind: str
    opened: bool
    within: str = ""

    @property
    def group(self) -> Group:
        """What it is to a reader."""
        return KINDS[self.kind].group if self.kind in KINDS else "other"


@dataclass(frozen=True)
class Table:
    """The first records of a file that holds records.

    Attributes:
        file: It.
        records: As they were found, at most `MAX_RECORDS`.
        columns: Of a file that names its columns, these.
        path: Where in a JSON document the records are; empty: a record a line, or one in all.
        delimiter, header: Of delimited text.
        label_studio: Whether the records are tasks of a Label Studio export.
        is_object: Whether `path` leads to the values of an object, not to a list.
    """

    file: File
    records: tuple[PlainObject, ...]
    columns: tuple[str, ...] = ()
    path: str = ""
    delimiter: str = ","
    header: bool = True
    label_studio: bool = False
    is_object: bool = False


@dataclass
class Seen:
    """What was seen.

    Attributes:
        path: As it was given.
        is_folder: Whether that is a folder, or a glob; else one file.
        is_archive: Whether that is one archive.
        files: All files, those in archives too.
        num_bytes: Of the files on disk.
        tables: Of those that hold records, the first.
        passed: Reason -> how many were passed over.
        left: What was not looked at, in sentences.
    """

    path: str
    is_folder: bool
    is_archive: bool = False
    files: list[File] = field(default_factory=list)
    num_bytes: int = 0
    tables: list[Table] = field(default_factory=list)
    passed: Counter[str] = field(default_factory=Counter)
    left: list[str] = field(default_factory=list)

    def of_kind(self, *kinds: str) -> list[File]:
        """Its files of these types."""
        return [file for file in self.files if file.kind in kinds]

    def of_group(self, *groups: Group) -> list[File]:
        """Its files that are this to a reader."""
        return [file for file in self.files if file.group in groups]


def look(path: str) -> Seen:
    """See what lies at a path.

    Args:
        path: A file, a folder or a glob, relative to the working directory.

    Raises:
        UsageError: It is an address, or more than is listed.
        MissingError: There is nothing.
        DataError: The folder has no file.
    """
    if re.match(r"[a-z][a-z0-9+.-]*://", path, re.I):
        raise UsageError(
            "an address is not looked at, only what is on this machine",
            where=path,
            hint="fetch the file and give its path; the recipe may name its address as `url:` then",
            code="not-here",
        )
    given = os.path.expanduser(path)
    is_alone = os.path.isfile(given)
    _require_few(given, path)
    seen = Seen(path, is_folder=not is_alone)

    def tell(_: str, reason: str) -> None:
        seen.passed[reason] += 1

    found = inputs.find_files(inputs.FileSettings(path=path), ("",), tell)
    for file in found:
        with suppress(OSError):
            seen.num_bytes += file.path.stat().st_size
    ends = time.monotonic() + MAX_SECONDS
    with tempfile.TemporaryDirectory() as work:
        _look_at(seen, found, Path(work), ends)
    _judge_rest(seen, found)
    return seen


def _require_few(given: str, path: str) -> None:
    """Refuse a folder that is too large to be listed.

    Raises:
        UsageError: It is.
    """
    num_names = 0
    for _, folders, names in os.walk(given):
        folders[:] = [name for name in folders if not name.startswith(".")]
        num_names += len(names)
        if num_names > MAX_NAMES:
            raise UsageError(
                f"more than {MAX_NAMES:,} files, too many to look at",
                where=path,
                hint="point at a part of them: a folder below, or a glob",
                code="too-many",
            )


def _spread(found: Sequence[SourceFile]) -> list[SourceFile]:
    """At most `MAX_OPENED` of the files, from all over their order."""
    step = max(1, -(-len(found) // MAX_OPENED))
    return [*found[::step]]


def _look_at(seen: Seen, found: Sequence[SourceFile], work: Path, ends: float) -> None:
    chosen = _spread(found)
    choice, num_opened = Choice(), 0
    is_alone = not seen.is_folder
    for number, file in enumerate(chosen):
        if time.monotonic() > ends:
            seen.left.append(
                f"after {MAX_SECONDS:g} s, {len(chosen) - number:,} more files were not opened"
            )
            return
        if reason := choice.reason(file.name):
            seen.passed[reason] += 1
            continue
        name = file.name.replace(os.sep, "/")
        if kind := _by_name(name):
            seen.files.append(File(name, file.uri, kind, opened=True))
            continue
        items = items_of(file, choice, work, _telling(seen), is_alone=is_alone)
        try:
            for item in items:
                num_opened += 1
                _add(seen, item, file, ends)
                if num_opened >= 2 * MAX_OPENED or time.monotonic() > ends:
                    break
        except (TilthError, DamagedError, OSError, ValueError) as error:
            what = error.what if isinstance(error, TilthError) else str(error)
            seen.passed[f"cannot be read: {what}"[:120]] += 1
            continue
        if seen.files and seen.files[-1].within == file.uri:
            seen.is_archive = is_alone
            _list_rest(seen, file, ends)


def _telling(seen: Seen) -> Any:
    def tell(_: str, reason: str) -> None:
        seen.passed[reason] += 1

    return tell


def _by_name(name: str) -> str:
    """The type of what is known by its name better than by its first bytes."""
    if name.lower().endswith(web_archive.SUFFIXES):
        return WEB_ARCHIVE
    return IDX if _IDX.search(name) else ""


def _add(seen: Seen, item: Item | Broken, file: SourceFile, ends: float) -> None:
    if isinstance(item, Broken):
        seen.passed[f"cannot be read: {item.cause}"[:120]] += 1
        return
    within = file.uri if item.uri != file.uri else ""
    name = item.uri.removeprefix(f"{within}:") if within else item.name
    kind = _by_name(name) or item.kind.name
    one = File(name, item.uri, WEB_ARCHIVE if kind == "warc" else kind, True, within)
    seen.files.append(one)
    has_room = len(seen.tables) < MAX_TABLES and time.monotonic() < ends
    is_read = not item_rows.reason_for(item.kind, frozenset())
    if item.kind.group == "records" and has_room and is_read:
        with suppress(RecordError, DamagedError, DataError, OSError, pa.ArrowException):
            seen.tables.append(_table(one, item))


def _list_rest(seen: Seen, file: SourceFile, ends: float) -> None:
    """The members of an archive that were not opened, by name."""
    known = {one.name for one in seen.files if one.within == file.uri}
    endings = _endings(one for one in seen.files if one.opened)
    with suppress(TilthError, OSError):
        for entry in archive.read_entries(file, 0):
            if time.monotonic() > ends:
                seen.left.append(f"after {MAX_SECONDS:g} s, no more names of {file.uri} were read")
                break
            name = entry.name.removeprefix("./")
            if name and name not in known and not Choice().reason(name):
                kind = endings.get(_ending(name), "unknown")
                seen.files.append(File(name, f"{file.uri}:{name}", kind, False, file.uri))


def _judge_rest(seen: Seen, found: Sequence[SourceFile]) -> None:
    """Files that were not opened are what others of their ending are."""
    endings = _endings(one for one in seen.files if one.opened and not one.within)
    opened = {one.uri for one in seen.files} | {one.within for one in seen.files}
    rest = [file for file in found if file.uri not in opened]
    for file in rest if len(found) > len(_spread(found)) or seen.left else ():
        name = file.name.replace(os.sep, "/")
        seen.files.append(File(name, file.uri, endings.get(_ending(name), "unknown"), False))
    num_closed = sum(not one.opened for one in seen.files)
    if num_closed:
        seen.left.append(
            f"{len(seen.files) - num_closed:,} of {len(seen.files):,} files were opened; of the "
            "others the name's ending decides"
        )
    seen.files.sort(key=lambda one: (one.within, one.name))


def _ending(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _endings(files: Iterable[File]) -> dict[str, str]:
    """What most files of an ending are."""
    counts: dict[str, Counter[str]] = {}
    for file in files:
        counts.setdefault(_ending(file.name), Counter())[file.kind] += 1
    return {ending: count.most_common(1)[0][0] for ending, count in counts.items()}


def _table(file: File, item: Item) -> Table:
    """The first records of a file.

    Raises:
        RecordError, DamagedError, OSError, ArrowException: It cannot be read.
    """
    kind = item.kind.name
    if kind in ("csv", "tsv"):
        return _delimited(file, item)
    if kind == "json":
        return _document(file, item)
    if kind == "jsonl":
        lines = read_lines(item.stream.onwards(), _MAX_LINE)
        return Table(file, tuple(_parsed(line for line, size in lines if size <= _MAX_LINE)))
    if kind in ("xlsx", "ods"):
        return _sheets(file, item)
    return _columnar(file, item)


def _parsed(lines: Iterable[bytes]) -> Iterator[PlainObject]:
    left = MAX_BYTES
    for line in islice(lines, MAX_RECORDS):
        with suppress(RecordError):
            yield jsonl.parse_line(line)
        left -= len(line)
        if left < 0:
            return


def _document(file: File, item: Item) -> Table:
    head = item.stream.head.removeprefix(_MARK).lstrip()
    path = "[*]" if head[:1] == b"[" else ""
    if not path:
        # A longer document is not searched: it would have to be read as a whole.
        document = jsonl.parse_line(item.stream.whole(MAX_BYTES).removeprefix(_MARK))
        path = _list_inside(document)
        is_object = not path and _are_alike([*document.values()])
        if not path and not is_object:
            return Table(file, (document,))
        path = path or "[*]"
        found = tuple(_records_at(document, path))
        return Table(file, found, path=path, is_object=is_object)
    records = tuple(_cut(item.stream.onwards(), path))
    is_tasks = bool(records) and all(map(_is_task, records))
    return Table(file, records, path=path, label_studio=is_tasks)


def _cut(stream: BinaryIO, path: str) -> Iterator[PlainObject]:
    with suppress(NotJsonError):
        yield from _parsed(line for line, _ in cut_records(stream, parse_path(path), _MAX_LINE))


def _list_inside(document: Any, levels: int = _MAX_LEVELS) -> str:
    """The way to the longest list of objects."""
    ways = dict(_lists(document, "", levels))
    return max(ways, key=lambda way: ways[way], default="")


def _are_alike(values: Sequence[Any]) -> bool:
    """Whether an object's values are records by name: several objects of the same fields."""
    if len(values) < 3 or not all(isinstance(one, Mapping) and one for one in values):
        return False
    counts = Counter(key for one in values for key in one)
    return any(number > len(values) / 2 for number in counts.values())


def _lists(value: Any, way: str, levels: int) -> Iterator[tuple[str, int]]:
    if not isinstance(value, Mapping) or not levels:
        return
    for key, one in islice(value.items(), MAX_RECORDS):
        step = f"{way}.{key}" if way else str(key)
        if not re.fullmatch(r"[\w -]+", str(key)):
            step = f"{way}[{json.dumps(str(key))}]"
        if isinstance(one, list) and len(one) > 1 and all(isinstance(x, Mapping) for x in one):
            yield f"{step}[*]", len(one)
        else:
            yield from _lists(one, step, levels - 1)


def _records_at(document: PlainObject, path: str) -> Iterator[PlainObject]:
    yield from _cut(io.BytesIO(json.dumps(document).encode()), path)


def _is_task(record: PlainObject) -> bool:
    """Whether it is a task of a Label Studio export: what was shown, and what was answered."""
    answers = record.get("annotations", record.get("completions"))
    return (
        isinstance(record.get("data"), Mapping)
        and isinstance(answers, list)
        and all(isinstance(one, Mapping) and "result" in one for one in answers)
    )


def _delimited(file: File, item: Item) -> Table:
    data = item.stream.onwards().read(_MAX_LINE)
    is_cut = len(data) == _MAX_LINE
    data = data[: data.rfind(b"\n") + 1] if is_cut and b"\n" in data else data
    try:
        text = read_text(data).text
    except UndecodableError as error:
        raise RecordError(str(error)) from None
    first = text.partition("\n")[0]
    counts = {one: first.count(one) for one in ("\t", ",", ";", "|")}
    delimiter = "\t" if item.kind.name == "tsv" else ","
    if not counts[delimiter]:
        delimiter = max(counts, key=lambda one: counts[one]) if any(counts.values()) else delimiter
    try:
        rows = list(
            islice(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), MAX_RECORDS + 1)
        )
    except csv.Error as error:
        raise RecordError(str(error)) from None
    rows = [row for row in rows if row]
    names = rows[0] if rows else []
    header = _is_header(names)
    columns = tuple(names) if header else tuple(f"column{at}" for at in range(1, len(names) + 1))
    records: tuple[PlainObject, ...] = tuple(
        dict(zip(columns, row, strict=False)) for row in rows[header:]
    )
    return Table(file, records, columns, "", delimiter, header)


def _is_header(cells: Sequence[str]) -> bool:
    """Whether a first line names columns: shortly, each once, none by a number."""
    names = [cell.strip() for cell in cells]
    return (
        all(0 < len(name) <= 60 for name in names)
        and len(set(names)) == len(names)
        and not any(re.fullmatch(r"[-+]?[\d.,]+", name) for name in names)
    )


def _sheets(file: File, item: Item) -> Table:
    records: list[PlainObject] = []
    columns: tuple[str, ...] = ()
    apart = Apart()
    try:
        for part in apart.read("sheets", item.stream.whole(inputs.MAX_RECORD_BYTES), MAX_BYTES):
            if "columns" in part:
                if columns:
                    break
                columns = tuple(part["columns"])
            for _, cells in part.get("rows", ()):
                if not isinstance(cells, str) and len(records) < MAX_RECORDS:
                    records.append(
                        {n: c for n, c in zip(columns, cells, strict=False) if n and c is not None}
                    )
    finally:
        apart.close()
    return Table(file, tuple(records), columns)


def _columnar(file: File, item: Item) -> Table:
    stream = item.stream.anywhere()
    if item.kind.name == "parquet":
        parquet = pq.ParquetFile(stream)
        schema, batches = parquet.schema_arrow, parquet.iter_batches(100)
    elif item.stream.head.startswith(b"ARROW1"):
        opened = pa.ipc.open_file(stream)
        schema = opened.schema
        batches = (opened.get_batch(at) for at in range(opened.num_record_batches))
    else:
        reader = pa.ipc.open_stream(stream)
        schema, batches = reader.schema, iter(reader)
    records: list[PlainObject] = []
    left = MAX_BYTES
    for batch in batches:
        batch.validate(full=True)
        records += _rows(batch.slice(0, MAX_RECORDS - len(records)))
        left -= batch.nbytes
        if len(records) >= MAX_RECORDS or left < 0:
            break
    return Table(file, tuple(records), tuple(schema.names))


def _rows(batch: pa.RecordBatch) -> Iterator[PlainObject]:
    """As a source of such a table has them, less the columns that none carries."""
    columns: dict[str, list[Any]] = {}
    for name, array in zip(batch.schema.names, batch.columns, strict=True):
        with suppress(UnsupportedError):
            columns[name] = values_of(array)[0]
    for values in zip(*columns.values(), strict=True):
        yield dict(zip(columns, values, strict=True))
