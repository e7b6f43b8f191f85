"""What a disk, a clock, a source or another run does at the worst moment."""

from __future__ import annotations

import errno
import os
import random
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.failing import Calls, Fault, install
from tests.faults.trial import Calm, Child, Ended, went_on

HOWS = (
    "files of a few bytes at most",
    "a disk that is full",
    "a folder that may only be read",
    "a folder that vanishes",
    "two runs at once",
    "a source that changes while it is read",
    "a clock that jumps",
)
_JUMPS_S = (-86_400.0, -3.0, 3.0, 86_400.0 * 400)


@dataclass(frozen=True)
class Surprise:
    """One of them.

    Attributes:
        kind: Of the run.
        step: In which step.
        part: Of the processor's time that the step takes, 0 to 1; or of the room that it needs.
        how: Of `HOWS`.
    """

    kind: str
    step: str
    part: float
    how: str

    def __str__(self) -> str:
        return f"{self.how} at {100 * self.part:.1f} % of {self.step} of {self.kind}"


def drawn(seed: int, number: int, calm: Mapping[str, Calm]) -> Surprise:
    """The one of a number; all kinds of them in turn."""
    chance = random.Random(f"{seed} {number} around")
    kind = chance.choice(list(calm))
    how = HOWS[number % len(HOWS)]
    steps = calm[kind].steps
    step = steps[0] if how.startswith("a source") else chance.choice(steps)
    return Surprise(kind, step, chance.random(), how)


def tried(one: Surprise, calm: Calm) -> str:
    """Let it happen, and run again; what was wrong, mostly nothing."""
    calm.before(one.step)
    return _WAYS[one.how](one, calm)


def _limited(one: Surprise, calm: Calm) -> str:
    """No file may be larger: a write that would make it so fails, in C as well."""
    size = int(2.0 ** (4 + 12 * one.part))

    def before(_: Path) -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    # What it prints would be cut as well.
    ended = Child(calm.recipe, calm.only(one.step), before, quiet=True).wait()
    return went_on(calm, one.step, ended)


def _full(one: Surprise, calm: Calm) -> str:
    """The run is on a disk of its own, of which a part of what the step needs is free."""
    aside = calm.run.with_name("aside")
    calm.run.rename(aside)
    used = sum(path.stat().st_size for path in aside.rglob("*") if path.is_file())
    size = 2 * used + int(one.part * 300_000) + 65_536
    calm.run.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(calm.run)]
    try:
        if subprocess.run(mount, capture_output=True).returncode:
            # Who may not mount has one that says of itself that it is full.
            calm.run.rmdir()
            aside.rename(calm.run)
            return _refusing(one, calm, errno.ENOSPC)
        try:
            shutil.copytree(aside, calm.run, dirs_exist_ok=True)
            ballast = calm.run / "ballast"
            _fill(ballast, int(one.part * 60_000))
            ended = Child(calm.recipe, calm.only(one.step)).wait()
            ballast.unlink()
            shutil.rmtree(aside)
            shutil.copytree(calm.run, aside)
        finally:
            subprocess.run(["umount", str(calm.run)], check=True)
        calm.run.rmdir()
        aside.rename(calm.run)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return went_on(calm, one.step, ended)


def _fill(path: Path, free: int) -> None:
    """Write until so many bytes are free."""
    there = os.statvfs(path.parent)
    with open(path, "wb") as file:
        file.write(bytes(max(0, there.f_bavail * there.f_frsize - free)))


def _read_only(one: Surprise, calm: Calm) -> str:
    """All that would change the folder is refused, from a moment on."""
    return _refusing(one, calm, errno.EROFS)


def _refusing(one: Surprise, calm: Calm, error: int) -> str:
    count = 1 + int(one.part**3 * 200)

    def before(run: Path) -> None:
        install(Calls(Fault(count, error, lasting=True), run))

    ended = Child(calm.recipe, calm.only(one.step), before).wait()
    return went_on(calm, one.step, ended)


def _vanishing(one: Surprise, calm: Calm) -> str:
    """The run's folder is removed by somebody while it goes on."""
    child = Child(calm.recipe, calm.only(one.step))
    if child.reaches(one.step, one.part * _took(calm, one.step)):
        child.open_now()
        shutil.rmtree(calm.run)
        child.send(signal.SIGCONT)
    ended = child.wait()
    # It may have come to its end all the same, of which nothing is there.
    return went_on(calm, one.step, Ended(ended.code or 1, ended.said, ended.marks, ended.hung))


def _two(one: Surprise, calm: Calm) -> str:
    """Both wait for one another, or one says that the other goes on."""
    first = Child(calm.recipe, calm.only(one.step))
    if one.part < 0.8:
        first.reaches(one.step, one.part * _took(calm, one.step))
    second = Child(calm.recipe, calm.only(one.step))
    ends = [first.wait(), second.wait()]
    if not any(ended.code == 0 for ended in ends):
        return f"neither came to its end: {ends[0].said[-300:]} {ends[1].said[-300:]}"
    return next(filter(None, (went_on(calm, one.step, ended) for ended in ends)), "")


def _changing(one: Surprise, calm: Calm) -> str:
    """What the first source reads is another for a while, and then what it was."""
    path = next(
        path for path in sorted(calm.folder.rglob("*"))
        if path.is_file() and path.suffix in (".jsonl", ".png", ".wav", ".en")
        and "runs" not in path.parts and "whole" not in path.parts
    )  # fmt: skip
    whole = path.read_bytes()
    state = path.stat()
    child = Child(calm.recipe, calm.only(one.step))
    if child.reaches(one.step, one.part * _took(calm, one.step)):
        child.open_now()
        path.write_bytes(whole[: len(whole) // 2])
        child.send(signal.SIGCONT)
    ended = child.wait()
    path.write_bytes(whole)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    if ended.untyped or ended.hung:
        return went_on(calm, one.step, ended)
    data = calm.run / "data"
    if ended.code and "source-changed" in ended.said and any(data.glob(f"{one.step}-*/kept/*")):
        return "what it had read of a source that changed was left"
    # What another content made has an address of its own, and stays as any such.
    for other in set(data.glob(f"{one.step}-*")) - {calm.place(one.step)}:
        if not (other / "manifest.json").is_file() and any(other.rglob("*.parquet")):
            return f"left over: {other.name}"
        shutil.rmtree(other)
    return went_on(calm, one.step, Ended(ended.code, ended.said))


def _jumping(one: Surprise, calm: Calm) -> str:
    """Each third time that it is asked the clock has jumped."""
    chance = random.Random(str(one))

    def before(_: Path) -> None:
        patch = pytest.MonkeyPatch()
        plain, plain_ns = time.time, time.time_ns

        def off() -> float:
            return chance.choice(_JUMPS_S) if chance.random() < 0.3 else 0.0

        patch.setattr(time, "time", lambda: plain() + off())
        patch.setattr(time, "time_ns", lambda: plain_ns() + int(off() * 1e9))

    ended = Child(calm.recipe, calm.only(one.step), before).wait()
    if ended.code != 0:
        return f"it ended with {ended.code}: {ended.said[-600:]}"
    return went_on(calm, one.step, ended)


def _took(calm: Calm, step: str) -> float:
    return next(one.took_s for one in calm.segments if one.name == step)


_WAYS: Mapping[str, Callable[[Surprise, Calm], str]] = dict(
    zip(HOWS, (_limited, _full, _read_only, _vanishing, _two, _changing, _jumping), strict=True)
)
