"""Records of a file taken a block at a time, as columns, where nothing in them asks for a look.

A row alone costs a dozen microseconds in Python, several times what a library takes to read it. So
a reader whose library gives columns hands them on as they are, as far as each record is a text and
fields beside: with the ids, addresses and keys that the same rows would have one by one. A block in
which anything is out of the ordinary, and each source that asks for more, goes the way of rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from tilth import schema
from tilth.context import Context
from tilth.formats.streams import SourceFile
from tilth.meta.beside import Further
from tilth.meta.kinds import BYTES, TEXT
from tilth.reading.digests import id_column, key_column, pays
from tilth.reading.fields import Fields
from tilth.reading.records import Batcher, spelt


class Settings(Protocol):
    """Those of a source, as far as they count here."""

    @property
    def fields(self) -> Fields: ...
    @property
    def max_record_bytes(self) -> int: ...


# Below so many records a batch of their own costs the engine more than it saves here.
MIN_ROWS = 256


class Block(NamedTuple):
    """Rows as a source gives them.

    Attributes:
        batch: They.
        num_bytes: Of their texts.
    """

    batch: pa.RecordBatch
    num_bytes: int


@dataclass(frozen=True)
class Blocks:
    """What a source gives by whole blocks.

    Attributes:
        batcher: Takes them.
        max_record_bytes: Of a record.
        num_bytes: Of its files.
        last: The last of them: what is left of it is a batch as well.
    """

    batcher: Batcher
    max_record_bytes: int
    num_bytes: int
    last: SourceFile

    @classmethod
    def of(
        cls,
        batcher: Batcher,
        settings: Settings,
        context: Context,
        found: Sequence[SourceFile],
        num_bytes: int,
    ) -> Blocks | None:
        """Of a source of which each record is a text and fields beside it; else None.

        A limit takes single records, and so does what is joined to a source.
        """
        fields = settings.fields
        is_plain = isinstance(fields.text, str) and len(fields.taken()) == 1
        if not (is_plain and found) or context.limit is not None or context.spreads:
            return None
        return cls(batcher, settings.max_record_bytes, num_bytes, found[-1])

    @property
    def pay(self) -> bool:
        """Whether what follows is worth being taken as columns."""
        return pays(max(self.num_bytes, self.batcher.num_bytes))

    @property
    def begins(self) -> bool:
        """Whether a batch of rows would begin here, and is worth being taken as columns."""
        return self.batcher.is_empty and self.pay

    def sound(self, texts: pa.Array, num_bytes: int = 0) -> pa.Array | None:
        """The texts of a block as they are stored; None: one of them has to be looked at.

        Args:
            texts: Of any type of text or bytes.
            num_bytes: What a record has besides at most.
        """
        if texts.null_count:
            return None
        try:
            # The cast from bytes is what looks at the encoding.
            texts = texts.cast(BYTES).cast(TEXT)
        except pa.ArrowInvalid:
            return None
        ends = pc.min_max(pc.binary_length(texts)).as_py()
        # A text that is empty has its place for a key.
        if not ends["min"] or ends["max"] + num_bytes > self.max_record_bytes:
            return None
        return texts

    def block(
        self, file: SourceFile, numbers: pa.Array, texts: pa.Array, further: list[Further]
    ) -> Block:
        """The rows of a block.

        Args:
            file: Where they stand.
            numbers: Of each its number there.
            texts: Of each, sound.
            further: Columns `meta.NAME`, in their order.
        """
        num_bytes = pc.sum(pc.binary_length(texts)).as_py()
        return Block(self._batch(file, numbers, texts, further), num_bytes)

    def _batch(
        self, file: SourceFile, numbers: pa.Array, texts: pa.Array, further: list[Further]
    ) -> pa.RecordBatch:
        num_rows = len(texts)
        names = _after(file.name.encode("utf-8", "surrogatepass") + b":", numbers)
        found = {
            **{
                name: pa.repeat(pa.scalar(value, schema.SCHEMA[name]), num_rows)
                for name, value in {**self.batcher.defaults, "source": self.batcher.source}.items()
            },
            "id": id_column(self.batcher.source, names, texts),
            "uri": _after(spelt(file.uri).encode() + b":", numbers).cast(pa.string()),
            "key": key_column(texts),
            "text": texts,
        }
        arrays, columns = [], []
        for name, kind in self.batcher.fields:
            if name == schema.ERROR:
                arrays += [array for _, array, _ in further]
                columns += [
                    pa.field(one, array.type, metadata=said) for one, array, said in further
                ]
            arrays.append(found[name] if name in found else pa.nulls(num_rows, kind))
            columns.append(pa.field(name, kind))
        return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(columns))


def _after(begin: bytes, numbers: pa.Array) -> pa.Array:
    """Each number after the same beginning."""
    kind = pa.binary()
    told = numbers.cast(pa.string()).cast(kind)
    return pc.binary_join_element_wise(pa.scalar(begin, kind), told, pa.scalar(b"", kind))
