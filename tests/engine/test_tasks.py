"""Tasks cross to a worker as JSON, and come out as they went in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest
from pydantic import ValidationError

from tilth.engine.tasks import (
    Describe,
    Failure,
    Fit,
    MapShard,
    ReadSource,
    Reply,
    RunCell,
    ShuffleKeys,
    ShuffleReduce,
    ShuffleResolve,
    Summarize,
    Survey,
    Task,
    read_task,
)
from tilth.records import Json

A, B = Path("a"), Path("b")
SETTINGS: Json = {"size": 3, "names": ["x", None]}
TASKS: list[Task] = [
    ReadSource(
        step="collect.a", op="jsonl", settings={}, folder=A, source="a", outside="x", work=B,
        seed=1, limit=None, shard_rows=5, shard_bytes=9,
    ),
    MapShard(step="s", op="o", settings=SETTINGS, folder=A, index=4, input=B),
    ShuffleKeys(step="s", op="o", settings={}, folder=A, index=2, input=B, partitions=64),
    ShuffleReduce(step="s", op="o", settings={}, folder=A, index=63, partitions=64),
    ShuffleResolve(step="s", op="o", settings={}, folder=A, partitions=1, again=True),
    Describe(step="s", op="o", settings={}, folder=A, shards=("00000", "00002")),
    Survey(step="s", op="o", settings={}, folder=A, inputs=(A, B)),
    Fit(step="s", op="o", settings={}, folder=A, inputs={"data": B}, work=B, seed=0, threads=2),
    RunCell(
        step="s", op="o", settings={}, folder=A, index=1, inputs={"data": A, "model": B}, work=B,
        seed=0, threads=1, cell={"size": 10, "seed": 3}, parts={"a": [1]}, place=A,
    ),
    Summarize(step="s", op="o", settings={}, folder=A, cells=(1, {}), places=(A, B)),
]  # fmt: skip


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.kind)
def test_a_task_comes_out_as_it_went_in(task: Task) -> None:
    assert read_task(json.loads(json.dumps(task.as_json()))) == task


def test_every_kind_is_tried() -> None:
    assert {type(task) for task in TASKS} == set(get_args(Task))


def test_a_kind_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValidationError, match="kind"):
        read_task({**TASKS[0].as_json(), "kind": "fly"})


def test_a_reply_comes_out_as_it_went_in() -> None:
    failure = Failure(name="DataError", what="w", where="x", hint="h", code="c")
    for reply in (Reply(), Reply(result=[1, {"a": None}]), Reply(failure=failure, trace="t")):
        assert Reply.model_validate(json.loads(json.dumps(reply.as_json()))) == reply
