"""Lines of JSON taken a block at a time, as columns, where all have the same plain fields."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tilth.decode.objects import parse_json
from tilth.decode.text import UndecodableError, decode_text
from tilth.errors import RecordError
from tilth.formats.streams import SourceFile
from tilth.meta.beside import Further
from tilth.meta.kinds import BYTES, TEXT
from tilth.reading.ahead import Lines
from tilth.reading.blocks import Block, Blocks, Settings
from tilth.reading.carry import Carrier
from tilth.reading.named import Named
from tilth.reading.records import BYTES_PER_BATCH
from tilth.schema import Row

if TYPE_CHECKING:
    from tilth.kernels.json_lines import Cells

# So many digits are exact as a float too.
_EXACT_DIGITS = 15


class _OddError(ValueError):
    """A block has to be looked at line by line."""


def json_block(
    lines: Lines,
    first: int,
    file: SourceFile,
    blocks: Blocks,
    settings: Settings,
    carrier: Carrier,
    names: Named,
) -> Block | None:
    """The rows of some lines; None: they have to be looked at one by one.

    Args:
        lines: They.
        first: Number of the first of them in the file.
        file: Where they stand.
        blocks: Of the source.
        settings: Of it; of the fields only that of the text becomes a column of the schema.
        carrier: Says which others travel; is told of the fields if the lines are taken.
        names: Likewise.
    """
    record, text = _record(lines.data), str(settings.fields.text)
    is_long = lines.longest > settings.max_record_bytes or len(lines.data) > BYTES_PER_BATCH
    if record is None or text not in record or is_long:
        return None
    count = lines.num_lines
    try:
        arrays = _columns(lines.data, list(record), count)
    except (_OddError, pa.ArrowInvalid):
        return None
    found = arrays[text]
    texts = blocks.sound(found) if found.type == TEXT else None
    if texts is None:
        return None
    names.saw_fields(record)
    numbers = pa.array(np.arange(first, first + count))
    return blocks.block(file, numbers, texts, _further(record, arrays, carrier))


def _record(data: bytes) -> Row | None:
    """The first line, if it is an object of plain values."""
    try:
        record = parse_json(decode_text(data[: data.index(b"\n")]))
    except (ValueError, RecordError, UndecodableError, RecursionError):
        return None
    is_flat = isinstance(record, dict) and not any(
        isinstance(value, dict | list) for value in record.values()
    )
    return record if is_flat else None


def _further(record: Row, arrays: dict[str, pa.Array], carrier: Carrier) -> list[Further]:
    """The columns that travel, in the order in which rows would have them."""
    carrier.see(record)
    named = [(column, path) for column, path in carrier.paths() if path in arrays]
    named += [(column, name) for name in record if (column := carrier.column(name))]
    found = []
    for column, name in named:
        array = arrays[name]
        if array.null_count < len(array):
            found.append((int(np.argmax(array.is_valid())), (column, array, None)))
    # A row has no column of what is null in it.
    return [one for _, one in sorted(found, key=lambda pair: pair[0])]


def _columns(data: bytes, names: list[str], count: int) -> dict[str, pa.Array]:
    """The values of each name.

    Raises:
        _OddError: A line has other names, or what is not plain.
    """
    from tilth.kernels.json_lines import scan

    for as_ascii in (False, True):
        spelt = [json.dumps(name, ensure_ascii=as_ascii)[1:-1].encode() for name in names]
        cells = scan(data, spelt, count)
        if cells is not None:
            return {name: _column(data, cells, at) for at, name in enumerate(names)}
    raise _OddError


def _column(data: bytes, cells: Cells, at: int) -> pa.Array:
    from tilth.kernels import json_lines as kernel

    kinds = cells.kinds[at]
    there = {int(kind) for kind in np.flatnonzero(np.bincount(kinds, minlength=7))} - {kernel.NULL}
    empty = kinds == kernel.NULL
    mask = empty if empty.any() else None
    if not there:
        return pa.nulls(len(kinds))
    if there == {kernel.WHOLE}:
        return pa.array(kernel.wholes(data, cells, at), mask=mask)
    if there <= {kernel.TRUE, kernel.FALSE}:
        return pa.array(kinds == kernel.TRUE, mask=mask)
    is_text = there <= {kernel.TEXT, kernel.ESCAPED}
    if not is_text and not there <= {kernel.WHOLE, kernel.FRACTION}:
        raise _OddError
    parts = kernel.texts(data, cells, at)
    if parts is None:
        raise _OddError
    text, offsets = parts
    lengths = np.diff(offsets)
    valid = None if mask is None else pa.array(~mask).buffers()[1]
    buffers = [valid, pa.py_buffer(offsets), pa.py_buffer(text)]
    # The cast from bytes is what looks at the encoding.
    array = pa.Array.from_buffers(BYTES, len(kinds), buffers).cast(TEXT)
    if is_text:
        return array
    if kernel.WHOLE in there and lengths[kinds == kernel.WHOLE].max() > _EXACT_DIGITS:
        raise _OddError
    found = array.cast(pa.float64())
    if not pc.all(pc.is_finite(found), min_count=0).as_py():
        raise _OddError
    return found
