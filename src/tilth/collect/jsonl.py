"""Read JSON Lines: one JSON object a line (RFC 8259, UTF-8), plain or packed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pyarrow as pa
from pydantic import Field

from tilth.collect import inputs, limits, records
from tilth.collect.named import Named
from tilth.context import Context
from tilth.formats.streams import with_packed
from tilth.schema import Row
from tilth.splits import SplitName

SUFFIXES = with_packed(".jsonl", ".ndjson")

# A line may nest as deep as real data does, not as deep as the interpreter's stack.
MAX_DEPTH = 64

# A string is one match, closed or not, so that the search is linear in any input.
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)


class Settings(inputs.FileSettings):
    """Read JSON Lines: one object a line, plain or packed (gzip, bzip2, xz, zstd).

    A line that is not a JSON object, not UTF-8, too long or lacks the text or the target is
    quarantined with its file and row; nothing else is lost. Another field that no line has is an
    error.
    """

    fields: records.Fields = Field(
        records.Fields(), description="which field is the text, label, id, ..."
    )
    split: SplitName | None = Field(
        None, description="split of all rows that do not state their own"
    )


def fingerprint(settings: Settings) -> str:
    """Names and digests of the files; of a `url` without a digest the address."""
    return inputs.fingerprint_files(settings, SUFFIXES)


def fills(settings: Settings) -> tuple[str, ...]:
    """The columns that a row may have, as far as the settings tell."""
    return records.filled(settings.fields, license=settings.license, split=settings.split)


def read(settings: Settings, source: str, context: Context) -> Iterator[pa.RecordBatch]:
    """The lines as rows, in the order of file name and line.

    Raises:
        MissingError: no such file.
        DataError: no record at all, a damaged packed stream, a field beside text and target that no
            record has, or a file that changed meanwhile.
    """
    batcher = records.Batcher(
        source,
        records.columns_of(settings.fields),
        {"license": settings.license, "split": settings.split},
        context.limit,
    )
    with inputs.opened(settings, SUFFIXES, context) as found:
        names = Named("fields", records.open_names_of(settings.fields), "field")
        shared = context.limit is not None and records.tells_kinds(settings.fields)
        takes = limits.sharing(
            context.limit if shared else None,
            lambda: (
                limits.kind_of(row)
                for file in found
                for _, row, _ in read_file(file, settings, names)
            ),
        )
        meter = inputs.Meter(found, context)
        for file in found:
            for place, row, num_bytes in read_file(file, settings, names):
                if batcher.is_full:
                    break
                if takes(limits.kind_of(row)):
                    yield from batcher.add_found(row, place, num_bytes)
            meter.finish(file, batcher.num_rows)
        if shared or not batcher.is_full:
            names.check(settings.path or settings.url or "")
        yield from batcher.flush()
    if batcher.num_rows == 0:
        raise inputs.empty_source(settings.path or settings.url or "")


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


def read_file(
    file: inputs.SourceFile, settings: Settings, names: Named
) -> Iterator[tuple[str, Row | records.RecordError, int]]:
    """Place, row (or what is wrong with it) and bytes of each record."""
    with inputs.open_bytes(file) as stream:
        lines = inputs.read_lines(stream, settings.max_record_bytes)
        for number, (line, num_bytes) in enumerate(lines, start=1):
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if not line.strip():
                continue
            place = f"{file.uri}:{number}"
            try:
                if num_bytes > settings.max_record_bytes:
                    raise records.RecordError(inputs.too_long(num_bytes, settings.max_record_bytes))
                record = parse_line(line)
                names.saw_fields(record)
                row = records.make_row(record, settings.fields)
            except records.RecordError as error:
                yield place, error, num_bytes
                continue
            row.setdefault("id", f"{file.name}:{number}")
            yield place, row, num_bytes
