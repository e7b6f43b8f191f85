"""An engine without processes, and finished sources of chosen shards, to try many small runs."""

from __future__ import annotations

import contextlib
import io
import os
import wave
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from tilth.engine import run as engine_run
from tilth.engine.books import Books
from tilth.engine.cells import cell_path
from tilth.engine.perform import run_task
from tilth.engine.resolve import Resolver
from tilth.engine.run import RunOptions, RunOutcome, run_plan, step_states
from tilth.engine.tasks import Task
from tilth.recipe.load import parse_recipe
from tilth.recipe.plan import Plan, PlannedStep, build_plan, data_folder
from tilth.schema import SCHEMA, sample_id
from tilth.store.manifest import Manifest, digest_of, write_manifest
from tilth.store.shard import ShardWriter

Row = dict[str, Any]


class InlineEngine:
    """Runs the tasks themselves, here and now: what they raise arrives as it is."""

    def run(self, tasks: Iterable[Task], listen: Any) -> Iterator[tuple[int, Any]]:
        for index, task in enumerate(tasks):
            yield (
                index,
                run_task(
                    task,
                    lambda done, of, note, index=index: listen(index, done, of, note),  # type: ignore[misc]
                ),
            )

    def close(self) -> None:
        """There is nothing to end."""


def use_inline(patch: pytest.MonkeyPatch) -> None:
    """Runs from here on need no worker processes, and are not meant to outlast a power cut."""

    @contextlib.contextmanager
    def engine(*_: Any) -> Iterator[InlineEngine]:
        yield InlineEngine()

    patch.setattr(engine_run, "_engine", engine)
    patch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of this test are made by `use_inline`."""
    use_inline(monkeypatch)


def plan_of(text: str) -> Plan:
    return build_plan(parse_recipe(text))


def run_inline(text: str, folder: Path, **options: Any) -> RunOutcome:
    return run_plan(plan_of(text), folder, RunOptions(**options))


def step_of(folder: Path, plan: Plan, name: str) -> PlannedStep:
    """A step as it is once the steps before it are made, as they are in a run's folder."""
    resolver = Resolver(plan, folder)
    resolver.states()
    return resolver.state(name).step


def place(folder: Path, plan: Plan, name: str) -> Path:
    """Where the output of a step stands, or is to stand."""
    return data_folder(folder, step_of(folder, plan, name))


def places(folder: Path, plan: Plan) -> list[Path]:
    """The outputs of all steps of a run that is done, in order."""
    return [data_folder(folder, state.step) for state in step_states(plan, folder)]


def cells_of(folder: Path, plan: Plan, name: str) -> list[Path]:
    """Where the results of a grid's cells stand, or are to stand, in order."""
    resolver = Resolver(plan, folder)
    states = {state.step.name: state for state in resolver.states()}
    return [cell_path(folder, cell.identity) for cell in resolver.cells(states[name].step)]


def write_source(text: str, folder: Path, source: str, shards: Sequence[Sequence[Row]]) -> None:
    """A finished source in the folder of a run that is to come, so many rows a shard."""
    plan = plan_of(text)
    step = step_of(folder, plan, f"collect.{source}")
    where, entries = data_folder(folder, step), []
    for index, rows in enumerate(shards):
        writer = ShardWriter(where, index)
        if rows:
            arrays = [
                pa.array([row[n] for row in rows], SCHEMA.get(n, pa.string())) for n in rows[0]
            ]
            writer.add(pa.RecordBatch.from_arrays(arrays, names=list(rows[0])))
        entries.append(writer.commit())
    books = Books.of(entries)
    manifest = Manifest(
        step=step.name,
        op=step.operation.name,
        identity=step.identity,
        parts=dict(step.parts),
        own=step.own,
        counts=books.counts(),
        sources=dict(books.sources),
        shards=tuple(entries),
    )
    write_manifest(where, manifest.model_copy(update={"digest": digest_of(manifest)}))


def sample(source: str, number: int, **given: Any) -> Row:
    """A sample with every payload and everything that a step may ask for."""
    words = " ".join(f"word{(number * 7 + i * i) % 97}" for i in range(30))
    text = f"Sample number {number} of {source}. {words}."
    shade = np.full((12, 12), (number * 37) % 251, np.uint8)
    shade[number % 12] = 255
    answer = "yes" if number % 2 else "no"
    row = {
        "id": sample_id(source, str(number)),
        "source": source,
        "uri": f"http://{source}.test/{number}",
        "html": f"<html><body><p>{text}</p><p>{text}</p></body></html>".encode(),
        "content_type": "text/html",
        "text": text,
        "image": _png(shade),
        "audio": _wav(220 + 10 * number),
        "target": f"target {number}",
        "label": None,
        "annotations": [{"annotator": f"a{i}", "label": answer} for i in range(3)],
        "split": (None, "train", "test", "validation", "train")[number % 5],
        "license": "CC0",
        "subject": "stays",
    }
    return row | given


def _png(pixels: np.ndarray[Any, Any]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def _wav(pitch: int) -> bytes:
    times = np.arange(1600) / 8000
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes((np.sin(2 * np.pi * pitch * times) * 20000).astype("<i2").tobytes())
    return out.getvalue()
