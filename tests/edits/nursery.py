"""Runs in processes of their own, which cost no start: forked from one that has loaded all of it.

    python -m tests.edits.nursery

takes a line of JSON for each run (`Asked`) and answers with one (`Answer`). Each run is a fresh
process as of `tilth run`: nothing that it imports or remembers is there for the next one.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

import pytest

from tests.edits.workspace import Ops, do

_LIMIT_S = 300
_COMMAND = "from tilth.cli.main import main; main()"
# Which recipe loads what a modality needs; the others need what comes before training.
_LIKE = {
    "texts": "text",
    "hub": "text",
    "images": "images",
    "speech": "speech",
    "pairs": "translation",
}


@dataclass
class Asked:
    """A run to be made.

    Attributes:
        modality: Of its data: what it loads is loaded beforehand.
        folder: Where the person is.
        recipe: The recipe's file.
        runs: The folder of runs.
        env: Set, of the environment.
        umask, limit: Of the process; `--limit`.
        doing: (point, files to write) while it goes on. A point is between two tasks: the first
            task of the run begins at point 1.
        kill: The point at which it is killed.
        then: Files to write after it; another run follows in the same process.
        only: The step to end with.
        tidy: The run's folder, of which what is unused is removed; nothing is run.
    """

    modality: str
    folder: str
    recipe: str
    runs: str
    env: dict[str, str] = field(default_factory=dict)
    umask: int = 0o022
    limit: int | None = None
    doing: list[tuple[int, Ops]] = field(default_factory=list)
    kill: int = 0
    then: Ops = field(default_factory=list)
    only: str | None = None
    tidy: str = ""


@dataclass
class Answer:
    """How a run went.

    Attributes:
        error: What it said; empty: it came to its end.
        points: It passed.
        ran: Steps that were finished and were not cached, with the point that was reached.
        cached: Steps that were.
        cells: Of each comparison that ran: how many trainings it made.
        killed: Whether it was.
    """

    error: str = ""
    points: int = 0
    ran: dict[str, int] = field(default_factory=dict)
    cached: list[str] = field(default_factory=list)
    cells: dict[str, int] = field(default_factory=dict)
    killed: bool = False


class Nursery:
    """Has runs made. To be closed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def run(self, asked: Asked) -> Answer:
        """Make a run.

        Raises:
            RuntimeError: It ended in what is no error of Tilth's.
        """
        process = self._process
        if process is None:
            env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
            process = self._process = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-m", "tests.edits.nursery"],
                cwd=Path(__file__).parents[2],
                env=env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(asdict(asked)) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process that makes the runs ended: {process.wait()}")
        found = json.loads(line)
        if "broken" in found:
            raise RuntimeError(found["broken"])
        return Answer(**found)

    def run_anew(self, asked: Asked) -> Answer:
        """Make a run by the command line, in a process that begins with its environment."""
        command = [sys.executable, "-c", _COMMAND, "run", asked.recipe, "--runs", asked.runs]
        command += ["--limit", str(asked.limit)] * (asked.limit is not None)
        done = subprocess.run(
            [*command, "--workers", "1"],
            cwd=asked.folder,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **asked.env},
            capture_output=True,
            text=True,
        )
        record = max(Path(asked.runs).glob("*/run.json"), default=None)
        found = json.loads(record.read_text("utf-8")) if record is not None else {}
        if found.get("status") != "done":
            return Answer(error=done.stderr or "it did not end")
        cached = [step["name"] for step in found["steps"] if step["cached"]]
        ran = {step["name"]: 0 for step in found["steps"] if not step["cached"]}
        return Answer(ran=ran, cached=cached)

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            with self._process as process:
                assert process.stdin is not None
                process.stdin.close()

    def __enter__(self) -> Nursery:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Watch:
    """Counts the points of a run, and does there what was asked."""

    def __init__(self, asked: Asked, out: IO[str]) -> None:
        self._asked = asked
        self._out = out
        self.answer = Answer()

    def point(self) -> None:
        """Between two tasks."""
        self.answer.points += 1
        if self.answer.points == self._asked.kill:
            self.answer.killed = True
            self.tell()
            os.kill(os.getpid(), signal.SIGKILL)
        for at, ops in self._asked.doing:
            if at == self.answer.points:
                do(ops, Path(self._asked.folder))

    def take(self, event: Any) -> None:
        """Listen to the run."""
        kind = type(event).__name__
        if kind == "StepFinished":
            if event.cached:
                self.answer.cached.append(event.step)
            else:
                self.answer.ran[event.step] = self.answer.points
        elif kind == "StepProgress" and event.note == "cells":
            # The first of them says how many were there.
            self.answer.cells.setdefault(event.step, int(event.total - event.done))

    def tell(self) -> None:
        """Answer."""
        self._out.write(json.dumps(asdict(self.answer)))
        self._out.flush()


