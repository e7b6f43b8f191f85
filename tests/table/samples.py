"""Rows of the sample schema, and operations applied to them in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from tests.shuffles import run_shuffle
from tilth.engine.parts import with_parts
from tilth.recipe.operations import operations
from tilth.schema import SCHEMA, sample_id

Row = dict[str, Any]


def batch(rows: Sequence[Mapping[str, Any]]) -> pa.RecordBatch:
    """Samples; a row has what it is given, and an id, a source and a uri besides."""
    full = [
        {"id": sample_id(str(n)), "source": "a", "uri": f"a.jsonl:{n}", **row}
        for n, row in enumerate(rows)
    ]
    names = list(dict.fromkeys(name for row in full for name in row))
    arrays = [pa.array([row.get(name) for row in full], SCHEMA.get(name)) for name in names]
    return pa.RecordBatch.from_arrays(arrays, names=names)


def texts(*given: str | None) -> pa.RecordBatch:
    """Samples of these texts."""
    return batch([{"text": text} for text in given])


def applied(name: str, samples: pa.RecordBatch, **given: Any) -> list[Row]:
    """What an operation, a map or a shuffle, makes of samples, with settings as in a recipe."""
    op = operations()[name]
    settings = op.settings.model_validate(given)
    if op.kind == "shuffle":
        (out,) = run_shuffle(op.module, settings, [samples])
    elif op.kind == "part":
        out = with_parts(samples, op.module.part(samples, settings), f"{op.stage}.{name}")
    else:
        out = op.module.apply(samples, settings)
    found: list[Row] = out.to_pylist()
    return found


def kept(name: str, samples: pa.RecordBatch, **given: Any) -> list[Any]:
    """The positions of the samples that an operation neither drops nor quarantines."""
    rows = applied(name, samples, **given)
    return [n for n, row in enumerate(rows) if not row.get("drop.rule") and not row.get("error")]


def told(name: str, **given: Any) -> str:
    """What is said against settings; they must be wrong."""
    with pytest.raises(ValidationError) as caught:
        operations()[name].settings.model_validate(given)
    return str(caught.value)
