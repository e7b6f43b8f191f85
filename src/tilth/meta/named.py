"""A field that a recipe names, in a batch."""

from __future__ import annotations

import pyarrow as pa

from tilth.errors import UsageError
from tilth.hints import did_you_mean
from tilth.meta.arrow import as_doubles
from tilth.schema import META


def field_of(batch: pa.RecordBatch, name: str) -> pa.Array:
    """The column `meta.NAME` of that name, its floats as they are spelt.

    Raises:
        UsageError: No record of the data has the field; with the nearest that there is.
    """
    if name in batch.schema.names:
        return as_doubles(batch.column(name))
    known = [one for one in batch.schema.names if one.startswith(META)]
    hint = did_you_mean(name, known) if known else "no source passes on a field"
    raise UsageError(f"no record has the field `{name}`", hint=hint, code="no-field")
