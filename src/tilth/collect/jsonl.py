"""Read JSON Lines: one JSON object a line (RFC 8259, UTF-8), plain or gzip."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pyarrow as pa
from pydantic import Field

from tilth.collect import files, records
from tilth.context import Context
from tilth.schema import Row, SplitName

SUFFIXES = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")

# A line may nest as deep as real data does, not as deep as the interpreter's stack.
MAX_DEPTH = 64

# A string is one match, closed or not, so that the search is linear in any input.
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)


class Settings(files.FileSettings):
    """Read JSON Lines: one object a line, plain or gzip.

    A line that is not a JSON object, not UTF-8, too long or lacks a field is quarantined with
    its file and row; nothing else is lost.
    """

    fields: records.Fields = Field(
        records.Fields(), description="which field is the text, label, id, ..."
    )
    split: SplitName | None = Field(
        None, description="split of all rows that do not state their own"
    )


def fingerprint(settings: Settings) -> str:
    """Names, sizes and times of the files; for a `url`, the address and digest."""
    return files.fingerprint_files(settings, SUFFIXES)


def fills(settings: Settings) -> tuple[str, ...]:
    """The columns that a row may have, as far as the settings tell."""
    return records.filled(settings.fields, license=settings.license, split=settings.split)


def read(settings: Settings, source: str, context: Context) -> Iterator[pa.RecordBatch]:
    """The lines as rows, in the order of file name and line.

    Raises:
        MissingError: no such file.
        DataError: no record at all, a damaged gzip stream, or a file that changed meanwhile.
    """
    batcher = records.Batcher(
        source,
        records.columns_of(settings.fields),
        {"license": settings.license, "split": settings.split},
        context.limit,
    )
    with files.opened(settings, SUFFIXES, context) as found:
        meter = files.Meter(found, context.progress)
        for file in found:
            yield from _read_file(file, settings, batcher)
            meter.finish(file, batcher.num_rows)
        yield from batcher.flush()
    if batcher.num_rows == 0:
        raise files.empty_source(settings.path or settings.url or "")


def parse_line(line: bytes) -> Row:
    """One line as an object.

    Raises:
        RecordError: it is not UTF-8, not JSON, nested too deeply, or not an object.
    """
    if line.count(b"[") + line.count(b"{") > MAX_DEPTH and depth(line) > MAX_DEPTH:
        raise records.RecordError(f"nested more than {MAX_DEPTH} levels deep")
    try:
        value = json.loads(line.decode())
    except UnicodeDecodeError as error:
        raise records.RecordError(records.describe_unicode(error)) from None
    except json.JSONDecodeError as error:
        raise records.RecordError(
            f"not valid JSON: {error.msg} at character {error.pos} of {len(error.doc)}"
        ) from None
    except ValueError as error:
        raise records.RecordError(f"not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise records.RecordError("not a JSON object")
    return value


def depth(data: bytes) -> int:
    """How deep the brackets outside strings nest."""
    level = deepest = 0
    for match in _STRING_OR_BRACKET.finditer(data):
        token = match.group()
        if token[0] in b"[{":
            level += 1
            deepest = max(deepest, level)
        elif token[0] in b"]}":
            level -= 1
    return deepest


def _read_file(
    file: files.SourceFile, settings: Settings, batcher: records.Batcher
) -> Iterator[pa.RecordBatch]:
    with files.open_bytes(file) as stream:
        lines = files.read_lines(stream, settings.max_record_bytes)
        for number, (line, num_bytes) in enumerate(lines, start=1):
            if batcher.is_full:
                return
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if not line.strip():
                continue
            place = f"{file.uri}:{number}"
            if num_bytes > settings.max_record_bytes:
                cause = files.too_long(num_bytes, settings.max_record_bytes)
                yield from batcher.add_error(cause, place)
                continue
            try:
                row = records.make_row(parse_line(line), settings.fields)
            except records.RecordError as error:
                yield from batcher.add_error(str(error), place)
                continue
            row.setdefault("id", f"{file.name}:{number}")
            yield from batcher.add(row, place, num_bytes)
