"""Records of delimited text taken a block at a time, as columns, where all are regular."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from tilth.formats.streams import SourceFile
from tilth.meta.beside import Further
from tilth.meta.kinds import BYTES, TEXT
from tilth.meta.spelt import SPELT
from tilth.reading import records
from tilth.reading.ahead import Ahead
from tilth.reading.blocks import Block, Blocks
from tilth.reading.carry import Carrier

if TYPE_CHECKING:
    from tilth.kernels.cells import Records

_LEAST_BYTES = 1 << 18
_BOM = b"\xef\xbb\xbf"
# The fields of a record, its number, which is its first line's, and its bytes.
Cells = tuple[list[str], int, int]


class CellBlocks:
    """Takes records of a file by blocks, as long as they are regular.

    Args:
        ahead: The file, in UTF-8.
        delimiter, quote: One character each.
        text: The column of the text.
        blocks: Of the source.
    """

    def __init__(self, ahead: Ahead, delimiter: str, quote: str, text: str, blocks: Blocks) -> None:
        self._ahead, self._delimiter, self._quote = ahead, delimiter, quote
        self._text, self._blocks = text, blocks
        self._num_bytes = _LEAST_BYTES
        # Once a record is not, the rest of the file goes line by line.
        self.is_on = blocks.pay and quote.isascii() and delimiter.isascii()

    def of(
        self, file: SourceFile, names: Mapping[int, str], width: int, before: int, carrier: Carrier
    ) -> Iterator[Block | Cells | int]:
        """What comes next: blocks, or the fields of records of which one is to be looked at.

        Args:
            file: Where they stand.
            names: Of its columns, by place.
            width: How many there are.
            before: Lines of the file before these.
            carrier: Says which columns travel.

        Yields:
            After each block, or its records, how many lines they were.
        """
        while self.is_on and self._blocks.begins:
            found = self._next(width, first=before == 0, is_last=file == self._blocks.last)
            if found is None:
                self.is_on = False
                return
            data, records_of, num_bytes = found
            arrays = self._arrays(data, records_of, width)
            if arrays is None:
                self.is_on = False
                return
            self._ahead.take(num_bytes)
            numbers = pa.array(records_of.lines + before + 1)
            place = next(place for place, name in names.items() if name == self._text)
            texts = self._blocks.sound(arrays[place])
            if texts is None:
                rows = zip(*(array.to_pylist() for array in arrays), strict=True)
                sizes = records_of.sizes.tolist()
                for values, number, size in zip(rows, numbers.to_pylist(), sizes, strict=True):
                    yield list(values), number, size
            else:
                yield self._blocks.block(file, numbers, texts, _further(names, arrays, carrier))
            before += records_of.num_lines
            yield records_of.num_lines

    def _next(self, width: int, *, first: bool, is_last: bool) -> tuple[bytes, Records, int] | None:
        """So many records as a batch of rows has, their lines, and their bytes in the file."""
        from tilth.kernels.cells import OddError, scan

        while True:
            raw, is_all = self._ahead.peek(self._num_bytes)
            data = raw if is_all else raw.removesuffix(b"\r")
            if is_all and not data.endswith(b"\n"):
                data += b"\r\n" if b"\r" in data else b"\n"
            has_returns = b"\r" in data
            if has_returns:
                if data.count(b"\r\n") != data.count(b"\n"):
                    return None
                data = data.replace(b"\r\n", b"\n")
            if b"\r" in data or (first and data.startswith(_BOM)):
                return None
            try:
                found = scan(
                    data,
                    self._delimiter,
                    self._quote,
                    width,
                    records.ROWS_PER_BATCH,
                    or_rest=is_all and is_last,
                )
            except OddError:
                return None
            if found is None:
                if is_all or self._num_bytes > records.BYTES_PER_BATCH:
                    return None
                self._num_bytes *= 2
                continue
            if found.sizes.max() > self._blocks.max_record_bytes:
                return None
            if found.end > records.BYTES_PER_BATCH:
                return None
            # The next block is likely as long, and a little more.
            self._num_bytes = max(_LEAST_BYTES, found.end + found.end // 8)
            return data, found, found.end + (found.num_lines if has_returns else 0)

    def _arrays(self, data: bytes, found: Records, width: int) -> list[pa.Array] | None:
        """The columns; None: one is not UTF-8."""
        from tilth.kernels.cells import texts

        arrays = []
        for column in range(width):
            text, offsets = texts(data, found, column, self._quote)
            buffers = [None, pa.py_buffer(offsets), pa.py_buffer(text)]
            try:
                # The cast from bytes is what looks at the encoding.
                arrays.append(pa.Array.from_buffers(BYTES, len(found.sizes), buffers).cast(TEXT))
            except pa.ArrowInvalid:
                return None
        return arrays


def _further(names: Mapping[int, str], arrays: list[pa.Array], carrier: Carrier) -> list[Further]:
    """The columns that travel, in the order in which rows would have them; an empty cell says
    nothing."""
    places = {name: place for place, name in names.items()}
    carrier.see(places)
    named = [(column, path) for column, path in carrier.paths() if path in places]
    named += [(column, name) for name in places if (column := carrier.column(name))]
    found = []
    for column, name in named:
        array = arrays[places[name]]
        lengths = np.diff(np.frombuffer(array.buffers()[1], np.int64))
        if not lengths.any():
            continue
        array = pa.Array.from_buffers(
            TEXT, len(array), [pa.array(lengths > 0).buffers()[1], *array.buffers()[1:]]
        )
        found.append((int(np.argmax(lengths > 0)), (column, array, SPELT)))
    # A row has no column of what is empty in it.
    return [one for _, one in sorted(found, key=lambda pair: pair[0])]
