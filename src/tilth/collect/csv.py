"""Read delimited text: CSV (RFC 4180) and TSV, plain or packed.

The parser is Tilth's own because one bad record must cost one record: the standard library's reads
on to the next quotation mark, however many rows away, and has one global limit on field size.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, BinaryIO, Literal

import pyarrow as pa
from pydantic import Field, ValidationInfo, field_validator, model_validator

from tilth.collect import inputs, limits, records
from tilth.collect.named import Named
from tilth.collect.shares import Shares
from tilth.context import Context
from tilth.formats.streams import with_packed, without_packing
from tilth.schema import Row
from tilth.settings import AnyOrder
from tilth.splits import SplitName

SUFFIXES = with_packed(".csv", ".tsv")


class Settings(inputs.FileSettings):
    """Read delimited text (CSV, TSV), with a header line or named columns, plain or
    packed (gzip, bzip2, xz, zstd).

    A record with another number of columns than the header, not UTF-8, or too long is quarantined
    with its file and row. Where a quotation mark is never closed, only its own line is lost.
    """

    fields: records.Fields = Field(
        records.Fields(), description="which column is the text, label, id, ..."
    )
    delimiter: str | None = Field(
        None, description="one character between columns; default: tab for .tsv, else comma"
    )
    quote: str = Field(
        '"', description="character around fields that hold a delimiter; '' for none", max_length=1
    )
    header: bool = Field(True, description="whether the first line names the columns")
    columns: tuple[str, ...] = Field((), description="column names, where there is no header")
    encoding: Literal["utf-8", "latin-1", "cp1252", "gb18030", "shift_jis", "euc_kr", "big5"] = (
        Field("utf-8", description="character encoding of the files")
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
                _check_header(list(self.columns), self.fields)
            except records.RecordError as error:
                raise ValueError(f"`columns`: {error}") from None
        if self.quote and self.quote in (self.delimiter or ",\t"):
            raise ValueError("`quote` and `delimiter` are one character")
        if self.labels and self.fields.label is None:
            raise ValueError("`labels` needs `fields: {label: ...}`: which column has the label")
        return self


def fingerprint(settings: Settings) -> str:
    """Names and digests of the files; of a `url` without a digest the address."""
    return inputs.fingerprint_files(settings, SUFFIXES)


def fills(settings: Settings) -> tuple[str, ...]:
    """The columns that a row may have, as far as the settings tell."""
    return records.filled(settings.fields, license=settings.license, split=settings.split)


def read(settings: Settings, source: str, context: Context) -> Iterator[pa.RecordBatch]:
    """The records as rows, in the order of file name and line.

    Raises:
        MissingError: no such file.
        DataError: no record at all, a damaged packed stream, a label in `labels` that no record
            has, or a file that changed meanwhile.
    """
    columns = records.columns_of(settings.fields)
    defaults: dict[str, str | None] = {"license": settings.license}
    if isinstance(settings.split, Shares):
        columns = (*columns, "split")
    else:
        defaults["split"] = settings.split
    batcher = records.Batcher(source, columns, defaults, context.limit)
    with inputs.opened(settings, SUFFIXES, context) as found:
        rows = _Rows.of(found, settings)
        shared = isinstance(settings.split, Shares) or records.tells_kinds(settings.fields)
        takes = limits.sharing(context.limit if shared else None, rows.kinds)
        meter = inputs.Meter(found, context)
        for file in found:
            for place, row, num_bytes in rows.of_file(file):
                if batcher.is_full:
                    break
                if takes(limits.kind_of(row)):
                    yield from batcher.add_found(row, place, num_bytes)
            meter.finish(file, batcher.num_rows)
        rows.labels.check(settings.path or settings.url or "")
        yield from batcher.flush()
    if batcher.num_rows == 0:
        raise inputs.empty_source(settings.path or settings.url or "")


class Splitter:
    """Splits one record into fields, line by line, for a field may hold line breaks.

    Args:
        delimiter: One character.
        quote: One character, or empty.
        is_open: Whether a quoted field of an earlier line runs on into the first one fed.
    """

    def __init__(self, delimiter: str, quote: str, *, is_open: bool = False) -> None:
        self.delimiter = delimiter
        self.quote = quote
        self.fields: list[str] = []
        self._open: list[str] | None = [] if is_open else None

    def feed(self, line: str) -> bool:
        """Take the next line (less its line break); whether the record is complete.

        Raises:
            RecordError: text stands between a closing quotation mark and the delimiter.
        """
        if self._open is None and (not self.quote or self.quote not in line):
            self.fields = line.split(self.delimiter)
            return True
        start = 0
        if self._open is not None:
            self._open.append("\n")
        while True:
            if self._open is None:
                if not line.startswith(self.quote, start):
                    end = line.find(self.delimiter, start)
                    self.fields.append(line[start:] if end < 0 else line[start:end])
                    if end < 0:
                        return True
                    start = end + 1
                    continue
                self._open, start = [], start + 1
            end = line.find(self.quote, start)
            if end < 0:
                self._open.append(line[start:])
                return False
            self._open.append(line[start:end])
            start = end + 1
            if line.startswith(self.quote, start):
                self._open.append(self.quote)
                start += 1
                continue
            self.fields.append("".join(self._open))
            self._open = None
            if start == len(line):
                return True
            if line[start] != self.delimiter:
                raise records.RecordError(
                    f"text after a closing quotation mark, at character {start + 1}"
                )
            start += 1


@dataclass(slots=True)
class _Line:
    """A line, and what it does inside a quoted field, which is worked out when first asked for.

    Attributes:
        end: Bytes of the file up to its end.
        is_last: Whether a quoted field open at its start leaves no record open at its end.
        num_fields: Fields that it closes then.
        problem: Why the record cannot go on there.
    """

    number: int
    data: bytes
    num_bytes: int
    end: int
    is_read: bool = False
    is_last: bool = False
    num_fields: int = 0
    problem: str | None = None

    def read(self, splitter: Splitter, encoding: str) -> None:
        """Work out what the line does, if it is not known."""
        if self.is_read:
            return
        self.is_read = True
        try:
            self.is_last = splitter.feed(_decoded(self.data, encoding))
        except records.RecordError as error:
            self.is_last, self.problem = True, str(error)
        self.num_fields = len(splitter.fields)


class _Lines:
    """The lines of a file, and a view of those ahead that a quoted field may run on through.

    Where a quotation mark is never closed, every line that follows may open a record that runs on
    through the same lines. What a line does inside a quoted field depends on no other line, so it
    is worked out once, and the sums over the lines ahead decide about each record at once.
    """

    def __init__(self, stream: BinaryIO, settings: Settings, delimiter: str) -> None:
        self._lines = enumerate(inputs.read_lines(stream, settings.max_record_bytes), start=1)
        self._settings = settings
        self._delimiter = delimiter
        self._end = 0
        # All of them but the last are known to leave the quoted field open.
        self._ahead: deque[_Line] = deque()
        self._num_fields = 0  # of all ahead whose fields are known

    def next(self) -> _Line | None:
        """The next line; None at the end."""
        if not self._ahead:
            return self._read()
        line = self._ahead.popleft()
        self._num_fields -= line.num_fields
        return line

    def record(self, first: _Line, names: list[str] | None) -> tuple[list[str], int]:
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
        if names is not None and found != len(names):
            raise records.RecordError(f"{found} columns instead of {len(names)}")
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
        found = next(self._lines, None)
        if found is None:
            return None
        number, (data, num_bytes) = found
        self._end += num_bytes + 1
        data = data.removeprefix(b"\xef\xbb\xbf") if number == 1 else data
        return _Line(number, data, num_bytes, self._end)


def _decoded(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise records.RecordError(records.describe_unicode(error)) from None


@dataclass
class _Rows:
    """The rows of all files; gone through more than once where something must be known before.

    Attributes:
        labels: Those that `labels` names, and which were met.
        totals: Records of each file, where a share of them is a split.
    """

    found: list[inputs.SourceFile]
    settings: Settings
    labels: Named
    totals: dict[str, int]

    @classmethod
    def of(cls, found: list[inputs.SourceFile], settings: Settings) -> _Rows:
        """Counts the records first where a share of them is a split."""
        totals = {}
        if isinstance(settings.split, Shares):
            for file in found:
                totals[file.name] = sum(1 for _ in read_file(file, settings))
        return cls(found, settings, Named("labels", settings.labels, "label"), totals)

    def kinds(self) -> Iterator[limits.Kind]:
        """What each record is of, in the order of the source."""
        return (limits.kind_of(row) for file in self.found for _, row, _ in self.of_file(file))

    def of_file(
        self, file: inputs.SourceFile
    ) -> Iterator[tuple[str, Row | records.RecordError, int]]:
        """Place, row with label and split (or what is wrong with it), and bytes of each record."""
        split = self.settings.split
        for number, (place, row, num_bytes) in enumerate(read_file(file, self.settings)):
            if not isinstance(row, records.RecordError):
                label = row.get("label")
                if self.settings.labels and label is not None:
                    self.labels.saw(label)
                    if label not in self.settings.labels:
                        error = records.RecordError(f"label `{label[:40]}` is not in `labels`")
                        yield place, error, num_bytes
                        continue
                    row["label"] = self.settings.labels[label]
                if isinstance(split, Shares):
                    row.setdefault("split", split.at(number, self.totals[file.name]))
            yield place, row, num_bytes


def read_file(
    file: inputs.SourceFile, settings: Settings
) -> Iterator[tuple[str, Row | records.RecordError, int]]:
    """Place, row (or what is wrong with it) and bytes of each record."""
    tab = without_packing(file.name).lower().endswith(".tsv")
    delimiter = settings.delimiter or ("\t" if tab else ",")
    names: list[str] | None = list(settings.columns) or None
    with inputs.open_bytes(file) as stream:
        lines = _Lines(stream, settings, delimiter)
        while (first := lines.next()) is not None:
            # A blank line is a record only where there is one column, which may be empty.
            if not first.data.strip() and (names is None or len(names) > 1):
                continue
            place, num_bytes = f"{file.uri}:{first.number}", first.num_bytes
            try:
                values, num_bytes = lines.record(first, names)
                if names is None:
                    _check_header(values, settings.fields)
                    names = values
                    continue
                record = dict(zip(names, values, strict=True))
                row = records.make_row(record, settings.fields)
            except records.RecordError as error:
                if names is None:
                    raise inputs.bad_header(str(error), place) from None
                yield place, error, num_bytes
                continue
            row.setdefault("id", f"{file.name}:{first.number}")
            yield place, row, num_bytes


def _check_header(names: list[str], fields: records.Fields) -> None:
    """Say early, once, that a wanted column is not there.

    Raises:
        RecordError: a column is missing or named twice.
    """
    # Columns without a name are what a spreadsheet once used, right of its data.
    twice = sorted(name for name, count in Counter(names).items() if count > 1 and name)
    if twice:
        raise records.RecordError(f"column `{twice[0]}` is there twice")
    for name in records.names_of(fields):
        if name not in names:
            raise records.RecordError(records.no_column(name, names))
