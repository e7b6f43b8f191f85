"""What an operation gives is what its kind promises: whoever wrote it, and said at its own step.

A column of another type, or a sample without a name, would be met only by a later step, as an
error of that step or as none at all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from tilth.context import gathering
from tilth.errors import StepError
from tilth.records import Json
from tilth.schema import (
    BORN,
    FAILED_RULES,
    PART_NAME,
    PART_ROW,
    SCHEMA,
    SIGNAL_PREFIX,
    VERDICT,
    VOTES,
    WEIGHT,
    column,
)
from tilth.splits import SPLITS

_NAMED = ("id", "source", "uri")
# A page needs no room any more once its text is taken out; what else goes would be missed.
_MAY_GO = ("html",)
# What an id is made of, beside source and name.
_PAYLOADS = ("html", "image", "audio", "text")
# Columns of which not every value of their type is one, and which are.
_AMONG: Mapping[str, tuple[Callable[[pa.Array], pa.Array], str]] = {
    "split": (lambda values: pc.is_in(values, pa.array(SPLITS)), f"one of {', '.join(SPLITS)}"),
    "label_confidence": (
        lambda values: pc.and_(pc.greater_equal(values, 0), pc.less_equal(values, 1)),
        "from 0 to 1",
    ),
}
# Signals that Tilth itself reads, and the stage whose operations write them.
_WRITTEN_BY = {WEIGHT: "mix", VOTES: "label", FAILED_RULES: "clean"}
# Figures are nested a few times; a list that holds itself is without end.
_MAX_DEPTH = 32
# What the engine counts by.
_COUNTED_BY = (PART_ROW, PART_NAME, BORN)
_KEYS = (pa.string(), pa.uint64(), pa.large_list(pa.uint64()))
# What `tilth.schema.sample_id` gives; draws, orders and partitions are made of it.
_ID = "^[0-9a-f]{32}$"


def require_batches(given: object, step: str) -> Iterator[object]:
    """What `read` gave, as something to go through, to the last row that it gathered.

    Raises:
        StepError: It is nothing of the kind, or rows were gathered and never given.
    """
    if not isinstance(given, Iterable):
        raise broken(f"`read` gives a {type(given).__name__}, not one batch after another", step)
    with gathering() as num_held:
        yield from given
        if num_held():
            raise broken(
                f"`read` ends, and its Batcher still holds {num_held()} rows",
                step,
                hint="end it with `yield from batcher.flush()`",
            )


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
        raise broken(f"{what} gives a {type(given).__name__}, not a pyarrow.RecordBatch", step)
    names = given.schema.names
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise broken(f"{what} gives the column `{twice}` twice", step)
    arrays = [
        _typed(name, array, what, step) for name, array in zip(names, given.columns, strict=True)
    ]
    typed = pa.RecordBatch.from_arrays(arrays, names=names)
    for name, (is_sound, among) in _AMONG.items():
        if name in names:
            values = typed.column(name).drop_null()
            sound = is_sound(values)
            if not pc.all(sound, min_count=0).as_py():
                wrong = values.filter(pc.invert(sound))[0].as_py()
                raise broken(f"{what} gives {wrong!r} as `{name}`; it is {among}", step)
    return typed


def require_samples(batch: pa.RecordBatch, source: str, step: str) -> None:
    """Refuse what a source gives where a sample has no name, no address, or another source.

    Raises:
        StepError: A column of them is missing or has a gap, an `id` is no sample's, or a `source`
            is not this one.
    """
    for name in _NAMED:
        if name not in batch.schema.names:
            raise broken(
                f"`read` gives no column `{name}`",
                step,
                hint="Batcher of tilth.reading.records adds id, source and uri",
            )
        if batch.column(name).null_count:
            raise broken(f"`read` gives rows without `{name}`", step)
    for other in batch.column("source").unique().to_pylist():
        if other != source:
            raise broken(f"`read` of the source `{source}` gives rows of `{other}`", step)
    sound = pc.match_substring_regex(batch.column("id"), _ID)
    require_own_names([], batch, "`read`", step)
    if not pc.all(sound, min_count=0).as_py():
        wrong = batch.column("id").filter(pc.invert(sound))[0].as_py()
        raise broken(
            f"`read` gives the id `{wrong[:40]}`, which is no sample's",
            step,
            hint="tilth.schema.sample_id(source, name, payload) makes it",
        )


class SamplesOnce:
    """Refuses samples of one shard that share an id and not their content.

    Which rows a shuffle drops is said by shard and id: with two of one id both would go. The same
    content may well stand there twice, as a file may in an archive, or with two labels.
    """

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._batches: list[tuple[pa.RecordBatch, list[str]]] = []
        self._num_rows = 0
        # Where each id stands first, once two rows have one.
        self._first: dict[str, tuple[pa.RecordBatch, int]] = {}

    def add(self, batch: pa.RecordBatch, step: str) -> None:
        """Take in a batch of the shard.

        Raises:
            StepError: An id stands for two samples.
        """
        names = batch.column("id").to_pylist()
        self._ids.update(names)
        self._num_rows += len(names)
        self._batches.append((batch, names))
        if len(self._ids) == self._num_rows:
            return
        held, self._batches = self._batches, []
        for here, known in held:
            self._compare(here, known, step)

    def _compare(self, batch: pa.RecordBatch, names: Sequence[str], step: str) -> None:
        for number, name in enumerate(names):
            here = (batch, number)
            first = self._first.setdefault(name, here)
            if first is not here and _content(*first) != _content(*here):
                raise broken(
                    f"`read` gives the id `{name}` to two samples",
                    step,
                    hint="tilth.schema.sample_id(source, name, payload) makes one for each",
                )


def _content(batch: pa.RecordBatch, row: int) -> list[object]:
    return [column(batch, name)[row].as_py() for name in _PAYLOADS]


def require_same_rows(
    before: pa.RecordBatch, after: pa.RecordBatch, step: str, what: str = "`apply`"
) -> None:
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
            hint="mark rows with tilth.schema.mark_dropped; one that gives several samples for one "
            "has `part` instead of `apply` (docs/concepts/operations.md)",
            code="rows-changed",
        )
    for name in before.schema.names:
        if name not in names and name not in _MAY_GO:
            raise broken(
                f"{what} gives no column `{name}`, which it was given",
                step,
                hint="tilth.schema.with_columns adds to a batch and keeps the rest",
            )
    for name in _columns_of(before, ("source", "uri")):
        if not before.column(name).equals(after.column(name)):
            raise broken(f"{what} changes `{name}`, which says where a sample comes from", step)
    if before.schema.names.count("part_of") < names.count("part_of"):
        raise broken(f"{what} gives `part_of`, which only the engine writes", step)
    require_own_names(before.schema.names, after, what, step)


def require_own_names(before: Sequence[str], after: pa.RecordBatch, what: str, step: str) -> None:
    """Refuse a signal that a rule would take for a column, or training for the mixture.

    Raises:
        StepError: There is one; or a column by which the engine counts.
    """
    stage = step.partition(" ")[0].rpartition("/")[2].partition(".")[0]
    for name in after.schema.names:
        if name in _COUNTED_BY:
            raise broken(f"{what} gives `{name}`, which is of operations that part records", step)
        plain = name.removeprefix(SIGNAL_PREFIX)
        if name in before or plain == name:
            continue
        if plain in SCHEMA or _WRITTEN_BY.get(name, stage) != stage:
            raise broken(
                f"{what} gives `{name}`, which is a name that Tilth reads itself",
                step,
                hint="give the signal a name of its own",
            )


def _columns_of(batch: pa.RecordBatch, names: Sequence[str]) -> list[str]:
    return [name for name in names if name in batch.schema.names]


def require_columns(given: object, wanted: Sequence[str], what: str, step: str) -> pa.Table:
    """What a phase of a shuffle gave, as a table with the columns that the next phase reads.

    Raises:
        StepError: It is no table, or has rows and lacks one.
    """
    if not isinstance(given, pa.Table):
        raise broken(f"{what} gives a {type(given).__name__}, not a pyarrow.Table", step)
    for name in wanted if given.num_rows else ():
        if name not in given.schema.names:
            raise broken(f"{what} gives no column `{name}`", step)
    return given


def require_keys(
    kind: pa.DataType, ids: Sequence[str], known: Container[str], what: str, step: str
) -> None:
    """Refuse keys of another type, or of samples that are not in the batch.

    Raises:
        StepError: They are.
    """
    if kind not in _KEYS:
        listed = ", ".join(map(str, _KEYS))
        raise broken(f"{what} gives `key` as {kind}; it is one of {listed}", step)
    strange = next((name for name in ids if name not in known), None)
    if strange is not None:
        raise broken(f"{what} gives the id `{strange}`, which is none of the batch", step)


def require_shards(shards: pa.ChunkedArray, num_shards: int, what: str, step: str) -> None:
    """Refuse decisions about shards that are not there: they would decide nothing.

    Raises:
        StepError: A number is no shard's, nor -1, which stands for all.
    """
    if not types.is_integer(shards.type):
        raise broken(f"{what} gives `shard` as {shards.type}; it is a whole number", step)
    least, most = pc.min(shards).as_py(), pc.max(shards).as_py()
    if shards.null_count or least < -1 or most >= num_shards:
        wrong = "none" if shards.null_count else least if least < -1 else most
        raise broken(
            f"{what} decides of the shard {wrong}, and there are {num_shards}",
            step,
            hint="the column `shard` of the keys says which shard a sample is in; -1 is all",
        )


def require_sentences(given: object, step: str) -> Sequence[str]:
    """What `survey` gave, as sentences.

    Raises:
        StepError: It is something else.
    """
    if isinstance(given, list | tuple) and all(isinstance(one, str) for one in given):
        return given
    raise broken(f"`survey` gives a {type(given).__name__}, not a list of sentences", step)


def require_figures(given: object, step: str) -> Json:
    """What `describe` gave, as a manifest can keep it: words, finite numbers, lists and mappings.

    Raises:
        StepError: It holds something else; says under which name.
    """
    if not isinstance(given, dict):
        raise broken(f"`describe` gives a {type(given).__name__}, not a dict", step)
    queue: list[tuple[str, object, int]] = [("", given, 0)]
    while queue:
        name, value, depth = queue.pop()
        if depth > _MAX_DEPTH:
            raise broken("`describe` gives what is nested too deeply, or holds itself", step)
        shown = f" under `{name[1:]}`" if name else ""
        if isinstance(value, dict):
            if not all(isinstance(key, str) for key in value):
                raise broken(f"`describe` gives keys{shown} that are no text", step)
            queue += [(f"{name}.{key}", one, depth + 1) for key, one in value.items()]
        elif isinstance(value, list | tuple):
            queue += [(f"{name}.{number}", one, depth + 1) for number, one in enumerate(value)]
        elif isinstance(value, float) and not math.isfinite(value):
            raise broken(f"`describe` gives {value}{shown}, which is no number", step)
        elif value is not None and not isinstance(value, str | int | float):
            raise broken(f"`describe` gives a {type(value).__name__}{shown}", step)
    return given


def _typed(name: str, array: pa.Array, what: str, step: str) -> pa.Array:
    wanted = SCHEMA.get(name) or VERDICT.get(name)
    if wanted is None or array.type == wanted:
        return array
    if _family(array.type) in (_family(wanted), "nothing"):
        try:
            return array.cast(wanted)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise broken(f"{what} gives `{name}` as no {wanted}: {error}", step) from None
    raise broken(f"{what} gives the column `{name}` as {array.type}; it is {wanted}", step)


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


def broken(what: str, step: str, hint: str = "") -> StepError:
    """The error of an operation that gives what its kind may not, at its step."""
    hint = hint or "what each kind of operation gives is in docs/concepts/operations.md"
    return StepError(" ".join(what.split()), where=step, hint=hint, code="contract")
