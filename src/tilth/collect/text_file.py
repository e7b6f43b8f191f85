"""Read plain text files: a file, a line or a paragraph a record."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Literal

import pyarrow as pa
from pydantic import Field

from tilth.context import Context, PassesOver, unsaid
from tilth.decode.look import read_text
from tilth.decode.stream import Undecided
from tilth.decode.text import AUTO, Encoding, UndecodableError, decode_text
from tilth.formats.signatures import HEAD_BYTES, is_page
from tilth.formats.streams import with_packed
from tilth.reading import inputs, limits, records
from tilth.reading.by_file import ByFile
from tilth.reading.shares import Shares
from tilth.schema import Row
from tilth.splits import SplitName

SUFFIXES = with_packed(".txt", ".text", ".md")

_PAGE = (
    "HTML, which is no plain text: the source `files` reads it, and `extract` takes its text out"
)


class Settings(inputs.FileSettings):
    """Read plain text files: a file, a line or a paragraph a record; plain or packed
    (gzip, bzip2, xz, zstd).

    A record that is not in the encoding, or too long, is quarantined with its file and line, and
    so is a file that is HTML.
    """

    record: Literal["file", "line", "paragraph"] = Field(
        "file",
        description="what one record is; a paragraph ends at a blank line. A file that is to be "
        "split becomes one record a part",
    )
    split: SplitName | Shares | None = Field(
        None,
        description="split of all records, or the shares of each file's characters, in order, as "
        "{train: 0.9, validation: 0.1}",
    )
    encoding: Encoding = Field(
        AUTO,
        description="character encoding of files without a byte order mark; `auto`: as they look",
    )


def fingerprint(settings: Settings) -> str:
    """Names and digests of the files; of a `url` without a digest the address."""
    return inputs.fingerprint_files(settings, SUFFIXES)


def fills(settings: Settings) -> tuple[str, ...]:
    """The columns that a row may have, as far as the settings tell."""
    columns = {"text": True, "split": settings.split, "license": settings.license}
    return tuple(name for name, given in columns.items() if given)


def read(settings: Settings, source: str, context: Context) -> Iterator[pa.RecordBatch]:
    """The records as rows, in the order of file name and line.

    Raises:
        MissingError: no such file.
        DataError: no record at all, a damaged packed stream, or a file that changed meanwhile.
    """
    columns = ("text",) if settings.split is None else ("text", "split")
    batcher = records.Batcher(source, columns, {"license": settings.license}, context.limit)
    with inputs.opened(settings, SUFFIXES, context) as found:
        shared = isinstance(settings.split, Shares)
        takes = limits.sharing(
            context.limit if shared else None,
            lambda: (limits.kind_of(row) for file in found for _, row, _ in _rows(file, settings)),
        )
        meter = inputs.Meter(found, context)
        by_file = ByFile(context, batcher)
        for file in found:
            if batcher.num_rows == context.limit:
                break
            if by_file.is_known(file):
                yield from by_file.again()
                meter.finish(file, batcher.num_rows, is_told=True)
                continue
            for place, row, num_bytes in _rows(file, settings, context.passes_over):
                if batcher.is_full:
                    break
                if takes(limits.kind_of(row)):
                    yield from batcher.add_found(row, place, num_bytes)
            meter.finish(file, batcher.num_rows)
            yield from by_file.end()
        yield from batcher.flush()
    if batcher.num_rows == 0:
        raise inputs.empty_source(settings.path or settings.url or "")


_Found = tuple[str, Row | records.RecordError, int]


def _rows(
    file: inputs.SourceFile, settings: Settings, tell: PassesOver = unsaid
) -> Iterator[_Found]:
    """Place, row (or what is wrong with it) and bytes of each record of a file."""
    read = _whole_file if settings.record == "file" else _pieces
    return read(file, settings, tell)


def _whole_file(file: inputs.SourceFile, settings: Settings, tell: PassesOver) -> Iterator[_Found]:
    """The file as one record, or as one a part where it is split."""
    with inputs.open_bytes(file) as stream:
        data = stream.read(settings.max_record_bytes + 1)
    place = f"{file.uri}:1"
    try:
        if is_page(data[:HEAD_BYTES]):
            raise records.RecordError(_PAGE)
        if len(data) > settings.max_record_bytes:
            raise records.RecordError(
                f"above `max_record_bytes` of {settings.max_record_bytes:,}; read it by line or "
                "paragraph"
            )
        text = _whole(data, file.uri, settings.encoding, tell)
    except records.RecordError as error:
        yield place, error, len(data)
        return
    if not text.strip():
        return
    parts: list[tuple[SplitName | None, int, int]] = [(None, 0, len(text))]
    if isinstance(settings.split, Shares):
        parts = [*settings.split.bounds(len(text))]
    elif settings.split is not None:
        parts = [(settings.split, 0, len(text))]
    for split, start, end in parts:
        row: Row = {"text": text[start:end], "id": f"{file.name}:{start}"}
        if split is not None:
            row["split"] = split
        line = text.count("\n", 0, start) + 1
        yield f"{file.uri}:{line}", row, len(data)


def _pieces(file: inputs.SourceFile, settings: Settings, tell: PassesOver) -> Iterator[_Found]:
    """The lines or paragraphs of a file."""
    split, total = settings.split, 0
    if isinstance(split, Shares):
        # A first pass for the total: a share of what is not known yet cannot be taken.
        texts = (found for _, found, _ in _records(file, settings) if isinstance(found, str))
        total = sum(map(len, texts))
    read = 0
    for number, found, num_bytes in _records(file, settings, tell):
        place = f"{file.uri}:{number}"
        if isinstance(found, records.RecordError):
            yield place, found, num_bytes
            continue
        row: Row = {"text": found, "id": f"{file.name}:{number}"}
        if isinstance(split, Shares):
            row["split"] = split.at(read, total)
        elif split is not None:
            row["split"] = split
        read += len(found)
        yield place, row, num_bytes


def _records(
    file: inputs.SourceFile, settings: Settings, tell: PassesOver = unsaid
) -> Iterator[tuple[int, str | records.RecordError, int]]:
    """Number of its first line, text (or what is wrong with it) and bytes of each record."""
    by_line = settings.record == "line"
    begun, num_bytes = 0, 0
    lines: list[bytes] = []
    with inputs.open_bytes(file) as raw:
        stream = Undecided(raw, settings.encoding, partial(tell, file.uri), as_it_is=True)
        settings = settings.model_copy(update={"encoding": stream.encoding})
        head = stream.peek(HEAD_BYTES)[:HEAD_BYTES]
        if is_page(head):
            yield 1, records.RecordError(_PAGE), len(head)
            return
        found = inputs.read_lines(stream, settings.max_record_bytes)
        for number, (line, length) in enumerate(found, start=1):
            blank = not line.strip()
            if not blank:
                begun = begun if lines else number
                # Of a paragraph that is too long already, only the length is of interest.
                if num_bytes <= settings.max_record_bytes:
                    lines.append(line)
                num_bytes += length + 1
            if lines and (blank or by_line):
                yield begun, _joined(lines, num_bytes - 1, settings), num_bytes
                lines, num_bytes = [], 0
    if lines:
        yield begun, _joined(lines, num_bytes - 1, settings), num_bytes


def _joined(lines: list[bytes], num_bytes: int, settings: Settings) -> str | records.RecordError:
    if num_bytes > settings.max_record_bytes:
        return records.RecordError(inputs.too_long(num_bytes, settings.max_record_bytes))
    try:
        return decode_text(b"\n".join(lines), settings.encoding)
    except UndecodableError as error:
        return records.RecordError(str(error))


def _whole(data: bytes, uri: str, encoding: str, tell: PassesOver) -> str:
    try:
        found = read_text(data, encoding)
    except UndecodableError as error:
        raise records.RecordError(str(error)) from None
    if found.note:
        tell(uri, found.note)
    return found.text
