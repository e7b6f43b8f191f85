"""One sample schema for every modality: Arrow columns, their types, and the verdict columns.

An operation is a function from an Arrow `RecordBatch` to a `RecordBatch`. It never removes, adds
or reorders rows: it adds or replaces columns, and it *marks* rows through the verdict columns.
One that parts records gives the parts beside the rows, and which row each is a part of.
The engine sorts the marked rows into kept, dropped and quarantined, which is why the books of a
step cannot fail to balance.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tilth.labels import as_label

# A sample, or what a record says of one: values by column.
Row = dict[str, Any]

# Payload columns that a modality lacks are absent.
SCHEMA: Mapping[str, pa.DataType] = {
    "id": pa.string(),
    "source": pa.string(),
    "uri": pa.string(),
    "key": pa.string(),
    "html": pa.large_binary(),
    "content_type": pa.string(),
    "text": pa.large_string(),
    "image": pa.large_binary(),
    "audio": pa.large_binary(),
    "target": pa.string(),
    "label": pa.string(),
    "label_confidence": pa.float64(),
    "label_origin": pa.string(),
    "annotations": pa.list_(
        pa.struct([pa.field("annotator", pa.string()), pa.field("label", pa.string())])
    ),
    "split": pa.string(),
    "license": pa.string(),
    "consent": pa.string(),
    "fetched_at": pa.string(),
    "subject": pa.string(),
    "part_of": pa.string(),
}

# What a sample is itself, and what takes room.
PAYLOADS = ("html", "text", "image", "audio", "target")

SIGNAL_PREFIX = "signal."
# Whatever a record has besides: `meta.NAME`. A source that passes on what it finds fills ANY_META.
META = "meta."
ANY_META = META + "*"
# How often training sees a sample in an epoch, which rules it failed, which functions voted.
WEIGHT = SIGNAL_PREFIX + "weight"
FAILED_RULES = SIGNAL_PREFIX + "failed_rules"
VOTES = SIGNAL_PREFIX + "votes"
# As what a page was read that does not say how it is encoded.
GUESSED_ENCODING = SIGNAL_PREFIX + "guessed_encoding"
# The origin of a label that was voted on.
VOTED = "vote"
# All signals that operations write beside those of `clean.signals`, less the prefix. A signal of
# the user's own has none of these names, and not that of a standard column either.
OWN_SIGNALS = frozenset(
    {
        *("weight", "failed_rules", "votes", "language", "language_score", "guessed_encoding"),
        *("label_quality", "label_error", "likeliest_label", "given_label"),
        *("distilled_label", "distilled_confidence"),
        *("width", "height", "channels", "entropy", "blur"),
        *(f"redacted_{kind}" for kind in ("email", "iban", "card", "ip", "phone")),
    }
)

# How an operation marks a row. `drop.rule` set: dropped, by that rule, because `drop.value` (the
# deciding number or word), as a copy of the sample `drop.of`. `error` set: quarantined.
DROP_RULE, DROP_VALUE, DROP_OF, ERROR = "drop.rule", "drop.value", "drop.of", "error"
VERDICT: Mapping[str, pa.DataType] = {
    DROP_RULE: pa.string(),
    DROP_VALUE: pa.string(),
    DROP_OF: pa.string(),
    ERROR: pa.string(),
}

# How an operation that parts records names the parts that it gives: the row of the batch that each
# is a part of, and a name that no other part of that row has.
PART_ROW, PART_NAME = "part.row", "part.name"
# Set by the engine on a row that came in with no step before, until it is counted.
BORN = "part.born"
# The rule by which a row is dropped whose parts go on in its place.
PARTED = "parted"
# What a part has of the sample that it is a part of, whatever its operation says.
OF_PARENT = ("id", "source", "uri", "key", "split", "consent", "subject", "part_of")


class NoColumnError(ValueError):
    """A column is asked for by a name that no column has: a slip, and not a gap in the data."""


def sample_id(*parts: str | bytes) -> str:
    """The content digest that names a sample: 128 bits of BLAKE2b in hex, stable over runs.

    Args:
        parts: What makes the sample this sample: source name, address, payload. Each part is
            length-prefixed, so that ("ab", "c") and ("a", "bc") differ.
    """
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()


def column(batch: pa.RecordBatch, name: str, default: Any = None) -> pa.Array:
    """The column, or one filled with `default` (null) where the batch lacks it.

    Raises:
        NoColumnError: The batch lacks it, and it is neither a standard column nor a signal's.
    """
    index = batch.schema.get_field_index(name)
    if index >= 0:
        return batch.column(index)
    kind = SCHEMA.get(name) or VERDICT.get(name) or pa.string()
    if name not in SCHEMA and name not in VERDICT and not name.startswith(SIGNAL_PREFIX):
        known = ", ".join(f"`{one}`" for one in batch.schema.names)
        raise NoColumnError(f"there is no column `{name}`; the batch has {known}")
    if default is None:
        return pa.nulls(batch.num_rows, kind)
    return pa.repeat(pa.scalar(default, kind), batch.num_rows)


def with_columns(batch: pa.RecordBatch, columns: Mapping[str, Any]) -> pa.RecordBatch:
    """The batch with columns added or replaced, in place where they already stand."""
    arrays: dict[str, pa.Array] = dict(zip(batch.schema.names, batch.columns, strict=True))
    for name, values in columns.items():
        array = values if isinstance(values, pa.Array) else pa.array(values, SCHEMA.get(name))
        arrays[name] = array
    return pa.RecordBatch.from_arrays(list(arrays.values()), names=list(arrays))


def spell_labels(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with its labels, and those of its answers, in their one spelling (`as_label`).

    Where nothing is left of a label, nothing is left of who gave it and how surely.
    """
    changed: dict[str, pa.Array] = {}
    names = batch.schema.names
    if "label" in names:
        column = batch.column("label")
        found = _spelt(column)
        if found is not None:
            changed["label"] = found
            for name in ("label_origin", "label_confidence"):
                if name in names and found.null_count > column.null_count:
                    given = batch.column(name)
                    none = pa.nulls(len(given), given.type)
                    changed[name] = pc.if_else(pc.is_null(found), none, given)
    if "annotations" in names:
        column = batch.column("annotations")
        answers = column.flatten()
        found = _spelt(pc.struct_field(answers, "label"))
        if found is not None:
            parts = [pc.struct_field(answers, "annotator"), found]
            values = pa.StructArray.from_arrays(parts, fields=list(answers.type))
            sizes = pc.fill_null(pc.list_value_length(column), 0)
            places = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(sizes)])
            changed["annotations"] = pa.ListArray.from_arrays(
                places.cast(pa.int32()), values, column.type, mask=pc.is_null(column)
            )
    for name, array in changed.items():
        batch = batch.set_column(names.index(name), batch.schema.field(name), array)
    return batch


