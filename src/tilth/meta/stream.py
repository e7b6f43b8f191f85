"""The further columns of a source while it is read: which there are, and of what type in the end.

A shard is written as its own rows need it; only at the end of the source is it known of what type a
column is, and the shards that have another are written again. The source is read from its beginning
whenever it is read, also after a kill, so that what is known here is the same every time.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from tilth.meta.arrow import UnsupportedError, alike, carried, converted
from tilth.meta.kinds import NONE, TEXT, Kind, is_carried, kind_of, merged, plainly, varies
from tilth.meta.spelt import CELLS, COMMAS, MIXED, Spelling, read_cells
from tilth.schema import ERROR, META, SIGNAL_PREFIX, column, mark_error


@dataclass
class _Column:
    """A column so far.

    Attributes:
        kind: Of the values that have a type.
        spelling: What its cells spell, if it has any.
        types: What the values are that have a type, in plain words.
        is_mixed: Whether these are text since no other type holds them.
    """

    kind: Kind = NONE
    spelling: Spelling | None = None
    types: dict[str, None] = field(default_factory=dict)
    is_mixed: bool = False

    @property
    def spelt(self) -> Kind:
        """What the cells are."""
        return self.spelling.kind if self.spelling else NONE

    @property
    def plainly(self) -> list[str]:
        """What all values are, in plain words."""
        spelt = [plainly(self.spelt.type)] if self.spelling else []
        return list(dict.fromkeys([*self.types, *spelt]))


@dataclass
class Stream:
    """All further columns of a source so far, in the order in which they came."""

    _columns: dict[str, _Column] = field(default_factory=dict)

    def saw(self, batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
        """Take in a batch; gives it with its further columns of carried types.

        Args:
            batch: Rows.
            schema: Its columns as they were given, with what is said of them.

        Raises:
            UnsupportedError: One is of a type that cannot be carried; names it.
        """
        if not any(name.startswith(META) for name in batch.schema.names):
            return batch
        errors: dict[int, str] = {}
        arrays = []
        for name, array in zip(batch.schema.names, batch.columns, strict=True):
            if name.startswith(META):
                array = self._saw(name, array, schema.field(name).metadata, errors)
            arrays.append(array)
        found = pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)
        if errors:
            # A row that is an error already stays that one.
            found = mark_error(found, [errors.get(row) for row in range(batch.num_rows)])
        return found

    def _saw(
        self,
        name: str,
        array: pa.Array,
        said: dict[bytes, bytes] | None,
        errors: dict[int, str],
    ) -> pa.Array:
        known = self._columns.setdefault(name, _Column())
        if said in CELLS:
            if array.null_count == len(array):
                # Cells that say nothing; some of a batch may be left.
                return pa.nulls(len(array))
            known.spelling = known.spelling or Spelling()
            known.spelling.saw(array, takes_commas=said == COMMAS)
            return array
        if not is_carried(array.type):
            try:
                array, wrong = carried(array)
            except UnsupportedError as error:
                raise UnsupportedError(f"`{name}` is {error}") from None
            for row, cause in wrong.items():
                errors.setdefault(row, f"`{name}` is {cause}")
        kind = kind_of(array)
        if not pa.types.is_null(kind.type) and said != MIXED:
            known.types[plainly(kind.type)] = None
        known.is_mixed = known.is_mixed or said == MIXED or varies(known.kind, kind)
        known.kind = merged(known.kind, kind)
        return array

    def names(self) -> list[str]:
        """The columns, in the order in which they came."""
        return list(self._columns)

    def schema(self) -> pa.Schema:
        """The columns with their types, if the source ends here."""
        return pa.schema(
            [
                pa.field(name, merged(one.kind, one.spelt).type)
                for name, one in self._columns.items()
            ]
        )

    def mixed(self) -> list[str]:
        """What is to be told of columns that are text because their values are not of one type."""
        return [
            f"`{name}` has values of several types"
            + (f" ({', '.join(one.plainly)})" if len(one.plainly) > 1 else "")
            + ": it is text in all records"
            for name, one in self._columns.items()
            if one.is_mixed or varies(one.kind, one.spelt)
        ]

    def commas(self) -> list[str]:
        """What is to be told of cells with a decimal comma, and of a setting that meets none."""
        spelt = {name: one.spelling for name, one in self._columns.items() if one.spelling}
        found = [name for name, one in spelt.items() if one.with_commas]
        if found and not any(one.takes_commas for one in spelt.values()):
            return [
                f"`{name}` is text, and all its values are numbers if a comma parts a fraction; "
                "`csv` reads them so with `decimal: ','`"
                for name in found
            ]
        if any(one.takes_commas for one in spelt.values()) and not found:
            return ["no field is numbers with a comma, so that `decimal: ','` changes none"]
        return []

    def fit(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """A batch of an unfinished shard with all columns, of their types in the end."""
        wanted = self.schema()
        own = [name for name in batch.schema.names if not name.startswith(META)]
        arrays = dict(zip(batch.schema.names, map(as_given, batch.columns), strict=True))
        for one in wanted:
            array = arrays.get(one.name)
            if array is None:
                arrays[one.name] = pa.nulls(batch.num_rows, one.type)
            elif array.type != one.type:
                # Text that is none in the end is cells, and what stood in one shard with them.
                fit = read_cells if array.type == TEXT else converted
                arrays[one.name] = fit(array, one.type)
        names = [*placed(own, wanted.names)]
        return pa.RecordBatch.from_arrays([arrays[name] for name in names], names=names)


def as_given(array: pa.Array) -> pa.Array:
    """A column that was read from Parquet with the type that it had when it was written.

    There a list's items are called otherwise than in Arrow, and what is written again tells it.
    """
    if not pa.types.is_list(array.type):
        return array
    items, buffers = as_given(array.values), array.buffers()[:2]
    return pa.Array.from_buffers(
        pa.list_(items.type), len(array), buffers, array.null_count, array.offset, children=[items]
    )


def placed(own: Sequence[str], names: Sequence[str]) -> list[str]:
    """The further columns stand after the sample's own, before what says why it was set aside."""
    return [
        *(name for name in own if name != ERROR),
        *names,
        *(name for name in own if name == ERROR),
    ]