def _make(asked: Asked, watch: Watch) -> None:
    """In a process of its own: the run, by the public interface."""
    import tilth
    from tests.engine import inline
    from tilth.errors import TilthError

    sys.dont_write_bytecode = True
    os.chdir(asked.folder)
    os.umask(asked.umask)
    os.environ.update(asked.env)
    time.tzset()
    # The folder where the person is: a package of functions is found there.
    sys.path.insert(0, asked.folder)
    plain = inline.InlineEngine.run

    def watched(self: inline.InlineEngine, tasks: Iterable[Any], listen: Any) -> Iterator[Any]:
        yield from plain(self, _between(tasks, watch), listen)

    inline.InlineEngine.run = watched  # type: ignore[method-assign]
    try:
        if asked.tidy:
            tilth.open_run(asked.tidy).remove(unused=True, history=False)
            return
        how: Any = {"runs": asked.runs, "limit": asked.limit, "only": asked.only}
        tilth.run(asked.recipe, **how, progress=watch.take)
        watch.point()
        if asked.then:
            do(asked.then, Path(asked.folder))
            tilth.run(asked.recipe, **how, progress=watch.take)
    except TilthError as error:
        watch.answer.error = f"{error.code}: {error} {error.hint}"


def _between(tasks: Iterable[Any], watch: Watch) -> Iterator[Any]:
    for task in tasks:
        watch.point()
        yield task
    watch.point()


def _without_report(patch: pytest.MonkeyPatch) -> None:
    """What takes time and is looked at elsewhere: workers, the disk's, reports."""
    from tests.engine.inline import use_inline
    from tilth.api import Run

    use_inline(patch)
    patch.setattr(Run, "write_report", lambda self: self.report_path)


def _warm(modality: str) -> None:
    """Load what a run of the kind needs: a run of other data, in a folder that is gone after it."""
    import pyarrow as pa

    import tilth
    from tests.engine.modalities import write_recipe
    from tilth.recipe.operations import operations

    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recipe = write_recipe(_LIKE.get(modality, "text"), folder)
        if modality not in _LIKE:
            recipe.write_text(recipe.read_text("utf-8").partition("\npretrain:")[0], "utf-8")
        tilth.run(recipe, runs=folder / "runs", progress=False)
    for operation in operations().values():
        operation.code_version()


def main() -> None:
    """Answer until there is nothing more to answer."""
    asks, answers = sys.stdin, os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a run prints is no answer
    warm: set[str] = set()
    with pytest.MonkeyPatch.context() as patch:
        _without_report(patch)
        for line in asks:
            asked = Asked(**json.loads(line))
            if asked.modality not in warm:
                _warm(asked.modality)
                warm.add(asked.modality)
            answers.write(_in_child(asked) + "\n")
            answers.flush()


def _in_child(asked: Asked) -> str:
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        with os.fdopen(write, "w") as out:
            _answer(out, asked)
        # As a kill does: nobody is asked.
        os.kill(os.getpid(), signal.SIGKILL)
    os.close(write)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(child, signal.SIGKILL))
    signal.alarm(_LIMIT_S)
    with os.fdopen(read) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    signal.alarm(0)
    return text or json.dumps({"broken": "the run hung or crashed"})


def _answer(out: IO[str], asked: Asked) -> None:
    watch = Watch(asked, out)
    try:
        _make(asked, watch)
    except BaseException:
        with contextlib.suppress(BrokenPipeError):
            out.write(json.dumps({"broken": traceback.format_exc()}))
    else:
        watch.tell()


if __name__ == "__main__":
    main()