def _spelt(labels: pa.Array) -> pa.Array | None:
    """Labels in their one spelling; None: they are."""
    coded = labels.dictionary_encode()
    given = coded.dictionary.to_pylist()
    spelt = [as_label(text) for text in given]
    return None if spelt == given else pa.array(spelt, labels.type).take(coded.indices)


def without_columns(batch: pa.RecordBatch, names: Sequence[str]) -> pa.RecordBatch:
    """The batch less the named columns; absent ones are ignored."""
    left_out = set(names)
    return batch.select([name for name in batch.schema.names if name not in left_out])


def mark_dropped(
    batch: pa.RecordBatch,
    where: npt.NDArray[np.bool_],
    rule: str | Sequence[str | None],
    value: Sequence[str | None] | None = None,
    of: Sequence[str | None] | None = None,
) -> pa.RecordBatch:
    """Mark rows as dropped; a row that is marked already keeps its first mark.

    Args:
        batch: The batch.
        where: Boolean mask [num_rows].
        rule: The deciding rule, one for all or one a row.
        value: The deciding number or word a row, as text.
        of: For duplicates: the id of the sample that is kept instead.
    """
    free = pc.and_(pa.array(where), pc.is_null(column(batch, DROP_RULE)))
    rules: Any = rule if isinstance(rule, str) else pa.array(rule, pa.string())
    columns = {DROP_RULE: pc.if_else(free, rules, column(batch, DROP_RULE))}
    for name, given in ((DROP_VALUE, value), (DROP_OF, of)):
        if given is not None:
            values = pa.array(given, pa.string())
            columns[name] = pc.if_else(free, values, column(batch, name))
    return with_columns(batch, columns)


def mark_error(batch: pa.RecordBatch, errors: Sequence[str | None]) -> pa.RecordBatch:
    """Mark rows as quarantined: one message a row, None where the row is sound."""
    given = pa.array(errors, pa.string())
    return with_columns(batch, {ERROR: pc.coalesce(column(batch, ERROR), given)})
