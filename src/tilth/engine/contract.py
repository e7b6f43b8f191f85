"""What an operation gives is what its kind promises: whoever wrote it, and said at its own step.

A column of another type, or a sample without a name, would be met only by a later step, as an
error of that step or as none at all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from tilth.errors import StepError
from tilth.records import Json
from tilth.schema import SCHEMA, VERDICT, Row

_NAMED = ("id", "source", "uri")
# A page needs no room any more once its text is taken out; what else goes would be missed.
_MAY_GO = ("html",)
_PAYLOADS = ("html", "text", "image", "audio", "target")
# What `tilth.schema.sample_id` gives; draws, orders and partitions are made of it.
_ID = "^[0-9a-f]{32}$"


def require_batch(given: object, what: str, step: str) -> pa.RecordBatch:
    """What an operation gave, as a batch with the standard columns in their standard types.

    Args:
        given: What it gave.
        what: The function that did, in messages.
        step: Named in errors.

    Raises:
        StepError: It is no `RecordBatch`, or holds a standard column as another kind of value.
    """
    if not isinstance(given, pa.RecordBatch):
        raise _broken(f"{what} gives a {type(given).__name__}, not a pyarrow.RecordBatch", step)
    names = given.schema.names
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise _broken(f"{what} gives the column `{twice}` twice", step)
    arrays = [
        _typed(name, array, what, step) for name, array in zip(names, given.columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, names=names)


def require_samples(batch: pa.RecordBatch, step: str) -> None:
    """Refuse what a source gives where a sample has no name, no source or no address.

    Raises:
        StepError: A column of them is missing or has a gap, or an `id` is no sample's.
    """
    for name in _NAMED:
        if name not in batch.schema.names:
            raise _broken(
                f"`read` gives no column `{name}`",
                step,
                hint="Batcher of tilth.collect.records adds id, source and uri",
            )
        if batch.column(name).null_count:
            raise _broken(f"`read` gives rows without `{name}`", step)
    sound = pc.match_substring_regex(batch.column("id"), _ID)
    if not pc.all(sound).as_py():
        wrong = batch.column("id").filter(pc.invert(sound))[0].as_py()
        raise _broken(
            f"`read` gives the id `{wrong[:40]}`, which is no sample's",
            step,
            hint="tilth.schema.sample_id(source, name, payload) makes it",
        )


class SamplesOnce:
    """Refuses samples of one shard that share an id and not their content.

    Which rows a shuffle drops is said by shard and id: with two of one id both would go. The same
    sample may well stand there twice, as a file may in an archive.
    """

    def __init__(self) -> None:
        self._batches: list[pa.RecordBatch] = []
        self._ids: set[str] = set()

    def add(self, batch: pa.RecordBatch, step: str) -> None:
        """Take in a batch of the shard.

        Raises:
            StepError: An id stands for two samples.
        """
        ids = batch.column("id").to_pylist()
        before = len(self._ids)
        self._ids.update(ids)
        self._batches.append(batch)
        if len(self._ids) == before + len(ids):
            return
        seen: dict[str, Row] = {}
        for part in self._batches:
            for number, name in enumerate(part.column("id").to_pylist()):
                row = part.select(_columns_of(part, _PAYLOADS)).slice(number, 1).to_pylist()[0]
                if seen.setdefault(name, row) != row:
                    raise _broken(
                        f"`read` gives the id `{name}` to two samples",
                        step,
                        hint="tilth.schema.sample_id(source, name, payload) makes one for each",
                    )


def require_same_rows(before: pa.RecordBatch, after: pa.RecordBatch, step: str) -> None:
    """Refuse what an operation on records gave where it did more than mark and add.

    Raises:
        StepError: Rows are gone, new or elsewhere; or they lack a column that they had, or come
            from elsewhere by now.
    """
    names = after.schema.names
    ids = "id" in names and before.num_rows == after.num_rows
    if not (ids and before.column("id").equals(after.column("id"))):
        raise StepError(
            "the operation added, removed or reordered rows; it may only mark them",
            where=step,
            hint="mark rows with tilth.schema.mark_dropped",
            code="rows-changed",
        )
    for name in before.schema.names:
        if name not in names and name not in _MAY_GO:
            raise _broken(
                f"`apply` gives no column `{name}`, which it was given",
                step,
                hint="tilth.schema.with_columns adds to a batch and keeps the rest",
            )
    for name in _columns_of(before, ("source", "uri")):
        if not before.column(name).equals(after.column(name)):
            raise _broken(f"`apply` changes `{name}`, which says where a sample comes from", step)


def _columns_of(batch: pa.RecordBatch, names: Sequence[str]) -> list[str]:
    return [name for name in names if name in batch.schema.names]


def require_columns(given: object, wanted: Sequence[str], what: str, step: str) -> pa.Table:
    """What a phase of a shuffle gave, as a table with the columns that the next phase reads.

    Raises:
        StepError: It is no table, or has rows and lacks one.
    """
    if not isinstance(given, pa.Table):
        raise _broken(f"{what} gives a {type(given).__name__}, not a pyarrow.Table", step)
    for name in wanted if given.num_rows else ():
        if name not in given.schema.names:
            raise _broken(f"{what} gives no column `{name}`", step)
    return given


def require_figures(given: object, step: str) -> Json:
    """What `describe` gave, as a manifest can keep it: words, finite numbers, lists and mappings.

    Raises:
        StepError: It holds something else; says under which name.
    """
    if not isinstance(given, dict):
        raise _broken(f"`describe` gives a {type(given).__name__}, not a dict", step)
    queue: list[tuple[str, object]] = [("", given)]
    while queue:
        name, value = queue.pop()
        shown = f" under `{name[1:]}`" if name else ""
        if isinstance(value, dict):
            if not all(isinstance(key, str) for key in value):
                raise _broken(f"`describe` gives keys{shown} that are no text", step)
            queue += [(f"{name}.{key}", one) for key, one in value.items()]
        elif isinstance(value, list | tuple):
            queue += [(f"{name}.{number}", one) for number, one in enumerate(value)]
        elif isinstance(value, float) and not math.isfinite(value):
            raise _broken(f"`describe` gives {value}{shown}, which is no number", step)
        elif value is not None and not isinstance(value, str | int | float):
            raise _broken(f"`describe` gives a {type(value).__name__}{shown}", step)
    return given


def _typed(name: str, array: pa.Array, what: str, step: str) -> pa.Array:
    wanted = SCHEMA.get(name) or VERDICT.get(name)
    if wanted is None or array.type == wanted:
        return array
    if _family(array.type) in (_family(wanted), "nothing"):
        try:
            return array.cast(wanted)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise _broken(f"{what} gives `{name}` as no {wanted}: {error}", step) from None
    raise _broken(f"{what} gives the column `{name}` as {array.type}; it is {wanted}", step)


def _family(kind: pa.DataType) -> str:
    """What of two types has to be the same, that one can become the other."""
    if types.is_dictionary(kind):
        return _family(kind.value_type)
    if types.is_null(kind):
        return "nothing"
    if types.is_integer(kind) or types.is_floating(kind):
        return "numbers"
    for is_one in (types.is_string, types.is_large_string, types.is_string_view):
        if is_one(kind):
            return "text or bytes"
    for is_one in (types.is_binary, types.is_large_binary, types.is_binary_view):
        if is_one(kind):
            return "text or bytes"
    return "lists" if types.is_list(kind) or types.is_large_list(kind) else str(kind)


def _broken(what: str, step: str, hint: str = "") -> StepError:
    hint = hint or "what each kind of operation gives is in docs/concepts/operations.md"
    return StepError(" ".join(what.split()), where=step, hint=hint, code="contract")
