"""A run that something happens to, then the run again: what is held to an undisturbed one."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.engine.modalities import results, write_recipe
from tilth.engine.record import read_record
from tilth.errors import TilthError

LIMIT_S = 300.0
# The kinds of runs: those of the modalities, and one that trains nothing.
KINDS = ("records", "text", "images", "speech", "translation")
# What a run leaves beside what it made, and each one a little more: history, digests, logs.
_BESIDE = ("history", ".digests", "workers.log", "run.json.damaged", "__pycache__")
# The way to the report; no step.
END = "end"
# What the command says where it met an error of its own.
_UNTYPED = ("Traceback (most recent", "error[internal]")


@dataclass(frozen=True)
class Segment:
    """A step of a calm run, or its end with the report.

    Attributes:
        name: Of the step.
        cpu_s: Seconds of the processor until it began.
        took_s: That it took.
    """

    name: str
    cpu_s: float
    took_s: float


@dataclass
class Ended:
    """How a run in a process of its own ended.

    Attributes:
        code: As of `subprocess`: below zero a signal.
        said: What it printed.
        marks: Steps that it came to, with the processor's seconds by then.
        hung: Whether it had to be killed.
    """

    code: int
    said: str
    marks: list[tuple[str, float]] = field(default_factory=list)
    hung: bool = False

    @property
    def untyped(self) -> str:
        """What it said of an error that nobody expected; mostly nothing."""
        return self.said if any(word in self.said for word in _UNTYPED) else ""


class Child:
    """The command in a process that is forked; to be waited for.

    Args:
        recipe: Of the run, below whose folder `runs` is.
        only: The step to end with.
        before: Called in the process, before all else.
        workers: Whether tasks run in worker processes.
        quiet: Whether what it prints goes nowhere.
    """

    def __init__(
        self,
        recipe: Path,
        only: str | None = None,
        before: Callable[[Path], None] | None = None,
        *,
        workers: bool = False,
        quiet: bool = False,
    ) -> None:
        self.recipe = recipe
        self.run = run_of(recipe)
        self._out = recipe.with_suffix(f".{time.monotonic_ns()}.out")
        self._marks: list[tuple[str, float]] = []
        self._rest = b""
        sys.stdout.flush()
        read, write = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            code = 99
            try:
                os.close(read)
                os.setsid()
                code = self._main(write, only, before, workers=workers, quiet=quiet)
            except BaseException:
                os.write(2, traceback.format_exc().encode())
            finally:
                # As a kill does: nobody is asked.
                os._exit(code)
        os.close(write)
        self._read = read

    def _main(
        self,
        out: int,
        only: str | None,
        before: Callable[[Path], None] | None,
        *,
        workers: bool,
        quiet: bool,
    ) -> int:
        printed = os.devnull if quiet else self._out
        self._out.touch()
        file = os.open(printed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(file, 1)
        os.dup2(file, 2)
        os.chdir(self.recipe.parent)
        # What a shell starts in the background ignores Ctrl-C.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        from tests.engine.inline import use_inline
        from tilth.cli.main import main
        from tilth.engine import run as engine_run

        patch = pytest.MonkeyPatch()
        if not workers:
            use_inline(patch)
        plain = engine_run._one_step

        def mark(name: str) -> None:
            os.write(out, f"{name} {time.process_time()}\n".encode())

        def one_step(runner: Any, resolver: Any, state: Any, *given: Any, **named: Any) -> Any:
            mark(state.step.name)
            try:
                return plain(runner, resolver, state, *given, **named)
            finally:
                mark(END)

        patch.setattr(engine_run, "_one_step", one_step)
        sys.argv = ["tilth", "run", self.recipe.name, "--workers", "2" if workers else "1"]
        sys.argv += ["--only", only] if only else []
        if before is not None:
            before(self.run)
        try:
            main()
        except SystemExit as end:
            sys.stdout.flush()
            sys.stderr.flush()
            return end.code if isinstance(end.code, int) else 0
        return 0

    def _heard(self, wait_s: float) -> bool:
        """Take in what the process says next; whether it may say more."""
        if not select.select([self._read], [], [], wait_s)[0]:
            return True
        data = os.read(self._read, 1 << 16)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            name, cpu = line.decode().rsplit(" ", 1)
            self._marks.append((name, float(cpu)))
        return bool(data)

    def reaches(self, name: str, cpu_s: float, nth: int = 1) -> bool:
        """Wait until it was at a step for so many seconds of the processor; whether it came there.

        Args:
            name: Of the step, or `END`, to which it comes after each.
            cpu_s: Seconds.
            nth: The how manieth of that name.
        """
        end = time.monotonic() + LIMIT_S
        began: float | None = None
        while time.monotonic() < end:
            if began is None:
                if not self._heard(0.5):
                    return False
                found = [cpu for one, cpu in self._marks if one == name]
                began = found[nth - 1] if len(found) >= nth else None
            else:
                with contextlib.suppress(OSError):
                    if time.clock_gettime(~self.pid << 3 | 2) - began >= cpu_s:
                        return self._is_there()
                if not self._is_there():
                    return False
                time.sleep(0.0005)
        return False

    def _is_there(self) -> bool:
        found = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return found is None

    def open_now(self) -> list[str]:
        """Halt it, and say what it has open of its run's folder; SIGCONT lets it go on."""
        os.kill(self.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        found = []
        with contextlib.suppress(OSError):
            for one in Path(f"/proc/{self.pid}/fd").iterdir():
                with contextlib.suppress(OSError):
                    name = os.readlink(one)
                    if name.startswith(str(self.run)):
                        found.append(os.path.relpath(name, self.run))
        return sorted(found)

    def send(self, number: int) -> None:
        """A signal, to it alone."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def send_group(self, number: int) -> None:
        """A signal, as a terminal gives it: to all of its group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def children(self) -> list[int]:
        """The processes that it started."""
        with contextlib.suppress(OSError):
            text = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
            return [int(word) for word in text.split()]
        return []

    def wait(self) -> Ended:
        """Wait for its end."""
        end = time.monotonic() + LIMIT_S
        while time.monotonic() < end and self._heard(1.0):
            pass
        hung = self._is_there() and time.monotonic() >= end
        if hung:
            self.send(signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        os.close(self._read)
        said = self._out.read_text("utf-8", "replace")
        self._out.unlink()
        return Ended(os.waitstatus_to_exitcode(status), said, self._marks, hung)


def run_of(recipe: Path) -> Path:
    """The folder of a recipe's run."""
    return recipe.parent / "runs" / recipe.stem


class Calm:
    """An undisturbed run of a kind, what it left, and copies of it that lack steps.

    Args:
        kind: Of `KINDS`.
        folder: Empty; takes data, recipe and run.
    """

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind = kind
        self.folder = folder
        self.recipe = _write(kind, folder)
        self.run = run_of(self.recipe)
        # Once in this process, so that what it forks has loaded all that a run needs.
        _warm(self.recipe)
        shutil.rmtree(self.run)
        ended = Child(self.recipe).wait()
        if ended.code != 0:
            raise RuntimeError(f"{kind}: an undisturbed run ended with {ended.code}: {ended.said}")
        self.segments = _segments(ended.marks)
        self.wanted = results(self.run)
        self.names = left_in(self.run)
        record = read_record(self.run / "run.json")
        self.steps = [step.name for step in record.steps]
        self._folders = {step.name: step.folder for step in record.steps}

    def before(self, step: str) -> None:
        """Put the run as it is before a step: those from it on are not there, nor their cells.

        Args:
            step: Its name, or `END`: all are there.
        """
        end = time.monotonic() + LIMIT_S
        # A worker that outlives a run that was killed may write until it notices.
        while self.run.exists() and time.monotonic() < end:
            shutil.rmtree(self.run, ignore_errors=True)
        shutil.copytree(self.folder / "whole", self.run)
        later = self.steps[self.steps.index(step) :] if step != END else []
        for name in later:
            shutil.rmtree(self.run / "data" / self._folders[name])
        if later and any(self._is_grid(name) for name in later):
            shutil.rmtree(self.run / "cells", ignore_errors=True)

    def keep(self) -> None:
        """Keep the run as it is, for `before`."""
        shutil.copytree(self.run, self.folder / "whole")

    def _is_grid(self, name: str) -> bool:
        return name in ("transfer", "value")

    def place(self, step: str) -> Path:
        """The folder of what a step made."""
        return self.run / "data" / self._folders[step]

    def only(self, step: str) -> str | None:
        """What `--only` takes to end with a step."""
        return None if step in (END, self.steps[-1]) else step

    def differs(self, step: str) -> str:
        """What of the run is not as an undisturbed one left it, up to a step; mostly nothing."""
        until = self.steps if step == END else self.steps[: self.steps.index(step) + 1]
        folders = {self._folders[name] for name in until}
        wanted = {k: v for k, v in self.wanted.items() if Path(k).parts[1] in folders}
        found = results(self.run)
        if other := sorted(k for k in {*wanted, *found} if wanted.get(k) != found.get(k)):
            return f"not as of an undisturbed run: {', '.join(other[:4])}"
        if more := sorted(left_in(self.run) - self.names):
            return f"left over: {', '.join(more[:4])}"
        try:
            status = read_record(self.run / "run.json").status
        except (OSError, TilthError) as error:
            return f"its record cannot be read: {error}"
        return "" if status.startswith("done") else f"its record says `{status}`"


def _segments(marks: Sequence[tuple[str, float]]) -> list[Segment]:
    """Of each step; the end of the last one lasts as long as a report takes."""
    found = []
    for (name, cpu), (_, until) in zip(marks[::2], marks[1::2], strict=True):
        found.append(Segment(name, cpu, until - cpu))
    return [*found, Segment(END, marks[-1][1], 0.2)]


def left_in(run: Path) -> set[str]:
    """All files and folders of a run by path, but those of which each run leaves more."""
    found = set()
    for path in run.rglob("*"):
        name = path.relative_to(run)
        if not any(part in _BESIDE for part in name.parts):
            found.add(str(name))
    return found


def _write(kind: str, folder: Path) -> Path:
    recipe = write_recipe("text" if kind == "records" else kind, folder)
    if kind == "records":
        text = recipe.read_text("utf-8").partition("\npretrain:")[0] + "\n"
        recipe.unlink()
        recipe = folder / "records.yaml"
        recipe.write_text(text.replace("name: text\n", "name: records\n"), "utf-8")
    return recipe


def _warm(recipe: Path) -> None:
    """Load what a run needs, by a run in this process."""
    import pyarrow as pa

    import tilth
    from tests.engine.inline import use_inline
    from tilth.recipe.operations import operations

    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    with pytest.MonkeyPatch.context() as patch:
        use_inline(patch)
        patch.chdir(recipe.parent)
        run = tilth.run(recipe, runs=recipe.parent / "runs", progress=False)
        run.write_report()
    for operation in operations().values():
        operation.code_version()


@contextlib.contextmanager
def calm_runs(kinds: Sequence[str], folder: Path) -> Iterator[dict[str, Calm]]:
    """An undisturbed run of each kind, below a folder."""
    found = {}
    for kind in kinds:
        place = folder / kind
        place.mkdir(parents=True)
        found[kind] = Calm(kind, place)
        found[kind].keep()
    yield found


def went_on(calm: Calm, step: str, ended: Ended) -> str:
    """Run again after something happened; what is wrong with either run, mostly nothing.

    Args:
        calm: The undisturbed run, in whose place it happened.
        step: The step that both end with.
        ended: How the first one ended.
    """
    if ended.hung:
        return "it hung"
    if ended.untyped:
        return f"an error that is none of Tilth's: {ended.untyped[-600:]}"
    if ended.code == 0:
        with contextlib.suppress(OSError, TilthError):
            status = read_record(calm.run / "run.json").status
            if not status.startswith("done"):
                return f"it ended as done, and its record says `{status}`"
    again = Child(calm.recipe, calm.only(step)).wait()
    if again.hung or again.untyped or again.code != 0:
        return f"the run after it ended with {again.code}: {again.said[-600:]}"
    return calm.differs(step)
