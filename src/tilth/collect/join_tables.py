"""Read the tables that a source's `join` names, and join them to its batches.

Rows are made by what reads the same types for `files`, and tasks of Label Studio by what reads its
exports, so that a joined table is read as any other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, Final

import pyarrow as pa

from tilth import schema
from tilth.collect import label_studio
from tilth.collect.item_rows import CELLS, READ, Reader, reason_for
from tilth.collect.joins import (
    ANY_FILE,
    LABEL_STUDIO,
    Answers,
    Join,
    filled_by,
    is_beside,
    joins_of,
)
from tilth.context import Context, PassesOver, unsaid
from tilth.errors import DataError, NotReadError, RecordError
from tilth.formats.signatures import KINDS
from tilth.formats.streams import DamagedError, SourceFile
from tilth.labels import as_label
from tilth.meta.beside import Beside
from tilth.reading import inputs, kinds, records
from tilth.reading.carry import Carrier
from tilth.reading.items import Broken, Choice, Item, items_of
from tilth.reading.joined import UNMATCHED, Filling, How, Joined, Table
from tilth.schema import Row
from tilth.settings import BaseSettings
from tilth.web.secrets import masked

_TABLES: Final = frozenset(name for name in READ if KINDS[name].group == "records")
_MAX_FILE_BYTES: Final = 256 << 20
_FORMS: Final = (
    "a table is CSV, TSV, JSON, JSON Lines, Parquet, Arrow, XLSX or ODS; JSON is a list of "
    "records, or one object as {KEY: VALUE} with a text or a number for each key"
)
# Kept until the samples were read; a table of more is not the one that is meant.
_MAX_BAD: Final = 100_000
NO_ANSWER: Final = "a row of a joined table without an answer"
REPEATED: Final = (
    "the item of an answer in a joined table that its annotator gave more than once; it counts once"
)
UNREAD: Final = "a row of a joined table that cannot be read"
# Fields of an answer travel under names that no field has, as far as here.
_WHO, _SAID = (schema.META + part for part in ("(who answered)", "(the answer)"))


class Joining:
    """All tables of a source, read; joins them to its batches.

    Args:
        settings: Of the source.
        source: Its name.
        context: Told of what of the tables is passed over.

    Raises:
        MissingError: A table is not there.
        DataError: A key is in it twice, or it is too large, damaged, or lacks what is named.
    """

    def __init__(self, settings: BaseSettings, source: str, context: Context) -> None:
        self._source, self._context = source, context
        # Rows that cannot be read: a sample that nobody will see, with its error, for each.
        self._bad: list[tuple[str, str]] = []
        self._joins = joins_of(settings)
        self._tables = [
            self._read(join, settings, number) for number, join in enumerate(self._joins)
        ]

    def _read(self, join: Join, settings: BaseSettings, number: int) -> Joined:
        # What is fetched has a folder of its own: the source's file may have the same name.
        context = replace(self._context, work=self._context.work / f"join-{number}")
        reading = _Reading(join, settings, context, self._bad)
        table = reading.table()
        columns = tuple(name for name in schema.SCHEMA if name in filled_by(join))
        filling = Filling(columns, join.prefer, join.missing == "drop", reading.is_spelt)
        return Joined(table, join.column, join.by, filling)

    def add(self, batch: pa.RecordBatch, given: pa.Schema) -> tuple[pa.RecordBatch, pa.Schema]:
        """A batch with what all tables say, and its columns with what is said of them."""
        for one in self._tables:
            batch, given = one.add(batch, given)
        return batch, given

    def finish(self, *, whole: bool) -> Iterator[pa.RecordBatch]:
        """Once all samples went by: rows of the tables that cannot be read, as errors.

        Args:
            whole: Whether these were all samples of the source.

        Raises:
            DataError: No row of a table fits any sample.
        """
        for one in self._tables:
            for entry in one.finish(whole=whole):
                self._context.passes_over(entry.place, UNMATCHED)
        if not whole:
            for place, _ in self._bad:
                self._context.passes_over(place, UNREAD)
            return
        batcher = records.Batcher(self._source, (), {}, None)
        for place, cause in self._bad:
            yield from batcher.add_error(cause, place)
        yield from batcher.flush()

    def telling(self, passes_over: PassesOver) -> PassesOver:
        """Tell of what the source passes over, less the tables that are read here."""
        if not any(join.lies_beside for join in self._joins):
            return passes_over

        def tell(place: str, reason: str) -> None:
            if not (reason == kinds.METADATA_BESIDE or kinds.is_metadata(place)):
                passes_over(place, reason)

        return tell

    def told(self) -> list[str]:
        """What is to be told, in sentences."""
        return [sentence for one in self._tables for sentence in one.told()]


@dataclass
class _Reading:
    """One table while it is read."""

    join: Join
    source: BaseSettings
    context: Context
    bad: list[tuple[str, str]]
    is_spelt: bool = True

    def table(self) -> Table:
        """All of it.

        Raises:
            DataError: It is none, or as `Joining` says.
        """
        join, settings = self.join, self.join.files(self.source)
        shown = join.path or masked(join.url or "metadata")
        table = Table(_how(join), shown, join.max_table_bytes)
        # Of the source's own folder all else is the source's.
        told = unsaid if join.lies_beside else self.context.passes_over
        context = replace(self.context, passes_over=told)
        reader = self._reader(context)
        num_tables = 0
        with closing(reader), inputs.opened(settings, ANY_FILE, context, self._is_read) as found:
            for file in filter(self._is_read, found):
                if join.answers == LABEL_STUDIO:
                    num_tables += 1
                    self._add_export(file, table, context)
                    continue
                for item in self._items(file, context):
                    num_tables += 1
                    self._add_item(item, reader, table)
            if num_tables == 0:
                raise self._no_table()
            if join.answers != LABEL_STUDIO:
                reader.names.check(shown)
            if isinstance(join.answers, Answers):
                for place in table.count_once():
                    self.context.passes_over(place, REPEATED)
        if not len(table) and not self.bad:
            raise inputs.empty_source(shown)
        return table

    def _is_read(self, file: SourceFile) -> bool:
        return not self.join.lies_beside or is_beside(file)

    def _no_table(self) -> DataError:
        if self.join.lies_beside:
            return DataError(
                f"`join: metadata`, and there is none of {', '.join(kinds.METADATA)}",
                where=getattr(self.source, "path", None) or "",
                hint="name the table by `join: {path: FILE}`",
                code="no-table",
            )
        return DataError(
            "there is no table to join",
            where=self.join.path or masked(self.join.url or ""),
            hint=f"it is one of {', '.join(sorted(_TABLES))}",
            code="no-table",
        )

    def _reader(self, context: Context) -> Reader:
        join = self.join
        fields = join.fields.with_key(join.key)
        if isinstance(join.answers, Answers):
            further = {_WHO: join.answers.annotator, _SAID: join.answers.label}
            fields = fields.model_copy(update=further)
        carrier = Carrier.of(fields, context)
        return Reader(
            *(fields, join.encoding, join.max_record_bytes, _MAX_FILE_BYTES, carrier),
            pairs_by=join.key,
        )

    def _items(self, file: SourceFile, context: Context) -> Iterator[Item]:
        """The tables that a file is, or holds.

        Raises:
            DataError: It cannot be read.
        """
        beside = self.join.lies_beside
        choice = Choice(include=kinds.METADATA) if beside else Choice()
        tell: PassesOver = unsaid if beside else context.passes_over
        try:
            for item in items_of(file, choice, context.work, tell, is_alone=not beside):
                if isinstance(item, Broken):
                    raise _damaged(item.uri, item.cause)
                if reason := reason_for(item.kind, _TABLES):
                    if "extra" in reason or not beside:
                        raise _damaged(item.uri, reason)
                    continue
                yield item
        except (DamagedError, OSError, NotReadError) as error:
            raise _damaged(file.uri, str(error)) from error

    def _add_item(self, item: Item, reader: Reader, table: Table) -> None:
        self.is_spelt = self.is_spelt and item.kind.name in CELLS
        folder = _folder_of(item.uri) if self.join.lies_beside else ""
        last = _Last()
        try:
            for place, row, _, beside in reader.rows(item, self.context.passes_over):
                try:
                    if isinstance(row, RecordError):
                        raise row
                    self._add(table, last.with_fields(row, beside), place, folder)
                except RecordError as error:
                    self._note(place, error)
        except DataError as error:
            if error.code == "columns":
                error.hint = "`key`, `fields` and `answers` of the `join` name its columns"
            raise
        except (NotReadError, RecordError, DamagedError, OSError) as error:
            raise _damaged(item.uri, str(error)) from error

    def _add(self, table: Table, row: Row, place: str, folder: str) -> None:
        """Put a row into the table.

        Raises:
            RecordError: It has no key, or one that leads out of its folder.
        """
        # Without a field that names it a record is known by file and row.
        if "key" not in row:
            raise RecordError(f"no key: `{self.join.key}` is empty, or not there")
        key = row.pop("key")
        row.pop("id", None)
        if not self.join.fields.text:
            row.pop("text", None)
        if folder:
            key = _below(folder, key)
        if isinstance(self.join.answers, Answers):
            who, said = row.pop(_WHO, None), row.pop(_SAID, None)
            if said is None or records.is_nan(said):
                said = ""
            if not (label := as_label(records.as_text(said, ""))):
                self.context.passes_over(place, NO_ANSWER)
                return
            annotator = None if who is None else as_label(records.as_text(who, ""))
            if annotator is None:
                raise RecordError(f"`{self.join.answers.annotator}` does not say who answered")
            table.add_answer(key, annotator, label, row, place)
        else:
            table.add(key, row, place)

    def _add_export(self, file: SourceFile, table: Table, context: Context) -> None:
        """Take in the tasks of a Label Studio export."""
        self.is_spelt = False
        join = self.join
        fields = join.fields.with_key(join.key)
        carrier = Carrier(context, fields.meta, fields.others, (*fields.taken(), "split"))
        carrier.begin(file.uri)
        tasks = label_studio.answered(file, join.control, join.max_record_bytes)
        for number, data, row, _ in tasks:
            place = f"{file.uri}:{number}"
            try:
                if isinstance(row, RecordError):
                    raise row
                own = row.pop("id", None)
                made = records.make_row(data, fields, with_text=bool(join.fields.text))
                key = made.pop("key", own if join.key == "id" else None)
                if key is None:
                    records.lookup(data, join.key)
                    raise RecordError(f"no key: `{join.key}` is empty")
                made.pop("id", None)
                carrier.fill(data, made)
                table.add(_file_of(key), {**made, **row}, place)
            except RecordError as error:
                self._note(place, error)

    def _note(self, place: str, error: RecordError) -> None:
        """Take in a row that cannot be read.

        Raises:
            DataError: There are too many to be some bad rows of a table.
        """
        self.bad.append((place, str(error)))
        if len(self.bad) > _MAX_BAD:
            first, cause = self.bad[0]
            raise _damaged(first, f"over {_MAX_BAD:,} of its rows cannot; the first: {cause}")


class _Last:
    """The further columns of the batch that the last row stood in, as Python's values."""

    def __init__(self) -> None:
        self._batch: pa.RecordBatch | None = None
        self._values: dict[str, list[Any]] = {}

    def with_fields(self, row: Row, beside: Beside | None) -> Row:
        """A row with the fields that stand beside it."""
        if beside is None:
            return row
        if self._batch is not beside.batch:
            self._batch, self._values = beside.batch, beside.batch.to_pydict()
        found = {name: values[beside.row] for name, values in self._values.items()}
        return {**row, **{name: value for name, value in found.items() if value is not None}}


def _how(join: Join) -> How:
    if join.lies_beside:
        return "place"
    known: dict[str, How] = {"path": "path", "name": "name", "stem": "stem", "id": "id"}
    return known.get(join.by, "value")


def _folder_of(uri: str) -> str:
    """Of a table that lies among files: what the addresses of those begin with."""
    return uri[: max(uri.rfind("/"), uri.rfind(":")) + 1]


def _below(folder: str, name: str) -> str:
    """The address of a file that a table names.

    Raises:
        RecordError: It leads out of the table's folder.
    """
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    if ".." in parts or name.startswith("/"):
        raise RecordError(f"its key leads out of the folder: {name[:80]}")
    return folder + "/".join(parts)


def _file_of(reference: str) -> str:
    """The file that a task names: without what Label Studio's own addresses put around it."""
    _, found, path = reference.partition("/data/local-files/?d=")
    return path if found else reference


def _damaged(where: str, cause: str) -> DataError:
    return DataError(
        f"the joined table cannot be read: {cause}",
        where=where,
        hint=_FORMS,
        code="damaged-file",
    )
