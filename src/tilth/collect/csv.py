"""Read delimited text: CSV (RFC 4180) and TSV, plain or packed.

The parser is Tilth's own because one bad record must cost one record.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated, BinaryIO, Literal, cast

import pyarrow as pa
from pydantic import Field, ValidationInfo, field_validator, model_validator

from tilth.context import Context, PassesOver, unsaid
from tilth.decode.stream import Undecided
from tilth.decode.text import AUTO, Encoding, UndecodableError, decode_text
from tilth.formats.cells import as_written
from tilth.formats.streams import with_packed, without_packing
from tilth.labels import as_label
from tilth.reading import inputs, limits, records
from tilth.reading.ahead import Ahead
from tilth.reading.blocks import Block, Blocks
from tilth.reading.by_file import ByFile
from tilth.reading.carry import Carrier, DoubledColumnError
from tilth.reading.cell_blocks import CellBlocks, Cells
from tilth.reading.fields import Fields, columns_of, filled, tells_kinds
from tilth.reading.header import Header, header_of
from tilth.reading.named import Named
from tilth.reading.shares import Shares
from tilth.reading.splitter import Splitter as Splitter
from tilth.reading.splitter import first_and_rest
from tilth.schema import Row
from tilth.settings import AnyOrder
from tilth.splits import SplitName

SUFFIXES = with_packed(".csv", ".tsv")

# Lines that are looked at together; after one that is not regular a quarter of it is read exactly.
_LINES_AT_ONCE = 4096
_WITH_COMMA = re.compile(r"-?(?:0|[1-9][0-9]*),[0-9]+")
# Encodings in which a line is text whatever stands before it.
_BY_BYTE = ("utf-8", "windows-1252")
# A line's number, itself, and its length in the file.
_Numbered = tuple[int, tuple[bytes, int]]


class Settings(inputs.FileSettings):
    """Read delimited text (CSV, TSV), with a header line or named columns, plain or
    packed (gzip, bzip2, xz, zstd).

    A record with another number of columns than the header, not UTF-8, or too long is quarantined
    with its file and row; empty cells too many at its end are none. Where a quotation mark is never
    closed, only its own line is lost. Columns that are not named travel as `meta.NAME`: numbers, or
    true and false, where all cells are, else text.
    """

    fields: Fields = Field(Fields(), description="which column is the text, label, id, ...")
    delimiter: str | None = Field(
        None, description="between columns; default: tab for .tsv, or comma, or as the first line"
    )
    quote: str = Field(
        '"', description="character around fields that hold a delimiter; '' for none", max_length=1
    )
    rest: bool = Field(
        False,
        description="whether the last column is the rest of the line, delimiters too, as in `label "
        "text of words`",
    )
    header: bool = Field(True, description="whether the first line names the columns")
    columns: tuple[str, ...] = Field((), description="column names, where there is no header")
    encoding: Encoding = Field(
        AUTO, description="of files without a byte order mark; `auto`: as they look"
    )
    decimal: Literal[".", ","] = Field(
        ".",
        description="what parts a number's fraction in columns that are not named, and in labels: "
        "`,` as spreadsheets of Europe write it (`1,5`). Thousands are never parted: `1.234,5` "
        "stays text",
    )
    label_prefix: str = Field(
        "",
        description="what stands before each label and is no part of it, such as __label__; a "
        "record without it is quarantined",
    )
    labels: Annotated[dict[str, str], AnyOrder()] = Field(
        {}, description="what the file's labels mean, such as {1: World}; empty: as they are"
    )
    split: SplitName | Shares | None = Field(
        None,
        description="split of all rows that do not state their own, or the shares of each file's "
        "rows, in order, as {train: 0.3, test: 0.7}",
    )

    @field_validator("delimiter", "quote")
    @classmethod
    def _one_character(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value and (len(value) != 1 or value in "\r\n"):
            raise ValueError("one character, and no line break")
        if value == "" and info.field_name == "delimiter":
            raise ValueError("one character")
        return value

    @model_validator(mode="after")
    def _has_names(self) -> Settings:
        if self.header == bool(self.columns):
            raise ValueError("either `header: true`, or `header: false` with `columns: [...]`")
        if self.columns:
            try:
                header_of(list(self.columns), self.fields)
            except records.RecordError as error:
                raise ValueError(f"`columns`: {error}") from None
        if self.quote and self.quote in (self.delimiter or ",\t"):
            raise ValueError("`quote` and `delimiter` are one character")
        for name in ("labels", "label_prefix"):
            if getattr(self, name) and self.fields.label is None:
                raise ValueError(
                    f"`{name}` needs `fields: {{label: ...}}`: which column has the label"
                )
        if self.decimal == self.delimiter and not self.quote:
            raise ValueError("`decimal` and `delimiter` are one character, and nothing is quoted")
        if self.rest and self.quote:
            raise ValueError("`rest` needs `quote: ''`: the rest of a line is taken as it stands")
        return self


def fingerprint(settings: Settings) -> str:
    """Names and digests of the files; of a `url` without a digest the address."""
    return inputs.fingerprint_files(settings, SUFFIXES)


def fills(settings: Settings) -> tuple[str, ...]:
    """The columns that a row may have, as far as the settings tell."""
    return filled(settings.fields, license=settings.license, split=settings.split)


def read(settings: Settings, source: str, context: Context) -> Iterator[pa.RecordBatch]:
    """The records as rows, in the order of file name and line.

    Raises:
        MissingError: no such file.
        DataError: no record at all, a damaged packed stream, a label in `labels` that no record
            has, or a file that changed meanwhile.
    """
    columns = columns_of(settings.fields)
    defaults: dict[str, str | None] = {"license": settings.license}
    if isinstance(settings.split, Shares):
        columns = (*columns, "split")
    else:
        defaults["split"] = settings.split
    commas = settings.decimal == ","
    batcher = records.Batcher(source, columns, defaults, context.limit, spelt=True, commas=commas)
    carrier = Carrier.of(settings.fields, context, blank_is_nothing=True)
    with inputs.opened(settings, SUFFIXES, context) as found:
        rows = _Rows.of(found, settings)
        shared = isinstance(settings.split, Shares) or tells_kinds(settings.fields)
        shared = shared or context.spreads
        takes = limits.sharing(context.limit if shared else None, rows.kinds)
        meter = inputs.Meter(found, context)
        blocks = Blocks.of(batcher, settings, context, found, meter.num_bytes)
        if isinstance(settings.split, Shares) or commas:
            blocks = None
        by_file = ByFile(context, batcher, carrier, rows.labels)
        for file in found:
            if batcher.num_rows == context.limit:
                break
            if by_file.is_known(file):
                yield from by_file.again()
                meter.finish(file, batcher.num_rows, is_told=True)
                continue
            carrier.begin(file.uri)
            for one in rows.of_file(file, carrier, blocks, context.passes_over):
                if batcher.is_full:
                    break
                if isinstance(one, Block):
                    yield from batcher.give(one.batch, one.num_bytes)
                    continue
                place, row, num_bytes = one
                if takes(limits.kind_of(row)):
                    yield from batcher.add_found(row, place, num_bytes)
            meter.finish(file, batcher.num_rows)
            yield from by_file.end()
        rows.labels.check(settings.path or settings.url or "")
        yield from batcher.flush()
    if batcher.num_rows == 0:
        raise inputs.empty_source(settings.path or settings.url or "")


@dataclass(slots=True)
class _Line:
    """A line, and what it does inside a quoted field, which is worked out when first asked for.

    Attributes:
        end: Bytes of the file up to its end.
        is_last: Whether a quoted field open at its start leaves no record open at its end.
        num_fields: Fields that it closes then.
        num_blank: How many of them are empty at its end.
        problem: Why the record cannot go on there.
    """

    number: int
    data: bytes
    num_bytes: int
    end: int
    is_read: bool = False
    is_last: bool = False
    num_fields: int = 0
    num_blank: int = 0
    problem: str | None = None

    def read(self, splitter: Splitter, encoding: str) -> None:
        """Work out what the line does, if it is not known."""
        if self.is_read:
            return
        self.is_read = True
        try:
            text = _decoded(self.data, encoding)
            if splitter.quote not in text:
                return  # it closes nothing, whatever else it holds
            self.is_last = splitter.feed(text)
        except records.RecordError as error:
            self.is_last, self.problem = True, str(error)
        self.num_fields = len(splitter.fields)
        self.num_blank = _num_blank(splitter.fields)


def _num_blank(fields: list[str]) -> int:
    """How many fields at the end of a record are empty."""
    return sum(1 for _ in itertools.takewhile(lambda field: not field, reversed(fields)))


class _Lines:
    """The lines of a file, and a view of those ahead that a quoted field may run on through.

    Where a quotation mark is never closed, every line that follows may open a record that runs on
    through the same lines. What a line does inside a quoted field depends on no other line, so it
    is worked out once, and the sums over the lines ahead decide about each record at once.
    """

    def __init__(
        self, stream: BinaryIO, settings: Settings, delimiter: str, blocks: Blocks | None
    ) -> None:
        self._blocks: CellBlocks | None = None
        if blocks is not None and settings.encoding == "utf-8" and settings.quote:
            ahead, text = Ahead(stream, records.BYTES_PER_BATCH), str(settings.fields.text)
            self._blocks = CellBlocks(ahead, delimiter, settings.quote, text, blocks)
            stream = cast(BinaryIO, ahead)
        self._number = 0
        self._lines = self._numbered(stream, settings.max_record_bytes)
        self._settings = settings
        self._delimiter = delimiter
        self._end = 0
        # All of them but the last are known to leave the quoted field open.
        self._ahead: deque[_Line] = deque()
        self._num_fields = 0  # of all ahead whose fields are known
        # Lines that were taken for a block of regular ones, and are left to be read exactly.
        self._back: deque[_Numbered] = deque()
        self._num_exact = 0

    def _numbered(self, stream: BinaryIO, max_bytes: int) -> Iterator[_Numbered]:
        singles = inputs.read_lines(stream, max_bytes)
        # What is read many lines at a time cannot be taken by blocks any more.
        while self._by_blocks and (line := next(singles, None)) is not None:
            self._number += 1
            yield self._number, line
        for line in itertools.chain.from_iterable(inputs.read_many_lines(stream, max_bytes)):
            self._number += 1
            yield self._number, line

    @property
    def _by_blocks(self) -> bool:
        return self._blocks is not None and self._blocks.is_on

    def regular(
        self, header: Header, file: inputs.SourceFile, carrier: Carrier | None
    ) -> Iterator[Cells | Block]:
        """Records as far as they are as the header says, by the standard library's parser.

        Yields:
            Fields, number of the first line and bytes of each, or many that are made already. What
            comes next is the rest of the file, or a record that has to be looked at line by line.
        """
        if self._blocks is not None and self._blocks.is_on and not (self._ahead or self._back):
            if header.nameless or carrier is None:
                self._blocks.is_on = False
            else:
                found = self._blocks.of(file, header.names, header.width, self._number, carrier)
                for one in found:
                    if isinstance(one, int):
                        self._number += one
                    else:
                        yield one
        if self._by_blocks:
            return
        self._num_exact -= 1
        if self._num_exact > 0 or self._ahead or not self._may_be_regular():
            return
        while block := self._block():
            lines, text = block
            # Each record is whole, or is an error; so is a field of more than the library's limit.
            reader = csv.reader(
                io.StringIO(text, newline="\n"),
                delimiter=self._delimiter,
                quotechar=self._settings.quote,
                strict=True,
            )
            start = 0
            while start < len(lines):
                number, (data, num_bytes) = lines[start]
                try:
                    values = next(reader)
                except csv.Error:
                    break
                end = reader.line_num
                if end > start + 1:
                    num_bytes = sum(line[1] for _, line in lines[start:end]) + end - start - 1
                elif not data.strip() and header.width > 1:
                    start = end
                    continue
                if len(values) != header.width or num_bytes > self._settings.max_record_bytes:
                    break
                yield values, number, num_bytes
                start = end
            self._back.extendleft(reversed(lines[start:]))
            if start == 0:
                break
        self._num_exact = _LINES_AT_ONCE // 4

    def _may_be_regular(self) -> bool:
        given = self._settings
        return bool(given.quote) and not given.rest and given.encoding in _BY_BYTE

    def _block(self) -> tuple[list[_Numbered], str] | None:
        """The next lines as text, as far as they are valid and have no odd line break."""
        taken = [self._back.popleft() for _ in range(min(len(self._back), _LINES_AT_ONCE))]
        taken += itertools.islice(self._lines, _LINES_AT_ONCE - len(taken))
        lines = [line for _, (line, _) in taken]
        whole, good = b"\n".join(lines), len(lines)
        if b"\r" in whole:
            good = next(at for at, line in enumerate(lines) if b"\r" in line)
            whole = b"\n".join(lines[:good])
        try:
            text = decode_text(whole, self._settings.encoding)
        except UndecodableError as error:
            good = whole.count(b"\n", 0, error.start)
            text = decode_text(b"\n".join(lines[:good]), self._settings.encoding)
        self._back.extendleft(reversed(taken[good:]))
        return (taken[:good], text + "\n") if good else None

    def next(self) -> _Line | None:
        """The next line; None at the end."""
        if not self._ahead:
            return self._read()
        line = self._ahead.popleft()
        self._num_fields -= line.num_fields
        return line

    def record(self, first: _Line, header: Header | None) -> tuple[list[str], int]:
        """The fields of the record that starts with the line `first`, and its length in bytes.

        A record that spans lines and is malformed takes its first line only: more likely a
        quotation mark was left open there than that the following lines are bad.

        Raises:
            RecordError: the record is malformed.
        """
        self._check_size(first, first)
        splitter = self._splitter()
        text = _decoded(first.data, self._settings.encoding)
        num_ahead = 0
        if not splitter.feed(text):
            self._look_ahead(first)
            num_ahead = len(self._ahead)
        found = len(splitter.fields) + (self._num_fields if num_ahead else 0)
        if header is not None and self._settings.rest:
            if found < header.width:
                raise records.RecordError(f"{found} columns instead of {header.width} or more")
        elif header is not None and found != header.width:
            last_fields = self._ahead[-1].num_blank if num_ahead else _num_blank(splitter.fields)
            if not header.least <= found <= header.width + last_fields:
                raise records.RecordError(f"{found} columns instead of {header.width}")
        last = first
        for _ in range(num_ahead):
            line = self.next()
            assert line is not None
            last = line
            splitter.feed(_decoded(last.data, self._settings.encoding))
        return splitter.fields, last.end - first.end + first.num_bytes

    def _look_ahead(self, first: _Line) -> None:
        """Find the line at which a record ends that the line `first` leaves open.

        Raises:
            RecordError: there is none, or the record cannot go on there.
        """
        while True:
            if not self._ahead or (self._ahead[-1].is_read and not self._ahead[-1].is_last):
                line = self._read()
                if line is None:
                    raise records.RecordError("a quotation mark is never closed")
                self._ahead.append(line)
            line = self._ahead[-1]
            self._check_size(first, line)
            if not line.is_read:
                line.read(self._splitter(is_open=True), self._settings.encoding)
                self._num_fields += line.num_fields
            if line.problem is not None:
                raise records.RecordError(line.problem)
            if line.is_last:
                return

    def _check_size(self, first: _Line, last: _Line) -> None:
        num_bytes = last.end - first.end + first.num_bytes
        if num_bytes > self._settings.max_record_bytes:
            raise records.RecordError(inputs.too_long(num_bytes, self._settings.max_record_bytes))

    def _splitter(self, *, is_open: bool = False) -> Splitter:
        return Splitter(self._delimiter, self._settings.quote, is_open=is_open)

    def _read(self) -> _Line | None:
        found = self._back.popleft() if self._back else next(self._lines, None)
        if found is None:
            return None
        number, (data, num_bytes) = found
        self._end += num_bytes + 1
        data = data.removeprefix(b"\xef\xbb\xbf") if number == 1 else data
        return _Line(number, data, num_bytes, self._end)


def _decoded(data: bytes, encoding: str) -> str:
    try:
        return decode_text(data, encoding)
    except UndecodableError as error:
        raise records.RecordError(str(error)) from None


@dataclass
class _Rows:
    """The rows of all files; gone through more than once where something must be known before.

    Attributes:
        labels: Those that `labels` names, and which were met.
        meant: What the labels mean, in the one spelling that they come in.
    """

    found: list[inputs.SourceFile]
    settings: Settings
    labels: Named
    meant: dict[str, str]

    @classmethod
    def of(cls, found: list[inputs.SourceFile], settings: Settings) -> _Rows:
        """Of these files."""
        meant = {as_label(label) or label: name for label, name in settings.labels.items()}
        return cls(found, settings, Named("labels", meant, "label"), meant)

    def kinds(self) -> Iterator[limits.Kind]:
        """What each record is of, in the order of the source."""
        each = (one for file in self.found for one in self.of_file(file))
        return (limits.kind_of(one[1]) for one in each if not isinstance(one, Block))

    def of_file(
        self,
        file: inputs.SourceFile,
        carrier: Carrier | None = None,
        blocks: Blocks | None = None,
        tell: PassesOver = unsaid,
    ) -> Iterator[_Found | Block]:
        """Place, row with label and split (or what is wrong with it), and bytes of each record."""
        split, total = self.settings.split, 0
        if isinstance(split, Shares):
            total = sum(1 for _ in read_file(file, self.settings))
        for number, one in enumerate(_found(file, self.settings, carrier, blocks, tell)):
            if isinstance(one, Block):
                yield one
                continue
            place, row, num_bytes = one
            if not isinstance(row, records.RecordError):
                label, prefix = row.get("label"), self.settings.label_prefix
                if label is not None and self.settings.decimal == ",":
                    label = row["label"] = _with_point(label)
                if prefix and label is not None:
                    if not label.startswith(prefix) or label == prefix:
                        cause = f"label `{label[:40]}` is not `{prefix}` and a name"
                        yield place, records.RecordError(cause), num_bytes
                        continue
                    label = as_label(label.removeprefix(prefix))
                    if label is not None and self.settings.decimal == ",":
                        label = _with_point(label)
                    row["label"] = label
                if self.meant and label is not None:
                    self.labels.saw(label)
                    if label not in self.meant:
                        cause = f"label `{label[:40]}` is not in `labels`"
                        yield place, records.RecordError(cause), num_bytes
                        continue
                    row["label"] = self.meant[label]
                if isinstance(split, Shares):
                    row.setdefault("split", split.at(number, total))
            yield place, row, num_bytes


def _with_point(label: str) -> str:
    """A label that is a number with a decimal comma, as it is with a point."""
    if not _WITH_COMMA.fullmatch(label):
        return label
    return as_label(label.replace(",", ".")) or label


_Found = tuple[str, Row | records.RecordError, int]


def read_file(
    file: inputs.SourceFile,
    settings: Settings,
    carrier: Carrier | None = None,
    tell: PassesOver = unsaid,
) -> Iterator[_Found]:
    """Place, row (or what is wrong with it) and bytes of each record; `tell` hears of a guess."""
    found = _found(file, settings, carrier, None, tell)
    return (one for one in found if not isinstance(one, Block))


def _found(
    file: inputs.SourceFile,
    settings: Settings,
    carrier: Carrier | None,
    blocks: Blocks | None,
    tell: PassesOver,
) -> Iterator[_Found | Block]:
    """The same, of which some come by whole blocks."""
    tab = without_packing(file.name).lower().endswith(".tsv")
    header = header_of(list(settings.columns), settings.fields) if settings.columns else None
    travels = carrier is not None and header is not None and carrier.takes(header.names.values())
    with inputs.open_bytes(file) as raw:
        told = Undecided(raw, settings.encoding, partial(tell, file.uri), as_it_is=True)
        settings = settings.model_copy(update={"encoding": told.encoding})
        stream, delimiter = as_written(told, "\t" if tab else ",", settings.delimiter)
        lines = _Lines(stream, settings, delimiter, blocks)

        def row_of(values: list[str], number: int) -> Row:
            assert header is not None
            record = header.named(values)
            row = records.make_row(record, settings.fields)
            if carrier is not None and header.nameless:
                header.tell_nameless(values, carrier)
            if carrier is not None and travels:
                carrier.fill(record, row)
            row.setdefault("id", f"{file.name}:{number}")
            return row

        while True:
            for one in () if header is None else lines.regular(header, file, carrier):
                if isinstance(one, Block):
                    yield one
                    continue
                values, number, num_bytes = one
                try:
                    yield f"{file.uri}:{number}", row_of(values, number), num_bytes
                except records.RecordError as error:
                    yield f"{file.uri}:{number}", error, num_bytes
            if (first := lines.next()) is None:
                return
            # A blank line is a record only where there is one column, which may be empty.
            if not first.data.strip() and (header is None or header.width > 1):
                continue
            place, num_bytes = f"{file.uri}:{first.number}", first.num_bytes
            try:
                values, num_bytes = lines.record(first, header)
                if header is not None and settings.rest:
                    values = first_and_rest(values, delimiter, header.width)
                if header is None:
                    header = header_of(values, settings.fields)
                    travels = carrier is not None and carrier.takes(header.names.values())
                    continue
                row = row_of(values, first.number)
            except records.RecordError as error:
                if isinstance(error, DoubledColumnError):
                    raise inputs.doubled_column(str(error), place) from None
                if header is None:
                    raise inputs.bad_header(str(error), place) from None
                yield place, error, num_bytes
                continue
            yield place, row, num_bytes