def one_schema(batches: Sequence[pa.RecordBatch]) -> list[pa.RecordBatch]:
    """Batches of one shard, whose further columns may be of several types, with one type each."""
    names = list(
        dict.fromkeys(n for batch in batches for n in batch.schema.names if n.startswith(META))
    )
    if not names or len({batch.schema for batch in batches}) == 1:
        return list(batches)
    arrays = {name: alike([column_or_nothing(batch, name) for batch in batches]) for name in names}
    found = []
    for number, batch in enumerate(batches):
        own = [name for name in batch.schema.names if not name.startswith(META)]
        order = placed(own, names)
        columns = [arrays[n][number] if n in arrays else column(batch, n) for n in order]
        found.append(pa.RecordBatch.from_arrays(columns, names=order))
    return found


def written(schema: pa.Schema) -> str:
    """The columns `meta.NAME` of a schema, as text that `with_fields` reads."""
    fields = pa.schema([pa.field(one.name, one.type) for one in schema if is_field(one.name)])
    return base64.b64encode(fields.serialize().to_pybytes()).decode()


def with_fields(schema: pa.Schema, fields: str) -> pa.Schema:
    """A shard's schema with these columns `meta.NAME`, after those of the sample itself."""
    given = list(pa.ipc.read_schema(pa.py_buffer(base64.b64decode(fields))))
    own = [one for one in schema if not is_field(one.name)]
    signals = [one for one in own if one.name.startswith(SIGNAL_PREFIX)]
    return pa.schema([*(one for one in own if one not in signals), *given, *signals])


def is_field(name: str) -> bool:
    """Whether a column is a further field's."""
    return name.startswith(META)


def column_or_nothing(batch: pa.RecordBatch, name: str) -> pa.Array:
    """A column, or nulls where the batch has none of that name."""
    at = batch.schema.get_field_index(name)
    return batch.column(at) if at >= 0 else pa.nulls(batch.num_rows)
