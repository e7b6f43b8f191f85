"""What Hugging Face's `datasets` calls the type of a column, in a file and in the head of a card.

A Parquet file says it itself. Of JSON Lines and CSV `datasets` guesses, for each split by itself,
so that two splits of one data set differ and are refused together. So the card says it. (Of a
folder with CSV it compares what it guessed, whatever a card says: folders have Parquet.)
Source: huggingface.co/docs/datasets/main/en/about_dataset_features; huggingface.co/docs/hub,
"Manual configuration"; the list is what `datasets.Features` writes as YAML.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import pyarrow as pa

from tilth.export.begun import Facts
from tilth.export.rows import MEDIA
from tilth.schema import META

MEDIUM: Final = {"image": "Image", "audio": "Audio"}
_NAMES: Final = {
    pa.null(): "null",
    pa.bool_(): "bool",
    pa.float16(): "float16",
    pa.float32(): "float32",
    pa.float64(): "float64",
    pa.string(): "string",
    pa.large_string(): "large_string",
    pa.binary(): "binary",
    pa.large_binary(): "large_binary",
    pa.date32(): "date32",
    pa.date64(): "date64",
}
# What a line of JSON and a cell have as they are; all else is text there.
_PLAIN: Final = frozenset({"null", "bool", "float16", "float32", "float64", "string"})


def feature(name: str, kind: pa.DataType) -> Facts:
    """What the metadata of a Parquet file calls a column's type.

    Raises:
        LookupError: It has none.
    """
    if name in MEDIUM:
        return {"_type": MEDIUM[name]}
    if pa.types.is_struct(kind):
        return {field.name: feature("", field.type) for field in kind}
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        type_ = "List" if pa.types.is_list(kind) else "LargeList"
        return {"feature": feature("", kind.value_type), "_type": type_}
    return {"dtype": _dtype(kind), "_type": "Value"}


def in_card(format: str, schema: pa.Schema, with_nulls: Collection[str]) -> list[Facts]:
    """The columns as the card of an export lists them; none where that would change nothing.

    Args:
        format: Of the export.
        schema: Of the samples, of all parts together.
        with_nulls: Columns in which something is missing.
    """
    match format:
        case "jsonl":
            return _in_lines(schema)
        case "csv":
            return [_cell(field, with_nulls) for field in schema]
    return []


def _in_lines(schema: pa.Schema) -> list[Facts]:
    """Further fields are one object there, as `with_object` makes it of each row."""
    own = [_line(field.name, field.type) for field in schema if not field.name.startswith(META)]
    further = [
        _line(field.name.removeprefix(META), field.type)
        for field in schema
        if field.name.startswith(META)
    ]
    return [*own, {"name": META.removesuffix("."), "struct": further}] if further else own


def _line(name: str, kind: pa.DataType) -> Facts:
    """A field of a line of JSON: nested as it is, the files of media by their paths."""
    return {"name": name, **_told(pa.string() if name in MEDIA else kind)}


def _told(kind: pa.DataType) -> Facts:
    if pa.types.is_struct(kind):
        return {"struct": [_line(one.name, one.type) for one in kind]}
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        inner = _told(kind.value_type)
        return {"list": inner.get("dtype", inner.get("struct", inner))}
    return {"dtype": _scalar(kind)}


def _scalar(kind: pa.DataType) -> str:
    if pa.types.is_integer(kind):
        return str(kind)
    name = _NAMES.get(kind, "string")
    return name if name in _PLAIN else "string"


def _cell(field: pa.Field, with_nulls: Collection[str]) -> Facts:
    """A cell of CSV: nested values are text, and numbers of which some are missing have a point.

    As pandas reads them, which `datasets` does.
    """
    nested = pa.types.is_nested(field.type)
    name = "string" if field.name in MEDIA or nested else _scalar(field.type)
    if field.name in with_nulls and pa.types.is_integer(field.type):
        name = "float64"
    if name == "null" or (field.name in with_nulls and name == "bool"):
        name = "string"
    return {"name": field.name, "dtype": name}


def _dtype(kind: pa.DataType) -> str:
    if pa.types.is_integer(kind) or pa.types.is_time(kind):
        return str(kind)
    if pa.types.is_timestamp(kind) or pa.types.is_duration(kind):
        return str(kind)
    if pa.types.is_decimal128(kind):
        return f"decimal128({kind.precision}, {kind.scale})"
    return _NAMES[kind]
