"""Samples as Hugging Face `datasets` has them. Loads none of it: whoever calls has it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

_MEDIA = {"image": "Image", "audio": "Audio"}


def to_hf(
    datasets: Any, table: pa.Table, classes: Callable[[], Sequence[str]], fingerprint: str
) -> Any:
    """A `datasets.Dataset` over a table, in memory.

    Args:
        datasets: The module.
        table: The samples.
        classes: Gives the labels in the order of their numbers.
        fingerprint: By which the library knows the data.
    """
    features = {}
    for place, field in enumerate(table.schema):
        if field.name in _MEDIA:
            # As the library stores them: the bytes of a file, and no path to one.
            column = table.column(place).combine_chunks().cast(pa.binary())
            paths = pa.nulls(len(column), pa.string())
            pairs = pa.StructArray.from_arrays(
                [column, paths], ["bytes", "path"], mask=column.is_null()
            )
            table = table.set_column(place, field.name, pairs)
            features[field.name] = getattr(datasets, _MEDIA[field.name])()
        elif field.name == "label":
            names = list(classes())
            numbers = pa.array(range(len(names)), pa.int64())
            found = pa.compute.index_in(table.column(place).cast(pa.string()), pa.array(names))
            table = table.set_column(place, "label", found.cast(numbers.type))
            features["label"] = datasets.ClassLabel(names=names)
        elif pa.types.is_dictionary(field.type):
            table = table.set_column(
                place, field.name, table.column(place).cast(field.type.value_type)
            )
    schema = {name: features.get(name) for name in table.schema.names}
    inferred = datasets.Features.from_arrow_schema(table.schema.remove_metadata())
    whole = datasets.Features({name: one or inferred[name] for name, one in schema.items()})
    return datasets.Dataset(
        datasets.table.InMemoryTable(table.replace_schema_metadata()),
        info=datasets.DatasetInfo(features=whole),
        # It would make one of the whole table otherwise, by pickling it.
        fingerprint=fingerprint,
    )
