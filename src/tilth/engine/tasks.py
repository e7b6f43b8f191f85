"""The kinds of tasks that a step is cut into: records that cross to a worker as JSON.

Tasks name files, so the same task runs in a local process or on a Ray node that sees the same
folder. What a worker does with one is in `tilth.engine.perform`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, JsonValue, TypeAdapter

from tilth.extensions import Reference
from tilth.records import Json, Record

# An operation may leave the folder that its worker was started in.
Place = Annotated[Path, AfterValidator(Path.absolute)]


class _Task(Record):
    """What all have in common.

    Attributes:
        step: Its name, for errors.
        op: The operation's name.
        settings: Of the operation, as JSON.
        planned: What a training stage is given of the rest of the recipe, as JSON.
        folder: Where the step's output stands.
        index: Which of its kind: a shard, a partition, a cell.
        outside: What the plan keeps of its fingerprint; None where it reads nothing outside.
        memo: Where it is kept what files outside hold.
        extensions: Of the recipe, whose names it may use.
    """

    step: str
    op: str
    settings: Json
    planned: Json | None = None
    folder: Place
    index: int = 0
    outside: str | None = None
    memo: Place | None = None
    extensions: tuple[Reference, ...] = ()


class ReadSource(_Task):
    """Read a source into shards.

    Attributes:
        source: Its name.
        work: Durable folder of the step.
        seed: The recipe's.
        limit: Records to read at most.
        shard_rows, shard_bytes: The size of a shard.
        before: Folder of the data set of an earlier reading, whose files may be as they were.
        refresh: Read nothing, and ask again for what was fetched.
    """

    kind: Literal["read_source"] = "read_source"
    source: str
    work: Place
    seed: int
    limit: int | None
    shard_rows: int
    shard_bytes: int
    before: Place | None = None
    refresh: bool = False


class MapShard(_Task):
    """Apply a map, or the last phase of a shuffle, to one shard and commit it.

    Attributes:
        input: The shard.
        fields: The columns `meta.NAME` of all shards of the step, where they differ: an Arrow
            schema, as `tilth.meta.stream.written` has it.
    """

    kind: Literal["map_shard"] = "map_shard"
    input: Place
    fields: str = ""


class _Shuffling(_Task):
    """A phase of a shuffle.

    Attributes:
        partitions: How many there are.
        again: Whether it is that of the second of two rounds.
    """

    partitions: int
    again: bool = False


class ShuffleKeys(_Shuffling):
    """First phase of a shuffle: the keys of one shard."""

    kind: Literal["shuffle_keys"] = "shuffle_keys"
    input: Place


class ShuffleReduce(_Shuffling):
    """Second phase: all keys of one partition, over all shards."""

    kind: Literal["shuffle_reduce"] = "shuffle_reduce"


class ShuffleResolve(_Shuffling):
    """Third phase: the partial results of all partitions become decisions."""

    kind: Literal["shuffle_resolve"] = "shuffle_resolve"


class Describe(_Task):
    """The operation's own figures of the shards it kept something of.

    Attributes:
        shards: Their names.
        dropped: Of those with dropped rows, where the operation describes these too.
        quarantine: Likewise of those with quarantined rows.
    """

    kind: Literal["describe"] = "describe"
    shards: tuple[str, ...]
    dropped: tuple[str, ...] = ()
    quarantine: tuple[str, ...] = ()


class Survey(_Task):
    """What the operation says beforehand of all that comes in."""

    kind: Literal["survey"] = "survey"
    inputs: tuple[Place, ...]


class _Training(_Task):
    """A task that trains.

    Attributes:
        inputs: Folders by role: of data sets, of trained models.
        work: Durable folder of the step.
        seed: The recipe's.
        threads: Of torch.
    """

    inputs: dict[str, Place]
    work: Place
    seed: int
    threads: int


class Fit(_Training):
    """One long task that resumes by itself; its artifacts appear in one rename."""

    kind: Literal["fit"] = "fit"


class RunCell(_Training):
    """One cell of a grid.

    Attributes:
        cell: Which.
        parts: What its identity is made of.
        place: Where its result goes.
    """

    kind: Literal["run_cell"] = "run_cell"
    cell: JsonValue
    parts: Json
    place: Place


class Summarize(_Task):
    """What the cells of a grid add up to.

    Attributes:
        cells: All of them, in order.
        places: Where their results are.
    """

    kind: Literal["summarize"] = "summarize"
    cells: tuple[JsonValue, ...]
    places: tuple[Place, ...]


Task = (
    ReadSource
    | MapShard
    | ShuffleKeys
    | ShuffleReduce
    | ShuffleResolve
    | Describe
    | Survey
    | Fit
    | RunCell
    | Summarize
)
_TASK: TypeAdapter[Task] = TypeAdapter(Annotated[Task, Field(discriminator="kind")])


def read_task(message: Json) -> Task:
    """The task that a message holds."""
    return _TASK.validate_python(message)


class Failure(Record):
    """An error of Tilth's own, by the name of its class."""

    name: str
    what: str
    where: str
    hint: str
    code: str


class Reply(Record):
    """How a task ended in a worker.

    Attributes:
        result: What it gave, where it ended well.
        failure, os_error, crash: What went wrong otherwise: one of them.
        trace: Where in the program that was.
        is_marked: Whether what opened files for a user's own code may have kept them: another step
            that finds them there would not be heard to read them.
    """

    result: JsonValue = None
    failure: Failure | None = None
    os_error: str | None = None
    crash: str | None = None
    trace: str = ""
    is_marked: bool = False
