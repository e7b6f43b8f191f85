"""Read JSON Lines, one JSON object a line (RFC 8259), or the objects of a JSON document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import partial
from typing import BinaryIO, cast

import pyarrow as pa
from pydantic import Field, field_validator

from tilth.context import Context, PassesOver, unsaid
from tilth.decode.objects import parse_json
from tilth.decode.stream import Undecided
from tilth.decode.text import AUTO, Encoding, UndecodableError, decode_text
from tilth.errors import DataError
from tilth.formats.json_path import NotJsonError, cut_records, parse_path
from tilth.formats.streams import with_packed
from tilth.reading import inputs, limits, records
from tilth.reading.ahead import Ahead
from tilth.reading.blocks import Block, Blocks
from tilth.reading.by_file import ByFile
from tilth.reading.carry import Carrier
from tilth.reading.fields import Fields, columns_of, filled, open_names_of, tells_kinds
from tilth.reading.json_blocks import json_block
from tilth.reading.named import Named
from tilth.schema import Row
from tilth.splits import SplitName

SUFFIXES = with_packed(".jsonl", ".ndjson")
# Of documents that hold records.
WHOLE = with_packed(".json")

# A line may nest as deep as real data does, not as deep as the interpreter's stack.
MAX_DEPTH = 64

# A string is one match, closed or not, so that the search is linear in any input.
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)


class Settings(inputs.FileSettings):
    """Read JSON Lines: one object a line; or the objects inside of JSON documents. Plain or packed
    (gzip, bzip2, xz, zstd).

    A line that is not a JSON object, not in the encoding of its file, too long, has a field twice
    or lacks the text or the target is quarantined with its file and row; nothing else is lost.
    Another field that is named and that no line has is an error. Fields that are not named travel
    as `meta.NAME`.
    """

    fields: Fields = Field(Fields(), description="which field is the text, label, id, ...")
    split: SplitName | None = Field(
        None, description="split of all rows that do not state their own"
    )
    encoding: Encoding = Field(
        AUTO,
        description="character encoding of files without a byte order mark; `auto`: UTF-8, as JSON "
        "has to be, or as they look",
    )
    records: str = Field(
        "",
        description="where in each file, one JSON document, the records are: `[*]` where it is a "
        "list, `data.train[*]` of a list inside; empty: one record a line",
    )

    @field_validator("records")
    @classmethod
    def _is_path(cls, value: str) -> str:
        if value:
            parse_path(value)
        return value


def fingerprint(settings: Settings) -> str:
    """Names and digests of the files; of a `url` without a digest the address."""
    return inputs.fingerprint_files(settings, _suffixes(settings))


def _suffixes(settings: Settings) -> tuple[str, ...]:
    return WHOLE if settings.records else SUFFIXES


def fills(settings: Settings) -> tuple[str, ...]:
    """The columns that a row may have, as far as the settings tell."""
    return filled(settings.fields, license=settings.license, split=settings.split)


def read(settings: Settings, source: str, context: Context) -> Iterator[pa.RecordBatch]:
    """The lines as rows, in the order of file name and line.

    Raises:
        MissingError: no such file.
        DataError: no record at all, a damaged packed stream, a field beside text and target that no
            record has, a document that is cut off or has nothing where `records` leads, or a file
            that changed meanwhile.
    """
    batcher = records.Batcher(
        source,
        columns_of(settings.fields),
        {"license": settings.license, "split": settings.split},
        context.limit,
    )
    with inputs.opened(settings, _suffixes(settings), context) as found:
        names = Named("fields", open_names_of(settings.fields), "field")
        carrier = Carrier.of(settings.fields, context)
        tells = context.spreads or tells_kinds(settings.fields)
        shared = context.limit is not None and tells
        takes = limits.sharing(
            context.limit if shared else None,
            lambda: (
                limits.kind_of(row)
                for file in found
                for _, row, _ in read_file(file, settings, names)
            ),
        )
        meter = inputs.Meter(found, context)
        by_file = ByFile(context, batcher, carrier, names)
        blocks = Blocks.of(batcher, settings, context, found, meter.num_bytes)
        for file in found:
            if batcher.num_rows == context.limit:
                break
            if by_file.is_known(file):
                yield from by_file.again()
                meter.finish(file, batcher.num_rows, is_told=True)
                continue
            carrier.begin(file.uri)
            for one in _found(file, settings, names, carrier, blocks, context.passes_over):
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
        if shared or not batcher.is_full:
            names.check(settings.path or settings.url or "")
        yield from batcher.flush()
    if batcher.num_rows == 0:
        raise inputs.empty_source(settings.path or settings.url or "")


def parse_line(line: bytes) -> Row:
    """One line as an object.

    Raises:
        RecordError: it is not UTF-8, not JSON, nested too deeply, not an object, or one in it has
            a field twice.
    """
    if line.count(b"[") + line.count(b"{") > MAX_DEPTH and depth(line) > MAX_DEPTH:
        raise records.RecordError(f"nested more than {MAX_DEPTH} levels deep")
    try:
        value = parse_json(decode_text(line))
    except records.RecordError:
        raise
    except UndecodableError as error:
        raise records.RecordError(str(error)) from None
    except json.JSONDecodeError as error:
        raise records.RecordError(
            f"not valid JSON: {error.msg} at character {error.pos} of {len(error.doc)}"
        ) from None
    except ValueError as error:
        raise records.RecordError(f"not valid JSON: {error}") from None
    if isinstance(value, list):
        raise records.RecordError(
            "a list, not a JSON object; `records: '[*]'` reads a file that is one list"
        )
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


_Found = tuple[str, Row | records.RecordError, int]


def read_file(
    file: inputs.SourceFile,
    settings: Settings,
    names: Named,
    carrier: Carrier | None = None,
    tell: PassesOver = unsaid,
) -> Iterator[_Found]:
    """Place, row (or what is wrong with it) and bytes of each record; `tell` hears of a guess."""
    for one in _found(file, settings, names, carrier, None, tell):
        assert not isinstance(one, Block)
        yield one


def _found(
    file: inputs.SourceFile,
    settings: Settings,
    names: Named,
    carrier: Carrier | None,
    blocks: Blocks | None,
    tell: PassesOver,
) -> Iterator[_Found | Block]:
    """The same, of which some come by whole blocks."""
    for piece in _pieces(file, settings, names, carrier, blocks, tell):
        if isinstance(piece, Block):
            yield piece
            continue
        number, line, num_bytes = piece
        place = f"{file.uri}:{number}"
        try:
            if num_bytes > settings.max_record_bytes:
                raise records.RecordError(inputs.too_long(num_bytes, settings.max_record_bytes))
            record = parse_line(line)
            names.saw_fields(record)
            row = records.make_row(record, settings.fields)
            if carrier is not None:
                carrier.fill(record, row)
        except records.RecordError as error:
            yield place, error, num_bytes
            continue
        row.setdefault("id", f"{file.name}:{number}")
        yield place, row, num_bytes


def _pieces(
    file: inputs.SourceFile,
    settings: Settings,
    names: Named,
    carrier: Carrier | None,
    blocks: Blocks | None,
    tell: PassesOver,
) -> Iterator[tuple[int, bytes, int] | Block]:
    """Number, bytes, cut at the bound, and full length of each record; or many of them made."""
    with inputs.open_bytes(file) as raw:
        stream = Undecided(raw, settings.encoding, partial(tell, file.uri))
        if settings.records:
            yield from _inside(file, stream, settings)
            return
        ahead = Ahead(stream, records.BYTES_PER_BATCH)
        lines = inputs.read_lines(cast(BinaryIO, ahead), settings.max_record_bytes)
        number = after = 0
        while True:
            # A block is what would be a batch of rows: a field's type may hang on where one ends.
            while blocks is not None and carrier is not None and number >= after and blocks.begins:
                block = None
                if (
                    some := ahead.lines(records.ROWS_PER_BATCH, or_rest=file == blocks.last)
                ) is not None:
                    block = json_block(some, number + 1, file, blocks, settings, carrier, names)
                if some is None or block is None:
                    # Blank lines begin no batch: what was looked at once is not at each of them.
                    after = number + records.ROWS_PER_BATCH
                    break
                ahead.take(len(some.data))
                number += some.num_lines
                yield block
            line, num_bytes = next(lines, (None, 0))
            if line is None:
                return
            number += 1
            if line.strip():
                yield number, line, num_bytes


def _inside(
    file: inputs.SourceFile, stream: BinaryIO, settings: Settings
) -> Iterator[tuple[int, bytes, int]]:
    """The records of a document.

    Raises:
        DataError: It is cut off, or has nothing where `records` leads.
    """
    number = 0
    try:
        path = parse_path(settings.records)
        for record, num_bytes in cut_records(stream, path, settings.max_record_bytes):
            number += 1
            yield number, record, num_bytes
    except NotJsonError as error:
        raise DataError(
            f"not a JSON document with records at `{settings.records}`: {error}",
            where=f"{file.uri}, after record {number}",
            hint="check that the file is whole, and `records`",
            code="damaged-file",
        ) from None
