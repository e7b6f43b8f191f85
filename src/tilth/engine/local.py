"""The default engine: worker processes on this machine, started when first needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import IO

from pydantic import JsonValue

from tilth import errors
from tilth.context import Progress
from tilth.engine.tasks import Reply, Task
from tilth.errors import StepError, StorageError, TilthError
from tilth.machine import num_cores

Listen = Callable[[int, float, float | None, str], None]


class _Worker:
    """One worker process; serves one task at a time.

    Attributes:
        only_for: The step whose tasks it may serve alone; None: any.
    """

    only_for: Path | None = None

    def __init__(self, log: Path, lock: int) -> None:
        environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}
        # A task has the threads that its context says, whatever a library would take by default.
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            environment.setdefault(name, str(num_cores()))
        # glibc hands large arrays back to the system after each training step and faults them in
        # again: a fifth of a small model's time.
        for name in ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"):
            environment.setdefault(name, str(4 << 30))
        # It looks for modules where this process does: not in whatever folder that stands in.
        if not {"", os.getcwd()} & set(sys.path):
            environment["PYTHONSAFEPATH"] = "1"
        with open(log, "ab") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tilth.engine.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=environment,
                pass_fds=(lock,),
                # Ctrl-C stops the engine, which then closes the workers' input.
                start_new_session=True,
            )

    def run(self, task: Task, listen: Progress) -> JsonValue:
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            stdin.write(json.dumps(task.as_json()).encode() + b"\n")
            stdin.flush()
        except BrokenPipeError:
            raise _WorkerDiedError from None
        for line in stdout:
            message = json.loads(line)
            if "progress" in message:
                listen(*message["progress"])
                continue
            reply = Reply.model_validate(message)
            if reply.is_marked:
                self.only_for = task.folder
            return _result(reply, task)
        raise _WorkerDiedError

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            _close(pipe)


def _close(pipe: IO[bytes] | None) -> None:
    if pipe is not None:
        try:
            pipe.close()
        except BrokenPipeError:
            return


class _WorkerDiedError(Exception):
    """The process is gone in the middle of a task: killed, out of memory, or crashed in C."""


def _named(task: Task) -> str:
    return f"{task.step}, {task.kind} {task.index}"


def _result(reply: Reply, task: Task) -> JsonValue:
    if reply.failure is not None:
        found = getattr(errors, reply.failure.name, StepError)
        cls: type[TilthError] = found if found is not errors.RecipeError else StepError
        raise cls(
            _from_here(reply.failure.what),
            where=_from_here(reply.failure.where) or _named(task),
            hint=reply.failure.hint,
            code=reply.failure.code,
        )
    if reply.os_error is not None:
        fault = _from_here(reply.os_error)
        raise StorageError(fault, where=_named(task), hint="run the same command again")
    if reply.crash is not None:
        error = StepError(
            f"the step failed: {_from_here(reply.crash)}",
            where=_named(task),
            hint="what was committed is kept; --debug shows the traceback",
        )
        error.add_note(reply.trace)
        raise error
    return reply.result


def _from_here(text: str) -> str:
    """With paths as the user has them: a task is told whole ones, and records are shared."""
    return text.replace(os.getcwd() + os.sep, "")


class LocalEngine:
    """Runs tasks in `num_workers` processes, in no fixed order.

    Args:
        num_workers: Processes side by side.
        log: File that takes what workers print.
        lock: Descriptor of the run folder's lock, which workers hold too.
    """

    def __init__(self, num_workers: int, log: Path, lock: int) -> None:
        self.num_workers = num_workers
        self._log = log
        self._lock = lock
        self._idle: list[_Worker] = []
        self._all: list[_Worker] = []
        self._closed = False
        self._starting, self._choosing = threading.Lock(), threading.Lock()
        self._threads = ThreadPoolExecutor(num_workers, thread_name_prefix="tilth-engine")

    def run(self, tasks: Iterable[Task], listen: Listen) -> Iterator[tuple[int, JsonValue]]:
        """Run tasks; yields (position in `tasks`, result) as they finish.

        Raises:
            TilthError: The first failure; tasks that have not begun are not run.
        """
        futures: dict[Future[JsonValue], int] = {}
        waiting = enumerate(tasks)
        try:
            while True:
                while len(futures) < self.num_workers and (following := next(waiting, None)):
                    index, task = following
                    futures[self._threads.submit(self._run_one, index, task, listen)] = index
                if not futures:
                    return
                done, _ = wait(futures, timeout=1.0, return_when=FIRST_COMPLETED)
                for future in done:
                    index = futures.pop(future)
                    yield index, future.result()
        except BaseException:
            # Workers in the middle of a task are stopped: their shards are simply not committed.
            self.close()
            raise

    def _run_one(self, index: int, task: Task, listen: Listen) -> JsonValue:
        def tell(done: float, total: float | None, note: str) -> None:
            listen(index, done, total, note)

        for attempt in (1, 2):
            worker = self._take(task) or self._start()
            try:
                result = worker.run(task, tell)
            except _WorkerDiedError:
                worker.close()
                # A worker that `close` ended is not to be replaced: nobody waits for its task.
                if self._closed:
                    raise
                self._all.remove(worker)
                if attempt == 2:
                    raise StepError(
                        "the worker process died twice on the same task",
                        where=_named(task),
                        hint="out of memory? try --workers 1; the worker's last words are in "
                        f"{self._log}",
                        code="worker-died",
                    ) from None
            except TilthError:
                self._idle.append(worker)
                raise
            else:
                self._idle.append(worker)
                return result
        raise AssertionError("unreachable")

    def _take(self, task: Task) -> _Worker | None:
        """A worker that waits; one that may serve other steps alone makes room for a new one."""
        with self._choosing:
            for worker in self._idle:
                if worker.only_for in (None, task.folder):
                    self._idle.remove(worker)
                    return worker
            unfit = self._idle.pop() if self._idle else None
        if unfit is not None:
            unfit.close()
            self._all.remove(unfit)
        return None

    def _start(self) -> _Worker:
        with self._starting:
            if self._closed:
                raise _WorkerDiedError
            worker = _Worker(self._log, self._lock)
            self._all.append(worker)
            return worker

    def close(self) -> None:
        """End the worker processes."""
        with self._starting:
            self._closed = True
        for worker in list(self._all):
            worker.close()
        self._all.clear()
        self._idle.clear()
        self._threads.shutdown(wait=False, cancel_futures=True)
